//! Matrices in the registers of a warp: products, loads and stores.
//! PTX ISA 9.1, section 9.7.14.

use super::access::{Memory, Reach, by_memory};
use super::block::Block;
use super::check::Touch;
use super::launch::Stop;
use super::rows::{ALL, Kind, LANES, Registers, Row32};
use super::shared::Way;
use super::step::{Register, Step, Target};
use super::survey;
use super::warp::Warp;
use super::worked::Worked;
use crate::finding::Problem;
use crate::memory::Cells;
use crate::ops::Product;
use crate::ptx::Space;

/// What all lanes of a warp do together.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    /// The register that names all lanes.
    pub(crate) members: u32,
    pub(crate) matrix: Matrix,
}

#[derive(Clone, Debug)]
pub(crate) enum Matrix {
    Product(Product),
    Rows(Rows),
    Fragment(Fragment),
    /// Of eight by eight elements of 16 bits.
    Transpose {
        d: u32,
        a: u32,
    },
}

/// Matrices of eight by eight elements of 16 bits whose rows' addresses lanes
/// have: `ldmatrix` and `stmatrix`.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) store: bool,
    pub(crate) target: Target,
    /// One a matrix.
    pub(crate) registers: Vec<u32>,
    pub(crate) transposed: bool,
}

/// A matrix of `wmma` in memory.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    pub(crate) store: bool,
    pub(crate) target: Target,
    /// The register with the elements from one row, or column, to the next.
    pub(crate) stride: u32,
    /// Of an element.
    pub(crate) bytes: u32,
    /// The matrix and its rows start at multiples of so many bytes.
    pub(crate) align: u32,
    /// Whether neighbours in a row are neighbours in memory.
    pub(crate) along: bool,
    /// Elements of a register.
    pub(crate) each: u32,
    /// Columns from one lane to the next.
    pub(crate) pitch: u32,
    pub(crate) pieces: Vec<Piece>,
}

/// Eight rows of a matrix, a quarter of each in a lane.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// All of them hold it.
    pub(crate) registers: Vec<Register>,
    /// Where it starts.
    pub(crate) row: u32,
    pub(crate) column: u32,
}

fn bits(registers: &Registers, register: Register, lane: usize) -> u64 {
    match register.kind {
        Kind::Long => registers.longs[register.slot as usize][lane],
        _ => u64::from(registers.words[register.slot as usize][lane]),
    }
}

/// Rows and columns of eight by eight elements of 16 bits, exchanged.
fn turned(matrix: &Row32) -> Row32 {
    let element =
        |row: usize, column: usize| matrix[row * 4 + column / 2] >> (column % 2 * 16) & 0xffff;
    std::array::from_fn(|lane| {
        let (row, column) = (lane / 4, lane % 4 * 2);
        element(column, row) | element(column + 1, row) << 16
    })
}

fn word(cells: &Cells, at: u64) -> [u8; 4] {
    let mut bytes = [0; 4];
    cells.read(at, &mut bytes);
    bytes
}

impl Block<'_, '_> {
    /// All lanes that have not ended are here.
    pub(super) fn tensor(
        &mut self,
        number: usize,
        step: &Step,
        matrix: &Matrix,
        registers: &mut Registers,
        active: u32,
    ) -> Result<(), Stop> {
        if active != ALL {
            let problem = Problem::MissingLanes { lanes: !active };
            return self.end_with(number, step, active, problem).map(|_| ());
        }
        match matrix {
            Matrix::Product(product) => product.run(registers),
            Matrix::Transpose { d, a } => {
                registers.words[*d as usize] = turned(&registers.words[*a as usize]);
            }
            Matrix::Rows(rows) => {
                let (warp, mut reach) = self.reach(number, step);
                reach.rows(warp, registers, rows)?;
            }
            Matrix::Fragment(fragment) => {
                let (warp, mut reach) = self.reach(number, step);
                reach.fragment(warp, registers, fragment)?;
            }
        }
        Ok(())
    }
}

impl Reach<'_, '_> {
    fn rows(&mut self, warp: &Warp, registers: &mut Registers, rows: &Rows) -> Result<(), Stop> {
        // Lanes 0 to 7 have the addresses of the first matrix, and so on.
        let named = ALL >> (LANES - rows.registers.len() * 8);
        let way = if rows.store { Way::Write } else { Way::Read };
        let mut starts = [0; LANES];
        let touch = Touch::new(
            (warp, registers, named),
            (&rows.target, 16, way),
            &mut starts,
        );
        let mut found = [0; LANES];
        by_memory(rows.target.space, &touch, |memory, touch| {
            if memory != Memory::Shared {
                let lane = touch.active.trailing_zeros();
                let touched = self.touched(Space::Shared, touch.addresses[lane as usize], 16);
                let problem = Problem::OutOfBounds { write: rows.store };
                self.report(warp, lane, problem, Some(touched))?;
                return Err(Stop);
            }
            found = *touch.addresses;
            // One instruction, however many matrices, each of which is a pass
            // over the banks as eight lanes' 16 bytes are.
            self.count(Memory::Shared, Some(Space::Shared), touch);
            self.inside_shared(touch)
        })?;
        // Words by rows, whichever way they are wanted: a warp's lanes may
        // turn them among themselves.
        for (number, register) in rows.registers.iter().enumerate() {
            let starts = &found[number * 8..];
            let places = std::array::from_fn(|lane| starts[lane / 4] + lane as u64 % 4 * 4);
            let touch = Touch::at(warp, &places, ALL, (4, way));
            let row = &mut registers.words[*register as usize];
            if rows.store {
                let held = if rows.transposed { turned(row) } else { *row };
                self.check_shared(&touch, |cells, lane, beside| {
                    let there = match beside {
                        Some(beside) => held[beside as usize].to_le_bytes(),
                        None => word(cells, places[lane as usize]),
                    };
                    there == held[lane as usize].to_le_bytes()
                })?;
                for (at, held) in places.iter().zip(held) {
                    self.shared.cells.write(*at, &held.to_le_bytes());
                }
            } else {
                self.check_shared(&touch, |_, _, _| false)?;
                let cells = &self.shared.cells;
                let found = places.map(|at| u32::from_le_bytes(word(cells, at)));
                *row = if rows.transposed {
                    turned(&found)
                } else {
                    found
                };
            }
        }
        Ok(())
    }

    fn fragment(
        &mut self,
        warp: &Warp,
        registers: &mut Registers,
        fragment: &Fragment,
    ) -> Result<(), Stop> {
        let mut starts = [0; LANES];
        let bytes = fragment.bytes;
        survey::addresses(registers, &fragment.target, ALL, bytes, &mut starts);
        let strides = registers.words[fragment.stride as usize];
        self.check_matrix(warp, fragment, &starts, &strides)?;
        // Neighbours in memory that share a register are one access.
        let parts = if fragment.along { 1 } else { fragment.each };
        let wide = fragment.bytes * fragment.each / parts;
        let mut worked = Worked::new(fragment.target.space, wide);
        for piece in &fragment.pieces {
            let mut taken = [0_u64; LANES];
            for part in 0..parts {
                let shift = part * wide * 8;
                let address = |lane: usize| {
                    let row = u64::from(piece.row) + lane as u64 / 4;
                    let column = piece.column + lane as u32 % 4 * fragment.pitch + part;
                    let stride = u64::from(strides[lane]);
                    let at = if fragment.along {
                        row * stride + u64::from(column)
                    } else {
                        u64::from(column) * stride + row
                    };
                    starts[lane].wrapping_add(at * u64::from(fragment.bytes))
                };
                if fragment.store {
                    let held = |lane: usize| bits(registers, piece.registers[0], lane) >> shift;
                    worked.store(self, warp, ALL, address, held)?;
                } else {
                    let [found, _] = worked.load(self, warp, ALL, address)?;
                    for (taken, found) in taken.iter_mut().zip(found) {
                        *taken |= found << shift;
                    }
                }
            }
            if fragment.store {
                continue;
            }
            for register in &piece.registers {
                match register.kind {
                    Kind::Long => registers.longs[register.slot as usize] = taken,
                    _ => registers.words[register.slot as usize] = taken.map(|bits| bits as u32),
                }
            }
        }
        Ok(())
    }

    /// Address and stride are the same in all lanes, and rows start where they
    /// may.
    fn check_matrix(
        &self,
        warp: &Warp,
        fragment: &Fragment,
        starts: &[u64; LANES],
        strides: &[u32; LANES],
    ) -> Result<(), Stop> {
        let space = fragment.target.space.unwrap_or(Space::Global);
        let touched = |lane: usize| Some(self.touched(space, starts[lane], fragment.bytes));
        let other = |lane: &usize| starts[*lane] != starts[0] || strides[*lane] != strides[0];
        if let Some(lane) = (0..LANES).find(other) {
            self.report(warp, lane as u32, Problem::NotUniform, touched(lane))?;
        }
        let apart = u64::from(strides[0]) * u64::from(fragment.bytes);
        let align = u64::from(fragment.align);
        let write = fragment.store;
        if !starts[0].is_multiple_of(align) || !apart.is_multiple_of(align) {
            self.report(warp, 0, Problem::Misaligned { write }, touched(0))?;
            return Err(Stop);
        }
        Ok(())
    }
}
