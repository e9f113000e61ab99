//! What the addresses of a warp's access have in common.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor as part of a function that is"
)]

use super::alike::{self, Bases, Start};
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

/// Of accesses of so many bytes, a power of two, by the active lanes.
pub(super) fn survey(addresses: &[u64; LANES], active: u32, width: u32) -> Survey {
    let start = Start {
        first: addresses[active.trailing_zeros() as usize & 31],
        shift: width.trailing_zeros(),
    };
    let mut same = [0; LANES];
    let form = alike::addresses(Bases::Long(addresses), 0, start, &mut same);
    surveyed(addresses, start, form, active)
}

/// The addresses of a target in all lanes, and what they have in common.
#[inline(always)]
pub(super) fn addresses(
    registers: &Registers,
    target: &Target,
    active: u32,
    width: u32,
    into: &mut [u64; LANES],
) -> Survey {
    let offset = target.offset;
    let lane = active.trailing_zeros() as usize & 31;
    let (bases, first) = match target.base {
        None => {
            into.fill(offset);
            return Survey::of_one(offset);
        }
        Some(Register {
            kind: Kind::Long,
            slot,
        }) => {
            let row = &registers.longs[slot as usize];
            (Bases::Long(row), row[lane].wrapping_add(offset))
        }
        Some(Register { slot, .. }) => {
            let row = &registers.words[slot as usize];
            let first = row[lane].wrapping_add(offset as u32);
            (Bases::Word(row), u64::from(first))
        }
    };
    let start = Start {
        first,
        shift: width.trailing_zeros(),
    };
    let form = alike::addresses(bases, offset, start, into);
    surveyed(into, start, form, active)
}

impl Survey {
    fn of_one(address: u64) -> Self {
        Self {
            least: address,
            most: address,
            bits: address,
            form: Form::Same,
        }
    }
}

#[inline(always)]
fn surveyed(addresses: &[u64; LANES], start: Start, form: Form, active: u32) -> Survey {
    let Start { first, shift } = start;
    // A row that goes beyond the last address is none.
    let last = first.checked_add((LANES as u64 - 1) << shift);
    match (form, last) {
        (Form::Same, _) => Survey::of_one(first),
        (Form::Row, Some(most)) if active == ALL => Survey {
            least: first,
            most,
            bits: first,
            form: Form::Row,
        },
        _ => range(addresses, active),
    }
}

for_processor!(
    /// Of lanes whose addresses have no form.
    fn range(addresses: &[u64; LANES], active: u32) -> Survey {
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
);

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
