//! The host's end of the control block.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::atomic::Ordering;

use kernel_runner::wire::{Control, MAGIC};

use crate::error::HarnessError;

/// A control block in shared memory, mapped here and inherited by one runner.
pub(crate) struct ControlBlock {
    fd: OwnedFd,
    address: *mut Control,
}

impl std::fmt::Debug for ControlBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlBlock").finish_non_exhaustive()
    }
}

impl ControlBlock {
    pub(crate) fn new() -> Result<Self, HarnessError> {
        // SAFETY: the name is a terminated string; the result is checked.
        let raw = unsafe { libc::memfd_create(c"alphalab-control".as_ptr(), libc::MFD_CLOEXEC) };
        if raw < 0 {
            return Err(HarnessError::last_os("create the control block"));
        }
        // SAFETY: a descriptor that was just made and that nobody else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        let bytes = size_of::<Control>();
        // SAFETY: resizes our own file.
        if unsafe { libc::ftruncate(fd.as_raw_fd(), bytes as libc::off_t) } != 0 {
            return Err(HarnessError::last_os("size the control block"));
        }
        // SAFETY: maps our own file at an address of the kernel's choice.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(HarnessError::last_os("map the control block"));
        }
        let block = Self {
            fd,
            address: address.cast(),
        };
        block.get().magic.store(MAGIC, Ordering::Release);
        Ok(block)
    }

    /// A second descriptor of the block, to be inherited.
    pub(crate) fn duplicate(&self) -> Result<OwnedFd, HarnessError> {
        self.fd.try_clone().map_err(|source| HarnessError::System {
            doing: "duplicate the control block's descriptor".to_owned(),
            source,
        })
    }

    pub(crate) fn get(&self) -> &Control {
        // SAFETY: mapped for as long as `self` lives, large enough, aligned
        // to a page, zero-initialised, and made of atomics only.
        unsafe { &*self.address }
    }
}

impl Drop for ControlBlock {
    fn drop(&mut self) {
        // SAFETY: our own mapping, of this size; `get` borrows from `self`.
        unsafe {
            libc::munmap(self.address.cast(), size_of::<Control>());
        }
    }
}
