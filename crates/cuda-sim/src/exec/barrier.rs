//! Barriers of a block, and lanes that wait for each other.

use super::block::{After, Block, Run};
use super::clock::Clock;
use super::lane::{get, lanes, put};
use super::launch::Stop;
use super::rows::{LANES, Registers};
use super::step::{Step, Tally, What};
use super::together::parts;
use super::warp::{Group, State, Warp};
use crate::finding::Problem;

/// Barriers of a block: PTX ISA 9.0, 9.7.13.1.
pub(super) const BARRIERS: usize = 16;

/// Who has come to a barrier.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Barrier {
    /// Threads, those that only said that they were here included.
    come: u32,
    /// Threads that it waits for, if an instruction says so.
    asked: Option<u32>,
    /// What they brought: how many of a predicate, of how many.
    held: u32,
    tallied: u32,
    /// Warps, one bit each: a block has 32 at most.
    warps: u32,
}

impl Block<'_, '_> {
    /// Nobody can go on.
    pub(super) fn stuck(&self) -> Result<(), Stop> {
        let mut waiting = 0;
        let mut missing = None;
        let mut place = None;
        for warp in &self.warps {
            for group in &warp.groups {
                let lane = group.lanes.trailing_zeros();
                match group.state {
                    State::Members(members) => {
                        missing = Some((warp, *group, members & !group.lanes, lane));
                    }
                    State::Barrier(_) => {
                        waiting += group.lanes.count_ones();
                        place.get_or_insert((warp, *group, lane));
                    }
                    State::Ready => {}
                }
            }
        }
        let expected = self.warps.iter().map(|warp| warp.alive.count_ones()).sum();
        let (warp, group, lane, problem) = match (missing, place) {
            (Some((warp, group, lanes, lane)), _) => {
                (warp, group, lane, Problem::MissingLanes { lanes })
            }
            (None, Some((warp, group, lane))) => (
                warp,
                group,
                lane,
                Problem::BarrierDeadlock { waiting, expected },
            ),
            (None, None) => return Err(Stop),
        };
        let code = self.code_of(warp, group.frame);
        let step = &code.steps[group.at as usize];
        self.launch.report(
            self.kernel(),
            step,
            self.told.index,
            warp.thread(lane),
            problem,
            None,
        )
    }

    /// Waits until all lanes that an instruction names are here. Lanes may
    /// name different ones: each such part waits for its own.
    pub(super) fn gather(
        &self,
        number: usize,
        step: &Step,
        members: u32,
        registers: &Registers,
        run: &Run,
        active: u32,
    ) -> Result<Option<After>, Stop> {
        let warp = &self.warps[number];
        for (part, named) in parts(registers, members, active) {
            let strangers = part & !named;
            if strangers != 0 {
                let thread = warp.thread(strangers.trailing_zeros());
                let problem = Problem::LaneNotNamed { lanes: strangers };
                self.launch
                    .report(self.kernel(), step, self.told.index, thread, problem, None)?;
            }
            if named & warp.alive & !part == 0 {
                continue;
            }
            if active != run.lanes {
                return Ok(Some(After::Part(run.at, active, run.at + 1)));
            }
            return Ok(Some(After::Await(part, named)));
        }
        Ok(None)
    }

    /// A group has come to a barrier.
    pub(super) fn arrive(
        &mut self,
        number: usize,
        step: &Step,
        what: &What,
        registers: &Registers,
        run: &Run,
    ) -> Result<Option<After>, Stop> {
        let What::Barrier {
            id,
            threads,
            waits,
            tally,
            ..
        } = what
        else {
            return Ok(None);
        };
        let first = run.lanes.trailing_zeros();
        let id = get(registers, *id, first);
        let asked = threads.map(|threads| get(registers, threads, first) as u32);
        let invalid = if id >= BARRIERS as u64 {
            Some(format!("number {id} of {BARRIERS}"))
        } else {
            let wrong = asked.filter(|asked| *asked == 0 || asked % LANES as u32 != 0);
            wrong.map(|asked| format!("{asked} threads are no multiple of {LANES}"))
        };
        if let Some(what) = invalid {
            return self.end_with(number, step, run.lanes, Problem::InvalidBarrier { what });
        }
        self.counters.barriers += 1;
        let alive = self.warps[number].alive;
        let barrier = &mut self.barriers[id as usize];
        barrier.asked = asked.or(barrier.asked);
        // PTX ISA 9.0, 9.7.13.1: a barrier with a count counts warps, so the
        // last warp of a block that is not full counts as all its lanes would.
        barrier.come += if asked.is_some() && run.lanes == alive {
            LANES as u32
        } else {
            run.lanes.count_ones()
        };
        barrier.warps |= 1 << number;
        if let Some((_, held, _)) = tally {
            let held = registers.predicates[*held as usize] & run.lanes;
            barrier.held += held.count_ones();
            barrier.tallied += run.lanes.count_ones();
        }
        Ok(Some(if *waits {
            After::Wait(id as u32)
        } else {
            After::Arrive
        }))
    }

    /// Whether warps, of which all lanes are at this barrier, can simply go on:
    /// it waits for nobody else, and works nothing out. If so they have met.
    pub(super) fn cross(&mut self, step: &Step) -> bool {
        let What::Barrier {
            id,
            threads: None,
            waits: true,
            tally: None,
            ..
        } = step.what
        else {
            return false;
        };
        let mut there = 0_u32;
        let mut named = None;
        for warp in self.warps.iter().filter(|warp| warp.alive != 0) {
            let Some(Some(frame)) = warp.frames.first() else {
                return false;
            };
            let registers = &frame.registers;
            let lane = warp.alive.trailing_zeros();
            let guard = registers.predicates[step.guard as usize] ^ step.flip;
            let name = get(registers, id, lane);
            if guard & warp.alive != warp.alive || *named.get_or_insert(name) != name {
                return false;
            }
            there |= 1 << warp.number;
        }
        let barrier = named.and_then(|name| self.barriers.get(name as usize));
        if barrier.is_none_or(|barrier| barrier.come != 0) {
            return false;
        }
        self.counters.barriers += u64::from(there.count_ones());
        self.meet(there);
        true
    }

    /// Lets those go on whose barrier is complete.
    pub(super) fn open_barriers(&mut self) -> Result<(), Stop> {
        for id in 0..self.barriers.len() {
            let barrier = self.barriers[id];
            if barrier.come == 0 {
                continue;
            }
            let alive = || self.warps.iter().map(|warp| warp.alive.count_ones()).sum();
            if barrier.come < barrier.asked.unwrap_or_else(alive) {
                continue;
            }
            self.barriers[id] = Barrier::default();
            self.meet(barrier.warps);
            for number in lanes(barrier.warps) {
                let number = number as usize;
                self.check_together(&self.warps[number], id as u32)?;
                self.release(number, id as u32, &barrier);
            }
        }
        Ok(())
    }

    /// These warps, one bit each, know from now on what the others of them
    /// have done.
    fn meet(&mut self, warps: u32) {
        if warps.count_ones() as usize == self.warps.len() {
            let ticks = self.warps.iter().map(|warp| warp.clock.tick());
            let tick = ticks.max().unwrap_or_default() + 1;
            for warp in &mut self.warps {
                warp.clock.all_met(tick);
            }
            return;
        }
        let clocks = self.warps.iter_mut().map(|warp| &mut warp.clock);
        let clocks = clocks.enumerate();
        let met = clocks.filter(|(number, _)| warps >> number & 1 == 1);
        Clock::join(&mut met.map(|(_, clock)| clock).collect::<Vec<_>>());
    }

    /// Whether all lanes of a warp that wait at a barrier do so at the same
    /// instruction.
    fn check_together(&self, warp: &Warp, id: u32) -> Result<(), Stop> {
        let mut waiting = warp
            .groups
            .iter()
            .filter(|group| group.state == State::Barrier(id));
        let Some(first) = waiting.next() else {
            return Ok(());
        };
        let is_apart = |group: &&Group| (group.frame, group.at) != (first.frame, first.at);
        let Some(other) = waiting.find(is_apart) else {
            return Ok(());
        };
        // What a condition holds comes before what is behind it.
        let group = if other.at < first.at { other } else { first };
        let step = &self.code_of(warp, group.frame).steps[group.at as usize];
        if let What::Barrier { aligned: true, .. } = step.what {
            let lanes = group.lanes;
            let problem = Problem::DivergentBarrier { lanes };
            let thread = warp.thread(lanes.trailing_zeros());
            self.launch
                .report(self.kernel(), step, self.told.index, thread, problem, None)?;
        }
        Ok(())
    }

    fn release(&mut self, number: usize, id: u32, barrier: &Barrier) {
        let code = self.launch.asked.code;
        let warp = &mut self.warps[number];
        for at in 0..warp.groups.len() {
            let group = warp.groups[at];
            if group.state != State::Barrier(id) {
                continue;
            }
            warp.groups[at].state = State::Ready;
            warp.groups[at].at += 1;
            let Some(frame) = &mut warp.frames[group.frame as usize] else {
                continue;
            };
            let step = &code[frame.function as usize].steps[group.at as usize];
            let What::Barrier {
                tally: Some((how, _, d)),
                ..
            } = &step.what
            else {
                continue;
            };
            let bits = match how {
                Tally::Count => u64::from(barrier.held),
                Tally::And => u64::from(barrier.held == barrier.tallied),
                Tally::Or => u64::from(barrier.held != 0),
            };
            for lane in lanes(group.lanes) {
                put(&mut frame.registers, *d, lane, bits);
            }
        }
    }
}
