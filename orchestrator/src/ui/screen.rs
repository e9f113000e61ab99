//! One screen on a terminal: budget, what is happening, best so far.

use std::fmt::Write;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use protocol::Split;

use super::lines::{Log, describe};
use crate::core::event::{EffectKey, Event, Logged};
use crate::core::rank;
use crate::core::state::{Experiment, State};
use crate::driver::Observer;
use crate::report::{found_as, number, standing};

/// The live screen.
#[derive(Debug)]
pub(super) struct Screen {
    log: Log,
    _all: MultiProgress,
    budget: ProgressBar,
    tasks: ProgressBar,
    now: ProgressBar,
    table: ProgressBar,
}

impl Screen {
    pub(super) fn new(log: Log) -> Self {
        let all = MultiProgress::new();
        let bar = |template: &str| {
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸─");
            let bar = all.add(ProgressBar::new(1));
            bar.set_style(style);
            bar
        };
        let budget = bar("  time   {bar:40.cyan/dim} {msg}");
        let tasks = bar("  tasks  {bar:40.green/dim} {msg}");
        let now = bar("  {spinner} {msg}");
        let table = bar("{msg}");
        now.enable_steady_tick(std::time::Duration::from_millis(120));
        Self {
            log,
            _all: all,
            budget,
            tasks,
            now,
            table,
        }
    }

    fn show_budget(&self, state: &State, now_ms: i64) {
        let wall = state.budget(now_ms).wall_s;
        let spent = wall.spent as u64;
        match wall.limit {
            Some(limit) => {
                self.budget.set_length(limit.ceil().max(1.0) as u64);
                self.budget.set_position(spent);
                let message = format!("{} of {}", clock(wall.spent), clock(limit));
                self.budget.set_message(message);
            }
            None => self.budget.set_message(clock(wall.spent)),
        }
        let results = rank::leaderboard(state).rows.len();
        self.tasks.set_length(state.tasks.len().max(1) as u64);
        self.tasks.set_position(results as u64);
        if state.phase < 3 && state.adapter.is_some() {
            self.tasks.set_length(3);
            self.tasks.set_position(u64::from(state.phase));
            let what = match state.phase {
                0 => "adapter".to_owned(),
                1 => "exploration".to_owned(),
                _ => format!("evaluation, round {}", state.rounds.len()),
            };
            self.tasks
                .set_message(format!("phase {}: {what}", state.phase));
            return;
        }
        let looks = state.tries.len();
        let runs = state.budget(now_ms).experiments.spent;
        let stage = state.stage_in_force();
        let stage = stage.map_or(String::new(), |stage| format!("; stage {}", stage.word()));
        self.tasks.set_message(format!(
            "{results} of {} verified; {looks} quick looks, {runs} evaluations{stage}",
            state.tasks.len()
        ));
    }

    fn show_table(&self, state: &State) {
        let board = rank::leaderboard(state);
        let mut text = String::new();
        for row in &board.rows {
            // Writing to a String can't fail.
            let _ = write!(
                text,
                "\n  {:<28} {:<22} {:<5} {}",
                super::clean(&row.task),
                number(row.value, row.ci),
                standing(row.standing),
                found_as(row)
            );
        }
        self.table.set_message(text);
    }

    fn doing(&self, text: &str) {
        self.now.set_message(super::clean(text));
    }
}

fn clock(seconds: f64) -> String {
    let seconds = seconds as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// What a worker is at, with the last number it saw.
fn looking(state: &State, e: &Experiment) -> String {
    let looks = state.tries_on(&e.task).count();
    let best = state
        .tries_on(&e.task)
        .filter_map(|look| look.score.verified())
        .reduce(|a, b| if state.better(b, a) { b } else { a });
    let best = best.map_or(String::new(), |best| format!(", best about {best:.2}"));
    format!("{}: searching, {looks} quick looks{best}", e.task)
}

impl Observer for Screen {
    fn logged(&mut self, state: &State, logged: &Logged) {
        if let Some(line) = describe(state, logged) {
            self.log.write(&line);
        }
        match &logged.event {
            Event::CampaignStarted { .. } | Event::CampaignResumed {} => {
                self.doing("starting the lab (it loads torch)");
            }
            Event::EffectIntended { key, .. } => match key {
                EffectKey::Describe => self.doing("starting the lab (it loads torch)"),
                EffectKey::Inspect { task } => self.doing(&format!("{task}: inspecting")),
                EffectKey::Measure { experiment, .. } => {
                    if let Some(e) = state.experiments.get(experiment) {
                        let what = match state.split_of(e) {
                            Split::Search => "measuring",
                            Split::Select => "measuring again, with fresh inputs",
                            Split::Sealed => "measuring on the sealed split",
                        };
                        self.doing(&format!("{}: {what} {experiment}", e.task));
                    }
                }
                EffectKey::Audit { round } => {
                    self.doing(&format!("auditing the evaluation of round {round}"));
                }
                EffectKey::Tool { agent, .. } => {
                    let at_desk = state.agents.get(agent).filter(|a| a.experiment.is_none());
                    if let Some(agent) = at_desk {
                        self.doing(&format!("{} {}: at work", agent.role.word(), agent.id));
                    }
                }
                EffectKey::Model { .. } | EffectKey::Check { .. } => {}
            },
            Event::Tried { agent, .. } => {
                let e = state
                    .agents
                    .get(agent)
                    .and_then(|agent| state.experiments.get(&agent.experiment?));
                if let Some(e) = e {
                    self.doing(&looking(state, e));
                }
            }
            Event::Measured { .. } => self.show_table(state),
            Event::CampaignFinished { .. } | Event::CampaignStopped { .. } => {
                self.now.disable_steady_tick();
                for bar in [&self.budget, &self.tasks, &self.now, &self.table] {
                    bar.finish_and_clear();
                }
                return;
            }
            _ => {}
        }
        self.show_budget(state, logged.at_ms);
    }

    fn phase(&mut self, state: &State, key: &EffectKey, phase: &str) {
        if let EffectKey::Measure { experiment, .. } = key
            && let Some(e) = state.experiments.get(experiment)
        {
            self.doing(&format!("{}: measuring {experiment}: {phase}", e.task));
        }
    }

    fn tick(&mut self, state: &State, now_ms: i64) {
        if let Some(what) = state.waits_for() {
            self.doing(&format!("waiting: {what}"));
        }
        self.show_budget(state, now_ms);
    }
}
