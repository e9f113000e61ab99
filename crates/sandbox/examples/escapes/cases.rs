//! The table of attacks.

use std::time::Duration;

use sandbox::{ExitReason, Limits};

/// How it shows that an attack was held.
#[derive(Clone, Copy)]
pub(crate) enum Held {
    /// Every attempt was refused, and nothing outside changed.
    Refused,
    /// It was ended for this reason, or every attempt was refused.
    Ended(fn(ExitReason) -> bool),
    /// It ended by itself and nothing of it is left.
    Gone,
    /// The parent did not grow, and its file has a cap.
    Bounded,
}

/// How it shows that the sandbox is what held it.
#[derive(Clone, Copy)]
pub(crate) enum Control {
    /// Without the sandbox it succeeds.
    Succeeds,
    /// It does if started by root; others it fails for the reason given.
    AsRoot(&'static str),
    /// It does on some machines only.
    Maybe(&'static str),
    /// It is not tried, for the reason given.
    No(&'static str),
}

/// What is special about a run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    Plain,
    /// A repository in the workspace.
    Repository,
    /// Files in the workspace that are hidden.
    Hidden,
    /// The evaluation is visible, read-only.
    Evaluation,
    /// A terminal as descriptor 3.
    Terminal,
    /// A descriptor of ours that is not closed on exec.
    Leak,
    /// A second command follows.
    Second,
    /// A program of root's with the set-user-ID bit.
    SetUid,
}

/// One attack.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What is tried.
    pub(crate) tries: &'static str,
    pub(crate) verb: &'static str,
    /// Further arguments inside the sandbox, and for the control.
    pub(crate) arguments: [&'static str; 2],
    pub(crate) setup: Setup,
    pub(crate) limits: fn(&mut Limits),
    pub(crate) held: Held,
    pub(crate) control: Control,
}

const fn case(name: &'static str, verb: &'static str, tries: &'static str) -> Case {
    Case {
        name,
        tries,
        verb,
        arguments: ["", ""],
        setup: Setup::Plain,
        limits: |_| {},
        held: Held::Refused,
        control: Control::Succeeds,
    }
}

const fn with(setup: Setup, case: Case) -> Case {
    Case { setup, ..case }
}

const fn shown(control: Control, case: Case) -> Case {
    Case { control, ..case }
}

const fn limited(
    case: Case,
    arguments: [&'static str; 2],
    limits: fn(&mut Limits),
    reason: fn(ExitReason) -> bool,
) -> Case {
    Case {
        arguments,
        limits,
        held: Held::Ended(reason),
        ..case
    }
}

const fn memory(case: Case) -> Case {
    limited(
        case,
        ["mib=400", "mib=100"],
        |limits| limits.resident_bytes = Some(100 << 20),
        |reason| matches!(reason, ExitReason::MemoryExceeded { .. }),
    )
}

const fn disk(case: Case) -> Case {
    limited(
        case,
        ["mib=400", "mib=80"],
        |limits| limits.disk_bytes = Some(40 << 20),
        |reason| matches!(reason, ExitReason::DiskExceeded { .. }),
    )
}

const fn processor(case: Case) -> Case {
    limited(
        case,
        ["ms=20000", "ms=400"],
        |limits| limits.tree_cpu_s = Some(1),
        |reason| matches!(reason, ExitReason::CpuExceeded { .. }),
    )
}

const fn files(case: Case) -> Case {
    limited(
        case,
        ["count=200000", "count=2000"],
        |limits| limits.disk_files = Some(1000),
        |reason| matches!(reason, ExitReason::FilesExceeded { .. }),
    )
}

const fn timed(case: Case) -> Case {
    limited(
        case,
        ["", ""],
        |limits| limits.wall = Some(Duration::from_millis(400)),
        |reason| matches!(reason, ExitReason::TimedOut { .. }),
    )
}

const fn gone(case: Case) -> Case {
    Case {
        held: Held::Gone,
        ..case
    }
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    shown(
        Control::AsRoot("only root may read it"),
        case(
            "read_system",
            "read-system",
            "read /etc/shadow and the kernel's memory",
        ),
    ),
    case("read_home", "read-home", "read keys in a home folder"),
    case(
        "read_beside",
        "read-beside",
        "read a file beside the workspace",
    ),
    case(
        "read_dotdot",
        "read-dotdot",
        "read it by `..` and through /proc",
    ),
    case(
        "read_evaluation",
        "read-evaluation",
        "read an evaluation that is not given",
    ),
    with(
        Setup::Hidden,
        case(
            "read_hidden",
            "read-hidden",
            "read and replace hidden files in the workspace",
        ),
    ),
    case(
        "write_outside",
        "write-outside",
        "write beside the workspace and into system folders",
    ),
    case(
        "symlink_out",
        "symlink",
        "read and write through symbolic links",
    ),
    with(
        Setup::Repository,
        case(
            "hardlink_out",
            "hardlink",
            "link or move files into the workspace",
        ),
    ),
    with(
        Setup::Repository,
        case("write_git", "write-git", "change, move or replace `.git`"),
    ),
    Case {
        arguments: ["place=data", "place=data"],
        ..case("write_data", "write-below", "change the data")
    },
    with(
        Setup::Evaluation,
        Case {
            arguments: ["place=evaluation", "place=evaluation"],
            ..case(
                "write_evaluation",
                "write-below",
                "change an evaluation that may be read",
            )
        },
    ),
    shown(
        Control::AsRoot("only root may"),
        case(
            "devices",
            "devices",
            "open devices for writing, make device files",
        ),
    ),
    with(
        Setup::Second,
        case(
            "plant",
            "plant",
            "leave start-up files and LD_PRELOAD for the next command",
        ),
    ),
    with(
        Setup::SetUid,
        case(
            "setuid_program",
            "setuid-program",
            "become root by a set-user-ID program",
        ),
    ),
    shown(
        Control::AsRoot("only root may"),
        case("become_root", "become-root", "become root by asking"),
    ),
    case(
        "capabilities",
        "capabilities",
        "hold capabilities, or gain them later",
    ),
    case(
        "mounts",
        "mounts",
        "mount, remount, unmount, chroot, new namespaces",
    ),
    case(
        "kernel_surface",
        "kernel-surface",
        "keyctl, bpf, perf, io_uring, userfaultfd, modules …",
    ),
    shown(
        Control::Maybe("this kernel runs no 32-bit programs"),
        case(
            "other_tables",
            "other-tables",
            "system calls by their 32-bit and x32 numbers",
        ),
    ),
    with(
        Setup::Terminal,
        shown(
            Control::Maybe("this kernel lets nobody"),
            case("terminal", "terminal", "type into a terminal (TIOCSTI)"),
        ),
    ),
    case(
        "signal_outside",
        "signal",
        "signal and slow down processes outside",
    ),
    case(
        "trace_outside",
        "trace",
        "trace a process outside, read and write its memory",
    ),
    case(
        "proc_outside",
        "proc",
        "read the parent's environment and files through /proc",
    ),
    case("environment", "environment", "find keys in the environment"),
    with(
        Setup::Leak,
        case(
            "descriptors",
            "descriptors",
            "find open files of the parent",
        ),
    ),
    case(
        "network_tcp",
        "tcp",
        "connect to a listener on this machine",
    ),
    case("network_udp", "udp", "send a datagram, as to a name server"),
    case(
        "network_abstract",
        "abstract",
        "connect to an abstract Unix socket",
    ),
    case(
        "network_unix",
        "unix",
        "connect and send to Unix sockets outside",
    ),
    case(
        "network_other",
        "vsock",
        "make vsock, packet, crypto and netlink sockets",
    ),
    gone(case(
        "orphan",
        "orphan",
        "leave a process behind that nothing ties to the command",
    )),
    gone(case(
        "orphan_output",
        "orphan-holds-output",
        "leave one behind that holds the output open",
    )),
    timed(case(
        "ignore_signals",
        "ignore-signals",
        "ignore every signal",
    )),
    shown(
        Control::No("a stopped process cannot go on by itself"),
        timed(case("stop", "stop", "stop itself instead of ending")),
    ),
    limited(
        case("fork_bomb", "fork", "fork without end"),
        ["count=20000", "count=200"],
        |limits| limits.processes = Some(64),
        |reason| matches!(reason, ExitReason::ProcessesExceeded { .. }),
    ),
    memory(case("memory_one", "memory", "much memory in one process")),
    memory(case(
        "memory_many",
        "memory-many",
        "little memory in many processes",
    )),
    memory(case("memory_shared", "memory-shared", "much shared memory")),
    memory(case(
        "memory_files",
        "memory-files",
        "much memory in files without a name",
    )),
    memory(case(
        "memory_folders",
        "memory-shm",
        "much memory in /dev/shm and other such folders",
    )),
    limited(
        case(
            "disk_sparse",
            "disk-sparse",
            "one huge file without content",
        ),
        ["", ""],
        |limits| limits.file_size_bytes = Some(64 << 20),
        |reason| reason == ExitReason::Signalled(libc::SIGXFSZ),
    ),
    disk(case("disk_real", "disk-real", "many large files")),
    disk(case(
        "disk_nameless",
        "disk-nameless",
        "many large files, deleted while open",
    )),
    files(case("disk_files", "disk-files", "very many empty files")),
    files(case(
        "disk_deep",
        "disk-deep",
        "folders too deep to look into",
    )),
    Case {
        arguments: ["mib=100", "mib=100"],
        held: Held::Bounded,
        ..case("output_flood", "flood", "100 MiB of output")
    },
    limited(
        case("output_limit", "flood", "output beyond the limit"),
        ["mib=2000", "mib=20"],
        |limits| limits.output_bytes = Some(8 << 20),
        |reason| matches!(reason, ExitReason::OutputExceeded { .. }),
    ),
    processor(case(
        "burn",
        "burn",
        "much processor time in several threads",
    )),
    processor(case(
        "burn_children",
        "burn-children",
        "much processor time in short-lived children",
    )),
];
