//! Gaining rights, and reaching what of the kernel no script needs.

use std::ffi::c_void;
use std::ptr::null;

use super::{Target, attempt, got, outcome, reach, refused};

/// The kernel's description of a process's capabilities.
#[repr(C)]
#[derive(Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

pub(super) fn capabilities() {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let mut data: [CapData; 2] = Default::default();
    // SAFETY: both have the layout of this version.
    unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr()) };
    let held = data
        .iter()
        .any(|data| data.effective | data.permitted | data.inheritable != 0);
    if held {
        got("capabilities");
    } else {
        refused("capabilities", "none");
    }
    // SAFETY: plain numbers.
    let fixed = unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) };
    if fixed == 1 {
        refused("new privileges", "given up");
    } else {
        got("new privileges");
    }
}

pub(super) fn become_root() {
    // SAFETY: plain numbers; the raw calls change this thread only.
    unsafe {
        libc::syscall(libc::SYS_setgroups, 0, null::<c_void>());
        attempt(
            "root's group",
            outcome(libc::syscall(libc::SYS_setresgid, 0, 0, 0)),
        );
        attempt("root", outcome(libc::syscall(libc::SYS_setresuid, 0, 0, 0)));
    }
}

pub(super) fn mounts(target: &Target) {
    let folder = |name: &str| {
        std::ffi::CString::new(target.place(name).into_os_string().into_encoded_bytes())
            .unwrap_or_default()
    };
    let (data, inner) = (folder("data"), folder("workspace/notes"));
    let none = null::<c_void>();
    // SAFETY: C strings, null pointers and plain numbers. What succeeds stays in
    // the namespaces of this process, which is why those come first.
    unsafe {
        let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
        reach("a user namespace", libc::syscall(libc::SYS_unshare, flags));
        for (name, flag) in [
            ("mount", libc::CLONE_NEWNS),
            ("PID", libc::CLONE_NEWPID),
            ("network", libc::CLONE_NEWNET),
            ("IPC", libc::CLONE_NEWIPC),
            ("UTS", libc::CLONE_NEWUTS),
            ("cgroup", libc::CLONE_NEWCGROUP),
        ] {
            reach(
                format!("a {name} namespace"),
                libc::syscall(libc::SYS_unshare, flag),
            );
        }
        let flags = libc::CLONE_NEWUSER | libc::SIGCHLD;
        let pid = libc::syscall(libc::SYS_clone, flags, none, none, none, none);
        if pid == 0 {
            libc::_exit(0);
        }
        reach("a process in a user namespace", pid);
        let private = libc::MS_REC | libc::MS_PRIVATE;
        libc::syscall(libc::SYS_mount, none, c"/".as_ptr(), none, private, none);
        let tmpfs = c"tmpfs".as_ptr();
        reach(
            "a new mount",
            libc::syscall(libc::SYS_mount, tmpfs, inner.as_ptr(), tmpfs, 0, none),
        );
        let writable = libc::MS_REMOUNT | libc::MS_BIND;
        let remounted = libc::syscall(libc::SYS_mount, none, data.as_ptr(), none, writable, none);
        reach("the data, mounted writable", remounted);
        reach(
            "the mount below the data",
            libc::syscall(libc::SYS_umount2, data.as_ptr(), 0),
        );
        let description = [0_u64, libc::MOUNT_ATTR_RDONLY, 0, 0];
        let changed = libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            data.as_ptr(),
            0,
            description.as_ptr(),
            size_of_val(&description),
        );
        reach("the data's mount", changed);
        reach("fsopen", libc::syscall(libc::SYS_fsopen, tmpfs, 0));
        let cloned = libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, data.as_ptr(), 1);
        reach("open_tree", cloned);
        let pivoted = libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr());
        reach("pivot_root", pivoted);
        reach("chroot", libc::syscall(libc::SYS_chroot, c".".as_ptr()));
        reach("setns", libc::syscall(libc::SYS_setns, 0, 0));
    }
}

/// Arguments are wrong on purpose: without a sandbox the answer is another
/// error, or none.
pub(super) fn surface() {
    let none = null::<c_void>();
    let mut parameters = [0_u64; 15];
    // SAFETY: null pointers, plain numbers, and a buffer that is large enough
    // for the one call that writes.
    unsafe {
        reach("keyctl", libc::syscall(libc::SYS_keyctl, 0, -4, 0));
        reach(
            "add_key",
            libc::syscall(libc::SYS_add_key, none, none, none, 0, -4),
        );
        reach(
            "request_key",
            libc::syscall(libc::SYS_request_key, none, none, none, 0),
        );
        reach("bpf", libc::syscall(libc::SYS_bpf, 99, none, 0));
        reach(
            "perf_event_open",
            libc::syscall(libc::SYS_perf_event_open, none, 0, -1, -1, 0),
        );
        let ring = parameters.as_mut_ptr();
        reach(
            "io_uring_setup",
            libc::syscall(libc::SYS_io_uring_setup, 1, ring),
        );
        reach("userfaultfd", libc::syscall(libc::SYS_userfaultfd, 1));
        reach(
            "ptrace",
            libc::syscall(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0),
        );
        reach(
            "init_module",
            libc::syscall(libc::SYS_init_module, none, 0, none),
        );
        reach(
            "kexec_load",
            libc::syscall(libc::SYS_kexec_load, 0, 99, none, 0),
        );
        reach("swapon", libc::syscall(libc::SYS_swapon, none, 0));
        reach("syslog", libc::syscall(libc::SYS_syslog, 3, none, 0));
        reach("acct", libc::syscall(libc::SYS_acct, c"/nowhere".as_ptr()));
        reach(
            "quotactl",
            libc::syscall(libc::SYS_quotactl, 0, none, 0, none),
        );
        reach(
            "open_by_handle_at",
            libc::syscall(libc::SYS_open_by_handle_at, -1, none, 0),
        );
        reach("iopl", libc::syscall(libc::SYS_iopl, 3));
        reach(
            "clock_settime",
            libc::syscall(libc::SYS_clock_settime, 0, none),
        );
        reach("memfd_secret", libc::syscall(libc::SYS_memfd_secret, 0));
        reach("shmget", libc::syscall(libc::SYS_shmget, 0, 4096, 0o1600));
        reach(
            "fanotify_init",
            libc::syscall(libc::SYS_fanotify_init, 0, 0),
        );
        reach(
            "modify_ldt",
            libc::syscall(libc::SYS_modify_ldt, 0, none, 0),
        );
        reach(
            "hiding its memory",
            libc::syscall(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 0),
        );
    }
}

/// Calls through the tables of 32-bit and of x32 programs, which a filter on
/// numbers may overlook.
pub(super) fn other_tables() {
    const X32: i64 = 0x4000_0000;
    // SAFETY: without arguments that matter.
    reach("the x32 table", unsafe {
        libc::syscall(X32 | libc::SYS_getpid)
    });
    // SAFETY: the child makes one system call and ends; this process waits.
    let status = unsafe {
        let child = libc::fork();
        if child == 0 {
            const GETPID_32: u64 = 20;
            let mut result = GETPID_32;
            // Older kernels clear these registers in this call.
            std::arch::asm!("int 0x80", inout("rax") result,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _);
            libc::_exit(i32::from(result != libc::getpid() as u64));
        }
        let mut status = 0;
        libc::waitpid(child, &raw mut status, 0);
        status
    };
    if status == 0 {
        got("the 32-bit table");
    } else {
        refused("the 32-bit table", format!("status {status:#x}"));
    }
}

/// Types into a terminal that it was given as descriptor 3.
pub(super) fn terminal() {
    // SAFETY: plain numbers, a C string and one byte to read.
    unsafe {
        libc::setsid();
        libc::syscall(libc::SYS_ioctl, 3, libc::TIOCSCTTY, 0);
        let typed = libc::syscall(libc::SYS_ioctl, 3, libc::TIOCSTI, c"x".as_ptr());
        attempt("the terminal's input", outcome(typed));
        // The kernel ignores the upper half of the request.
        let disguised = libc::TIOCSTI | 1 << 40;
        let typed = libc::syscall(libc::SYS_ioctl, 3, disguised, c"x".as_ptr());
        attempt("the terminal's input, disguised", outcome(typed));
        let other = c"/dev/tty1".as_ptr();
        attempt(
            "another terminal",
            outcome(i64::from(libc::open(other, libc::O_RDWR | libc::O_NOCTTY))),
        );
    }
}
