//! The page in a real browser, told what to do through its debugging pipe.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use orchestrator::dashboard::Dashboard;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use super::campaign::{HOSTILE, hostile};

/// A page that has not shown something by then never will.
const LONGEST: std::time::Duration = std::time::Duration::from_mins(2);

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file());
    if found.is_none() {
        let required = std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|v| v == "1");
        assert!(!required, "Chromium is not on PATH");
        println!("skipped: Chromium is not on PATH (Debian: apt-get install chromium)");
    }
    found
}

/// A browser with one page. Messages are those of the Chrome DevTools Protocol,
/// each ended by a zero byte.
struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    session: Option<String>,
    asked: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn start(chromium: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let pipe = |name: &str| {
            let path = profile.path().join(name);
            mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
            path
        };
        let (to, from) = (pipe("to"), pipe("from"));
        #[expect(clippy::disallowed_methods, reason = "a test drives a browser")]
        let mut command = Command::new("sh");
        command
            // It reads from descriptor 3 and writes to descriptor 4.
            .args([
                "-c",
                "to=$1 from=$2; shift 2; exec \"$0\" \"$@\" 3<\"$to\" 4>\"$from\"",
            ])
            .arg(chromium)
            .args([&to, &from])
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args(["--disable-dev-shm-usage", "--disable-background-networking"])
            .args(["--remote-debugging-pipe", "about:blank"])
            .arg(format!(
                "--user-data-dir={}",
                profile.path().join("profile").display()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("a shell starts");
        let to = OpenOptions::new().write(true).open(to).expect("a reader");
        let from = File::open(from).expect("a writer");
        let mut browser = Self {
            child,
            to,
            from: BufReader::new(from),
            session: None,
            asked: 0,
            _profile: profile,
        };
        let page = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let page = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.ask("Target.attachToTarget", page);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser
    }

    /// Asks for something and waits for the answer.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method });
        message["params"] = params;
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        write!(self.to, "{message}\0").expect("it listens");
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).expect("it answers");
            assert_eq!(answer.pop(), Some(0), "the browser has ended");
            let mut answer: Value = serde_json::from_slice(&answer).expect("JSON");
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }

    /// What an expression comes to in the page.
    fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        self.ask("Runtime.evaluate", params)["result"]["value"].take()
    }

    fn open(&mut self, url: &str, width: u32) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", size);
        self.ask("Page.navigate", json!({ "url": url }));
    }

    /// Waits until the text of what `selector` finds contains `text`.
    fn shows(&mut self, selector: &str, text: &str) {
        let found = format!(
            "[...document.querySelectorAll({})].some((node) => node.textContent.includes({}))",
            Value::from(selector),
            Value::from(text)
        );
        let begun = std::time::Instant::now();
        while self.value(&found) != true {
            if begun.elapsed() > LONGEST {
                let page = self.value("document.body.innerText");
                panic!("no `{text}` in `{selector}`, but {page}");
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_browser_shows_markup_of_agents_as_text() {
    let Some(chromium) = chromium() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    hostile(folder.path());
    let dashboard = Dashboard::start(folder.path(), 0).expect("it starts");
    let mut browser = Browser::start(&chromium);
    for width in [1400, 400] {
        browser.open(&format!("{}#board", dashboard.url()), width);
        browser.shows("#objective", &format!("objective {HOSTILE}"));
        for what in ["name", "hypothesis", "because"] {
            browser.shows(".card", &format!("{what} {HOSTILE}"));
        }
        browser.shows("[data-state=done] .card", "2.500 [2.250, 2.750]");
        browser.shows("#leaderboard tr", "[2.250, 2.750]");
        browser.shows("#agents a", "strategist a0001");
        browser.shows("#stream li", &format!("stopped: {HOSTILE}"));
        browser.shows("#stream .tool", &format!("→ {HOSTILE}"));
        browser.shows("#files a", &format!("{HOSTILE}.txt").replace('/', "∕"));
        browser.value("location.hash = '#agent/1'");
        browser.shows("#talk .said", &format!("{HOSTILE} red"));
        // Only elements of the page's own were made of all that, nothing ran,
        // and the token is out of sight.
        let own = "document.querySelectorAll('script').length === 1
            && document.querySelectorAll('img, iframe, object, embed').length === 0
            && document.title.startsWith('objective <img')
            && location.search === ''";
        assert_eq!(browser.value(own), true, "at {width}");
        let fits = "document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(browser.value(fits), true, "at {width}");
    }
    drop(dashboard);
    browser.shows("#notice", "The process that showed this has ended");
}
