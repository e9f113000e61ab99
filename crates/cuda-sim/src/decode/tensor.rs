//! Products of matrices, and how matrices come to registers: PTX ISA 9.1,
//! section 9.7.14.

use super::LoadError;
use super::forms::Wanted;
use super::fragment::{Part, Shape};
use super::function::Decoder;
use crate::exec::rows::{ALL, Kind};
use crate::exec::step::{Register, Target, What};
use crate::exec::tensor::{Fragment, Matrix, Rows, Tensor};
use crate::ops::{Class, Element, Modifiers, Product, Rounding, Sum, Tile};
use crate::ptx::{Instruction, Operand, Space, Type};

/// The types and the shape of a product.
struct Form {
    shape: Shape,
    /// Whether `a` and `b` lie in memory by rows.
    by_rows: [bool; 2],
    d: Sum,
    a: Element,
    b: Element,
    c: Sum,
    saturate: bool,
    rounding: Rounding,
}

fn by_rows(name: &str) -> Option<bool> {
    match name {
        "row" => Some(true),
        "col" => Some(false),
        _ => None,
    }
}

fn element(name: &str) -> Option<Element> {
    Some(match name {
        "f16" => Element::F16,
        "bf16" => Element::Bf16,
        "tf32" => Element::Tf32,
        "e4m3" => Element::E4m3,
        "e5m2" => Element::E5m2,
        "f64" => Element::F64,
        "s8" => Element::S8,
        "u8" => Element::U8,
        "s4" => Element::S4,
        "u4" => Element::U4,
        _ => return None,
    })
}

fn sum(name: &str) -> Option<Sum> {
    Some(match name {
        "f16" => Sum::F16,
        "f32" => Sum::F32,
        "f64" => Sum::F64,
        "s32" => Sum::S32,
        _ => return None,
    })
}

impl Form {
    /// From modifiers without `mma`; of `wmma` where `whole`.
    fn of(modifiers: &[&str], whole: bool) -> Option<Self> {
        let mut modifiers = Modifiers::new(modifiers);
        if !(modifiers.flag("sync") && modifiers.flag("aligned")) {
            return None;
        }
        let shape = Shape::of(&mut modifiers)?;
        let saturate = modifiers.flag("satfinite");
        let rounding = modifiers.rounding();
        let [a, b] = [modifiers.first()?, modifiers.first()?];
        let by_rows = [by_rows(a)?, by_rows(b)?];
        let types: Vec<&str> = std::iter::from_fn(|| modifiers.first()).collect();
        let (d, a, b, c) = match types[..] {
            [d, a, b, c] => (d, a, b, c),
            // Section 9.7.14.4.5: then it is halves that are multiplied.
            [d, c] if whole => (d, "f16", "f16", c),
            _ => return None,
        };
        let form = Self {
            shape,
            by_rows,
            d: sum(d)?,
            a: element(a)?,
            b: element(b)?,
            c: sum(c)?,
            saturate,
            rounding: rounding.unwrap_or(Rounding::Nearest),
        };
        let doubles = form.a == Element::F64;
        let fits = (!saturate || form.a.is_integer())
            && (rounding.is_none() || doubles)
            && if whole {
                form.is_whole()
            } else {
                form.is_part()
            };
        fits.then_some(form)
    }

    /// Whether there is such an `mma`: section 9.7.14.5.14.
    fn is_part(&self) -> bool {
        use Element::{Bf16, E4m3, E5m2, F16, F64, S4, S8, Tf32, U4, U8};
        let Shape { m, n, k } = self.shape;
        let depths: &[usize] = match (m, self.a) {
            (16, F16 | Bf16) => &[8, 16],
            (16, Tf32) => &[4, 8],
            (16, E4m3 | E5m2 | S8 | U8) => &[16, 32],
            (16, S4 | U4) => &[32, 64],
            (16, F64) => &[4, 8, 16],
            (8, F64) => &[4],
            (8, S8 | U8) => &[16],
            (8, S4 | U4) => &[32],
            _ => &[],
        };
        let same = match self.a {
            E4m3 | E5m2 => matches!(self.b, E4m3 | E5m2),
            S8 | U8 => matches!(self.b, S8 | U8),
            S4 | U4 => matches!(self.b, S4 | U4),
            a => self.b == a,
        };
        let sums = match self.a {
            F16 | E4m3 | E5m2 => matches!(self.d, Sum::F16 | Sum::F32),
            Bf16 | Tf32 => self.d == Sum::F32,
            F64 => self.d == Sum::F64,
            S8 | U8 | S4 | U4 => self.d == Sum::S32,
        };
        let rows = self.by_rows == [true, false];
        n == 8 && depths.contains(&k) && same && sums && self.c == self.d && rows
    }

    /// Whether there is such a `wmma`: section 9.7.14.4.5.
    fn is_whole(&self) -> bool {
        let halves = |sum| matches!(sum, Sum::F16 | Sum::F32);
        let sums = match self.a {
            Element::F16 => halves(self.c) && halves(self.d),
            a => sum_of_whole(a).is_some_and(|sum| self.c == sum && self.d == sum),
        };
        self.shape.has_whole(self.a) && self.a == self.b && sums
    }

    /// The registers of each of the products that it consists of.
    fn tiles(&self, [d, a, b, c]: [&[u32]; 4]) -> Vec<Tile> {
        // The product of the other way round has the long side first.
        let (long, short, count) = if self.shape.is_turned() {
            (b, a, 2)
        } else {
            (a, b, self.shape.tiles())
        };
        let both = self.shape.m == self.shape.n && count == 2;
        let part = |slots: &[u32], at: usize, of: usize| {
            let each = slots.len() / of;
            slots[at * each..][..each].to_vec()
        };
        let one = |at| Tile {
            a: part(
                long,
                if both { 0 } else { at },
                if both { 1 } else { count },
            ),
            b: part(
                short,
                if both { at } else { 0 },
                if both { count } else { 1 },
            ),
            c: part(c, at, count),
            d: part(d, at, count),
        };
        (0..count).map(one).collect()
    }

    fn product(&self, registers: [&[u32]; 4]) -> Product {
        Product {
            a: self.a,
            b: self.b,
            c: self.c,
            d: self.d,
            rows: if self.shape.m == 8 && self.shape.n == 8 {
                8
            } else {
                16
            },
            depth: self.shape.k,
            saturate: self.saturate,
            rounding: self.rounding,
            tiles: self.tiles(registers),
        }
    }
}

fn sum_of_whole(a: Element) -> Option<Sum> {
    Some(match a {
        Element::Bf16 | Element::Tf32 => Sum::F32,
        Element::S8 | Element::U8 => Sum::S32,
        Element::F64 => Sum::F64,
        _ => return None,
    })
}

fn kind_of(bits: u32) -> Kind {
    if bits == 64 { Kind::Long } else { Kind::Word }
}

/// What a register is that holds elements of any kind.
const WORD: Wanted = Wanted {
    ty: Type::B32,
    wider: false,
    special: false,
    variable: false,
};

/// Types of registers by what they hold. What several elements share lies in
/// `.b32`, as pairs of halves do.
fn factor_type(element: Element) -> Type {
    match element {
        Element::F64 => Type::B64,
        _ => Type::F16x2,
    }
}

fn sum_type(sum: Sum) -> Type {
    match sum {
        Sum::F16 => Type::F16x2,
        Sum::F32 => Type::F32,
        Sum::S32 => Type::S32,
        Sum::F64 => Type::B64,
    }
}

impl<'a> Decoder<'a, '_> {
    pub(super) fn tensor(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let found = match (instruction.opcode, instruction.modifiers.as_slice()) {
            ("mma", modifiers) => self.product(instruction, Form::of(modifiers, false), false)?,
            ("wmma", ["mma", rest @ ..]) => {
                self.product(instruction, Form::of(rest, true), true)?
            }
            ("wmma", [way @ ("load" | "store"), rest @ ..]) => {
                self.fragment(instruction, *way == "store", rest)?
            }
            ("ldmatrix" | "stmatrix", _) => self.rows(instruction)?,
            ("movmatrix", ["sync", "aligned", "m8n8", "trans", "b16"]) => {
                match instruction.operands.as_slice() {
                    [d, a] => Some(Matrix::Transpose {
                        d: self.register(d, WORD)?.slot,
                        a: self.exact(a, Type::F16x2)?.slot,
                    }),
                    _ => None,
                }
            }
            _ => None,
        };
        let Some(matrix) = found else {
            return self.unknown(instruction);
        };
        let (class, flops) = match &matrix {
            Matrix::Product(product) => (Class::Tensor, product.flops()),
            Matrix::Transpose { .. } => (Class::Warp, 0),
            _ => (Class::Memory, 0),
        };
        let members = self.constant(Kind::Word, u64::from(ALL));
        let tensor = Tensor { members, matrix };
        self.emit_counted(What::Tensor(Box::new(tensor)), class, flops);
        Ok(true)
    }

    /// So many registers in braces.
    fn several(
        &mut self,
        operand: &'a Operand<'a>,
        count: usize,
        ty: Type,
        write: bool,
    ) -> Result<Vec<u32>, LoadError> {
        let Operand::Vector(operands) = operand else {
            return self.invalid("registers without braces");
        };
        if operands.len() != count {
            return self.invalid(format!(
                "{} registers where {count} are needed",
                operands.len()
            ));
        }
        let slots = operands.iter().map(|operand| {
            let register = if write {
                self.register(operand, Wanted::exactly(ty))?
            } else {
                self.exact(operand, ty)?
            };
            Ok(register.slot)
        });
        slots.collect()
    }

    fn product(
        &mut self,
        instruction: &'a Instruction<'a>,
        form: Option<Form>,
        whole: bool,
    ) -> Result<Option<Matrix>, LoadError> {
        let (Some(form), [d, a, b, c]) = (form, instruction.operands.as_slice()) else {
            return Ok(None);
        };
        let Shape { m, n, k } = form.shape;
        let needed = |rows: usize, element: Element| {
            (rows * k * element.bits() as usize).div_ceil(32 * element.bits().max(32) as usize)
        };
        let sums = |sum: Sum| m * n * sum.bits() as usize / (32 * sum.bits().max(32) as usize);
        let mut factors = Vec::new();
        for (operand, element, rows) in [(a, form.a, m), (b, form.b, n)] {
            let needed = needed(rows, element);
            let given = if whole && element == Element::F16 {
                Part::HALVES
            } else {
                needed
            };
            let mut slots = self.several(operand, given, factor_type(element), false)?;
            // What is behind repeats it.
            slots.truncate(needed);
            factors.push(slots);
        }
        let c = self.several(c, sums(form.c), sum_type(form.c), false)?;
        let d = self.several(d, sums(form.d), sum_type(form.d), true)?;
        let registers = [d.as_slice(), &factors[0], &factors[1], &c];
        Ok(Some(Matrix::Product(form.product(registers))))
    }

    /// `wmma.load` and `wmma.store`: sections 9.7.14.4.3 and 9.7.14.4.4.
    fn fragment(
        &mut self,
        instruction: &'a Instruction<'a>,
        store: bool,
        modifiers: &[&'a str],
    ) -> Result<Option<Matrix>, LoadError> {
        let mut modifiers = Modifiers::new(modifiers);
        let which = modifiers.first();
        let sync = modifiers.flag("sync") && modifiers.flag("aligned");
        let shape = Shape::of(&mut modifiers);
        let by_rows = modifiers.one_of(&[("row", true), ("col", false)]);
        let space = modifiers.one_of(&[
            ("global", Space::Global),
            ("shared", Space::Shared),
            ("shared::cta", Space::Shared),
        ]);
        let (Some(which), true, Some(shape), Some(by_rows), Some(ty)) =
            (which, sync, shape, by_rows, modifiers.first())
        else {
            return Ok(None);
        };
        if !modifiers.all_taken() {
            return Ok(None);
        }
        let part = match (which, store) {
            ("a" | "b", false) => element(ty)
                .and_then(|ty| Some((Part::factor(shape, ty, which == "a")?, factor_type(ty)))),
            ("c", false) | ("d", true) => {
                sum(ty).and_then(|ty| Some((Part::sum(shape, ty)?, sum_type(ty))))
            }
            _ => None,
        };
        let (Some((part, ty)), [first, second, stride @ ..]) =
            (part, instruction.operands.as_slice())
        else {
            return Ok(None);
        };
        let (address, values) = if store {
            (first, second)
        } else {
            (second, first)
        };
        let (Operand::Address(address), true) = (address, stride.len() <= 1) else {
            return Ok(None);
        };
        let kind = kind_of(part.bits);
        let slots = self.several(values, part.registers, ty, !store)?;
        let register = |slot: &u32| Register { kind, slot: *slot };
        let registers: Vec<Register> = slots.iter().map(register).collect();
        let stride = match stride {
            [stride] => self.exact(stride, Type::U32)?.slot,
            _ => self.constant(Kind::Word, part.stride(by_rows)),
        };
        let target = self.target(address, space)?;
        Ok(Some(Matrix::Fragment(Fragment {
            store,
            target,
            stride,
            bytes: part.bits / 8,
            align: part.align(),
            along: part.along(by_rows),
            each: part.each(),
            pitch: part.pitch(),
            pieces: part.pieces(&registers),
        })))
    }

    /// `ldmatrix` and `stmatrix`: sections 9.7.14.5.15 and 9.7.14.5.16.
    fn rows(&mut self, instruction: &'a Instruction<'a>) -> Result<Option<Matrix>, LoadError> {
        let mut modifiers = Modifiers::new(&instruction.modifiers);
        let known = ["sync", "aligned", "m8n8"]
            .iter()
            .all(|name| modifiers.flag(name));
        let count = modifiers.one_of(&[("x1", 1), ("x2", 2), ("x4", 4)]);
        let transposed = modifiers.flag("trans");
        let shared = modifiers.flag("shared") || modifiers.flag("shared::cta");
        let ty = modifiers.ty();
        let store = instruction.opcode == "stmatrix";
        let (address, values) = match instruction.operands.as_slice() {
            [values, Operand::Address(address)] if !store => (address, values),
            [Operand::Address(address), values] if store => (address, values),
            _ => return Ok(None),
        };
        let (true, Some(count), Some(Type::B16), true) = (known, count, ty, modifiers.all_taken())
        else {
            return Ok(None);
        };
        let registers = self.several(values, count, Type::B32, !store)?;
        let target: Target = self.target(address, shared.then_some(Space::Shared))?;
        Ok(Some(Matrix::Rows(Rows {
            store,
            target,
            registers,
            transposed,
        })))
    }
}
