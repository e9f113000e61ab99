//! Several models, any of which may fail at any time.

use orchestrator::core::agent::ModelReply;
use orchestrator::core::event::Event;
use orchestrator::core::ids::AgentId;
use orchestrator::core::models::ModelSettings;
use orchestrator::core::state::State;
use proptest::prelude::*;
use protocol::Verdict;

use super::chaos::Chaos;
use super::settings::settings;
use super::{Fails, World, start};

/// Chaos in which models fail too: for a turn, or for good as long as there is
/// another one.
struct Flaky(Chaos);

impl World for Flaky {
    fn model(&mut self, state: &State, agent: AgentId) -> ModelReply {
        self.0.model(state, agent)
    }

    fn verdict(&mut self) -> Verdict {
        self.0.verdict()
    }

    fn value(&mut self, what: &str) -> f64 {
        self.0.value(what)
    }

    fn lab_fails(&mut self) -> Fails {
        self.0.lab_fails()
    }

    fn model_fails(&mut self, state: &State, agent: AgentId) -> Vec<Event> {
        let found = &state.agents[&agent];
        let others = state.models_left(found.role).len() > 1;
        let reason = "no".to_owned();
        let let_down = Event::AgentLetDown {
            agent,
            reason: reason.clone(),
        };
        match self.0.roll(16) {
            0 if others => {
                let model = found.model.clone();
                vec![Event::ModelOut { model, reason }, let_down]
            }
            1..4 => vec![let_down],
            _ => Vec::new(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn chaos_with_several_models_ends_and_only_models_that_are_there_play(
        dice in proptest::collection::vec(any::<u8>(), 200..400),
        workers in 1..4_u32,
        experiments in 1..8_u32,
        models in 2..4_usize,
    ) {
        let names: Vec<String> = (0..models).map(|n| format!("m{n}")).collect();
        let mut settings = settings(workers, experiments, 200.0);
        settings.models = ModelSettings { all: names.clone(), ..ModelSettings::default() };
        let mut run = start(settings);
        run.drive(&mut Flaky(Chaos { dice, at: 0 }));
        let spent = run.state.budget(run.now_ms).experiments.spent;
        prop_assert!(spent <= f64::from(experiments));
        prop_assert!(run.state.live_agents().next().is_none());
        prop_assert!(run.state.models_out.len() < models);
        for agent in run.state.agents.values() {
            prop_assert!(names.contains(&agent.model));
        }
        let uses = run.state.model_uses();
        let agents: usize = uses.iter().map(orchestrator::core::models::ModelUse::all_agents).sum();
        prop_assert_eq!(agents, run.state.agents.len());
        let measured = run.state.experiments.values().filter(|e| !e.attempts.is_empty());
        let experiments: usize = uses.iter().map(|used| used.experiments).sum();
        prop_assert_eq!(experiments, measured.count());
    }
}
