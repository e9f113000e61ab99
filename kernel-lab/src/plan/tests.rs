//! Plans end to end: text to bound plan, and every refusal with its message.

use super::*;

fn meta(dtype: Dtype, shape: &[i64]) -> BufferMeta {
    BufferMeta {
        dtype,
        shape: shape.to_vec(),
    }
}

/// One `[8, 16]` input, a linear layer's parameters, one `[8, 16]` output.
fn signature() -> Signature {
    Signature {
        inputs: vec![meta(Dtype::F32, &[8, 16])],
        params: vec![
            ("fc.weight".to_owned(), meta(Dtype::F32, &[16, 16])),
            ("fc.bias".to_owned(), meta(Dtype::F32, &[16])),
        ],
        outputs: vec![meta(Dtype::F32, &[8, 16])],
    }
}

fn bound(text: &str) -> Result<BoundPlan, PlanError> {
    bind(
        &parse(text, Target::Cpu)?,
        &signature(),
        Some(2),
        Limits {
            temp_bytes: 1 << 20,
        },
    )
}

const FULL: &str = r#"
schema = 1
[dims]
cols = "in.0.shape[-1]"
rows = "in.0.numel / cols"
outer = "prod(in.0, 0, 1)"
[temps.packed]
dtype = "f32"
shape = ["cols", "cols + 1"]
[temps.acc]
dtype = "f32"
shape = ["rows", 16]
[[prepare]]
kernel = "pack"
args = ["param.fc.weight", "tmp.packed", "rows"]
[[step]]
library = "aten::linear"
inputs = ["in.0", "param.fc.weight", "param.fc.bias"]
outputs = ["tmp.acc"]
[[step]]
kernel = "finish"
args = ["tmp.acc", "out.0", "outer * parts", 3, 1e-5]
"#;

#[test]
fn a_full_plan_binds() {
    let plan = bound(FULL).expect("valid plan");
    let roles: Vec<String> = plan
        .buffers
        .iter()
        .map(|buffer| buffer.role.to_string())
        .collect();
    assert_eq!(
        roles,
        [
            "in.0",
            "param.fc.weight",
            "param.fc.bias",
            "tmp.packed",
            "tmp.acc",
            "out.0"
        ]
    );
    assert_eq!(plan.buffers[3].shape, [16, 17]);
    assert_eq!(plan.buffers[3].bytes, 16 * 17 * 4);
    assert_eq!(plan.track, Track::LibraryAssisted);
    assert_eq!(plan.kernels[1].args[0], ArgType::PtrMut(Dtype::F32));
    assert_eq!(plan.kernels[0].args[0], ArgType::PtrConst(Dtype::F32));
    let BoundStep::Kernel { args, .. } = &plan.steps[1] else {
        panic!("a kernel step")
    };
    let expected = [
        BoundArg::Buffer(4),
        BoundArg::Buffer(5),
        BoundArg::I64(16),
        BoundArg::I64(3),
        BoundArg::F64(1e-5),
    ];
    assert_eq!(args, &expected);
    let json = serde_json::to_string(&plan).expect("serialisable");
    assert_eq!(
        serde_json::from_str::<BoundPlan>(&json).expect("readable"),
        plan
    );
}

#[test]
fn unused_parameters_are_dropped_and_indices_follow() {
    let plan = bound("schema = 1\n[[step]]\nkernel = \"k\"\nargs = [\"param.fc.bias\", \"out.0\"]")
        .expect("valid");
    let roles: Vec<String> = plan
        .buffers
        .iter()
        .map(|buffer| buffer.role.to_string())
        .collect();
    assert_eq!(roles, ["in.0", "param.fc.bias", "out.0"]);
    let BoundStep::Kernel { args, .. } = &plan.steps[0] else {
        panic!("a kernel step")
    };
    assert_eq!(args, &[BoundArg::Buffer(1), BoundArg::Buffer(2)]);
    assert_eq!(plan.track, Track::Pure);
}

#[test]
fn every_refusal_names_place_and_cause() {
    let step = "[[step]]\nkernel = \"k\"\nargs = [\"in.0\", \"out.0\"]\n";
    let cases: &[(&str, &str, &str)] = &[
        (
            "schema = 1\nfoo = 2",
            "unknown-key",
            "plan.toml:2: top level: unknown key `foo`",
        ),
        (
            "schema = 1\n[[step]]\nkernal = \"k\"",
            "unknown-key",
            "did you mean `kernel`?",
        ),
        (
            "schema = 1\n[[step]]\nkernel = \"k\"\ngrid = [1]\nargs = []",
            "invalid-on-device",
            "`grid` is invalid on device `cpu`",
        ),
        ("[[step]]", "missing-key", "missing key `schema`"),
        ("schema = 2", "unsupported-schema", "schema 2"),
        (
            "schema = \"1\"",
            "wrong-type",
            "expected an integer, found a string",
        ),
        ("schema = 1", "no-steps", "no `[[step]]`"),
        ("schema = = 1", "toml-syntax", "plan.toml:1:"),
        (
            "schema = 1\n[[step]]\nkernel = \"a b\"\nargs = []",
            "invalid-name",
            "`a b` is no C symbol",
        ),
        (
            "schema = 1\n[[step]]\nkernel = \"k\"",
            "missing-key",
            "plan.toml:2: `[[step]]` 1: missing key `args`",
        ),
        (
            "schema = 1\n[[step]]\nargs = []",
            "kernel-or-library",
            "either `kernel` or `library`",
        ),
        (
            "schema = 1\n[[step]]\nkernel = \"k\"\nargs = [true]",
            "wrong-type",
            "found a boolean",
        ),
        (
            "schema = 1\n[[step]]\nkernel = \"k\"\nargs = [nan]",
            "not-finite",
            "is not finite",
        ),
        (
            "schema = 1\n[[step]]\nlibrary = \"aten::relu\"\ninputs = []\noutputs = []",
            "unknown-library-op",
            "aten::clone",
        ),
        (
            "schema = 1\n[[step]]\nlibrary = \"aten::clone\"\ninputs = [\"in.0\"]\noutputs = [\"in.0\"]",
            "writes-read-only",
            "`in.0` is read-only",
        ),
        (
            "schema = 1\n[[step]]\nlibrary = \"aten::clone\"\ninputs = [\"out.0\"]\noutputs = [\"out.0\"]",
            "aliased-buffers",
            "both input and output",
        ),
        (
            "schema = 1\n[[step]]\nlibrary = \"aten::mm\"\ninputs = [\"in.0\", \"in.0\"]\noutputs = [\"out.0\"]",
            "library-operands",
            "[8, 16]",
        ),
        (
            "schema = 1\n[[step]]\nlibrary = \"aten::mm\"\ninputs = [\"in.0\"]\noutputs = [\"out.0\"]",
            "library-operands",
            "takes 2 inputs, not 1",
        ),
        (
            "schema = 1\n[[step]]\nkernel = \"k\"\nargs = [\"in.1\", \"out.0\"]",
            "unknown-buffer",
            "unknown buffer `in.1` (did you mean `in.0`?)",
        ),
        (
            "schema = 1\n[[step]]\nkernel = \"k\"\nargs = [\"in.0\"]",
            "output-unused",
            "no step writes `out.0`",
        ),
        (
            "schema = 1\n[[step]]\nkernel = \"k\"\nargs = [\"out.0\", 1]\n[[step]]\nkernel = \"k\"\nargs = [\"out.0\", 1.0]",
            "conflicting-signatures",
            "argument 1 as double here and as int64_t on line 2",
        ),
        (
            "schema = 1\n[[step]]\nkernel = \"k\"\nargs = [\"out.0\", 1]\n[[step]]\nkernel = \"k\"\nargs = [\"out.0\"]",
            "conflicting-signatures",
            "with 1 arguments here and with 2",
        ),
    ];
    for (text, kind, part) in cases {
        let error = bound(text).expect_err(text);
        assert_eq!(error.kind(), *kind, "{text}: {error}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
    let with_dims = [
        (
            "rows = \"in.0.shape[0]\"\nn = \"rowz * 2\"",
            "unknown-name",
            "`rowz * 2` at column 1: unknown name `rowz` (did you mean `rows`?)",
        ),
        (
            "n = \"1 / (2 - 2)\"",
            "division-by-zero",
            "column 3: 1 / 0 divides by zero",
        ),
        (
            "n = \"in.0.numel * 9223372036854775807\"",
            "overflow",
            "128 * 9223372036854775807 overflows",
        ),
        ("n = \"2 - 3\"", "negative-size", "this is -1"),
        ("parts = 3", "reserved-name", "`parts` is predefined"),
        (
            "n = \"in.0.shape[2]\"",
            "index-out-of-range",
            "dimension 2 is outside `in.0`, which has rank 2",
        ),
        ("n = 1.5", "wrong-type", "`[dims]` key `n`"),
    ];
    for (dims, kind, part) in with_dims {
        let error = bound(&format!("schema = 1\n{step}[dims]\n{dims}")).expect_err(dims);
        assert_eq!(error.kind(), kind, "{dims}: {error}");
        assert!(error.to_string().contains(part), "{dims}: {error}");
    }
    let with_temp = [
        (
            "dtype = \"f16\"\nshape = [1]",
            "unknown-dtype",
            "unknown dtype `f16`",
        ),
        ("dtype = \"f32\"\nshape = [-1]", "negative-size", "-1"),
        (
            "dtype = \"f32\"\nshape = [4294967296, 4294967296]",
            "overflow",
            "overflows 64 bits",
        ),
        (
            "dtype = \"f32\"\nshape = [1048576]",
            "temps-too-large",
            "4194304 bytes",
        ),
        (
            "dtype = \"f32\"\nshape = [1]\nsize = 2",
            "unknown-key",
            "`[temps.t]`: unknown key `size`",
        ),
    ];
    for (temp, kind, part) in with_temp {
        let error = bound(&format!("schema = 1\n{step}[temps.t]\n{temp}")).expect_err(temp);
        assert_eq!(error.kind(), kind, "{temp}: {error}");
        assert!(error.to_string().contains(part), "{temp}: {error}");
    }
    let prepare = format!("schema = 1\n{step}[[prepare]]\nkernel = \"p\"\nargs = [\"in.0\"]");
    assert_eq!(
        bound(&prepare).expect_err("prepare").kind(),
        "prepare-touches-call-buffer"
    );
}

#[test]
fn a_pointer_is_const_if_any_call_needs_it() {
    let text = "schema = 1\n[temps.t]\ndtype = \"f32\"\nshape = [8, 16]\n\
                [[step]]\nkernel = \"copy\"\nargs = [\"in.0\", \"tmp.t\"]\n\
                [[step]]\nkernel = \"copy\"\nargs = [\"tmp.t\", \"out.0\"]";
    let plan = bound(text).expect("valid");
    assert_eq!(
        plan.kernels[0].args,
        [ArgType::PtrConst(Dtype::F32), ArgType::PtrMut(Dtype::F32)]
    );
}

#[test]
fn convolutions_check_their_geometry() {
    let signature = Signature {
        inputs: vec![meta(Dtype::F32, &[2, 4, 9, 11])],
        params: vec![("weight".to_owned(), meta(Dtype::F32, &[6, 2, 3, 3]))],
        outputs: vec![meta(Dtype::F32, &[2, 6, 5, 9])],
    };
    let run = |attrs: &str| {
        let text = format!(
            "schema = 1\n[[step]]\nlibrary = \"aten::conv2d\"\ninputs = [\"in.0\", \"param.weight\"]\n\
             outputs = [\"out.0\"]\n[step.attrs]\n{attrs}"
        );
        bind(
            &parse(&text, Target::Cpu)?,
            &signature,
            Some(2),
            Limits { temp_bytes: 0 },
        )
    };
    let plan = run("stride = [2, 1]\npadding = [\"1\", 0]\ngroups = 2").expect("valid");
    let BoundStep::Library {
        attrs: LibraryAttrs::Convolution(geometry),
        ..
    } = &plan.steps[0]
    else {
        panic!("a convolution")
    };
    assert_eq!(
        geometry,
        &Convolution {
            transposed: false,
            stride: vec![2, 1],
            padding: vec![1, 0],
            output_padding: vec![0, 0],
            dilation: vec![1, 1],
            groups: 2
        }
    );
    let message = |attrs| run(attrs).expect_err("invalid").to_string();
    assert!(
        message("groups = 2").contains("[2, 6, 7, 9]"),
        "{}",
        message("groups = 2")
    );
    assert!(message("groups = 3").contains("groups = 3"));
    assert!(message("stride = 0\ngroups = 2").contains("at least 1"));
    assert!(message("groups = 2\nstrides = 1").contains("did you mean `stride`?"));
    assert!(message("groups = 2\noutput_padding = 1").contains("output_padding"));
}

/// Sizes as `torch.nn.functional.conv_transpose3d` and its siblings gave them.
#[test]
fn convolutions_in_any_number_of_dimensions() {
    /// Operator, shapes of input, weight and output, attributes.
    type Case<'a> = (&'a str, &'a [i64], &'a [i64], &'a [i64], &'a str);
    let cases: [Case<'_>; 6] = [
        (
            "conv1d",
            &[2, 4, 30],
            &[6, 2, 5],
            &[2, 6, 13],
            "stride = 2\ngroups = 2",
        ),
        (
            "conv3d",
            &[1, 3, 7, 8, 9],
            &[5, 3, 3, 3, 3],
            &[1, 5, 5, 6, 7],
            "",
        ),
        (
            "conv_transpose1d",
            &[1, 3, 10],
            &[3, 2, 4],
            &[1, 4, 21],
            "stride = 2\npadding = 1\noutput_padding = 1\ngroups = 2",
        ),
        (
            "conv_transpose1d",
            &[1, 4, 10],
            &[4, 2, 4],
            &[1, 4, 21],
            "stride = 2\npadding = 1\noutput_padding = 1\ngroups = 2",
        ),
        (
            "conv_transpose2d",
            &[2, 4, 5, 6],
            &[4, 3, 3, 3],
            &[2, 3, 7, 10],
            "dilation = [1, 2]",
        ),
        (
            "conv_transpose3d",
            &[1, 2, 3, 4, 5],
            &[2, 3, 3, 5, 7],
            &[1, 3, 7, 9, 13],
            "stride = [2, 2, 2]\npadding = [0, 1, 1]",
        ),
    ];
    for (number, (op, x, weight, out, attrs)) in cases.into_iter().enumerate() {
        let signature = Signature {
            inputs: vec![meta(Dtype::F32, x)],
            params: vec![("weight".to_owned(), meta(Dtype::F32, weight))],
            outputs: vec![meta(Dtype::F32, out)],
        };
        let text = format!(
            "schema = 1\n[[step]]\nlibrary = \"aten::{op}\"\ninputs = [\"in.0\", \"param.weight\"]\n\
             outputs = [\"out.0\"]\n[step.attrs]\n{attrs}"
        );
        let plan = parse(&text, Target::Cpu)
            .and_then(|plan| bind(&plan, &signature, Some(2), Limits { temp_bytes: 0 }));
        // Three channels can't be split in two groups.
        assert_eq!(plan.is_ok(), number != 2, "{op}: {plan:?}");
    }
}

#[test]
fn the_translation_unit_names_its_parts() {
    let plan = bound(FULL).expect("valid plan");
    let text = trampoline(&plan, "void pack() {}");
    assert!(text.starts_with("#line 1 \"kernel.cpp\"\nvoid pack() {}\n#line 1 \"entry.cpp\"\n"));
    assert!(!text.contains("#include"));
    for expected in [
        "alphalab_entry_1(int part, int parts, const unsigned long long *slot)",
        "kernel pack: argument 2 (param.fc.weight) is f32 and read-only but the parameter is not const float*",
        "kernel finish: argument 6 (1e-5) is floating point but the parameter is not double or float",
    ] {
        assert!(text.contains(expected), "{expected}");
    }
}
