//! Calls: eager, compiled, in float64, and what comes back.

use anyhow::Result;
use torch_bridge::tch::Kind;
use torch_bridge::{CompileMode, PyFault, Value, elements};

use crate::{Case, Lab, eager};

pub(crate) const CASES: &[Case] = &[
    ("calls::outputs_are_flattened", flattened),
    ("calls::outputs_of_other_types", other_outputs),
    ("calls::no_gradients_and_eval", inference),
    ("calls::outputs_are_freed_at_once", freed),
    ("calls::float64_truth", float64),
    ("calls::compiled_is_the_same", compiled),
];

fn flattened(lab: &Lab) -> Result<()> {
    let task = lab.model(
        "nested",
        "pass",
        "return x, [(x + 1, x + 2)], (x + 3).expand(2, 3).t()",
        "torch.zeros(3)",
    )?;
    let outputs = eager(&task.model(0)?, &task.inputs(0)?)?;
    let first: Vec<f32> = outputs
        .iter()
        .map(|tensor| Ok(elements::<f32>(tensor)?[0]))
        .collect::<Result<_>>()?;
    assert_eq!(first, [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(outputs[3].size(), [3, 2]);
    Ok(())
}

fn other_outputs(lab: &Lab) -> Result<()> {
    let task = lab.model("mixed", "pass", "return x, (x, 'text')", "torch.zeros(3)")?;
    let call = task.model(0)?.callable().bind(&task.inputs(0)?)?;
    let error = call.call()?.tensors().expect_err("a string is no tensor");
    assert_eq!(
        error.to_string(),
        "output[1][1] is a `str` where a tensor was expected"
    );
    Ok(())
}

fn inference(lab: &Lab) -> Result<()> {
    let task = lab.model(
        "inference",
        "self.fc = nn.Linear(4, 4)",
        "assert not torch.is_grad_enabled() and not self.training\n        return self.fc(x)",
        "torch.zeros(2, 4)",
    )?;
    let outputs = eager(&task.model(0)?, &task.inputs(0)?)?;
    assert!(!outputs[0].requires_grad());
    Ok(())
}

/// Dropping an output gives its memory back, though Python never runs again.
fn freed(lab: &Lab) -> Result<()> {
    const BYTES: usize = 4 << 20;
    let task = lab.model("block", "pass", "return x + 1", "torch.zeros(1 << 20)")?;
    let call = task.model(0)?.callable().bind(&task.inputs(0)?)?;
    // SAFETY: `mallinfo2` only reads the allocator's counters.
    let used = || unsafe { libc::mallinfo2() }.uordblks;
    drop(call.call()?);
    let before = used();
    let output = call.call()?;
    assert!(used() >= before + BYTES);
    drop(output);
    assert!(used() < before + BYTES / 2);
    Ok(())
}

/// 2^24 + 1 exists in float64 only, and the copy leaves the model alone.
fn float64(lab: &Lab) -> Result<()> {
    let task = lab.model(
        "precise",
        "self.big = nn.Parameter(torch.full((2,), 2.0**24))",
        "return self.big + x",
        "torch.ones(2)",
    )?;
    let model = task.model(0)?;
    let inputs = task.inputs(0)?;
    let wide = [Value::Tensor(
        inputs[0]
            .as_tensor()
            .expect("a tensor")
            .to_kind(Kind::Double),
    )];
    let truth = eager(&model.double()?, &wide)?;
    assert_eq!(elements::<f64>(&truth[0])?, [16_777_217.0; 2]);
    let outputs = eager(&model, &inputs)?;
    assert_eq!(elements::<f32>(&outputs[0])?, [16_777_216.0; 2]);
    Ok(())
}

/// Really compiled: the cache holds the generated C++.
fn compiled(lab: &Lab) -> Result<()> {
    let task = lab.model(
        "compiled",
        "self.fc = nn.Linear(33, 17)",
        "return torch.softmax(torch.nn.functional.gelu(self.fc(x)), -1)",
        "torch.randn(5, 33)",
    )?;
    let model = task.model(0)?;
    let inputs = task.inputs(0)?;
    let call = model.compile(CompileMode::Default)?.bind(&inputs)?;
    let compiled = call.call()?.tensors()?;
    let eager = eager(&model, &inputs)?;
    assert!(compiled[0].allclose(&eager[0], 1e-5, 1e-6, false));

    let cache = lab.folder.path().join("inductor");
    assert!(cache.is_dir(), "nothing was compiled into the cache");
    lab.interp.reset_compiler()?;
    let again = call.call()?.tensors()?;
    assert!(again[0].allclose(&eager[0], 1e-5, 1e-6, false));

    let task = lab.model(
        "uncompilable",
        "pass",
        "raise ValueError('no')",
        "torch.ones(1)",
    )?;
    let call = task
        .model(0)?
        .compile(CompileMode::MaxAutotune)?
        .bind(&task.inputs(0)?)?;
    let error = call.call().expect_err("it raises");
    assert!(matches!(error, PyFault::Raised { .. }), "{error}");
    assert!(error.to_string().contains("the autotuned model"), "{error}");
    Ok(())
}
