//! The runner's private memory: inputs, parameters, temporaries and outputs
//! of a plan, with room for guard bands that the host fills.
//!
//! Private memory in huge pages, touched before the clock starts: the same
//! kind that PyTorch's tensors have in the host. Where there are no huge
//! pages, neither side has any.

use crate::wire::{Program, WireBuffer};

/// Smallest page.
const PAGE: usize = 4096;

/// A mapped arena. Never unmapped: the process ends with its candidate.
#[derive(Debug)]
pub struct Arena {
    base: *mut u8,
    bytes: usize,
}

/// Why there is no arena.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    /// The kernel refused.
    #[error("failed to map {bytes} bytes for the plan's buffers")]
    Map {
        /// Size asked for.
        bytes: usize,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A buffer does not lie inside the arena.
    #[error("buffer `{name}` ends at byte {end} of an arena of {bytes}")]
    Outside {
        /// Name in the plan.
        name: String,
        /// Where it would end.
        end: usize,
        /// Size of the arena.
        bytes: usize,
    },
}

impl Arena {
    /// Maps the program's arena and touches every page.
    pub fn map(program: &Program) -> Result<Self, ArenaError> {
        let bytes = program.arena_bytes;
        for buffer in &program.buffers {
            let end =
                buffer.offset + buffer.slot_stride * program.slots.saturating_sub(1) + buffer.bytes;
            if end > bytes {
                return Err(ArenaError::Outside {
                    name: buffer.name.clone(),
                    end,
                    bytes,
                });
            }
        }
        // SAFETY: a fresh anonymous mapping; no existing memory is touched.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes.max(1),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(ArenaError::Map {
                bytes,
                source: std::io::Error::last_os_error(),
            });
        }
        // SAFETY: advice about our own fresh mapping. A refusal means small
        // pages, as it does in the host.
        unsafe { libc::madvise(base, bytes, libc::MADV_HUGEPAGE) };
        for offset in (0..bytes).step_by(PAGE) {
            // SAFETY: inside the mapping, which nothing else uses yet.
            unsafe { base.cast::<u8>().add(offset).write_volatile(0) };
        }
        Ok(Self {
            base: base.cast(),
            bytes,
        })
    }

    /// Address of the first byte.
    pub fn base(&self) -> u64 {
        self.base as u64
    }

    /// Address of a buffer in a slot.
    pub fn address(&self, buffer: &WireBuffer, slot: usize) -> *mut u8 {
        let offset = buffer.offset + buffer.slot_stride * slot;
        debug_assert!(offset + buffer.bytes <= self.bytes);
        // SAFETY: `map` checked that every slot of every buffer lies inside
        // the mapping.
        unsafe { self.base.add(offset) }
    }
}
