//! Copies in the background, from global to shared memory: PTX ISA 9.1,
//! section 9.7.9.25.3.
//!
//! A copy reads when it starts, and writes when its thread has waited for it:
//! until then nobody may touch where it goes to. From then on it's a write
//! like any other, which a barrier hands on to other threads. To those who
//! read there before, it is a write from its start on.

use std::collections::{BTreeSet, VecDeque};

use super::access::{Memory, Reach};
use super::check::Touch;
use super::counters::SECTOR;
use super::lane::lanes;
use super::launch::Stop;
use super::rows::{LANES, Registers};
use super::shared::Way;
use super::step::Target;
use super::survey;
use super::warp::Warp;
use super::worked::Worked;
use crate::finding::Problem;
use crate::memory::Cells;
use crate::ptx::{Location, Space};

/// What a copy or a wait does.
#[derive(Clone, Debug)]
pub(crate) enum Copy {
    Start(Start),
    /// What was started belongs to a group from now on.
    Commit,
    /// Waits until so many of the latest groups, at most, are on their way.
    Wait(u32),
    /// Commits, and waits for all.
    WaitAll,
}

/// A copy.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) to: Target,
    pub(crate) from: Target,
    /// 4, 8 or 16.
    pub(crate) bytes: u32,
    /// The register with how many of them are read; the others become zero.
    pub(crate) size: Option<u32>,
    /// The predicate of who reads none.
    pub(crate) ignored: Option<u32>,
}

/// What the threads of a block have started and not waited for.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    on_their_way: usize,
    /// By word of shared memory: the number of the thread and one whose copy
    /// is on its way there.
    marks: Vec<u16>,
    threads: Vec<Thread>,
}

#[derive(Clone, Debug, Default)]
struct Thread {
    /// Groups that it has committed.
    groups: u32,
    flights: VecDeque<Flight>,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    /// Its number among the thread's.
    group: u32,
    at: u64,
    bytes: u32,
    data: [u8; 16],
    location: Option<Location>,
}

impl Flight {
    fn words(&self) -> std::ops::Range<usize> {
        (self.at / 4) as usize..((self.at + u64::from(self.bytes)) / 4) as usize
    }
}

impl Copies {
    /// Whether there are any.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.on_their_way != 0
    }

    fn thread(&mut self, number: u32) -> &mut Thread {
        let number = number as usize;
        if self.threads.len() <= number {
            self.threads.resize_with(number + 1, Thread::default);
        }
        &mut self.threads[number]
    }

    fn start(&mut self, number: u32, flight: Flight) {
        let words = flight.words();
        if self.marks.len() < words.end {
            self.marks.resize(words.end, 0);
        }
        self.marks[words].fill(number as u16 + 1);
        self.on_their_way += 1;
        let thread = self.thread(number);
        let group = thread.groups;
        thread.flights.push_back(Flight { group, ..flight });
    }

    /// The next one that has arrived once so many groups are left.
    fn arrived(&mut self, number: u32, left: u32) -> Option<Flight> {
        let thread = self.thread(number);
        let until = thread.groups.saturating_sub(left);
        if thread.flights.front()?.group >= until {
            return None;
        }
        let flight = thread.flights.pop_front()?;
        self.on_their_way -= 1;
        for mark in &mut self.marks[flight.words()] {
            if *mark == number as u16 + 1 {
                *mark = 0;
            }
        }
        Some(flight)
    }

    /// The copy on its way to some of these bytes, and whose it is; whether
    /// it is in a group.
    fn meets(&self, at: u64, bytes: u32) -> Option<(u32, &Flight, bool)> {
        let words = (at / 4) as usize..(at + u64::from(bytes)).div_ceil(4) as usize;
        let end = words.end.min(self.marks.len());
        let marks = self.marks.get(words.start..end)?;
        let first = marks.iter().position(|mark| *mark != 0)?;
        let number = u32::from(marks[first] - 1);
        let thread = &self.threads[number as usize];
        let mut flights = thread.flights.iter().rev();
        let flight = flights.find(|flight| flight.words().contains(&(words.start + first)))?;
        Some((number, flight, flight.group < thread.groups))
    }
}

impl Reach<'_, '_> {
    pub(super) fn copy(
        &mut self,
        warp: &Warp,
        registers: &Registers,
        copy: &Copy,
        active: u32,
    ) -> Result<(), Stop> {
        let numbers = lanes(active).map(|lane| warp.number * LANES as u32 + lane);
        match copy {
            Copy::Start(_) if active == 0 => {}
            Copy::Start(start) => self.start(warp, registers, start, active)?,
            Copy::Commit => {
                for number in numbers {
                    self.shared.copies.thread(number).groups += 1;
                }
            }
            Copy::Wait(left) => {
                for number in numbers {
                    self.land(warp, number, *left);
                }
            }
            Copy::WaitAll => {
                for number in numbers {
                    self.shared.copies.thread(number).groups += 1;
                    self.land(warp, number, 0);
                }
            }
        }
        Ok(())
    }

    fn start(
        &mut self,
        warp: &Warp,
        registers: &Registers,
        start: &Start,
        active: u32,
    ) -> Result<(), Stop> {
        let data = self.source(warp, registers, start, active)?;
        let mut to = [0; LANES];
        survey::addresses(registers, &start.to, active, start.bytes, &mut to);
        let same = |cells: &Cells, lane: u32, beside: Option<u32>| {
            let mut there = [0; 16];
            let there = &mut there[..start.bytes as usize];
            match beside {
                Some(beside) => there.copy_from_slice(&data[beside as usize][..there.len()]),
                None => cells.read(to[lane as usize], there),
            }
            *there == data[lane as usize][..there.len()]
        };
        let touch = Touch::at(warp, &to, active, (start.bytes, Way::Write));
        self.count(Memory::Shared, Some(Space::Shared), &touch);
        self.check_shared(&touch, same)?;
        for lane in lanes(active) {
            let flight = Flight {
                group: 0,
                at: to[lane as usize],
                bytes: start.bytes,
                data: data[lane as usize],
                location: self.step.location,
            };
            let number = warp.number * LANES as u32 + lane;
            self.shared.copies.start(number, flight);
        }
        Ok(())
    }

    /// What copies bring.
    fn source(
        &mut self,
        warp: &Warp,
        registers: &Registers,
        start: &Start,
        active: u32,
    ) -> Result<[[u8; 16]; LANES], Stop> {
        let mut from = [0; LANES];
        survey::addresses(registers, &start.from, active, start.bytes, &mut from);
        let mut sizes = match start.size {
            Some(slot) => registers.words[slot as usize],
            None => [start.bytes; LANES],
        };
        if let Some(slot) = start.ignored {
            for lane in lanes(registers.predicates[slot as usize]) {
                sizes[lane as usize] = 0;
            }
        }
        let touched = |lane: u32| {
            let address = from[lane as usize];
            Some(self.touched(Space::Global, address, sizes[lane as usize]))
        };
        for lane in lanes(active) {
            let size = sizes[lane as usize];
            if size > start.bytes {
                let problem = Problem::InvalidCopy {
                    from: size,
                    to: start.bytes,
                };
                self.report(warp, lane, problem, touched(lane))?;
                return Err(Stop);
            }
            let apart = !from[lane as usize].is_multiple_of(u64::from(start.bytes));
            // A whole one is looked at as any other access.
            if apart && size != 0 && size != start.bytes {
                let problem = Problem::Misaligned { write: false };
                self.report(warp, lane, problem, touched(lane))?;
                return Err(Stop);
            }
        }
        let counted = self.counters.loads;
        let mut data = [[0; 16]; LANES];
        // What is read consists of pieces whose lengths are powers of two, the
        // longest first: each lies at a multiple of its length.
        for wide in [16, 8, 4, 2, 1] {
            let those = lanes(active).filter(|lane| sizes[*lane as usize] & wide != 0);
            let those = those.fold(0, |mask, lane| mask | 1 << lane);
            if those == 0 {
                continue;
            }
            let offset = |lane: usize| (sizes[lane] & !(2 * wide - 1)) as usize;
            let at = |lane: usize| from[lane].wrapping_add(offset(lane) as u64);
            let mut piece = Worked::new(Some(Space::Global), wide);
            let found = piece.load(self, warp, those, at)?;
            for lane in lanes(those) {
                let lane = lane as usize;
                let bytes = found.map(|row| row[lane].to_le_bytes());
                let bytes = bytes.as_flattened();
                let start = offset(lane);
                data[lane][start..start + wide as usize].copy_from_slice(&bytes[..wide as usize]);
            }
        }
        if self.counters.loads.instructions > counted.instructions + 1 {
            // Of all pieces it is one instruction, and each sector counts once.
            let ends = lanes(active).filter(|lane| sizes[*lane as usize] != 0);
            let ends = ends.map(|lane| (from[lane as usize], u64::from(sizes[lane as usize])));
            let sectors = ends.flat_map(|(at, size)| at / SECTOR..=(at + size - 1) / SECTOR);
            let sectors: BTreeSet<u64> = sectors.collect();
            let loads = &mut self.counters.loads;
            loads.instructions = counted.instructions + 1;
            loads.sectors = counted.sectors + sectors.len() as u64;
        }
        Ok(data)
    }

    /// What arrives when a thread has waited until so many groups are left.
    fn land(&mut self, warp: &Warp, number: u32, left: u32) {
        while let Some(flight) = self.shared.copies.arrived(number, left) {
            let Flight { at, bytes, .. } = flight;
            self.shared.cells.write(at, &flight.data[..bytes as usize]);
            // What came between was told of where it was.
            self.shared
                .touch(at, bytes, Way::Write, number, &warp.clock);
        }
    }

    /// Lanes whose access meets a copy on its way, once that is told.
    pub(super) fn pending(&self, touch: &Touch<'_>) -> Result<u32, Stop> {
        let mut found = 0;
        for lane in lanes(touch.active) {
            let address = touch.addresses[lane as usize];
            let Some((number, flight, committed)) = self.shared.copies.meets(address, touch.width)
            else {
                continue;
            };
            found |= 1 << lane;
            let problem = Problem::PendingCopy {
                now: touch.way.now(),
                other: self.launch.thread(number),
                source: flight.location.map(|location| self.launch.source(location)),
                committed,
            };
            let touched = self.touched(Space::Shared, address, touch.width);
            self.report(touch.warp, lane, problem, Some(touched))?;
        }
        Ok(found)
    }
}
