//! The system-call filters that are in place when a program starts.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use crate::SeccompProfile;

/// Why a system-call filter could not be built or installed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step} the system-call filter")]
pub struct SeccompError {
    /// `build` or `install`.
    pub(crate) step: &'static str,
    /// The reason.
    #[source]
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

impl SeccompError {
    pub(crate) fn build(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            step: "build",
            source: source.into(),
        }
    }
}

pub(crate) type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// A rule that matches when all conditions (argument, operator, value) hold.
pub(crate) fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, SeccompError> {
    let conditions = conditions
        .iter()
        .map(|(argument, operator, value)| {
            SeccompCondition::new(*argument, SeccompCmpArgLen::Qword, operator.clone(), *value)
        })
        .collect::<Result<_, _>>()
        .map_err(SeccompError::build)?;
    SeccompRule::new(conditions).map_err(SeccompError::build)
}

/// Compiles rules: matching calls get `matching`, others `otherwise`.
pub(crate) fn compile(
    rules: Rules,
    matching: SeccompAction,
    otherwise: SeccompAction,
) -> Result<BpfProgram, SeccompError> {
    SeccompFilter::new(rules, otherwise, matching, TargetArch::x86_64)
        .and_then(BpfProgram::try_from)
        .map_err(SeccompError::build)
}

/// Kernel surface that no compiler, runner or script needs.
const REFUSED: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_open_by_handle_at,
    libc::SYS_vhangup,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_syslog,
    libc::SYS_lookup_dcookie,
];

/// What an agent's command is refused besides: memory that no process shows,
/// and kernel surface that even fewer programs need.
const REFUSED_TO_AGENTS: &[i64] = &[
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_memfd_secret,
    libc::SYS_fanotify_init,
    libc::SYS_modify_ldt,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_process_mrelease,
];

/// Every namespace that `clone` can make.
const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The first argument of `ioprio_set` for one process.
const IOPRIO_WHO_PROCESS: u64 = 1;

/// The sockets that an agent's command may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sockets {
    /// None; only connected stream pairs.
    Pairs,
    /// Unix sockets.
    Unix,
    /// Unix and internet sockets, and the kernel's list of addresses.
    Internet,
}

/// Calls that change how another process is scheduled or limited, with the
/// argument that is 0 for the caller itself.
const ON_OTHERS: &[(i64, u8)] = &[
    (libc::SYS_setpriority, 1),
    (libc::SYS_ioprio_set, 1),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_prlimit64, 0),
];

/// The filters of [`SeccompProfile::Agent`]. `alone` says that a PID namespace
/// keeps other processes out of reach.
pub(crate) fn agent_filters(
    sockets: Sockets,
    alone: bool,
) -> Result<Vec<BpfProgram>, SeccompError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut refused: Rules = REFUSED
        .iter()
        .chain(REFUSED_TO_AGENTS)
        .chain(&[libc::SYS_unshare])
        .map(|&call| (call, Vec::new()))
        .collect();
    let namespaces = NAMESPACES
        .iter()
        .map(|&flag| rule(&[(0, MaskedEq(flag as u64), flag as u64)]))
        .collect::<Result<_, _>>()?;
    refused.insert(libc::SYS_clone, namespaces);
    // The kernel looks at 32 bits of these arguments and the filter must too.
    let word = |argument, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, Eq, value)
            .and_then(|condition| SeccompRule::new(vec![condition]))
            .map_err(SeccompError::build)
    };
    let typing = vec![word(1, libc::TIOCSTI)?, word(1, libc::TIOCLINUX)?];
    refused.insert(libc::SYS_ioctl, typing);
    if !alone {
        for &(call, argument) in ON_OTHERS {
            refused.insert(call, vec![rule(&[(argument, Ne, 0)])?]);
        }
        // 0 with another first argument is a whole group or user.
        let group = rule(&[(0, Ne, libc::PRIO_PROCESS.into())])?;
        refused
            .entry(libc::SYS_setpriority)
            .or_default()
            .push(group);
        let group = rule(&[(0, Ne, IOPRIO_WHO_PROCESS)])?;
        refused.entry(libc::SYS_ioprio_set).or_default().push(group);
    }
    // A process that others cannot look into could hide what it holds.
    let hide = word(0, libc::PR_SET_DUMPABLE as u64)?;
    refused.insert(libc::SYS_prctl, vec![hide]);
    let families: &[i32] = match sockets {
        Sockets::Pairs => &[],
        Sockets::Unix => &[libc::AF_UNIX],
        Sockets::Internet => &[
            libc::AF_UNIX,
            libc::AF_INET,
            libc::AF_INET6,
            libc::AF_NETLINK,
        ],
    };
    let others: Vec<_> = families
        .iter()
        .map(|&family| (0, Ne, family as u64))
        .collect();
    let socket = if others.is_empty() {
        Vec::new()
    } else {
        vec![rule(&others)?]
    };
    refused.insert(libc::SYS_socket, socket);
    if sockets == Sockets::Pairs {
        // One end of a datagram pair can still send to any other socket.
        let stream = libc::SOCK_STREAM as u64;
        let kind = 0xf;
        refused.insert(
            libc::SYS_socketpair,
            (0..=kind)
                .filter(|&other| other != stream)
                .map(|other| rule(&[(1, MaskedEq(kind), other)]))
                .collect::<Result<_, _>>()?,
        );
    }
    Ok(vec![
        no_second_table(),
        no_clone3()?,
        compile(
            refused,
            SeccompAction::Errno(libc::EPERM as u32),
            SeccompAction::Allow,
        )?,
    ])
}

/// Refuses the numbers of the x32 table, which reach the same kernel functions
/// under numbers that no other filter knows. (Calls of 32-bit programs have
/// another architecture and end the process.)
fn no_second_table() -> BpfProgram {
    const X32: u32 = 0x4000_0000;
    const LOAD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    let instruction = |code, jt, k| sock_filter { code, jt, jf: 0, k };
    vec![
        // The number is the first field of the kernel's description.
        instruction(LOAD, 0, 0),
        instruction(JUMP_IF_AT_LEAST, 1, X32),
        instruction(RETURN, 0, libc::SECCOMP_RET_ALLOW),
        instruction(
            RETURN,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(),
        ),
    ]
}

/// Its flags are in memory, where a filter cannot look; C libraries fall back
/// to `clone`.
fn no_clone3() -> Result<BpfProgram, SeccompError> {
    compile(
        [(libc::SYS_clone3, Vec::new())].into(),
        SeccompAction::Errno(libc::ENOSYS as u32),
        SeccompAction::Allow,
    )
}

/// The filters of a profile other than [`SeccompProfile::Agent`]. `namespaces`
/// leaves `unshare` and its flags of `clone` usable, for a launch whose own
/// stages need them afterwards.
pub(crate) fn filters(
    profile: SeccompProfile,
    namespaces: bool,
) -> Result<Vec<BpfProgram>, SeccompError> {
    if profile == SeccompProfile::None {
        return Ok(Vec::new());
    }
    let mut refused: Rules = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    let mut programs = Vec::new();
    if !namespaces {
        refused.insert(libc::SYS_unshare, Vec::new());
        let new_user = libc::CLONE_NEWUSER as u64;
        refused.insert(
            libc::SYS_clone,
            vec![rule(&[(0, SeccompCmpOp::MaskedEq(new_user), new_user)])?],
        );
        programs.push(no_clone3()?);
    }
    if profile == SeccompProfile::NoNetwork {
        refused.insert(
            libc::SYS_socket,
            vec![rule(&[(0, SeccompCmpOp::Ne, libc::AF_UNIX as u64)])?],
        );
    }
    programs.push(compile(
        refused,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
    )?);
    Ok(programs)
}

/// Installs a program for all threads of this process. Needs
/// `no_new_privs` or privileges.
pub(crate) fn install_for_all_threads(program: &BpfProgram) -> Result<(), SeccompError> {
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: seccompiler's instruction has the kernel's layout; the kernel
    // copies the program.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const filter,
        )
    };
    let source: Box<dyn std::error::Error + Send + Sync> = match result {
        0 => return Ok(()),
        -1 => std::io::Error::last_os_error().into(),
        thread => format!("thread {thread} has a filter of its own").into(),
    };
    Err(SeccompError {
        step: "install",
        source,
    })
}

/// A program as the bytes that bubblewrap reads.
pub(crate) fn bytes(program: &BpfProgram) -> Vec<u8> {
    program
        .iter()
        .flat_map(|instruction| {
            let [c0, c1] = instruction.code.to_ne_bytes();
            let [k0, k1, k2, k3] = instruction.k.to_ne_bytes();
            [c0, c1, instruction.jt, instruction.jf, k0, k1, k2, k3]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_build() {
        assert!(filters(SeccompProfile::None, false).unwrap().is_empty());
        assert_eq!(filters(SeccompProfile::NoNetwork, false).unwrap().len(), 2);
        for sockets in [Sockets::Pairs, Sockets::Unix, Sockets::Internet] {
            assert_eq!(agent_filters(sockets, false).unwrap().len(), 3);
        }
        let namespaces = filters(SeccompProfile::Baseline, true).unwrap();
        assert_eq!(namespaces.len(), 1);
        assert_eq!(bytes(&namespaces[0]).len(), 8 * namespaces[0].len());
    }
}
