//! What the addresses of a warp's access have in common.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use std::hint::black_box;

use super::kernel::for_processor;
use super::rows::{ALL, Kind, LANES, Registers};
use super::step::{Register, Target};

/// How lanes' addresses lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Of all lanes, one behind the other.
    Row,
    /// All the same.
    Same,
    Any,
}

/// Addresses of active lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survey {
    pub(super) least: u64,
    pub(super) most: u64,
    /// All of them or-ed: how well they are aligned.
    pub(super) bits: u64,
    pub(super) form: Form,
}

for_processor!(
    /// Of accesses of so many bytes, a power of two, by the active lanes.
    pub(super) fn survey(addresses: &[u64; LANES], active: u32, width: u32) -> Survey {
        surveyed(addresses, active, width)
    }
);

for_processor!(
    /// The addresses of a target in all lanes, and what they have in common.
    pub(super) fn addresses(
        registers: &Registers,
        target: &Target,
        active: u32,
        width: u32,
        into: &mut [u64; LANES],
    ) -> Survey {
        let lanes = all_lanes();
        match target.base {
            None => into.fill(target.offset),
            Some(Register {
                kind: Kind::Long,
                slot,
            }) => {
                let row = &registers.longs[slot as usize][..lanes];
                for (address, base) in into[..lanes].iter_mut().zip(row) {
                    *address = base.wrapping_add(target.offset);
                }
            }
            Some(Register { slot, .. }) => {
                let row = &registers.words[slot as usize][..lanes];
                for (address, base) in into[..lanes].iter_mut().zip(row) {
                    *address = u64::from(base.wrapping_add(target.offset as u32));
                }
            }
        }
        surveyed(into, active, width)
    }
);

/// How many lanes there are, as a number that the compiler does not know:
/// loops over lanes stay loops, which it makes vector code of. What it unrolls
/// before that becomes an instruction for each lane.
#[inline(always)]
fn all_lanes() -> usize {
    black_box(LANES).min(LANES)
}

#[inline(always)]
fn surveyed(addresses: &[u64; LANES], active: u32, width: u32) -> Survey {
    let first = addresses[active.trailing_zeros() as usize & 31];
    let shift = width.trailing_zeros();
    let addresses = &addresses[..all_lanes()];
    // How far each is from where it would be in either form.
    let mut apart = 0;
    let mut astray = 0;
    for (lane, address) in addresses.iter().enumerate() {
        let behind = address.wrapping_sub(first);
        apart |= behind;
        astray |= behind ^ ((lane as u64) << shift);
    }
    if apart == 0 {
        return Survey {
            least: first,
            most: first,
            bits: first,
            form: Form::Same,
        };
    }
    // A row that goes beyond the last address is none.
    let last = first.checked_add((LANES as u64 - 1) << shift);
    if let Some(most) = last.filter(|_| active == ALL && astray == 0) {
        return Survey {
            least: first,
            most,
            bits: first,
            form: Form::Row,
        };
    }
    let mut survey = Survey {
        least: u64::MAX,
        most: 0,
        bits: 0,
        form: Form::Any,
    };
    for (lane, &address) in addresses.iter().enumerate() {
        let there = active >> lane & 1 == 1;
        survey.least = survey.least.min(if there { address } else { u64::MAX });
        survey.most = survey.most.max(if there { address } else { 0 });
        survey.bits |= if there { address } else { 0 };
    }
    survey
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_single_places() {
        let row: [u64; LANES] = std::array::from_fn(|lane| 4096 + 8 * lane as u64);
        let found = survey(&row, ALL, 8);
        assert_eq!((found.least, found.most), (4096, 4096 + 31 * 8));
        assert_eq!(found.form, Form::Row);
        assert_eq!(survey(&row, ALL, 4).form, Form::Any);
        assert_eq!(survey(&row, 6, 8).form, Form::Any);
        assert_eq!(survey(&row, 6, 8).least, 4104);
        assert_eq!(survey(&[12; LANES], 6, 8).form, Form::Same);
        let around: [u64; LANES] = std::array::from_fn(|lane| (lane as u64 * 8).wrapping_sub(64));
        assert_eq!(survey(&around, ALL, 8).form, Form::Any);
        assert_eq!(survey(&around, ALL, 8).most, u64::MAX - 7);
        let mut odd = row;
        odd[7] += 2;
        assert_eq!(survey(&odd, ALL, 8).bits & 7, 2);
    }
}
