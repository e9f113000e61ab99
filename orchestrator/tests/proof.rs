//! `alphalab verify` on good campaigns and on ones that somebody has touched.

#[path = "proof/fork.rs"]
mod fork;
#[path = "proof/handed_in.rs"]
mod handed_in;
mod support;

use std::path::{Path, PathBuf};

use orchestrator::explore::AgentsPython;
use serde_json::Value;
use support::{Target, command, finish, fixtures, quietly, run, succeed};

fn target() -> Target {
    Target::synthetic(&fixtures().join("tasks"))
}

/// A finished campaign on two tasks, in a folder of its own.
struct Campaign {
    _folder: tempfile::TempDir,
    dir: PathBuf,
    target: Target,
}

impl Campaign {
    fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let tasks = folder.path().join("tasks");
        std::fs::create_dir(&tasks).expect("a folder");
        for name in ["alpha.toml", "gamma.toml"] {
            let from = fixtures().join("tasks").join(name);
            std::fs::copy(from, tasks.join(name)).expect("a copy");
        }
        let target = Target::synthetic(&tasks);
        let dir = folder.path().join("c");
        // What is proven is the same of a short one.
        let short: &[&str] = if more.contains(&"--experiments") {
            &[]
        } else {
            &["--experiments", "6"]
        };
        let more = [short, more].concat();
        succeed(run(&target, "proof", &dir, &more));
        Self {
            _folder: folder,
            dir,
            target,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Exit code and document.
    fn verify(&self, more: &[&str]) -> (Option<i32>, Value) {
        verify(&self.target, &self.dir, more)
    }

    /// The one check that fails is `name`, and it says all of `words`.
    fn fails(&self, name: &str, words: &[&str]) {
        let (code, document) = self.verify(&[]);
        assert_eq!(code, Some(10), "{document:#}");
        let failed = failed(&document);
        assert_eq!(failed.len(), 1, "{failed:#?}");
        assert_eq!(failed[0].0, name, "{failed:#?}");
        for word in words {
            assert!(failed[0].1.contains(word), "no `{word}` in {failed:#?}");
        }
    }

    /// Changes the one place where a text is in a file.
    fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).expect("a text");
        assert!(text.contains(from), "no `{from}` in {text}");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("writes");
    }

    /// Changes the database as somebody with SQLite would.
    fn sql(&self, statement: &str) {
        let connection = rusqlite::Connection::open(self.path("campaign.db")).expect("opens");
        let changed = connection.execute(statement, []).expect("a statement");
        assert_eq!(changed, 1, "{statement}");
    }

    fn event(&self, wanted: &str) -> u64 {
        let connection = rusqlite::Connection::open(self.path("campaign.db")).expect("opens");
        connection
            .query_row(
                "SELECT max(seq) FROM events WHERE kind = ?1",
                [wanted],
                |row| row.get::<_, i64>(0),
            )
            .expect("such an event")
            .unsigned_abs()
    }
}

fn verify(target: &Target, dir: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let path = dir.to_string_lossy();
    let arguments = [&["verify", &path, "--json"], more].concat();
    let output = finish(command(target, "proof", &arguments));
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), document)
}

/// Name and detail of what does not hold.
fn failed(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let checks = document["checks"].as_array().expect("checks");
    checks
        .iter()
        .filter(|check| check["outcome"] == "failed")
        .map(|check| (text(&check["name"]), text(&check["detail"])))
        .collect()
}

#[test]
fn a_good_campaign_holds() {
    let campaign = Campaign::new(&[]);
    let before = content(&campaign.dir);
    let (code, document) = campaign.verify(&["--remeasure", "2"]);
    assert_eq!(code, Some(0), "{document:#}");
    let again = document["checks"].as_array().expect("checks").iter();
    let again = again.filter(|check| check["name"] == "remeasure");
    assert_eq!(again.filter(|c| c["outcome"] == "passed").count(), 2);
    assert!(content(&campaign.dir) == before, "something was touched");
    let path = campaign.dir.to_string_lossy();
    let table = succeed(command(&campaign.target, "proof", &["verify", &path]));
    insta::assert_snapshot!("verify", steady(&table));
}

/// Hashes differ from run to run.
fn steady(text: &str) -> String {
    let word = |word: &str| {
        let hash = word.len() >= 12 && word.bytes().all(|b| b.is_ascii_hexdigit());
        if hash { "[hash]" } else { word }.to_owned()
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Every file below a folder with its content.
fn content(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = orchestrator::audit::table::files(dir).expect("files");
    files
        .into_iter()
        // SQLite's shared memory is not content.
        .filter(|(name, _)| !name.to_string_lossy().ends_with("-shm"))
        .map(|(name, path)| (name, std::fs::read(path).expect("a file")))
        .filter(|(name, bytes)| !(name.to_string_lossy().ends_with("-wal") && bytes.is_empty()))
        .collect()
}

#[test]
fn one_byte_in_the_log() {
    let campaign = Campaign::new(&[]);
    let seq = campaign.event("moved");
    campaign.sql(&format!(
        "UPDATE events SET payload = replace(payload, 'from', 'frum') WHERE seq = {seq}"
    ));
    let event = format!("event {seq}: `moved` was changed");
    campaign.fails("chain", &[&event]);
}

#[test]
fn an_event_that_was_taken_out_or_written_anew() {
    let campaign = Campaign::new(&[]);
    let seq = campaign.event("campaign_finished") - 3;
    campaign.sql(&format!("DELETE FROM events WHERE seq = {seq}"));
    let event = format!("event {seq}: it is missing; event {} is next", seq + 1);
    campaign.fails("chain", &[&event]);
}

#[test]
fn events_cut_off_at_the_end() {
    let campaign = Campaign::new(&[]);
    let seq = campaign.event("campaign_finished");
    campaign.sql(&format!("DELETE FROM events WHERE seq = {seq}"));
    let counts = format!("made from {seq} events, the log has {}", seq - 1);
    campaign.fails("report", &["`reports/report.md`, line", &counts]);
}

#[test]
fn one_byte_in_a_blob() {
    let campaign = Campaign::new(&[]);
    campaign.sql(
        "UPDATE blobs SET content = CAST(replace(CAST(content AS TEXT), '\"synthetic\"', '\"synthetik\"') AS BLOB) \
         WHERE hash = (SELECT json_extract(payload, '$.measurement.report') FROM events \
                       WHERE kind = 'measured' ORDER BY seq LIMIT 1)",
    );
    campaign.fails("blobs", &["of event ", "`measured`", "has another content"]);
}

/// The speedup of `alpha`, as a report writes it.
fn alpha(report: &str) -> &str {
    let (_, row) = report.split_once("| alpha | ").expect("a row");
    row.split([' ', '|']).next().expect("a number")
}

#[test]
fn a_number_of_the_report() {
    let campaign = Campaign::new(&[]);
    let text = std::fs::read_to_string(campaign.path("reports/report.md")).expect("a report");
    let line = text.lines().position(|line| line.starts_with("| alpha | "));
    let line = line.expect("a row") + 1;
    let told = alpha(&text);
    let (from, to) = (format!("| alpha | {told}"), format!("| alpha | 9{told}"));
    campaign.change("reports/report.md", &from, &to);
    let named =
        format!("`reports/report.md`, line {line}: it says `9{told}`, the log says `{told}`");
    campaign.fails("report", &[&named]);
    // Making it anew repairs it.
    let path = campaign.dir.to_string_lossy();
    succeed(command(&campaign.target, "proof", &["report", &path]));
    assert_eq!(campaign.verify(&[]).0, Some(0));

    let seq = campaign.event("campaign_finished");
    let text = std::fs::read_to_string(campaign.path("reports/report.md")).expect("a report");
    let (_, head) = text.rsplit_once("of them is `").expect("an anchor");
    let other = format!(
        "{}{}",
        if head.starts_with('0') { '1' } else { '0' },
        &head[1..9]
    );
    campaign.change("reports/report.md", &head[..9], &other);
    let named = format!("it says that event {seq} has the hash {other}");
    campaign.fails("report", &[&named]);
}

#[test]
fn charts_and_playbook() {
    let campaign = Campaign::new(&[]);
    campaign.change("playbook.md", "confidence: high", "confidence: none");
    campaign.fails("report", &["`playbook.md`, line", "`none`", "`high`"]);
    campaign.change("playbook.md", "confidence: none", "confidence: high");
    let text = std::fs::read_to_string(campaign.path("reports/report.md")).expect("a report");
    let told = alpha(&text);
    campaign.change(
        "reports/tasks.svg",
        &format!(">{told}<"),
        &format!(">8{told}<"),
    );
    campaign.fails("report", &["`reports/tasks.svg`, line"]);
}

#[test]
fn files_of_the_campaign() {
    let campaign = Campaign::new(&[]);
    campaign.change("prices.toml", "schema = 1", "schema = 2");
    campaign.fails("pinned", &["`prices.toml` is not what it was"]);
    campaign.change("prices.toml", "schema = 2", "schema = 1");
    campaign.change("adapter/domain_knowledge.md", " ", "  ");
    campaign.fails("pinned", &["`adapter/domain_knowledge.md`"]);
    campaign.change("adapter/domain_knowledge.md", "  ", " ");
    campaign.change("campaign.toml", "workers = 1", "workers = 2");
    campaign.fails(
        "settings",
        &["`campaign.toml`, line", "it says `2`, the log says `1`"],
    );
}

#[test]
fn tasks_and_what_the_lab_left() {
    let campaign = Campaign::new(&[]);
    let report = "experiments/e0001-template0/attempt-1/report.json";
    let folder = campaign.path("experiments").read_dir().expect("a folder");
    let folder = folder
        .flatten()
        .find(|e| e.file_name().to_string_lossy().starts_with("e0001"));
    let folder = folder.expect("an experiment").file_name();
    let report = report.replace("e0001-template0", &folder.to_string_lossy());
    campaign.change(&report, "\"synthetic\"", "\"forged\"");
    campaign.fails("candidates", &[&report, "is not the report in the log"]);
    campaign.change(&report, "\"forged\"", "\"synthetic\"");
    // Every byte counts, also one that no parser minds.
    campaign.change(&report, "{", "{ ");
    campaign.fails("candidates", &[&report, "was written anew"]);
    campaign.change(&report, "{ ", "{");

    let document = format!("experiments/{}/experiment.json", folder.display());
    campaign.change(&document, "\"FLAG\": true", "\"FLAG\": false");
    campaign.fails(
        "candidates",
        &[&document, "is not the experiment in the log"],
    );
    campaign.change(&document, "\"FLAG\": false", "\"FLAG\": true");
    campaign.change(&document, "{", "{ ");
    campaign.fails("candidates", &[&document, "was written anew"]);
    campaign.change(&document, "{ ", "{");

    campaign.change("../tasks/alpha.toml", "best", "# \nbest");
    campaign.fails("evaluation", &["alpha.toml", "task `alpha`"]);
    std::fs::remove_file(campaign.path("../tasks/alpha.toml")).expect("a file");
    let (code, document) = campaign.verify(&[]);
    assert_eq!(code, Some(0), "what is gone can't be checked: {document:#}");
}

#[test]
fn a_result_that_can_not_be_repeated() {
    let campaign = Campaign::new(&[]);
    // The lab is another one now: everything is half as good.
    let source = campaign.path("../tasks/gamma.toml");
    let text = std::fs::read_to_string(&source).expect("a task");
    std::fs::write(&source, format!("{text}\n# slower\n")).expect("writes");
    let (code, document) = campaign.verify(&["--remeasure", "1"]);
    assert_eq!(code, Some(10), "{document:#}");
    let checks = document["checks"].as_array().expect("checks");
    let again = checks.iter().find(|check| check["name"] == "remeasure");
    assert_eq!(again.expect("a check")["outcome"], "not_possible");
}

#[test]
fn a_campaign_under_way_holds_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let tasks = folder.path().join("tasks");
    std::fs::create_dir(&tasks).expect("a folder");
    std::fs::write(tasks.join("slow.toml"), "best = 2.0\ndelay_ms = 200\n").expect("a task");
    let target = Target::synthetic(&tasks);
    let dir = folder.path().join("c");
    let mut child = quietly(run(&target, "proof-live", &dir, &[]));
    let measured = || {
        let state = orchestrator::store::Reader::open(&dir).and_then(|reader| reader.state());
        state.is_ok_and(|state| state.experiments.values().any(|e| !e.attempts.is_empty()))
    };
    while !measured() {
        assert!(
            child.try_wait().expect("a child").is_none(),
            "it ended early"
        );
        std::thread::yield_now();
    }
    let (code, document) = verify(&target, &dir, &[]);
    assert_eq!(code, Some(0), "{document:#}");
    child.kill().expect("a child that can be killed");
    child.wait().expect("a child");
    let (code, document) = verify(&target, &dir, &[]);
    assert_eq!(code, Some(0), "{document:#}");
}

#[test]
fn a_log_folded_again() {
    let campaign = Campaign::new(&["--tasks", "alpha", "--experiments", "1"]);
    let path = campaign.dir.to_string_lossy();
    let said = |more: &[&str]| {
        let arguments = [&["replay", &path], more].concat();
        succeed(command(&campaign.target, "proof", &arguments))
    };
    insta::assert_snapshot!("replay", steady(&said(&[])));
    let document = |more: &[&str]| -> Value {
        serde_json::from_str(&said(&[&["--json"], more].concat())).expect("JSON")
    };
    let (one, two) = (document(&[]), document(&[]));
    assert_eq!(one, two);
    let frozen = campaign.event("evaluation_frozen").to_string();
    let then = document(&["--at", &frozen]);
    assert_eq!(then["events"].to_string(), frozen);
    assert_eq!(then["status"]["state"], "running");
    assert_eq!(then["status"]["budget"]["experiments"]["spent"], 0.0);
    assert_ne!(then["outline"], one["outline"]);
    assert!(said(&["--at", &frozen]).contains(&format!("as of event {frozen}")));
    let output = finish(command(
        &campaign.target,
        "proof",
        &["replay", &path, "--at", "99999"],
    ));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn no_campaign_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_string_lossy();
    let output = finish(command(&target(), "proof", &["verify", &path]));
    assert_eq!(output.status.code(), Some(3));
    std::fs::write(folder.path().join("campaign.db"), b"hello").expect("a file");
    let (code, document) = verify(&target(), folder.path(), &[]);
    assert_eq!(code, Some(10));
    assert_eq!(failed(&document)[0].0, "structure");
}

/// A table from which one column follows.
fn table(rows: u32) -> String {
    use std::fmt::Write as _;
    let mut text = "width,height,age,price\n".to_owned();
    for row in 0..rows {
        let unit = |by: u32| f64::from((row * by) % 97) / 97.0;
        let (width, height, age) = (1.0 + 9.0 * unit(31), 1.0 + 4.0 * unit(57), 40.0 * unit(13));
        let price = 3.0 * width * height - 0.4 * age + 6.0 * (unit(71) - 0.5);
        let _ = writeln!(text, "{width:.3},{height:.3},{age:.2},{price:.3}");
    }
    text
}

#[test]
fn an_evaluation_that_agents_have_built() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = AgentsPython::find(std::env::var_os("ALPHALAB_AGENT_VENV"), &home) {
        assert!(
            std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_none(),
            "{error}"
        );
        println!("skipped: {error}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("frames.csv");
    std::fs::write(&data, table(400)).expect("writes");
    let dir = folder.path().join("c");
    let path = dir.to_string_lossy().into_owned();
    let data = data.to_string_lossy();
    let arguments = [
        "run",
        "--until",
        "phase2",
        "--objective",
        "predict price with the smallest RMSE",
        "--data",
        &data,
        "--dir",
        &path,
    ];
    succeed(command(&target(), "proof", &arguments));
    let (code, document) = verify(&target(), &dir, &[]);
    assert_eq!(code, Some(0), "{document:#}");

    let score = dir.join("evaluation/score.py");
    let text = std::fs::read_to_string(&score).expect("a script");
    // Sealed: whoever changes it has to remove it first.
    std::fs::remove_file(&score).expect("a file");
    std::fs::write(&score, format!("{text} ")).expect("writes");
    let (code, document) = verify(&target(), &dir, &[]);
    assert_eq!(code, Some(10), "{document:#}");
    let named: Vec<(String, String)> = failed(&document);
    let words = [
        ("pinned", "`evaluation/score.py` is not what it was"),
        ("evaluation", "`evaluation/` is not what was frozen"),
    ];
    assert_eq!(named.len(), 2, "{named:#?}");
    for ((name, detail), (wanted, words)) in named.iter().zip(words) {
        assert!(name == wanted && detail.contains(words), "{named:#?}");
    }
}
