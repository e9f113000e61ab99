//! The dashboard from outside: who is let in, what is said, and what becomes
//! of bytes that agents wrote.

#[path = "dashboard/browser.rs"]
mod browser;
#[path = "dashboard/campaign.rs"]
mod campaign;
#[path = "dashboard/http.rs"]
mod http;
#[path = "planner/settings.rs"]
mod settings;
mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use campaign::{HOSTILE, hostile};
use http::{Client, stream};
use orchestrator::dashboard::Dashboard;
use orchestrator::report;
use orchestrator::store::Reader;
use serde_json::Value;
use support::{Target, command, finish, fixtures, quietly, run, succeed};

fn target() -> Target {
    Target::synthetic(&fixtures().join("tasks"))
}

/// Lets the experiments of a campaign begin that waits for it.
fn approval(dir: &Path) -> Command {
    let mut approve = command(&target(), "dashboard", &["steer"]);
    approve.arg(dir).args(["approve", "phase3"]);
    approve
}

#[test]
fn only_the_token_opens_it_and_only_for_its_own_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    hostile(folder.path());
    let dashboard = Dashboard::start(folder.path(), 0).expect("it starts");
    let client = Client::of(dashboard.url());

    let paths = [
        "/",
        "/app.js",
        "/api/state",
        "/api/events",
        "/api/files",
        "/nowhere",
    ];
    for path in paths {
        let answer = client.raw("GET", path, &[("Host", &client.host)]);
        assert_eq!(answer.status, 401, "{path}");
        let post = client.raw("POST", path, &[("Host", &client.host)]);
        assert_eq!(post.status, 401, "{path}");
    }
    let token = format!("Bearer {}", client.token);
    let authorised = ("Authorization", token.as_str());
    for path in paths {
        for host in ["evil.example", "evil.example:80", "127.0.0.1.nip.io", ""] {
            let answer = client.raw("GET", path, &[("Host", host), authorised]);
            assert_eq!(answer.status, 403, "{path} as {host}");
        }
        let foreign = [
            ("Host", &*client.host),
            authorised,
            ("Origin", "http://evil.example"),
        ];
        assert_eq!(client.raw("GET", path, &foreign).status, 403, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for path in [
            "/",
            "/api/state",
            "/api/events",
            "/api/agents/1",
            "/api/files/x",
        ] {
            let answer = client.raw(method, path, &[("Host", &client.host), authorised]);
            assert_eq!(answer.status, 405, "{method} {path}");
        }
    }

    // As a browser comes in: by the address once, by the cookie from then on.
    let first = client.raw(
        "GET",
        &format!("/?token={}", client.token),
        &[("Host", &client.host)],
    );
    assert_eq!(first.status, 200);
    let cookie = first.header("set-cookie").expect("a cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap_or_default();
    let with_cookie = [("Host", &*client.host), ("Cookie", cookie)];
    for path in ["/", "/style.css", "/api/state", "/api/agents/1"] {
        let answer = client.raw("GET", path, &with_cookie);
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(client.raw("GET", "/nowhere", &with_cookie).status, 404);
}

#[test]
fn what_is_shown_is_what_the_commands_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    // Another process drives it, and waits.
    let more = ["--no-dashboard", "--gate", "phase3"];
    let mut child = quietly(run(&target(), "dashboard", &dir, &more));
    let frozen = || {
        let state = Reader::open(&dir).and_then(|reader| reader.state());
        state.is_ok_and(|state| state.frozen.is_some())
    };
    while !frozen() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let dashboard = Dashboard::start(&dir, 0).expect("it starts");
    let client = Client::of(dashboard.url());
    let waiting = client.json("/api/state");
    assert_eq!(waiting["status"]["state"], "running");
    assert_eq!(waiting["board"][0]["count"], 0);
    succeed(approval(&dir));
    assert!(child.wait().expect("a child").success());
    let shown = client.json("/api/state");
    for verb in ["status", "leaderboard"] {
        let mut said = command(&target(), "dashboard", &[verb, "--json"]);
        said.arg(&dir);
        let said: Value = serde_json::from_str(&succeed(said)).expect("JSON");
        assert_eq!(shown[verb], said);
    }
    let state = Reader::open(&dir).and_then(|reader| reader.state());
    let state = state.expect("a state");
    let cards: usize = shown["board"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|column| column["cards"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(cards, state.experiments.len());
    let status = report::status_json(&state, 0, false);
    for column in shown["board"].as_array().expect("columns") {
        let name = column["state"].as_str().expect("a word");
        assert_eq!(column["count"], status["counts"][name], "{name}");
    }
}

/// Starts a campaign and waits until it says where to look.
#[expect(clippy::zombie_processes, reason = "a test that fails here ends")]
fn watched(dir: &Path, more: &[&str]) -> (Child, String) {
    let mut command = run(&target(), "dashboard", dir, more);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("alphalab starts");
    let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut all = String::new();
    loop {
        let mut line = String::new();
        let read = said.read_line(&mut line).expect("text");
        assert!(read > 0, "it ended without a dashboard: {all}");
        if let Some(url) = line.strip_prefix("dashboard: ") {
            // What else it says must not fill the pipe.
            std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
            return (child, url.trim().to_owned());
        }
        all.push_str(&line);
    }
}

#[test]
fn a_stream_that_is_cut_goes_on_without_loss_or_doubles_while_the_campaign_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let (mut child, url) = watched(&dir, &["--gate", "phase3"]);
    let client = Client::of(&url);
    let mut seen: Vec<u64> = Vec::new();
    let mut listen = |from: Option<u64>, most: usize| {
        let mut events = stream(&client, "/api/events?from=1", from);
        let mut last = from.unwrap_or(0);
        for _ in 0..most {
            let Some(event) = events.next() else {
                return (last, true);
            };
            if event.name == "bye" {
                return (last, true);
            }
            assert_eq!(event.name, "message", "{event:?}");
            let document: Value = serde_json::from_str(&event.data).expect("JSON");
            assert_eq!(document["seq"], event.id.expect("an id"));
            last = event.id.expect("an id");
            seen.push(last);
        }
        (last, false)
    };
    // It waits at the gate after its first events.
    let (last, _) = listen(None, 2);
    let (mut last, _) = listen(Some(last), 1);
    for (place, most) in [1, 2, 3, 1, 1].into_iter().enumerate() {
        // The last one while the campaign runs, which takes seconds.
        if place == 4 {
            succeed(approval(&dir));
        }
        let (at, over) = listen(Some(last), most);
        assert!(!over, "the campaign has more events than that");
        last = at;
    }
    let (_, over) = listen(Some(last), usize::MAX);
    assert!(over);
    assert!(child.wait().expect("a child").success());
    let log = Reader::open(&dir).and_then(|reader| reader.log());
    let log: Vec<u64> = log
        .expect("a log")
        .iter()
        .map(|logged| logged.seq)
        .collect();
    assert_eq!(seen, log);
}

#[test]
fn a_part_of_the_stream_can_be_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    hostile(folder.path());
    let dashboard = Dashboard::start(folder.path(), 0).expect("it starts");
    let client = Client::of(dashboard.url());
    let ids: Vec<_> = stream(&client, "/api/events?from=3", None)
        .take(2)
        .map(|event| event.id)
        .collect();
    assert_eq!(ids, [Some(3), Some(4)]);
    for path in [
        "/api/events?from=x",
        "/api/events?from=-1",
        "/api/agents/x",
        "/api/agents/1?before=",
    ] {
        assert_eq!(client.get(path).status, 400, "{path}");
    }
    assert_eq!(client.get("/api/agents/99").status, 404);
    drop(dashboard);
    // Nobody answers any more, unless another test has got the port meanwhile,
    // which knows other tokens.
    let gone = ureq::get(format!("http://{}/api/state", client.host))
        .header("Authorization", format!("Bearer {}", client.token))
        .call();
    assert!(gone.is_err());
}

#[test]
fn no_address_leads_out_of_the_campaign() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("campaign");
    std::fs::create_dir(&dir).expect("a folder");
    hostile(&dir);
    std::fs::write(folder.path().join("secret"), "SECRET").expect("a file");
    symlink("../secret", dir.join("out")).expect("a link");
    symlink(folder.path().join("secret"), dir.join("absolute")).expect("a link");
    symlink("..", dir.join("up")).expect("a link");
    symlink("/proc/self/environ", dir.join("environ")).expect("a link");
    symlink("campaign.db", dir.join("database")).expect("a link");
    symlink("inside.txt", dir.join("fine")).expect("a link");
    std::fs::write(dir.join("inside.txt"), "INSIDE").expect("a file");
    let dashboard = Dashboard::start(&dir, 0).expect("it starts");
    let client = Client::of(dashboard.url());
    for path in [
        "..",
        "../secret",
        "../../../../etc/passwd",
        "%2e%2e/secret",
        "%2e%2e%2fsecret",
        "..%2fsecret",
        "..%5csecret",
        "....//secret",
        "x/../../secret",
        "experiments/../../secret",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        "%00",
        "inside.txt%00.png",
        "out",
        "absolute",
        "up/secret",
        "up",
        "environ",
        "campaign.db",
        "campaign.db-wal",
        "./campaign.db",
        "database",
        "experiments/../campaign.db",
        "absent",
        "inside.txt/more",
        "%ff%fe",
    ] {
        let answer = client.get(&format!("/api/files/{path}"));
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        for secret in ["SECRET", "root:", "SQLite", "INSIDE"] {
            assert!(!answer.text().contains(secret), "{path}: {}", answer.text());
        }
    }
    for path in [
        "inside.txt",
        "inside.txt/",
        "fine",
        "./inside.txt",
        "%69nside.txt",
    ] {
        let answer = client.get(&format!("/api/files/{path}"));
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "INSIDE"),
            "{path}"
        );
    }
}

#[test]
fn files_are_shown_as_text_or_as_pictures_and_as_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    hostile(dir);
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).expect("a file");
    write("page.html", b"<script>alert(1)</script>");
    write(
        "plot.svg",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    );
    write("code.js", b"alert(1)");
    write("colours.log", b"\x1b[31mred\x1b[0m\r\nplain\x07");
    write("a.png", b"\x89PNG\r\n\x1a\nrest");
    write("fake.png", b"<script>alert(1)</script>");
    write("binary", b"\x7fELF\0\0\xff");
    write("long.txt", "é".repeat(1 << 20).as_bytes());
    let dashboard = Dashboard::start(dir, 0).expect("it starts");
    let client = Client::of(dashboard.url());
    for (name, kind, shown) in [
        (
            "page.html",
            "text/plain; charset=utf-8",
            "<script>alert(1)</script>",
        ),
        (
            "plot.svg",
            "text/plain; charset=utf-8",
            "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        ),
        ("code.js", "text/plain; charset=utf-8", "alert(1)"),
        (
            "fake.png",
            "text/plain; charset=utf-8",
            "<script>alert(1)</script>",
        ),
        (
            "colours.log",
            "text/plain; charset=utf-8",
            "red\nplain\u{fffd}",
        ),
        ("a.png", "image/png", ""),
    ] {
        let answer = client.get(&format!("/api/files/{name}"));
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.header("content-type"), Some(kind), "{name}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(
            answer.header("content-security-policy"),
            Some("default-src 'none'; sandbox")
        );
        if !shown.is_empty() {
            assert_eq!(answer.text(), shown, "{name}");
        }
    }
    assert_eq!(client.get("/api/files/binary").status, 415);
    let long = client.get("/api/files/long.txt");
    assert_eq!(long.text().len(), 1 << 20);
    assert_eq!(long.header("x-alphalab-of-bytes"), Some("2097152"));
    // A name that is markup is a name.
    let listing = client.json("/api/files");
    let names = listing["entries"].as_array().expect("entries").iter();
    let entry = names
        .into_iter()
        .find(|entry| entry["name"] == format!("{HOSTILE}.txt").replace('/', "∕"))
        .expect("the file is listed");
    let href = entry["href"].as_str().expect("an address");
    assert!(!href.contains(['<', '"', '\'']), "{href}");
    assert_eq!(client.get(&format!("/api/files/{href}")).text(), "found");
}

#[test]
fn words_of_agents_leave_without_control_characters() {
    let folder = tempfile::tempdir().expect("a folder");
    hostile(folder.path());
    let dashboard = Dashboard::start(folder.path(), 0).expect("it starts");
    let client = Client::of(dashboard.url());
    let talk = client.json("/api/agents/a0001");
    let said = talk["entries"][1]["talk"]["said"]["text"]
        .as_str()
        .expect("words");
    assert_eq!(said, format!("{HOSTILE} red"));
    let events: Vec<_> = stream(&client, "/api/events", None).take(5).collect();
    let state = client.get("/api/state").text();
    for text in events.iter().map(|event| &event.data).chain([&state]) {
        assert!(
            !text.contains("\\u001b") && !text.contains('\u{1b}'),
            "{text}"
        );
    }
    let answer = talk["entries"][2]["talk"]["answer"].clone();
    assert_eq!(answer["tool"], HOSTILE, "{talk}");
}

#[test]
fn the_page_takes_data_as_text_only() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard/page");
    for entry in page.read_dir().expect("a folder").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("text");
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "setHTML",
            "DOMParser",
            "srcdoc",
            "javascript:",
            "http://",
            "https://",
            "//cdn",
            "<style",
        ] {
            let namespace = word == "http://"
                && text.matches(word).count() == 1
                && text.contains("http://www.w3.org/2000/svg");
            assert!(
                namespace || !text.contains(word),
                "{}: {word}",
                entry.path().display()
            );
        }
        assert!(text.lines().count() <= 500, "{}", entry.path().display());
    }
}

#[test]
fn a_campaign_goes_on_without_a_dashboard_that_can_not_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let output = finish(run(
        &target(),
        "dashboard",
        &dir,
        &["--dashboard-port", &port, "--experiments", "1"],
    ));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains(&format!(
            "warning: no dashboard: failed to listen on port {port}"
        )),
        "{said}"
    );
    assert!(dir.join("reports/report.md").is_file(), "{said}");
}

#[test]
fn serve_shows_what_is_a_campaign_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serve = command(&target(), "dashboard", &["serve"]);
    serve.arg(folder.path());
    let output = finish(serve);
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("is not a campaign directory"), "{said}");

    hostile(folder.path());
    let mut serve = command(&target(), "dashboard", &["serve"]);
    serve
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = serve.spawn().expect("alphalab starts");
    let mut url = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut url).expect("text");
    let client = Client::of(url.trim());
    assert_eq!(client.json("/api/state")["schema"], 1);
    // An open stream is told of the end.
    let mut events = stream(&client, "/api/events?from=999", None);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    assert_eq!(
        events.next().map(|event| event.name),
        Some("bye".to_owned())
    );
    assert_eq!(child.wait().expect("a child").code(), Some(0));
}
