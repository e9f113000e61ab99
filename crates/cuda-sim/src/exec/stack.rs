//! What is known of a warp's local memory: which bytes were written since the
//! function that they belong to was called, and how far each lane's own
//! variables reach.

use super::lane::lanes;
use super::rows::LANES;
use crate::memory::Cells;

/// Of one warp.
#[derive(Debug)]
pub(crate) struct Stack {
    /// A byte for every four of each lane, four of whose bits say what was
    /// written.
    written: Cells,
    /// Where the variables end of the function that a lane is in: a multiple
    /// of four.
    top: [u32; LANES],
}

impl Stack {
    /// Of lanes with so many bytes each.
    pub(crate) fn new(bytes: u32) -> Self {
        Self {
            written: Cells::new(u64::from(bytes.div_ceil(4)) * LANES as u64),
            top: [0; LANES],
        }
    }

    /// Where a lane's variables end.
    pub(super) fn top(&self, lane: u32) -> u64 {
        u64::from(self.top[lane as usize])
    }

    /// Lanes begin a function, whose variables are there.
    pub(super) fn enter(&mut self, active: u32, start: u32, end: u32) {
        for lane in lanes(active) {
            self.top[lane as usize] = end;
            for word in start / 4..end.div_ceil(4) {
                self.written.store(place(lane, word.into()), 0_u8);
            }
        }
    }

    /// Lanes are back in one whose variables end there.
    pub(super) fn leave(&mut self, active: u32, top: u32) {
        for lane in lanes(active) {
            self.top[lane as usize] = top;
        }
    }

    /// Notes that a lane's bytes are written.
    pub(super) fn mark(&self, lane: u32, at: u64, bytes: u32) {
        for (word, bits) in words(at, bytes) {
            let at = place(lane, word);
            let old: u8 = self.written.load(at);
            self.written.store(at, old | bits);
        }
    }

    /// Whether a lane has written none of these bytes. Part of them is enough:
    /// who copies a structure reads what lies between its members.
    pub(super) fn is_unwritten(&self, lane: u32, at: u64, bytes: u32) -> bool {
        words(at, bytes).all(|(word, bits)| self.written.load::<u8>(place(lane, word)) & bits == 0)
    }
}

fn place(lane: u32, word: u64) -> u64 {
    word * LANES as u64 + u64::from(lane)
}

/// Words of four bytes, and a bit for each byte of them.
fn words(at: u64, bytes: u32) -> impl Iterator<Item = (u64, u8)> {
    let end = at + u64::from(bytes);
    (at / 4..end.div_ceil(4)).map(move |word| {
        let first = at.max(word * 4) % 4;
        let count = end.min(word * 4 + 4) - at.max(word * 4);
        (word, ((1_u8 << count) - 1) << first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_words() {
        let of = |at, bytes| words(at, bytes).collect::<Vec<_>>();
        assert_eq!(of(5, 1), [(1, 0b0010)]);
        assert_eq!(of(8, 8), [(2, 0b1111), (3, 0b1111)]);
        assert_eq!(of(2, 4), [(0, 0b1100), (1, 0b0011)]);
    }

    #[test]
    fn functions_begin_with_nothing_written() {
        let mut stack = Stack::new(64);
        stack.enter(u32::MAX, 0, 16);
        assert!(stack.is_unwritten(3, 4, 8));
        stack.mark(3, 8, 1);
        assert!(!stack.is_unwritten(3, 4, 8));
        assert!(stack.is_unwritten(3, 4, 4));
        assert!(stack.is_unwritten(2, 4, 8));
        stack.enter(1 << 3, 16, 32);
        assert_eq!((stack.top(3), stack.top(2)), (32, 16));
        stack.mark(3, 16, 4);
        stack.leave(1 << 3, 16);
        stack.enter(1 << 3, 16, 48);
        assert!(stack.is_unwritten(3, 16, 4));
        assert!(!stack.is_unwritten(3, 8, 4));
    }
}
