//! Texts that are refused, each with the line of what is wrong.

use cuda_sim::{Device, LoadError, Module};

fn load(text: &str) -> Result<Module, LoadError> {
    let mut device = Device::new(1 << 20);
    Module::load(device.heap_mut(), text)
}

/// What is said of a text; the lines count from 1.
fn refused(text: &str) -> String {
    match load(text) {
        Ok(_) => panic!("it was loaded: {text:.200}"),
        Err(error) => error.to_string(),
    }
}

/// A kernel whose statements start at line 2.
fn body(statements: &str) -> String {
    format!(".visible .entry k(.param .u64 a) {{\n{statements}\n}}")
}

#[test]
fn text_that_is_too_deep_or_too_long() {
    let deep = |open: &str, close: &str| {
        let (open, close) = (open.repeat(100_000), close.repeat(100_000));
        refused(&body(&format!("mov.u32 %r1, {open}%r1{close};")))
    };
    for (open, close) in [("{", "}"), ("(", ")"), ("[%r1, ", "]"), ("%r1|{", "}")] {
        assert_eq!(deep(open, close), "line 2 of the PTX: nested too deep");
    }
    let blocks = body(&"{\n".repeat(100_000));
    assert_eq!(refused(&blocks), "line 66 of the PTX: nested too deep");
    let initial = format!(".global .b32 a[1] = {};", "{".repeat(100_000));
    assert_eq!(refused(&initial), "line 1 of the PTX: nested too deep");
    let long = " ".repeat((1 << 25) + 1);
    assert!(refused(&long).ends_with("at most 33554432 are read"));
}

/// Numbers whose product or sum has more bits than there are.
#[test]
fn sizes_without_an_end() {
    let most = u64::MAX;
    let whole = |text: &str| refused(text);
    for (text, expected) in [
        (
            format!(".global .b64 a[{most}];"),
            "line 1 of the PTX: 18446744073709551615 bytes asked for, 1048576 are free",
        ),
        (
            format!(".global .b64 a[{most}][{most}];"),
            "line 1 of the PTX: 18446744073709551615 bytes asked for, 1048576 are free",
        ),
        (
            format!(".shared .b64 a[{most}];"),
            "line 1 of the PTX: `a` is too large",
        ),
        (
            ".shared .align 65536 .b8 a[16777000];\n.shared .align 65536 .b8 b[4];".to_owned(),
            "line 2 of the PTX: `b` is too large",
        ),
        (
            ".shared .align 3 .b8 a[4];".to_owned(),
            "line 1 of the PTX: 3 is no alignment",
        ),
        (
            ".shared .align 131072 .b8 a[4];".to_owned(),
            "line 1 of the PTX: 131072 is no alignment",
        ),
        (
            ".entry k(.param .b8 a[16777216], .param .b8 b[16777216]) { ret; }".to_owned(),
            "line 1 of the PTX: `a` is too large",
        ),
        (
            ".entry k(.param .b8 a[30000],\n.param .b8 b[30000]) { ret; }".to_owned(),
            "line 2 of the PTX: more than 32764 bytes of arguments",
        ),
        (
            ".entry k() .maxntid 65536, 65536, 65536, 1 { ret; }".to_owned(),
            "line 1 of the PTX: `.maxntid` without one to three sizes",
        ),
        (
            ".entry k() .reqntid 0 { ret; }".to_owned(),
            "line 1 of the PTX: `.reqntid` without one to three sizes",
        ),
    ] {
        assert_eq!(whole(&text), expected);
    }
    assert!(load(".entry k() .maxntid 65536, 65536, 65536 { ret; }").is_ok());
}

#[test]
fn registers_and_memory_without_an_end() {
    for (statements, expected) in [
        (
            ".reg .b32 %r<4294967295>;\n.reg .b32 %q<4294967295>;".to_owned(),
            "line 2 of the PTX: more than 1048576 registers in a module",
        ),
        (
            ".reg .b32 %r<1000000>;\n.reg .b64 %q<1000000>;".to_owned(),
            "line 3 of the PTX: more than 1048576 registers in a module",
        ),
        (
            ".local .b8 a[500000];\n.local .b8 b[500000];".to_owned(),
            "line 3 of the PTX: more than 524288 bytes of local memory",
        ),
        (
            ".local .b8 a[16777216];".to_owned(),
            "line 2 of the PTX: `a` is too large",
        ),
        (
            ".local .align 8 .b8 a[18446744073709551615];".to_owned(),
            "line 2 of the PTX: `a` is too large",
        ),
        (
            ".shared .b8 a[4294967295];".to_owned(),
            "line 2 of the PTX: `a` is too large",
        ),
        (
            (0..5000)
                .map(|at| format!(".shared .b8 a{at};\n"))
                .collect::<Vec<_>>()
                .concat(),
            "line 4098 of the PTX: no room for `a4096`",
        ),
    ] {
        assert_eq!(refused(&body(&statements)), expected);
    }
    let many: String = (0..20_000)
        .map(|at| format!(".func f{at}() {{ ret; }}\n"))
        .collect::<Vec<_>>()
        .concat();
    assert_eq!(
        refused(&many),
        "line 16385 of the PTX: more than 16384 functions"
    );
}

/// Lists that would be copied for each of many instructions.
#[test]
fn what_grows_with_the_square_of_a_text() {
    let targets = vec!["L"; 2000].join(", ");
    let branches = "brx.idx %r, list;\n".repeat(2000);
    let text = body(&format!(
        ".reg .b32 %r;\nL:\nlist: .branchtargets {targets};\n{branches}"
    ));
    assert_eq!(
        refused(&text),
        "line 529 of the PTX: more than 1048576 places to go to"
    );
    // Families of registers are found at once, however many there are.
    let families: String = (0..30_000)
        .map(|at| format!(".reg .b32 %f{at}x<2>;\n"))
        .collect::<Vec<_>>()
        .concat();
    let uses = "add.s32 %f1x0, %f2x1, %f29999x0;\n".repeat(30_000);
    assert!(load(&body(&(families + &uses))).is_ok());
    let names: Vec<String> = (0..100_000).map(|at| format!("a{at}")).collect();
    let numbers = vec!["1"; 100_000].join(",");
    let text = format!(".global .b8 b[] = {{{numbers}}}, {};", names.join(", "));
    assert!(load(&text).is_ok());
}

#[test]
fn names_that_stand_for_two_things_or_nothing() {
    for (statements, expected) in [
        (
            ".reg .b32 %r;\n.reg .f32 %r;",
            "line 3 of the PTX: `%r` is declared twice",
        ),
        (
            ".reg .b32 %r<2>;\n.reg .f32 %r<3>;",
            "line 3 of the PTX: `%r` is declared twice",
        ),
        (
            ".reg .b32 %r<20>, %r1<5>;\nmov.u32 %r12, 1;",
            "line 3 of the PTX: `%r12` can't stand where U32 is wanted",
        ),
        ("L:\nL:\nret;", "line 3 of the PTX: `L` is declared twice"),
        (
            ".reg .b32 L;\nL:\nbra L;",
            "line 2 of the PTX: `L` is declared twice",
        ),
        (
            "bra L;\n{\nL:\nret;\n}",
            "line 2 of the PTX: `L` is no label",
        ),
        ("bra k;", "line 2 of the PTX: `k` is no label"),
        (
            ".local .b32 v;\n.shared .b32 v;",
            "line 3 of the PTX: `v` is declared twice",
        ),
        (
            ".reg .b32 %r;\nbrx.idx %r, nothing;",
            "line 3 of the PTX: `nothing` is no list of targets",
        ),
        (
            ".reg .b32 %r;\nlist: .branchtargets %r;\nbrx.idx %r, list;",
            "line 4 of the PTX: `%r` is no label",
        ),
        (
            ".reg .b64 %d;\nmov.u64 %d, nothing;",
            "line 3 of the PTX: `nothing` is not known",
        ),
    ] {
        assert_eq!(refused(&body(statements)), expected);
    }
    for text in [
        ".global .b32 a;\n.global .b32 a;",
        ".global .b32 a;\n.shared .b32 a;",
        ".global .b32 a;\n.func a() { ret; }",
        ".func a() { ret; }\n.entry a() { ret; }",
        ".entry k(.param .u32 a,\n.param .u32 a) { ret; }",
    ] {
        assert_eq!(refused(text), "line 2 of the PTX: `a` is declared twice");
    }
}

/// Accesses that would take their bytes from, or to, where none are.
#[test]
fn accesses_that_fit_nothing() {
    let registers = ".reg .pred %p<9>; .reg .b16 %h<9>; .reg .b32 %r<9>; .reg .b64 %d<9>; \
        .reg .f32 %f<9>; .local .b32 l; .param .b64 p; .shared .b32 s;";
    for (instruction, expected) in [
        (
            "ld.global.u64 %r1, [%d1];",
            "`%r1` can't stand where U64 is wanted",
        ),
        (
            "st.global.u64 [%d1], %r1;",
            "`%r1` can't stand where U64 is wanted",
        ),
        (
            "st.global.u8 [%d1], %p1;",
            "`%p1` can't stand where U8 is wanted",
        ),
        ("ld.global.u32 %r1, [%p1];", "`%p1` holds no address"),
        ("ld.global.u32 %r1, [%f1];", "`%f1` holds no address"),
        (
            "ld.global.v4.u32 {%r1,%r2}, [%d1];",
            "2 values for 4 elements",
        ),
        ("ld.global.u32 {%r1,%r2}, [%d1];", "2 values for 1 elements"),
        ("ld.global.u32 %r1, [l];", "`l` lies in another state space"),
        ("ld.local.u32 %r1, [s];", "`s` lies in another state space"),
        ("ld.u32 %r1, [s];", "`s` lies in another state space"),
        ("ld.local.b64 %d1, [p];", "`p` lies in another state space"),
        ("ld.global.u32 %r1, [k];", "`k` lies in another state space"),
        (
            "ld.global.u32 %r1, [%d1, {%r1, %r2}];",
            "coordinates where an address is wanted",
        ),
        (
            "mov.u32 %r1, k;",
            "the address of `k` has more than 32 bits",
        ),
        (
            "mov.u64 %d1, p;",
            "the address of `p`, a function's parameter, is not supported",
        ),
        (
            "mov.b64 {%r1,%p1}, %d1;",
            "`%p1` can't stand where B32 is wanted",
        ),
        (
            "mov.b64 {%d1,%r1}, %d1;",
            "`%d1` can't stand where B32 is wanted",
        ),
        (
            "mov.b64 %d1, {%r1,%d2};",
            "`%d2` can't stand where B32 is wanted",
        ),
        (
            "mov.b32 %p1, {%h1,%h2};",
            "`%p1` can't stand where B32 is wanted",
        ),
        ("mov.b32 {%h1}, %r1;", "1 parts of B32"),
        ("mov.b32 {}, %r1;", "0 parts of B32"),
        (
            "match.any.sync.b64 %r1, %p1, -1;",
            "`%p1` can't stand where B64 is wanted",
        ),
        (
            "atom.global.add.u32 %p1, [%d1], 1;",
            "`%p1` can't stand where U32 is wanted",
        ),
        (
            "atom.global.add.u64 %d1, [%d1], %r1;",
            "`%r1` can't stand where U64 is wanted",
        ),
        (
            "cvta.to.global.u64 %p1, %d1;",
            "`%p1` can't stand where U64 is wanted",
        ),
        (
            "lop3.b32 %r1, %r2, %r3, %r4, 256;",
            "`lop3` without its table",
        ),
        ("add.s32 %r1, %r2;", "2 operands where 3 are needed"),
        (
            "ld.global.L2::cache_hint.u32 %r1, [%d1], %r2;",
            "`%r2` can't stand where U64 is wanted",
        ),
        (
            "cp.async.ca.shared.global [%r1], [%d1], 4, %f1;",
            "`%f1` can't stand where U32 is wanted",
        ),
        (
            "ldmatrix.sync.aligned.m8n8.x1.shared.b16 %r1, [%r2];",
            "registers without braces",
        ),
        (
            "wmma.load.a.sync.aligned.row.m16n16k8.tf32 {%r1,%r2,%r3,%r4}, [%d1], %f1;",
            "`%f1` can't stand where U32 is wanted",
        ),
    ] {
        let text = body(&format!("{registers}\n{instruction}"));
        assert_eq!(
            refused(&text),
            format!("line 3 of the PTX: {expected}"),
            "{instruction}"
        );
    }
    for instruction in [
        "ld.global.v8.u8 {%h1,%h2,%h3,%h4,%h5,%h6,%h7,%h8}, [%d1];",
        "ld.shared.v4.u64 {%d1,%d2,%d3,%d4}, [%d1];",
        "ld.global.v3.u32 {%r1,%r2,%r3}, [%d1];",
        "atom.global.inc.u64 %d1, [%d1], 1;",
        "atom.local.add.u32 %r1, [%r1], 1;",
        "isspacep.const %p1, %d1;",
        "mul.cc.u32 %r1, %r2, %r3;",
        "cvt.rn.s32.s64 %r1, %d1;",
        "setp.num.s32 %p1, %r1, %r2;",
        "bar.arrive 1;",
        "ret.foo;",
        "trap.foo;",
        "fence.foo;",
        "griddepcontrol.foo;",
        "prefetch.foo [%d1];",
        "discard.global.L2 [%d1], 128;",
        "ld.global.u32 %r1, [%d1], %d2;",
        "ld.shared.L2::cache_hint.u32 %r1, [%r2], %d2;",
        "atom.shared.add.L2::cache_hint.u32 %r1, [%r2], %r3, %d2;",
        "atom.global.cas.L2::cache_hint.b32 %r1, [%d1], %r2, %r3, %d2;",
        "cp.async.cg.shared.global [%r1], [%d1], 8;",
        "cp.async.shared.global [%r1], [%d1], 16;",
        "ldmatrix.sync.m8n8.x1.shared.b16 {%r1}, [%r2];",
        "createpolicy.cvt.b64 %d1, %d2;",
    ] {
        let text = body(&format!("{registers}\n{instruction}"));
        let opcode = instruction.split([' ', ';']).next().unwrap();
        let expected = format!("not simulable: {opcode} at line 3 of the PTX");
        assert_eq!(refused(&text), expected, "{instruction}");
    }
}

#[test]
fn calls_that_do_not_fit() {
    let around = |call: &str| {
        format!(
            ".extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 v);\n\
             .func (.param .b32 r) f(.param .b32 a, .param .b64 b) {{ ret; }}\n\
             .entry other() {{ ret; }}\n\
             .entry k() {{\n.param .b32 r, a; .param .b64 b, c; .reg .b64 %d;\n\
             proto: .callprototype (.param .b32 _) _ (.param .b32 _);\n{call}\n}}"
        )
    };
    assert!(load(&around("call.uni (r), f, (a, b);")).is_ok());
    assert!(load(&around("call (r), vprintf, (b, c);")).is_ok());
    assert!(load(&around("call (r), %d, (a), proto;")).is_ok());
    let takes = "takes [4, 8] bytes and returns [4], not";
    for (call, expected) in [
        ("call (r), f, (a);", format!("`f` {takes} [4] and [4]")),
        ("call f, (a, b);", format!("`f` {takes} [4, 8] and []")),
        (
            "call (r), f, (b, a);",
            format!("`f` {takes} [8, 4] and [4]"),
        ),
        (
            "call (r), vprintf, (a, a);",
            "`vprintf` takes [8, 8] bytes and returns [4], not [4, 4] and [4]".to_owned(),
        ),
        (
            "call (r), %d, (b), proto;",
            "`%d` takes [4] bytes and returns [4], not [8] and [4]".to_owned(),
        ),
        ("call other;", "`other` is a kernel, no function".to_owned()),
        ("call nothing;", "`nothing` is not defined".to_owned()),
        ("call (r), %d, (a), f;", "`f` is no prototype".to_owned()),
        (
            "call (%d), f, (a, b);",
            "`%d` is handed over, but is no parameter".to_owned(),
        ),
    ] {
        assert_eq!(
            refused(&around(call)),
            format!("line 7 of the PTX: {expected}")
        );
    }
    for call in [
        "call (r), %d, (a);",
        "call (r), f, (a, b), proto;",
        "call 5;",
    ] {
        assert_eq!(
            refused(&around(call)),
            "not simulable: call at line 7 of the PTX"
        );
    }
}

#[test]
fn what_changes_a_meaning_is_not_passed_over() {
    for (text, expected) in [
        (
            ".target sm_90a, map_f64_to_f32",
            "line 1 of the PTX: the target's option `map_f64_to_f32` is not supported",
        ),
        (
            ".entry k() .reqnctapercluster 2 { ret; }",
            "not simulable: .reqnctapercluster at line 1 of the PTX",
        ),
        (
            ".func f(.reg .b32 %a) { ret; }",
            "line 1 of the PTX: `%a` lies in a register, which is not supported",
        ),
        (
            ".shared .b32 a = 1;",
            "line 1 of the PTX: `a` can't start with a value",
        ),
        (
            ".entry k() {\n.local .b32 a = 1;\n}",
            "line 2 of the PTX: `a` can't start with a value",
        ),
        (
            ".global .b128 a[1] = {1};",
            "line 1 of the PTX: `a` can't start with a value",
        ),
        (
            ".global .pred p;",
            "line 1 of the PTX: `p` is a predicate, which has no bytes",
        ),
        (
            ".global .b32 a;\n.global .b32 b = a;",
            "line 2 of the PTX: the address of `a` has more bits",
        ),
        (
            ".global .b8 a[2] = {1, 2, 3};",
            "line 1 of the PTX: `a` starts with more than it has room for",
        ),
        (
            ".global .b64 a = nothing;",
            "line 1 of the PTX: `nothing` is not known",
        ),
    ] {
        assert_eq!(refused(text), expected);
    }
}
