//! Templates for GPUs: what differs from those for processors.

use std::fs;
use std::path::Path;

use serde_json::Map;
use torch_bridge::{Arg, GraphSource, GraphValue, OpGraph, OpNode, TensorMeta, ValueKind};

use super::*;
use crate::plan::{self, Target};

/// `y + bias * 2`, then leaky ReLU, of an input with a bias along the last dimension and one number more.
const WRITTEN: &str = r#"#line 1 "epilogue"
#define OPERANDS , const float* p0, const float* p1, const float* p2
#define EPILOGUE Epilogue{p0, p1, p2}
struct Epilogue {
    enum { BY_CHANNEL = 1 };
    const float* p0;
    const float* p1;
    const float* p2;
    DEVICE float apply(float v0, float o0, float o1, float o2) const {
        const float v1 = v0 + 2.0f * o0;
        const float v2 = v1 * o1;
        const float v3 = v2 + o2;
        const float v4 = v3 < (0.0f) ? v3 * (float)0.25 : v3;
        const float v5 = silu_(v4);
        return v5;
    }
    DEVICE float one(float v0, i64 channel, i64 index) const { return apply(v0, __ldg(p0 + channel), __ldg(p1 + 0), __ldg(p2 + index)); }
    DEVICE float4 four(float4 v0, i64 channel, i64 index) const {
        const float4 o0 = load4(p0 + channel);
        const float4 o1 = same4(__ldg(p1));
        const float4 o2 = load4(p2 + index);
        return make_float4(apply(v0.x, o0.x, o1.x, o2.x), apply(v0.y, o0.y, o1.y, o2.y), apply(v0.z, o0.z, o1.z, o2.z), apply(v0.w, o0.w, o1.w, o2.w));
    }
    DEVICE bool aligned() const { return true && is_aligned(p0) && is_aligned(p2); }
};
"#;

const TEMPLATE: &str = r#"
name = "sweep"
summary = "a sweep"
include = ["base.h"]

[[match]]
ops = []
epilogue = -1

[[param]]
name = "BLOCK"
kind = "choice"
values = [128, 256]
default = 256
"#;

const PLAN: &str = r#"
schema = 1

[[step]]
kernel = "sweep"
grid = [1]
block = [{{ BLOCK }}]
args = ["{{ head }}", "out.0"{% for operand in operands %}, "{{ operand }}"{% endfor %}]
"#;

fn meta(shape: &[i64]) -> TensorMeta {
    TensorMeta {
        shape: shape.to_vec(),
        dtype: "f32".to_owned(),
    }
}

fn graph() -> OpGraph {
    let of = |name: &str| Arg::Ref(name.to_owned());
    let node = |name: &str, op: &str, args: Vec<(&str, Arg)>| OpNode {
        name: name.to_owned(),
        op: format!("aten.{op}"),
        args: args
            .into_iter()
            .map(|(name, arg)| (name.to_owned(), arg))
            .collect(),
        outputs: vec![meta(&[8, 16])],
    };
    let input = |index, shape: &[i64]| GraphValue {
        name: format!("x{index}"),
        kind: ValueKind::Input(index),
        meta: Some(meta(shape)),
    };
    OpGraph {
        source: GraphSource::Export,
        inputs: vec![
            input(0, &[8, 16]),
            input(1, &[16]),
            input(2, &[1]),
            input(3, &[8, 16]),
        ],
        nodes: vec![
            node(
                "a",
                "add.Tensor",
                vec![
                    ("self", of("x0")),
                    ("other", of("x1")),
                    ("alpha", Arg::Int(2)),
                ],
            ),
            node(
                "b",
                "mul.Tensor",
                vec![("self", of("a")), ("other", of("x2"))],
            ),
            node(
                "c",
                "add.Tensor",
                vec![("self", of("b")), ("other", of("x3"))],
            ),
            node(
                "d",
                "leaky_relu.default",
                vec![("self", of("c")), ("negative_slope", Arg::Float(0.25))],
            ),
            node("e", "silu.default", vec![("self", of("d"))]),
        ],
        outputs: vec!["e".to_owned()],
    }
}

#[test]
fn a_library_has_templates_of_its_own_for_gpus() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    };
    write("cuda/sweep/template.toml", TEMPLATE);
    write("cuda/sweep/plan.toml", PLAN);
    write("cuda/sweep/kernel.cu", "KERNEL void sweep();\n");
    write("cuda/_include/base.h", "typedef long long i64;\n");
    // No template of the library for processors, whose headers these are not either.
    assert!(
        load(dir.path(), Target::Cpu)
            .expect("no template")
            .is_empty()
    );
    let templates = load(dir.path(), Target::Cuda).expect("a library");
    let [template] = templates.as_slice() else {
        panic!("{templates:?}");
    };
    assert_eq!(template.target, Target::Cuda);

    let binding = matches(template, &graph()).expect("element-wise");
    let instance = instantiate(template, &binding, &Map::new()).expect("valid");
    assert!(
        instance
            .plan_toml
            .contains(r#"args = ["in.0", "out.0", "in.1", "in.2", "in.3"]"#),
        "{}",
        instance.plan_toml
    );
    plan::parse(&instance.plan_toml, Target::Cuda).expect("a plan");
    // The function comes before the kernel that has it as a type, and only kernels of the plan are compiled.
    assert_eq!(
        instance.source_cpp,
        format!(
            "#define KERNEL_sweep 1\n#define BLOCK 256\n#line 1 \"base.h\"\ntypedef long long i64;\n\n\
             {WRITTEN}#line 1 \"kernel.cu\"\nKERNEL void sweep();\n"
        )
    );
}

#[test]
fn the_shipped_library_for_gpus_loads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/library");
    let templates = load(&dir, Target::Cuda).expect("the library");
    assert!(!templates.is_empty());
    for template in &templates {
        assert!(!template.summary.is_empty(), "{}", template.name);
        assert!(
            template.kernel_source.contains("KERNEL") || template.name.starts_with("library_"),
            "{}",
            template.name
        );
    }
}
