//! Large buffers of the harness's own, outside of malloc's heap.
//!
//! PyTorch's outputs come from malloc, which keeps freed pages so that a
//! baseline doesn't fault in fresh ones at every call. A harness that takes
//! tens of megabytes from the same heap between two calls would make the next
//! baseline call pay for new pages: measured as 15 ms instead of 3.7 ms for a
//! layer norm of 32 MiB.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::error::HarnessError;

/// Bytes in pages of their own.
#[derive(Debug)]
pub(crate) struct Pages {
    address: NonNull<u8>,
    len: usize,
}

impl Pages {
    /// `len` zero bytes.
    pub(crate) fn new(len: usize) -> Result<Self, HarnessError> {
        if len == 0 {
            return Ok(Self {
                address: NonNull::dangling(),
                len,
            });
        }
        // SAFETY: a fresh anonymous mapping at an address of the kernel's
        // choice.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        match NonNull::new(address.cast::<u8>()) {
            Some(address) if address.as_ptr().cast() != libc::MAP_FAILED => {
                Ok(Self { address, len })
            }
            _ => Err(HarnessError::last_os(format!("map {len} bytes"))),
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: our own mapping, of this length; views borrow `self`.
            unsafe {
                libc::munmap(self.address.as_ptr().cast(), self.len);
            }
        }
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `len` readable bytes for as long as `self` lives, none for
        // a dangling address.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.len) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr(), self.len) }
    }
}

/// Buffers that are used again instead of being mapped anew.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    spare: Vec<Pages>,
}

impl Pool {
    /// A buffer of `len` bytes with any content.
    pub(crate) fn take(&mut self, len: usize) -> Result<Pages, HarnessError> {
        match self.spare.iter().position(|pages| pages.len == len) {
            Some(position) => Ok(self.spare.swap_remove(position)),
            None => Pages::new(len),
        }
    }

    /// Takes a buffer back.
    pub(crate) fn give(&mut self, pages: Pages) {
        self.spare.push(pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again() {
        let mut pool = Pool::default();
        let mut first = pool.take(4096).unwrap();
        first[4095] = 7;
        let address = first.as_ptr();
        pool.give(first);
        assert_ne!(pool.take(8192).unwrap().as_ptr(), address);
        let again = pool.take(4096).unwrap();
        assert_eq!(again.as_ptr(), address);
        assert!(pool.take(0).unwrap().is_empty());
    }
}
