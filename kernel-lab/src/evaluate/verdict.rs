//! From what was found to a verdict.

use protocol::Verdict;

use crate::device::Ended;
use crate::judge::Finding;

/// Verdict on something the judge found.
pub(super) fn on_finding(finding: &Finding) -> Verdict {
    match finding {
        Finding::Crashed { .. } => Verdict::Crashed {
            signal: signal_of(finding),
            reason: finding.to_string(),
        },
        Finding::ForbiddenCall { .. }
        | Finding::ThreadLeft { .. }
        | Finding::OutOfReach { .. }
        | Finding::StillRunning { .. } => Verdict::Rejected {
            stage: "run".to_owned(),
            reason: finding.to_string(),
        },
        Finding::TooFast { .. } => Verdict::Rejected {
            stage: "timing".to_owned(),
            reason: finding.to_string(),
        },
        _ => Verdict::Rejected {
            stage: "correctness".to_owned(),
            reason: finding.to_string(),
        },
    }
}

/// Verdict on a candidate whose process came to an end.
pub(super) fn on_end(ended: &Ended) -> Verdict {
    match ended {
        Ended::Found(finding) => on_finding(finding),
        Ended::TimedOut { doing, limit } => Verdict::TimedOut {
            limit_ms: limit.as_millis() as u64,
            reason: format!("`{doing}` did not finish within {} ms", limit.as_millis()),
        },
        Ended::Refused(detail) => Verdict::Rejected {
            stage: "run".to_owned(),
            reason: detail.clone(),
        },
    }
}

/// A stable word for how it ended; what is wrong where follows after a colon.
pub(super) fn code(ended: &Ended) -> String {
    match ended {
        Ended::Found(finding) => finding.codes(),
        Ended::TimedOut { .. } => "timed-out".to_owned(),
        Ended::Refused(_) => "refused".to_owned(),
    }
}

fn signal_of(finding: &Finding) -> Option<i32> {
    let Finding::Crashed { signal, .. } = finding else {
        return None;
    };
    [
        ("SIGSEGV", libc::SIGSEGV),
        ("SIGBUS", libc::SIGBUS),
        ("SIGABRT", libc::SIGABRT),
        ("SIGFPE", libc::SIGFPE),
        ("SIGILL", libc::SIGILL),
        ("SIGKILL", libc::SIGKILL),
    ]
    .into_iter()
    .find(|(name, _)| signal.contains(name))
    .map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_crash_keeps_its_signal_and_place() {
        let finding = Finding::Crashed {
            signal: "SIGSEGV".to_owned(),
            address: Some(16),
            near: None,
        };
        let verdict = on_end(&Ended::Found(finding));
        assert!(matches!(
            &verdict,
            Verdict::Crashed { signal: Some(11), reason } if reason.contains("0x10")
        ));
    }

    #[test]
    fn a_silent_candidate_timed_out() {
        let ended = Ended::TimedOut {
            doing: "run",
            limit: Duration::from_secs(2),
        };
        assert!(matches!(
            on_end(&ended),
            Verdict::TimedOut { limit_ms: 2000, .. }
        ));
    }
}
