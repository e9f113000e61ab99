//! One warp: its lanes in groups, each at one instruction.
//!
//! Lanes that are at the same instruction of the same activation run
//! together. Where they part, the group that is furthest behind goes first,
//! so that the others are caught up with as soon as they can be; a group that
//! spins there for long lets others go, or a lane that waits for another of
//! its own warp would wait for ever.

use super::clock::Clock;
use super::rows::{ALL, LANES, Registers};
use super::stack::Stack;
use super::step::{Code, Special};
use crate::memory::Cells;

/// Steps that one group of a parted warp makes before another gets its turn.
const PATIENCE: u32 = 1 << 12;

/// An activation of a function, for the lanes that called it together.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Number of the function.
    pub(crate) function: u32,
    pub(crate) registers: Registers,
    /// Where its own variables start in local memory.
    pub(crate) local: u32,
    /// Who called, and where that goes on.
    pub(crate) caller: Option<(u32, u32)>,
    /// Calls that it is in.
    pub(crate) depth: u32,
}

impl Frame {
    /// A kernel's own.
    fn first(function: u32, registers: Registers) -> Self {
        Self {
            function,
            registers,
            local: 0,
            caller: None,
            depth: 0,
        }
    }
}

/// What a group is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    /// At a barrier of the block.
    Barrier(u32),
    /// At an instruction that these lanes must come to.
    Members(u32),
}

/// Lanes at the same instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) frame: u32,
    pub(crate) at: u32,
    pub(crate) lanes: u32,
    pub(crate) state: State,
}

/// One warp.
#[derive(Debug)]
pub(crate) struct Warp {
    /// In its block.
    pub(crate) number: u32,
    /// Lanes that have a thread.
    lanes: u32,
    /// Those that have not ended.
    pub(crate) alive: u32,
    pub(crate) frames: Vec<Option<Frame>>,
    pub(crate) groups: Vec<Group>,
    /// Local memory, four bytes of each lane side by side.
    pub(crate) local: Cells,
    /// What is known of it.
    pub(crate) stack: Stack,
    /// Which threads these are, by dimension.
    pub(crate) tid: [[u32; LANES]; 3],
    pub(crate) clock: Clock,
    /// Instructions so far.
    pub(crate) executed: u64,
    /// Whether it was in a block before, of the same launch.
    began: bool,
    patience: u32,
}

impl Warp {
    pub(crate) fn new(
        number: u32,
        block: [u32; 3],
        entry: (u32, &Code),
        local_bytes: u32,
        warps: usize,
    ) -> Self {
        let threads = block.iter().product::<u32>();
        let first = number * LANES as u32;
        let count = (threads - first).min(LANES as u32);
        let lanes = ALL >> (LANES as u32 - count);
        let thread = |lane: usize| first + lane as u32;
        let tid = [
            std::array::from_fn(|lane| thread(lane) % block[0]),
            std::array::from_fn(|lane| thread(lane) / block[0] % block[1]),
            std::array::from_fn(|lane| thread(lane) / block[0] / block[1]),
        ];
        Self {
            number,
            lanes,
            alive: 0,
            frames: vec![Some(Frame::first(entry.0, entry.1.template.clone()))],
            groups: Vec::new(),
            local: Cells::new(u64::from(local_bytes) * LANES as u64),
            stack: Stack::new(local_bytes),
            tid,
            clock: Clock::new(warps, number as usize),
            executed: 0,
            began: false,
            patience: PATIENCE,
        }
    }

    /// At the start of a block: as if nothing had run.
    pub(crate) fn start(&mut self, entry: (u32, &Code), told: &Told, tick: u32) {
        self.alive = self.lanes;
        self.stack.enter(ALL, 0, entry.1.local_bytes);
        // Memory that nobody has used is not touched: it may not be there yet.
        if self.executed != 0 {
            self.local.clear();
        }
        self.executed = 0;
        self.patience = PATIENCE;
        self.clock.renew(tick);
        self.groups.clear();
        self.groups.push(Group {
            frame: 0,
            at: 0,
            lanes: self.lanes,
            state: State::Ready,
        });
        // Registers keep their place in memory.
        let old = self.frames.drain(..).next().flatten();
        let mut registers = old.map(|frame| frame.registers).unwrap_or_default();
        let code = entry.1;
        if std::mem::replace(&mut self.began, true) {
            registers.renew(&code.template, &code.unset);
        } else {
            registers.clone_from(&code.template);
            tell(&mut registers, &code.specials, told, self.number, &self.tid);
        }
        tell(&mut registers, &code.by_block, told, self.number, &self.tid);
        self.frames.push(Some(Frame::first(entry.0, registers)));
    }

    /// The group to go on with; `None` if none can.
    pub(crate) fn choose(&mut self) -> Option<usize> {
        self.merge();
        if self.groups.len() == 1 {
            return (self.groups[0].state == State::Ready).then_some(0);
        }
        let order = |group: &Group| (u32::MAX - self.depth(group.frame), group.at, group.frame);
        let ready = |(_, group): &(usize, &Group)| group.state == State::Ready;
        let mut ready = self.groups.iter().enumerate().filter(ready);
        if self.patience == 0 {
            // Whoever waited longest: turns go round.
            self.patience = PATIENCE;
            let last = ready.next_back().map(|(at, _)| at)?;
            let group = self.groups.remove(last);
            self.groups.insert(0, group);
            return Some(0);
        }
        ready
            .min_by_key(|(_, group)| order(group))
            .map(|(at, _)| at)
    }

    /// The instruction of the kernel that all lanes are at and can go on with.
    pub(crate) fn all_at(&self) -> Option<u32> {
        match self.groups[..] {
            [group] if group.frame == 0 && group.state == State::Ready => Some(group.at),
            _ => None,
        }
    }

    /// Counts steps of a parted warp.
    pub(crate) fn tire(&mut self, steps: u32) {
        self.patience = self.patience.saturating_sub(steps);
    }

    fn depth(&self, frame: u32) -> u32 {
        self.frames[frame as usize]
            .as_ref()
            .map_or(0, |frame| frame.depth)
    }

    /// Groups at the same instruction become one, if they do the same there.
    pub(crate) fn merge(&mut self) {
        let mut at = 0;
        while at < self.groups.len() {
            let group = self.groups[at];
            let same = |other: &Group| {
                other.frame == group.frame && other.at == group.at && other.state == group.state
            };
            let partner = self.groups[at + 1..].iter().position(same);
            match partner {
                Some(offset) => {
                    let other = self.groups.remove(at + 1 + offset);
                    self.groups[at].lanes |= other.lanes;
                }
                None => at += 1,
            }
        }
        // Who waits for lanes looks again whether they are there by now.
        for group in &mut self.groups {
            if let State::Members(members) = group.state
                && members & self.alive & !group.lanes == 0
            {
                group.state = State::Ready;
            }
        }
    }

    /// These lanes end.
    pub(crate) fn end(&mut self, lanes: u32) {
        self.alive &= !lanes;
        for group in &mut self.groups {
            group.lanes &= !lanes;
        }
        self.groups.retain(|group| group.lanes != 0);
        self.sweep();
    }

    /// Frames that nobody is in are given up.
    pub(crate) fn sweep(&mut self) {
        let mut needed = vec![false; self.frames.len()];
        for group in &self.groups {
            let mut frame = Some(group.frame);
            // Whose caller is marked has all further ones marked, too.
            while let Some(at) = frame.filter(|&at| !needed[at as usize]) {
                needed[at as usize] = true;
                let known = self.frames[at as usize].as_ref();
                frame = known
                    .and_then(|frame| frame.caller)
                    .map(|(caller, _)| caller);
            }
        }
        // The first is the kernel's own.
        for (frame, needed) in self.frames.iter_mut().zip(needed).skip(1) {
            if !needed {
                *frame = None;
            }
        }
    }

    /// A place for a new frame.
    pub(crate) fn add_frame(&mut self, frame: Frame) -> u32 {
        let free = self.frames.iter().position(Option::is_none);
        let at = free.unwrap_or(self.frames.len());
        if at == self.frames.len() {
            self.frames.push(None);
        }
        self.frames[at] = Some(frame);
        at as u32
    }

    /// The thread of a lane.
    pub(crate) fn thread(&self, lane: u32) -> [u32; 3] {
        self.tid.map(|row| row[lane as usize])
    }
}

/// What a launch tells its threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    pub(crate) index: [u32; 3],
    pub(crate) dynamic_shared: u32,
    pub(crate) total_shared: u32,
    pub(crate) processor: u32,
    pub(crate) processors: u32,
    pub(crate) launch: u32,
    /// Where the blocks of a cooperative launch meet.
    pub(crate) workspace: u64,
}

/// Fills registers that hold what threads are told.
pub(crate) fn tell(
    registers: &mut Registers,
    specials: &[(u32, Special)],
    told: &Told,
    number: u32,
    tid: &[[u32; LANES]; 3],
) {
    for &(slot, special) in specials {
        let row = &mut registers.words[slot as usize];
        let by_lane = |of: fn(u32) -> u32| std::array::from_fn(|lane| of(lane as u32));
        *row = match special {
            Special::Tid(dimension) => tid[usize::from(dimension)],
            Special::Ntid(dimension) => [told.block[usize::from(dimension)]; LANES],
            Special::Ctaid(dimension) => [told.index[usize::from(dimension)]; LANES],
            Special::Nctaid(dimension) => [told.grid[usize::from(dimension)]; LANES],
            Special::LaneId => by_lane(|lane| lane),
            Special::WarpId => [number; LANES],
            Special::WarpCount => {
                [told.block.iter().product::<u32>().div_ceil(LANES as u32); LANES]
            }
            Special::SmId => [told.processor; LANES],
            Special::SmCount => [told.processors; LANES],
            Special::GridId => [told.launch; LANES],
            Special::LanemaskEq => by_lane(|lane| 1 << lane),
            Special::LanemaskLe => by_lane(|lane| ALL >> (31 - lane)),
            Special::LanemaskLt => by_lane(|lane| (1 << lane) - 1),
            Special::LanemaskGe => by_lane(|lane| ALL << lane),
            Special::LanemaskGt => by_lane(|lane| !(ALL >> (31 - lane))),
            Special::DynamicShared => [told.dynamic_shared; LANES],
            Special::TotalShared => [told.total_shared; LANES],
            // `cooperative_groups.h` of CUDA 13.0 reads the workspace's address so.
            Special::Environment(1) => [(told.workspace >> 32) as u32; LANES],
            Special::Environment(2) => [told.workspace as u32; LANES],
            Special::One => [1; LANES],
            Special::Environment(_) | Special::Zero => [0; LANES],
        };
    }
}
