//! Element-wise functions of hand-made graphs.

use torch_bridge::{Arg, GraphSource, GraphValue, OpGraph, OpNode, TensorMeta, ValueKind};

use super::epilogue::{ChannelDim, lower};
use crate::plan::Target;

const WHOLE: [i64; 4] = [2, 6, 5, 7];

const WRITTEN: &str = r#"#line 1 "epilogue"
static void epilogue(int part, int parts, const float* x, float* y, i64 runs, i64 channels, i64 length, const float* p0, const float* p1, const float* p2, const float* p3, const float* p4) {
    fused<STREAM>(part, parts, x, y, runs, channels, length, [](vf v0, vf o0, vf o1, vf o2, vf o3, vf o4) __attribute__((always_inline)) {
        const vf v1 = (v0 - o0) / sqrt_(o1 + (float)1e-5) * o2;
        const vf v2 = v1 != v1 ? v1 : min_(v1, o3);
        const vf v3 = v2 - 2.0f * v0;
        const vf v4 = v3 / splat((float)-0.25);
        const vf v5 = o4 + v4;
        return v5;
    }, PerRun{p0}, PerRun{p1}, PerRun{p2}, Full{p3}, One{p4});
}
"#;

fn meta(shape: &[i64]) -> TensorMeta {
    TensorMeta {
        shape: shape.to_vec(),
        dtype: "f32".to_owned(),
    }
}

fn node(name: &str, op: &str, args: &[(&str, Arg)]) -> OpNode {
    OpNode {
        name: name.to_owned(),
        op: format!("aten.{op}"),
        args: args
            .iter()
            .map(|(name, arg)| ((*name).to_owned(), arg.clone()))
            .collect(),
        outputs: vec![meta(&WHOLE)],
    }
}

fn of(name: &str) -> Arg {
    Arg::Ref(name.to_owned())
}

/// A convolution `conv`, then `rest`; tensors that enter are parameters of these shapes.
fn graph(rest: Vec<OpNode>, params: &[(&str, &[i64])]) -> OpGraph {
    let inputs = params.iter().map(|(name, shape)| GraphValue {
        name: (*name).to_owned(),
        kind: ValueKind::Param((*name).to_owned()),
        meta: Some(meta(shape)),
    });
    OpGraph {
        source: GraphSource::Export,
        inputs: inputs.collect(),
        outputs: rest.iter().map(|node| node.name.clone()).collect(),
        nodes: std::iter::once(node("conv", "conv2d.default", &[]))
            .chain(rest)
            .collect(),
    }
}

fn lowered(graph: &OpGraph) -> Option<super::Epilogue> {
    let rest: Vec<&OpNode> = graph.nodes[1..].iter().collect();
    lower(graph, "conv", &rest, ChannelDim::Second, Target::Cpu)
}

fn product(with: &[i64]) -> OpGraph {
    let mul = node(
        "mul",
        "mul.Tensor",
        &[("self", of("conv")), ("other", of("p"))],
    );
    graph(vec![mul], &[("p", with)])
}

#[test]
fn a_function_is_written_in_the_order_of_its_nodes() {
    let batch_norm = [
        ("input", of("conv")),
        ("weight", of("weight")),
        ("bias", Arg::None),
        ("running_mean", of("mean")),
        ("running_var", of("var")),
        ("training", Arg::Bool(false)),
        ("eps", Arg::Float(1e-5)),
    ];
    let nodes = vec![
        node("bn", "batch_norm.default", &batch_norm),
        node(
            "min",
            "minimum.default",
            &[("self", of("bn")), ("other", of("full"))],
        ),
        node(
            "sub",
            "sub.Tensor",
            &[
                ("self", of("min")),
                ("other", of("conv")),
                ("alpha", Arg::Int(2)),
            ],
        ),
        node(
            "div",
            "div.Tensor",
            &[("self", of("sub")), ("other", Arg::Float(-0.25))],
        ),
        node(
            "add",
            "add.Tensor",
            &[("self", of("one")), ("other", of("div"))],
        ),
    ];
    let vector: &[i64] = &[6];
    let graph = graph(
        nodes,
        &[
            ("weight", vector),
            ("mean", vector),
            ("var", vector),
            ("full", &WHOLE),
            ("one", &[1]),
        ],
    );
    let epilogue = lowered(&graph).expect("element-wise");
    assert_eq!(epilogue.source, WRITTEN);
    let operands = [
        "param.mean",
        "param.var",
        "param.weight",
        "param.full",
        "param.one",
    ];
    assert_eq!(epilogue.operands, operands);
}

#[test]
fn operands_are_numbers_channels_or_whole_tensors() {
    let reads: [(&[i64], Option<&str>); 9] = [
        (&[1], Some("One{p0}")),
        (&[1, 1, 1, 1], Some("One{p0}")),
        (&[6, 1, 1], Some("PerRun{p0}")),
        (&[1, 6, 1, 1], Some("PerRun{p0}")),
        (&WHOLE, Some("Full{p0}")),
        // Along other dimensions than that of channels.
        (&[7], None),
        (&[2, 1, 1, 1], None),
        (&[6, 5, 7], None),
        (&[2, 6, 1, 1], None),
    ];
    for (shape, wanted) in reads {
        let epilogue = lowered(&product(shape));
        assert_eq!(epilogue.is_some(), wanted.is_some(), "{shape:?}");
        if let (Some(epilogue), Some(wanted)) = (epilogue, wanted) {
            assert!(
                epilogue.source.contains(wanted),
                "{shape:?}: {}",
                epilogue.source
            );
        }
    }
}

#[test]
fn what_is_not_element_wise_is_refused() {
    let relu = |of_what: &str| node("relu", "relu.default", &[("self", of(of_what))]);
    assert!(lowered(&graph(vec![relu("conv")], &[])).is_some());
    // Unknown, of something that does not exist, of another shape or kind.
    let unknown = node(
        "softmax",
        "softmax.int",
        &[("self", of("conv")), ("dim", Arg::Int(1))],
    );
    assert!(lowered(&graph(vec![unknown], &[])).is_none());
    assert!(lowered(&graph(vec![relu("other")], &[])).is_none());
    for meta in [
        meta(&[2, 6, 5, 1]),
        TensorMeta {
            dtype: "f64".to_owned(),
            ..meta(&WHOLE)
        },
    ] {
        let mut changed = relu("conv");
        changed.outputs = vec![meta];
        assert!(lowered(&graph(vec![changed], &[])).is_none());
    }
    // A batch norm that learns, a slope that is no finite number.
    let learning = [("input", of("conv")), ("training", Arg::Bool(true))];
    assert!(
        lowered(&graph(
            vec![node("bn", "batch_norm.default", &learning)],
            &[]
        ))
        .is_none()
    );
    let endless = [
        ("self", of("conv")),
        ("negative_slope", Arg::Other("inf".to_owned())),
    ];
    assert!(
        lowered(&graph(
            vec![node("leaky", "leaky_relu.default", &endless)],
            &[]
        ))
        .is_none()
    );
}

#[test]
fn a_general_template_is_offered_where_no_other_fits() {
    let library = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/library");
    let templates = super::load(&library, Target::Cpu).expect("the shipped library");
    let offered = |ops: &[&str]| -> Vec<String> {
        let mut graph = graph(Vec::new(), &[]);
        graph.inputs.push(GraphValue {
            name: "x".to_owned(),
            kind: ValueKind::Input(0),
            meta: Some(meta(&WHOLE)),
        });
        graph.nodes.clear();
        let mut last = "x".to_owned();
        for op in ops {
            graph.nodes.push(node(op, op, &[("self", of(&last))]));
            last = (*op).to_owned();
        }
        graph.outputs = vec![last];
        let fitting = super::fitting(&templates, &graph).into_iter();
        fitting.map(|template| template.name.clone()).collect()
    };
    assert_eq!(offered(&["relu.default"]), ["map"]);
    assert_eq!(offered(&["neg.default", "exp.default"]), ["fused_map"]);
    assert_eq!(offered(&["neg.default", "cumsum.default"]), [""; 0]);
}
