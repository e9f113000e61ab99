//! PTX text, as NVRTC emits it, to a syntax tree.
//!
//! The grammar is that of the PTX ISA, version 9.0, sections 4 and 5. Only
//! syntax: which opcodes exist, and what a name refers to, is for whoever
//! reads the tree.

mod ast;
mod body;
mod declare;
mod lex;
mod operand;
mod parse;
mod places;

pub use ast::{
    Address, Array, Base, Function, Guard, Initial, Instruction, Label, Labelled, Linkage,
    Location, Module, Operand, Place, Prototype, Registers, Space, Statement, Target, Type,
    Variable,
};
pub use lex::SyntaxError;
pub use parse::parse;
pub use places::Places;
