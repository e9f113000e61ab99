//! Products of matrices in the registers of a warp: PTX ISA 9.1, sections
//! 9.7.14.4 and 9.7.14.5.
//!
//! A register of a warp is a block of eight rows: lanes `4r` to `4r + 3` hold
//! row `r`, each a quarter of it, the first element in the lowest bits. `a` is
//! made of such blocks, first downwards, then to the right. Of `b` the rows of
//! a block are columns. In `c` and `d` a block has eight columns, and where an
//! element fills a register it takes two of them, one for the even columns and
//! one for the odd. That is what figures 53 to 92 of the ISA come to.
//!
//! Products of floats are exact and added up in double, beginning with `c`, in
//! the order of the columns of `a`; the sum is rounded once, to the nearest.
//! Integers are added up exactly, doubles as by `fma`, in the same order.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alu::Rounding;
use super::float::canonical;
use super::narrow::{Brain, Half, Narrow, odd_single};
use super::small::{e4m3, e5m2, tf32};
use super::soft;
use crate::exec::kernel::for_processor;
use crate::exec::rows::{Kind, LANES, Registers, Row32};

/// Elements of the factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F16,
    Bf16,
    Tf32,
    E4m3,
    E5m2,
    F64,
    S8,
    U8,
    S4,
    U4,
}

impl Element {
    /// Bits that one takes in a register.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::F16 | Self::Bf16 => 16,
            Self::Tf32 => 32,
            Self::E4m3 | Self::E5m2 | Self::S8 | Self::U8 => 8,
            Self::F64 => 64,
            Self::S4 | Self::U4 => 4,
        }
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Self::S8 | Self::U8 | Self::S4 | Self::U4)
    }
}

/// Elements of the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    F16,
    F32,
    F64,
    S32,
}

impl Sum {
    /// Bits that one takes in a register.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::F16 => 16,
            Self::F32 | Self::S32 => 32,
            Self::F64 => 64,
        }
    }
}

/// `d = a·b + c`, or two of them side by side.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) a: Element,
    pub(crate) b: Element,
    pub(crate) c: Sum,
    pub(crate) d: Sum,
    /// Rows of `a`: 8 or 16.
    pub(crate) rows: usize,
    /// Columns of `a`.
    pub(crate) depth: usize,
    /// Whether integers stay within their range rather than wrap.
    pub(crate) saturate: bool,
    /// Of doubles.
    pub(crate) rounding: Rounding,
    pub(crate) tiles: Vec<Tile>,
}

/// The registers of one product.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tile {
    pub(crate) a: Vec<u32>,
    pub(crate) b: Vec<u32>,
    pub(crate) c: Vec<u32>,
    pub(crate) d: Vec<u32>,
}

/// Products that an instruction makes at most.
const TILES: usize = 2;
/// Columns of `b`, `c` and `d`.
const COLUMNS: usize = 8;
/// Rows of `a`, `c` and `d` at most.
const ROWS: usize = 16;
/// Columns of `a` at most, of floats and of integers.
const DEEPEST_FLOAT: usize = 32;
const DEEPEST_INTEGER: usize = 64;
/// Elements that a register of a warp has at most.
const MOST: usize = LANES * 8;

type Sums<N> = [[N; COLUMNS]; ROWS];

impl Product {
    /// Works it out, of all lanes of a warp.
    pub(crate) fn run(&self, registers: &mut Registers) {
        if self.a == Element::F64 {
            doubles(registers, self);
        } else if self.a.is_integer() {
            integers(registers, self);
        } else {
            floats(registers, self);
        }
    }

    /// Its registers, and whether each is written.
    pub(crate) fn registers(&mut self, visit: &mut dyn FnMut(Kind, &mut u32, bool)) {
        let kind = |bits| if bits == 64 { Kind::Long } else { Kind::Word };
        let (factors, c, d) = (kind(self.a.bits()), self.c.bits(), self.d.bits());
        for tile in &mut self.tiles {
            for slot in tile.a.iter_mut().chain(&mut tile.b) {
                visit(factors, slot, false);
            }
            tile.c
                .iter_mut()
                .for_each(|slot| visit(kind(c), slot, false));
            tile.d
                .iter_mut()
                .for_each(|slot| visit(kind(d), slot, true));
        }
    }

    /// Floating-point operations of one lane.
    pub(crate) fn flops(&self) -> u32 {
        let all = 2 * self.tiles.len() * self.rows * COLUMNS * self.depth;
        if self.a.is_integer() {
            0
        } else {
            (all / LANES) as u32
        }
    }

    /// Where the block of the `at`-th register of `a` starts, which has so
    /// many columns.
    #[inline(always)]
    fn block_of_a(&self, at: usize, columns: usize) -> (usize, usize) {
        let down = self.rows / 8;
        (at % down * 8, at / down * columns)
    }
}

/// The elements of a register, row by row; the answer is how many a row has.
#[inline(always)]
fn unpack<const BITS: u32, V, N: Copy + From<V>>(
    register: &Row32,
    into: &mut [N; MOST],
    value: impl Fn(u32) -> V,
) -> usize {
    let each = (32 / BITS) as usize;
    for (lane, word) in register.iter().enumerate() {
        for at in 0..each {
            let bits = word >> (at as u32 * BITS) & (u32::MAX >> (32 - BITS));
            into[lane * each + at] = N::from(value(bits));
        }
    }
    each * 4
}

#[inline(always)]
fn f16(bits: u32) -> f32 {
    Half::wide(bits as u16)
}

#[inline(always)]
fn bf16(bits: u32) -> f32 {
    Brain::wide(bits as u16)
}

#[inline(always)]
fn s8(bits: u32) -> i32 {
    i32::from(bits as i8)
}

#[inline(always)]
fn s4(bits: u32) -> i32 {
    (bits << 28).cast_signed() >> 28
}

#[inline(always)]
fn unpack_floats(element: Element, register: &Row32, into: &mut [f64; MOST]) -> usize {
    match element {
        Element::F16 => unpack::<16, _, _>(register, into, f16),
        Element::Bf16 => unpack::<16, _, _>(register, into, bf16),
        Element::Tf32 => unpack::<32, _, _>(register, into, tf32),
        Element::E4m3 => unpack::<8, _, _>(register, into, e4m3),
        _ => unpack::<8, _, _>(register, into, e5m2),
    }
}

#[inline(always)]
fn unpack_integers(element: Element, register: &Row32, into: &mut [i32; MOST]) -> usize {
    match element {
        Element::S8 => unpack::<8, _, _>(register, into, s8),
        Element::U8 => unpack::<8, _, _>(register, into, u32::cast_signed),
        Element::S4 => unpack::<4, _, _>(register, into, s4),
        _ => unpack::<4, _, _>(register, into, u32::cast_signed),
    }
}

/// Factors as matrices: `a` by rows, `b` by rows too.
#[inline(always)]
fn factors<N: Copy + Default, const DEEPEST: usize>(
    registers: &Registers,
    product: &Product,
    tile: &Tile,
    unpack: impl Fn(Element, &Row32, &mut [N; MOST]) -> usize,
) -> ([[N; DEEPEST]; ROWS], [[N; COLUMNS]; DEEPEST]) {
    let mut a = [[N::default(); DEEPEST]; ROWS];
    let mut b = [[N::default(); COLUMNS]; DEEPEST];
    let mut block = [N::default(); MOST];
    for (at, slot) in tile.a.iter().enumerate() {
        let columns = unpack(product.a, &registers.words[*slot as usize], &mut block);
        let (row, column) = product.block_of_a(at, columns);
        for (from, to) in block.chunks_exact(columns).zip(&mut a[row..row + 8]) {
            to[column..column + columns].copy_from_slice(from);
        }
    }
    for (at, slot) in tile.b.iter().enumerate() {
        let rows = unpack(product.b, &registers.words[*slot as usize], &mut block);
        for (column, from) in block.chunks_exact(rows).take(COLUMNS).enumerate() {
            for (to, from) in b[at * rows..].iter_mut().zip(from) {
                to[column] = *from;
            }
        }
    }
    (a, b)
}

/// `sums += a·b`.
#[inline(always)]
fn multiply<N, const DEEPEST: usize>(
    product: &Product,
    (a, b): &([[N; DEEPEST]; ROWS], [[N; COLUMNS]; DEEPEST]),
    sums: &mut Sums<N>,
) where
    N: Copy + std::ops::Mul<Output = N> + std::ops::Add<Output = N>,
{
    for (sums, a) in sums.iter_mut().zip(a).take(product.rows) {
        let mut row = *sums;
        for (a, b) in a.iter().zip(b).take(product.depth) {
            for (sum, b) in row.iter_mut().zip(b) {
                *sum = *sum + *a * *b;
            }
        }
        *sums = row;
    }
}

/// Where an element of a sum lies that fills its register: row and column of
/// what a lane has in the `at`-th one.
#[inline(always)]
fn place(at: usize, lane: usize) -> (usize, usize) {
    (at / 2 * 8 + lane / 4, lane % 4 * 2 + at % 2)
}

/// Rounded once.
#[inline(always)]
fn to_f16(value: f64) -> u32 {
    u32::from(Half::near(odd_single(value)))
}

#[inline(always)]
fn float_sums(registers: &Registers, kind: Sum, slots: &[u32]) -> Sums<f64> {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for (at, slot) in slots.iter().enumerate() {
        for (lane, bits) in registers.words[*slot as usize].iter().enumerate() {
            if kind == Sum::F16 {
                for half in 0..2 {
                    let (row, column) = place(at * 2 + half, lane);
                    let bits = bits >> (half * 16);
                    sums[row][column] = f64::from(f16(bits));
                }
            } else {
                let (row, column) = place(at, lane);
                sums[row][column] = f64::from(f32::from_bits(*bits));
            }
        }
    }
    sums
}

for_processor!(
    fn floats(registers: &mut Registers, product: &Product) {
        let mut results = [[[0.0; COLUMNS]; ROWS]; TILES];
        for (tile, result) in product.tiles.iter().zip(&mut results) {
            let factors = factors::<_, DEEPEST_FLOAT>(registers, product, tile, unpack_floats);
            *result = float_sums(registers, product.c, &tile.c);
            multiply(product, &factors, result);
        }
        for (tile, result) in product.tiles.iter().zip(&results) {
            for (at, slot) in tile.d.iter().enumerate() {
                for (lane, bits) in registers.words[*slot as usize].iter_mut().enumerate() {
                    *bits = if product.d == Sum::F16 {
                        let (row, column) = place(at * 2, lane);
                        to_f16(result[row][column]) | to_f16(result[row][column + 1]) << 16
                    } else {
                        let (row, column) = place(at, lane);
                        canonical(result[row][column] as f32).to_bits()
                    };
                }
            }
        }
    }
);

for_processor!(
    fn integers(registers: &mut Registers, product: &Product) {
        let mut results = [[[0_i32; COLUMNS]; ROWS]; TILES];
        for (tile, result) in product.tiles.iter().zip(&mut results) {
            let factors = factors::<_, DEEPEST_INTEGER>(registers, product, tile, unpack_integers);
            multiply(product, &factors, result);
            for (at, slot) in tile.c.iter().enumerate() {
                for (lane, bits) in registers.words[*slot as usize].iter().enumerate() {
                    let (row, column) = place(at, lane);
                    let (sum, more) = (result[row][column], bits.cast_signed());
                    result[row][column] = if product.saturate {
                        sum.saturating_add(more)
                    } else {
                        sum.wrapping_add(more)
                    };
                }
            }
        }
        for (tile, result) in product.tiles.iter().zip(&results) {
            for (at, slot) in tile.d.iter().enumerate() {
                for (lane, bits) in registers.words[*slot as usize].iter_mut().enumerate() {
                    let (row, column) = place(at, lane);
                    *bits = result[row][column].cast_unsigned();
                }
            }
        }
    }
);

for_processor!(
    fn doubles(registers: &mut Registers, product: &Product) {
        let mut results = [[[0.0; COLUMNS]; ROWS]; TILES];
        for (tile, result) in product.tiles.iter().zip(&mut results) {
            let value =
                |slot: u32, lane: usize| f64::from_bits(registers.longs[slot as usize][lane]);
            let a = |row: usize, k: usize| {
                let down = product.rows / 8;
                value(tile.a[row / 8 + k / 4 * down], row % 8 * 4 + k % 4)
            };
            let b = |k: usize, column: usize| value(tile.b[k / 4], column * 4 + k % 4);
            for (at, slot) in tile.c.iter().enumerate() {
                for lane in 0..LANES {
                    let (row, column) = place(at, lane);
                    let mut sum = value(*slot, lane);
                    for k in 0..product.depth {
                        let (a, b) = (a(row, k), b(k, column));
                        sum = match product.rounding {
                            Rounding::Nearest => a.mul_add(b, sum),
                            rounding => soft::fused(a, b, sum, rounding),
                        };
                    }
                    result[row][column] = sum;
                }
            }
        }
        for (tile, result) in product.tiles.iter().zip(&results) {
            for (at, slot) in tile.d.iter().enumerate() {
                for (lane, bits) in registers.longs[*slot as usize].iter_mut().enumerate() {
                    let (row, column) = place(at, lane);
                    *bits = result[row][column].to_bits();
                }
            }
        }
    }
);
