//! Input that can't work, as a user meets it: exit code 3, one message that
//! says what is wrong where and what to do, and nothing is left behind.
//!
//! `ALPHALAB_SOAK=1` has a table of `ALPHALAB_SOAK_MIB` MiB (1024, if that is
//! absent) explored as well.

#[path = "support/python.rs"]
mod python;
#[path = "support/room.rs"]
mod room;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use insta::assert_snapshot;
use python::agents_python;
use room::Room;
use support::fixtures;

/// A table from which no task follows.
fn notes() -> String {
    let mut table = "id,note\n".to_owned();
    for row in 1..=60_u32 {
        let place = row * 7919 % 1000;
        writeln!(
            table,
            "{row},a rather long note number {row} about the weather at sea mark {place}"
        )
        .expect("writes");
    }
    table
}

/// A table with something to predict.
fn houses() -> String {
    let mut table = "size,rooms,price\n".to_owned();
    for row in 0..120_u32 {
        let (size, rooms) = (40 + row * 7 % 90, 1 + row % 5);
        let price = 1000 * size + 501 * rooms + row % 13;
        writeln!(table, "{size}.5,{rooms},{price}").expect("writes");
    }
    table
}

#[test]
fn an_unknown_model() {
    let room = Room::new();
    assert_snapshot!(room.refused(&["--model", "gpt"]));
    assert_snapshot!(room.refused(&["--model", "anthropic:"]));
    assert_snapshot!(room.refused(&["--model", "compatible:localhost:llama3"]));
}

#[test]
fn a_missing_key() {
    let room = Room::new();
    assert_snapshot!(room.refused(&["--model", "anthropic:claude-sonnet-4-6"]));
}

#[test]
fn data_that_does_not_exist() {
    let room = Room::new();
    assert_snapshot!(room.refused(&["--data", "rows.csv"]));
}

#[test]
fn an_empty_dataset() {
    if agents_python().is_none() {
        return;
    }
    let room = Room::new();
    room.write("empty.csv", "");
    room.write("header.csv", "size,rooms,price\n");
    fs::create_dir(room.path("folder")).expect("a folder");
    let wanted = ["--objective", "Predict price with the smallest RMSE"];
    for data in ["empty.csv", "header.csv", "folder"] {
        let said = room.refused(&[&["--data", data], &wanted[..]].concat());
        assert_snapshot!(format!("empty_{data}"), said);
    }
}

#[test]
fn binary_garbage_under_the_name_of_a_table() {
    if agents_python().is_none() {
        return;
    }
    let room = Room::new();
    let garbage: Vec<u8> = (0..40_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    room.write("garbage.csv", garbage);
    assert_snapshot!(room.refused(&["--data", "garbage.csv", "--objective", "Predict price"]));
}

#[test]
fn an_objective_without_a_metric() {
    if agents_python().is_none() {
        return;
    }
    let room = Room::new();
    room.write("notes.csv", notes());
    let until = ["--data", "notes.csv", "--until", "phase2"];
    let wanted = ["--objective", "Make it good"];
    assert_snapshot!(room.refused(&[&until[..], &wanted].concat()));
    assert_snapshot!(room.refused(&until));
}

#[test]
fn a_direction_that_its_metric_denies() {
    if agents_python().is_none() {
        return;
    }
    let room = Room::new();
    room.write("houses.csv", houses());
    let objective = "Predict price, maximise the RMSE";
    assert_snapshot!(room.refused(&["--data", "houses.csv", "--objective", objective]));
}

#[test]
fn an_adapter_that_can_not_be_used() {
    let room = Room::new();
    assert_snapshot!(room.refused(&["--adapter", "cuda-kernel"]));
    room.adapter("adapter");
    fs::remove_file(room.path("adapter/phase3_fixer.md")).expect("a file");
    assert_snapshot!(room.refused(&["--adapter", "./adapter"]));
    room.adapter("other");
    let template = "# Strategist\n\nImprove {{ objektive }}.\n";
    room.write("other/phase3_strategist.md", template);
    assert_snapshot!(room.refused(&["--adapter", "./other"]));
    assert_snapshot!(room.refused(&["--adapter", "./nowhere"]));
}

#[test]
fn a_directory_that_can_not_be_made() {
    let room = Room::new();
    room.write("notes.txt", "mine\n");
    room.write("full/notes.txt", "mine\n");
    let adapter = fixtures().join("adapter").to_string_lossy().into_owned();
    for dir in ["notes.txt/campaign", "notes.txt", "full"] {
        let said = room.refused(&["--adapter", &adapter, "--dir", dir]);
        assert_snapshot!(format!("dir_{}", dir.replace(['/', '.'], "_")), said);
    }
    // Whoever runs this, the kernel's own folders take no others.
    let said = room.refused(&["--adapter", &adapter, "--dir", "/proc/self/campaign"]);
    assert!(said.contains("/proc"), "{said}");
    assert_eq!(
        fs::read_to_string(room.path("notes.txt")).expect("a file"),
        "mine\n"
    );
}

#[test]
fn no_python_for_agents() {
    let room = Room::new();
    room.write("houses.csv", houses());
    fs::create_dir(room.path("venv")).expect("a folder");
    let venv = room.path("venv").to_string_lossy().into_owned();
    let arguments = ["--data", "houses.csv", "--objective", "Predict price"];
    let said = room.refused_with(&arguments, &[("ALPHALAB_AGENT_VENV", &venv)]);
    assert_snapshot!(said);
}

#[test]
fn a_phase_that_there_is_not_is_a_matter_of_usage() {
    let room = Room::new();
    let (code, said) = room.run(&["--until", "phase9"], &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("phase9") && said.contains("phase3"), "{said}");
    room.is_as_it_was();
}

/// Long: a table far larger than the memory that exploring it may take.
#[test]
fn a_table_larger_than_memory_is_explored_in_little_of_it() {
    if std::env::var_os("ALPHALAB_SOAK").is_none() {
        println!("skipped: a table of a GiB takes minutes; ALPHALAB_SOAK=1 asks for it");
        return;
    }
    if agents_python().is_none() {
        return;
    }
    let mib: u64 = std::env::var("ALPHALAB_SOAK_MIB")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1024);
    let room = Room::new();
    let file = fs::File::create(room.path("large.csv")).expect("a file");
    let mut file = std::io::BufWriter::with_capacity(1 << 20, file);
    writeln!(file, "row,a,b,c,d,e,f,label,target").expect("writes");
    let (mut written, mut row, mut state) = (0_u64, 0_u64, 5_u64);
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    while written < mib << 20 {
        let line = format!(
            "{row},{:.5},{:.5},{:.4},{:.3},{:.2},{:.1},class-{},{:.0}\n",
            draw(),
            draw() * 10.0,
            draw() * 100.0,
            draw() * 1e3,
            draw() * 1e4,
            draw(),
            row % 7,
            draw() * 1e4
        );
        file.write_all(line.as_bytes()).expect("writes");
        written += line.len() as u64;
        row += 1;
    }
    file.into_inner().expect("writes");
    let wanted = "Predict target with the smallest RMSE";
    let used = room.explore("large.csv", wanted);
    println!(
        "{mib} MiB, {row} rows: {:.0} s, alphalab {} MiB, all of it at once {} MiB",
        used.took.as_secs_f64(),
        used.own_kib >> 10,
        used.tree_kib >> 10
    );
    assert!(used.own_kib < 150 << 10, "alphalab: {} KiB", used.own_kib);
    assert!(used.tree_kib < 1 << 20, "the tree: {} KiB", used.tree_kib);
}
