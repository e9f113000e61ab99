//! What follows from a lab's verdict, whoever asked for it.

use protocol::Verdict;

use crate::core::board::BoardState;
use crate::core::event::Event;
use crate::core::state::Experiment;

/// Events that follow a check's verdict.
pub fn after_check(e: &Experiment, verdict: Verdict) -> Vec<Event> {
    let to = if verdict.is_ok() {
        BoardState::Checked
    // What the harness has made nobody can repair: another candidate would be
    // measured in its place.
    } else if e.owner.is_some() && BoardState::Implemented.may_move_to(BoardState::Fix, e.fixes) {
        BoardState::Fix
    } else {
        BoardState::Failed
    };
    let reason = verdict.reason().to_owned();
    vec![
        Event::Checked {
            experiment: e.id,
            fixes: e.fixes,
            verdict,
        },
        Event::Moved {
            experiment: e.id,
            from: BoardState::Implemented,
            to,
            reason,
        },
    ]
}

/// The move that follows a measurement, if one does: what is done stays so.
pub fn after_measure(e: &Experiment) -> Option<Event> {
    let to = match e.state {
        BoardState::Done => return None,
        BoardState::Remeasure => BoardState::Done,
        BoardState::ToImplement
        | BoardState::Implemented
        | BoardState::Checked
        | BoardState::Queued
        | BoardState::Running
        | BoardState::Finished
        | BoardState::Analyzed
        | BoardState::Fix
        | BoardState::Failed
        | BoardState::Cancelled => BoardState::Finished,
    };
    Some(Event::Moved {
        experiment: e.id,
        from: e.state,
        to,
        reason: String::new(),
    })
}
