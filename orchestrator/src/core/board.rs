//! The board: what state an experiment can be in and which moves are legal.

use serde::{Deserialize, Serialize};

/// How often an experiment may go back to be fixed.
pub const MAX_FIXES: u32 = 2;

/// State of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoardState {
    /// Proposed; nobody has written a candidate yet, or it must be rewritten.
    ToImplement,
    /// A candidate was handed in.
    Implemented,
    /// The lab's static check passed.
    Checked,
    /// Waiting for a slot.
    Queued,
    /// Being measured on `search`.
    Running,
    /// Measured; the verdict may be good or bad.
    Finished,
    /// Its worker has drawn its conclusions.
    Analyzed,
    /// Best of its task: being measured again on `select`.
    Remeasure,
    /// Refused by the check; goes back to be rewritten.
    Fix,
    /// Over, with a verdict.
    Done,
    /// Over: could not be measured.
    Failed,
    /// Over: given up before it first ran.
    Cancelled,
}

use BoardState::{
    Analyzed, Cancelled, Checked, Done, Failed, Finished, Fix, Implemented, Queued, Remeasure,
    Running, ToImplement,
};

/// All states, in the order of a table's columns.
pub const ALL: [BoardState; 12] = [
    ToImplement,
    Implemented,
    Checked,
    Queued,
    Running,
    Finished,
    Analyzed,
    Remeasure,
    Fix,
    Done,
    Failed,
    Cancelled,
];
/// Nothing happens to these any more.
pub const TERMINAL: [BoardState; 3] = [Done, Failed, Cancelled];
/// Occupy a measuring slot.
pub const HOLDS_SLOT: [BoardState; 2] = [Running, Remeasure];
/// Not yet run: their place in the budget is reserved, not spent.
pub const RESERVES: [BoardState; 5] = [ToImplement, Implemented, Checked, Queued, Fix];
/// Have a verdict on `search`.
pub const MEASURED: [BoardState; 4] = [Finished, Analyzed, Remeasure, Done];

impl BoardState {
    /// True if nothing happens to the experiment any more.
    pub fn is_terminal(self) -> bool {
        TERMINAL.contains(&self)
    }

    /// The word used in JSON and tables.
    pub fn word(self) -> &'static str {
        match self {
            ToImplement => "to_implement",
            Implemented => "implemented",
            Checked => "checked",
            Queued => "queued",
            Running => "running",
            Finished => "finished",
            Analyzed => "analyzed",
            Remeasure => "remeasure",
            Fix => "fix",
            Done => "done",
            Failed => "failed",
            Cancelled => "cancelled",
        }
    }

    /// The table of legal moves. `fixes` is how often the experiment has been
    /// in [`BoardState::Fix`] so far.
    pub fn may_move_to(self, to: Self, fixes: u32) -> bool {
        match self {
            ToImplement => matches!(to, Implemented | Failed | Cancelled),
            Implemented => {
                matches!(to, Checked | Failed | Cancelled) || (to == Fix && fixes < MAX_FIXES)
            }
            Checked => matches!(to, Queued | Failed | Cancelled),
            Queued => matches!(to, Running | Failed | Cancelled),
            // Back to the queue when the lab was busy: not the candidate's fault.
            Running => matches!(to, Finished | Queued | Failed),
            Finished => matches!(to, Analyzed),
            Analyzed => matches!(to, Remeasure | Done),
            Remeasure => matches!(to, Done | Failed),
            Fix => matches!(to, ToImplement | Failed | Cancelled),
            Done | Failed | Cancelled => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_states_are_exactly_those_without_moves() {
        for from in ALL {
            let stuck = ALL.iter().all(|&to| !from.may_move_to(to, 0));
            assert_eq!(stuck, from.is_terminal(), "{}", from.word());
        }
    }

    #[test]
    fn every_state_is_reachable_and_leads_to_an_end() {
        let reach = |start: BoardState| {
            let mut seen = vec![start];
            let mut next = 0;
            while next < seen.len() {
                for to in ALL {
                    if seen[next].may_move_to(to, 0) && !seen.contains(&to) {
                        seen.push(to);
                    }
                }
                next += 1;
            }
            seen
        };
        assert_eq!(reach(ToImplement).len(), ALL.len());
        for from in ALL {
            assert!(
                reach(from).iter().any(|s| s.is_terminal()),
                "{}",
                from.word()
            );
        }
    }

    #[test]
    fn a_third_fix_is_refused() {
        assert!(Implemented.may_move_to(Fix, MAX_FIXES - 1));
        assert!(!Implemented.may_move_to(Fix, MAX_FIXES));
    }
}
