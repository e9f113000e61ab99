//! Which elements of a matrix a lane has in `wmma`.
//!
//! PTX ISA 9.1, section 9.7.14.4.1, leaves it open. What is here is what
//! machine code for compute capability 7.5, 8.0 and 9.0 does, read from what
//! ptxas 12.8 makes of `wmma.load` and `wmma.mma`: two `mma` with the layouts of
//! section 9.7.14.5 that share a factor. With eight rows in `a`, the product
//! is made the other way round: `dᵀ = bᵀ·aᵀ + cᵀ`.

use crate::exec::step::Register;
use crate::exec::tensor::Piece;
use crate::ops::{Element, Modifiers, Sum};

/// Rows of `a`, columns of `b`, and what is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
}

impl Shape {
    /// `m16n8k16`.
    pub(super) fn of(modifiers: &mut Modifiers<'_>) -> Option<Self> {
        const NAMES: [(&str, [usize; 3]); 12] = [
            ("m8n8k4", [8, 8, 4]),
            ("m8n8k16", [8, 8, 16]),
            ("m8n8k32", [8, 8, 32]),
            ("m16n8k4", [16, 8, 4]),
            ("m16n8k8", [16, 8, 8]),
            ("m16n8k16", [16, 8, 16]),
            ("m16n8k32", [16, 8, 32]),
            ("m16n8k64", [16, 8, 64]),
            ("m16n16k8", [16, 16, 8]),
            ("m16n16k16", [16, 16, 16]),
            ("m32n8k16", [32, 8, 16]),
            ("m8n32k16", [8, 32, 16]),
        ];
        let [m, n, k] = modifiers.one_of(&NAMES)?;
        Some(Self { m, n, k })
    }

    /// Whether `wmma` has it with these factors.
    pub(super) fn has_whole(self, a: Element) -> bool {
        let shape = (self.m, self.n, self.k);
        match a {
            Element::F16 | Element::Bf16 | Element::S8 | Element::U8 => {
                matches!(shape, (16, 16, 16) | (32, 8, 16) | (8, 32, 16))
            }
            Element::Tf32 => shape == (16, 16, 8),
            Element::F64 => shape == (8, 8, 4),
            _ => false,
        }
    }

    /// Whether the product is made the other way round.
    pub(super) fn is_turned(self) -> bool {
        self.n > 16
    }

    /// Of how many products it consists.
    pub(super) fn tiles(self) -> usize {
        if self.m * self.n > 128 { 2 } else { 1 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    A,
    B,
    Sum,
}

/// A matrix of a `wmma`. Its rows here are those that lanes go down: of `b`
/// they are columns, and so they are of sums that are made the other way round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    shape: Shape,
    which: Which,
    /// Of an element.
    pub(super) bits: u32,
    /// How many an instruction names.
    pub(super) registers: usize,
}

impl Part {
    /// Registers of factors of halves, whatever the shape: what is there is
    /// repeated until there are so many.
    pub(super) const HALVES: usize = 8;

    /// `a` or `b`.
    pub(super) fn factor(shape: Shape, element: Element, is_a: bool) -> Option<Self> {
        let rows = if is_a { shape.m } else { shape.n };
        let bits = element.bits();
        let registers = match element {
            Element::F16 => Self::HALVES,
            Element::F64 => 1,
            _ => rows * shape.k * bits as usize / 1024,
        };
        let which = if is_a { Which::A } else { Which::B };
        shape.has_whole(element).then_some(Self {
            shape,
            which,
            bits,
            registers,
        })
    }

    /// `c` or `d`.
    pub(super) fn sum(shape: Shape, sum: Sum) -> Option<Self> {
        let of = match sum {
            Sum::F16 => Element::F16,
            Sum::S32 => Element::S8,
            Sum::F64 => Element::F64,
            Sum::F32 if shape.k == 8 => Element::Tf32,
            Sum::F32 => Element::Bf16,
        };
        let bits = sum.bits();
        shape.has_whole(of).then_some(Self {
            shape,
            which: Which::Sum,
            bits,
            registers: shape.m * shape.n / 32 * bits as usize / bits.max(32) as usize,
        })
    }

    /// Where a matrix and its rows start: at a multiple of so many bytes.
    ///
    /// Of rows the CUDA C++ programming guide ("Warp Matrix Functions") asks
    /// for 16 bytes. For the start it asks for 32, and PTX ISA 9.1, 9.7.14.4.2,
    /// for the bytes of a lane's fragment; but a tile of eight columns of
    /// halves in a larger matrix does not keep to that, and no machine code
    /// needs it.
    pub(super) fn align(&self) -> u32 {
        (self.registers as u32 * self.bits.max(32) / 8).min(16)
    }

    /// Elements between two rows or columns, if an instruction does not say.
    pub(super) fn stride(&self, by_rows: bool) -> u64 {
        let Shape { m, n, k } = self.shape;
        let (rows, columns) = match self.which {
            Which::A => (m, k),
            Which::B => (k, n),
            Which::Sum => (m, n),
        };
        (if by_rows { columns } else { rows }) as u64
    }

    /// Whether neighbours in a row are neighbours in memory.
    pub(super) fn along(&self, by_rows: bool) -> bool {
        let turned = match self.which {
            Which::A => false,
            Which::B => true,
            Which::Sum => self.shape.is_turned(),
        };
        by_rows != turned
    }

    /// Elements of a register.
    pub(super) fn each(&self) -> u32 {
        (32 / self.bits).max(1)
    }

    /// Columns from one lane to the next.
    pub(super) fn pitch(&self) -> u32 {
        if self.which == Which::Sum {
            2
        } else {
            self.each()
        }
    }

    /// Where a register's block of eight rows starts.
    fn origin(&self, at: usize) -> (usize, usize) {
        let turned = self.shape.is_turned();
        match self.which {
            Which::Sum => {
                let each = self.each() as usize;
                let (at, odd) = (at * each / 2, at * each % 2);
                let down = if self.shape.m * self.shape.n > 64 {
                    2
                } else {
                    1
                };
                let (tile, row) = (at / down, at % down * 8);
                if self.shape.m == self.shape.n {
                    (row, tile * 8 + odd)
                } else {
                    (tile * 16 + row, odd)
                }
            }
            which => {
                // The side that has sixteen rows in a product.
                let is_long = (which == Which::B) == turned && self.shape.tiles() == 2;
                let down = if is_long { 2 } else { 1 };
                let wide = self.each() as usize * 4;
                let across = self.shape.k / wide;
                let (tile, at) = (at / (down * across), at % (down * across));
                (tile * down * 8 + at % down * 8, at / down * wide)
            }
        }
    }

    /// Blocks with the registers that take them.
    pub(super) fn pieces(&self, registers: &[Register]) -> Vec<Piece> {
        let rows = match self.which {
            Which::A => self.shape.m,
            Which::B => self.shape.n,
            Which::Sum => return self.blocks(registers, registers.len()),
        };
        let count = rows * self.shape.k / (32 * self.each() as usize);
        self.blocks(registers, count)
    }

    fn blocks(&self, registers: &[Register], count: usize) -> Vec<Piece> {
        let piece = |at: usize| {
            let (row, column) = self.origin(at);
            Piece {
                registers: registers.iter().skip(at).step_by(count).copied().collect(),
                row: row as u32,
                column: column as u32,
            }
        };
        (0..count).map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::rows::Kind;

    /// Every element is in one lane, and where there is one register for
    /// each, in one only.
    #[test]
    fn fragments_are_whole() {
        let shapes = [
            [16, 16, 16],
            [32, 8, 16],
            [8, 32, 16],
            [16, 16, 8],
            [8, 8, 4],
        ];
        let mut found = 0;
        for [m, n, k] in shapes {
            let shape = Shape { m, n, k };
            let factors = [
                Element::F16,
                Element::Bf16,
                Element::S8,
                Element::Tf32,
                Element::F64,
            ];
            let sums = [Sum::F16, Sum::F32, Sum::S32, Sum::F64];
            let parts = factors
                .into_iter()
                .flat_map(|element| [true, false].map(|is_a| Part::factor(shape, element, is_a)))
                .chain(sums.map(|sum| Part::sum(shape, sum)));
            for part in parts.flatten() {
                found += 1;
                let (rows, columns) = match part.which {
                    Which::A => (m, k),
                    Which::B => (n, k),
                    Which::Sum if shape.is_turned() => (n, m),
                    Which::Sum => (m, n),
                };
                let mut seen = vec![0; rows * columns];
                let registers: Vec<Register> = (0..part.registers as u32)
                    .map(|slot| Register {
                        kind: Kind::Word,
                        slot,
                    })
                    .collect();
                let mut named = 0;
                for piece in part.pieces(&registers) {
                    named += piece.registers.len();
                    for lane in 0..32 {
                        for at in 0..part.each() {
                            let column = piece.column + lane % 4 * part.pitch() + at;
                            seen[(piece.row + lane / 4) as usize * columns + column as usize] += 1;
                        }
                    }
                }
                assert!(seen.iter().all(|count| *count == 1), "{part:?}: {seen:?}");
                assert_eq!(named, part.registers, "{part:?}");
            }
        }
        assert_eq!(found, 33);
    }
}
