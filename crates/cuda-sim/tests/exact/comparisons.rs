//! Comparisons and selections.

use rustc_apfloat::ieee::{BFloat, Double, Half, Single};

use crate::cases::{floats, integers};
use crate::instruction::{Code, Width};
use crate::integers::INTS;
use crate::reference::{Extras, Known};

/// Whether a comparison holds: less, equal, greater, unordered.
fn holds(name: &str, order: Option<std::cmp::Ordering>) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match name {
        "num" => return order.is_some(),
        "nan" => return order.is_none(),
        _ => {}
    }
    let Some(order) = order else {
        return name.len() == 3;
    };
    match &name[..2] {
        "eq" => order == Equal,
        "ne" => order != Equal,
        "lt" | "lo" => order == Less,
        "le" | "ls" => order != Greater,
        "gt" | "hi" => order == Greater,
        _ => order != Less,
    }
}

const ORDERED: [&str; 6] = ["eq", "ne", "lt", "le", "gt", "ge"];

fn compared<F: Known>(width: Width) {
    let cases = floats(3, F::FORMAT);
    let names = [
        "eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan",
    ];
    let flushes: &[bool] = if F::NAME == "f32" {
        &[false, true]
    } else {
        &[false]
    };
    for (name, flush) in names
        .iter()
        .flat_map(|name| flushes.iter().map(move |f| (name, *f)))
    {
        let extras = Extras {
            flush,
            ..Extras::default()
        };
        let body = format!(
            "setp.{name}{}.{} %p, %a, %b; selp.b32 %d, 7, 9, %p;",
            extras.name(),
            F::NAME
        );
        Code::body(body, Width::B32, &[width; 2]).check(&cases, |[a, b, ..]| {
            let [a, b] = [a, b].map(|bits| extras.before::<F>(bits));
            if holds(name, a.partial_cmp(&b)) { 7 } else { 9 }
        });
    }
}

#[test]
fn of_floats() {
    compared::<Half>(Width::B16);
    compared::<BFloat>(Width::B16);
    compared::<Single>(Width::B32);
    compared::<Double>(Width::B64);
}

#[test]
fn of_integers() {
    for int in INTS {
        let width = int.width();
        let mut names = ORDERED.to_vec();
        if !int.signed {
            names.extend(["lo", "ls", "hi", "hs"]);
        }
        for name in names {
            let body = format!(
                "setp.{name}.{} %p, %a, %b; selp.b32 %d, 1, 0, %p;",
                int.name
            );
            Code::body(body, Width::B32, &[width; 2]).check(&integers(4), |[a, b, ..]| {
                u64::from(holds(name, Some(int.value(a).cmp(&int.value(b)))))
            });
        }
    }
}

/// PTX ISA 9.0, section 9.7.6: a second predicate, and one that is combined.
#[test]
fn two_predicates_and_a_third() {
    for (name, f) in [
        ("and", (|a, b| a && b) as fn(bool, bool) -> bool),
        ("or", |a, b| a || b),
        ("xor", |a, b| a != b),
    ] {
        let body = format!(
            "setp.ne.s32 %p, %c, 0; setp.lt.{name}.s32 %p|%q, %a, %b, %p;\n\
             selp.b32 %a, 1, 0, %p; selp.b32 %b, 2, 0, %q; or.b32 %d, %a, %b;"
        );
        Code::body(body, Width::B32, &[Width::B32; 3]).check(&integers(5), |[a, b, c, _]| {
            let less = (a as i32) < b as i32;
            let third = c as i32 != 0;
            u64::from(f(less, third)) | u64::from(f(!less, third)) << 1
        });
    }
}

#[test]
fn set_answers_in_two_types() {
    let cases = floats(6, Single::FORMAT);
    for (to, yes) in [
        ("u32", 0xffff_ffff),
        ("s32", 0xffff_ffff),
        ("f32", 0x3f80_0000),
    ] {
        Code::of(&format!("set.gt.{to}.f32"), Width::B32, &[Width::B32; 2]).check(
            &cases,
            |[a, b, ..]| {
                let [a, b] = [a, b].map(|bits| f32::from_bits(bits as u32));
                if a > b { yes } else { 0 }
            },
        );
    }
}

#[test]
fn selections_by_a_sign() {
    Code::of(
        "slct.b32.s32",
        Width::B32,
        &[Width::B32, Width::B32, Width::B32],
    )
    .check(&integers(7), |[a, b, c, _]| {
        (if (c as u32).cast_signed() >= 0 { a } else { b }) & 0xffff_ffff
    });
    let cases = floats(8, Single::FORMAT);
    Code::of(
        "slct.b32.f32",
        Width::B32,
        &[Width::B32, Width::B32, Width::B32],
    )
    .check(&cases, |[a, b, c, _]| {
        if f32::from_bits(c as u32) >= 0.0 {
            a
        } else {
            b
        }
    });
}

#[test]
fn kinds_of_numbers() {
    let cases = floats(9, Single::FORMAT);
    let wide = floats(10, Double::FORMAT);
    for (name, f) in [
        ("finite", f64::is_finite as fn(f64) -> bool),
        ("infinite", f64::is_infinite),
        ("number", |x| !x.is_nan()),
        ("notanumber", f64::is_nan),
    ] {
        let body = |ty: &str| format!("testp.{name}.{ty} %p, %a; selp.b32 %d, 1, 0, %p;");
        Code::body(body("f32"), Width::B32, &[Width::B32]).check(&cases, |[a, ..]| {
            u64::from(f(f64::from(f32::from_bits(a as u32))))
        });
        Code::body(body("f64"), Width::B32, &[Width::B64])
            .check(&wide, |[a, ..]| u64::from(f(f64::from_bits(a))));
    }
    for (name, f) in [
        ("normal", f32::is_normal as fn(f32) -> bool),
        ("subnormal", f32::is_subnormal),
    ] {
        let body = format!("testp.{name}.f32 %p, %a; selp.b32 %d, 1, 0, %p;");
        Code::body(body, Width::B32, &[Width::B32])
            .check(&cases, |[a, ..]| u64::from(f(f32::from_bits(a as u32))));
    }
    Code::of("copysign.f32", Width::B32, &[Width::B32; 2])
        .check(&cases, |[a, b, ..]| a & 0x8000_0000 | b & 0x7fff_ffff);
}
