//! The real program, with the real NVRTC where a test has CUDA C++. Where
//! there is none, such a test is skipped and a line says so; with
//! `ALPHALAB_REQUIRE_SYSTEM=1` that is a failure.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use kernel_nvrtc::{Places, Toolchain};
use serde_json::Value;

/// Whether there is an NVRTC.
fn can_compile() -> bool {
    let found = Toolchain::find(&Places::read(|name| std::env::var_os(name)));
    found.map_err(|error| skip(&error)).is_ok()
}

fn skip(why: &dyn Display) {
    let required = std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|set| set == "1");
    assert!(!required, "{why}");
    println!("skipped: {why}");
}

fn example(name: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    examples.join(name)
}

/// What the program said and how it ended, with the path of `file` cut short.
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Said {
    /// All of it, as a snapshot shows it.
    fn all(&self) -> String {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        format!("exit code {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }
}

fn run(command: &str, file: &Path, arguments: &str) -> Said {
    #[expect(clippy::disallowed_methods, reason = "a test drives the real binary")]
    let mut program = Command::new(env!("CARGO_BIN_EXE_cuda-sim"));
    let output = program
        .arg(command)
        .arg(file)
        .args(arguments.split_whitespace())
        .output()
        .expect("the program starts");
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let lines = text
            .lines()
            .filter(|line| !line.contains("runs as the calling user"));
        let lines: String = lines.flat_map(|line| [line, "\n"]).collect();
        lines.replace(&*file.to_string_lossy(), &name)
    };
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// PTX in a file of its own.
fn ptx(folder: &Path, body: &str) -> PathBuf {
    let path = folder.join("kernel.ptx");
    let text = format!(".version 8.3\n.target sm_80\n.address_size 64\n{body}");
    fs::write(&path, text).expect("PTX can be written");
    path
}

const TWICE: &str = ".visible .entry twice(.param .u64 x, .param .f32 a) {
    .reg .b32 %r<4>;
    .reg .b64 %rd<4>;
    ld.param.u64 %rd1, [x];
    ld.param.f32 %r3, [a];
    mov.u32 %r1, %tid.x;
    mad.wide.u32 %rd2, %r1, 4, %rd1;
    ld.global.f32 %r2, [%rd2];
    mul.f32 %r2, %r2, %r3;
    st.global.f32 [%rd2], %r2;
    ret;
}
";

#[test]
fn a_missing_barrier_is_shown_at_its_line() {
    if !can_compile() {
        return;
    }
    let arguments = "--grid 2 --block 256 --deterministic \
                     --arg x=f32[2x512]:randn y=f32[2] columns=i32:512";
    let said = run("check", &example("row_sum.cu"), arguments);
    assert_snapshot!(said.all());
}

#[test]
fn an_access_beyond_the_end_is_shown_with_its_buffer() {
    if !can_compile() {
        return;
    }
    let arguments = "--kernel smooth<float> --grid 4 --block 256 --deterministic \
                     --arg x=f32[1000]:randn y=f32[1000] n=i32:1000";
    let said = run("check", &example("stencil.cu"), arguments);
    assert_snapshot!(said.all());
}

#[test]
fn shared_memory_that_nobody_wrote_is_shown() {
    if !can_compile() {
        return;
    }
    let arguments = "--grid 2 --block 128 --deterministic \
                     --arg data=u8[4096]:below:256 counts=u32[256]:zeros n=i32:4096";
    let said = run("check", &example("histogram.cu"), arguments);
    assert_snapshot!(said.all());
}

#[test]
fn a_right_kernel_is_clean_and_its_numbers_are_right() {
    if !can_compile() {
        return;
    }
    let arguments = "--grid 4 --block 256 \
                     --arg n=i32:1000 a=f32:2 x=f32[1000]:iota y=f32[1000]:ones --out y";
    let said = run("run", &example("saxpy.cu"), arguments);
    assert_snapshot!(said.all());
    let said = run("check", &example("saxpy.cu"), arguments);
    assert_eq!(said.code, 0, "{}", said.all());
}

#[test]
fn several_kernels_are_listed_if_the_name_is_not_enough() {
    if !can_compile() {
        return;
    }
    let said = run("run", &example("stencil.cu"), "--kernel smooth");
    assert_snapshot!(said.all());
    let said = run("load", &example("stencil.cu"), "--arch sm_90a");
    assert_snapshot!(said.all());
}

#[test]
fn a_source_that_does_not_compile_is_refused() {
    if !can_compile() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.cu");
    fs::write(&path, "__global__ void k(float* x) {\n    x[0] = y;\n}\n").unwrap();
    let said = run("load", &path, "");
    assert_snapshot!(said.all());
    let said = run("load", &path, "--json");
    assert_eq!(said.code, 3);
    assert_eq!(said.json()["ok"], false);
}

#[test]
fn what_can_not_be_simulated_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let body = ".visible .entry k() {\n    .reg .b32 %r<2>;\n    frobnicate.f32 %r0, %r1;\n    \
                mov.b32 %r0, 1;\n    ret;\n}\n";
    let path = ptx(folder.path(), body);
    let said = run("load", &path, "");
    assert_snapshot!(said.all());
    let said = run("opcodes", &path, "");
    assert_snapshot!(said.all());
    let said = run("opcodes", &path, "--json").json();
    assert_eq!(said["schema"], 1);
    assert_eq!(said["opcodes"][0]["opcode"], "frobnicate.f32");
    assert_eq!(said["opcodes"][0]["known"], false);
    assert_eq!(said["opcodes"][1]["known"], true);
}

#[test]
fn ptx_is_run_and_shown_by_its_own_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = ptx(folder.path(), TWICE);
    let said = run(
        "run",
        &path,
        "--block 9 --arg x=f32[8]:ones a=f32:3 --out x",
    );
    assert_snapshot!(said.all());
}

#[test]
fn arguments_that_do_not_fit_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = ptx(folder.path(), TWICE);
    for (arguments, expected) in [
        (
            "--arg x=f32[8]",
            "1 --arg given, and `twice(.u64, .f32)` takes 2",
        ),
        (
            "--arg x=f32[8] a=i32:3",
            "argument 2 (`a`) of `twice(.u64, .f32)` is i32, and the kernel takes .f32 there",
        ),
        (
            "--arg x=f32[8] a=f64:3",
            "argument 2 (`a`) of `twice(.u64, .f32)` has 8 bytes, and the kernel takes 4 there: .f32",
        ),
        (
            "--arg x=f32[8] a=f32[8]",
            "argument 2 (`a`) of `twice(.u64, .f32)` is a buffer, and the kernel takes a number \
             there: .f32",
        ),
        (
            "--arg x=f32[8] x=f32:1",
            "argument 2 (`x`) of `twice(.u64, .f32)` has the name of another one",
        ),
        (
            "--arg x=&y a=f32:1",
            "argument 1 (`x`) of `twice(.u64, .f32)` is the memory of `y`, which is no buffer \
             before it",
        ),
        (
            "--arg x=f32[99999999999999999999] a=f32:1",
            "--arg x=f32[99999999999999999999]: `99999999999999999999` is no size",
        ),
        (
            "--arg x=f32[4000000000x4000000000] a=f32:1",
            "argument 1 (`x`) of `twice(.u64, .f32)` is larger than this machine's memory",
        ),
        ("--kernel thrice", "no kernel `thrice`; there are:\n  twice"),
        (
            "--block 2000 --arg x=f32[8] a=f32:1",
            "`twice(.u64, .f32)` can't be launched so: the block is 2000, at most 1024 is possible",
        ),
        (
            "--arg x=f32[8]:ones a=f32:1 --out y",
            "no argument `y` that is a buffer; there are: x",
        ),
        ("--arg x=@missing.npy a=f32:1", "failed to read missing.npy"),
    ] {
        let said = run("run", &path, arguments);
        assert_eq!(said.code, 3, "{arguments}: {}", said.all());
        let expected = format!("cuda-sim: {expected}");
        assert!(
            said.stderr.starts_with(&expected),
            "{arguments}: {}",
            said.all()
        );
        assert_eq!(said.stdout, "");
    }
}

#[test]
fn files_that_are_not_there_or_no_text_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["run", "check", "load", "opcodes"] {
        let said = run(command, &folder.path().join("missing.cu"), "");
        assert_eq!(said.code, 3, "{}", said.all());
        assert!(
            said.stderr
                .starts_with("cuda-sim: failed to read missing.cu: "),
            "{}",
            said.all()
        );
        let path = folder.path().join("binary.ptx");
        fs::write(&path, [0xff, 0xfe, 0, 1]).unwrap();
        let said = run(command, &path, "");
        assert_eq!(
            (said.code, said.stderr.as_str()),
            (3, "cuda-sim: binary.ptx is no text\n")
        );
    }
    assert_eq!(run("run", Path::new("x.ptx"), "--grid nothing").code, 2);
}

#[test]
fn buffers_go_to_files_and_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = ptx(folder.path(), TWICE);
    let kept = folder.path().join("x.npy");
    let arguments = format!(
        "--block 8 --arg x=f32[2x4]:iota a=f32:3 --out x=@{}",
        kept.display()
    );
    let said = run("run", &path, &arguments);
    assert_eq!(said.code, 0, "{}", said.all());
    let bytes = fs::read(&kept).unwrap();
    let numbers: Vec<f32> = bytes[bytes.len() - 32..]
        .chunks(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect();
    assert_eq!(numbers, [0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0]);

    // The file is a buffer too, with its own type and shape.
    let compare = |factor: &str| {
        let file = kept.display();
        let arguments = format!("--block 8 --arg x=@{file} a=f32:{factor} --expect x=@{file}");
        run("run", &path, &arguments)
    };
    assert_snapshot!(compare("1").all());
    assert_snapshot!(compare("2").all());
}

#[test]
fn the_document_of_a_check_names_places_and_buffers() {
    let folder = tempfile::tempdir().unwrap();
    let path = ptx(folder.path(), TWICE);
    let arguments = "--block 9 --arg x=f32[8]:ones a=f32:3 --out x --json";
    let said = run("check", &path, arguments);
    assert_eq!(said.code, 10, "{}", said.all());
    let mut document = said.json();
    document["file"] = "kernel.ptx".into();
    insta::assert_json_snapshot!(document);
}

#[test]
fn what_is_counted_has_a_modelled_cost_and_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = ptx(folder.path(), TWICE);
    let arguments = "--grid 2 --block 64 --arg x=f32[64]:ones a=f32:3 --counters";
    // Two blocks change the same numbers: no race is looked for here.
    let said = run("run", &path, arguments);
    assert_eq!(said.code, 0, "{}", said.all());
    for line in [
        "  warp_instructions                      32\n",
        "  global_loads_bytes                    512\n",
        "; registers unknown\n  A100: modelled ",
        ", not measured\n",
    ] {
        assert!(said.stderr.contains(line), "{line:?}: {}", said.all());
    }
    let document = run("run", &path, &format!("{arguments} --device h100 --json")).json();
    let model = &document["model"];
    assert_eq!(model["device"], "H100");
    // Four warps of 32 lanes, each with four sectors to read.
    assert_eq!(model["counters"]["global_loads"], 4);
    assert_eq!(model["counters"]["global_loads_sectors"], 16);
    assert_eq!(model["counters"]["read_footprint"], 256);
    assert!(model["modelled_cost"]["modelled_microseconds"].is_f64());
}

#[test]
fn the_blocks_of_a_cooperative_launch_wait_for_each_other() {
    if !can_compile() {
        return;
    }
    let arguments = "--kernel meet --grid 4 --block 64 --arg x=i32[4] y=i32[4] --out y";
    let path = example("grid_sync.cu");
    let said = run("check", &path, &format!("{arguments} --cooperative"));
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(said.stdout.contains("\n  6 6 6 6\n"), "{}", said.all());
}

#[test]
fn what_a_kernel_prints_goes_to_stdout() {
    if !can_compile() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hello.cu");
    let source = "#include <cstdio>\n__global__ void hello() { printf(\"hello from %d\\n\", threadIdx.x); }\n";
    fs::write(&path, source).unwrap();
    let said = run("run", &path, "--block 2");
    assert_eq!(
        said.stdout,
        "hello from 0\nhello from 1\n",
        "{}",
        said.all()
    );
    assert!(
        said.stderr.starts_with("hello(): nothing found"),
        "{}",
        said.all()
    );
}

#[test]
fn the_table_of_opcodes_has_known_and_unknown_forms() {
    let said = run("opcodes", Path::new("--json"), "");
    let document = said.json();
    let forms = document["forms"].as_array().unwrap();
    let count = |known: bool| forms.iter().filter(|form| form["known"] == known).count();
    assert!(
        count(true) > 500 && count(false) > 0,
        "{} {}",
        count(true),
        count(false)
    );
}
