//! A campaign in which everything that agents name is markup.

use std::path::Path;

use orchestrator::core::event::{Actor, Event};
use orchestrator::core::state::State;
use orchestrator::store::{Batch, Store};
use serde_json::{Value, json};

use super::settings::settings;

/// What a browser would run if it took it for markup.
pub(crate) const HOSTILE: &str =
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";

/// Makes it in `dir`, with a file of such a name; no process drives it.
pub(crate) fn hostile(dir: &Path) {
    let mut wanted = settings(1, 4, 60.0);
    wanted.objective = format!("objective {HOSTILE}");
    for task in &mut wanted.tasks {
        task.name = format!("{} {HOSTILE}", task.name);
    }
    let task = wanted.tasks[0].name.clone();
    let inline = |text: String| json!({ "at": "inline", "is": text });
    let call = json!({
        "id": "1",
        "tool": HOSTILE,
        "arguments": { "form": "json", "value": { "text": HOSTILE } },
    });
    let reply = json!({
        "text": inline(format!("{HOSTILE} \u{1b}[31mred\u{1b}[0m")),
        "calls": [call],
        "tokens": [10, 5],
        "cost_usd": 0.25,
    });
    let answer = json!({ "status": "failed", "body": inline(HOSTILE.to_owned()) });
    let score = json!({ "verdict": { "kind": "ok" }, "value": 2.5, "ci": [2.25, 2.75], "n": 12 });
    let measured = |split: &str| {
        json!({
            "experiment": 1,
            "attempt": if split == "search" { 1 } else { 2 },
            "measurement": {
                "split": split, "score": score, "hash": null, "report": null, "track": null,
                "simulated": false, "caveats": [HOSTILE], "took_ms": 5,
            },
        })
    };
    let moved = |experiment: u32, from: &str, to: &str| {
        let reason = format!("because {HOSTILE}");
        (
            "moved",
            json!({ "experiment": experiment, "from": from, "to": to, "reason": reason }),
        )
    };
    let proposed = |experiment: u32| {
        let payload = json!({
            "experiment": experiment, "task": task, "name": format!("name {HOSTILE}"),
            "hypothesis": format!("hypothesis {HOSTILE}"), "templates": [], "by": 1, "owner": null,
        });
        ("experiment_proposed", payload)
    };
    let candidate = json!({
        "experiment": 1, "candidate": { "kind": "template", "template": "t", "params": {} },
        "hash": protocol::ContentHash::of(b"x"), "agent": null, "call": null,
    });
    let started = json!({
        "agent": 1, "role": "strategist", "experiment": null, "round": null, "under": null,
        "prompt": inline(HOSTILE.to_owned()), "tries_until_wall_s": null,
    });
    let events: Vec<(&str, Value)> = vec![
        ("campaign_started", json!({ "settings": wanted })),
        ("phase_started", json!({ "phase": 3 })),
        ("agent_started", started),
        (
            "model_called",
            json!({ "agent": 1, "turn": 0, "reply": reply }),
        ),
        (
            "tool_answered",
            json!({ "agent": 1, "call": 0, "answer": answer }),
        ),
        proposed(1),
        proposed(2),
        ("candidate_submitted", candidate),
        moved(1, "to_implement", "implemented"),
        (
            "checked",
            json!({ "experiment": 1, "fixes": 0, "verdict": { "kind": "ok" } }),
        ),
        moved(1, "implemented", "checked"),
        moved(1, "checked", "queued"),
        moved(1, "queued", "running"),
        ("measured", measured("search")),
        moved(1, "running", "finished"),
        moved(1, "finished", "analyzed"),
        moved(1, "analyzed", "remeasure"),
        ("measured", measured("select")),
        moved(1, "remeasure", "done"),
        moved(2, "to_implement", "failed"),
        ("agent_stopped", json!({ "agent": 1, "reason": HOSTILE })),
        ("campaign_stopped", json!({ "reason": HOSTILE })),
    ];
    let mut batch = Batch::new();
    for (kind, payload) in events {
        let event = json!({ "kind": kind, "payload": payload });
        let event: Event = serde_json::from_value(event).unwrap_or_else(|e| panic!("{kind}: {e}"));
        batch.push(Actor::Harness, event);
    }
    let mut store = Store::create(dir).expect("a database");
    let logged = store.append(0, 1_000, batch).expect("it is appended");
    State::fold(&logged).expect("it makes sense");
    std::fs::write(
        dir.join(format!("{HOSTILE}.txt").replace('/', "∕")),
        "found",
    )
    .expect("a file");
}
