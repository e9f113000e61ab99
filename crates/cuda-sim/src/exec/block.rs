//! A block: its warps in turn.

use std::slice::from_mut;

use super::access::Reach;
use super::barrier::{BARRIERS, Barrier};
use super::convoy::Convoy;
use super::counters::Counters;
use super::launch::{Counts, Launch, Stop};
use super::published::Seen;
use super::room::steps;
use super::rows::{LANES, Registers};
use super::shared::Shared;
use super::step::{Code, Step, What};
use super::warp::{Frame, Group, State, Told, Warp};
use crate::finding::Problem;

/// Steps that a warp makes before another gets its turn.
const TURN: u32 = 1 << 14;
/// Lines of which it is known where they went last.
const LINES: usize = 64;
/// Steps between two looks at whether another block has ended the launch.
const LOOK: u64 = 1 << 16;

/// One block.
pub(crate) struct Block<'a, 'l> {
    pub(super) launch: &'a Launch<'l>,
    pub(super) told: Told,
    pub(super) shared: Shared,
    pub(super) warps: Vec<Warp>,
    pub(super) barriers: Vec<Barrier>,
    /// The allocations that accesses went to last, by their line.
    last: [usize; LINES],
    /// In the grid.
    number: u32,
    pub(super) seen: Seen,
    pub(super) counts: Counts,
    pub(super) counters: Counters,
    /// Warps that go together, while they do.
    pub(super) convoy: Convoy,
    /// Instructions since the launch was told of them.
    pending: u64,
    /// What it costs to make it another block, in instructions.
    cost: u64,
}

impl<'a, 'l> Block<'a, 'l> {
    /// For blocks of a launch, one after the other.
    pub(crate) fn new(launch: &'a Launch<'l>) -> Self {
        let asked = &launch.asked;
        let threads: u32 = asked.block.iter().product();
        let count = threads.div_ceil(LANES as u32);
        let told = Told {
            grid: asked.grid,
            block: asked.block,
            index: [0; 3],
            dynamic_shared: asked.dynamic_shared,
            total_shared: asked.packed,
            processor: 0,
            processors: asked.processors,
            launch: asked.number,
            workspace: asked.workspace.unwrap_or_default(),
        };
        let entry = (asked.entry, &asked.code[asked.entry as usize]);
        let warp = |number| Warp::new(number, asked.block, entry, asked.local, count as usize);
        Self {
            launch,
            told,
            shared: Shared::new(&asked.shared),
            warps: (0..count).map(warp).collect(),
            barriers: vec![Barrier::default(); BARRIERS],
            last: [0; LINES],
            number: 0,
            seen: Seen::default(),
            counts: Counts::default(),
            counters: Counters::default(),
            convoy: Convoy::default(),
            pending: 0,
            cost: steps(asked.room.block) + 1,
        }
    }

    /// Makes it the block of a number in the grid.
    pub(crate) fn start(&mut self, number: u64) {
        self.counters = self.counters();
        let asked = &self.launch.asked;
        self.number = number as u32;
        self.told.index = self.launch.block_at(number);
        self.told.processor = self.told.index[0] % asked.processors;
        self.seen = Seen::default();
        self.pending += self.cost;
        self.barriers.fill(Barrier::default());
        self.shared.renew();
        let ticks = self.warps.iter().map(|warp| warp.clock.tick());
        let tick = ticks.max().unwrap_or_default() + 1;
        let entry = (asked.entry, &asked.code[asked.entry as usize]);
        for warp in &mut self.warps {
            warp.start(entry, &self.told, tick);
        }
    }

    /// What its threads have run.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// And what its warps have asked of memory.
    pub(crate) fn counters(&self) -> Counters {
        let executed: u64 = self.warps.iter().map(|warp| warp.executed).sum();
        Counters {
            warp_instructions: self.counters.warp_instructions + executed,
            ..self.counters
        }
    }

    /// To its end.
    pub(crate) fn run(&mut self) -> Result<(), Stop> {
        while !self.round(TURN)? {}
        Ok(())
    }

    /// A turn of each warp; whether all have ended.
    pub(crate) fn round(&mut self, steps: u32) -> Result<bool, Stop> {
        let executed = |warps: &[Warp]| warps.iter().map(|warp| warp.executed).sum::<u64>();
        let before = executed(&self.warps);
        let left_over = self.together(steps)?;
        if left_over > 0 {
            for number in 0..self.warps.len() {
                self.turn(number, left_over)?;
            }
        }
        let left = self.warps.iter().any(|warp| warp.alive != 0);
        if left && executed(&self.warps) == before {
            self.stuck()?;
        }
        if !left {
            let asked = &self.launch.asked;
            self.settle(0, &asked.code[asked.entry as usize].steps[0])?;
        }
        Ok(!left)
    }

    pub(super) fn kernel(&self) -> &'l str {
        self.launch.kernel()
    }

    pub(super) fn code_of(&self, warp: &Warp, frame: u32) -> &'l Code {
        let frame = warp.frames[frame as usize].as_ref();
        &self.launch.asked.code
            [frame.map_or(self.launch.asked.entry, |frame| frame.function) as usize]
    }

    /// Lets a warp run until it waits, ends, or its turn is over.
    fn turn(&mut self, number: usize, steps: u32) -> Result<(), Stop> {
        let mut steps = steps;
        let looks = self.seen.looks();
        while steps > 0 {
            // Who looks for what another block does should let it.
            if self.launch.asked.workspace.is_some() && self.seen.looks() != looks {
                return Ok(());
            }
            let Some(group) = self.warps[number].choose() else {
                return Ok(());
            };
            let before = self.warps[number].executed;
            self.group(number, group, steps)?;
            let made = (self.warps[number].executed - before).max(1);
            steps = steps.saturating_sub(u32::try_from(made).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// Runs one group.
    fn group(&mut self, number: usize, chosen: usize, most: u32) -> Result<(), Stop> {
        let group = self.warps[number].groups[chosen];
        let parted = self.warps[number].groups.len() > 1;
        let Some(mut frame) = self.warps[number].frames[group.frame as usize].take() else {
            return Err(Stop);
        };
        let launch = self.launch;
        let code = &launch.asked.code[frame.function as usize];
        let mut run = Run {
            at: group.at,
            lanes: group.lanes,
            steps: 0,
        };
        let ended = self.steps(number, chosen, code, &mut frame, &mut run, most, parted);
        let warp = &mut self.warps[number];
        warp.executed += u64::from(run.steps);
        if warp.groups.len() > 1 {
            warp.tire(run.steps);
        }
        let at = group.frame as usize;
        warp.frames[at] = Some(frame);
        let after = ended?;
        self.finish(number, chosen, &run, after, code)?;
        let step = &code.steps[run.at as usize];
        self.end_if_long(number, step, run.lanes)?;
        self.charge(number, step, u64::from(run.steps))
    }

    /// Whether a warp has run more than it may.
    pub(super) fn end_if_long(&self, number: usize, step: &Step, lanes: u32) -> Result<(), Stop> {
        let launch = self.launch;
        if self.warps[number].executed > launch.asked.budget {
            let problem = Problem::TooLong {
                budget: launch.asked.budget,
                waits: self.seen.waits().then(|| launch.not_begun()),
            };
            self.end_with(number, step, lanes, problem)?;
        }
        Ok(())
    }

    /// Adds work, in instructions: theirs, or what is beyond their own.
    pub(super) fn charge(&mut self, number: usize, step: &Step, steps: u64) -> Result<(), Stop> {
        self.pending += steps;
        if self.pending > LOOK {
            self.settle(number, step)?;
        }
        Ok(())
    }

    /// Tells the launch of what was run, and looks whether it is over.
    fn settle(&mut self, number: usize, step: &Step) -> Result<(), Stop> {
        let launch = self.launch;
        // Once is enough, of all blocks at once.
        if !launch.spend(std::mem::take(&mut self.pending)) && launch.end() {
            let budget = launch.asked.total;
            let problem = Problem::TooLong {
                budget,
                waits: self.seen.waits().then(|| launch.not_begun()),
            };
            self.end_with(number, step, 1, problem)?;
        }
        if launch.is_over() { Err(Stop) } else { Ok(()) }
    }

    /// The loop over instructions; it ends where lanes part, meet or wait.
    #[expect(clippy::too_many_arguments, reason = "the state of one hot loop")]
    fn steps(
        &mut self,
        number: usize,
        chosen: usize,
        code: &'l Code,
        frame: &mut Frame,
        run: &mut Run,
        most: u32,
        parted: bool,
    ) -> Result<After, Stop> {
        // Where others of the same activation are: there lanes meet again.
        let own = self.warps[number].groups[chosen].frame;
        let meet: Vec<u32> = if parted {
            let groups = self.warps[number].groups.iter().enumerate();
            let others = groups.filter(|(at, group)| *at != chosen && group.frame == own);
            others.map(|(_, group)| group.at).collect()
        } else {
            Vec::new()
        };
        let start = run.at;
        // The first place where one that was behind is no longer.
        let ahead = meet.iter().copied().filter(|&at| at > start).min();
        let ahead = ahead.unwrap_or(u32::MAX);
        loop {
            if !parted && self.plain(code, &mut frame.registers, run, most) {
                return Ok(After::Again);
            }
            let step = &code.steps[run.at as usize];
            let registers = &mut frame.registers;
            let active = run.lanes & (registers.predicates[step.guard as usize] ^ step.flip);
            run.steps += 1;
            self.counts.add(step, active);
            match &step.what {
                What::Alu(kernel, slots) => {
                    if active != 0 {
                        kernel.run(from_mut(registers), slots, &[active]);
                    }
                    run.at += 1;
                }
                What::Branch(target) => {
                    self.counters.branches += 1;
                    if active == run.lanes {
                        run.at = *target;
                    } else if active == 0 {
                        run.at += 1;
                    } else {
                        self.counters.divergent_branches += 1;
                        return Ok(After::Part(*target, active, run.at + 1));
                    }
                }
                What::Load(access) => {
                    if active != 0 {
                        let (warp, mut reach) = self.reach(number, step);
                        reach.load(warp, registers, access, active)?;
                    }
                    run.at += 1;
                }
                What::Store(access) => {
                    if active != 0 {
                        let (warp, mut reach) = self.reach(number, step);
                        reach.store(warp, registers, access, active)?;
                    }
                    run.at += 1;
                }
                What::Atomic(atomic) => {
                    if active != 0 {
                        let (warp, mut reach) = self.reach(number, step);
                        reach.atomic(warp, registers, atomic, active)?;
                    }
                    run.at += 1;
                }
                What::Return if active == run.lanes => return Ok(After::Return),
                What::Exit if active == run.lanes => return Ok(After::End),
                What::Return | What::Exit if active == 0 => run.at += 1,
                // Some of the lanes: they go apart, and come here again alone.
                What::Return | What::Exit => return Ok(After::Part(run.at, active, run.at + 1)),
                What::Call(call) => {
                    let after = match active {
                        0 => None,
                        _ => self.call(number, step, call, frame, run, active)?,
                    };
                    match after {
                        Some(after) => return Ok(after),
                        None => run.at += 1,
                    }
                }
                what => {
                    let own = (registers, frame.local);
                    match self.rare(number, step, what, own, run, active)? {
                        Some(after) => return Ok(after),
                        None => run.at += 1,
                    }
                }
            }
            if parted
                && (run.at >= ahead || run.at < start || run.steps >= 64 || meet.contains(&run.at))
            {
                return Ok(After::Again);
            }
            if run.steps >= most {
                return Ok(After::Again);
            }
        }
    }

    /// Instructions on registers and branches of all lanes, as long as there is
    /// nothing else; whether the turn is over.
    fn plain(&mut self, code: &Code, registers: &mut Registers, run: &mut Run, most: u32) -> bool {
        let Run {
            mut at,
            lanes,
            mut steps,
        } = *run;
        while steps < most {
            let step = &code.steps[at as usize];
            let active = lanes & (registers.predicates[step.guard as usize] ^ step.flip);
            match &step.what {
                What::Alu(kernel, slots) => {
                    if active != 0 {
                        kernel.run(from_mut(registers), slots, &[active]);
                    }
                    at += 1;
                }
                What::Branch(target) if active == lanes || active == 0 => {
                    self.counters.branches += 1;
                    at = if active == 0 { at + 1 } else { *target };
                }
                _ => break,
            }
            steps += 1;
            self.counts.add(step, active);
        }
        run.at = at;
        run.steps = steps;
        steps >= most
    }

    pub(super) fn reach<'s>(
        &'s mut self,
        number: usize,
        step: &'s Step,
    ) -> (&'s Warp, Reach<'s, 'l>) {
        let reach = Reach {
            launch: self.launch,
            shared: &mut self.shared,
            block: self.told.index,
            step,
            last: &mut self.last[step.line as usize % LINES],
            number: self.number,
            seen: &mut self.seen,
            counters: &mut self.counters,
        };
        (&self.warps[number], reach)
    }

    pub(super) fn end_with(
        &self,
        number: usize,
        step: &Step,
        active: u32,
        problem: Problem,
    ) -> Result<Option<After>, Stop> {
        let thread = self.warps[number].thread(active.trailing_zeros() & 31);
        self.launch
            .report(self.kernel(), step, self.told.index, thread, problem, None)?;
        Err(Stop)
    }

    /// What happens to the group after it stopped.
    pub(super) fn finish(
        &mut self,
        number: usize,
        chosen: usize,
        run: &Run,
        after: After,
        code: &Code,
    ) -> Result<(), Stop> {
        let warp = &mut self.warps[number];
        warp.groups[chosen].at = run.at;
        match after {
            After::Again => {}
            After::Arrive => {
                warp.groups[chosen].at += 1;
                return self.open_barriers();
            }
            After::Part(at, lanes, rest) => {
                let frame = warp.groups[chosen].frame;
                warp.groups[chosen].lanes &= !lanes;
                warp.groups[chosen].at = rest;
                warp.groups.push(Group {
                    frame,
                    at,
                    lanes,
                    state: State::Ready,
                });
            }
            After::Wait(barrier) => {
                warp.groups[chosen].state = State::Barrier(barrier);
                return self.open_barriers();
            }
            After::Await(lanes, members) => {
                let group = &mut warp.groups[chosen];
                let waiting = Group {
                    lanes,
                    state: State::Members(members),
                    ..*group
                };
                group.lanes &= !lanes;
                warp.groups.retain(|group| group.lanes != 0);
                warp.groups.push(waiting);
            }
            After::End => {
                warp.end(run.lanes);
                return self.open_barriers();
            }
            After::Call(frame, lanes) => {
                let frame = warp.add_frame(frame);
                warp.groups[chosen].lanes &= !lanes;
                warp.groups.retain(|group| group.lanes != 0);
                warp.groups.push(Group {
                    frame,
                    at: 0,
                    lanes,
                    state: State::Ready,
                });
            }
            After::Return => return self.give_back(number, chosen, run, code),
        }
        Ok(())
    }
}

/// How far a group has come.
pub(super) struct Run {
    pub(super) at: u32,
    pub(super) lanes: u32,
    pub(super) steps: u32,
}

/// What a group stopped for.
pub(super) enum After {
    Again,
    /// It goes on there for these lanes, and there for the others.
    Part(u32, u32, u32),
    /// All of them at a barrier.
    Wait(u32),
    /// These lanes for those; the others come here again.
    Await(u32, u32),
    /// It has come to a barrier that it does not wait at.
    Arrive,
    Return,
    End,
    /// These lanes go into a function, the others come here again.
    Call(Frame, u32),
}
