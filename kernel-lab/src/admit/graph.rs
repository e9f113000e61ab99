//! Tasks that collapse: an equivalent program needs far fewer operations
//! than the op graph says, whatever the kernel is like.
//!
//! - A sum or mean over a product or convolution, with nothing but affine
//!   operators between: sums can be moved in front of the weights, so that a
//!   matrix product becomes a product with a vector.
//! - A product with a diagonal matrix is a scaling.
//! - A product with a triangular matrix has half its terms zero.

use torch_bridge::{Arg, OpGraph, OpNode, ValueKind};

use super::rules::Reason;

/// Linear in each of its operands.
const PRODUCTS: [&str; 16] = [
    "aten.linear",
    "aten.matmul",
    "aten.mm",
    "aten.bmm",
    "aten.mv",
    "aten.addmm",
    "aten.baddbmm",
    "aten.einsum",
    "aten.conv1d",
    "aten.conv2d",
    "aten.conv3d",
    "aten.conv_transpose1d",
    "aten.conv_transpose2d",
    "aten.conv_transpose3d",
    "aten.convolution",
    "aten._convolution",
];

/// Sums and means over dimensions.
const SUMS: [&str; 2] = ["aten.sum", "aten.mean"];

/// Means over all positions, if the result has one.
const GLOBAL_POOLS: [&str; 3] = [
    "aten.adaptive_avg_pool1d",
    "aten.adaptive_avg_pool2d",
    "aten.adaptive_avg_pool3d",
];

/// Affine in their first argument, if all others are constants.
const AFFINE: [&str; 9] = [
    "aten.add",
    "aten.sub",
    "aten.rsub",
    "aten.mul",
    "aten.div",
    "aten.neg",
    "aten.batch_norm",
    "aten.clone",
    "aten.dropout",
];

/// Matrices of which whole parts are zero.
const TRIANGLES: [&str; 2] = ["aten.triu", "aten.tril"];
const DIAGONALS: [&str; 2] = ["aten.diag", "aten.diag_embed"];

/// Operators that pass a matrix on.
const HANDS_ON: [&str; 4] = ["aten.t", "aten.transpose", "aten.numpy_T", "aten.clone"];

/// The operator without its overload.
fn base(node: &OpNode) -> &str {
    node.op.rsplit_once('.').map_or(&*node.op, |(base, _)| base)
}

/// What in the graph collapses.
pub(super) fn collapses(graph: &OpGraph) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for node in &graph.nodes {
        if is_sum(node)
            && let Some(product) = summed_product(graph, node)
        {
            reasons.push(Reason::new(
                "sum-of-product",
                &node.name,
                format!(
                    "`{}` ({}) adds up results of `{}` ({}) with affine operators between: the \
                     sum can be taken first",
                    node.name, node.op, product.name, product.op
                ),
            ));
        }
        if PRODUCTS.contains(&base(node)) {
            reasons.extend(structured_operands(graph, node));
        }
    }
    reasons
}

/// The inputs that are operands of a product, by index of the model's
/// arguments.
pub(super) fn product_inputs(graph: &OpGraph) -> Vec<usize> {
    let mut inputs = Vec::new();
    for node in &graph.nodes {
        if !PRODUCTS.contains(&base(node)) {
            continue;
        }
        for name in node.reads() {
            let source = handed_on(graph, name);
            if let Some(ValueKind::Input(index)) = graph.input(source).map(|value| &value.kind) {
                inputs.push(*index);
            }
        }
    }
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}

fn elements(graph: &OpGraph, name: &str) -> i64 {
    graph
        .meta(name)
        .map_or(0, |meta| meta.shape.iter().product())
}

/// Whether the node adds up, or averages, more than one value each.
fn is_sum(node: &OpNode) -> bool {
    SUMS.contains(&base(node))
        || (GLOBAL_POOLS.contains(&base(node))
            && node.outputs.first().is_some_and(|meta| {
                meta.shape
                    .iter()
                    .skip(meta.shape.len().min(2))
                    .all(|size| *size == 1)
            }))
}

/// The product or convolution whose results `sum` adds up, if only affine
/// operators lie between and nobody else needs its results.
fn summed_product<'g>(graph: &'g OpGraph, sum: &'g OpNode) -> Option<&'g OpNode> {
    let mut node = sum;
    loop {
        let source = node.reads().next()?;
        let (producer, _) = graph.producer(source)?;
        if readers(graph, source) != 1 {
            return None;
        }
        if node.name == sum.name && elements(graph, source) <= elements(graph, &sum.name) {
            return None;
        }
        if PRODUCTS.contains(&base(producer)) {
            return adds_up_free_dimensions(graph, sum, producer).then_some(producer);
        }
        let affine = AFFINE.contains(&base(producer))
            && producer.reads().skip(1).all(|name| is_fixed(graph, name))
            && producer.arg("training") != Some(&Arg::Bool(true));
        if !affine {
            return None;
        }
        node = producer;
    }
}

/// Whether a sum is over more than what tells the members of a batch of
/// products apart: a sum over those is itself a product.
fn adds_up_free_dimensions(graph: &OpGraph, sum: &OpNode, product: &OpNode) -> bool {
    if !["aten.bmm", "aten.baddbmm", "aten.einsum", "aten.matmul"].contains(&base(product)) {
        return true;
    }
    let rank = graph
        .meta(&product.name)
        .map_or(0, |meta| meta.shape.len() as i64);
    match sum.arg("dim") {
        Some(Arg::IntList(dims)) if !dims.is_empty() => dims
            .iter()
            .any(|dim| if *dim < 0 { *dim + rank } else { *dim } >= rank - 2),
        _ => true,
    }
}

/// Whether a value is a parameter or a constant: not an input, and not made
/// from one.
fn is_fixed(graph: &OpGraph, name: &str) -> bool {
    match graph.input(name) {
        Some(value) => !matches!(value.kind, ValueKind::Input(_)),
        None => graph
            .producer(name)
            .is_some_and(|(node, _)| node.reads().all(|name| is_fixed(graph, name))),
    }
}

fn readers(graph: &OpGraph, name: &str) -> usize {
    let reads = graph.nodes.iter().flat_map(OpNode::reads);
    let outputs = graph.outputs.iter().map(String::as_str);
    reads.chain(outputs).filter(|read| *read == name).count()
}

/// Where a matrix comes from, behind operators that pass it on.
fn handed_on<'g>(graph: &'g OpGraph, mut name: &'g str) -> &'g str {
    while let Some((node, _)) = graph.producer(name)
        && HANDS_ON.contains(&base(node))
        && let Some(source) = node.reads().next()
    {
        name = source;
    }
    name
}

fn structured_operands(graph: &OpGraph, product: &OpNode) -> Vec<Reason> {
    let sources = product.reads().map(|name| handed_on(graph, name));
    let made = sources.filter_map(|source| Some(graph.producer(source)?.0));
    made.filter_map(|node| {
        let (code, what) = if DIAGONALS.contains(&base(node)) {
            ("diagonal-operand", "is diagonal: the product is a scaling")
        } else if TRIANGLES.contains(&base(node)) {
            ("triangular-operand", "has a triangle of zeros")
        } else {
            return None;
        };
        let detail = format!(
            "the operand `{}` ({}) of `{}` ({}) {what}",
            node.name, node.op, product.name, product.op
        );
        Some(Reason::new(code, &product.name, detail))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use torch_bridge::{GraphSource, GraphValue, TensorMeta};

    fn meta(shape: &[i64]) -> TensorMeta {
        TensorMeta {
            shape: shape.to_vec(),
            dtype: "f32".to_owned(),
        }
    }

    fn value(name: &str, kind: ValueKind, shape: &[i64]) -> GraphValue {
        GraphValue {
            name: name.to_owned(),
            kind,
            meta: Some(meta(shape)),
        }
    }

    fn node(name: &str, op: &str, args: Vec<(&str, Arg)>, shape: &[i64]) -> OpNode {
        OpNode {
            name: name.to_owned(),
            op: op.to_owned(),
            args: args
                .into_iter()
                .map(|(name, arg)| (name.to_owned(), arg))
                .collect(),
            outputs: vec![meta(shape)],
        }
    }

    fn of(name: &str) -> Arg {
        Arg::Ref(name.to_owned())
    }

    /// `x` [8, 16] and `r` [8, 4] go in, `w` and `s` are parameters; the last node comes out.
    fn graph(nodes: Vec<OpNode>) -> OpGraph {
        OpGraph {
            source: GraphSource::Export,
            inputs: vec![
                value("x", ValueKind::Input(0), &[8, 16]),
                value("r", ValueKind::Input(1), &[8, 4]),
                value("w", ValueKind::Param("w".to_owned()), &[4, 16]),
                value("s", ValueKind::Param("s".to_owned()), &[4]),
            ],
            outputs: vec![nodes.last().map(|node| node.name.clone()).unwrap()],
            nodes,
        }
    }

    fn linear() -> OpNode {
        let args = vec![("input", of("x")), ("weight", of("w")), ("bias", of("s"))];
        node("linear", "aten.linear.default", args, &[8, 4])
    }

    fn sum_of(name: &str) -> OpNode {
        let dims = Arg::IntList(vec![1]);
        let args = vec![("self", of(name)), ("dim", dims)];
        node("sum_1", "aten.sum.dim_IntList", args, &[8])
    }

    fn with_other(name: &str, op: &str, first: &str, other: Arg) -> OpNode {
        node(
            name,
            op,
            vec![("self", of(first)), ("other", other)],
            &[8, 4],
        )
    }

    fn codes(nodes: Vec<OpNode>) -> Vec<String> {
        collapses(&graph(nodes))
            .into_iter()
            .map(|reason| reason.code)
            .collect()
    }

    #[test]
    fn a_sum_collapses_with_the_product_it_adds_up() {
        let found = |nodes| codes(nodes) == ["sum-of-product"];
        assert!(found(vec![linear(), sum_of("linear")]));
        let scaled = with_other("mul", "aten.mul.Tensor", "linear", Arg::Float(2.0));
        let shifted = with_other("sub", "aten.sub.Tensor", "mul", of("s"));
        assert!(found(vec![
            linear(),
            scaled.clone(),
            shifted,
            sum_of("sub")
        ]));
        let curved = node(
            "relu",
            "aten.relu.default",
            vec![("self", of("mul"))],
            &[8, 4],
        );
        assert!(!found(vec![linear(), scaled, curved, sum_of("relu")]));
        // What is added depends on the input, and the product is needed in full.
        let gated = with_other("mul", "aten.mul.Tensor", "linear", of("r"));
        assert!(!found(vec![linear(), gated, sum_of("mul")]));
        let again = with_other("add", "aten.add.Tensor", "linear", of("sum_1"));
        assert!(!found(vec![linear(), sum_of("linear"), again]));
    }

    #[test]
    fn a_sum_over_a_batch_of_products_is_a_product() {
        let product = |dims: Vec<i64>| {
            let args = vec![("self", of("x")), ("mat2", of("x"))];
            let bmm = node("bmm", "aten.bmm.default", args, &[2, 4, 4]);
            let args = vec![("self", of("bmm")), ("dim", Arg::IntList(dims))];
            codes(vec![bmm, node("s1", "aten.sum.dim_IntList", args, &[4, 4])])
        };
        assert!(product(vec![0]).is_empty());
        assert_eq!(product(vec![-1]), ["sum-of-product"]);
    }

    #[test]
    fn zeros_that_the_graph_makes_are_seen() {
        let product = |maker: &str| {
            let made = node("made", maker, vec![("self", of("x"))], &[16, 16]);
            let args = vec![("self", of("made"))];
            let turned = node("t", "aten.t.default", args, &[16, 16]);
            let args = vec![("self", of("r")), ("mat2", of("t"))];
            codes(vec![
                made,
                turned,
                node("mm", "aten.mm.default", args, &[8, 16]),
            ])
        };
        assert_eq!(product("aten.diag.default"), ["diagonal-operand"]);
        assert_eq!(product("aten.triu.default"), ["triangular-operand"]);
        assert!(product("aten.exp.default").is_empty());
        let nodes = vec![linear(), sum_of("linear")];
        assert_eq!(product_inputs(&graph(nodes)), [0]);
    }
}
