//! Wishes of persons, who leave them in the campaign's inbox.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Driver, DriverError, TICK, now_ms};
use crate::campaign::Wish;
use crate::core::event::{Actor, Event};
use crate::store::Batch;

impl Driver {
    /// Takes up what lies in the inbox. True if the state has changed. A wish
    /// that was logged before its letter was removed is not logged again.
    pub(super) fn read_inbox(&mut self) -> Result<bool, DriverError> {
        if self.inbox_read.is_some_and(|read| read.elapsed() < TICK) {
            return Ok(false);
        }
        self.inbox_read = Some(Instant::now());
        let inbox = self.session.layout.inbox();
        let mut letters: Vec<_> = inbox
            .read_dir()
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect();
        letters.sort();
        let mut changed = false;
        for letter in letters {
            let answer = match self.grant(&letter)? {
                Ok(seq) => {
                    changed = true;
                    json!({ "seq": seq })
                }
                Err(why) => json!({ "error": why }),
            };
            self.flush()?;
            // Who asked may be gone; nobody is harmed by what is left.
            let _ = sandbox::fs::write_atomic(&letter.with_extension("answer"), answer.to_string());
            let _ = std::fs::remove_file(&letter);
        }
        Ok(changed)
    }

    /// Logs a wish that can be granted; else says why not.
    fn grant(&mut self, letter: &Path) -> Result<Result<u64, String>, DriverError> {
        let wish = std::fs::read(letter)
            .map_err(|error| error.to_string())
            .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
        let Wish { request, what } = match wish {
            Ok(wish) => wish,
            Err(why) => return Ok(Err(why)),
        };
        let state = &self.session.state;
        if state.steering.requests.contains(&request) {
            return Ok(Ok(state.seq));
        }
        if let Err(error) = state.can_steer(&what) {
            return Ok(Err(error.to_string()));
        }
        let mut batch = Batch::new();
        batch.push(Actor::User, Event::Steered { what, request });
        self.append(batch)?;
        Ok(Ok(self.session.state.seq))
    }

    /// Whether nothing is under way because a person is waited for.
    pub(super) fn waits_for_person(&self) -> bool {
        self.session.state.waits_for().is_some()
    }
}

/// The answer in an inbox, if it has come.
pub(crate) fn answer(letter: &Path) -> Option<Value> {
    let path = letter.with_extension("answer");
    let bytes = std::fs::read(&path).ok()?;
    let _ = std::fs::remove_file(&path);
    serde_json::from_slice(&bytes).ok()
}

/// When a wish is left, in a form that sorts by time.
pub(crate) fn letter_name(pid: u32) -> String {
    format!("{:015}-{pid}.json", now_ms())
}
