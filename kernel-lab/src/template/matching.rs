//! A template against an op graph.

#![expect(
    clippy::float_cmp,
    reason = "attributes are literals of the program that was traced"
)]

use std::collections::BTreeMap;

use torch_bridge::{Arg, OpGraph, OpNode, ValueKind};

use super::epilogue::{self, Epilogue};
use super::spec::{Binding, Constraint, Dims, Literal, Match, Site, Template, Variable};
use crate::plan::Target;

/// Arguments that name dimensions: negative ones count from the end.
const DIM_ARGS: [&str; 7] = [
    "dim",
    "dims",
    "axis",
    "start_dim",
    "end_dim",
    "dim0",
    "dim1",
];

/// The templates that fit a graph: the general ones only if no other does.
pub fn fitting<'t>(templates: &'t [Template], graph: &OpGraph) -> Vec<&'t Template> {
    let fit = templates.iter().filter(|t| matches(t, graph).is_some());
    let (general, particular): (Vec<_>, Vec<_>) = fit.partition(|t| t.general);
    if particular.is_empty() {
        general
    } else {
        particular
    }
}

/// Binds `template` to a graph that one of its chains covers whole, or `None`.
///
/// Node i + 1 of a chain reads the first result of node i. Every other tensor
/// that a node reads must enter the graph, and be bound to a variable, unless it is an
/// input of the first node; a graph that uses a value twice is no chain. The operands of
/// `add` and `mul` may stand either way round. An argument that is `None` binds to nothing:
/// such a chain does not fit, unless the variable may be undefined.
pub fn matches(template: &Template, graph: &OpGraph) -> Option<Binding> {
    template
        .matches
        .iter()
        .enumerate()
        .find_map(|(entry, chain)| {
            let Covered {
                nodes,
                head,
                epilogue,
            } = covered(chain, graph, template.target)?;
            let swappable: Vec<usize> = (0..nodes.len())
                .filter(|index| is_commutative(nodes[*index]))
                .take(4)
                .collect();
            // Every way round of the commutative nodes, as written first.
            (0..1_usize << swappable.len()).find_map(|mask| {
                let swapped = swappable
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| mask >> bit & 1 == 1);
                let swapped: Vec<usize> = swapped.map(|(_, node)| *node).collect();
                let view = View {
                    graph,
                    nodes: &nodes,
                    swapped: &swapped,
                };
                let mut variables = view.bind(chain)?;
                if let Some(head) = head.clone() {
                    variables.insert("head".to_owned(), Variable::Buffer(head));
                }
                let ops = graph.nodes.iter().map(|node| node.op.clone()).collect();
                Some(Binding {
                    entry,
                    ops,
                    variables,
                    epilogue: epilogue.clone(),
                })
            })
        })
}

/// A graph as a template sees it.
struct Covered<'g> {
    /// The nodes of the chain.
    nodes: Vec<&'g OpNode>,
    /// The buffer that the epilogue begins with, if there is no chain before it.
    head: Option<String>,
    /// What follows.
    epilogue: Option<Epilogue>,
}

/// The nodes of the chain and what follows them, if their operators are those of the chain and both
/// together make all of the graph's outputs.
fn covered<'g>(chain: &Match, graph: &'g OpGraph, target: Target) -> Option<Covered<'g>> {
    let mut nodes: Vec<&OpNode> = graph.nodes.iter().collect();
    let rest = nodes.split_off(nodes.len().min(chain.ops.len()));
    let ops_fit = nodes.len() == chain.ops.len()
        && nodes
            .iter()
            .zip(&chain.ops)
            .all(|(node, ops)| ops.contains(&node.op));
    let last = rest.last().or(nodes.last())?;
    let outputs_fit = graph.outputs.iter().enumerate().all(|(index, name)| {
        *name == format!("{}.{index}", last.name) || (index == 0 && *name == last.name)
    });
    let linked = nodes
        .windows(2)
        .all(|pair| pair[1].reads().any(|name| is_result(name, pair[0])));
    if !ops_fit || !outputs_fit || !linked || graph.outputs.is_empty() {
        return None;
    }
    let Some(channel) = chain.epilogue else {
        return rest.is_empty().then_some(Covered {
            nodes,
            head: None,
            epilogue: None,
        });
    };
    let (value, head) = if let Some(node) = nodes.last() {
        (node.name.as_str(), None)
    } else {
        // An input that is as large as the result.
        let whole = last.outputs.first();
        let is_whole = |value: &&torch_bridge::GraphValue| {
            matches!(value.kind, ValueKind::Input(_)) && value.meta.as_ref() == whole
        };
        let name = graph.inputs.iter().find(is_whole)?.name.as_str();
        (name, Some(buffer(graph, name)?))
    };
    if rest.is_empty() {
        return None;
    }
    Some(Covered {
        epilogue: Some(epilogue::lower(graph, value, &rest, channel, target)?),
        nodes,
        head,
    })
}

/// Whether `name` is the first result of `node`.
fn is_result(name: &str, node: &OpNode) -> bool {
    name == node.name || name.strip_prefix(node.name.as_str()) == Some(".0")
}

/// Whether a node's operands may trade places: two tensors, or a tensor and a number, without a factor.
fn is_commutative(node: &OpNode) -> bool {
    let plain_sum = match node.arg("alpha") {
        None | Some(Arg::Int(1)) => true,
        Some(Arg::Float(alpha)) => *alpha == 1.0,
        Some(_) => false,
    };
    let op = node.op.strip_prefix("aten.").unwrap_or(&node.op);
    let is_sum_or_product = matches!(op.split('.').next(), Some("add" | "mul"));
    is_sum_or_product && plain_sum && node.arg("self").is_some() && node.arg("other").is_some()
}

/// Whether these dimensions, counted from the front, are such ones.
fn are_dims(dims: Dims, values: &[i64], last: i64) -> bool {
    let Some(end) = values.last() else {
        return false;
    };
    values.windows(2).all(|pair| pair[0] + 1 == pair[1])
        && match dims {
            Dims::Last => *values == [last],
            Dims::Trailing => *end == last,
            Dims::Inner => *end < last,
            Dims::Adjacent => true,
        }
}

/// Whether `shape` is that of the last dimensions of `whole`, be it after leading ones.
fn is_tail(shape: &[i64], whole: &[i64]) -> bool {
    let proper = shape.iter().position(|size| *size != 1);
    shape == whole || proper.is_some_and(|first| whole.ends_with(&shape[first..]))
}

/// The nodes of a chain with some commutative ones turned round.
struct View<'a> {
    graph: &'a OpGraph,
    nodes: &'a [&'a OpNode],
    swapped: &'a [usize],
}

impl View<'_> {
    fn arg(&self, site: &Site) -> Option<&Arg> {
        self.nodes[site.node].arg(self.name_in_graph(site.node, &site.arg))
    }

    fn name_in_graph<'n>(&self, node: usize, name: &'n str) -> &'n str {
        match name {
            "self" if self.swapped.contains(&node) => "other",
            "other" if self.swapped.contains(&node) => "self",
            name => name,
        }
    }

    fn bind(&self, chain: &Match) -> Option<BTreeMap<String, Variable>> {
        if !chain
            .constraints
            .iter()
            .all(|constraint| self.holds(constraint))
            || !self.tensors_accounted_for(chain)
        {
            return None;
        }
        let mut variables = BTreeMap::new();
        for bind in &chain.bind {
            match self.variable(&bind.site) {
                Some(value) => {
                    variables.insert(bind.variable.clone(), value);
                }
                None if bind.is_optional && self.is_absent(&bind.site) => (),
                None => return None,
            }
        }
        Some(variables)
    }

    /// Whether an argument is not given, or `None`.
    fn is_absent(&self, site: &Site) -> bool {
        matches!(self.arg(site), None | Some(Arg::None))
    }

    fn holds(&self, constraint: &Constraint) -> bool {
        let Constraint { site, equals } = constraint;
        if *equals == Literal::Absent {
            return self.is_absent(site);
        }
        if *equals == Literal::NumberIfGiven && self.is_absent(site) {
            return true;
        }
        let Some(arg) = self.arg(site) else {
            return false;
        };
        match (equals, arg) {
            (Literal::Int(want), Arg::Int(_)) => {
                matches!(self.variable(site), Some(Variable::Int(value)) if value == *want)
            }
            (Literal::Int(want), Arg::Float(value)) => *value == *want as f64,
            (Literal::Float(want), Arg::Float(value)) => value == want,
            (Literal::Float(want), Arg::Int(value)) => *value as f64 == *want,
            (Literal::Bool(want), Arg::Bool(value)) => value == want,
            (Literal::Text(want), Arg::Str(value)) => value == want,
            (Literal::Dims(dims), Arg::Int(_) | Arg::IntList(_)) => {
                let last = self.rank(site.node).map(|rank| rank - 1);
                match (self.variable(site), last) {
                    (Some(Variable::Int(value)), Some(last)) => are_dims(*dims, &[value], last),
                    (Some(Variable::Ints(values)), Some(last)) => are_dims(*dims, &values, last),
                    _ => false,
                }
            }
            (Literal::Ints(want), Arg::IntList(_)) => {
                matches!(self.variable(site), Some(Variable::Ints(values)) if values == *want)
            }
            (Literal::Above(least), Arg::Int(value)) => value > least,
            (Literal::Number | Literal::NumberIfGiven, Arg::Int(_) | Arg::Float(_)) => true,
            (Literal::Tensor, Arg::Ref(name)) => buffer(self.graph, name).is_some(),
            (Literal::Like(other), _) => self.shapes(site, other, |shape, whole| shape == whole),
            (Literal::Tail(other), _) => self.shapes(site, other, is_tail),
            (Literal::Row(other), _) => self.shapes(site, other, |shape, whole| {
                is_tail(shape, whole.last_chunk::<1>().map_or(&[], |last| last))
            }),
            (Literal::Same(other), Arg::Ref(_)) => self.arg(other) == Some(arg),
            _ => false,
        }
    }

    /// Whether the shapes of two tensors are in a relation.
    fn shapes(&self, site: &Site, other: &Site, are: impl Fn(&[i64], &[i64]) -> bool) -> bool {
        let shape = |site| match self.arg(site)? {
            Arg::Ref(name) => Some(self.graph.meta(name)?.shape.as_slice()),
            _ => None,
        };
        matches!((shape(site), shape(other)), (Some(one), Some(whole)) if are(one, whole))
    }

    /// Whether every tensor that enters the chain is one the template knows of.
    fn tensors_accounted_for(&self, chain: &Match) -> bool {
        self.nodes.iter().enumerate().all(|(index, node)| {
            node.args.iter().all(|(arg, value)| {
                let names: &[String] = match value {
                    Arg::Ref(name) => std::slice::from_ref(name),
                    Arg::RefList(names) => names,
                    Arg::Int(_)
                    | Arg::Float(_)
                    | Arg::Bool(_)
                    | Arg::Str(_)
                    | Arg::IntList(_)
                    | Arg::None
                    | Arg::Other(_) => return true,
                };
                let bound = chain.bind.iter().any(|bind| {
                    let Site { node, arg: bound } = &bind.site;
                    *node == index && self.name_in_graph(index, bound) == arg.as_str()
                });
                names.iter().all(|name| {
                    let from_chain = index > 0 && is_result(name, self.nodes[index - 1]);
                    let input = self
                        .graph
                        .input(name)
                        .is_some_and(|value| matches!(value.kind, ValueKind::Input(_)));
                    // A bound argument that is the chain's own value fails when it is bound.
                    bound || from_chain || (index == 0 && input)
                })
            })
        })
    }

    fn variable(&self, site: &Site) -> Option<Variable> {
        let is_dim = DIM_ARGS.contains(&site.arg.as_str());
        let from_front = |dim: i64| match self.rank(site.node) {
            Some(rank) if is_dim && dim < 0 => dim + rank,
            _ => dim,
        };
        match self.arg(site)? {
            Arg::Ref(name) => buffer(self.graph, name).map(Variable::Buffer),
            Arg::Int(value) => Some(Variable::Int(from_front(*value))),
            Arg::Float(value) => Some(Variable::Float(*value)),
            Arg::Bool(value) => Some(Variable::Bool(*value)),
            Arg::Str(text) => Some(Variable::Text(text.clone())),
            Arg::IntList(values) => Some(Variable::Ints(self.int_list(site, values, from_front))),
            Arg::RefList(_) | Arg::None | Arg::Other(_) => None,
        }
    }

    /// The stride of a pooling that has none is its window.
    fn int_list(&self, site: &Site, values: &[i64], from_front: impl Fn(i64) -> i64) -> Vec<i64> {
        let window = self.nodes[site.node].arg("kernel_size");
        match (values, site.arg.as_str(), window) {
            ([], "stride", Some(Arg::IntList(window))) => window.clone(),
            _ => values.iter().copied().map(from_front).collect(),
        }
    }

    /// Rank of a node's first tensor.
    fn rank(&self, node: usize) -> Option<i64> {
        let name = self.nodes[node].reads().next()?;
        Some(self.graph.meta(name)?.shape.len() as i64)
    }
}

/// The plan's name of a value that enters the graph: inputs are counted among tensors only.
pub(super) fn buffer(graph: &OpGraph, name: &str) -> Option<String> {
    let value = graph.input(name)?;
    value.meta.as_ref()?;
    match &value.kind {
        ValueKind::Input(index) => {
            let is_earlier_tensor = |other: &&torch_bridge::GraphValue| {
                other.meta.is_some()
                    && matches!(other.kind, ValueKind::Input(earlier) if earlier < *index)
            };
            Some(format!(
                "in.{}",
                graph.inputs.iter().filter(is_earlier_tensor).count()
            ))
        }
        // Only such keys can be written in an expression.
        ValueKind::Param(key) => {
            let plain = key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            plain.then(|| format!("param.{key}"))
        }
        ValueKind::Constant => None,
    }
}
