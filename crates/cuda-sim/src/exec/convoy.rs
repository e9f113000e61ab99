//! Warps of a block that go the same way, side by side.
//!
//! An instruction is looked up and counted once for all of a convoy, and its
//! work is one loop. Where lanes part, those on one way go first, to where the
//! ways come together again, then those on the other: the stack of W. W. L.
//! Fung et al., "Dynamic Warp Formation and Scheduling for Efficient GPU
//! Control Flow" (2007), 2. A GPU promises more, that a lane may wait for
//! another one of its own warp; so what takes long, and what is rare, is left
//! to warps that go alone. A convoy is small enough for its registers to stay
//! in the cache.

use std::ops::Range;

use super::block::{After, Block, Run};
use super::launch::Stop;
use super::rows::Registers;
use super::step::{Code, Step, TRUE, What};
use super::warp::{Group, State};
use crate::decode::NEVER;

/// Bytes of registers of a convoy: most of a first-level cache.
const ROOM: u64 = 40 << 10;
/// Warps of a convoy.
pub(super) const MOST: usize = 16;
/// Steps until the launch is told of them.
const SPAN: u32 = 1 << 12;
/// Ways that wait for others.
const DEPTH: usize = 64;

/// The lanes of each warp.
type Lanes = [u32; MOST];

/// Lanes that go the same way.
#[derive(Clone, Copy, Debug)]
struct Way {
    at: u32,
    /// Where others wait for them, or [`NEVER`].
    until: u32,
    lanes: Lanes,
    /// Threads, and warps that have some.
    threads: u64,
    warps: u64,
}

impl Way {
    fn new(at: u32, until: u32, lanes: Lanes) -> Self {
        let threads = lanes.iter().map(|lanes| u64::from(lanes.count_ones()));
        let warps = lanes.iter().filter(|lanes| **lanes != 0);
        Self {
            at,
            until,
            lanes,
            threads: threads.sum(),
            warps: warps.count() as u64,
        }
    }
}

/// What warps have while they go together, each at its number.
#[derive(Debug, Default)]
pub(super) struct Convoy {
    registers: Vec<Registers>,
    /// Who waits; the last goes first.
    waiting: Vec<Way>,
    /// Steps that each warp has made, but for those since the way began.
    made: [u32; MOST],
    /// Steps of the way so far.
    steps: u32,
}

/// Why warps go together no longer.
enum Parting {
    /// They don't all do the next instruction alike.
    Before,
    /// A warp stopped in an instruction: those before it in the convoy have
    /// done it, those behind have not.
    Within(usize, After),
    /// All of them have ended.
    End,
    /// There are no steps left.
    Over,
}

/// Those of each warp that take part in an instruction: which threads, and how
/// many.
struct Chosen {
    active: Lanes,
    threads: u64,
}

impl Convoy {
    fn choose(&self, step: &Step, way: &Way) -> Chosen {
        let mut active = [0; MOST];
        let mut threads = 0;
        let warps = self.registers.iter().zip(&way.lanes);
        for (active, (registers, lanes)) in active.iter_mut().zip(warps) {
            let guard = registers.predicates[step.guard as usize];
            *active = lanes & (guard ^ step.flip);
            threads += u64::from(active.count_ones());
        }
        Chosen { active, threads }
    }

    /// Books the steps of a way.
    fn book(&mut self, way: &Way) {
        for (made, lanes) in self.made.iter_mut().zip(&way.lanes) {
            *made += if *lanes == 0 { 0 } else { self.steps };
        }
        self.steps = 0;
    }

    /// Those who go next; `None` if nobody is left.
    fn next(&mut self) -> Option<Way> {
        loop {
            let way = self.waiting.pop()?;
            if way.threads != 0 && way.at != way.until {
                return Some(way);
            }
        }
    }

    /// Some lanes of a way go elsewhere.
    fn part(&mut self, way: Way, taken: &Lanes, target: u32, join: u32) -> Option<Way> {
        self.book(&way);
        let mut rest = way.lanes;
        for (rest, taken) in rest.iter_mut().zip(taken) {
            *rest &= !taken;
        }
        let until = if join == NEVER { way.until } else { join };
        let here = Way::new(way.at + 1, until, rest);
        let there = Way::new(target, until, *taken);
        if join != NEVER {
            self.waiting.push(Way { at: join, ..way });
        }
        // Whoever is further behind goes first.
        let (first, second) = if here.at < there.at {
            (here, there)
        } else {
            (there, here)
        };
        self.waiting.push(second);
        self.waiting.push(first);
        self.next()
    }
}

impl Block<'_, '_> {
    /// Lets warps go together for so many steps, as far as they do; how many
    /// are left.
    pub(super) fn together(&mut self, steps: u32) -> Result<u32, Stop> {
        let count = self.warps.len();
        let launch = self.launch;
        let code = &launch.asked.code[launch.asked.entry as usize];
        let room = (ROOM / code.template.bytes().max(1)) as usize;
        let size = room.clamp(2, MOST);
        let mut left = steps;
        while count > 1 && left > 0 {
            let mut least = left;
            for start in (0..count).step_by(size) {
                let convoy = start..count.min(start + size);
                let mut own = left;
                while let Some(at) = self.common_place(convoy.clone()) {
                    let most = own.min(SPAN);
                    let made = self.travel(code, convoy.clone(), at, most)?;
                    own -= made.min(own);
                    if made < most || own == 0 {
                        break;
                    }
                }
                least = least.min(own);
            }
            left = least;
            // All of them at a barrier that they can simply cross?
            let Some(at) = self.common_place(0..count) else {
                return Ok(left);
            };
            let step = &code.steps[at as usize];
            if !self.cross(step) {
                return Ok(left);
            }
            let mut met = 0;
            for warp in self.warps.iter_mut().filter(|warp| warp.alive != 0) {
                warp.groups[0].at += 1;
                warp.executed += 1;
                met += 1;
                self.counts.add(step, warp.alive);
            }
            self.charge(0, step, met)?;
            left = left.saturating_sub(1);
        }
        Ok(left)
    }

    /// The instruction that these warps are at, with all of their lanes.
    fn common_place(&self, warps: Range<usize>) -> Option<u32> {
        let mut place = None;
        for warp in self.warps[warps].iter().filter(|warp| warp.alive != 0) {
            let at = warp.all_at()?;
            if *place.get_or_insert(at) != at {
                return None;
            }
        }
        place
    }

    /// Takes warps that are at the same instruction from there on together;
    /// how many steps.
    fn travel(
        &mut self,
        code: &Code,
        warps: Range<usize>,
        start: u32,
        most: u32,
    ) -> Result<u32, Stop> {
        let mut convoy = std::mem::take(&mut self.convoy);
        convoy.registers.clear();
        convoy.waiting.clear();
        convoy.made = [0; MOST];
        let mut lanes = [0; MOST];
        for (warp, lanes) in self.warps[warps.clone()].iter_mut().zip(&mut lanes) {
            let frame = warp.frames.first_mut().and_then(Option::as_mut);
            let own = frame.map(|frame| std::mem::take(&mut frame.registers));
            convoy.registers.push(own.unwrap_or_default());
            *lanes = warp.alive;
        }
        let mut way = Way::new(start, NEVER, lanes);
        let parted = self.side_by_side(code, warps.start, &mut convoy, &mut way, most);
        convoy.book(&way);
        let own = convoy.registers.drain(..).zip(convoy.made);
        for (warp, (registers, made)) in self.warps[warps.clone()].iter_mut().zip(own) {
            warp.executed += u64::from(made);
            if let Some(frame) = warp.frames.first_mut().and_then(Option::as_mut) {
                frame.registers = registers;
            }
        }
        let (steps, parting) = parted?;
        self.leave(code, warps, &convoy, &way, parting)?;
        self.convoy = convoy;
        Ok(steps)
    }

    /// Each warp on its own from here on.
    fn leave(
        &mut self,
        code: &Code,
        warps: Range<usize>,
        convoy: &Convoy,
        way: &Way,
        parting: Parting,
    ) -> Result<(), Stop> {
        let step = &code.steps[way.at as usize];
        let last = match parting {
            Parting::Within(at, _) => at,
            _ => 0,
        };
        let mut made = 0;
        for (at, warp) in self.warps[warps.clone()].iter_mut().enumerate() {
            let more = u32::from(at < last && way.lanes[at] != 0);
            warp.executed += u64::from(more);
            made += u64::from(convoy.made[at] + more);
            warp.groups.clear();
            let mut taken = 0;
            let mut join = |at: u32, lanes: u32| {
                if lanes != 0 {
                    warp.groups.push(Group {
                        frame: 0,
                        at,
                        lanes,
                        state: State::Ready,
                    });
                }
            };
            if !matches!(parting, Parting::End) {
                join(way.at + more, way.lanes[at]);
                taken |= way.lanes[at];
            }
            // Who waits further down waits for those above, too.
            for way in convoy.waiting.iter().rev() {
                join(way.at, way.lanes[at] & warp.alive & !taken);
                taken |= way.lanes[at];
            }
        }
        match parting {
            Parting::Within(at, after) => {
                let number = warps.start + at;
                self.warps[number].executed += 1;
                made += 1;
                let own = Run {
                    at: way.at,
                    lanes: way.lanes[at],
                    steps: 1,
                };
                self.finish(number, 0, &own, after, code)?;
            }
            Parting::End => self.open_barriers()?,
            Parting::Before | Parting::Over => {}
        }
        for number in warps {
            self.end_if_long(number, step, self.warps[number].alive)?;
        }
        self.charge(0, step, made)
    }

    /// The loop over instructions that warps from a number on do together; how
    /// many there were.
    fn side_by_side(
        &mut self,
        code: &Code,
        first: usize,
        convoy: &mut Convoy,
        way: &mut Way,
        most: u32,
    ) -> Result<(u32, Parting), Stop> {
        let mut total = 0;
        loop {
            if way.at == way.until {
                convoy.book(way);
                match convoy.next() {
                    Some(next) => *way = next,
                    None => return Ok((total, Parting::End)),
                }
                continue;
            }
            if total >= most {
                return Ok((total, Parting::Over));
            }
            let step = &code.steps[way.at as usize];
            let chosen = if step.guard == TRUE && step.flip == 0 {
                Chosen {
                    active: way.lanes,
                    threads: way.threads,
                }
            } else {
                convoy.choose(step, way)
            };
            let Chosen {
                ref active,
                threads,
            } = chosen;
            match &step.what {
                What::Alu(kernel, slots) => {
                    if threads != 0 {
                        kernel.run(&mut convoy.registers, slots, active);
                    }
                    way.at += 1;
                }
                What::Branch(_) if convoy.waiting.len() >= DEPTH => {
                    return Ok((total, Parting::Before));
                }
                What::Branch(target) => {
                    self.counters.branches += way.warps;
                    if threads == way.threads {
                        way.at = *target;
                    } else if threads == 0 {
                        way.at += 1;
                    } else {
                        let parted = active.iter().zip(&way.lanes);
                        let parted =
                            parted.filter(|(active, lanes)| **active != 0 && active != lanes);
                        self.counters.divergent_branches += parted.count() as u64;
                        convoy.steps += 1;
                        total += 1;
                        self.counts.add_threads(step, threads);
                        let join = code.joins[way.at as usize];
                        match convoy.part(*way, active, *target, join) {
                            Some(next) => *way = next,
                            None => return Ok((total, Parting::End)),
                        }
                        continue;
                    }
                }
                What::Return | What::Exit => {
                    convoy.steps += 1;
                    total += 1;
                    self.counts.add_threads(step, threads);
                    self.die(first, convoy, way, active);
                    if way.threads != 0 {
                        way.at += 1;
                        continue;
                    }
                    match convoy.next() {
                        Some(next) => *way = next,
                        None => return Ok((total, Parting::End)),
                    }
                    continue;
                }
                What::Call(_) | What::BranchIndexed(..) | What::Barrier { .. } => {
                    return Ok((total, Parting::Before));
                }
                _ => {
                    if let Some((at, after)) = self.one_by_one(step, first, convoy, way, active)? {
                        return Ok((total, Parting::Within(at, after)));
                    }
                    way.at += 1;
                }
            }
            convoy.steps += 1;
            total += 1;
            self.counts.add_threads(step, threads);
        }
    }

    /// Lanes end.
    fn die(&mut self, first: usize, convoy: &mut Convoy, way: &mut Way, dead: &Lanes) {
        convoy.book(way);
        for (warp, dead) in self.warps[first..].iter_mut().zip(dead) {
            warp.alive &= !dead;
        }
        for way in convoy.waiting.iter_mut().chain([way]) {
            let mut lanes = way.lanes;
            for (lanes, dead) in lanes.iter_mut().zip(dead) {
                *lanes &= !dead;
            }
            *way = Way::new(way.at, way.until, lanes);
        }
    }

    /// An instruction by each warp in turn, up to one that stops in it.
    fn one_by_one(
        &mut self,
        step: &Step,
        first: usize,
        convoy: &mut Convoy,
        way: &Way,
        active: &Lanes,
    ) -> Result<Option<(usize, After)>, Stop> {
        let masks = active.iter().zip(&way.lanes);
        let warps = convoy.registers.iter_mut().zip(masks).enumerate();
        for (at, (registers, (&active_here, &lanes))) in warps {
            if lanes == 0 {
                continue;
            }
            let number = first + at;
            match &step.what {
                What::Load(_) | What::Store(_) | What::Atomic(_) if active_here == 0 => {}
                What::Load(access) => {
                    let (warp, mut reach) = self.reach(number, step);
                    reach.load(warp, registers, access, active_here)?;
                }
                What::Store(access) => {
                    let (warp, mut reach) = self.reach(number, step);
                    reach.store(warp, registers, access, active_here)?;
                }
                What::Atomic(atomic) => {
                    let (warp, mut reach) = self.reach(number, step);
                    reach.atomic(warp, registers, atomic, active_here)?;
                }
                what => {
                    let mut own = Run {
                        at: way.at,
                        lanes,
                        steps: convoy.made[at] + convoy.steps + 1,
                    };
                    let after =
                        self.rare(number, step, what, (registers, 0), &mut own, active_here)?;
                    if let Some(after) = after {
                        let done = active[..=at]
                            .iter()
                            .map(|mask| u64::from(mask.count_ones()));
                        self.counts.add_threads(step, done.sum());
                        return Ok(Some((at, after)));
                    }
                }
            }
        }
        Ok(None)
    }
}
