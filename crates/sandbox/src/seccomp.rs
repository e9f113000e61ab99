//! The system-call filters that are in place when a program starts.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
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

/// The filters of a profile. `namespaces` leaves `unshare` and its flags of
/// `clone` usable, for a launch whose own stages need them afterwards.
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
        // Its flags are in memory, where a filter cannot look; C libraries
        // fall back to clone.
        programs.push(compile(
            [(libc::SYS_clone3, Vec::new())].into(),
            SeccompAction::Errno(libc::ENOSYS as u32),
            SeccompAction::Allow,
        )?);
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
        let namespaces = filters(SeccompProfile::Baseline, true).unwrap();
        assert_eq!(namespaces.len(), 1);
        assert_eq!(bytes(&namespaces[0]).len(), 8 * namespaces[0].len());
    }
}
