//! What warps ask of memory, counted: what a roofline needs.
//!
//! An instruction of a warp is looked at as a whole, as a GPU's load and store
//! unit does. Global memory moves in sectors of 32 bytes (CUDA C++ best
//! practices guide, 10.2.1, "Coalesced access to global memory"). Shared memory
//! has 32 banks of four bytes, and who wants the same word gets it at once
//! (CUDA C++ programming guide 13.0, "Shared memory" of compute capability 5.x,
//! to which those of later ones refer); accesses of 64 bits go by halves of a
//! warp, of 128 bits by quarters (the same, compute capability 2.x and 3.x).

use serde::{Deserialize, Serialize};

use super::access::{Memory, Reach};
use super::check::Touch;
use super::kernel::for_processor;
use super::lane::lanes;
use super::rows::{ALL, LANES};
use super::shared::Way;
use crate::ptx::Space;

/// Bytes of a sector.
pub(crate) const SECTOR: u64 = 32;
const BANKS: usize = 32;
/// Bytes that a bank has at a time.
const BANK: u64 = 4;

/// Accesses to global memory of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Instructions of warps.
    pub instructions: u64,
    /// Bytes that lanes asked for, each for itself.
    pub bytes: u64,
    /// Sectors of 32 bytes that an instruction touched, once for each.
    pub sectors: u64,
}

impl Traffic {
    /// Bytes asked for by bytes of the sectors: 1 where every byte of a
    /// sector is wanted by one lane, 1/8 where each lane wants a single word of
    /// one, more than 1 where lanes want the same. `None` without accesses.
    pub fn coalescing(&self) -> Option<f64> {
        (self.sectors != 0).then(|| self.bytes as f64 / (self.sectors * SECTOR) as f64)
    }

    fn join(&mut self, other: &Self) {
        self.instructions += other.instructions;
        self.bytes += other.bytes;
        self.sectors += other.sectors;
    }
}

/// Accesses to shared memory of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedTraffic {
    /// Instructions of warps.
    pub instructions: u64,
    /// Bytes that lanes asked for, each for itself.
    pub bytes: u64,
    /// Passes over the banks that they take.
    pub wavefronts: u64,
    /// Passes that are there only because lanes want different words of a
    /// bank. Lanes that change the same word atomically come one by one.
    pub conflicts: u64,
}

impl SharedTraffic {
    fn join(&mut self, other: &Self) {
        self.instructions += other.instructions;
        self.bytes += other.bytes;
        self.wavefronts += other.wavefronts;
        self.conflicts += other.conflicts;
    }
}

/// What the warps of a launch did, beside [`Counts`](crate::Counts).
///
/// The same whatever the number of threads, unless a finding ends the launch.
/// Arguments and constants are no global memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Instructions of warps, however many lanes took part.
    pub warp_instructions: u64,
    /// Reads of global memory.
    pub loads: Traffic,
    /// Writes of global memory.
    pub stores: Traffic,
    /// Atomics in global memory.
    pub atomics: Traffic,
    /// Reads of shared memory.
    pub shared_loads: SharedTraffic,
    /// Writes of shared memory.
    pub shared_stores: SharedTraffic,
    /// Atomics in shared memory.
    pub shared_atomics: SharedTraffic,
    /// Bytes that lanes read of local memory: arrays on the stack, and what
    /// functions that were not inlined are handed. What the assembler spills is
    /// not in PTX.
    pub local_read_bytes: u64,
    /// Bytes that lanes wrote there.
    pub local_written_bytes: u64,
    /// Branches, one for each warp.
    pub branches: u64,
    /// Those that parted lanes.
    pub divergent_branches: u64,
    /// Times that a warp, or a part of one, came to a barrier of its block.
    pub barriers: u64,
    /// Of each atomic, in global and shared memory, how many lanes were at
    /// the address that most of them were at, added up.
    pub atomic_rounds: u64,
    /// And the most of them.
    pub most_lanes_at_one_address: u32,
    /// Different bytes of global memory that were read, by whole sectors.
    pub read_footprint: u64,
    /// That were written.
    pub written_footprint: u64,
    /// That were either.
    pub touched_footprint: u64,
}

impl Counters {
    pub(crate) fn join(&mut self, other: &Self) {
        self.warp_instructions += other.warp_instructions;
        self.loads.join(&other.loads);
        self.stores.join(&other.stores);
        self.atomics.join(&other.atomics);
        self.shared_loads.join(&other.shared_loads);
        self.shared_stores.join(&other.shared_stores);
        self.shared_atomics.join(&other.shared_atomics);
        self.local_read_bytes += other.local_read_bytes;
        self.local_written_bytes += other.local_written_bytes;
        self.branches += other.branches;
        self.divergent_branches += other.divergent_branches;
        self.barriers += other.barriers;
        self.atomic_rounds += other.atomic_rounds;
        let most = self.most_lanes_at_one_address;
        self.most_lanes_at_one_address = most.max(other.most_lanes_at_one_address);
    }

    /// Global memory in all kinds of accesses.
    pub fn global(&self) -> Traffic {
        let mut all = self.loads;
        all.join(&self.stores);
        all.join(&self.atomics);
        all
    }

    /// Shared memory in all kinds of accesses.
    pub fn shared(&self) -> SharedTraffic {
        let mut all = self.shared_loads;
        all.join(&self.shared_stores);
        all.join(&self.shared_atomics);
        all
    }

    /// Counts an access to shared memory.
    fn shared_access(&mut self, way: Way, addresses: &[u64; LANES], active: u32, width: u32) {
        let pattern = pattern(addresses, active, width);
        let least = passes(active, width).count() as u32;
        let wavefronts = match (way, pattern) {
            (Way::Atomic, Pattern::Same) => active.count_ones().max(least),
            (Way::Atomic, _) => atomic_wavefronts(addresses, active).max(least),
            (_, Pattern::Same | Pattern::Row) => least,
            (_, Pattern::Any) => wavefronts(addresses, active, width),
        };
        let counted = match way {
            Way::Read => &mut self.shared_loads,
            Way::Write => &mut self.shared_stores,
            Way::Atomic => &mut self.shared_atomics,
        };
        counted.instructions += 1;
        counted.bytes += u64::from(active.count_ones() * width);
        counted.wavefronts += u64::from(wavefronts);
        counted.conflicts += u64::from(wavefronts - least);
        if way == Way::Atomic {
            self.atomic(addresses, active, pattern);
        }
    }

    fn atomic(&mut self, addresses: &[u64; LANES], active: u32, pattern: Pattern) {
        let most = match pattern {
            Pattern::Same => active.count_ones(),
            Pattern::Row => 1,
            Pattern::Any => {
                let mut list = List::default();
                lanes(active).for_each(|lane| list.push(addresses[lane as usize]));
                list.most_alike()
            }
        };
        self.atomic_rounds += u64::from(most);
        self.most_lanes_at_one_address = self.most_lanes_at_one_address.max(most);
    }
}

/// How addresses of active lanes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    /// All at one.
    Same,
    /// Lanes that follow each other, one behind the other in memory.
    Row,
    Any,
}

for_processor!(
    /// Of accesses of so many bytes by the active lanes.
    fn pattern(addresses: &[u64; LANES], active: u32, width: u32) -> Pattern {
        let first_lane = active.trailing_zeros();
        let first = addresses[first_lane as usize & 31];
        let start = first.wrapping_sub(u64::from(first_lane * width));
        let mut same = 0;
        let mut row = 0;
        for (lane, &address) in (0_u32..).zip(addresses) {
            let there = u64::from(active >> lane & 1).wrapping_neg();
            same |= (address ^ first) & there;
            row |= (address ^ start.wrapping_add(u64::from(lane * width))) & there;
        }
        let block = active >> first_lane;
        let unbroken = block & block.wrapping_add(1) == 0;
        if same == 0 {
            Pattern::Same
        } else if row == 0 && unbroken {
            Pattern::Row
        } else {
            Pattern::Any
        }
    }
);

/// A few numbers, of which the same ones often follow each other.
struct List {
    values: [u64; LANES * 2],
    length: usize,
    sorted: bool,
}

impl Default for List {
    fn default() -> Self {
        Self {
            values: [0; LANES * 2],
            length: 0,
            sorted: true,
        }
    }
}

impl List {
    fn push(&mut self, value: u64) {
        if let Some(last) = self.length.checked_sub(1) {
            self.sorted &= self.values[last] <= value;
        }
        self.values[self.length] = value;
        self.length += 1;
    }

    /// In order.
    fn sorted(&mut self) -> &[u64] {
        let values = &mut self.values[..self.length];
        if !self.sorted {
            values.sort_unstable();
            self.sorted = true;
        }
        values
    }

    /// How often the value is there that is there most often.
    fn most_alike(&mut self) -> u32 {
        let runs = self.sorted().chunk_by(|a, b| a == b).map(<[u64]>::len);
        runs.max().unwrap_or_default() as u32
    }
}

/// The lanes that are served together: PTX has accesses of 128 bits at most
/// in shared memory.
fn passes(active: u32, width: u32) -> impl Iterator<Item = u32> {
    let count = (width / BANK as u32).clamp(1, 8);
    let lanes = LANES as u32 / count;
    let part = ALL >> (LANES as u32 - lanes);
    (0..count)
        .map(move |at| active & part << (at * lanes))
        .filter(|part| *part != 0)
}

/// Passes over the banks.
fn wavefronts(addresses: &[u64; LANES], active: u32, width: u32) -> u32 {
    let words = u64::from(width).div_ceil(BANK);
    let mut all = 0;
    for part in passes(active, width) {
        // The first word of each bank; a second one is rare.
        let mut first = [u64::MAX; BANKS];
        let mut alone = true;
        let mut list = List::default();
        for lane in lanes(part) {
            for word in 0..words {
                let word = addresses[lane as usize] / BANK + word;
                let bank = &mut first[word as usize % BANKS];
                alone &= *bank == u64::MAX || *bank == word;
                *bank = word;
                list.push(word);
            }
        }
        all += if alone { 1 } else { most_in_a_bank(&mut list) };
    }
    all
}

/// Different words of the bank that has most of them.
fn most_in_a_bank(words: &mut List) -> u32 {
    let mut banks = [0_u32; BANKS];
    for alike in words.sorted().chunk_by(|a, b| a == b) {
        banks[alike[0] as usize % BANKS] += 1;
    }
    banks.into_iter().max().unwrap_or_default()
}

/// Changes are made one by one: lanes of the bank that has most of them.
fn atomic_wavefronts(addresses: &[u64; LANES], active: u32) -> u32 {
    let mut banks = [0_u32; BANKS];
    for lane in lanes(active) {
        banks[(addresses[lane as usize] / BANK) as usize % BANKS] += 1;
    }
    banks.into_iter().max().unwrap_or_default()
}

impl Reach<'_, '_> {
    /// Counts an access of a warp to a kind of memory, if that is asked for.
    /// Arguments and constants come from caches of their own.
    pub(super) fn count(&mut self, memory: Memory, space: Option<Space>, touch: &Touch<'_>) {
        if self.launch.footprint.is_none() {
            return;
        }
        let &Touch {
            way,
            addresses,
            active,
            width,
            ..
        } = touch;
        match memory {
            Memory::Shared => self.counters.shared_access(way, addresses, active, width),
            Memory::Local => {
                let bytes = u64::from(active.count_ones() * width);
                self.counters.local_read_bytes += if way == Way::Write { 0 } else { bytes };
                self.counters.local_written_bytes += if way == Way::Read { 0 } else { bytes };
            }
            Memory::Global if matches!(space, Some(Space::Param | Space::Const)) => {}
            Memory::Global => self.count_global(way, addresses, active, width),
        }
    }

    fn count_global(&mut self, way: Way, addresses: &[u64; LANES], active: u32, width: u32) {
        let bytes = u64::from(active.count_ones() * width);
        let pattern = pattern(addresses, active, width);
        let width = u64::from(width);
        let sectors = match pattern {
            Pattern::Same | Pattern::Row => {
                let start = addresses[active.trailing_zeros() as usize & 31];
                let end = start.saturating_add(match pattern {
                    Pattern::Same => width,
                    _ => bytes,
                });
                self.sectors(way, start / SECTOR, end.div_ceil(SECTOR))
            }
            Pattern::Any => {
                let mut list = List::default();
                for lane in lanes(active) {
                    let start = addresses[lane as usize];
                    // An access is no wider than a sector.
                    list.push(start / SECTOR);
                    list.push(start.saturating_add(width - 1) / SECTOR);
                }
                let mut count = 0;
                for alike in list.sorted().chunk_by(|a, b| a == b) {
                    count += self.sectors(way, alike[0], alike[0] + 1);
                }
                count
            }
        };
        let counted = match way {
            Way::Read => &mut self.counters.loads,
            Way::Write => &mut self.counters.stores,
            Way::Atomic => &mut self.counters.atomics,
        };
        counted.instructions += 1;
        counted.bytes += bytes;
        counted.sectors += sectors;
        if way == Way::Atomic {
            self.counters.atomic(addresses, active, pattern);
        }
    }

    /// Notes sectors, and says how many these are.
    fn sectors(&mut self, way: Way, start: u64, end: u64) -> u64 {
        let launch = self.launch;
        let address = start * SECTOR;
        let holds = |number: usize| {
            let found = launch.asked.allocations.get(number);
            found.is_some_and(|found| address.wrapping_sub(found.base()) < found.bytes())
        };
        let number = match *self.last {
            last if holds(last) => last,
            _ => launch.number_at(address),
        };
        if let (Some(footprint), true) = (&launch.footprint, holds(number)) {
            let found = &launch.asked.allocations[number];
            let first = (address - found.base()) / SECTOR;
            let most = found.bytes().div_ceil(SECTOR);
            let range = first..(first + end - start).min(most);
            footprint.mark(number, found.bytes(), way, range);
        }
        end - start
    }
}
