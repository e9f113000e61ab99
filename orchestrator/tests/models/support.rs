//! Setups, conversations and a server for fixtures.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use mock_llm::{Ask, Call, Mock, Reply, Script};
use orchestrator::core::agent::{Arguments, Role};
use orchestrator::core::ids::AgentId;
use orchestrator::document::Document;
use orchestrator::model::key::Environment;
use orchestrator::model::retry::{Clock, Jitter, RetryPolicy};
use orchestrator::model::{
    Attempt, Billing, ChatModel, Message, PriceTable, Setup, ToolSchema, TurnFailure, TurnRequest,
    TurnResponse,
};
use serde_json::{Value, json};

/// What the mock server charges, as a price table.
const PRICES: &str = r#"
schema = 1

[[model]]
provider = "anthropic"
name = "mock"
input = 3.0
cache_read = 0.3
cache_write = 3.75
output = 15.0
search = 0.01
context = 200_000
max_output = 64_000
vision = true
thinking = true
source = "https://example.org"
as_of = "2026-01-01"

[[model]]
provider = "openai"
name = "mock"
input = 3.0
cache_read = 0.3
cache_write = 3.75
output = 15.0
search = 0.01
context = 200_000
max_output = 64_000
vision = true
thinking = true
source = "https://example.org"
as_of = "2026-01-01"

[[model]]
provider = "compatible"
name = "mock"
input = 3.0
cache_read = 0.3
cache_write = 3.75
output = 15.0
context = 200_000
max_output = 64_000
vision = true
source = "https://example.org"
as_of = "2026-01-01"
"#;

pub(crate) const KEY: &str = "sk-mock-0123456789abcdefghij-wxyz";

/// Time goes by in sleeps alone, and the sleeps are kept.
#[derive(Debug, Default)]
pub(crate) struct Fake(pub(crate) Mutex<Vec<Duration>>);

impl Clock for Fake {
    fn now(&self) -> Duration {
        // Attempts are limited by number here; time would add up over threads.
        Duration::ZERO
    }
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
    fn sleep(&self, time: Duration) {
        self.0.lock().expect("no panic").push(time);
    }
}

#[derive(Debug)]
struct Half;

impl Jitter for Half {
    fn draw(&self) -> f64 {
        0.5
    }
}

/// A setup for servers at `url`.
pub(crate) fn setup(url: &str, attempts: u32) -> Setup {
    setup_with(url, attempts, Arc::new(Fake::default()))
}

pub(crate) fn setup_with(url: &str, attempts: u32, clock: Arc<Fake>) -> Setup {
    let environment = Environment::of(&[
        ("ANTHROPIC_API_KEY", KEY),
        ("ANTHROPIC_BASE_URL", url),
        ("OPENAI_API_KEY", KEY),
        ("OPENAI_BASE_URL", &format!("{url}/v1")),
        ("ALPHALAB_COMPATIBLE_KEY", KEY),
    ]);
    let prices = PriceTable::parse(PRICES, Path::new("test")).expect("a sound test");
    let mut setup = Setup::new(environment, prices);
    setup.retry = RetryPolicy {
        attempts,
        ..RetryPolicy::default()
    };
    // Long enough for a busy machine, short enough to wait for.
    setup.http.idle = Duration::from_secs(3);
    setup.clock = clock;
    setup.jitter = Arc::new(Half);
    setup
}

/// One model per dialect, all on the same server.
pub(crate) fn models(setup: &Setup, url: &str) -> Vec<(&'static str, Box<dyn ChatModel>)> {
    let compatible = format!("compatible:{url}:mock");
    [
        ("anthropic", "anthropic:mock"),
        ("openai", "openai:mock"),
        ("compatible", compatible.as_str()),
    ]
    .into_iter()
    .map(|(name, spec)| (name, setup.model(spec).expect("a sound test")))
    .collect()
}

pub(crate) fn tool(name: &str) -> ToolSchema {
    ToolSchema {
        name: name.to_owned(),
        description: format!("The tool {name}."),
        schema: json!({
            "type": "object",
            "properties": { "id": { "type": "string" } },
        }),
    }
}

pub(crate) fn request(system: &str, messages: Vec<Message>) -> TurnRequest {
    TurnRequest {
        agent: AgentId(1),
        turn: 0,
        role: Role::Worker,
        system: system.to_owned(),
        messages: messages.into(),
        tools: vec![tool("read_board"), tool("finish")],
        max_output_tokens: 2_000,
    }
}

pub(crate) fn user(text: &str) -> Message {
    Message::User {
        text: text.to_owned(),
    }
}

pub(crate) fn ask(
    model: &dyn ChatModel,
    request: &TurnRequest,
) -> Result<TurnResponse, TurnFailure> {
    model.turn(request, &mut |_| {})
}

/// A reply as the next request repeats it.
pub(crate) fn said(response: &TurnResponse) -> Message {
    Message::Assistant {
        text: response.text.clone(),
        calls: response.calls.clone(),
        carry: response.carry.as_ref().map(Document::from),
    }
}

/// Answers all calls of a reply.
pub(crate) fn answers(response: &TurnResponse) -> Vec<Message> {
    response
        .calls
        .iter()
        .map(|call| {
            let body = match &call.arguments {
                Arguments::Json(arguments) => json!({ "done": arguments }),
                Arguments::Malformed(text) => json!({ "error": "no JSON", "got": text }),
                Arguments::Stored(hash) => json!({ "error": "not in place", "at": hash }),
            };
            Message::Tool {
                id: call.id.clone(),
                tool: call.tool.clone(),
                ok: matches!(call.arguments, Arguments::Json(_)),
                body: body.into(),
                images: Vec::new(),
            }
        })
        .collect()
}

/// Thinks, calls, calls twice at once, and ends with a word.
pub(crate) fn three_turns() -> Script {
    Script::from_fn(|ask: &Ask| {
        let call = |id: &str| Call {
            tool: "read_board".to_owned(),
            arguments: json!({ "id": id }),
        };
        match ask.turn {
            0 => Reply::call("read_board", json!({})).thinking("First I look at the board. 🦀"),
            1 => Reply {
                text: "Two at once.".to_owned(),
                thinking: "Now both of them, so that nothing is missing.".to_owned(),
                calls: vec![call("é-1"), call("e-2")],
                ..Reply::default()
            },
            _ => Reply::text("All is well; there is nothing left to do."),
        }
    })
}

/// What a conversation came to, as a budget sees it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) settled_usd: f64,
    pub(crate) unknown_usd: f64,
    pub(crate) unknown: usize,
    pub(crate) failed: usize,
    pub(crate) replies: Vec<TurnResponse>,
}

impl Tally {
    pub(crate) fn book(&mut self, attempts: &[Attempt], reservation_usd: f64) {
        for attempt in attempts {
            self.failed += 1;
            match attempt.billing {
                Billing::Nothing => {}
                Billing::Unknown => {
                    self.unknown += 1;
                    self.unknown_usd += reservation_usd;
                }
                Billing::Known { cost_usd, .. } => self.settled_usd += cost_usd,
            }
        }
    }
}

/// Drives a conversation until the model has nothing more to call.
pub(crate) fn converse(model: &dyn ChatModel, system: &str) -> Result<Tally, TurnFailure> {
    let mut tally = Tally::default();
    let mut messages = vec![user("Have a look.")];
    loop {
        let request = request(system, messages.clone());
        let reserved = model.reserve(&request);
        let response = ask(model, &request)?;
        tally.book(&response.attempts, reserved.usd);
        tally.settled_usd += response.cost_usd;
        assert!(response.cost_usd <= reserved.usd, "{response:?}");
        assert!(response.usage.total() <= reserved.tokens, "{response:?}");
        messages.push(said(&response));
        messages.extend(answers(&response));
        let over = response.calls.is_empty();
        tally.replies.push(response);
        if over {
            return Ok(tally);
        }
    }
}

pub(crate) fn mock(script: Script) -> Mock {
    Mock::start(mock_llm::Options {
        script,
        ..mock_llm::Options::default()
    })
    .expect("a sound test")
}

/// Nothing that was sent was refused.
pub(crate) fn assert_all_valid(mock: &Mock) {
    let rejected = mock.ledger().rejected;
    assert!(rejected.is_empty(), "{rejected:#?}");
}

/// Answers one request with these bytes, then closes. Gives its address.
pub(crate) fn serve_once(content_type: &str, body: &str) -> String {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n{body}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a sound test");
    let url = format!("http://{}", listener.local_addr().expect("a sound test"));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a sound test");
        let mut got = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = stream.read(&mut piece).expect("a sound test");
            got.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&got);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let ours = name.eq_ignore_ascii_case("content-length");
                ours.then(|| value.trim().parse::<usize>().expect("a sound test"))
            });
            if body.len() >= length.unwrap_or(0) {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).expect("a sound test");
    });
    url
}

/// The last request that the server understood.
pub(crate) fn last_request(mock: &Mock) -> Value {
    mock.requests().pop().expect("a request")
}
