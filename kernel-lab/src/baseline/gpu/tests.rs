//! What is said to torch's process, with a real torch on the processor: its times are thrown away.

use super::*;

/// A process on the processor, of the environment with torch that tests are run with.
pub(crate) fn on_processor() -> Process {
    let venv = std::env::var_os("ALPHALAB_VENV");
    let venv = PathBuf::from(venv.expect("`ALPHALAB_VENV`: run `cargo xtask setup` first"));
    let python = Python {
        program: venv.join("bin/python"),
        cache: std::env::temp_dir().join("alphalab-test-inductor"),
        cpus: vec![0],
    };
    Process::start(&python, On::Processor, None).expect("torch's process")
}

const TASK: &str = "
import torch
ROWS = 100
COLS = 3

class Model(torch.nn.Module):
    def __init__(self, cols):
        super().__init__()
        self.line = torch.nn.Linear(cols, 2)

    def forward(self, x, scale):
        return self.line(x) * scale

def get_inputs():
    return [torch.rand(ROWS, COLS), 2.0]

def get_init_inputs():
    return [COLS]
";

fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks();
    values
        .iter()
        .map(|value| f32::from_le_bytes(*value))
        .collect()
}

fn block(work: Work, counted: &[usize]) -> Block {
    Block {
        work,
        warm: vec![0],
        warm_ms: 1.0,
        counted: counted.to_vec(),
        flush: true,
        limit_ms: 1e4,
    }
}

#[test]
fn a_model_has_the_labs_parameters_and_values_and_says_where_it_computes() {
    let mut process = on_processor();
    assert_eq!(process.told().uuid, None);
    assert!(!process.told().tf32);
    let path = process.put("task.py", TASK.as_bytes()).expect("a task");
    let model = json!({
        "path": path, "overrides": {"ROWS": 2}, "seed": u64::MAX, "slots": 3, "modes": [EAGER, "no-such-mode"],
    });
    let (weight, bias) = (bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), bytes(&[0.5, -0.5]));
    let params = [("line.weight", weight.as_slice()), ("line.bias", &bias)];
    let made = process.load_model(&model, &params).expect("loaded");
    assert_eq!(made[0].mode, EAGER);
    assert!(
        made[0].error.is_none() && made[0].first_ms.is_some(),
        "{made:?}"
    );
    assert!(made[1].error.is_some(), "{made:?}");

    // Each slot has values of its own.
    process
        .fill(1, &[&bytes(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])])
        .expect("filled");
    process
        .fill(2, &[&bytes(&[0.0, 0.0, 1.0, 0.0, 0.0, 0.0])])
        .expect("filled");
    let answer = |process: &mut Process, slot| {
        floats(&process.answer(EAGER, slot, 1).expect("an answer")[0])
    };
    assert_eq!(answer(&mut process, 1), [3.0, 7.0, 5.0, 9.0]);
    assert_eq!(answer(&mut process, 2), [7.0, 11.0, 1.0, -1.0]);

    let slots = |samples: &[Sample]| samples.iter().map(|sample| sample.slot).collect::<Vec<_>>();
    let samples = process
        .time(Calls::Of(EAGER), &block(Work::Plan, &[2, 1]))
        .expect("samples");
    assert_eq!(slots(&samples), [2, 1]);
    assert!(
        samples
            .iter()
            .all(|sample| sample.event_ns > 0.0 && sample.wall_ns >= sample.event_ns)
    );
    let copies = block(Work::Copy { bytes: 1000 }, &[1, 2, 3]);
    assert_eq!(
        slots(&process.time(Calls::Copies, &copies).expect("copies")),
        [1, 2, 3]
    );

    // What goes wrong is said, and the process is still there.
    let error = process.fill(1, &[&[0; 5]]).expect_err("too few bytes");
    assert!(error.to_string().contains("5 bytes"), "{error}");
    let error = process
        .time(Calls::Of("default"), &block(Work::Plan, &[1]))
        .expect_err("no model");
    assert!(error.to_string().contains("default"), "{error}");
    assert_eq!(answer(&mut process, 1), [3.0, 7.0, 5.0, 9.0]);

    // A lab that has a GPU takes nothing from here.
    process.on = On::Gpu("0".to_owned());
    let error = process
        .time(Calls::Of(EAGER), &block(Work::Plan, &[1]))
        .expect_err("times of a processor");
    assert!(
        error
            .to_string()
            .contains("answers for `cpu`, and `cuda` was asked for"),
        "{error}"
    );
}

#[test]
fn a_gpu_that_torch_does_not_find_is_said_with_what_it_needs() {
    let venv = std::env::var_os("ALPHALAB_VENV");
    let venv = PathBuf::from(venv.expect("`ALPHALAB_VENV`: run `cargo xtask setup` first"));
    let python = Python {
        program: venv.join("bin/python"),
        cache: std::env::temp_dir(),
        cpus: vec![0],
    };
    // Of no machine: there is no such GPU.
    let error = Process::start(&python, On::Gpu("GPU-0".to_owned()), None).expect_err("no GPU");
    assert!(error.is_input(), "{error}");
    assert!(error.to_string().contains("finds no GPU"), "{error}");
}
