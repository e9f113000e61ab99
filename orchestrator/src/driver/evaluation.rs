//! Auditing and freezing an evaluation that agents have built.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use protocol::ContentHash;
use serde_json::Value;

use super::{Act, Driver, DriverError, now_ms};
use crate::audit::{self, Audit, Interpreter, Subject, Verdict};
use crate::campaign::{folder_hash, pins, seal};
use crate::core::event::{Actor, EffectKey, Event, FailureCost, FrozenTask};
use crate::core::planner::MAX_FAILURES;
use crate::core::rounds::{Audited, Fault};
use crate::exec::{AuditOutcome, Done, Told};
use crate::store::Batch;

impl Driver {
    /// Has a round's evaluation audited on a thread. True if the state has
    /// changed.
    pub(super) fn audit(&mut self, round: u32) -> Result<bool, DriverError> {
        let key = EffectKey::Audit { round };
        if self.calling.contains(&key) {
            return Ok(false);
        }
        let Some(bench) = self.session.bench.clone() else {
            return Err(DriverError::Stuck);
        };
        // An audit changes nothing: one that was cut off is done again.
        let begun = self.session.state.intents.contains(&key);
        if !begun {
            self.record(Event::EffectIntended {
                key: key.clone(),
                reserved: None,
            })?;
        }
        self.calling.insert(key.clone());
        let layout = self.session.layout.clone();
        let extras = self.extras();
        let tell = self.slots.teller();
        self.acts.push(Act::Thread(Box::new(move || {
            let subject = Subject {
                evaluation: layout.evaluation(),
                data: layout.data(),
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                look(&subject, &bench.environment, extras)
            }));
            let outcome =
                outcome.unwrap_or_else(|_| Err("the auditor failed; this is a bug".to_owned()));
            // A driver that is gone asks again on resuming.
            let _ = tell.send(Told::Done {
                key,
                done: Done::Audited(Box::new(outcome)),
            });
        })));
        Ok(!begun)
    }

    /// Appends what an audit came to.
    pub(super) fn audited(
        &mut self,
        key: &EffectKey,
        outcome: Result<AuditOutcome, String>,
    ) -> Result<(), DriverError> {
        let EffectKey::Audit { round } = *key else {
            return Ok(());
        };
        let mut batch = Batch::new();
        match outcome {
            Ok(outcome) => {
                let document = serde_json::to_value(&outcome.audit).unwrap_or_default();
                let audited = Audited {
                    passed: outcome.audit.verdict == Verdict::Passed,
                    faults: outcome
                        .audit
                        .findings
                        .iter()
                        .map(|finding| Fault {
                            check: finding.check.to_owned(),
                            detail: finding.detail.clone(),
                            blocking: true,
                        })
                        .collect(),
                    mutants: outcome.audit.mutants.as_ref().map(|kills| {
                        [kills.changed, kills.killed].map(|n| n.try_into().unwrap_or(u32::MAX))
                    }),
                    baseline: outcome.audit.baseline.clone(),
                    document: batch.body(document),
                    evaluation: outcome.evaluation,
                    data: outcome.data,
                };
                batch.push(
                    Actor::Harness,
                    Event::AuditDone {
                        round,
                        audited: Box::new(audited),
                    },
                );
            }
            Err(error) => {
                let before = self.session.state.failures.get(key).map_or(0, |f| f.count);
                let again = before + 1 < MAX_FAILURES;
                batch.push(
                    Actor::Harness,
                    Event::EffectFailed {
                        key: key.clone(),
                        error,
                        retry_at_ms: again.then(|| now_ms() + (500_i64 << before.min(10))),
                        cost: FailureCost::Nothing,
                    },
                );
            }
        }
        self.append(batch)
    }

    /// Freezes the evaluation that passed, if it is still the one that did.
    pub(super) fn freeze(&mut self) -> Result<bool, DriverError> {
        self.check_extras()?;
        let layout = &self.session.layout;
        let folder = layout.evaluation();
        let state = &self.session.state;
        let round = state.rounds.last().ok_or(DriverError::Stuck)?;
        let audited = round.audit.as_ref().ok_or(DriverError::Stuck)?;
        let now = folder_hash(&folder)?;
        if audited.evaluation.as_ref() != Some(&now) {
            let what = "the evaluation's files are not those that were audited".to_owned();
            self.record(Event::RoundUndone {
                round: round.number,
                what,
            })?;
            return Ok(true);
        }
        seal(&folder)?;
        let settings = state.settings.as_ref().ok_or(DriverError::Stuck)?;
        let data = audited.data.clone().ok_or(DriverError::Stuck)?;
        let baseline = audited.baseline.clone();
        let name = Path::new(&settings.data)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let hash = ContentHash::of_parts([now.as_str().as_bytes(), data.as_str().as_bytes()]);
        let mut batch = Batch::new();
        let pinned = batch.body(Value::Object(pins(layout, &folder)?));
        batch.push(
            Actor::Harness,
            Event::EvaluationFrozen {
                lab: String::new(),
                version: String::new(),
                tasks: vec![FrozenTask {
                    name,
                    source: data,
                    inspection: now,
                }],
                hash,
                baseline,
            },
        );
        batch.push(Actor::Harness, Event::FilesPinned { files: pinned });
        self.append(batch)?;
        Ok(true)
    }
}

/// Audits, and hashes what was audited.
fn look(
    subject: &Subject,
    environment: &[(std::ffi::OsString, std::ffi::OsString)],
    extras: Option<PathBuf>,
) -> Result<AuditOutcome, String> {
    let interpreter = Interpreter::find(environment).map_err(|error| crate::chain::of(&error))?;
    let interpreter = interpreter.with_extras(extras);
    if let Some(path) = odd_file(&subject.evaluation) {
        return Ok(AuditOutcome {
            audit: Audit {
                verdict: Verdict::Failed,
                findings: vec![audit::Finding {
                    check: "structure",
                    detail: format!("`{path}` is no regular file: an evaluation consists of files"),
                }],
                mutants: None,
                baseline: None,
            },
            evaluation: None,
            data: None,
        });
    }
    let before = folder_hash(&subject.evaluation).map_err(|error| crate::chain::of(&error))?;
    let audit = audit::audit(subject, &interpreter, true);
    let data = folder_hash(&subject.data).map_err(|error| crate::chain::of(&error))?;
    Ok(AuditOutcome {
        audit,
        evaluation: Some(before),
        data: Some(data),
    })
}

/// A link or a device among the files: it could show what lies outside.
fn odd_file(folder: &Path) -> Option<String> {
    let files = crate::audit::table::files(folder).ok()?;
    files
        .into_iter()
        .find(|(_, path)| !path.symlink_metadata().is_ok_and(|meta| meta.is_file()))
        .map(|(relative, _)| relative.display().to_string())
}
