//! Op graphs: operators, schema arguments, folded no-ops, the fallback.

use anyhow::Result;
use torch_bridge::{Arg, GraphSource, OpGraph, ValueKind};

use crate::{Case, Lab};

pub(crate) const CASES: &[Case] = &[
    ("graphs::softmax", softmax),
    ("graphs::linear_gelu", linear_gelu),
    ("graphs::layer_norm", layer_norm),
    ("graphs::conv_relu_in_place", conv),
    ("graphs::several_results", several_results),
    ("graphs::no_ops_are_folded", no_ops),
    ("graphs::what_is_alike_is_not_broadcast", broadcast),
    ("graphs::untraceable_by_export", fallback),
];

fn graph(lab: &Lab, name: &str, init: &str, forward: &str, inputs: &str) -> Result<OpGraph> {
    let task = lab.model(name, init, forward, inputs)?;
    let graph = task.model(0)?.graph(&task.inputs(0)?)?;
    let text = serde_json::to_string(&graph)?;
    assert_eq!(serde_json::from_str::<OpGraph>(&text)?, graph, "{text}");
    Ok(graph)
}

fn ops(graph: &OpGraph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.op.as_str()).collect()
}

/// Where the node's argument comes from.
fn kind<'g>(graph: &'g OpGraph, node: usize, arg: &str) -> Option<&'g ValueKind> {
    match graph.nodes[node].arg(arg)? {
        Arg::Ref(name) => Some(&graph.input(name)?.kind),
        _ => None,
    }
}

fn softmax(lab: &Lab) -> Result<()> {
    let graph = graph(
        lab,
        "softmax",
        "pass",
        "return torch.softmax(x, dim=-1)",
        "torch.randn(3, 5)",
    )?;
    assert_eq!(graph.source, GraphSource::Export);
    assert_eq!(ops(&graph), ["aten.softmax.int"]);
    let node = &graph.nodes[0];
    let names: Vec<&str> = node.args.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["self", "dim", "dtype"]);
    assert_eq!(node.arg("dim"), Some(&Arg::Int(-1)));
    assert_eq!(node.arg("dtype"), Some(&Arg::None));
    assert_eq!(kind(&graph, 0, "self"), Some(&ValueKind::Input(0)));
    assert_eq!(node.outputs[0].shape, [3, 5]);
    assert_eq!(node.outputs[0].dtype, "f32");
    assert_eq!(graph.outputs, [node.name.as_str()]);
    Ok(())
}

fn linear_gelu(lab: &Lab) -> Result<()> {
    let graph = graph(
        lab,
        "linear_gelu",
        "self.fc = nn.Linear(4, 6)",
        "return torch.nn.functional.gelu(self.fc(x), approximate='tanh')",
        "torch.randn(3, 4)",
    )?;
    assert_eq!(ops(&graph), ["aten.linear.default", "aten.gelu.default"]);
    assert_eq!(
        kind(&graph, 0, "weight"),
        Some(&ValueKind::Param("fc.weight".to_owned()))
    );
    assert_eq!(
        kind(&graph, 0, "bias"),
        Some(&ValueKind::Param("fc.bias".to_owned()))
    );
    assert_eq!(
        graph.nodes[1].arg("approximate"),
        Some(&Arg::Str("tanh".to_owned()))
    );
    let reads: Vec<&str> = graph.nodes[1].reads().collect();
    assert_eq!(reads, [graph.nodes[0].name.as_str()]);
    assert_eq!(
        graph.meta(reads[0]).map(|meta| &meta.shape[..]),
        Some(&[3, 6][..])
    );
    Ok(())
}

fn layer_norm(lab: &Lab) -> Result<()> {
    let graph = graph(
        lab,
        "layer_norm",
        "self.ln = nn.LayerNorm(8, eps=1e-3)",
        "return self.ln(x + x)",
        "torch.randn(2, 8)",
    )?;
    assert_eq!(ops(&graph), ["aten.add.Tensor", "aten.layer_norm.default"]);
    assert_eq!(graph.nodes[0].arg("alpha"), Some(&Arg::Int(1)));
    let node = &graph.nodes[1];
    assert_eq!(node.arg("normalized_shape"), Some(&Arg::IntList(vec![8])));
    assert_eq!(node.arg("eps"), Some(&Arg::Float(1e-3)));
    assert_eq!(
        kind(&graph, 1, "weight"),
        Some(&ValueKind::Param("ln.weight".to_owned()))
    );
    Ok(())
}

/// An in-place ReLU on an intermediate is the functional one.
fn conv(lab: &Lab) -> Result<()> {
    let graph = graph(
        lab,
        "conv",
        "self.conv = nn.Conv2d(3, 4, 3, padding=1, stride=2); self.act = nn.ReLU(inplace=True)",
        "return self.act(self.conv(x))",
        "torch.randn(1, 3, 9, 9)",
    )?;
    assert_eq!(ops(&graph), ["aten.conv2d.default", "aten.relu.default"]);
    let node = &graph.nodes[0];
    assert_eq!(node.arg("stride"), Some(&Arg::IntList(vec![2, 2])));
    assert_eq!(node.arg("padding"), Some(&Arg::IntList(vec![1, 1])));
    assert_eq!(node.arg("dilation"), Some(&Arg::IntList(vec![1, 1])));
    assert_eq!(node.arg("groups"), Some(&Arg::Int(1)));
    assert_eq!(node.outputs[0].shape, [1, 4, 5, 5]);
    Ok(())
}

fn several_results(lab: &Lab) -> Result<()> {
    let graph = graph(
        lab,
        "several",
        "pass",
        "values, indices = torch.max(x, dim=1)\n        return values.exp(), indices, \
         torch.cat([x, x]).masked_fill(x[0] > 0, float('-inf'))",
        "torch.randn(2, 8)",
    )?;
    let max = &graph.nodes[0];
    assert_eq!(max.op, "aten.max.dim");
    assert_eq!(max.outputs.len(), 2);
    assert_eq!(max.outputs[1].dtype, "i64");
    assert_eq!(graph.outputs[1], format!("{}.1", max.name));
    assert_eq!(graph.producer(&graph.outputs[1]), Some((max, 1)));
    let exp = graph.producer(&graph.outputs[0]).expect("a node").0;
    assert_eq!(exp.arg("self"), Some(&Arg::Ref(format!("{}.0", max.name))));
    let find = |op: &str| graph.nodes.iter().find(|node| node.op == op);
    let cat = find("aten.cat.default").expect("cat");
    assert_eq!(
        cat.arg("tensors"),
        Some(&Arg::RefList(vec!["x".to_owned(), "x".to_owned()]))
    );
    let fill = find("aten.masked_fill.Scalar").expect("masked_fill");
    assert_eq!(fill.arg("value"), Some(&Arg::Other("-inf".to_owned())));
    Ok(())
}

fn no_ops(lab: &Lab) -> Result<()> {
    let graph = graph(
        lab,
        "no_ops",
        "self.drop = nn.Dropout(0.5)",
        "return self.drop(x.contiguous().detach()).to(torch.float32).view(2, 8).exp().contiguous()",
        "torch.randn(2, 8)",
    )?;
    assert_eq!(ops(&graph), ["aten.exp.default"]);
    assert_eq!(kind(&graph, 0, "self"), Some(&ValueKind::Input(0)));
    assert_eq!(graph.outputs, [graph.nodes[0].name.as_str()]);
    Ok(())
}

/// Losses broadcast their operands, which changes those of other shapes only.
fn broadcast(lab: &Lab) -> Result<()> {
    let of = |name, other: &str| {
        let forward = format!("return nn.functional.smooth_l1_loss(x, {other})");
        graph(lab, name, "pass", &forward, "torch.randn(4, 8)")
    };
    let alike = of("alike", "x.exp()")?;
    assert_eq!(
        ops(&alike),
        ["aten.exp.default", "aten.smooth_l1_loss.default"]
    );
    assert_eq!(kind(&alike, 1, "self"), Some(&ValueKind::Input(0)));
    let exp = Arg::Ref(alike.nodes[0].name.clone());
    assert_eq!(alike.nodes[1].arg("target"), Some(&exp));
    let unlike = of("unlike", "x.sum(0, keepdim=True)")?;
    assert_eq!(
        ops(&unlike),
        [
            "aten.sum.dim_IntList",
            "aten.broadcast_tensors.default",
            "aten.smooth_l1_loss.default"
        ]
    );
    Ok(())
}

/// Export has no memory to point to; tracing ignores the unused address.
fn fallback(lab: &Lab) -> Result<()> {
    let graph = graph(
        lab,
        "address",
        "self.fc = nn.Linear(4, 6)",
        "x.data_ptr()\n        return torch.relu(self.fc(x)).contiguous(), {'also': x}",
        "torch.randn(3, 4)",
    )?;
    assert_eq!(graph.source, GraphSource::Fx);
    assert_eq!(graph.nodes[0].op, "nn.Linear");
    assert_eq!(
        kind(&graph, 0, "weight"),
        Some(&ValueKind::Param("fc.weight".to_owned()))
    );
    assert_eq!(graph.nodes[0].outputs[0].shape, [3, 6]);
    assert_eq!(graph.nodes.len(), 2);
    assert_eq!(graph.outputs, [graph.nodes[1].name.as_str(), "x"]);
    Ok(())
}
