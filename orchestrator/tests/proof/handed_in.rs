//! A candidate of files: the log has what the agent wrote.

use std::path::Path;

use orchestrator::adapter::Adapter;
use orchestrator::campaign::{Beginning, create};
use orchestrator::core::agent::{Arguments, ModelReply, RequestedCall, Role};
use orchestrator::core::board::BoardState;
use orchestrator::core::event::{Actor, Body, Event};
use orchestrator::core::ids::{AgentId, ExperimentId};
use orchestrator::core::settings::Settings;
use orchestrator::exec::write_files;
use orchestrator::store::{Batch, Reader};
use orchestrator::tools::Files;
use protocol::Candidate;
use serde_json::json;

use super::support::fixtures;

/// A campaign in which one candidate was handed in, beside `settings`.
fn campaign(dir: &Path, settings: Settings) {
    let adapter = Adapter::load(&fixtures().join("adapter")).expect("an adapter");
    let task = settings.tasks[0].name.clone();
    let beginning = Beginning {
        settings,
        prices: "schema = 1\n".to_owned(),
        chosen: None,
        carried: None,
    };
    let (mut store, state) = create(dir, &adapter, beginning, None, 1).expect("a campaign");
    let files = Files::from([
        (
            "kernel.cpp".to_owned(),
            "int a;\nint b;\nint c;\n".to_owned(),
        ),
        ("plan.toml".to_owned(), "steps = 1\n".to_owned()),
    ]);
    let candidate = Candidate::Files {
        files: files.keys().map(Into::into).collect(),
    };
    let hash = candidate
        .hash(&task, |path| {
            let text = path.to_str().and_then(|name| files.get(name));
            text.map(|text| text.as_bytes().to_vec()).ok_or(())
        })
        .expect("all files");
    let (agent, experiment) = (AgentId(1), ExperimentId(1));
    let call = |tool: &str, arguments| RequestedCall {
        id: "x".to_owned(),
        tool: tool.to_owned(),
        arguments: Arguments::Json(arguments),
    };
    let events = [
        Event::AgentStarted {
            agent,
            role: Role::Worker,
            experiment: None,
            round: None,
            under: None,
            prompt: Body::Inline(json!("work")),
            tries_until_wall_s: None,
            model: None,
        },
        Event::ExperimentProposed {
            experiment,
            task,
            name: "source".to_owned(),
            hypothesis: "faster".to_owned(),
            templates: Vec::new(),
            by: Some(agent),
            owner: Some(agent),
            parent: None,
            kind: orchestrator::core::lineage::Kind::Explore,
        },
        Event::ModelCalled {
            agent,
            turn: 0,
            reply: ModelReply {
                text: Body::Inline(json!("")),
                carry: None,
                calls: vec![
                    call("read_board", json!({})),
                    call(
                        "submit_experiment",
                        json!({ "experiment": 1, "files": files }),
                    ),
                ],
                tokens: [0, 0],
                cost_usd: 0.0,
                paused: false,
            },
        },
        Event::CandidateSubmitted {
            experiment,
            candidate,
            hash,
            agent: Some(agent),
            call: Some(1),
            provenance: Box::default(),
        },
        Event::Moved {
            experiment,
            from: BoardState::ToImplement,
            to: BoardState::Implemented,
            reason: String::new(),
        },
    ];
    let mut batch = Batch::new();
    for event in events {
        batch.push(Actor::Harness, event);
    }
    store.append(state.seq, 2, batch).expect("appends");
    write_files(&dir.join("experiments/e0001-source"), &files).expect("writes");
}

#[test]
fn a_file_of_a_candidate() {
    let real = super::Campaign::new(&["--experiments", "1"]);
    let state = Reader::open(&real.dir).and_then(|reader| reader.state());
    let settings = state.expect("a state").settings.expect("settings");
    let dir = real.path("../files");
    campaign(&dir, settings);
    let (code, document) = super::verify(&real.target, &dir, &[]);
    assert_eq!(code, Some(0), "{document:#}");

    let file = dir.join("experiments/e0001-source/kernel.cpp");
    std::fs::write(&file, "int a;\nint B;\nint c;\n").expect("writes");
    let (code, document) = super::verify(&real.target, &dir, &[]);
    assert_eq!(code, Some(10), "{document:#}");
    let failed = super::failed(&document);
    assert_eq!(failed.len(), 2, "{failed:#?}");
    assert_eq!(
        failed[0].1,
        "`experiments/e0001-source/kernel.cpp` is not what was handed in at event 6: \
         it differs from line 2"
    );
    assert!(
        failed[1].1.contains("the candidate has the hash"),
        "{failed:#?}"
    );

    std::fs::remove_file(&file).expect("a file");
    let (_, document) = super::verify(&real.target, &dir, &[]);
    assert!(
        super::failed(&document)[0]
            .1
            .contains("kernel.cpp` can't be read")
    );
}
