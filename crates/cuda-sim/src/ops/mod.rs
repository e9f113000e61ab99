//! What instructions do to registers: one file for each family of the ISA.
//!
//! A family takes an opcode and its modifiers and answers with an [`Alu`].
//! Whatever it does not know to the last modifier it answers nothing to: an
//! instruction that is run as if a modifier were not there would be a wrong
//! result.

mod alu;
mod approximate;
mod bits;
mod carry;
mod compare;
mod convert;
mod dot;
mod fields;
mod float;
mod half;
mod integer;
mod matrix;
mod narrow;
mod round;
mod small;
mod soft;
mod video;

pub use alu::Class;
pub(crate) use alu::{Alu, Modifiers, Rounding};
pub(crate) use float::add_singles;
pub(crate) use half::{add_brains, add_halves};
pub(crate) use matrix::{Element, Product, Sum, Tile};

/// What an instruction on registers does; `None` if it is not known.
pub(crate) fn find(opcode: &str, modifiers: &[&str]) -> Option<Alu> {
    let families = [
        float::find,
        half::find,
        compare::find,
        convert::find,
        small::find,
        integer::find,
    ];
    families.iter().find_map(|find| {
        let mut left = Modifiers::new(modifiers);
        find(opcode, &mut left).filter(|_| left.all_taken())
    })
}

/// `mov` between registers of a type.
pub(crate) fn moved(ty: crate::ptx::Type) -> Option<Alu> {
    convert::moved(ty)
}
