//! Loads and stores of matrices: `ldmatrix`, `stmatrix` and `movmatrix` as
//! PTX ISA 9.1, sections 9.7.14.5.15 to 9.7.14.5.17, draws them; `wmma` by
//! what it computes, and by which lane has what on hardware.

use std::fmt::Write;

use crate::cases::Source;
use crate::products::{Matrix, bits_of, width};
use crate::warp::{Warp, registers};

fn words(bytes: &[u8]) -> Vec<u32> {
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes))
        .collect()
}

fn halves(bytes: &[u8]) -> Vec<u16> {
    let (chunks, _) = bytes.as_chunks::<2>();
    chunks
        .iter()
        .map(|bytes| u16::from_le_bytes(*bytes))
        .collect()
}

fn random(source: &mut Source, count: usize) -> Vec<u8> {
    (0..count).map(|_| source.next() as u8).collect()
}

/// The rows of four matrices in any order: where each starts.
fn shuffled(source: &mut Source) -> Vec<u32> {
    let mut starts: Vec<u32> = (0..32).map(|row| row * 16).collect();
    for at in (1..32).rev() {
        starts.swap(at, source.below(at as u64 + 1) as usize);
    }
    starts
}

/// Shared memory of 512 bytes that each lane brings 16 of, behind the four
/// bytes of its row's address, which becomes `%row`.
const BRING: &str = ".shared .align 16 .b8 s[512];\n.reg .b32 %row, %own, %base, %v<4>;\n\
    ld.global.b32 %row, [%in];\n\
    ld.global.v4.b32 {%v0, %v1, %v2, %v3}, [%in+16];\n\
    mov.u32 %base, s;\nadd.u32 %row, %row, %base;\n\
    mad.lo.u32 %own, %lane, 16, %base;\n\
    st.shared.v4.b32 [%own], {%v0, %v1, %v2, %v3};\nbar.sync 0;\n";

/// What lanes bring: their row's address, and 16 bytes of memory.
fn brought(starts: &[u32], memory: &[u8]) -> Vec<u8> {
    let mut given = Vec::new();
    for (start, bytes) in starts.iter().zip(memory.chunks(16)) {
        given.extend(start.to_le_bytes());
        given.extend([0; 12]);
        given.extend(bytes);
    }
    given
}

#[test]
fn rows_are_loaded() {
    let mut source = Source::new(21);
    for (count, transposed, generic) in [1, 2, 4]
        .into_iter()
        .flat_map(|count| [false, true].map(|transposed| (count, transposed)))
        .flat_map(|(count, transposed)| [false, true].map(|generic| (count, transposed, generic)))
    {
        let memory = random(&mut source, 512);
        let mut starts = shuffled(&mut source);
        // Lanes behind those of the matrices may hold anything.
        starts[count * 8..].fill(0xffff_fff7);
        let trans = if transposed { ".trans" } else { "" };
        let (space, address) = if generic {
            ("", "%wide")
        } else {
            (".shared", "%row")
        };
        let mut body = format!(
            "{BRING}.reg .b64 %wide;\n.reg .b32 %r<{count}>;\n\
             cvt.u64.u32 %wide, %row;\ncvta.shared.u64 %wide, %wide;\n\
             ldmatrix.sync.aligned.m8n8.x{count}{trans}{space}.b16 {}, [{address}];\n",
            registers('r', count)
        );
        for at in 0..count {
            writeln!(body, "st.global.b32 [%out+{}], %r{at};", at * 4).unwrap();
        }
        let warp = Warp {
            body,
            bytes: [32, count * 4],
        };
        let (left, _) = warp.run(&brought(&starts, &memory));
        for (lane, row) in words(&left).chunks(count).enumerate() {
            for (matrix, bits) in row.iter().enumerate() {
                // Figure 104: a lane has two neighbours of row `lane / 4`;
                // where the matrix is turned, of a column.
                let element = |row: usize, column: usize| {
                    let at = starts[matrix * 8 + row] as usize + column * 2;
                    u32::from(u16::from_le_bytes([memory[at], memory[at + 1]]))
                };
                let (row, pair) = (lane / 4, lane % 4 * 2);
                let expected = if transposed {
                    [element(pair, row), element(pair + 1, row)]
                } else {
                    [element(row, pair), element(row, pair + 1)]
                };
                assert_eq!(*bits, expected[0] | expected[1] << 16, "x{count}{trans}");
            }
        }
    }
}

#[test]
fn rows_are_stored() {
    let mut source = Source::new(22);
    for (count, transposed) in [
        (1, false),
        (1, true),
        (2, false),
        (2, true),
        (4, false),
        (4, true),
    ] {
        let memory = random(&mut source, 512);
        let starts = shuffled(&mut source);
        let trans = if transposed { ".trans" } else { "" };
        // What a lane brought is stored too, and then all memory is left.
        let body = format!(
            "{BRING}stmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 [%row], {};\n\
             bar.sync 0;\n.reg .b32 %w<4>;\n\
             ld.shared.v4.b32 {{%w0, %w1, %w2, %w3}}, [%own];\n\
             st.global.v4.b32 [%out], {{%w0, %w1, %w2, %w3}};\n",
            registers('v', count)
        );
        let warp = Warp {
            body,
            bytes: [32, 16],
        };
        let (left, _) = warp.run(&brought(&starts, &memory));
        let mut expected = halves(&memory);
        let given = halves(&memory);
        for matrix in 0..count {
            for lane in 0..32 {
                for at in 0..2 {
                    let (row, column) = if transposed {
                        (lane % 4 * 2 + at, lane / 4)
                    } else {
                        (lane / 4, lane % 4 * 2 + at)
                    };
                    let to = starts[matrix * 8 + row] as usize / 2 + column;
                    expected[to] = given[lane * 8 + matrix * 2 + at];
                }
            }
        }
        assert_eq!(halves(&left), expected, "x{count}{trans}");
    }
}

#[test]
fn matrices_are_turned() {
    let memory = random(&mut Source::new(23), 128);
    let warp = Warp {
        body: ".reg .b32 %a, %d;\nld.global.b32 %a, [%in];\n\
            movmatrix.sync.aligned.m8n8.trans.b16 %d, %a;\nst.global.b32 [%out], %d;"
            .to_owned(),
        bytes: [4, 4],
    };
    let (left, _) = warp.run(&memory);
    let (given, left) = (halves(&memory), halves(&left));
    for row in 0..8 {
        for column in 0..8 {
            assert_eq!(left[row * 8 + column], given[column * 8 + row]);
        }
    }
}

/// A `wmma`: shape, types of factors, types of `c` and `d`.
type Whole = (
    [usize; 3],
    &'static [&'static str],
    &'static [[&'static str; 2]],
);

const SHAPES: [[usize; 3]; 3] = [[16, 16, 16], [32, 8, 16], [8, 32, 16]];

fn wholes() -> Vec<Whole> {
    let mut all: Vec<Whole> = vec![
        ([16, 16, 8], &["tf32"], &[["f32", "f32"]]),
        ([8, 8, 4], &["f64"], &[["f64", "f64"]]),
    ];
    for shape in SHAPES {
        all.push((
            shape,
            &["f16"],
            &[
                ["f16", "f16"],
                ["f16", "f32"],
                ["f32", "f16"],
                ["f32", "f32"],
            ],
        ));
        all.push((shape, &["bf16"], &[["f32", "f32"]]));
        all.push((shape, &["s8", "u8"], &[["s32", "s32"]]));
    }
    all
}

/// Registers of a fragment: section 9.7.14.4.1.
fn count(ty: &str, rows: usize, columns: usize, factor: bool) -> usize {
    if factor && ty == "f16" {
        8
    } else {
        let width = width(ty);
        rows * columns * width / 32 / width.max(32)
    }
}

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug)]
struct Stored {
    by_rows: bool,
    /// Elements beyond a row or a column.
    padding: usize,
}

impl Stored {
    fn lead(self, matrix: &Matrix) -> usize {
        if self.by_rows {
            matrix.columns
        } else {
            matrix.rows
        }
    }

    fn stride(self, matrix: &Matrix) -> usize {
        self.lead(matrix) + self.padding
    }

    fn bytes(self, matrix: &Matrix) -> usize {
        let lines = matrix.rows * matrix.columns / self.lead(matrix);
        lines * self.stride(matrix) * width(matrix.ty) / 8
    }

    /// Where an element lies.
    fn at(self, matrix: &Matrix, row: usize, column: usize) -> usize {
        let (line, along) = if self.by_rows {
            (row, column)
        } else {
            (column, row)
        };
        (line * self.stride(matrix) + along) * width(matrix.ty) / 8
    }

    fn write(self, matrix: &Matrix, into: &mut [u8]) {
        let wide = width(matrix.ty) / 8;
        for row in 0..matrix.rows {
            for column in 0..matrix.columns {
                let at = self.at(matrix, row, column);
                let bits = matrix.at((row, column)).to_le_bytes();
                into[at..at + wide].copy_from_slice(&bits[..wide]);
            }
        }
    }

    fn name(self) -> &'static str {
        if self.by_rows { "row" } else { "col" }
    }
}

/// Where matrices lie.
#[derive(Clone, Copy, Debug)]
enum Space {
    Global,
    Shared,
    Generic,
}

/// Runs load, product and store, and answers what is stored.
fn multiply(
    [m, n, k]: [usize; 3],
    matrices: [&Matrix; 3],
    d: &Matrix,
    stored: [Stored; 4],
    space: Space,
) -> Vec<u8> {
    let shape = format!("m{m}n{n}k{k}");
    let mut given = Vec::new();
    let mut starts = Vec::new();
    for (matrix, stored) in matrices.iter().zip(stored) {
        let start = given.len().next_multiple_of(32);
        starts.push(start);
        given.resize(start + stored.bytes(matrix), 0xaa);
        stored.write(matrix, &mut given[start..]);
    }
    given.resize(given.len().next_multiple_of(32 * 16), 0xaa);
    let each = given.len() / 32;
    let (name, base) = match space {
        Space::Global => (".global", "%from"),
        Space::Shared => (".shared", "%s"),
        Space::Generic => ("", "%wide"),
    };
    let mut body = format!(
        ".shared .align 32 .b8 s[{}];\n.reg .b32 %s, %own, %v<4>;\n.reg .b64 %wide;\n\
         mov.u32 %s, s;\ncvt.u64.u32 %wide, %s;\ncvta.shared.u64 %wide, %wide;\n\
         mad.lo.u32 %own, %lane, {each}, %s;\n",
        given.len()
    );
    for at in (0..each).step_by(16) {
        writeln!(
            body,
            "ld.global.v4.b32 {{%v0, %v1, %v2, %v3}}, [%in+{at}];\n\
             st.shared.v4.b32 [%own+{at}], {{%v0, %v1, %v2, %v3}};"
        )
        .unwrap();
    }
    body += "bar.sync 0;\n";
    for (at, letter) in ['a', 'b', 'c'].into_iter().enumerate() {
        let (matrix, stored) = (matrices[at], stored[at]);
        let ty = matrix.ty;
        let bits = width(ty).max(32);
        let count = count(ty, matrix.rows, matrix.columns, letter != 'c');
        let stride = match stored.padding {
            0 => String::new(),
            _ => format!(", {}", stored.stride(matrix)),
        };
        writeln!(
            body,
            ".reg .b{bits} %{letter}<{count}>;\n\
             wmma.load.{letter}.sync.aligned.{}.{shape}{name}.{ty} {}, [{base}+{}]{stride};",
            stored.name(),
            registers(letter, count),
            starts[at]
        )
        .unwrap();
    }
    let [a, b, c] = matrices;
    let types = match a.ty {
        "f16" => format!("{}.{}", d.ty, c.ty),
        _ => format!("{}.{}.{}.{}", d.ty, a.ty, b.ty, c.ty),
    };
    let number = |matrix: &Matrix, factor| count(matrix.ty, matrix.rows, matrix.columns, factor);
    writeln!(
        body,
        ".reg .b{} %d<{}>;\nwmma.mma.sync.aligned.{}.{}.{shape}.{types} {}, {}, {}, {};",
        width(d.ty).max(32),
        number(d, false),
        stored[0].name(),
        stored[1].name(),
        registers('d', number(d, false)),
        registers('a', number(a, true)),
        registers('b', number(b, true)),
        registers('c', number(c, false))
    )
    .unwrap();
    let last = stored[3];
    writeln!(
        body,
        "wmma.store.d.sync.aligned.{}.{shape}.global.{} [%to], {}, {};",
        last.name(),
        d.ty,
        registers('d', number(d, false)),
        last.stride(d)
    )
    .unwrap();
    let warp = Warp {
        body,
        bytes: [each, last.bytes(d).div_ceil(32)],
    };
    let (left, counts) = warp.run(&given);
    let flops = if d.ty == "s32" { 0 } else { 2 * m * n * k };
    assert_eq!(counts.flops, flops as u64);
    left
}

#[test]
fn whole_products() {
    let mut source = Source::new(24);
    for ([m, n, k], factors, sums) in wholes() {
        for (ty, [tc, td]) in factors
            .iter()
            .flat_map(|ty| sums.iter().map(move |sums| (*ty, *sums)))
        {
            for choice in 0..32 {
                let mut small = |ty: &str| {
                    let integer = source.below(9) as i64 - 4;
                    let signed = !matches!(ty, "u8");
                    bits_of(ty, if signed { integer } else { integer.abs() })
                };
                let a = Matrix::new(ty, m, k, || small(ty));
                let b = Matrix::new(ty, k, n, || small(ty));
                let c = Matrix::new(tc, m, n, || small(tc));
                let mut d = Matrix::new(td, m, n, || 0);
                let stored = [&a, &b, &c, &d].map(|matrix| matrix.ty);
                let stored: [Stored; 4] = std::array::from_fn(|at| Stored {
                    by_rows: choice >> at & 1 == 0,
                    padding: if choice & 16 == 0 {
                        0
                    } else {
                        32 * 8 / width(stored[at])
                    },
                });
                let space = [Space::Global, Space::Shared, Space::Generic][choice % 3];
                let left = multiply([m, n, k], [&a, &b, &c], &d, stored, space);
                for row in 0..m {
                    for column in 0..n {
                        let sum = (0..k).map(|k| a.value(row, k) * b.value(k, column));
                        let expected = sum.sum::<f64>() + c.value(row, column);
                        d.bits[row * n + column] = bits_of(td, expected as i64);
                    }
                }
                let mut expected = vec![0xee; left.len()];
                stored[3].write(&d, &mut expected);
                assert_eq!(left, expected, "m{m}n{n}k{k} {ty} {tc} {td} {stored:?}");
            }
        }
    }
}

/// A load, where a lane's bytes start, and how far its registers lie from there.
type Load<'l> = (&'l str, fn(usize, usize) -> usize, &'l [usize]);

/// Which bytes of a matrix without padding each register of a lane holds, as
/// the loads say that ptxas 12.8 makes for compute capability 8.0: the lane's
/// own start, by its number's upper three and lower two bits, and how far each
/// register lies from it. For halves and tf32 it is also what wmma_extension
/// (Ootomo, `detail/sm_80.hpp`) has for it.
#[test]
fn fragments_of_hardware() {
    let half = |group: usize, thread: usize| group * 32 + thread * 4;
    let byte = |group: usize, thread: usize| group * 16 + thread * 4;
    let down = |group: usize, thread: usize| thread * 256 + group * 4;
    let loads: &[Load<'_>] = &[
        ("a.row.m16n16k16.f16", half, &[0, 0x100, 0x10, 0x110]),
        ("b.col.m16n16k16.f16", half, &[0, 0x10, 0x100, 0x110]),
        (
            "a.row.m32n8k16.f16",
            half,
            &[0, 0x100, 0x10, 0x110, 0x200, 0x300, 0x210, 0x310],
        ),
        ("b.col.m32n8k16.f16", half, &[0, 0x10]),
        ("a.row.m8n32k16.f16", half, &[0, 0x10]),
        ("a.row.m8n32k16.bf16", half, &[0, 0x10]),
        (
            "b.col.m8n32k16.bf16",
            half,
            &[0, 0x100, 0x10, 0x110, 0x200, 0x300, 0x210, 0x310],
        ),
        ("b.col.m16n16k16.bf16", half, &[0, 0x10, 0x100, 0x110]),
        ("a.row.m16n16k16.s8", byte, &[0, 0x80]),
        ("b.col.m16n16k16.s8", byte, &[0, 0x80]),
        ("a.row.m32n8k16.s8", byte, &[0, 0x80, 0x100, 0x180]),
        ("a.row.m8n32k16.s8", byte, &[0]),
        ("b.col.m8n32k16.s8", byte, &[0, 0x80, 0x100, 0x180]),
        ("a.row.m16n16k8.tf32", half, &[0, 0x100, 0x10, 0x110]),
        ("b.col.m16n16k8.tf32", half, &[0, 0x10, 0x100, 0x110]),
        ("c.row.m16n16k16.f16", half, &[0, 0x100, 0x10, 0x110]),
        (
            "c.row.m16n16k16.f32",
            |group, thread| group * 64 + thread * 8,
            &[0, 4, 0x200, 0x204, 0x20, 0x24, 0x220, 0x224],
        ),
        (
            "c.row.m32n8k16.f32",
            |group, thread| group * 32 + thread * 8,
            &[0, 4, 0x100, 0x104, 0x200, 0x204, 0x300, 0x304],
        ),
        (
            "c.col.m32n8k16.f32",
            down,
            &[0, 0x80, 0x20, 0xa0, 0x40, 0xc0, 0x60, 0xe0],
        ),
        (
            "c.row.m8n32k16.f32",
            down,
            &[0, 0x80, 0x20, 0xa0, 0x40, 0xc0, 0x60, 0xe0],
        ),
        (
            "c.col.m8n32k16.s32",
            |group, thread| group * 32 + thread * 8,
            &[0, 4, 0x100, 0x104, 0x200, 0x204, 0x300, 0x304],
        ),
    ];
    let memory = random(&mut Source::new(25), 2048);
    for (load, start, offsets) in loads {
        let parts: Vec<&str> = load.split('.').collect();
        let [matrix, layout, shape, ty] = parts[..] else {
            panic!("{load}");
        };
        let count = if ty == "f16" && matrix != "c" {
            8
        } else {
            offsets.len()
        };
        let mut body = format!(
            ".reg .b32 %r<{count}>;\nwmma.load.{matrix}.sync.aligned.{layout}.{shape}.global.{ty} \
             {}, [%from];\n",
            registers('r', count)
        );
        for at in 0..count {
            writeln!(body, "st.global.b32 [%out+{}], %r{at};", at * 4).unwrap();
        }
        let warp = Warp {
            body,
            bytes: [64, count * 4],
        };
        let (left, _) = warp.run(&memory);
        for (lane, row) in words(&left).chunks(count).enumerate() {
            for (at, bits) in row.iter().enumerate() {
                let from = start(lane / 4, lane % 4) + offsets[at % offsets.len()];
                let expected = u32::from_le_bytes(memory[from..from + 4].try_into().unwrap());
                assert_eq!(*bits, expected, "{load}: register {at} of lane {lane}");
            }
        }
    }
}
