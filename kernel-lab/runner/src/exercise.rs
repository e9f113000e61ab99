//! Work of a known length: with it the host finds out what a hand-shake costs.
//!
//! An empty request would not tell. After a plan that streamed through memory
//! the kernel's own code for waking and stopping threads has left the caches,
//! and threads that have just worked stop later than idle ones: measured as
//! 0.13 ms against 0.3 ms. So the runner copies some megabytes on all its
//! threads and says how long that took. It can be believed: this happens
//! before a candidate is loaded, and the memory is gone by then.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::pool::{Barrier, Job, Pool};

/// Bytes that are copied; as many are written.
const BYTES: usize = 16 << 20;

/// What is copied, in pieces of one part each.
#[derive(Debug)]
pub struct Exercise {
    pieces: Vec<Mutex<Piece>>,
}

#[derive(Debug)]
struct Piece {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Exercise {
    /// For a pool of `parts` threads. Touches its memory, so that no run of
    /// it has to.
    pub fn new(parts: usize) -> Self {
        let bytes = BYTES / parts.max(1);
        Self {
            pieces: (0..parts)
                .map(|_| {
                    Mutex::new(Piece {
                        from: vec![1; bytes],
                        to: vec![2; bytes],
                    })
                })
                .collect(),
        }
    }

    /// Copies once; how long that took.
    pub fn run(&self, pool: &Pool) -> Duration {
        let start = Instant::now();
        pool.run(self);
        start.elapsed()
    }
}

impl Job for Exercise {
    fn run(&self, part: usize, _barrier: &Barrier) {
        // Each thread has a piece of its own; nobody waits for this lock, and
        // nothing in here panics while it is held.
        if let Some(Ok(mut piece)) = self.pieces.get(part).map(Mutex::lock) {
            let Piece { from, to } = &mut *piece;
            to.copy_from_slice(from);
            std::hint::black_box(&*to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_copies_its_piece() {
        let pool = Pool::start(&[0, 0]).unwrap();
        let exercise = Exercise::new(pool.parts());
        assert!(exercise.run(&pool) > Duration::ZERO);
        for piece in &exercise.pieces {
            let piece = piece.lock().unwrap();
            assert_eq!(piece.from, piece.to);
        }
    }
}
