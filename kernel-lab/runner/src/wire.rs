//! What host and runner share: one control block in shared memory, used as a
//! mailbox outside the clock, and the program that the host sends.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use sandbox::lockdown::FaultRecord;
use serde::{Deserialize, Serialize};

/// Says that the other side was built with the same layout.
pub const MAGIC: u32 = 0x414c_4b04;

/// File descriptor number under which the runner inherits the control block.
pub const CONTROL_FD: i32 = 3;

/// Bytes of the mailbox: a program or an error message as text.
pub const MAILBOX_BYTES: usize = 256 * 1024;

/// Bytes of a guard band on each side of every buffer.
pub const GUARD_BYTES: usize = 4096;

/// What the host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Request {
    /// Wake up, do nothing, answer.
    Null = 1,
    /// Read the program from the mailbox, map the arena, lock down.
    Arrange = 2,
    /// Load the candidate (its constructors run now).
    Load = 3,
    /// Run the `prepare` steps once.
    Prepare = 4,
    /// Run the plan once on the slot in [`Control::slot`].
    Run = 5,
    /// Do some work of the runner's own and say in [`Control::work_ns`] how
    /// long it took; the rest of the time is what a hand-shake costs.
    Exercise = 6,
}

impl Request {
    /// The request with this number.
    pub fn from_u32(number: u32) -> Option<Self> {
        [
            Self::Null,
            Self::Arrange,
            Self::Load,
            Self::Prepare,
            Self::Run,
            Self::Exercise,
        ]
        .into_iter()
        .find(|request| *request as u32 == number)
    }
}

/// What the runner answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// Done.
    Done = 1,
    /// Not done; the mailbox says why.
    Failed = 2,
}

/// The control block. Every field is atomic: both processes touch it, and
/// one of them is hostile once it has loaded a candidate.
#[derive(Debug)]
#[repr(C)]
pub struct Control {
    /// [`MAGIC`], written by the host.
    pub magic: AtomicU32,
    /// Futex word: the host adds one for each request.
    pub asked: AtomicU32,
    /// Futex word: the runner copies `asked` here when it has answered.
    pub answered: AtomicU32,
    /// The [`Request`].
    pub request: AtomicU32,
    /// The [`Status`].
    pub status: AtomicU32,
    /// Slot to run on.
    pub slot: AtomicU32,
    /// Bytes used in `mailbox`.
    pub mailbox_len: AtomicU32,
    /// Keeps the 64-bit fields aligned.
    pub reserved: AtomicU32,
    /// Address of the arena in the runner, set by [`Request::Arrange`].
    pub arena_base: AtomicU64,
    /// Nanoseconds of the last [`Request::Exercise`].
    pub work_ns: AtomicU64,
    /// Where a fatal signal or a forbidden system call is recorded.
    pub fault: FaultRecord,
    /// Text.
    pub mailbox: [std::sync::atomic::AtomicU8; MAILBOX_BYTES],
}

impl Control {
    /// Puts a text into the mailbox, cut to its size.
    pub fn put(&self, text: &[u8]) {
        let len = text.len().min(MAILBOX_BYTES);
        for (cell, byte) in self.mailbox.iter().zip(text) {
            cell.store(*byte, Ordering::Relaxed);
        }
        self.mailbox_len.store(len as u32, Ordering::Release);
    }

    /// Copies the mailbox out.
    pub fn take(&self) -> Vec<u8> {
        let len = (self.mailbox_len.load(Ordering::Acquire) as usize).min(MAILBOX_BYTES);
        self.mailbox[..len]
            .iter()
            .map(|cell| cell.load(Ordering::Relaxed))
            .collect()
    }
}

/// Element type of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WireDtype {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// 8-bit unsigned integer, also booleans.
    U8,
}

impl WireDtype {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
            Self::U8 => 1,
        }
    }
}

/// One buffer of the arena.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireBuffer {
    /// Name in the plan: `in.0`, `param.weight`, `tmp.acc`, `out.0`.
    pub name: String,
    /// Element type.
    pub dtype: WireDtype,
    /// Sizes, outermost first.
    pub shape: Vec<i64>,
    /// Bytes of content.
    pub bytes: usize,
    /// Offset in slot 0, in bytes from the arena's base.
    pub offset: usize,
    /// Distance between the same buffer in two neighbouring slots, in bytes;
    /// 0 for a buffer that all slots share.
    pub slot_stride: usize,
}

/// One argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WireArg {
    /// Address of the buffer with this index.
    Buffer(usize),
    /// An integer.
    I64(i64),
    /// A float, as its bits: JSON can't carry every float.
    F64(u64),
}

/// One step of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WireStep {
    /// Calls `entry` once per part, with a barrier after it.
    Kernel {
        /// Symbol of the generated trampoline.
        entry: String,
        /// Its arguments.
        args: Vec<WireArg>,
    },
    /// A counted library node, on the runner's main thread.
    Library {
        /// Operator, `aten::mm`.
        op: String,
        /// Buffers it reads.
        inputs: Vec<usize>,
        /// Buffers it writes.
        outputs: Vec<usize>,
        /// Integer-list attributes: `stride`, `padding`, `output_padding`,
        /// `dilation`, `groups`.
        attrs: Vec<(String, Vec<i64>)>,
        /// Whether only kernels of later steps want the result, so that it
        /// can stay where the library has put it.
        lends: bool,
    },
}

/// Everything the runner needs to execute a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Path of the shared object inside the sandbox; absent when no step is
    /// a kernel.
    pub object: Option<String>,
    /// Its buffers.
    pub buffers: Vec<WireBuffer>,
    /// Bytes of the whole arena, guard bands included.
    pub arena_bytes: usize,
    /// Number of slots that inputs and outputs rotate through.
    pub slots: usize,
    /// Steps that run once.
    pub prepare: Vec<WireStep>,
    /// Steps of one run.
    pub steps: Vec<WireStep>,
    /// What is run in place of steps.
    pub module: Option<Module>,
    /// Largest mapping the candidate may make, in bytes.
    pub max_mapping_bytes: u64,
}

/// An argument of a module's call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Argument {
    /// The tensor in the buffer with this index.
    Buffer(usize),
    /// An integer.
    Int(i64),
    /// A float, as its bits.
    Float(u64),
    /// A truth value.
    Bool(bool),
}

/// A Python submission that stands for a program's steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Module {
    /// Path of its file inside the sandbox.
    pub path: String,
    /// What is seeded with before it is constructed.
    pub seed: u64,
    /// Arguments of its constructor, as a Python list of literals.
    pub init: String,
    /// Arguments of a call.
    pub arguments: Vec<Argument>,
    /// Parameters by key of the state dict, with their buffers.
    pub params: Vec<(String, usize)>,
    /// Buffers of the outputs, which say of what shape these are. Where they
    /// lie after a call, it answers in the mailbox: one 64-bit address each.
    pub outputs: Vec<usize>,
    /// Element type of each buffer, as PyTorch tells them apart.
    pub dtypes: Vec<String>,
}

/// Sleeps while `*word == expected`, at most `timeout` where given. Returns
/// early on a wake-up, a signal, or for no reason at all: check the word.
pub fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<std::time::Duration>) {
    let spec = timeout.map(|t| libc::timespec {
        tv_sec: t.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(t.subsec_nanos()),
    });
    let spec_ptr = spec
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref::<libc::timespec>);
    // SAFETY: `word` is a live 32-bit word and `spec_ptr` null or a timespec
    // that outlives the call; the kernel only reads both. Not
    // FUTEX_PRIVATE_FLAG: the word may be shared between processes.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected,
            spec_ptr,
        );
    }
}

/// Wakes up to `count` sleepers on `word`.
pub fn futex_wake(word: &AtomicU32, count: i32) {
    // SAFETY: the kernel uses the address of a live word as a key only.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_round_trip_by_number() {
        for request in [Request::Null, Request::Arrange, Request::Exercise] {
            assert_eq!(Request::from_u32(request as u32), Some(request));
        }
        assert_eq!(Request::from_u32(0), None);
        assert_eq!(Request::from_u32(99), None);
    }

    #[test]
    fn a_float_argument_survives_json() {
        for value in [f64::INFINITY, -0.0, 1e-45, f64::MAX] {
            let text = serde_json::to_string(&WireArg::F64(value.to_bits())).unwrap();
            assert_eq!(
                serde_json::from_str::<WireArg>(&text).unwrap(),
                WireArg::F64(value.to_bits())
            );
        }
    }
}
