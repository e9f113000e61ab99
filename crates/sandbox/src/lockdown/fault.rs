//! Telling the parent what ended this process, from inside a signal handler.

use std::ffi::{c_int, c_void};
use std::io;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Where a dying process writes why; lies in memory shared with the parent.
/// All zero is empty.
#[repr(C)]
#[derive(Debug, Default)]
pub struct FaultRecord {
    /// 0 empty, 1 being written, 2 complete.
    state: AtomicU32,
    signal: AtomicI32,
    code: AtomicI32,
    thread: AtomicI32,
    syscall: AtomicI64,
    arguments: [AtomicU64; 2],
    address: AtomicU64,
    instruction: AtomicU64,
}

const EMPTY: u32 = 0;
const WRITING: u32 = 1;
const COMPLETE: u32 = 2;

/// The signals that are handled.
const SIGNALS: [c_int; 6] = [
    libc::SIGSYS,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGABRT,
];

/// Bytes of a thread's alternate stack; the handler needs under 1 KiB on top
/// of the register state that the kernel puts there (up to 11 KiB with AMX).
const STACK_BYTES: usize = 64 << 10;

/// A complete record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The signal.
    pub signal: i32,
    /// Its `si_code`.
    pub code: i32,
    /// The thread, numbered as in its own PID namespace.
    pub thread: i32,
    /// For `SIGSYS`: the system call's number.
    pub syscall: Option<i64>,
    /// For `SIGSYS`: its first two arguments.
    pub arguments: [u64; 2],
    /// For memory and arithmetic faults: the faulting address.
    pub address: u64,
    /// The instruction pointer.
    pub instruction: u64,
}

/// Why handlers could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step}")]
pub struct FaultError {
    step: &'static str,
    #[source]
    source: io::Error,
}

impl FaultRecord {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was recorded, if anything. The content is a claim: hostile code in
    /// the same process can write to the record too.
    pub fn read(&self) -> Option<Fault> {
        if self.state.load(Ordering::Acquire) != COMPLETE {
            return None;
        }
        let signal = self.signal.load(Ordering::Relaxed);
        Some(Fault {
            signal,
            code: self.code.load(Ordering::Relaxed),
            thread: self.thread.load(Ordering::Relaxed),
            syscall: (signal == libc::SIGSYS).then(|| self.syscall.load(Ordering::Relaxed)),
            arguments: [
                self.arguments[0].load(Ordering::Relaxed),
                self.arguments[1].load(Ordering::Relaxed),
            ],
            address: self.address.load(Ordering::Relaxed),
            instruction: self.instruction.load(Ordering::Relaxed),
        })
    }

    /// Empties it for the next process.
    pub fn clear(&self) {
        self.state.store(EMPTY, Ordering::Release);
    }
}

/// The record that the handler writes to.
static RECORD: AtomicPtr<FaultRecord> = AtomicPtr::new(std::ptr::null_mut());

/// Handles faults of this process: writes the first one to `record` and ends
/// the process with code 128 + signal. The calling thread gets an alternate
/// stack; every other thread calls [`use_alternate_stack`], or overflowing its
/// stack kills the process without a record.
///
/// # Safety
/// `record` must stay valid until the process ends.
pub unsafe fn install_fault_handlers(record: *const FaultRecord) -> Result<(), FaultError> {
    RECORD.store(record.cast_mut(), Ordering::Release);
    use_alternate_stack()?;
    for signal in SIGNALS {
        // SAFETY: all-zero is a valid sigaction; the handler has the signature
        // that SA_SIGINFO asks for and only does what handlers may.
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut())
        };
        if result != 0 {
            return Err(FaultError {
                step: "install a signal handler",
                source: io::Error::last_os_error(),
            });
        }
    }
    Ok(())
}

/// Gives the calling thread a stack of its own for signal handlers, with a
/// guard page, for the rest of the process's life.
pub fn use_alternate_stack() -> Result<(), FaultError> {
    const GUARD: usize = 4096;
    let fail = |step| FaultError {
        step,
        source: io::Error::last_os_error(),
    };
    // SAFETY: a fresh anonymous mapping, never unmapped, of which the lowest
    // page is made inaccessible and the rest becomes the signal stack.
    unsafe {
        let base = libc::mmap(
            std::ptr::null_mut(),
            GUARD + STACK_BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if base == libc::MAP_FAILED {
            return Err(fail("map a signal stack"));
        }
        if libc::mprotect(base, GUARD, libc::PROT_NONE) != 0 {
            return Err(fail("guard a signal stack"));
        }
        let stack = libc::stack_t {
            ss_sp: base.byte_add(GUARD),
            ss_flags: 0,
            ss_size: STACK_BYTES,
        };
        if libc::sigaltstack(&raw const stack, std::ptr::null_mut()) != 0 {
            return Err(fail("use a signal stack"));
        }
    }
    Ok(())
}

/// The start of the kernel's siginfo for `SIGSYS` on x86-64.
#[repr(C)]
struct RefusedCall {
    header: [c_int; 4],
    instruction: *const c_void,
    syscall: c_int,
    architecture: u32,
}

/// Records and ends the process. Only atomics and raw system calls.
extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes valid pointers to a siginfo, whose first
    // fields depend on the signal, and to the interrupted thread's context;
    // the record is valid by the contract of `install_fault_handlers`.
    unsafe {
        let record = &*RECORD.load(Ordering::Acquire);
        let first = record
            .state
            .compare_exchange(EMPTY, WRITING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if first {
            let registers = &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
            let register = |index: c_int| registers[index as usize] as u64;
            record.signal.store(signal, Ordering::Relaxed);
            record.code.store((*info).si_code, Ordering::Relaxed);
            let thread = libc::syscall(libc::SYS_gettid);
            record.thread.store(thread as i32, Ordering::Relaxed);
            record
                .instruction
                .store(register(libc::REG_RIP), Ordering::Relaxed);
            if signal == libc::SIGSYS {
                let call = &*info.cast::<RefusedCall>();
                record
                    .syscall
                    .store(i64::from(call.syscall), Ordering::Relaxed);
                record.arguments[0].store(register(libc::REG_RDI), Ordering::Relaxed);
                record.arguments[1].store(register(libc::REG_RSI), Ordering::Relaxed);
            } else {
                record
                    .address
                    .store((*info).si_addr() as u64, Ordering::Relaxed);
            }
            record.state.store(COMPLETE, Ordering::Release);
        } else {
            // Another thread was first: let it finish, but not for ever, since
            // the record may be in hostile hands.
            for _ in 0..10_000 {
                if record.state.load(Ordering::Acquire) == COMPLETE {
                    break;
                }
                libc::syscall(libc::SYS_sched_yield);
            }
        }
        libc::syscall(libc::SYS_exit_group, 128 + signal);
    }
}
