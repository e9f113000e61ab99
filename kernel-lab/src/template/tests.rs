//! Templates against hand-made graphs, and the shipped library as a whole.

use std::fs;
use std::path::Path;

use serde_json::{Map, json};
use torch_bridge::{Arg, GraphSource, GraphValue, OpGraph, OpNode, TensorMeta, ValueKind};

use super::*;
use crate::plan;

fn meta(shape: &[i64]) -> TensorMeta {
    TensorMeta {
        shape: shape.to_vec(),
        dtype: "f32".to_owned(),
    }
}

fn input(name: &str, kind: ValueKind, shape: &[i64]) -> GraphValue {
    GraphValue {
        name: name.to_owned(),
        kind,
        meta: Some(meta(shape)),
    }
}

fn node(name: &str, op: &str, args: &[(&str, Arg)]) -> OpNode {
    let args = args
        .iter()
        .map(|(name, arg)| ((*name).to_owned(), arg.clone()))
        .collect();
    OpNode {
        name: name.to_owned(),
        op: op.to_owned(),
        args,
        outputs: vec![meta(&[8, 16])],
    }
}

/// A change to a graph.
type Change<'a> = &'a dyn Fn(&mut OpGraph);

fn reference(name: &str) -> Arg {
    Arg::Ref(name.to_owned())
}

/// `(x + y)` or `(y + x)`, layer-normalised, times 0.5.
fn graph(swap: bool) -> OpGraph {
    let (a, b) = if swap { ("y", "x") } else { ("x", "y") };
    OpGraph {
        source: GraphSource::Export,
        inputs: vec![
            input("x", ValueKind::Input(0), &[8, 16]),
            GraphValue {
                name: "n".to_owned(),
                kind: ValueKind::Input(1),
                meta: None,
            },
            input("y", ValueKind::Input(2), &[8, 16]),
            input("w", ValueKind::Param("ln.weight".to_owned()), &[16]),
        ],
        nodes: vec![
            node(
                "add",
                "aten.add.Tensor",
                &[
                    ("self", reference(a)),
                    ("other", reference(b)),
                    ("alpha", Arg::Int(1)),
                ],
            ),
            node(
                "ln",
                "aten.layer_norm.default",
                &[
                    ("input", reference("add")),
                    ("normalized_shape", Arg::IntList(vec![16])),
                    ("weight", reference("w")),
                    ("bias", Arg::None),
                    ("eps", Arg::Float(1e-5)),
                    ("dim", Arg::Int(-1)),
                ],
            ),
            node(
                "mul",
                "aten.mul.Tensor",
                &[("self", Arg::Float(0.5)), ("other", reference("ln"))],
            ),
        ],
        outputs: vec!["mul".to_owned()],
    }
}

const TEMPLATE: &str = r#"
name = "fused"
summary = "a fixture"
include = ["vec.h"]
[[match]]
ops = ["aten.add.Tensor|aten.sub.Tensor", "aten.layer_norm.default", "aten.mul.Tensor"]
[match.where]
"0.alpha" = 1
"1.dim" = "last"
"2.other" = "number"
[match.bind]
a = "0.self"
b = "0.other"
weight = "1.weight"
eps = "1.eps"
dim = "1.dim"
scale = "2.other"
[[param]]
name = "UNROLL"
kind = "choice"
values = [1, 2, 4]
default = 4
[[param]]
name = "NT"
kind = "bool"
default = true
[[param]]
name = "TILE"
kind = "int"
low = 8
high = 64
step = 8
log = true
default = 16
"#;

const PLAN: &str = r#"schema = 1
[[step]]
kernel = "fused"
args = ["{{ a }}", "{{ b }}", "{{ weight }}", "out.0", "{{ TILE }} * {{ dim }}", {{ NT }}, {{ eps }}, {{ scale }}]
"#;

/// A library with one template whose `template.toml` has `from` replaced by `to`.
fn library(from: &str, to: &str, plan: &str) -> (tempfile::TempDir, Result<Vec<Template>, String>) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().expect("inside the library")).expect("folder");
        fs::write(path, text).expect("file");
    };
    assert!(TEMPLATE.contains(from), "{from}");
    write("fused/template.toml", &TEMPLATE.replacen(from, to, 1));
    write("fused/plan.toml", plan);
    write("fused/kernel.cpp", "void fused();\n");
    write("_include/vec.h", "typedef long i64;\n");
    let loaded = load(dir.path(), plan::Target::Cpu).map_err(|error| {
        let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
            error.source()
        });
        chain
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    });
    (dir, loaded)
}

fn template() -> Template {
    let (_dir, templates) = library("", "", PLAN);
    templates.expect("valid library").remove(0)
}

fn params(json: &serde_json::Value) -> Map<String, serde_json::Value> {
    json.as_object().cloned().expect("an object")
}

#[test]
fn a_chain_is_bound_and_instantiated() {
    let template = template();
    let binding = matches(&template, &graph(false)).expect("a match");
    assert_eq!(binding.variables["a"], Variable::Buffer("in.0".to_owned()));
    // `n` is no tensor, so the third argument is the second buffer.
    assert_eq!(binding.variables["b"], Variable::Buffer("in.1".to_owned()));
    assert_eq!(
        binding.variables["weight"],
        Variable::Buffer("param.ln.weight".to_owned())
    );
    assert_eq!(binding.variables["dim"], Variable::Int(1));
    assert_eq!(binding.variables["scale"], Variable::Float(0.5));

    let instance = instantiate(
        &template,
        &binding,
        &params(&json!({"UNROLL": 2, "TILE": 24})),
    )
    .expect("valid");
    let args =
        "args = [\"in.0\", \"in.1\", \"param.ln.weight\", \"out.0\", \"24 * 1\", 1, 1e-5, 0.5]";
    assert!(instance.plan_toml.contains(args), "{}", instance.plan_toml);
    plan::parse(&instance.plan_toml, plan::Target::Cpu).expect("a plan");
    assert_eq!(
        instance.source_cpp,
        "#define UNROLL 2\n#define NT 1\n#define TILE 24\n#line 1 \"vec.h\"\ntypedef long i64;\n\n\
         #line 1 \"kernel.cpp\"\nvoid fused();\n"
    );
}

#[test]
fn operands_of_sums_may_trade_places_but_weighted_ones_may_not() {
    let swapped = matches(&template(), &graph(true)).expect("a match");
    assert_eq!(swapped.variables["a"], Variable::Buffer("in.1".to_owned()));
    let mut weighted = graph(true);
    weighted.nodes[0].args[2].1 = Arg::Int(2);
    assert_eq!(matches(&template(), &weighted), None);
}

#[test]
fn graphs_that_the_chain_does_not_cover_do_not_match() {
    let template = template();
    let check = |change: &dyn Fn(&mut OpGraph)| {
        let mut graph = graph(false);
        change(&mut graph);
        matches(&template, &graph)
    };
    assert!(check(&|_| ()).is_some());
    let cases: [(&str, Change<'_>); 9] = [
        ("another op", &|graph| {
            graph.nodes[1].op = "aten.rms_norm.default".to_owned();
        }),
        ("one node more", &|graph| {
            graph.nodes.push(node(
                "relu",
                "aten.relu.default",
                &[("self", reference("mul"))],
            ));
        }),
        ("one node less", &|graph| {
            graph.nodes.pop();
        }),
        ("an inner value returned", &|graph| {
            graph.outputs = vec!["ln".to_owned()];
        }),
        ("two values returned", &|graph| {
            graph.outputs.push("ln".to_owned());
        }),
        ("a node that skips the chain", &|graph| {
            graph.nodes[2].args[1].1 = reference("add");
        }),
        ("another dimension", &|graph| {
            graph.nodes[1].args[5].1 = Arg::Int(0);
        }),
        ("an unknown bias", &|graph| {
            graph.nodes[1].args[3].1 = reference("w");
        }),
        ("no weight", &|graph| graph.nodes[1].args[2].1 = Arg::None),
    ];
    for (name, change) in cases {
        assert_eq!(check(change), None, "{name}");
    }
}

/// Whether the fixture matches `graph` with `condition` alone in its `[match.where]`.
fn holds(condition: &str, graph: &OpGraph) -> bool {
    let whole = "\"0.alpha\" = 1\n\"1.dim\" = \"last\"\n\"2.other\" = \"number\"";
    let (_dir, templates) = library(whole, condition, PLAN);
    matches(&templates.expect(condition).remove(0), graph).is_some()
}

#[test]
fn an_argument_may_have_to_be_absent() {
    for (condition, expected) in [
        (r#""1.bias" = "absent""#, true),
        (r#""1.never_heard_of" = "absent""#, true),
        (r#""1.weight" = "absent""#, false),
        (r#""1.bias" = "number?""#, true),
        (r#""1.eps" = "number?""#, true),
        (r#""1.weight" = "number?""#, false),
    ] {
        assert_eq!(holds(condition, &graph(false)), expected, "{condition}");
    }
}

#[test]
fn an_integer_may_have_to_be_above_another() {
    for (condition, expected) in [
        (r#""0.alpha" = "above 0""#, true),
        (r#""0.alpha" = "above 1""#, false),
        (r#""1.eps" = "above 0""#, false),
    ] {
        assert_eq!(holds(condition, &graph(false)), expected, "{condition}");
    }
}

#[test]
fn dimensions_are_the_last_or_inner_ones_or_listed() {
    let with = |value: &Arg| {
        let mut graph = graph(false);
        graph.nodes[0].outputs = vec![meta(&[4, 8, 16])];
        graph.nodes[1].args[5].1 = value.clone();
        graph
    };
    let list = |values: &[i64]| Arg::IntList(values.to_vec());
    let [last, trailing, inner, adjacent] =
        ["last", "trailing", "inner", "adjacent"].map(|word| format!("\"1.dim\" = \"{word}\""));
    let listed = "\"1.dim\" = [0, 1]".to_owned();
    for (value, fitting) in [
        (Arg::Int(0), vec![&inner, &adjacent]),
        (Arg::Int(-2), vec![&inner, &adjacent]),
        (Arg::Int(2), vec![&last, &trailing, &adjacent]),
        (Arg::Int(-1), vec![&last, &trailing, &adjacent]),
        (list(&[1]), vec![&inner, &adjacent]),
        (list(&[-1]), vec![&last, &trailing, &adjacent]),
        (list(&[0, 1]), vec![&inner, &adjacent, &listed]),
        (list(&[-3, -2]), vec![&inner, &adjacent, &listed]),
        (list(&[1, 2]), vec![&trailing, &adjacent]),
        (list(&[1, 0]), vec![]),
        (list(&[0, 2]), vec![]),
        (list(&[]), vec![]),
        (Arg::None, vec![]),
    ] {
        for condition in [&last, &trailing, &inner, &adjacent, &listed] {
            let expected = fitting.contains(&condition);
            assert_eq!(
                holds(condition, &with(&value)),
                expected,
                "{condition} {value:?}"
            );
        }
    }
}

#[test]
fn a_tensor_may_have_to_be_shaped_like_another() {
    let like = r#""0.other" = "like 0.self""#;
    let tail = r#""0.other" = "tail of 0.self""#;
    let row = r#""0.other" = "row of 0.self""#;
    let cases: [(&[i64], &[&str]); 9] = [
        (&[4, 8, 16], &[like, tail]),
        (&[8, 16], &[tail]),
        (&[1, 8, 16], &[tail]),
        (&[16], &[tail, row]),
        (&[1, 1, 1, 16], &[tail, row]),
        (&[8, 1], &[]),
        (&[8], &[]),
        (&[1], &[]),
        (&[2, 8, 16], &[]),
    ];
    for (shape, fitting) in cases {
        for swap in [false, true] {
            let mut graph = graph(swap);
            graph.inputs[0].meta = Some(meta(&[4, 8, 16]));
            graph.inputs[2].meta = Some(meta(shape));
            // Operands of a sum may trade places, so either order of them will do.
            for condition in [like, tail, row] {
                let expected = fitting.contains(&condition);
                assert_eq!(holds(condition, &graph), expected, "{condition} {shape:?}");
            }
        }
    }
    // A value of the chain has a shape, too, and a number has none.
    assert!(!holds(r#""1.weight" = "like 1.input""#, &graph(false)));
    assert!(holds(r#""1.weight" = "row of 1.input""#, &graph(false)));
    assert!(!holds(r#""2.other" = "like 2.self""#, &graph(false)));
    assert!(!holds(
        r#""0.other" = "like 0.never_heard_of""#,
        &graph(false)
    ));
}

#[test]
fn a_value_may_have_to_be_used_again() {
    let mut same = graph(false);
    same.nodes[0].args[1].1 = reference("x");
    for (condition, graph, expected) in [
        (r#""0.other" = "same as 0.self""#, &graph(false), false),
        (r#""0.other" = "same as 0.self""#, &same, true),
        (r#""1.weight" = "same as 0.other""#, &same, false),
    ] {
        assert_eq!(holds(condition, graph), expected, "{condition}");
    }
}

#[test]
fn a_variable_whose_argument_may_be_missing_is_undefined_then() {
    let plan = "# {{ bias if bias is defined else 'none' }}";
    let (_dir, templates) = library(
        "weight = \"1.weight\"",
        "weight = \"1.weight\"\nbias = \"1.bias?\"",
        plan,
    );
    let template = templates.expect("valid library").remove(0);
    let render = |graph: &OpGraph| {
        let binding = matches(&template, graph)?;
        let instance = instantiate(&template, &binding, &Map::new()).expect("valid");
        Some(instance.plan_toml)
    };
    let mut given = graph(false);
    given.nodes[1].args[3].1 = reference("w");
    assert_eq!(render(&graph(false)).as_deref(), Some("# none"));
    assert_eq!(render(&given).as_deref(), Some("# param.ln.weight"));
    // What is there and can't be bound is not missing.
    given.nodes[1].args[3].1 = Arg::Other("inf".to_owned());
    assert_eq!(render(&given), None);
}

#[test]
fn a_plan_knows_which_chain_and_which_operators_fit() {
    let mut template = template();
    template.plan_template = "# {{ entry }} {{ ops[1] }}".to_owned();
    let binding = matches(&template, &graph(false)).expect("a match");
    let instance = instantiate(&template, &binding, &Map::new()).expect("valid");
    assert_eq!(instance.plan_toml, "# 0 aten.layer_norm.default");
}

#[test]
fn parameters_are_validated() {
    let template = template();
    let binding = matches(&template, &graph(false)).expect("a match");
    let cases = [
        (
            json!({"UNROL": 2}),
            "has no parameter `UNROL` (did you mean `UNROLL`?)",
        ),
        (
            json!({"UNROLL": 3}),
            "parameter `UNROLL` of template `fused` can't be 3: it is one of [1, 2, 4]",
        ),
        (json!({"UNROLL": "2"}), "can't be \"2\""),
        (json!({"NT": 1}), "it is true or false"),
        (json!({"TILE": 12}), "an integer in 8..=64 in steps of 8"),
        (json!({"TILE": 72}), "can't be 72"),
    ];
    for (given, part) in cases {
        let error = instantiate(&template, &binding, &params(&given))
            .expect_err(part)
            .to_string();
        assert!(error.contains(part), "{error}");
    }
    let spaces = serde_json::to_value(space(&template)).expect("serialisable");
    assert_eq!(
        spaces[0],
        json!({"name": "UNROLL", "kind": "choice", "values": [1, 2, 4], "default": 4})
    );
    assert_eq!(
        spaces[1],
        json!({"name": "NT", "kind": "bool", "default": true})
    );
}

#[test]
fn undefined_variables_are_errors() {
    let (_dir, templates) = library("", "", "args = [{{ missing }}]");
    let template = templates.expect("valid library").remove(0);
    let binding = matches(&template, &graph(false)).expect("a match");
    let error = instantiate(&template, &binding, &Map::new()).expect_err("undefined");
    assert_eq!(
        error.to_string(),
        "failed to render the plan of template `fused`"
    );
}

#[test]
fn mistakes_in_a_library_name_file_field_and_value() {
    let cases = [
        (
            "name = \"fused\"",
            "name = \"other\"",
            "template.toml",
            "`name` is `other`: it must be the folder's name",
        ),
        (
            "summary",
            "sumary",
            "template.toml",
            "unknown field `sumary`",
        ),
        (
            "include = [\"vec.h\"]",
            "include = [\"no.h\"]",
            "no.h",
            "failed to read it",
        ),
        (
            "include = [\"vec.h\"]",
            "include = [\"../x.h\"]",
            "template.toml",
            "`include` is `../x.h`",
        ),
        (
            "\"0.alpha\" = 1",
            "\"3.alpha\" = 1",
            "template.toml",
            "`match.where` is `3.alpha`: the chain has no such node",
        ),
        (
            "\"0.alpha\" = 1",
            "\"alpha\" = 1",
            "template.toml",
            "it must be \"<node index>.<argument name>\"",
        ),
        (
            "\"0.alpha\" = 1",
            "\"0.alpha\" = [1.5]",
            "template.toml",
            "`match.where.\"0.alpha\"` is `[1.5]`",
        ),
        (
            "\"0.alpha\" = 1",
            "\"0.alpha\" = \"like self\"",
            "template.toml",
            "`match.where` is `self`: it must be \"<node index>.<argument name>\"",
        ),
        (
            "\"0.alpha\" = 1",
            "\"0.alpha\" = \"above all\"",
            "template.toml",
            "`match.where` is `above all`: `above` is followed by an integer",
        ),
        (
            "eps = \"1.eps\"",
            "ops = \"1.eps\"",
            "template.toml",
            "`match.bind` is `ops`: every plan has a variable of this name",
        ),
        (
            "eps = \"1.eps\"",
            "eps = 1",
            "template.toml",
            "`match.bind.eps` is `1`",
        ),
        (
            "eps = \"1.eps\"",
            "NT = \"1.eps\"",
            "template.toml",
            "a parameter has the same name",
        ),
        (
            "default = 4",
            "default = 3",
            "template.toml",
            "`param UNROLL.default` is `3`: it is none of the values",
        ),
        (
            "default = true",
            "default = 1",
            "template.toml",
            "`param NT.default` is `1`: it must be a boolean",
        ),
        (
            "default = 16",
            "default = 17",
            "template.toml",
            "`param TILE.default` is `17`: it is not in the range",
        ),
        (
            "kind = \"int\"",
            "kind = \"float\"",
            "template.toml",
            "`param TILE.kind` is `float`",
        ),
        (
            "name = \"NT\"",
            "name = \"UNROLL\"",
            "template.toml",
            "two parameters have the same name",
        ),
    ];
    for (from, to, file, part) in cases {
        let (_dir, loaded) = library(from, to, PLAN);
        let error = loaded.expect_err(to);
        assert!(
            error.contains(file) && error.contains(part),
            "{to}: {error}"
        );
    }
    let (_dir, loaded) = library("", "", "{% if %}");
    assert!(
        loaded
            .expect_err("no template")
            .contains("failed to parse it as a template")
    );
}

#[test]
fn the_shipped_library_loads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/library");
    let templates = load(&dir, plan::Target::Cpu).expect("the library");
    assert!(!templates.is_empty());
    for template in &templates {
        assert!(!template.summary.is_empty(), "{}", template.name);
    }
}
