//! Starting one process: everything between `clone` and `execve`.
//!
//! The child shares the parent's memory until it calls `execve` (`CLONE_VM |
//! CLONE_VFORK`), as in `posix_spawn`: a parent with gigabytes resident pays
//! neither for copying page tables nor for copy-on-write faults afterwards.
//! In that state the child may only make system calls on prepared data.
//!
//! All launches happen on one thread that never ends, because the kernel sends
//! the parent-death signal when the parent *thread* ends, and pool threads do.

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, Sender};

use crate::adopt;
use crate::process::{self, PidFd};

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
#[error("failed to start `{program}`: could not {step}")]
pub struct LaunchError {
    /// The file that was to be executed.
    pub(crate) program: String,
    /// What failed, in the child.
    pub step: &'static str,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}

/// What the child does before it becomes the program; all memory that it
/// touches is allocated beforehand.
#[derive(Debug)]
pub(crate) struct Launch {
    /// File to execute.
    pub(crate) program: CString,
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
    pub(crate) cwd: Option<CString>,
    /// (ours, number in the program), targets distinct and at least 0.
    pub(crate) descriptors: Vec<(RawFd, RawFd)>,
    /// (resource, soft, hard).
    pub(crate) limits: Vec<(u32, u64, u64)>,
    /// Processors; `None` means all.
    pub(crate) cpus: Option<Vec<usize>>,
    /// Whether it becomes the first process of new PID, network (as the
    /// second says), IPC and mount namespaces, in a user namespace unless we
    /// are root.
    pub(crate) namespaces: Option<Namespaces>,
    /// An enforced Landlock ruleset.
    pub(crate) landlock: Option<RawFd>,
    /// System-call filters, installed in this order.
    pub(crate) filters: Vec<seccompiler::BpfProgram>,
}

/// New namespaces for a process.
#[derive(Debug)]
pub(crate) struct Namespaces {
    /// Whether the network is the outer one.
    pub(crate) network: bool,
    /// What the mount namespace shows otherwise.
    pub(crate) mounts: Vec<Mount>,
}

/// A change to what a path shows.
#[derive(Debug)]
pub(crate) enum Mount {
    /// The same, read-only.
    ReadOnly(CString),
    /// An empty folder.
    EmptyFolder(CString),
    /// An empty file.
    EmptyFile(CString),
}

const STEPS: [&str; 12] = [
    "",
    "open a session",
    "tie its life to ours",
    "find us alive",
    "choose its processors",
    "set a resource limit",
    "pass a file descriptor",
    "enter the working directory",
    "give up gaining privileges",
    "enforce the Landlock rules",
    "install the system-call filter",
    "cover what it must not change or see",
];
const EXECUTE: &str = "execute the file";

/// `Launch` as the child needs it: pointers and plain numbers.
struct Prepared<'a> {
    launch: &'a Launch,
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    /// Scratch for descriptor numbers out of the way of all targets.
    parked: Vec<RawFd>,
    first_free: RawFd,
    affinity: [u64; 16],
    parent: libc::pid_t,
    /// Our process; looked at from a namespace in which it has no number.
    parent_fd: RawFd,
    failed_step: AtomicI32,
    failed_errno: AtomicI32,
}

type Job = Box<dyn FnOnce() + Send>;

/// Runs `job` on the thread that owns all children.
fn on_spawner<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    static SPAWNER: OnceLock<Result<Sender<Job>, io::ErrorKind>> = OnceLock::new();
    let jobs = SPAWNER
        .get_or_init(|| {
            let (jobs, queue) = mpsc::channel::<Job>();
            std::thread::Builder::new()
                .name("sandbox-spawn".into())
                .spawn(move || queue.into_iter().for_each(|job| job()))
                .map(|_| jobs)
                .map_err(|error| error.kind())
        })
        .as_ref()
        .map_err(|&kind| io::Error::from(kind))?;
    let (answer, result) = mpsc::sync_channel(1);
    jobs.send(Box::new(move || {
        // The asker waits below, so this only fails if it is gone.
        let _ = answer.send(job());
    }))
    .map_err(|_| io::Error::other("the spawning thread has ended"))?;
    result.recv().map_err(io::Error::other)
}

impl Launch {
    /// Starts the process; its number is returned once it runs the program.
    pub(crate) fn start(self) -> Result<u32, LaunchError> {
        let program = self.program.to_string_lossy().into_owned();
        on_spawner(move || self.start_here()).unwrap_or_else(|source| {
            Err(LaunchError {
                program,
                step: "start the spawning thread",
                source,
            })
        })
    }

    fn clone_flags(&self) -> c_int {
        let Some(namespaces) = &self.namespaces else {
            return 0;
        };
        let mut flags = libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWNS;
        if !namespaces.network {
            flags |= libc::CLONE_NEWNET;
        }
        if !process::is_root() {
            flags |= libc::CLONE_NEWUSER;
        }
        flags
    }

    fn start_here(&self) -> Result<u32, LaunchError> {
        let pointers = |strings: &[CString]| {
            let mut list: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
            list.push(std::ptr::null());
            list
        };
        let fail = |step, source| {
            Err(LaunchError {
                program: self.program.to_string_lossy().into_owned(),
                step,
                source,
            })
        };
        let parent = match PidFd::open(std::process::id()) {
            Ok(handle) => handle,
            Err(source) => return fail("find us alive", source),
        };
        let prepared = Prepared {
            launch: self,
            arguments: pointers(&self.arguments),
            environment: pointers(&self.environment),
            parked: vec![-1; self.descriptors.len()],
            first_free: self
                .descriptors
                .iter()
                .map(|pair| pair.1)
                .max()
                .unwrap_or(0)
                .max(2)
                + 1,
            affinity: affinity(self.cpus.as_deref()),
            // SAFETY: getpid has no preconditions.
            parent: unsafe { libc::getpid() },
            parent_fd: parent.as_fd().as_raw_fd(),
            failed_step: AtomicI32::new(0),
            failed_errno: AtomicI32::new(0),
        };
        // 16-byte elements keep the stack aligned.
        let mut stack = vec![0_u128; 4096];
        let mut old_signals = 0_u64;
        // SAFETY: the signal masks are valid 8-byte sets. The child runs
        // `child_main` on its own stack while this thread is suspended
        // (CLONE_VFORK), so everything `prepared` borrows outlives its use. All
        // signals are blocked meanwhile, so no handler of ours can run in it.
        let pid = unsafe {
            let all = u64::MAX;
            sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut old_signals);
            let pid = adopt::starting(|| {
                libc::clone(
                    child_main,
                    stack.as_mut_ptr_range().end.cast(),
                    libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD | self.clone_flags(),
                    (&raw const prepared).cast_mut().cast(),
                )
            });
            let source = io::Error::last_os_error();
            sigprocmask(
                libc::SIG_SETMASK,
                &raw const old_signals,
                std::ptr::null_mut(),
            );
            if pid < 0 {
                return fail("create a process", source);
            }
            pid
        };
        let step = prepared.failed_step.load(Ordering::Acquire);
        if step != 0 {
            // SAFETY: `pid` is our child, which has called _exit.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
            adopt::waited(pid.cast_unsigned());
            let errno = prepared.failed_errno.load(Ordering::Acquire);
            let step = STEPS.get(step as usize).copied().unwrap_or(EXECUTE);
            return fail(step, io::Error::from_raw_os_error(errno));
        }
        Ok(pid.cast_unsigned())
    }
}

/// A mask of 1024 processors; the kernel ignores those that do not exist.
fn affinity(cpus: Option<&[usize]>) -> [u64; 16] {
    let Some(cpus) = cpus else {
        return [u64::MAX; 16];
    };
    let mut mask = [0; 16];
    for &cpu in cpus {
        if let Some(word) = mask.get_mut(cpu / 64) {
            *word |= 1 << (cpu % 64);
        }
    }
    mask
}

/// `rt_sigprocmask` with the kernel's 8-byte sets; glibc's wrapper would keep
/// its internal signals unblocked.
///
/// # Safety
/// `set` must be readable and `old` writable or null.
unsafe fn sigprocmask(how: c_int, set: *const u64, old: *mut u64) {
    // SAFETY: as the caller vouches.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, set, old, 8) };
}

/// Returns from `child_main` with the number of the failed step.
macro_rules! check {
    ($prepared:expr, $step:expr, $call:expr) => {
        if $call < 0 {
            $prepared
                .failed_errno
                .store(*libc::__errno_location(), Ordering::Release);
            $prepared.failed_step.store($step, Ordering::Release);
            libc::_exit(127);
        }
    };
}

/// Keeps later mounts to this mount namespace.
///
/// # Safety
/// Only in a mount namespace of its own.
unsafe fn private_mounts() -> i64 {
    let (flags, none) = (libc::MS_REC | libc::MS_PRIVATE, std::ptr::null::<c_void>());
    // SAFETY: a C string and null pointers, as this use of the call wants.
    unsafe { libc::syscall(libc::SYS_mount, none, c"/".as_ptr(), none, flags, none) }
}

/// Covers one path; negative on failure.
///
/// # Safety
/// Only in a mount namespace of its own.
unsafe fn cover(mount: &Mount) -> i64 {
    let none = std::ptr::null::<c_void>();
    // SAFETY: all strings are C strings that live for the calls; the
    // description has the size that is given.
    unsafe {
        let bind = |from: &CString, onto: &CString| {
            let flags = libc::MS_BIND | libc::MS_REC;
            libc::syscall(
                libc::SYS_mount,
                from.as_ptr(),
                onto.as_ptr(),
                none,
                flags,
                none,
            )
        };
        match mount {
            Mount::ReadOnly(path) => {
                let bound = bind(path, path);
                if bound < 0 {
                    return bound;
                }
                // Set, cleared, propagation, user namespace.
                let description = [libc::MOUNT_ATTR_RDONLY, 0, 0, 0];
                libc::syscall(
                    libc::SYS_mount_setattr,
                    libc::AT_FDCWD,
                    path.as_ptr(),
                    libc::AT_RECURSIVE,
                    description.as_ptr(),
                    size_of_val(&description),
                )
            }
            Mount::EmptyFolder(path) => {
                let name = c"tmpfs".as_ptr();
                let options = c"size=4k,nr_inodes=1,mode=0555".as_ptr();
                libc::syscall(
                    libc::SYS_mount,
                    name,
                    path.as_ptr(),
                    name,
                    libc::MS_RDONLY,
                    options,
                )
            }
            Mount::EmptyFile(path) => {
                let flags = libc::MS_BIND;
                let null = c"/dev/null".as_ptr();
                libc::syscall(libc::SYS_mount, null, path.as_ptr(), none, flags, none)
            }
        }
    }
}

/// The child's whole life before `execve`. Shares memory with the suspended
/// parent: no allocation, no locks, no panics; raw system calls where glibc's
/// wrapper would touch state of the parent's threads.
extern "C" fn child_main(argument: *mut c_void) -> c_int {
    // SAFETY: `start_here` passes its `Prepared`, which lives until the child
    // has called execve or _exit. `parked` is only touched here while the
    // parent sleeps. The system calls get valid pointers into it.
    unsafe {
        let prepared = &mut *argument.cast::<Prepared<'_>>();
        let launch = prepared.launch;

        // Ignored signals (Rust ignores SIGPIPE) would stay ignored.
        let default_action = [0_u64; 4];
        for signal in 1..=64 {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default_action.as_ptr(),
                std::ptr::null_mut::<c_void>(),
                8,
            );
        }
        check!(prepared, 1, libc::syscall(libc::SYS_setsid));
        check!(
            prepared,
            2,
            libc::syscall(
                libc::SYS_prctl,
                libc::PR_SET_PDEATHSIG,
                libc::SIGKILL,
                0,
                0,
                0
            )
        );
        // Otherwise the parent was killed before the signal was armed.
        if launch.namespaces.is_some() {
            let mut alive = libc::pollfd {
                fd: prepared.parent_fd,
                events: libc::POLLIN,
                revents: 0,
            };
            let ended = libc::syscall(libc::SYS_poll, &raw mut alive, 1, 0);
            check!(prepared, 3, -ended);
        } else if libc::syscall(libc::SYS_getppid) != i64::from(prepared.parent) {
            check!(prepared, 3, -1);
        }
        check!(
            prepared,
            4,
            libc::syscall(
                libc::SYS_sched_setaffinity,
                0,
                size_of_val(&prepared.affinity),
                prepared.affinity.as_ptr(),
            )
        );

        // Everything is closed at execve, except what is passed on purpose.
        // Sources are parked above all targets first, so that no target
        // overwrites a source.
        libc::syscall(
            libc::SYS_close_range,
            3,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        );
        for (index, &(source, _)) in launch.descriptors.iter().enumerate() {
            let parked = libc::syscall(
                libc::SYS_fcntl,
                source,
                libc::F_DUPFD_CLOEXEC,
                prepared.first_free,
            );
            check!(prepared, 6, parked);
            *prepared.parked.as_mut_ptr().add(index) = parked as RawFd;
        }
        for (index, &(_, target)) in launch.descriptors.iter().enumerate() {
            let parked = *prepared.parked.as_ptr().add(index);
            check!(prepared, 6, libc::syscall(libc::SYS_dup2, parked, target));
        }

        if let Some(namespaces) = &launch.namespaces {
            check!(prepared, 11, private_mounts());
            for mount in &namespaces.mounts {
                check!(prepared, 11, cover(mount));
            }
        }
        if let Some(cwd) = &launch.cwd {
            check!(prepared, 7, libc::syscall(libc::SYS_chdir, cwd.as_ptr()));
        }
        for &(resource, rlim_cur, rlim_max) in &launch.limits {
            let limit = libc::rlimit { rlim_cur, rlim_max };
            check!(
                prepared,
                5,
                libc::syscall(libc::SYS_setrlimit, resource, &raw const limit)
            );
        }
        if launch.landlock.is_some() || !launch.filters.is_empty() {
            check!(
                prepared,
                8,
                libc::syscall(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            );
        }
        if let Some(ruleset) = launch.landlock {
            check!(
                prepared,
                9,
                libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0)
            );
        }
        for filter in &launch.filters {
            let program = libc::sock_fprog {
                len: filter.len() as u16,
                filter: filter.as_ptr().cast_mut().cast(),
            };
            check!(
                prepared,
                10,
                libc::syscall(
                    libc::SYS_seccomp,
                    libc::SECCOMP_SET_MODE_FILTER,
                    0,
                    &raw const program
                )
            );
        }
        let no_signals = 0_u64;
        sigprocmask(
            libc::SIG_SETMASK,
            &raw const no_signals,
            std::ptr::null_mut(),
        );
        check!(
            prepared,
            STEPS.len() as i32,
            libc::syscall(
                libc::SYS_execve,
                launch.program.as_ptr(),
                prepared.arguments.as_ptr(),
                prepared.environment.as_ptr(),
            )
        );
        127
    }
}
