//! Tasks without sizes of their own: halved until they are small enough, kept,
//! and pinned by a table.

mod environment;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod worker;

use std::ffi::OsStr;
use std::path::Path;

use protocol::{Operation, ReplyBody};

/// 4 GiB of input, and as many targets as columns, so that neither can be halved
/// alone.
const LARGE: &str = "
import torch
import torch.nn as nn
batch_size = 32768
input_shape = (32768,)
kernel_size = (31,)
height = width = 20
class Model(nn.Module):
    def forward(self, x, y):
        return torch.relu(x * y)
def get_inputs():
    return [torch.rand(batch_size, *input_shape), torch.rand(batch_size)]
";

fn inspect(worker: &mut worker::Worker, task: &Path) -> Result<(String, Vec<i64>), String> {
    const NAMES: [&str; 5] = [
        "batch_size",
        "input_shape[0]",
        "kernel_size[0]",
        "height",
        "width",
    ];
    let task = task.to_string_lossy().into_owned();
    match worker.ask(Operation::Inspect { task }) {
        ReplyBody::Inspected(inspection) => {
            let constants = &inspection.facts["constants"];
            let size = inspection.facts["size"].as_str().unwrap_or_default();
            let values = NAMES.map(|name| constants[name].as_i64().unwrap_or_default());
            Ok((size.to_owned(), values.to_vec()))
        }
        ReplyBody::Error(error) => Err(error.message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_large_task_is_halved_once_and_can_be_pinned() {
    let dir = tempfile::tempdir().unwrap();
    // A name of its own, because sizes are kept by name and content.
    let name = format!("23_large_{}", std::process::id());
    let task = dir.path().join(format!("{name}.py"));
    std::fs::write(&task, LARGE).unwrap();

    let mut first = worker::start_on(dir.path());
    first.line();
    let (size, values) = inspect(&mut first, &task).unwrap();
    assert_eq!(size, "auto");
    // Together, and below the limit of bytes of any machine that this runs on.
    assert_eq!(values[0], values[1]);
    let halved = (8..32768).contains(&values[0]) && values[0].count_ones() == 1;
    assert!(halved, "{values:?}");
    assert_eq!(values[2..], [31, 20, 20]);
    drop(first);

    // The sizes of another process are the same, whatever the machine does meanwhile.
    let mut again = worker::start_on(dir.path());
    again.line();
    assert_eq!(inspect(&mut again, &task), Ok((size, values)));
    drop(again);

    let table = dir.path().join("sizes.toml");
    let pinned = |text: &str| {
        std::fs::write(&table, text).unwrap();
        let arguments = [OsStr::new("--sizes"), table.as_os_str()];
        let mut worker = worker::start_with(dir.path(), &arguments);
        worker.line();
        inspect(&mut worker, &task)
    };
    let text = format!("[{name}.cpu]\nbatch_size = 48\n\"input_shape[0]\" = 48\nwidth = 7\n");
    let values = vec![48, 48, 31, 7, 7];
    assert_eq!(pinned(&text), Ok(("table".to_owned(), values)));
    let error = pinned(&format!("[{name}.cpu]\nbath_size = 48\n")).unwrap_err();
    for word in ["sizes.toml", "bath_size", &name] {
        assert!(error.contains(word), "{error}");
    }
}
