//! What is checked before a warp touches memory.

use std::sync::Arc;

use super::access::Reach;
use super::lane::lanes;
use super::launch::{Launch, Stop};
use super::rows::{LANES, Registers};
use super::shared::{Race, Way};
use super::step::{Target, What};
use super::survey::{self, Form, Survey};
use super::trace::Who;
use super::warp::Warp;
use crate::device::Checks;
use crate::finding::{Buffer, Problem, Touched};
use crate::memory::{Allocation, Cells};
use crate::ptx::Space;

/// An access of a warp to one kind of memory.
#[derive(Clone, Copy)]
pub(super) struct Touch<'t> {
    pub(super) warp: &'t Warp,
    pub(super) addresses: &'t [u64; LANES],
    pub(super) active: u32,
    /// Bytes of each lane.
    pub(super) width: u32,
    pub(super) way: Way,
    pub(super) survey: Survey,
}

impl<'t> Touch<'t> {
    /// Of a target by the active lanes of a warp. The addresses go to `into`.
    pub(super) fn new(
        (warp, registers, active): (&'t Warp, &Registers, u32),
        (target, width, way): (&Target, u32, Way),
        into: &'t mut [u64; LANES],
    ) -> Self {
        let survey = survey::addresses(registers, target, active, width, into);
        Self {
            warp,
            addresses: into,
            active,
            width,
            way,
            survey,
        }
    }

    /// At addresses that are known.
    pub(super) fn at(
        warp: &'t Warp,
        addresses: &'t [u64; LANES],
        active: u32,
        (width, way): (u32, Way),
    ) -> Self {
        Self {
            warp,
            addresses,
            active,
            width,
            way,
            survey: survey::survey(addresses, active, width),
        }
    }

    /// That of one lane.
    pub(super) fn of_lane(self, lane: u32) -> Self {
        let survey = Survey {
            form: Form::Any,
            ..self.survey
        };
        Self {
            active: 1 << lane,
            survey,
            ..self
        }
    }
}

/// Who lanes go to.
pub(super) enum Found<'a> {
    One(&'a Allocation),
    Each(Box<[Option<Arc<Allocation>>; LANES]>),
}

impl Found<'_> {
    /// Calls `f` for lanes that go to the same allocation, or for each, with
    /// its memory and where that starts.
    #[inline]
    pub(super) fn each(&self, touch: &Touch<'_>, mut f: impl FnMut(&Touch<'_>, (&Cells, u64))) {
        match self {
            Self::One(found) => f(touch, (found.cells(), found.base())),
            Self::Each(each) => {
                for lane in lanes(touch.active) {
                    if let Some(found) = &each[lane as usize] {
                        f(&touch.of_lane(lane), (found.cells(), found.base()));
                    }
                }
            }
        }
    }

    pub(super) fn of(&self, lane: u32) -> Option<&Allocation> {
        match self {
            Self::One(allocation) => Some(allocation),
            Self::Each(each) => each[lane as usize].as_deref(),
        }
    }
}

/// The lane that another thread has, if it is one that has made its access in
/// the same instruction: lanes go by their number.
fn beside(warp: &Warp, active: u32, lane: u32, other: Option<u32>) -> Option<u32> {
    let other = other?;
    let of_this_warp = other / LANES as u32 == warp.number;
    let other = other % LANES as u32;
    (of_this_warp && other < lane && active >> other & 1 == 1).then_some(other)
}

/// Of lanes that read the same, the first and the last: whoever writes there
/// is at most one of them.
fn told_apart(form: Form, way: Way, active: u32) -> u32 {
    if form == Form::Same && way == Way::Read {
        1 << active.trailing_zeros() | 1 << active.ilog2()
    } else {
        active
    }
}

impl<'a> Reach<'a, '_> {
    pub(super) fn report(
        &self,
        warp: &Warp,
        lane: u32,
        problem: Problem,
        touched: Option<Touched>,
    ) -> Result<(), Stop> {
        self.launch.report(
            self.launch.kernel(),
            self.step,
            self.block,
            warp.thread(lane),
            problem,
            touched,
        )
    }

    /// The allocations that lanes go to, once all is checked.
    pub(super) fn global(&mut self, touch: &Touch<'_>) -> Result<Found<'a>, Stop> {
        let &Touch {
            addresses,
            active,
            width,
            way,
            survey,
            ..
        } = touch;
        let Survey {
            least, most, bits, ..
        } = survey;
        let end = most.saturating_add(u64::from(width));
        let launch: &'a Launch<'_> = self.launch;
        let mut number = *self.last;
        let inside = |allocation: &Allocation| {
            least >= allocation.base() && end <= allocation.base() + allocation.bytes()
        };
        if !launch
            .asked
            .allocations
            .get(number)
            .is_some_and(|found| inside(found))
        {
            let after = launch
                .asked
                .allocations
                .partition_point(|found| found.base() <= least);
            number = after.saturating_sub(1);
        }
        let aligned = bits & u64::from(width - 1) == 0;
        match launch.asked.allocations.get(number) {
            Some(found) if aligned && inside(found) => {
                *self.last = number;
                let (at, length) = (least - found.base(), end - least);
                let write = way != Way::Read;
                if write && found.is_read_only() {
                    return self.fail(touch);
                }
                // Places that lie far apart are looked at one by one.
                let dense = length <= u64::from(width) * LANES as u64 * 4;
                if way != Way::Write
                    && !found.is_complete()
                    && !(dense && found.unwritten(at, length).is_none())
                {
                    self.unwritten(touch, found)?;
                }
                if write && !found.is_complete() {
                    if survey.form == Form::Any {
                        for lane in lanes(active) {
                            found.mark(addresses[lane as usize] - found.base(), u64::from(width));
                        }
                    } else {
                        found.mark(at, length);
                    }
                }
                Ok(Found::One(found))
            }
            _ => self.fail(touch),
        }
    }

    /// Looks for races with accesses before. `same` says whether a lane writes
    /// what is there already, or what a lane beside it writes.
    pub(super) fn trace(
        &mut self,
        touch: &Touch<'_>,
        strong: bool,
        found: &Found<'_>,
        same: impl Fn(u32, Option<u32>) -> bool,
    ) -> Result<(), Stop> {
        let &Touch {
            warp,
            addresses,
            active,
            width,
            way,
            survey,
        } = touch;
        let launch = self.launch;
        let Some(launched) = &launch.launched else {
            return Ok(());
        };
        if strong {
            self.seen.publish(self.number, &launched.published);
        }
        let who = Who {
            block: self.number,
            warp: warp.number,
            clock: &warp.clock,
            seen: *self.seen,
            write: way != Way::Read,
            strong,
        };
        let number = self.number;
        let mut races = Vec::new();
        let mut note = |lane: u32, race: (u32, Race)| {
            let (block, Race { before, other }) = race;
            let beside = beside(warp, active, lane, other).filter(|_| block == number);
            if !(before == "wrote" && way == Way::Write && same(lane, beside)) {
                races.push((lane, race));
            }
        };
        match found {
            Found::One(allocation) if allocation.is_read_only() => {}
            Found::One(allocation) => {
                let places = (addresses, allocation.base());
                let told_apart = told_apart(survey.form, way, active);
                let trace = allocation.trace();
                trace.touch(
                    places,
                    told_apart,
                    survey.form,
                    width,
                    &who,
                    launched,
                    &mut note,
                );
            }
            Found::Each(each) => {
                for lane in lanes(active) {
                    let Some(allocation) = &each[lane as usize] else {
                        continue;
                    };
                    let places = (addresses, allocation.base());
                    let trace = allocation.trace();
                    trace.touch(
                        places,
                        1 << lane,
                        Form::Any,
                        width,
                        &who,
                        launched,
                        &mut note,
                    );
                }
            }
        }
        for (lane, (block, race)) in races {
            let problem = Problem::Race {
                now: way.now(),
                before: race.before,
                other: race.other.map(|other| launch.thread(other)),
                block: (block != self.number).then(|| launch.block_at(u64::from(block))),
            };
            let touched = self.touched(Space::Global, addresses[lane as usize], width);
            self.report(warp, lane, problem, Some(touched))?;
        }
        Ok(())
    }

    /// After an access that sees what others have published.
    pub(super) fn look(&mut self) {
        let launched = self.launch.launched.as_ref();
        self.seen.look(launched.map(|launched| &launched.published));
    }

    fn unwritten(&self, touch: &Touch<'_>, found: &Allocation) -> Result<(), Stop> {
        for lane in lanes(touch.active) {
            let address = touch.addresses[lane as usize];
            if self.wants_unwritten(found, address - found.base(), touch.width) {
                let touched = self.touched(Space::Global, address, touch.width);
                self.report(touch.warp, lane, Problem::Uninitialised, Some(touched))?;
            }
        }
        Ok(())
    }

    /// Lane by lane, for accesses to several allocations, and to find the
    /// one that is wrong.
    fn fail(&self, touch: &Touch<'_>) -> Result<Found<'a>, Stop> {
        let &Touch {
            warp,
            addresses,
            active,
            width,
            way,
            ..
        } = touch;
        let write = way != Way::Read;
        let mut each: [Option<Arc<Allocation>>; LANES] = std::array::from_fn(|_| None);
        for lane in lanes(active) {
            let address = addresses[lane as usize];
            let found = self.launch.find(address, width);
            let touched = || Some(self.touched(Space::Global, address, width));
            let Some(found) = found else {
                let released = self.launch.released(address);
                let problem = match &released {
                    Some(_) => Problem::UseAfterFree { write },
                    None => Problem::OutOfBounds { write },
                };
                let mut touched = self.touched(Space::Global, address, width);
                if let Some(released) = released {
                    touched.buffer = Some(Buffer {
                        name: released.name.to_string(),
                        bytes: released.bytes,
                        offset: (address - released.base).cast_signed(),
                    });
                }
                self.report(warp, lane, problem, Some(touched))?;
                return Err(Stop);
            };
            if !address.is_multiple_of(u64::from(width)) {
                self.report(warp, lane, Problem::Misaligned { write }, touched())?;
                return Err(Stop);
            }
            if write && found.is_read_only() {
                self.report(warp, lane, Problem::ReadOnly, touched())?;
                return Err(Stop);
            }
            let at = address - found.base();
            if way != Way::Write && self.wants_unwritten(found, at, width) {
                self.report(warp, lane, Problem::Uninitialised, touched())?;
            }
            if write {
                found.mark(at, u64::from(width));
            }
            each[lane as usize] = Some(Arc::clone(found));
        }
        Ok(Found::Each(Box::new(each)))
    }

    pub(super) fn touched(&self, space: Space, address: u64, bytes: u32) -> Touched {
        let buffer = match space {
            Space::Global => self.launch.buffer_at(address),
            Space::Shared => self.launch.variable_at(address),
            _ => None,
        };
        Touched {
            space,
            address,
            bytes,
            buffer,
        }
    }

    /// Whether accesses lie in shared memory, and where they may.
    pub(super) fn inside_shared(&self, touch: &Touch<'_>) -> Result<(), Stop> {
        let &Touch { warp, width, .. } = touch;
        let write = touch.way != Way::Read;
        let size = self.shared.cells.bytes();
        let Survey { most, bits, .. } = touch.survey;
        if most.saturating_add(u64::from(width)) > size || bits & u64::from(width - 1) != 0 {
            for lane in lanes(touch.active) {
                let address = touch.addresses[lane as usize];
                let touched = Some(self.touched(Space::Shared, address, width));
                if address.saturating_add(u64::from(width)) > size {
                    self.report(warp, lane, Problem::OutOfBounds { write }, touched)?;
                    return Err(Stop);
                }
                if !address.is_multiple_of(u64::from(width)) {
                    self.report(warp, lane, Problem::Misaligned { write }, touched)?;
                    return Err(Stop);
                }
            }
        }
        Ok(())
    }

    pub(super) fn check_shared(
        &mut self,
        touch: &Touch<'_>,
        same: impl Fn(&Cells, u32, Option<u32>) -> bool,
    ) -> Result<(), Stop> {
        let &Touch {
            warp,
            addresses,
            active,
            width,
            way,
            survey,
        } = touch;
        self.inside_shared(touch)?;
        let pending = if self.shared.copies.any() {
            self.pending(touch)?
        } else {
            0
        };
        if self.launch.asked.checks == Checks::Memory {
            let end = survey.most + u64::from(width);
            if self.shared.is_solid(survey.least, end) {
                return Ok(());
            }
            return self.check_inside(touch);
        }
        let first = warp.number * LANES as u32;
        if survey.form == Form::Row
            && width >= 4
            && self
                .shared
                .touch_row(addresses[0], width, way, first, &warp.clock)
        {
            return Ok(());
        }
        for lane in lanes(told_apart(survey.form, way, active)) {
            let address = addresses[lane as usize];
            let thread = first + lane;
            let fault = self.shared.touch(address, width, way, thread, &warp.clock);
            let Some(fault) = fault else { continue };
            if fault.outside {
                self.outside(touch, lane)?;
            }
            // What meets a copy on its way has been told of.
            let told = pending >> lane & 1 == 1;
            let same = |race: &Race| {
                let beside = beside(warp, active, lane, race.other);
                let both = race.before == "wrote" && way == Way::Write;
                both && same(&self.shared.cells, lane, beside)
            };
            if let Some(race) = fault.race.filter(|race| !told && !same(race)) {
                let problem = Problem::Race {
                    now: way.now(),
                    before: race.before,
                    other: race.other.map(|other| self.launch.thread(other)),
                    block: None,
                };
                let touched = self.touched(Space::Shared, address, width);
                self.report(warp, lane, problem, Some(touched))?;
            }
            let wanted = |at| !self.shared.is_written(at);
            if fault.unwritten && (way != Way::Read || self.wants(address, width, wanted)) {
                let touched = self.touched(Space::Shared, address, width);
                self.report(warp, lane, Problem::Uninitialised, Some(touched))?;
            }
        }
        Ok(())
    }

    /// Whether lanes stay within variables.
    fn check_inside(&self, touch: &Touch<'_>) -> Result<(), Stop> {
        for lane in lanes(touch.active) {
            let address = touch.addresses[lane as usize];
            if !self.shared.is_inside(address, touch.width) {
                self.outside(touch, lane)?;
            }
        }
        Ok(())
    }

    fn outside(&self, touch: &Touch<'_>, lane: u32) -> Result<(), Stop> {
        let address = touch.addresses[lane as usize];
        let touched = self.touched(Space::Shared, address, touch.width);
        let write = touch.way != Way::Read;
        let problem = Problem::OutOfBounds { write };
        self.report(touch.warp, lane, problem, Some(touched))
    }

    pub(super) fn check_local(&self, touch: &Touch<'_>) -> Result<(), Stop> {
        let &Touch {
            warp,
            addresses,
            active,
            width,
            way,
            ..
        } = touch;
        let write = way != Way::Read;
        let all = self.launch.asked.checks == Checks::All;
        for lane in lanes(active) {
            let address = addresses[lane as usize];
            let touched = || Some(self.touched(Space::Local, address, width));
            if address.saturating_add(u64::from(width)) > warp.stack.top(lane) {
                self.report(warp, lane, Problem::OutOfBounds { write }, touched())?;
                return Err(Stop);
            }
            if !address.is_multiple_of(u64::from(width)) {
                self.report(warp, lane, Problem::Misaligned { write }, touched())?;
                return Err(Stop);
            }
            if all && way != Way::Write && self.reads_unwritten(warp, lane, address, width) {
                self.report(warp, lane, Problem::Uninitialised, touched())?;
            }
            if all && write {
                warp.stack.mark(lane, address, width);
            }
        }
        Ok(())
    }

    /// Whether a lane wants one of the bytes of which something is so: of some
    /// loads NVRTC says that it reads them along without use.
    fn wants(&self, address: u64, width: u32, so: impl Fn(u64) -> bool) -> bool {
        let used = match &self.step.what {
            What::Load(access) => access.used,
            _ => u32::MAX,
        };
        (0..width).any(|at| used >> at & 1 == 1 && so(address + u64::from(at)))
    }

    fn wants_unwritten(&self, found: &Allocation, at: u64, width: u32) -> bool {
        found.unwritten(at, u64::from(width)).is_some()
            && self.wants(at, width, |at| found.unwritten(at, 1).is_some())
    }

    /// Whether a lane reads an element of its stack that it has not written.
    fn reads_unwritten(&self, warp: &Warp, lane: u32, address: u64, width: u32) -> bool {
        let What::Load(access) = &self.step.what else {
            return warp.stack.is_unwritten(lane, address, width);
        };
        (0..).zip(&access.values).any(|(element, _)| {
            let at = element * access.bytes;
            (access.used >> at) & ((1 << access.bytes) - 1) != 0
                && warp
                    .stack
                    .is_unwritten(lane, address + u64::from(at), access.bytes)
        })
    }
}
