//! Fields of bits, and bytes in another order: PTX ISA 9.0, sections 9.7.1.20
//! to 9.7.1.22 and 9.7.9.7.

use super::alu::{Alu, Modifiers, alu};
use crate::exec::kernel::kernel;
use crate::exec::rows::{Kind, Lane};
use crate::ptx::Type;

/// PTX ISA 9.0, 9.7.1.20: positions and lengths count up to 255.
pub(super) fn fields(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    fn extract(value: i128, width: u32, signed: bool, position: u32, length: u32) -> u64 {
        let (position, length) = (position & 255, length & 255);
        let top = if length == 0 {
            return 0;
        } else {
            (position + length - 1).min(width - 1)
        };
        let sign = signed && value >> top & 1 == 1;
        let mut field = 0_u64;
        let taken = length.min(width.saturating_sub(position));
        if taken > 0 {
            field = (value >> position) as u64 & ones(taken);
        }
        if sign { field | !ones(taken) } else { field }
    }
    fn ones(count: u32) -> u64 {
        if count >= 64 {
            u64::MAX
        } else {
            (1 << count) - 1
        }
    }
    fn insert(value: u64, into: u64, width: u32, position: u32, length: u32) -> u64 {
        let (position, length) = (position & 255, length & 255);
        if position >= width {
            return into;
        }
        let mask = ones(length.min(width - position)) << position;
        value << position & mask | into & !mask
    }
    let ty = modifiers.ty()?;
    Some(match (opcode, ty) {
        ("bfe", Type::U32) => {
            alu!((a: u32, b: u32, c: u32) -> u32 { extract(i128::from(a), 32, false, b, c) as u32 })
        }
        ("bfe", Type::S32) => {
            alu!((a: u32, b: u32, c: u32) -> u32 { extract(i128::from(a), 32, true, b, c) as u32 })
        }
        ("bfe", Type::U64) => {
            alu!((a: u64, b: u32, c: u32) -> u64 { extract(i128::from(a), 64, false, b, c) })
        }
        ("bfe", Type::S64) => {
            alu!((a: u64, b: u32, c: u32) -> u64 { extract(i128::from(a), 64, true, b, c) })
        }
        ("bfi", Type::B32) => {
            let mut alu = alu!((a: u32, b: u32) -> u32 { a ^ b });
            alu.kernel = kernel!(|r, s, m| {
                let [value, into, position, length] = s.s.map(|slot| *u32::row(r, slot));
                r.write(s.d, m, |lane| {
                    let (value, into) = (u64::from(value[lane]), u64::from(into[lane]));
                    insert(value, into, 32, position[lane], length[lane]) as u32
                });
            });
            alu.s = vec![Kind::Word; 4];
            alu
        }
        ("bfi", Type::B64) => {
            let mut alu = alu!((a: u64, b: u64) -> u64 { a ^ b });
            alu.kernel = kernel!(|r, s, m| {
                let (value, into) = (*u64::row(r, s.s[0]), *u64::row(r, s.s[1]));
                let (position, length) = (*u32::row(r, s.s[2]), *u32::row(r, s.s[3]));
                r.write(s.d, m, |lane| {
                    insert(value[lane], into[lane], 64, position[lane], length[lane])
                });
            });
            alu.s = vec![Kind::Long, Kind::Long, Kind::Word, Kind::Word];
            alu
        }
        ("bmsk", Type::B32) => {
            let wrap = modifiers.flag("wrap");
            if !wrap && !modifiers.flag("clamp") {
                return None;
            }
            if wrap {
                alu!((a: u32, b: u32) -> u32 { (ones(b & 31) as u32) << (a & 31) })
            } else {
                alu!((a: u32, b: u32) -> u32 {
                    if a < 32 { (ones(b.min(32)) << a) as u32 } else { 0 }
                })
            }
        }
        _ => return None,
    })
}

pub(super) fn permute(modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    fn byte(from: u64, selector: u32) -> u32 {
        let byte = (from >> ((selector & 7) * 8)) as u32 & 0xff;
        if selector & 8 == 0 {
            byte
        } else {
            // The byte's sign, eight times.
            (byte >> 7) * 0xff
        }
    }
    fn generic(a: u32, b: u32, c: u32) -> u32 {
        let from = u64::from(b) << 32 | u64::from(a);
        (0..4).fold(0, |result, at| {
            result | byte(from, c >> (at * 4)) << (at * 8)
        })
    }
    fn listed(a: u32, b: u32, selectors: [u32; 4]) -> u32 {
        let from = u64::from(b) << 32 | u64::from(a);
        (0..4).fold(0, |result, at| {
            result | byte(from, selectors[at] & 7) << (at * 8)
        })
    }
    if modifiers.ty()? != Type::B32 {
        return None;
    }
    let mode = modifiers.one_of(&[
        ("f4e", 0),
        ("b4e", 1),
        ("rc8", 2),
        ("ecl", 3),
        ("ecr", 4),
        ("rc16", 5),
    ]);
    // PTX ISA 9.0, table 31 in 9.7.8.6, by the lower two bits of the selector.
    Some(match mode {
        None => alu!((a: u32, b: u32, c: u32) -> u32 { generic(a, b, c) }),
        Some(0) => alu!((a: u32, b: u32, c: u32) -> u32 {
            listed(a, b, [0, 1, 2, 3].map(|at| at + (c & 3)))
        }),
        Some(1) => alu!((a: u32, b: u32, c: u32) -> u32 {
            listed(a, b, [0_u32, 1, 2, 3].map(|at| (c & 3).wrapping_sub(at)))
        }),
        Some(2) => alu!((a: u32, b: u32, c: u32) -> u32 { listed(a, b, [c & 3; 4]) }),
        Some(3) => alu!((a: u32, b: u32, c: u32) -> u32 {
            listed(a, b, [0, 1, 2, 3].map(|at: u32| at.max(c & 3)))
        }),
        Some(4) => alu!((a: u32, b: u32, c: u32) -> u32 {
            listed(a, b, [0, 1, 2, 3].map(|at: u32| at.min(c & 3)))
        }),
        Some(_) => alu!((a: u32, b: u32, c: u32) -> u32 {
            listed(a, b, [0, 1, 0, 1].map(|at| at + (c & 1) * 2))
        }),
    })
}
