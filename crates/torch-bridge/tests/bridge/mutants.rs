//! Models that are not quite the model: without an operator, in training.

use anyhow::Result;
use torch_bridge::tch::Tensor;
use torch_bridge::{Callable, Value, elements};

use crate::{Case, Lab, eager};

pub(crate) const CASES: &[Case] = &[
    ("mutants::without_each_operator", without),
    ("mutants::without_a_layer_of_a_traced_model", traced),
    ("mutants::training_mode_is_random", training),
];

fn called(callable: &Callable, inputs: &[Value]) -> Result<Vec<f32>> {
    let outputs = callable.bind(inputs)?.call()?.tensors()?;
    Ok(elements::<f32>(&outputs[0])?.to_vec())
}

fn without(lab: &Lab) -> Result<()> {
    let task = lab.model(
        "without",
        "self.fc = nn.Linear(2, 2, bias=False); self.fc.weight.data = torch.eye(2)",
        "y = torch.relu(self.fc(x)); return (y - y.max(dim=1, keepdim=True).values).reshape(-1)",
        "torch.tensor([[1.0, -2.0]])",
    )?;
    let (model, inputs) = (task.model(0)?, task.inputs(0)?);
    let variants = model.without_each(&inputs)?;
    let expect = [
        ("linear", "aten.linear.default", "x", [0.0_f32, -1.0]),
        ("relu", "aten.relu.default", "linear", [0.0, -3.0]),
        ("sub", "aten.sub.Tensor", "relu", [1.0, 0.0]),
    ];
    // The maximum has fewer elements than its argument, and reshaping computes nothing.
    assert_eq!(variants.len(), expect.len());
    for (variant, (result, op, kept, values)) in variants.iter().zip(expect) {
        assert_eq!(
            (&*variant.result, &*variant.op, &*variant.kept),
            (result, op, kept)
        );
        assert_eq!(called(&variant.callable, &inputs)?, values, "{result}");
    }
    // They follow the model's parameters.
    let doubled = Tensor::from_slice(&[2.0_f32, 0.0, 0.0, 2.0]).reshape([2, 2]);
    model.load_params(&[("fc.weight".to_owned(), doubled)])?;
    assert_eq!(called(&variants[1].callable, &inputs)?, [0.0, -6.0]);
    Ok(())
}

/// A model that asks for an address does not export.
fn traced(lab: &Lab) -> Result<()> {
    let task = lab.model(
        "without_traced",
        "self.act = nn.ReLU()",
        "x.data_ptr(); return self.act(x) * 2.0",
        "torch.tensor([[1.0, -2.0]])",
    )?;
    let (model, inputs) = (task.model(0)?, task.inputs(0)?);
    let variants = model.without_each(&inputs)?;
    let relu = variants.iter().find(|variant| variant.op == "nn.ReLU");
    let relu = relu.expect("the layer can be left out");
    assert_eq!(called(&relu.callable, &inputs)?, [2.0, -4.0]);
    Ok(())
}

fn training(lab: &Lab) -> Result<()> {
    let task = lab.model(
        "training",
        "self.drop = nn.Dropout(0.5)",
        "return self.drop(x)",
        "torch.ones(512)",
    )?;
    let (model, inputs) = (task.model(0)?, task.inputs(0)?);
    let trained = model.training()?.callable();
    assert_ne!(called(&trained, &inputs)?, called(&trained, &inputs)?);
    let same = eager(&model, &inputs)?;
    assert!(elements::<f32>(&same[0])?.iter().all(|value| *value > 0.5));
    Ok(())
}
