//! Every attack of the example `escapes`, under every backend, as root and as
//! a normal user: one test per attack.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

fn escapes(arguments: &[&str]) -> Output {
    // Tests lie in `deps`, beside which Cargo puts `examples`.
    let own = std::env::current_exe().unwrap();
    let program: PathBuf = own.ancestors().nth(2).unwrap().join("examples/escapes");
    #[expect(
        clippy::disallowed_methods,
        reason = "the table must run outside of any sandbox"
    )]
    let mut command = std::process::Command::new(program);
    command.args(arguments).output().unwrap()
}

fn held(case: &str) {
    let output = escapes(&["--json", case]);
    let said = String::from_utf8_lossy(&output.stderr);
    let document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let rows = document["rows"].as_array().unwrap();
    assert!(rows.len() >= 3, "{case}: {document:#}");
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        match text("verdict").as_str() {
            "held" => {}
            "skipped" => {
                println!(
                    "skipped: {case}, {}, {}: {}",
                    text("backend"),
                    text("user"),
                    text("reason")
                );
                assert!(
                    std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_none()
                        || text("backend") == "any",
                    "{row:#}"
                );
            }
            _ => panic!("{row:#}"),
        }
    }
}

macro_rules! attacks {
    ($($case:ident)*) => {
        $(#[test]
        fn $case() {
            held(stringify!($case));
        })*

        /// No attack of the table is left out.
        #[test]
        fn every_attack_has_a_test() {
            let listed = String::from_utf8(escapes(&["--list"]).stdout).unwrap();
            let listed: Vec<_> = listed
                .lines()
                .filter_map(|line| line.split_whitespace().next())
                .collect();
            assert_eq!(listed, [$(stringify!($case)),*]);
        }
    };
}

attacks! {
    read_system
    read_home
    read_beside
    read_dotdot
    read_evaluation
    read_hidden
    write_outside
    symlink_out
    hardlink_out
    write_git
    write_data
    write_evaluation
    devices
    plant
    setuid_program
    become_root
    capabilities
    mounts
    kernel_surface
    other_tables
    terminal
    signal_outside
    trace_outside
    proc_outside
    environment
    descriptors
    network_tcp
    network_udp
    network_abstract
    network_unix
    network_other
    orphan
    orphan_output
    ignore_signals
    stop
    fork_bomb
    memory_one
    memory_many
    memory_shared
    memory_files
    memory_folders
    disk_sparse
    disk_real
    disk_nameless
    disk_files
    disk_deep
    output_flood
    output_limit
    burn
    burn_children
}
