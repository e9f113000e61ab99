//! The server: one thread per connection, one request per connection.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::{Value, json};

use crate::ask;
use crate::dialect::{Dialect, Pen, Understood, Written};
use crate::fault::{Fault, FaultPlan, Faults};
use crate::ledger::{Entry, Ledger, Prices, Tokens};
use crate::memory::Memory;
use crate::script::Script;
use crate::timeline::{Exchange, Timeline};
use crate::wire::{self, Chunked, Request};

/// Requests that are kept to be looked at.
const KEPT: usize = 64;

/// Ways in which servers of chat completions differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Answers whole, whatever is asked for.
    pub no_stream: bool,
    /// Counts no tokens.
    pub no_usage: bool,
    /// Gives calls no id.
    pub no_ids: bool,
}

/// How a server is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port on the loopback; 0 for any.
    pub port: u16,
    /// What it answers.
    pub script: Script,
    /// How it fails.
    pub faults: FaultPlan,
    /// What it charges.
    pub prices: Prices,
    /// How it differs.
    pub quirks: Quirks,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            script: Script::Rules(Vec::new()),
            faults: FaultPlan::default(),
            prices: Prices::default(),
            quirks: Quirks::default(),
        }
    }
}

/// A server that can't start.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on port {port}")]
pub struct StartError {
    port: u16,
    #[source]
    source: io::Error,
}

#[derive(Debug)]
struct Shared {
    script: Script,
    prices: Prices,
    quirks: Quirks,
    number: AtomicU64,
    stop: AtomicBool,
    faults: Mutex<Faults>,
    memory: Mutex<Memory>,
    ledger: Mutex<Ledger>,
    requests: Mutex<VecDeque<Value>>,
    timeline: Mutex<Timeline>,
    open: Mutex<HashMap<u64, TcpStream>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running server; stops when it is dropped.
#[derive(Debug)]
pub struct Mock {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl Mock {
    /// Starts a server on the loopback.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let port = options.port;
        let failed = |source| StartError { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            script: options.script,
            prices: options.prices,
            quirks: options.quirks,
            number: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            faults: Mutex::new(Faults {
                plan: options.faults,
                next: VecDeque::new(),
            }),
            memory: Mutex::default(),
            ledger: Mutex::default(),
            requests: Mutex::default(),
            timeline: Mutex::default(),
            open: Mutex::default(),
        });
        let server = Arc::clone(&shared);
        let listener = std::thread::spawn(move || listen(&listener, &server));
        Ok(Self {
            address,
            shared,
            listener: Some(listener),
        })
    }

    /// Where it listens, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets the next requests fail like this, one each; `None` lets one pass.
    pub fn inject(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        lock(&self.shared.faults).next.extend(faults);
    }

    /// What it would bill.
    pub fn ledger(&self) -> Ledger {
        lock(&self.shared.ledger).clone()
    }

    /// The last requests, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        lock(&self.shared.requests).iter().cloned().collect()
    }

    /// When requests came and replies went.
    pub fn timeline(&self) -> Timeline {
        lock(&self.shared.timeline).clone()
    }

    /// Waits until the server ends, which it does not by itself.
    pub fn join(mut self) {
        if let Some(listener) = self.listener.take() {
            // A panic of the listener is the end of the server all the same.
            let _ = listener.join();
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for stream in lock(&self.shared.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the listener, which then sees that it is to stop.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections: u64 = 0;
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        connections += 1;
        let number = connections;
        if let Ok(handle) = stream.try_clone() {
            lock(&shared.open).insert(number, handle);
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // Who hangs up early is no concern of the server's.
            let _ = stream.set_nodelay(true);
            let _ = serve(&stream, &shared);
            let _ = stream.shutdown(Shutdown::Both);
            lock(&shared.open).remove(&number);
        });
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(request) = wire::read(stream)? else {
        return Ok(());
    };
    let arrived = Instant::now();
    let not_found = || {
        wire::whole(
            stream,
            404,
            &[],
            "{\"error\":{\"message\":\"no such path\"}}",
        )
    };
    match (request.method.as_str(), Dialect::at(&request.path)) {
        ("GET", None) if request.path == "/ledger" => {
            let ledger = lock(&shared.ledger).clone();
            let document = json!({
                "billed_nanodollars": ledger.billed(),
                "settled_nanodollars": ledger.settled(),
                "faults": ledger.faults(),
                "entries": ledger.entries,
                "rejected": ledger.rejected,
            });
            wire::whole(stream, 200, &[], &document.to_string())
        }
        ("POST", Some(dialect)) => answer(stream, shared, dialect, &request, arrived),
        _ => not_found(),
    }
}

fn answer(
    stream: &TcpStream,
    shared: &Shared,
    dialect: Dialect,
    request: &Request,
    arrived: Instant,
) -> io::Result<()> {
    let understood = serde_json::from_slice::<Value>(&request.body)
        .map_err(|error| format!("the body is no JSON: {error}"))
        .and_then(|body| {
            let understood = dialect.understand(&request.headers, &body, &lock(&shared.memory));
            let mut requests = lock(&shared.requests);
            if requests.len() == KEPT {
                requests.pop_front();
            }
            requests.push_back(body);
            understood
        });
    let refuse = |why: String| {
        let document = dialect.complaint("invalid_request_error", "", &why);
        lock(&shared.ledger).rejected.push(why);
        wire::whole(stream, 400, &[], &document.to_string())
    };
    let Understood { ask, tokens, cache } = match understood {
        Ok(understood) => understood,
        Err(why) => return refuse(why),
    };
    let Some(reply) = shared.script.answer(&ask) else {
        return refuse(format!(
            "the script has no reply to turn {} of this",
            ask.turn
        ));
    };
    let number = shared.number.fetch_add(1, Ordering::SeqCst);
    let fault = lock(&shared.faults).draw(number);
    let book = |tokens: Tokens, settled: bool| {
        let entry = Entry {
            number,
            dialect,
            model: ask.model.clone(),
            fault,
            tokens,
            nanodollars: shared.prices.cost(&tokens),
            settled,
        };
        lock(&shared.ledger).entries.push(entry);
    };
    let at_the_door = matches!(
        fault,
        Some(
            Fault::RateLimit(_)
                | Fault::RateLimitDate
                | Fault::Overloaded
                | Fault::ServerError
                | Fault::ContextOverflow
                | Fault::Auth
                | Fault::Quota
        )
    );
    if let (Some(fault), true) = (fault, at_the_door) {
        book(Tokens::default(), false);
        let key = key(&request.headers);
        let (status, headers, document) = dialect.error(fault, key);
        return wire::whole(stream, status, &headers, &document.to_string());
    }
    let pen = Pen {
        ask: &ask,
        reply: &reply,
        fault,
        quirks: shared.quirks,
        tokens,
    };
    let written = {
        let mut memory = lock(&shared.memory);
        for prefix in &cache {
            memory.cache(*prefix);
        }
        dialect.write(&pen, &mut memory)
    };
    // Booked before the other side can know of it, so that who has read a
    // reply finds it in the ledger.
    let stream_it = ask.stream && !shared.quirks.no_stream;
    let cut = lock(&shared.faults).plan.cut(number, written.frames.len());
    match fault {
        Some(Fault::DropBeforeHeaders) => {
            book(written.tokens, false);
            Ok(())
        }
        Some(Fault::DropMidStream | Fault::Stall) => {
            let so_far = Tokens {
                output: written.frames[cut - 1].output,
                ..written.tokens
            };
            book(so_far, false);
            send(stream, &written, cut, stream_it)?;
            if fault == Some(Fault::Stall) {
                wire::wait_for_close(stream);
            }
            Ok(())
        }
        Some(Fault::MalformedEvent | Fault::TruncatedUtf8) => {
            book(written.tokens, false);
            let garbage: &[u8] = if fault == Some(Fault::MalformedEvent) {
                b"data: {\"type\":\"content_block_delta\",\"ind\n\n"
            } else {
                b"data: {\"type\":\"\xf0\x9f\xa6\"}\n\n"
            };
            if !stream_it {
                return wire::whole(stream, 200, &[], "{\"choices\":[{\"mess");
            }
            let mut chunks = Chunked::begin(stream)?;
            for (place, frame) in written.frames.iter().enumerate() {
                if place == cut {
                    chunks.send(garbage)?;
                }
                chunks.send(frame.text.as_bytes())?;
            }
            chunks.end()
        }
        _ => {
            book(written.tokens, true);
            // Noted before the last piece goes: the other side may be faster
            // than this one is at looking at the clock afterwards.
            let ends = || {
                lock(&shared.timeline).push(Exchange {
                    conversation: ask::hash(0, ask.system.as_bytes()),
                    turn: ask.turn,
                    arrived,
                    ended: Instant::now(),
                });
            };
            if !stream_it {
                let whole = written.whole.to_string();
                ends();
                return wire::whole(stream, 200, &[], &whole);
            }
            let mut chunks = Chunked::begin(stream)?;
            for (place, frame) in written.frames.iter().enumerate() {
                if place + 1 == written.frames.len() {
                    ends();
                }
                chunks.send(frame.text.as_bytes())?;
            }
            chunks.end()
        }
    }
}

/// Sends the first frames, or the first part of a whole answer, and no end.
fn send(mut stream: &TcpStream, written: &Written, cut: usize, stream_it: bool) -> io::Result<()> {
    if stream_it {
        let mut chunks = Chunked::begin(stream)?;
        for frame in &written.frames[..cut] {
            chunks.send(frame.text.as_bytes())?;
        }
        return Ok(());
    }
    io::Write::write_all(
        &mut stream,
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10000\r\n\r\n{\"id\":",
    )
}

fn key(headers: &HashMap<String, String>) -> &str {
    headers
        .get("x-api-key")
        .or_else(|| headers.get("authorization"))
        .map(|value| value.trim_start_matches("Bearer "))
        .unwrap_or_default()
}
