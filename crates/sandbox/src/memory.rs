//! Reading and writing another process's memory.

use std::io;

/// Why a transfer failed.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The kernel refused.
    #[error("failed to {direction} {len} bytes at {address:#x} of process {pid}")]
    Refused {
        /// `read` or `write`.
        direction: &'static str,
        /// The process.
        pid: u32,
        /// First address.
        address: u64,
        /// Bytes asked for.
        len: usize,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Only the first bytes are mapped.
    #[error("only {done} of {len} bytes at {address:#x} of process {pid} can be {direction}")]
    Partial {
        /// `read` or `written`.
        direction: &'static str,
        /// The process.
        pid: u32,
        /// First address.
        address: u64,
        /// Bytes asked for.
        len: usize,
        /// Bytes transferred.
        done: usize,
    },
    /// The program has ended, or was never seen alive.
    #[error("the program has ended")]
    Gone,
}

/// One `process_vm_*` call: pid, local vector, remote vector.
type Transfer = unsafe extern "C" fn(
    libc::pid_t,
    *const libc::iovec,
    libc::c_ulong,
    *const libc::iovec,
    libc::c_ulong,
    libc::c_ulong,
) -> libc::ssize_t;

/// Fills `into` from `address` of process `pid`.
pub(crate) fn read(pid: u32, address: u64, into: &mut [u8]) -> Result<(), MemoryError> {
    let len = into.len();
    // SAFETY: the local range is the exclusive slice.
    unsafe {
        transfer(
            libc::process_vm_readv,
            pid,
            address,
            into.as_mut_ptr(),
            len,
            ["read", "read"],
        )
    }
}

/// Fills `into` from an address of this process, as a program's memory is read:
/// what a copy from the one costs can be compared with what it costs from the
/// other.
///
/// # Errors
/// [`MemoryError`] where the range is not mapped.
pub fn read_own(address: u64, into: &mut [u8]) -> Result<(), MemoryError> {
    read(std::process::id(), address, into)
}

/// Copies `from` to `address` of process `pid`.
pub(crate) fn write(pid: u32, address: u64, from: &[u8]) -> Result<(), MemoryError> {
    let len = from.len();
    // SAFETY: process_vm_writev only reads the local range, which is the slice.
    unsafe {
        transfer(
            libc::process_vm_writev,
            pid,
            address,
            from.as_ptr().cast_mut(),
            len,
            ["write", "written"],
        )
    }
}

/// Repeats `call` until everything is through (one call moves at most 2 GiB).
///
/// # Safety
/// `local .. local + len` must be valid for what `call` does with it.
unsafe fn transfer(
    call: Transfer,
    pid: u32,
    address: u64,
    local: *mut u8,
    len: usize,
    words: [&'static str; 2],
) -> Result<(), MemoryError> {
    let mut done = 0;
    while done < len {
        let here = libc::iovec {
            iov_base: local.wrapping_add(done).cast(),
            iov_len: len - done,
        };
        let there = libc::iovec {
            iov_base: (address + done as u64) as *mut libc::c_void,
            iov_len: len - done,
        };
        // SAFETY: both vectors live for the call; the local one lies inside
        // the range that the caller vouches for.
        let moved = unsafe {
            call(
                pid.cast_signed(),
                &raw const here,
                1,
                &raw const there,
                1,
                0,
            )
        };
        match usize::try_from(moved) {
            Ok(0) => {
                return Err(MemoryError::Partial {
                    direction: words[1],
                    pid,
                    address,
                    len,
                    done,
                });
            }
            Ok(moved) => done += moved,
            Err(_) if done > 0 => {
                return Err(MemoryError::Partial {
                    direction: words[1],
                    pid,
                    address,
                    len,
                    done,
                });
            }
            Err(_) => {
                let source = io::Error::last_os_error();
                return Err(MemoryError::Refused {
                    direction: words[0],
                    pid,
                    address,
                    len,
                    source,
                });
            }
        }
    }
    Ok(())
}
