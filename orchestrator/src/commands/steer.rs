//! `steer`: has a campaign do what a person wants, whether it runs or not.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{Failure, exit, show};
use crate::campaign::{Layout, Wish};
use crate::core::event::{Actor, Event};
use crate::core::state::RunState;
use crate::core::steer::Steer;
use crate::driver::{answer, letter_name, now_ms};
use crate::store::{Batch, Reader, Store, StoreError, running_pid};

/// Time that a running campaign has to answer: it looks ten times a second,
/// but may be busy writing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two looks for the answer.
const GLANCE: Duration = Duration::from_millis(20);

/// Asks for `what`, and says when it is in the log.
pub fn steer(dir: &Path, what: Steer, json: bool) -> Result<u8, Failure> {
    let state = Reader::open(dir)?.state()?;
    if let RunState::Finished(_) = state.run {
        return Err(Failure::input("the campaign is finished"));
    }
    state.can_steer(&what).map_err(Failure::input)?;
    let name = letter_name(std::process::id());
    let seq = if running_pid(dir)?.is_some() {
        ask(dir, &name, what)?
    } else {
        match write(dir, &name, &what) {
            Ok(seq) => seq,
            // Somebody has begun to drive it meanwhile.
            Err(Written::Store(StoreError::InUse { .. })) => ask(dir, &name, what)?,
            Err(Written::Store(error)) => return Err(error.into()),
            Err(Written::Failure(failure)) => return Err(failure),
        }
    };
    if json {
        show::print_json(&serde_json::json!({ "schema": 1, "event": seq }));
    } else {
        println!("done: event {seq}");
    }
    Ok(exit::OK)
}

/// Leaves a letter and waits for the answer.
fn ask(dir: &Path, name: &str, what: Steer) -> Result<u64, Failure> {
    let inbox = Layout::of(dir).inbox();
    std::fs::create_dir_all(&inbox)?;
    let letter = inbox.join(name);
    let wish = Wish {
        request: name.to_owned(),
        what,
    };
    let text = serde_json::to_string(&wish).map_err(Failure::bug)?;
    sandbox::fs::write_atomic(&letter, text)?;
    let begun = Instant::now();
    loop {
        if let Some(answer) = answer(&letter) {
            return match answer["seq"].as_u64() {
                Some(seq) => Ok(seq),
                None => Err(Failure::input(
                    answer["error"].as_str().unwrap_or("no answer").to_owned(),
                )),
            };
        }
        if begun.elapsed() > PATIENCE || running_pid(dir)?.is_none() {
            // Taken back, unless it is being read at this moment: then it is
            // in the log, and the log says so.
            let _ = std::fs::remove_file(&letter);
            return Err(Failure::input(
                "nobody has answered: the campaign has stopped meanwhile, try again",
            ));
        }
        std::thread::sleep(GLANCE);
    }
}

enum Written {
    Store(StoreError),
    Failure(Failure),
}

impl From<StoreError> for Written {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Appends to the log of a campaign that nobody drives. One that was killed is
/// first let go of, at the time of its last event: nothing has run since.
fn write(dir: &Path, name: &str, what: &Steer) -> Result<u64, Written> {
    let (mut store, state) = Store::open(dir)?;
    state
        .can_steer(what)
        .map_err(|error| Written::Failure(Failure::input(error)))?;
    let mut batch = Batch::new();
    let mut at_ms = now_ms();
    if state.run == RunState::Running {
        at_ms = state.clock.last_ms();
        batch.push(
            Actor::User,
            Event::CampaignStopped {
                reason: "it was interrupted".to_owned(),
            },
        );
    }
    batch.push(
        Actor::User,
        Event::Steered {
            what: what.clone(),
            request: name.to_owned(),
        },
    );
    let appended = store.append(state.seq, at_ms, batch)?;
    Ok(appended.last().map_or(state.seq, |logged| logged.seq))
}
