//! Memory shared both ways, and what can't be viewed.

use anyhow::Result;
use torch_bridge::tch::{Device, Kind, Tensor};
use torch_bridge::{PyFault, Value, bytes, bytes_mut, dtype_name, elements, elements_mut};

use crate::{Case, Lab, eager};

pub(crate) const CASES: &[Case] = &[
    ("tensors::rust_to_python", rust_to_python),
    ("tensors::python_to_rust", python_to_rust),
    ("tensors::unviewable", unviewable),
    ("tensors::empty", empty),
    ("tensors::freed_pages_are_kept", freed_pages_are_kept),
];

/// Rust's tensor is Python's, address and values, also after a later write.
fn rust_to_python(lab: &Lab) -> Result<()> {
    let task = lab.model(
        "addresses",
        "pass",
        "return torch.tensor(x.data_ptr()), x.sum()",
        "torch.zeros(1)",
    )?;
    let tensor = Tensor::zeros([3, 5], (Kind::Float, Device::Cpu));
    let mut inputs = [Value::Tensor(tensor)];
    let call = task.model(0)?.callable().bind(&inputs)?;
    let input = inputs[0].as_tensor_mut().expect("it is a tensor");
    let address = input.data_ptr() as i64;
    for value in [1.0_f32, 2.0] {
        elements_mut::<f32>(input)?.fill(value);
        let outputs = call.call()?.tensors()?;
        assert_eq!(elements::<i64>(&outputs[0])?, [address]);
        assert_eq!(elements::<f32>(&outputs[1])?, [15.0 * value]);
    }
    Ok(())
}

/// Python's tensor is Rust's: a parameter written through bytes changes what
/// the model computes.
fn python_to_rust(lab: &Lab) -> Result<()> {
    let task = lab.model(
        "scaled",
        "self.scale = nn.Parameter(torch.ones(4)); self.register_buffer('shift', torch.zeros(4))",
        "return x * self.scale + self.shift, torch.tensor(self.scale.data_ptr())",
        "torch.ones(4)",
    )?;
    let model = task.model(0)?;
    let inputs = task.inputs(0)?;
    let mut params = model.params()?;
    let keys: Vec<&str> = params.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["scale", "shift"]);
    for value in bytes_mut(&mut params[0].1)?.chunks_exact_mut(4) {
        value.copy_from_slice(&2.5_f32.to_ne_bytes());
    }
    let outputs = eager(&model, &inputs)?;
    assert_eq!(elements::<f32>(&outputs[0])?, [2.5; 4]);
    assert_eq!(
        elements::<i64>(&outputs[1])?,
        [params[0].1.data_ptr() as i64]
    );

    let new = [
        ("scale".to_owned(), Tensor::from_slice(&[3.0_f32; 4])),
        ("shift".to_owned(), Tensor::from_slice(&[1.0_f32; 4])),
    ];
    model.load_params(&new)?;
    let outputs = eager(&model, &inputs)?;
    assert_eq!(elements::<f32>(&outputs[0])?, [4.0; 4]);
    let error = model.load_params(&new[..1]).expect_err("a key is missing");
    assert!(error.to_string().contains("shift"), "{error}");
    Ok(())
}

fn unviewable(_: &Lab) -> Result<()> {
    let tensor = Tensor::zeros([3, 5], (Kind::Float, Device::Cpu));
    assert_eq!(bytes(&tensor)?.len(), 60);
    let error = bytes(&tensor.tr()).expect_err("a transposed view is strided");
    assert!(error.to_string().contains("not contiguous"), "{error}");
    let error = elements::<f64>(&tensor).expect_err("f32 is not f64");
    assert!(matches!(error, PyFault::Unviewable { wanted: "f64", .. }));
    assert_eq!(dtype_name(tensor.kind()), "f32");
    Ok(())
}

fn empty(_: &Lab) -> Result<()> {
    let mut tensor = Tensor::zeros([0, 5], (Kind::Double, Device::Cpu));
    assert!(bytes(&tensor)?.is_empty());
    assert!(elements_mut::<f64>(&mut tensor)?.is_empty());
    Ok(())
}

/// A freed tensor stays with the allocator, and was never mapped by itself.
fn freed_pages_are_kept(_: &Lab) -> Result<()> {
    const BYTES: usize = 96 << 20;
    // SAFETY: `mallinfo2` only reads the allocator's counters.
    let counters = || unsafe { libc::mallinfo2() };
    let before = counters().hblkhd;
    let tensor = Tensor::ones([BYTES as i64], (Kind::Uint8, Device::Cpu));
    assert!(counters().hblkhd < before + BYTES, "it was mapped");
    drop(tensor);
    assert!(counters().fordblks >= BYTES, "it was given back");
    Ok(())
}
