//! Launches whose blocks are all there at once: cooperative ones.
//!
//! Each thread of this machine has every so-manieth block and goes round
//! them. Turns are short, and one in which a warp looks for what others do,
//! by an atomic or a volatile read, ends there: a block that waits costs a few
//! instructions a round.

use std::collections::VecDeque;

use super::block::Block;
use super::launch::Launch;

/// Steps that a warp makes before another gets its turn.
const TURN: u32 = 1 << 9;

impl Launch<'_> {
    /// Runs the blocks `first`, `first + step` and so on in turns. A block is
    /// made when its first turn comes, and given up when it ends.
    pub(super) fn work_in_turns(&self, first: u64, step: u64) {
        let mut next = first;
        let mut waiting = VecDeque::new();
        while !self.is_over() {
            let mut block = if next < self.blocks() {
                let mut block = Box::new(Block::new(self));
                block.start(next);
                next += step;
                block
            } else if let Some(block) = waiting.pop_front() {
                block
            } else {
                return;
            };
            match block.round(TURN) {
                Ok(false) => waiting.push_back(block),
                Ok(true) => self.add(&block),
                Err(_) => {
                    self.add(&block);
                    self.end();
                }
            }
        }
    }
}
