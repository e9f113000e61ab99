//! What blocks have handed over to others: fences and atomics.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Who looks so often without writing anything waits.
const PATIENCE: u64 = 1 << 10;
/// Publications that are noted: 32 MiB of them.
const MOST: u64 = 1 << 22;

/// What a block has published, and what it has seen of others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(super) epoch: u32,
    /// The launch's count of publications when it last looked.
    pub(super) until: u64,
    /// A fence was passed since it published.
    fenced: bool,
    /// How often it looked, and how often since it last wrote something.
    looks: u64,
    idle: u64,
}

impl Seen {
    pub(crate) fn fence(&mut self) {
        self.fenced = true;
    }

    /// The block is about to access something atomically.
    pub(crate) fn publish(&mut self, block: u32, published: &Published) {
        if self.fenced {
            self.fenced = false;
            if published.add(block) {
                self.epoch += 1;
            }
        }
    }

    /// It has done so.
    pub(crate) fn look(&mut self, published: Option<&Published>) {
        self.looks += 1;
        self.idle += 1;
        if let Some(published) = published {
            self.until = published.count.load(Ordering::Acquire);
        }
    }

    /// It has written something that is not atomic.
    pub(crate) fn write(&mut self) {
        self.idle = 0;
    }

    /// How often it has looked for what others do.
    pub(crate) fn looks(&self) -> u64 {
        self.looks
    }

    /// Whether it has done nothing else for long.
    pub(crate) fn waits(&self) -> bool {
        self.idle > PATIENCE
    }
}

/// When blocks have published.
#[derive(Debug, Default)]
pub(crate) struct Published {
    count: AtomicU64,
    /// Of each block, when it did so first, second, and so on.
    times: Mutex<HashMap<u32, Vec<u64>>>,
}

impl Published {
    /// Whether it was noted: there is an end to it.
    fn add(&self, block: u32) -> bool {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.count.load(Ordering::Acquire) + 1;
        if now > MOST {
            return false;
        }
        self.count.store(now, Ordering::Release);
        times.entry(block).or_default().push(now);
        true
    }

    /// Whether what a block did in an epoch was published by then. Stamps have
    /// room for 255 epochs: beyond them, whatever was published counts.
    pub(super) fn had(&self, block: u32, epoch: u32, until: u64) -> bool {
        if until == 0 {
            return false;
        }
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let time = times
            .get(&block)
            .and_then(|times| times.get(epoch as usize));
        // What came when no more was noted may have been published.
        time.map_or(until == MOST, |time| *time <= until)
    }
}
