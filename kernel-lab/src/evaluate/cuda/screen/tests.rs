//! What the screen finds in PTX, rule by rule.

use super::{Screened, screen};

/// A text with these lines in the body of a kernel, from line 10 of `kernel.cu` on.
fn text(outside: &str, body: &[&str]) -> String {
    let lines = body
        .iter()
        .enumerate()
        .map(|(at, line)| format!("    .loc 1 {} 5\n    {line}\n", at + 10));
    format!(
        ".version 9.0\n.target sm_90a\n.address_size 64\n.file 1 \"/in/kernel.cu\"\n{outside}\n\
         .visible .entry k(.param .u64 k_param_0)\n{{\n    .reg .pred %p<4>;\n    .reg .f32 %f<9>;\n    \
         .reg .b32 %r<9>;\n    .reg .b64 %rd<19>;\n    ld.param.u64 %rd1, [k_param_0];\n{}    ret;\n}}\n",
        lines.collect::<String>()
    )
}

fn look(outside: &str, body: &[&str]) -> Screened {
    let text = text(outside, body);
    screen(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Rule and line of each, those that are refused with an exclamation mark.
fn rules(outside: &str, body: &[&str]) -> Vec<String> {
    let screened = look(outside, body);
    let word = |mark: &str, sighting: &super::Sighting| {
        let line = sighting.line.as_deref().unwrap_or("?");
        format!("{mark}{} {line}", sighting.rule)
    };
    let rejected = screened.rejected.iter().map(|one| word("!", one));
    let flagged = screened.flagged.iter().map(|one| word("", one));
    rejected.chain(flagged).collect()
}

#[test]
fn each_rule_names_its_line() {
    for (outside, line, rule) in [
        ("", "mov.u32 %r1, %clock;", "!clock"),
        ("", "mov.u64 %rd2, %clock64;", "!clock"),
        ("", "mov.u32 %r1, %clock_hi;", "!clock"),
        ("", "mov.u64 %rd2, %globaltimer;", "!clock"),
        ("", "mov.u32 %r1, %globaltimer_lo;", "!clock"),
        ("", "mov.u32 %r1, %pm3;", "!clock"),
        ("", "mov.u64 %rd2, %gridid;", "!launch-count"),
        (
            "",
            "createpolicy.fractional.L2::evict_last.b64 %rd2, 1.0;",
            "!cache-persistence",
        ),
        (
            "",
            "createpolicy.cvt.L2.b64 %rd2, %rd3;",
            "!cache-persistence",
        ),
        (
            "",
            "createpolicy.fractional.L2::evict_first.b64 %rd2, 1.0;",
            "cache-hint",
        ),
        (
            "",
            "ld.global.L2::cache_hint.f32 %f1, [%rd1], %rd2;",
            "!cache-persistence",
        ),
        (
            "",
            "st.global.L2::cache_hint.f32 [%rd1], %f1, 22;",
            "!cache-persistence",
        ),
        (
            "",
            "prefetch.global.L2::evict_last [%rd1];",
            "!cache-persistence",
        ),
        (
            "",
            "applypriority.global.L2::evict_normal [%rd1], 128;",
            "cache-hint",
        ),
        ("", "discard.global.L2 [%rd1], 128;", "!discard"),
        ("", "nanosleep.u32 100;", "sleep"),
        ("", "trap;", "trap"),
        (
            ".extern .func (.param .b64 r) malloc(.param .b64 p);",
            "call.uni (%rd2), malloc, (%rd3);",
            "!heap",
        ),
        (
            ".extern .func (.param .b32 r) vprintf(.param .b64 p, .param .b64 q);",
            "call.uni (%r2), vprintf, (%rd3, %rd4);",
            "print",
        ),
        (
            ".extern .func (.param .b32 r) cudaLaunchDeviceV2(.param .b64 p, .param .b64 q);",
            "call.uni (%r2), cudaLaunchDeviceV2, (%rd3, %rd4);",
            "!outside",
        ),
        (
            ".global .align 4 .u32 count;",
            "atom.global.add.u32 %r1, [count], 1;",
            "global-state",
        ),
        (
            ".global .align 4 .b8 kept[64];",
            "st.global.f32 [kept+4], %f1;",
            "global-state",
        ),
    ] {
        assert_eq!(
            rules(outside, &["add.s32 %r3, %r3, 1;", line]),
            [format!("{rule} kernel.cu:11")],
            "{line}"
        );
    }
}

#[test]
fn honest_code_is_not_noticed() {
    let outside = ".global .align 4 .b8 table[16] = {1, 2, 3, 4};\n.const .align 4 .b8 numbers[16];\n\
                   .shared .align 4 .b8 room[64];\n.func (.param .b32 r) own(.param .b32 p)\n{\n    ret;\n}";
    let body = [
        "mov.u64 %rd2, table;",
        "cvta.global.u64 %rd3, %rd2;",
        "add.s64 %rd4, %rd3, 4;",
        "ld.global.f32 %f1, [%rd4];",
        "ld.global.nc.L1::no_allocate.L2::128B.f32 %f2, [%rd1];",
        "ld.const.f32 %f3, [numbers+4];",
        "st.shared.f32 [room], %f3;",
        "atom.global.add.f32 %f4, [%rd1], %f1;",
        "red.global.add.f32 [%rd1+4], %f1;",
        "ld.volatile.global.u32 %r1, [%rd1];",
        "prefetch.global.L2 [%rd1];",
        "mov.u32 %r2, %smid;",
        "call.uni (%r2), own, (%r1);",
    ];
    assert_eq!(rules(outside, &body), [""; 0]);
}

#[test]
fn variables_are_followed_to_where_they_are_written() {
    let outside = ".global .align 4 .b8 memo[64];\n.global .align 4 .b8 table[64] = {1};\n\
                   .global .align 8 .u64 where = generic(memo);\n.const .align 8 .u64 there = generic(memo);";
    let write = ["global-state kernel.cu:14"];
    for body in [
        [
            "mov.u64 %rd2, memo;",
            "cvta.global.u64 %rd3, %rd2;",
            "mul.wide.s32 %rd4, %r1, 4;",
            "add.s64 %rd5, %rd3, %rd4;",
            "st.f32 [%rd5], %f1;",
        ],
        [
            "mov.u64 %rd2, table;",
            "ld.global.u64 %rd3, [where];",
            "add.s64 %rd5, %rd3, %rd4;",
            "ld.f32 %f1, [%rd2];",
            "st.f32 [%rd5], %f1;",
        ],
        [
            "mov.u64 %rd2, table;",
            "ld.const.u64 %rd3, [there];",
            "add.s64 %rd5, %rd3, %rd4;",
            "ld.f32 %f1, [%rd2];",
            "red.add.f32 [%rd5], %f1;",
        ],
        // Its address is given away.
        [
            "mov.u64 %rd2, memo;",
            "mov.u64 %rd3, %rd2;",
            "mov.u64 %rd4, %rd3;",
            "mov.u64 %rd5, %rd4;",
            "st.global.u64 [%rd1], %rd5;",
        ],
        // Against the order of the text.
        [
            "bra END;",
            "mov.u64 %rd5, %rd4;",
            "mov.u64 %rd4, memo;",
            "END:",
            "st.global.f32 [%rd5], %f1;",
        ],
    ] {
        assert_eq!(rules(outside, &body), write, "{body:?}");
        let what = &look(outside, &body).flagged[0].what;
        assert!(what.contains("`memo`"), "{what}");
    }
}

#[test]
fn a_policy_is_as_good_as_what_made_it() {
    let made = "createpolicy.fractional.L2::evict_first.b64 %rd2, 1.0;";
    let used = "ld.global.L2::cache_hint.f32 %f1, [%rd1], %rd3;";
    let hints = ["cache-hint kernel.cu:10", "cache-hint kernel.cu:12"];
    assert_eq!(rules("", &[made, "mov.b64 %rd3, %rd2;", used]), hints);
    let found = rules("", &[made, "add.s64 %rd3, %rd2, 1;", used]);
    assert_eq!(
        found,
        ["!cache-persistence kernel.cu:12", "cache-hint kernel.cu:10"]
    );
}

#[test]
fn the_reason_names_kernel_line_and_rule() {
    let body = ["mov.u64 %rd2, %clock64;", "mov.u64 %rd3, %clock64;"];
    let (rule, reason) = look("", &body).refusal().expect("a refusal");
    assert_eq!(rule, "clock");
    assert!(
        reason.starts_with("`k` at kernel.cu:10 reads %clock64: "),
        "{reason}"
    );
    assert!(reason.ends_with("(and 1 more like it)"), "{reason}");
    assert!(look("", &["nanosleep.u32 1;"]).refusal().is_none());
}
