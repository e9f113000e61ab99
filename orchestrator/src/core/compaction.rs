//! Shortening a conversation that outgrows its model's context window.
//!
//! The oldest turns are replaced by a brief: one line for each thing that was
//! said, called and answered. The newest turns stay word for word, with every
//! call beside its answer, so that no call is left open. The objective is in
//! the prompt, which is never shortened; plan and files go into the brief.

use serde_json::Value;

use super::agent::{AnswerStatus, Arguments, Entry};
use super::event::Body;

/// Characters of one line about something said.
const SAID: usize = 400;
/// Characters of one line about a call or an answer.
const DONE: usize = 240;
/// Bytes of all lines; the oldest are left out first.
const LINES: usize = 24 << 10;

/// Where a conversation is cut so that its last `turns` turns stay: the first
/// entry that is kept. None if nothing would be left out.
pub fn cut(entries: &[Entry], turns: usize) -> Option<usize> {
    let starts = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| matches!(entry, Entry::Model { .. }))
        .map(|(place, _)| place);
    let place = starts.rev().nth(turns.max(1) - 1)?;
    let something = entries[..place]
        .iter()
        .any(|entry| !matches!(entry, Entry::Brief { .. }));
    something.then_some(place)
}

/// One line for each thing in `entries`. `read` gives what an entry refers to.
pub fn digest(entries: &[Entry], read: &dyn Fn(&Body) -> Option<Value>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for entry in entries {
        match entry {
            Entry::Brief { digest, .. } => {
                let before = read(digest).unwrap_or_default();
                lines.extend(text(&before).lines().map(str::to_owned));
            }
            Entry::Harness { text } => lines.push(format!("- harness: {}", short(text, SAID))),
            Entry::Model {
                text: said, calls, ..
            } => {
                let said = read(said).unwrap_or_default();
                let said = text(&said);
                if !said.trim().is_empty() {
                    lines.push(format!("- you said: {}", short(&said, SAID)));
                }
                for call in calls {
                    let arguments = match &call.requested.arguments {
                        Arguments::Json(value) => value.to_string(),
                        Arguments::Stored(hash) => read(&Body::Blob(hash.clone()))
                            .map(|value| value.to_string())
                            .unwrap_or_default(),
                        Arguments::Malformed(text) => text.clone(),
                    };
                    let tool = &call.requested.tool;
                    lines.push(format!("- you called {tool} {}", short(&arguments, DONE)));
                }
            }
            Entry::Tool { tool, answer, .. } => {
                let how = match answer.status {
                    AnswerStatus::Ok | AnswerStatus::Ends => "answered",
                    AnswerStatus::Failed | AnswerStatus::Malformed => "refused",
                };
                let body = read(&answer.body).unwrap_or_default();
                lines.push(format!("- {tool} {how} {}", short(&body.to_string(), DONE)));
            }
        }
    }
    bounded(&lines)
}

/// The newest lines that fit.
fn bounded(lines: &[String]) -> String {
    let mut kept = 0;
    let mut bytes = 0;
    for line in lines.iter().rev() {
        bytes += line.len() + 1;
        if bytes > LINES {
            break;
        }
        kept += 1;
    }
    let left_out = lines.len() - kept;
    let mut out = lines[left_out..].join("\n");
    if left_out > 0 {
        out.insert_str(0, "- … (what came before is not listed any more)\n");
    }
    out
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The start of a text on one line.
fn short(text: &str, most: usize) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(most)
        .collect();
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::agent::{AgentRun, Answer, ModelReply, Outcome, RequestedCall, Step};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(body: &Body) -> Option<Value> {
        match body {
            Body::Inline(value) => Some(value.clone()),
            Body::Blob(_) => None,
        }
    }

    fn turn(run: &mut AgentRun, calls: usize, answered: usize, tag: usize) {
        let Step::CallModel { turn } = run.next() else {
            panic!("calls are open");
        };
        let first = match run.entries().iter().rev().find_map(last_number) {
            Some(number) => number + 1,
            None => 0,
        };
        let reply = ModelReply {
            text: Body::Inline(json!(format!("thought {tag}"))),
            carry: None,
            calls: (0..calls)
                .map(|n| RequestedCall {
                    id: format!("{tag}-{n}"),
                    tool: "shell".to_owned(),
                    arguments: Arguments::Json(json!({ "command": format!("step {tag}.{n}") })),
                })
                .collect(),
            tokens: [1, 1],
            cost_usd: 0.0,
            paused: false,
        };
        run.feed(Outcome::Model { turn, reply }).expect("a reply");
        for n in 0..answered {
            let number = first + n as u32;
            let answer = Answer {
                status: AnswerStatus::Ok,
                body: Body::Inline(json!({ "code": 0 })),
                pictures: Vec::new(),
            };
            run.feed(Outcome::Tool { number, answer })
                .expect("an answer");
        }
    }

    fn last_number(entry: &Entry) -> Option<u32> {
        match entry {
            Entry::Model { calls, .. } => calls.last().map(|call| call.number),
            Entry::Brief { .. } | Entry::Harness { .. } | Entry::Tool { .. } => None,
        }
    }

    /// Every answer stands behind its call, and every call has its answer.
    fn is_whole(entries: &[Entry]) -> bool {
        let mut open: Vec<u32> = Vec::new();
        for entry in entries {
            match entry {
                Entry::Model { calls, .. } => {
                    if !open.is_empty() {
                        return false;
                    }
                    open.extend(calls.iter().map(|call| call.number));
                }
                Entry::Tool { number, .. } => match open.iter().position(|n| n == number) {
                    Some(place) => {
                        open.remove(place);
                    }
                    None => return false,
                },
                Entry::Harness { .. } | Entry::Brief { .. } => {}
            }
        }
        open.is_empty()
    }

    proptest! {
        #[test]
        fn what_is_kept_is_whole_and_what_is_not_is_told(
            calls in proptest::collection::vec(1..4_usize, 2..20),
            keep in 1..6_usize,
            again in 1..6_usize,
        ) {
            let mut run = AgentRun::new(1000);
            for (tag, count) in calls.iter().enumerate() {
                turn(&mut run, *count, *count, tag);
            }
            for turns in [keep, again] {
                let before = run.entries().to_vec();
                let Some(place) = cut(&before, turns) else { continue };
                let told = digest(&before[..place], &read);
                let kept = before.len() - place;
                run.compact(kept, Body::Inline(json!("brief")), Body::Inline(json!(told)))
                    .expect("a whole rest");
                prop_assert!(is_whole(run.entries()));
                prop_assert_eq!(&run.entries()[1..], &before[place..]);
            }
            let Entry::Brief { digest, .. } = &run.entries()[0] else { return Ok(()); };
            let told = text(&read(digest).expect("in place"));
            // Nothing is lost on the way through two briefs: said or kept.
            for tag in 0..calls.len() {
                let said = format!("thought {tag}");
                let kept = run.entries().iter().any(|entry| {
                    matches!(entry, Entry::Model { text: t, .. } if read(t) == Some(json!(said)))
                });
                prop_assert!(kept || told.contains(&said), "{} in {}", said, told);
            }
        }
    }

    #[test]
    fn an_open_call_is_never_cut_away() {
        let mut run = AgentRun::new(100);
        turn(&mut run, 1, 1, 0);
        turn(&mut run, 2, 1, 1);
        let kept = run.entries().len();
        let brief = || Body::Inline(json!(""));
        assert!(run.compact(kept, brief(), brief()).is_err());
        assert!(matches!(run.next(), Step::CallTools(open) if open.len() == 1));
    }

    #[test]
    fn the_oldest_lines_go_first() {
        let lines: Vec<String> = (0..1000)
            .map(|n| format!("{n} {}", "x".repeat(200)))
            .collect();
        let out = bounded(&lines);
        assert!(out.len() < LINES + 100 && out.contains("\n999 ") && !out.contains("\n1 "));
    }
}
