//! Work in agents' folders: who may see what, and what came of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Act, Driver, DriverError};
use crate::adapter::{Adapter, AdapterHistory, MANIFEST, Patch};
use crate::core::agent::{Answer, AnswerStatus, Picture, Role, Step};
use crate::core::event::{Actor, EffectKey, Event};
use crate::core::ids::AgentId;
use crate::core::settings::Settings;
use crate::core::state::{Agent, Experiment, State};
use crate::exec::{Done, Told};
use crate::store::Batch;
use crate::tools;
use crate::tools::work::{self, Desk, Work, Worked};
use crate::web::{Recorded, Web};

/// Most seconds of a command where the settings say nothing.
const COMMAND_S: u64 = 600;

impl Driver {
    /// Has a call carried out in its agent's folders: at once, or on a thread
    /// if it may take long. True if the state has changed.
    pub(super) fn work(&mut self, agent: AgentId, call: u32) -> Result<bool, DriverError> {
        let key = EffectKey::Tool { agent, call };
        if self.calling.contains(&key) {
            return Ok(false);
        }
        let session = &self.session;
        let work = match tools::before_work(&session.state, &session.store, agent, call) {
            Ok(work) => work,
            Err(refusal) => return self.answer(agent, call, refusal).map(|()| true),
        };
        let begun = session.state.intents.contains(&key);
        // A change of the adapter can be told from one that never came.
        let of_adapter = matches!(work, Work::Patch { .. } | Work::RollBack { .. });
        if begun && work.changes() && !of_adapter {
            self.worked(agent, call, Worked::interrupted())?;
            return Ok(true);
        }
        let desk = self.desk(agent);
        work::set_up(&desk).map_err(|source| DriverError::Folder {
            path: desk.home.clone(),
            source,
        })?;
        self.lay_out(agent, &desk.home)?;
        if let (Work::Web(_), Some(Web::Recorded(recorded))) = (&work, &self.session.web) {
            let worked = self.looked_then(recorded, agent, call, &desk)?;
            self.worked(agent, call, worked)?;
            return Ok(true);
        }
        if !begun && (work.changes() || work.is_long()) {
            self.record(Event::EffectIntended {
                key: key.clone(),
                reserved: None,
            })?;
        }
        // What changes something here and now needs its intent first; a thread
        // begins once that is durable.
        if work.changes() && !work.is_long() {
            self.flush()?;
        }
        if of_adapter {
            return self.patch(agent, call, work).map(|()| true);
        }
        let name = name_of(call);
        if !work.is_long() {
            let worked = work::perform(&work, &desk, &name, &self.cancel);
            self.worked(agent, call, worked)?;
            return Ok(true);
        }
        self.calling.insert(key.clone());
        let cancel = Arc::clone(&self.cancel);
        let tell = self.slots.teller();
        self.acts.push(Act::Thread(Box::new(move || {
            let worked = work::perform(&work, &desk, &name, &cancel);
            // A driver that is gone says on resuming that it was interrupted.
            let _ = tell.send(Told::Done {
                key,
                done: Done::Worked(Box::new(worked)),
            });
        })));
        Ok(true)
    }

    /// What a look at the web came to in the campaign that is replayed.
    fn looked_then(
        &self,
        recorded: &Recorded,
        agent: AgentId,
        call: u32,
        desk: &Desk,
    ) -> Result<Worked, DriverError> {
        let tool = self.open_tool(agent, call).unwrap_or_default();
        let again = recorded.answer(agent, call, tool, &self.arguments(agent, call))?;
        Ok(match again {
            Some(again) => tools::web::again(again, &desk.logs, &name_of(call)),
            None => Worked::failed("the recorded campaign did not look at this"),
        })
    }

    /// Whether an act under way is a look at the web: nobody has to wait for
    /// it, since whoever resumes takes it again.
    pub(super) fn is_look_at_the_web(&self, key: &EffectKey) -> bool {
        let EffectKey::Tool { agent, call } = key else {
            return false;
        };
        let tool = self.open_tool(*agent, *call);
        tool.is_some_and(tools::is_of_the_web)
    }

    /// The tool of an open call.
    fn open_tool(&self, agent: AgentId, call: u32) -> Option<&str> {
        let run = &self.session.state.agents.get(&agent)?.run;
        let Step::CallTools(open) = run.next() else {
            return None;
        };
        let found = open.iter().find(|open| open.number == call)?;
        Some(found.requested.tool.as_str())
    }

    /// Appends what came of work.
    pub(super) fn worked(
        &mut self,
        agent: AgentId,
        call: u32,
        worked: Worked,
    ) -> Result<(), DriverError> {
        let mut batch = Batch::new();
        answered(&mut batch, agent, call, worked);
        self.append(batch)
    }

    /// Where an agent works and what else it sees. Only the builder writes the
    /// evaluation, and nobody but the reviewers reads it.
    pub(super) fn desk(&self, id: AgentId) -> Desk {
        let layout = &self.session.layout;
        let own = layout.desks().join(id.to_string());
        let agents = &self.session.state.agents;
        let found = agents.get(&id);
        // An assistant works where the agent that asked for it does.
        let leader = found
            .and_then(|agent| agent.under)
            .and_then(|under| agents.get(&under.agent));
        let role = leader.or(found).map(|agent| agent.role);
        let own = leader.map_or(own, |leader| layout.desks().join(leader.id.to_string()));
        let mut read_only = Vec::new();
        let mut evaluation = None;
        let data = || {
            let link = layout.data();
            let mut places = vec![link.clone()];
            // What the links lead to has to be visible too.
            let inside = crate::audit::table::files(&link).unwrap_or_default();
            let single = link.symlink_metadata().is_ok_and(|meta| meta.is_dir());
            if single {
                places.extend(inside.values().filter_map(|path| path.canonicalize().ok()));
            } else {
                places.extend(link.canonicalize());
            }
            places
        };
        let home = match role {
            Some(Role::Explorer) => {
                read_only.extend(data());
                layout.workspace()
            }
            Some(Role::Builder) => {
                read_only.extend(data());
                read_only.push(layout.workspace());
                layout.evaluation()
            }
            Some(Role::Critic) => {
                evaluation = Some(layout.evaluation());
                own
            }
            Some(Role::Tester) => {
                read_only.extend(data());
                evaluation = Some(layout.evaluation());
                own
            }
            Some(Role::Supervisor) => {
                read_only.push(layout.adapter());
                own
            }
            Some(Role::Fixer | Role::Analyst) => {
                let of = found.and_then(|agent| agents_experiment(&self.session.state, agent));
                read_only.extend(of.map(|e| layout.experiments().join(e.folder())));
                own
            }
            // What an Auditor looks at is laid out in its own folder.
            Some(
                Role::Auditor | Role::Strategist | Role::Worker | Role::Assistant | Role::Reporter,
            )
            | None => own,
        };
        let settings = self.session.state.settings.as_ref();
        Desk {
            home,
            read_only,
            evaluation,
            python: self
                .session
                .bench
                .as_ref()
                .map(|bench| bench.python.folder().to_owned()),
            extras: self.extras(),
            logs: layout.logs().join("agents").join(id.to_string()),
            scratch: layout.scratch(),
            longest_s: settings
                .and_then(|settings| settings.evaluation)
                .map_or(COMMAND_S, |evaluation| evaluation.command_s),
            backend: sandbox::BackendChoice::Auto,
            network: false,
            web: match &self.session.web {
                Some(Web::Live(client)) => Some(Arc::clone(client)),
                Some(Web::Recorded(_)) | None => None,
            },
        }
    }

    /// Where packages are that were installed for this campaign, if any were.
    pub(super) fn extras(&self) -> Option<PathBuf> {
        let settings = self.session.state.settings.as_ref()?;
        settings.python.as_ref()?;
        Some(self.session.layout.python_extras())
    }

    /// Changes a file of the adapter, and the settings with its manifest. An
    /// adapter that can't be loaded is not left behind.
    fn patch(&mut self, agent: AgentId, call: u32, work: Work) -> Result<(), DriverError> {
        let folder = self.session.layout.adapter();
        let known = self.session.state.patches as usize;
        let frozen = self.session.state.frozen.is_some();
        let changed = AdapterHistory::open(&folder)
            .map_err(|error| crate::chain::of(&error))
            .and_then(|history| changed(history, known, frozen, work, agent));
        let (change, file, why) = match changed {
            Ok(changed) => changed,
            Err(why) => return self.worked(agent, call, Worked::failed(why)),
        };
        self.session.adapter = Adapter::load(&folder)?;
        let Some(before) = self.session.state.settings.clone() else {
            return Err(DriverError::Stuck);
        };
        // Once the evaluation is frozen, nothing is measured or shared out
        // otherwise.
        let settings = if frozen {
            before.clone()
        } else {
            self.resettled(&before)
        };
        let mut batch = Batch::new();
        let pinned = crate::campaign::pin(&self.session.layout, &folder.join(&file))?;
        let pinned = batch.body(pinned.into_iter().collect());
        let answer = serde_json::json!({ "change": change, "metric": settings.metric });
        batch.push(
            Actor::Agent(agent),
            Event::AdapterPatched {
                file,
                change,
                why,
                agent,
                settings: (settings != before).then(|| Box::new(settings)),
            },
        );
        batch.push(Actor::Harness, Event::FilesPinned { files: pinned });
        let worked = Worked {
            status: AnswerStatus::Ok,
            body: answer,
            pictures: Vec::new(),
        };
        answered(&mut batch, agent, call, worked);
        self.append(batch)
    }

    /// The settings with what the adapter's manifest says now.
    fn resettled(&self, before: &Settings) -> Settings {
        let manifest = &self.session.adapter.manifest;
        let mut settings = before.clone();
        settings.domain.clone_from(&manifest.domain);
        settings.metric = manifest.metric.clone().into();
        settings.policy = manifest.policy;
        if settings.staff.is_some() {
            settings.staff = Some(manifest.staff.unwrap_or_default());
        }
        if let (Some(evaluation), Some(commands)) = (&mut settings.evaluation, &manifest.evaluation)
        {
            evaluation.timeout_s = commands.timeout_s;
        }
        settings
    }
}

/// Changes the adapter, or takes a change back; gives the change's number, its
/// file and its reason.
fn changed(
    mut history: AdapterHistory,
    known: usize,
    frozen: bool,
    work: Work,
    agent: AgentId,
) -> Result<(u32, String, String), String> {
    let entries = history.entries();
    // Made by a process that died before it could say so.
    let made = entries.get(known).cloned();
    let refused = |file: &str| {
        (frozen && file == MANIFEST)
            .then(|| format!("`{MANIFEST}` can't be changed: the evaluation is frozen"))
    };
    match work {
        Work::Patch { file, text, why } => {
            if let Some(why) = refused(&file) {
                return Err(why);
            }
            let patch = Patch {
                file: file.clone(),
                text,
                why: why.clone(),
                by: agent.to_string(),
            };
            let change = match made.filter(|entry| entry.file == file) {
                Some(entry) => entry.number,
                None => history
                    .apply(&patch)
                    .map_err(|error| crate::chain::of(&error))?,
            };
            Ok((change, file, why))
        }
        Work::RollBack { change, why } => {
            let of = entries.iter().find(|entry| entry.number == change);
            let file = of.map_or_else(String::new, |entry| entry.file.clone());
            if let Some(why) = refused(&file) {
                return Err(why);
            }
            let back = match made.filter(|entry| entry.undoes == Some(change)) {
                Some(entry) => entry.number,
                None => history
                    .revert(change, &why, &agent.to_string())
                    .map_err(|error| crate::chain::of(&error))?,
            };
            Ok((back, file, why))
        }
        _ => Err("this is no change of the adapter".to_owned()),
    }
}

/// The experiment that an agent was started for.
fn agents_experiment<'a>(state: &'a State, agent: &Agent) -> Option<&'a Experiment> {
    state.experiments.get(&agent.experiment?)
}

/// What the files of a call are named.
fn name_of(call: u32) -> String {
    format!("{call:04}")
}

/// Adds the answer to a call.
fn answered(batch: &mut Batch, agent: AgentId, call: u32, worked: Worked) {
    let pictures = worked
        .pictures
        .into_iter()
        .map(|picture| Picture {
            media_type: picture.media_type.to_owned(),
            blob: batch.blob(picture.bytes),
        })
        .collect();
    let body = batch.body(worked.body);
    batch.push(
        Actor::Harness,
        Event::ToolAnswered {
            agent,
            call,
            answer: Answer {
                status: worked.status,
                body,
                pictures,
            },
        },
    );
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn patch(file: &str) -> Work {
        Work::Patch {
            file: file.to_owned(),
            text: "Another text.\n".to_owned(),
            why: "a test".to_owned(),
        }
    }

    fn back(change: u32) -> Work {
        Work::RollBack {
            change,
            why: "no good".to_owned(),
        }
    }

    #[test]
    fn changes_are_made_once_taken_back_and_never_to_a_frozen_manifest() {
        let folder = tempfile::tempdir().expect("a folder");
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adapter");
        let adapter = Adapter::load(&fixture).expect("an adapter");
        adapter.copy_to(folder.path()).expect("copies");
        let file = "domain_knowledge.md";
        let text = || std::fs::read_to_string(folder.path().join(file)).expect("a text");
        let before = text();
        let open = || AdapterHistory::open(folder.path()).expect("a history");
        let by = AgentId(7);
        let made = changed(open(), 0, true, patch(file), by);
        assert_eq!(made, Ok((1, file.to_owned(), "a test".to_owned())));
        // The process died before it said so: nothing is done twice.
        assert_eq!(changed(open(), 0, true, patch(file), by), made);
        let taken_back = changed(open(), 1, true, back(1), by);
        assert_eq!(taken_back, Ok((2, file.to_owned(), "no good".to_owned())));
        assert_eq!(changed(open(), 1, true, back(1), by), taken_back);
        assert_eq!(text(), before);
        assert_eq!(open().entries().len(), 2);

        let refused = changed(open(), 2, true, patch(MANIFEST), by).expect_err("frozen");
        assert!(refused.contains("the evaluation is frozen"), "{refused}");
        let unknown = changed(open(), 2, true, back(9), by).expect_err("no such change");
        assert!(unknown.contains("has no change 9"), "{unknown}");
    }
}
