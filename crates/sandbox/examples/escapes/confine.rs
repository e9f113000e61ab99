//! Makes this process one that cannot make namespaces, as in a container or
//! where the administrator forbids it.

use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

/// For good, for this process and all it starts.
pub(crate) fn refuse_namespaces() -> io::Result<()> {
    let flags = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
    ];
    let rules = flags
        .iter()
        .map(|&flag| {
            let flag = flag as u64;
            let compare = SeccompCmpOp::MaskedEq(flag);
            SeccompCondition::new(0, SeccompCmpArgLen::Qword, compare, flag)
                .and_then(|condition| SeccompRule::new(vec![condition]))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    let refuse = |rules, errno: i32| -> io::Result<()> {
        let filter: BpfProgram = SeccompFilter::new(
            rules,
            SeccompAction::Allow,
            SeccompAction::Errno(errno as u32),
            TargetArch::x86_64,
        )
        .and_then(TryInto::try_into)
        .map_err(io::Error::other)?;
        apply_filter(&filter).map_err(io::Error::other)
    };
    refuse([(libc::SYS_clone3, Vec::new())].into(), libc::ENOSYS)?;
    refuse(
        [(libc::SYS_unshare, Vec::new()), (libc::SYS_clone, rules)].into(),
        libc::EPERM,
    )
}
