//! `alphalab playbook`, and campaigns that begin with another's.

use std::path::{Path, PathBuf};

use orchestrator::core::playbook::{Comparison, Effect, Entry, Export, lessons};
use orchestrator::core::state::State;
use orchestrator::store::Reader;
use protocol::{Candidate, ContentHash, Interval};
use serde_json::{Value, json};

use super::support::{Target, command, finish, run, succeed};

/// Tasks of which the last template is the best, and a first campaign on them.
struct First {
    folder: tempfile::TempDir,
    target: Target,
}

impl First {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let tasks = folder.path().join("tasks");
        std::fs::create_dir(&tasks).expect("a folder");
        let task = "best = 4.0\ntemplates = 3\nrising = true\n";
        std::fs::write(tasks.join("rising.toml"), task).expect("a task");
        let first = Self {
            target: Target::synthetic(&tasks),
            folder,
        };
        succeed(run(&first.target, "playbook", &first.path("c1"), &[]));
        first
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A campaign that takes over what `from` names.
    fn next(&self, name: &str, from: &Path, more: &[&str]) -> std::process::Output {
        let from = from.to_string_lossy();
        let more = [&["--playbook", &from], more].concat();
        finish(run(&self.target, "playbook", &self.path(name), &more))
    }

    fn carried(&self, name: &str, from: &Path) -> State {
        let output = self.next(name, from, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        state(&self.path(name))
    }

    /// What a run that is refused says; nothing may be left of it.
    fn refused(&self, from: &Path, more: &[&str]) -> String {
        let output = self.next("refused", from, more);
        assert_eq!(output.status.code(), Some(3));
        assert!(!self.path("refused").exists(), "something was left behind");
        let stderr = String::from_utf8_lossy(&output.stderr);
        stderr.replace(&*self.folder.path().to_string_lossy(), "[folder]")
    }

    fn say(&self, arguments: &[&str]) -> String {
        succeed(command(&self.target, "playbook", arguments))
    }

    fn export(&self, from: &str, to: &str) -> Value {
        let (from, to) = (self.path(from), self.path(to));
        let (from, to) = (from.to_string_lossy(), to.to_string_lossy());
        self.say(&["playbook", &from, "--export", &to]);
        serde_json::from_slice(&std::fs::read(&*to).expect("a file")).expect("JSON")
    }
}

fn state(dir: &Path) -> State {
    let reader = Reader::open(dir).expect("a campaign");
    reader.state().expect("a log that holds")
}

/// Template and parameters of a campaign's first quick look.
fn first_look(state: &State) -> (String, Value) {
    let look = state.tries.values().next().expect("a look");
    match &look.candidate {
        Candidate::Template { template, params } => (template.clone(), json!(params)),
        Candidate::Files { .. } => panic!("no template: {look:?}"),
    }
}

/// Hashes differ from run to run.
fn steady(text: &str) -> String {
    let hash = |word: &str| word.len() == 12 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut out = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if hash(word) {
            out.push_str("[hash]");
            out.push_str(&piece[word.len()..]);
        } else {
            out.push_str(piece);
        }
    }
    out
}

/// Logarithms differ in their last digits from machine to machine.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            json!((number.as_f64().unwrap_or_default() * 1e3).round() / 1e3)
        }
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(key, value)| (key.clone(), rounded(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}

#[test]
fn a_second_campaign_begins_where_the_first_ended() {
    let first = First::new();
    let alone = state(&first.path("c1"));
    assert_eq!(first_look(&alone).0, "template0", "the lab's order");
    let best = alone.experiments.values().next().expect("an experiment");
    let best = best.candidate.as_ref().map(|(candidate, _)| candidate);
    let Some(Candidate::Template { template, .. }) = best else {
        panic!("no template: {best:?}");
    };
    assert_eq!(template, "template2");

    let second = first.carried("c2", &first.path("c1"));
    let (template, params) = first_look(&second);
    assert_eq!(template, "template2", "the better one first");
    let tuned = json!({ "BLOCK": 64, "FLAG": true, "UNROLL": 8 });
    assert_eq!(params, tuned, "from the values that won");
    let origin = second.carried.as_ref().expect("an origin");
    assert_eq!(origin.name, "c1");
    assert_eq!(origin.events, alone.seq);
    // What was said before is not said again, and was tested again.
    let own = |state: &State| state.playbook.iter().filter(|e| e.prior.is_none()).count();
    assert!(own(&alone) > own(&second), "{:#?}", second.playbook);
    let again = lessons(&second);
    let again = again
        .iter()
        .filter(|it| it.entry.prior.is_some() && it.age == 0);
    assert!(again.count() > 0);

    let path = first.path("c2").to_string_lossy().into_owned();
    insta::assert_snapshot!("playbook", steady(&first.say(&["playbook", &path])));
    let json: Value =
        serde_json::from_str(&first.say(&["playbook", &path, "--json"])).expect("JSON");
    let entry = format!("{:#}", rounded(&json["entries"][0]));
    insta::assert_snapshot!("playbook_json", steady(&entry));
    assert_eq!(json["schema"], 1);
    assert_eq!(json["carried"]["head"], json!(origin.head));

    // The log proves what it can, and says what it can't.
    let proof: Value =
        serde_json::from_str(&first.say(&["verify", &path, "--json"])).expect("JSON");
    let of_playbook = proof["checks"].as_array().expect("checks").iter();
    let outcomes: Vec<&Value> = of_playbook
        .filter(|check| check["name"] == "playbook")
        .map(|check| &check["outcome"])
        .collect();
    assert_eq!(outcomes, ["passed", "not_possible"]);
    // A replay is told the same without being asked for it.
    let spec = format!("replay:{path}");
    let again = first.path("again").to_string_lossy().into_owned();
    let arguments = ["run", "--model", &spec, "--dir", &again];
    let output = finish(command(&first.target, "playbook", &arguments));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("replay: no divergence in "), "{said}");
    assert_eq!(state(&first.path("again")).carried, second.carried);
    // A fork knows it too.
    let frozen = second.seq.to_string();
    let forked = first.path("forked").to_string_lossy().into_owned();
    first.say(&["fork", &path, "--at", &frozen, "--dir", &forked]);
    assert_eq!(state(&first.path("forked")).playbook, second.playbook);
}

#[test]
fn a_file_does_as_well_as_a_campaign() {
    let first = First::new();
    let document = first.export("c1", "playbook.json");
    assert_eq!(document["schema"], 1);
    let second = first.carried("c2", &first.path("playbook.json"));
    assert_eq!(first_look(&second).0, "template2");
}

#[test]
fn lessons_that_do_not_hold_here_are_overturned_by_measurements() {
    let first = First::new();
    let document = first.export("c1", "playbook.json");
    let mut export: Export =
        serde_json::from_value(document["playbook"].clone()).expect("a playbook");
    // Somebody swears that one thing is the other way round, and that a
    // template is good which is not.
    let words = "template2 beats template0 on rising";
    let wrong = export.entries.iter_mut().find(|it| it.claim == words);
    forge(
        wrong.expect("such an entry"),
        "template0 is the best",
        |effect| effect.inverse(),
    );
    let against_baseline =
        |entry: &&Entry| matches!(entry.comparison, Some(Comparison::Baseline { .. }));
    let found = export.entries.iter().find(against_baseline).cloned();
    let mut wrong = found.expect("such an entry");
    wrong.comparison = Some(Comparison::Baseline {
        template: "template0".to_owned(),
    });
    forge(&mut wrong, "template0 beats the baseline", |_| Effect {
        ratio: 1.1,
        ci: Some(Interval(1.05, 1.15)),
    });
    export.entries.push(wrong);
    let hash = ContentHash::of(&serde_json::to_vec(&export).expect("JSON"));
    let forged = json!({ "schema": 1, "hash": hash, "playbook": export });
    std::fs::write(first.path("forged.json"), forged.to_string()).expect("writes");

    let second = first.carried("c2", &first.path("forged.json"));
    assert_eq!(first_look(&second).0, "template0", "it is misled at first");
    let lessons = lessons(&second);
    let of = |claim: &str| lessons.iter().find(|it| it.entry.claim == claim);
    // An agent has said the opposite, and the measurements agree with it.
    assert!(of("template0 is the best").is_none());
    let overturned = of(words).expect("an entry");
    assert!(!overturned.retired && overturned.effect.expect("an effect").raises());
    let prior = overturned.entry.prior.as_ref().expect("a prior");
    assert!(prior.supporting.is_empty() && !prior.contradicting.is_empty());
    // Nobody has said anything, and the measurements disagree.
    let retired = of("template0 beats the baseline").expect("it stays in the log");
    assert!(retired.retired, "{retired:#?}");
    assert!(retired.supporting.is_empty() && !retired.contradicting.is_empty());

    let path = first.path("c2").to_string_lossy().into_owned();
    let shown = first.say(&["playbook", &path]);
    assert!(!shown.contains("template0 beats the baseline"), "{shown}");
    assert!(shown.contains("1 retired; --all shows them"), "{shown}");
    let all = first.say(&["playbook", &path, "--all"]);
    assert!(all.contains("template0 beats the baseline"), "{all}");
    // It goes no further.
    let third = first.next("c3", &first.path("c2"), &[]);
    let said = String::from_utf8_lossy(&third.stderr).into_owned();
    assert!(said.contains("playbook: 1 left behind: retired"), "{said}");
}

/// Gives an entry of a file another claim with another effect.
fn forge(entry: &mut Entry, claim: &str, effect: impl Fn(Effect) -> Effect) {
    claim.clone_into(&mut entry.claim);
    entry.effect = entry.effect.map(&effect);
    if let Some(prior) = &mut entry.prior {
        prior.effect = effect(prior.effect);
    }
}

#[test]
fn a_playbook_that_can_not_be_used_is_told() {
    let first = First::new();
    let c1 = first.path("c1");
    let mut said = Vec::new();
    said.push(first.refused(&first.path("nowhere"), &[]));
    said.push(first.refused(&first.path("tasks"), &[]));
    said.push(first.refused(&c1, &["--strategy", "random"]));
    // Texts that are no playbook, of the future, or changed.
    let file = first.path("file.json");
    let mut attempt = |text: &str| {
        std::fs::write(&file, text).expect("writes");
        said.push(first.refused(&file, &[]));
    };
    attempt("{");
    attempt("{\"schema\": 2}");
    attempt("{\"schema\": 1}");
    let document = first.export("c1", "playbook.json").to_string();
    attempt(&document.replace("\"age\":1", "\"age\":2"));
    // Another metric.
    let adapter = first.path("adapter");
    std::fs::create_dir(&adapter).expect("a folder");
    let from = super::fixtures().join("adapter");
    for entry in from.read_dir().expect("fixtures").flatten() {
        std::fs::copy(entry.path(), adapter.join(entry.file_name())).expect("a copy");
    }
    let manifest = adapter.join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let text = text.replace("direction = \"maximise\"", "direction = \"minimise\"");
    std::fs::write(&manifest, text).expect("a manifest");
    let mut other = first.target.clone();
    other.run[1] = adapter.to_string_lossy().into_owned();
    let (dir, from) = (first.path("refused"), c1.to_string_lossy().into_owned());
    let output = finish(run(&other, "playbook", &dir, &["--playbook", &from]));
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8_lossy(&output.stderr);
    said.push(stderr.replace(&*first.folder.path().to_string_lossy(), "[folder]"));
    // The task has changed.
    let task = first.path("tasks").join("rising.toml");
    std::fs::write(&task, "best = 4.0\ntemplates = 3\n").expect("a task");
    said.push(first.refused(&c1, &[]));
    // A log that somebody has touched.
    let connection = rusqlite::Connection::open(c1.join("campaign.db")).expect("opens");
    let touch = "UPDATE events SET payload = replace(payload, '4', '9') WHERE kind = 'playbook_entry_added'";
    assert!(connection.execute(touch, []).expect("a statement") > 0);
    drop(connection);
    let broken = first.refused(&c1, &[]);
    said.push(
        broken
            .split(" at event")
            .next()
            .unwrap_or_default()
            .to_owned(),
    );
    insta::assert_snapshot!("playbook_refused", said.join("---\n"));
}
