//! The next step of every agent.

use super::{Decision, Effect, Gate, Planner, ToolKind};
use crate::core::agent::{NumberedCall, Role, Step};
use crate::core::board::BoardState;
use crate::core::event::{EffectKey, Event};
use crate::core::state::Agent;

impl Planner<'_> {
    /// The next step of every agent.
    pub(super) fn agents(&self) -> Vec<Decision> {
        self.state
            .live_agents()
            .filter_map(|agent| self.agent_step(agent))
            .collect()
    }

    fn agent_step(&self, agent: &Agent) -> Option<Decision> {
        if let Some(under) = agent.under
            && !self.is_live(under.agent)
        {
            return Some(Decision::Record(Event::AgentStopped {
                agent: agent.id,
                reason: "whoever asked for its work has ended".to_owned(),
            }));
        }
        if let Some(reason) = self.state.models_out.get(&agent.model) {
            return Some(Decision::Record(Event::AgentLetDown {
                agent: agent.id,
                reason: reason.clone(),
            }));
        }
        match agent.run.next() {
            Step::Done(_) => None,
            Step::CallModel { turn } => {
                let key = EffectKey::Model {
                    agent: agent.id,
                    turn,
                };
                match self.gate(&key) {
                    Gate::Go => Some(Decision::Perform(Effect::Model {
                        agent: agent.id,
                        turn,
                    })),
                    Gate::Wait => None,
                    Gate::GiveUp(reason) => {
                        let agent = agent.id;
                        Some(Decision::Record(if self.state.has_several_models() {
                            Event::AgentLetDown { agent, reason }
                        } else {
                            Event::AgentStopped { agent, reason }
                        }))
                    }
                }
            }
            Step::CallTools(calls) => self.tool_step(agent, calls.first()?),
        }
    }

    fn tool_step(&self, agent: &Agent, call: &NumberedCall) -> Option<Decision> {
        let answer = Effect::Answer {
            agent: agent.id,
            call: call.number,
        };
        let tool = call.requested.tool.as_str();
        let kind = self.tools.kind(tool);
        if kind == ToolKind::Submission {
            let waiting = self.state.awaited(agent.id, call.number);
            return match waiting.map(|e| e.state) {
                // Under way: `board` sees to it.
                Some(
                    BoardState::Implemented
                    | BoardState::Checked
                    | BoardState::Queued
                    | BoardState::Running
                    | BoardState::Fix,
                ) => None,
                None
                | Some(
                    BoardState::ToImplement
                    | BoardState::Finished
                    | BoardState::Analyzed
                    | BoardState::Remeasure
                    | BoardState::Done
                    | BoardState::Failed
                    | BoardState::Cancelled,
                ) => Some(Decision::Perform(answer)),
            };
        }
        if kind == ToolKind::State {
            return Some(Decision::Perform(answer));
        }
        if kind == ToolKind::Agent {
            return self.assistant_step(agent, call.number, answer);
        }
        if kind == ToolKind::Machine {
            return Some(Decision::Perform(Effect::Work {
                agent: agent.id,
                call: call.number,
            }));
        }
        let key = EffectKey::Tool {
            agent: agent.id,
            call: call.number,
        };
        match self.gate(&key) {
            Gate::Go => Some(Decision::Perform(Effect::Tool {
                agent: agent.id,
                call: call.number,
            })),
            Gate::Wait => None,
            Gate::GiveUp(reason) => Some(Decision::Perform(Effect::Refuse {
                agent: agent.id,
                call: call.number,
                reason,
            })),
        }
    }

    /// A call that waits for an assistant, which is started first.
    fn assistant_step(&self, agent: &Agent, call: u32, answer: Effect) -> Option<Decision> {
        let may = self.tools.may_spawn(agent.role);
        let assistant = self.state.agents.values().find(|other| {
            other
                .under
                .is_some_and(|under| under.agent == agent.id && under.call == call)
        });
        match assistant {
            Some(assistant) if assistant.is_live() => None,
            None if may => Some(Decision::StartAgent {
                role: Role::Assistant,
                experiment: None,
                round: agent.round,
                under: Some((agent.id, call)),
                tries_until_wall_s: None,
            }),
            Some(_) | None => Some(Decision::Perform(answer)),
        }
    }
}
