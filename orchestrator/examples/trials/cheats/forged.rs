//! Results that the lab has not written.

use std::error::Error;
use std::fmt::Write as _;

use protocol::{
    ContentHash, Environment, Interval, Metric, PROTOCOL_VERSION, Report, Split, Verdict,
};
use serde_json::json;

use super::{Finding, Run, Scene};
use crate::scene::submit;

/// A number of 1 would be the sandbox's own first process.
const KILL_WORKER: &str = "[ $PPID -gt 1 ] && kill -9 $PPID";
const FOOL: &str = r#"echo '{"template": "template0", "params": {}}'"#;
/// Number of the first experiment's attempts, with their splits.
const ATTEMPTS: [(u32, Split); 2] = [(1, Split::Search), (2, Split::Select)];

/// What a lab would say about something splendid.
fn report(scene: &Scene<'_>, split: Split) -> Report {
    let metric = Metric {
        value: 99.0,
        unit: "ratio".to_owned(),
        ci: Some(Interval(98.0, 100.0)),
        n: 20,
    };
    Report {
        schema: PROTOCOL_VERSION,
        lab: "synthetic-lab".to_owned(),
        experiment: "e0001".to_owned(),
        task: scene.task().to_string_lossy().into_owned(),
        hash: ContentHash::of(b"splendid"),
        split: Some(split),
        provisional: false,
        simulated: false,
        verdict: Verdict::Ok,
        metrics: [("speedup".to_owned(), metric)].into(),
        track: Some("pure".to_owned()),
        checks: Vec::new(),
        diagnostics: std::collections::BTreeMap::new(),
        artifacts: Vec::new(),
        environment: Environment::default(),
        durations_ms: std::collections::BTreeMap::new(),
    }
}

/// Commands that write forged reports where the lab writes its own.
fn plant(scene: &Scene<'_>) -> Result<String, Box<dyn Error>> {
    let mut script = String::new();
    for (number, split) in ATTEMPTS {
        let folder = scene.experiment().join(format!("attempt-{number}"));
        let folder = folder.display();
        let text = serde_json::to_string(&report(scene, split))?;
        writeln!(
            script,
            "mkdir -p {folder}\ncat > {folder}/report.json <<'END'\n{text}\nEND\necho > {folder}/planted"
        )?;
    }
    Ok(script)
}

/// Whether anything was planted, or somebody was killed. A program that kills
/// nobody but itself has done no harm.
fn took(scene: &Scene<'_>, run: &Run) -> bool {
    let there = |(number, _): &(u32, Split)| {
        let folder = scene.experiment().join(format!("attempt-{number}"));
        folder.join("planted").exists()
    };
    run.sessions > 1 || run.failures > 0 || ATTEMPTS.iter().any(there)
}

/// Takes the lab's worker along, so that only the file is left.
pub(super) fn worker(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let script = format!("{}{KILL_WORKER}\n{FOOL}", plant(scene)?);
    let run = scene.play(vec![submit(&script)])?;
    let took = took(scene, &run);
    Ok(Finding::of(&run, scene.honest).took(took))
}

/// Takes the orchestrator along, so that whoever resumes finds a report. And
/// then the worker, which would write its own over it, were it fast enough.
pub(super) fn orchestrator(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    // A number of 0 would be the program's own group.
    let parent = "parent=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$PPID/status)";
    let kill = "[ \"${parent:-0}\" -gt 1 ] && kill -9 $parent";
    let script = format!("{}{parent}\n{kill}\n{KILL_WORKER}\n{FOOL}", plant(scene)?);
    let run = scene.play(vec![submit(&script)])?;
    let took = took(scene, &run);
    Ok(Finding::of(&run, scene.honest).took(took))
}

/// Answers in the lab's place, under every number that the request may have.
pub(super) fn reply(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let mut script = String::from("read -r inputs\n");
    for (_, split) in ATTEMPTS {
        let holds = match split {
            Split::Search => "=",
            Split::Select | Split::Sealed => "!=",
        };
        writeln!(script, "if [ \"$inputs\" {holds} search ]; then")?;
        for id in 1..=12 {
            let mut reply = json!({ "id": id, "body": { "type": "report" } });
            let report = serde_json::to_value(report(scene, split))?;
            if let (Some(into), Some(from)) = (reply["body"].as_object_mut(), report.as_object()) {
                into.extend(from.clone());
            }
            writeln!(script, "cat > /proc/$PPID/fd/1 <<'END'\n{reply}\nEND")?;
        }
        writeln!(script, "fi")?;
    }
    let run = scene.play(vec![submit(&format!("{script}{FOOL}"))])?;
    // A reply that makes no sense takes effect, too.
    let took = run.failures > 0;
    Ok(Finding::of(&run, scene.honest).took(took))
}
