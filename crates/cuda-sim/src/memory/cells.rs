//! Bytes that threads of a simulated device read and write at the same time.
//!
//! A kernel's own data race must not become one of this program: every access
//! is a relaxed atomic one of its width, which costs what an ordinary access
//! does. Accesses of different widths to the same bytes at the same time have
//! no meaning on a GPU either; on the processors that this runs on each reads
//! and writes what it covers.

#![expect(
    clippy::inline_always,
    reason = "an access is a few instructions in the middle of a loop over lanes"
)]
#![expect(
    unsafe_code,
    reason = "views of one buffer as atomics of several widths"
)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// A zeroed buffer.
#[derive(Debug)]
pub(crate) struct Cells {
    start: NonNull<AtomicU64>,
    bytes: u64,
    layout: Layout,
}

// SAFETY: it owns the buffer, and all that is ever done to it are atomic
// accesses.
unsafe impl Send for Cells {}
// SAFETY: as above.
unsafe impl Sync for Cells {}

impl Drop for Cells {
    fn drop(&mut self) {
        // SAFETY: this is what it was allocated with, and nobody else has it.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) }
    }
}

/// An unsigned integer that is accessed at once.
pub(crate) trait Cell: Copy {
    /// The same as an atomic.
    type Atomic;
    /// So many of them, from `at` so many bytes into the buffer, a multiple of
    /// the width.
    fn run(cells: &Cells, at: u64, count: usize) -> &[Self::Atomic];
    /// Reads it `at` so many bytes into the buffer, a multiple of its width.
    fn load(cells: &Cells, at: u64) -> Self;
    /// Writes it there.
    fn store(self, cells: &Cells, at: u64);
}

macro_rules! cell {
    ($ty:ty, $atomic:ty, $view:ident) => {
        impl Cells {
            /// What lies `at` so many bytes into the buffer, a multiple of
            /// its width.
            #[inline(always)]
            pub(crate) fn $view(&self, at: u64) -> &$atomic {
                const WIDTH: u64 = size_of::<$ty>() as u64;
                assert!(
                    at.is_multiple_of(WIDTH) && at < self.bytes && WIDTH <= self.bytes - at,
                    "checked by whoever asks"
                );
                // SAFETY: the buffer has `bytes` bytes or more, of which these
                // are, and starts at a multiple of eight, so they lie at a
                // multiple of their width. They are only ever accessed as
                // atomics here; who writes to them from outside, by their
                // address, answers for the order of it.
                unsafe {
                    let start = self.start.as_ptr().cast::<u8>();
                    <$atomic>::from_ptr(start.add(at as usize).cast())
                }
            }
        }

        impl Cell for $ty {
            type Atomic = $atomic;

            #[inline(always)]
            fn run(cells: &Cells, at: u64, count: usize) -> &[$atomic] {
                const WIDTH: u64 = size_of::<$ty>() as u64;
                let room = cells.bytes.checked_sub(at).map_or(0, |left| left / WIDTH);
                assert!(
                    at.is_multiple_of(WIDTH) && count as u64 <= room,
                    "checked by whoever asks"
                );
                // SAFETY: as above, for `count` of them one behind the other.
                unsafe {
                    let start = cells.start.as_ptr().cast::<u8>();
                    std::slice::from_raw_parts(start.add(at as usize).cast(), count)
                }
            }
            #[inline(always)]
            fn load(cells: &Cells, at: u64) -> Self {
                cells.$view(at).load(Ordering::Relaxed)
            }
            #[inline(always)]
            fn store(self, cells: &Cells, at: u64) {
                cells.$view(at).store(self, Ordering::Relaxed);
            }
        }
    };
}

cell!(u8, AtomicU8, view8);
cell!(u16, AtomicU16, view16);
cell!(u32, AtomicU32, view32);
cell!(u64, AtomicU64, view64);

impl Cells {
    /// So many bytes, all zero.
    ///
    /// # Panics
    /// If this machine has no room for them.
    pub(crate) fn new(bytes: u64) -> Self {
        Self::aligned(bytes, 0, 8).expect("this machine has room for them")
    }

    /// So many bytes, all zero, that start at a multiple of `align`, which is
    /// a power of two and at least eight, with `behind` more that belong to
    /// nobody; `None` if this machine has no room for them. Large ones take
    /// memory only where they are written: the system hands out pages of zeros
    /// late.
    pub(crate) fn aligned(bytes: u64, behind: u64, align: usize) -> Option<Self> {
        let size = usize::try_from(bytes.checked_add(behind)?).ok()?.max(1);
        let layout = Layout::from_size_align(size, align).ok()?.pad_to_align();
        // SAFETY: the layout's size is at least one.
        let start = unsafe { alloc_zeroed(layout) };
        Some(Self {
            start: NonNull::new(start.cast())?,
            bytes,
            layout,
        })
    }

    /// Where it lies in the memory of this program.
    pub(crate) fn address(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All zero again.
    pub(crate) fn clear(&self) {
        let words = self.bytes / 8;
        for word in u64::run(self, 0, words as usize) {
            word.store(0, Ordering::Relaxed);
        }
        for at in words * 8..self.bytes {
            self.store(at, 0_u8);
        }
    }

    #[inline(always)]
    pub(crate) fn load<T: Cell>(&self, at: u64) -> T {
        T::load(self, at)
    }

    #[inline(always)]
    pub(crate) fn store<T: Cell>(&self, at: u64, value: T) {
        value.store(self, at);
    }

    /// Copies out of it from `at` on.
    pub(crate) fn read(&self, at: u64, into: &mut [u8]) {
        let mut at = at;
        let mut rest = into;
        while !rest.is_empty() {
            if at.is_multiple_of(8) && rest.len() >= 8 {
                let (head, tail) = rest.split_at_mut(8);
                head.copy_from_slice(&self.load::<u64>(at).to_le_bytes());
                rest = tail;
                at += 8;
            } else {
                rest[0] = self.load(at);
                rest = &mut rest[1..];
                at += 1;
            }
        }
    }

    /// Copies into it from `at` on.
    pub(crate) fn write(&self, at: u64, from: &[u8]) {
        let mut at = at;
        let mut rest = from;
        while !rest.is_empty() {
            if let (true, Some((word, tail))) =
                (at.is_multiple_of(8), rest.split_first_chunk::<8>())
            {
                self.store(at, u64::from_le_bytes(*word));
                rest = tail;
                at += 8;
            } else {
                self.store(at, rest[0]);
                rest = &rest[1..];
                at += 1;
            }
        }
    }
}
