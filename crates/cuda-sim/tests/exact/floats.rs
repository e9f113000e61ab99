//! Arithmetic on singles and doubles.

use rustc_apfloat::Round;
use rustc_apfloat::ieee::{Double, Single};

use crate::cases::floats;
use crate::instruction::{Code, Width};
use crate::reference::{Extras, Known, ROUNDINGS, root, same_double};

/// The result of an operation by its name.
pub(crate) fn apply<F: Known>(operation: &str, [a, b, c]: [F; 3], round: Round) -> F {
    match operation {
        "add" => a.add_r(b, round).value,
        "sub" => a.sub_r(b, round).value,
        "mul" => a.mul_r(b, round).value,
        "fma" => a.mul_add_r(b, c, round).value,
        "div" => a.div_r(b, round).value,
        "rcp" => F::from_u128(1).value.div_r(a, round).value,
        "sqrt" => root(a, round),
        _ => panic!("{operation}"),
    }
}

pub(crate) fn operands(operation: &str) -> usize {
    match operation {
        "fma" => 3,
        "rcp" | "sqrt" => 1,
        _ => 2,
    }
}

fn check<F: Known>(operation: &str, extras: Extras, width: Width) {
    let cases = floats(operation.len() as u64, F::FORMAT);
    for (name, round) in ROUNDINGS {
        let opcode = format!("{operation}.{name}{}.{}", extras.name(), F::NAME);
        let code = Code::of(&opcode, width, &vec![width; operands(operation)]);
        let expected = |[a, b, c, _]: [u64; 4]| {
            let operands = [a, b, c].map(|bits| extras.before::<F>(bits));
            extras.after(apply(operation, operands, round))
        };
        if width == Width::B64 {
            code.check_by(&cases, same_double, expected);
        } else {
            code.check(&cases, expected);
        }
    }
}

fn singles(operation: &str) {
    let sat = matches!(operation, "add" | "sub" | "mul" | "fma");
    for (flush, saturate) in [(false, false), (true, false), (false, true), (true, true)] {
        if saturate && !sat {
            continue;
        }
        let extras = Extras {
            flush,
            saturate,
            relu: false,
        };
        check::<Single>(operation, extras, Width::B32);
    }
}

fn doubles(operation: &str) {
    check::<Double>(operation, Extras::default(), Width::B64);
}

macro_rules! tests {
    ($($name:ident: $f:ident $operation:literal;)*) => {
        $(#[test]
        fn $name() {
            $f($operation);
        })*
    };
}

tests! {
    sums_of_singles: singles "add";
    differences_of_singles: singles "sub";
    products_of_singles: singles "mul";
    fused_singles: singles "fma";
    quotients_of_singles: singles "div";
    reciprocals_of_singles: singles "rcp";
    roots_of_singles: singles "sqrt";
    sums_of_doubles: doubles "add";
    differences_of_doubles: doubles "sub";
    products_of_doubles: doubles "mul";
    fused_doubles: doubles "fma";
    quotients_of_doubles: doubles "div";
    reciprocals_of_doubles: doubles "rcp";
    roots_of_doubles: doubles "sqrt";
}
