//! A model that needs no network and no key.
//!
//! It reads the role, the names of the tools and the JSON of tool results,
//! never prose, and keeps nothing between turns: a reply is a function of the
//! request. So it can be resumed, replayed and tested like any other model.

mod analyst;
mod auditor;
mod builder;
mod claims;
mod critic;
pub mod evaluation;
mod explorer;
mod fixer;
mod history;
mod lessons;
mod random;
mod reporter;
mod search;
mod space;
mod strategist;
mod supervisor;
mod tester;
mod worker;

use serde_json::Value;

use super::{
    Caps, ChatModel, Delta, ModelError, Reservation, Stop, TurnFailure, TurnRequest, TurnResponse,
    Usage,
};
use crate::core::agent::{Arguments, RequestedCall, Role};
use history::History;

pub use random::at_random;

/// The built-in model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builtin;

impl ChatModel for Builtin {
    fn caps(&self) -> Caps {
        Caps {
            deterministic: true,
            paid: false,
            vision: false,
            web_search: false,
            context: None,
            max_output: None,
        }
    }

    fn reserve(&self, _request: &TurnRequest) -> Reservation {
        Reservation::default()
    }

    fn turn(
        &self,
        request: &TurnRequest,
        _observe: &mut dyn FnMut(Delta),
    ) -> Result<TurnResponse, TurnFailure> {
        let bodies = history::bodies(&request.messages);
        let history = History::of(&request.messages, &bodies);
        let calls = match request.role {
            Role::Strategist => strategist::turn(&history),
            Role::Worker => worker::turn(&history),
            Role::Fixer => fixer::turn(&history),
            Role::Analyst => analyst::turn(&history),
            Role::Reporter => reporter::turn(&history),
            Role::Auditor => auditor::turn(&history),
            // It asks nobody for anything, so nobody asks it.
            Role::Supervisor | Role::Assistant => supervisor::turn(&history),
            Role::Explorer => explorer::turn(&history),
            Role::Builder => builder::turn(&history),
            Role::Critic => critic::turn(&history),
            Role::Tester => tester::turn(&history),
        };
        if let Some((tool, _)) = calls
            .iter()
            .find(|(name, _)| !request.tools.iter().any(|tool| tool.name == *name))
        {
            return Err(ModelError::Refused {
                role: request.role.word(),
                why: format!("there is no tool `{tool}`"),
            }
            .into());
        }
        let turn = history.turns;
        let calls = calls
            .into_iter()
            .enumerate()
            .map(|(place, (tool, arguments))| RequestedCall {
                id: format!("builtin-{turn}-{place}"),
                tool: tool.to_owned(),
                arguments: Arguments::Json(arguments),
            })
            .collect();
        Ok(TurnResponse {
            text: String::new(),
            calls,
            carry: None,
            usage: Usage::default(),
            cost_usd: 0.0,
            model: "builtin".to_owned(),
            stop: Stop::Done,
            attempts: Vec::new(),
        })
    }
}

/// A tool call to make.
type Call = (&'static str, Value);
