//! Accesses of which nothing but their place is looked after, and that is in
//! order: nearly all, where neither races nor what is asked of memory are
//! of interest.

use super::access::Reach;
use super::kernel::for_processor;
use super::rows::{LANES, Registers};
use super::step::Access;
use super::survey::{self, Survey};
use super::transfer::{Places, filled, spilled};
use crate::device::Checks;
use crate::memory::Cells;
use crate::ptx::Space;

/// A piece of memory all of which may be accessed.
#[derive(Clone, Copy)]
struct Piece<'a> {
    cells: &'a Cells,
    /// Where it starts.
    base: u64,
    /// What is between variables.
    gaps: &'a [(u32, u32)],
}

impl<'a> Piece<'a> {
    /// Itself, if an access of so many bytes lies in it.
    #[inline]
    fn around(self, survey: &Survey, width: u32) -> Option<(&'a Cells, u64)> {
        // Lanes may lie around a gap, too: those are rare.
        let end = survey.most.checked_add(u64::from(width))?;
        let inside = survey.least >= self.base && end - self.base <= self.cells.bytes();
        let aligned = survey.bits & u64::from(width - 1) == 0;
        let apart = |&(from, to): &(u32, u32)| end <= from.into() || u64::from(to) <= survey.least;
        let solid = self.gaps.iter().all(apart);
        (inside && aligned && solid).then_some((self.cells, self.base))
    }
}

for_processor!(
    /// Whether it was done.
    fn load(piece: Piece<'_>, registers: &mut Registers, access: &Access, active: u32) -> bool {
        let mut addresses = [0; LANES];
        let width = access.width();
        let survey = survey::addresses(registers, &access.target, active, width, &mut addresses);
        let Some(place) = piece.around(&survey, width) else {
            return false;
        };
        let places = Places {
            addresses: &addresses,
            active,
            form: survey.form,
        };
        filled(registers, places, access, place);
        true
    }
);

for_processor!(
    /// As `load`, the other way.
    fn store(piece: Piece<'_>, registers: &Registers, access: &Access, active: u32) -> bool {
        let mut addresses = [0; LANES];
        let width = access.width();
        let survey = survey::addresses(registers, &access.target, active, width, &mut addresses);
        let Some(place) = piece.around(&survey, width) else {
            return false;
        };
        let places = Places {
            addresses: &addresses,
            active,
            form: survey.form,
        };
        spilled(registers, places, access, place);
        true
    }
);

impl Reach<'_, '_> {
    /// The piece that an access goes to, if it goes where the last one did.
    #[inline]
    fn piece(&self, space: Option<Space>, write: bool) -> Option<Piece<'_>> {
        let launch = self.launch;
        if launch.asked.checks != Checks::Memory || launch.footprint.is_some() {
            return None;
        }
        match space {
            Some(Space::Shared) => {
                let piece = Piece {
                    cells: &self.shared.cells,
                    base: 0,
                    gaps: self.shared.gaps(),
                };
                (!self.shared.copies.any()).then_some(piece)
            }
            Some(Space::Local) => None,
            _ => {
                let found = launch.asked.allocations.get(*self.last)?;
                let piece = Piece {
                    cells: found.cells(),
                    base: found.base(),
                    gaps: &[],
                };
                let open = found.is_complete() && !(write && found.is_read_only());
                // A generic address in it is none of a window.
                open.then_some(piece)
            }
        }
    }

    /// Whether it was done.
    #[inline]
    pub(super) fn load_at_once(
        &mut self,
        registers: &mut Registers,
        access: &Access,
        active: u32,
    ) -> bool {
        let piece = self.piece(access.target.space, false);
        let done = piece.is_some_and(|piece| load(piece, registers, access, active));
        if done && access.strong && access.target.space != Some(Space::Shared) {
            self.look();
        }
        done
    }

    /// As `load_at_once`, the other way.
    #[inline]
    pub(super) fn store_at_once(
        &mut self,
        registers: &Registers,
        access: &Access,
        active: u32,
    ) -> bool {
        let piece = self.piece(access.target.space, true);
        let done = piece.is_some_and(|piece| store(piece, registers, access, active));
        if done && !access.strong && access.target.space != Some(Space::Shared) {
            self.seen.write();
        }
        done
    }
}
