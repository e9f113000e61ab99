//! The server over a socket: what it refuses and why, and what it books.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use mock_llm::{Fault, Mock, Options, Reply, Script};
use serde_json::{Value, json};

fn start() -> Mock {
    let script = Script::from_fn(|ask| match ask.turn {
        0 => Reply::call("look", json!({ "at": 1 })).thinking("I should look."),
        _ => Reply::text("Seen."),
    });
    Mock::start(Options {
        script,
        ..Options::default()
    })
    .expect("a sound test")
}

/// Sends a request and gives the answer as it came.
fn raw(mock: &Mock, method: &str, path: &str, body: &str) -> String {
    raw_to(&mock.url(), method, path, body)
}

fn raw_to(url: &str, method: &str, path: &str, body: &str) -> String {
    let address = url.trim().replace("http://", "");
    let mut stream = TcpStream::connect(address).expect("a sound test");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: mock\r\nx-api-key: k\r\nauthorization: Bearer k\r\n\
         anthropic-version: 2023-06-01\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("a sound test");
    stream.write_all(body.as_bytes()).expect("a sound test");
    let mut answer = Vec::new();
    // A connection that is cut is an answer, too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(mock: &Mock, path: &str, body: &Value) -> (u16, Value) {
    let answer = raw(mock, "POST", path, &body.to_string());
    let (head, body) = answer.split_once("\r\n\r\n").expect("a sound test");
    let status = head
        .split(' ')
        .nth(1)
        .expect("a sound test")
        .parse()
        .expect("a sound test");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn messages() -> Value {
    json!({
        "model": "m",
        "max_tokens": 100,
        "system": [{ "type": "text", "text": "s", "cache_control": { "type": "ephemeral" } }],
        "tools": [{ "name": "look", "description": "d", "input_schema": { "type": "object" } }],
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "go" }] },
            { "role": "assistant", "content": [
                { "type": "tool_use", "id": "t1", "name": "look", "input": {} },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "t1", "content": "seen" },
            ] },
        ],
    })
}

fn responses() -> Value {
    json!({
        "model": "m",
        "store": false,
        "instructions": "s",
        "tools": [{ "type": "function", "name": "look", "parameters": { "type": "object" } }],
        "input": [
            { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "go" }] },
            { "type": "function_call", "call_id": "t1", "name": "look", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "t1", "output": "seen" },
        ],
    })
}

fn chat() -> Value {
    json!({
        "model": "m",
        "tools": [{ "type": "function", "function": {
            "name": "look", "parameters": { "type": "object" },
        } }],
        "messages": [
            { "role": "system", "content": "s" },
            { "role": "user", "content": "go" },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "t1", "type": "function", "function": { "name": "look", "arguments": "{}" } },
            ] },
            { "role": "tool", "tool_call_id": "t1", "content": "seen" },
        ],
    })
}

/// A sound request with one thing changed, and what is said about it.
type Change = (&'static str, Value, &'static str);

fn refuses(path: &str, sound: &Value, changes: &[Change]) {
    let mock = start();
    assert_eq!(post(&mock, path, sound).0, 200, "{path}");
    for (place, value, reason) in changes {
        let mut body = sound.clone();
        match body.pointer_mut(place) {
            Some(found) => *found = value.clone(),
            None => body[place.trim_start_matches('/')] = value.clone(),
        }
        let (status, answer) = post(&mock, path, &body);
        let said = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{path} {place}");
        assert!(said.contains(reason), "{path} {place}: {said}");
    }
    let ledger = mock.ledger();
    assert_eq!(ledger.rejected.len(), changes.len());
    assert_eq!(ledger.entries.len(), 1, "a refused request costs nothing");
}

#[test]
fn messages_that_make_no_sense_are_refused() {
    let mark = json!({ "type": "ephemeral" });
    let marked = json!({ "type": "text", "text": "x", "cache_control": mark });
    refuses(
        "/v1/messages",
        &messages(),
        &[
            ("/colour", json!(1), "unknown field `colour`"),
            ("/max_tokens", json!(0), "`max_tokens`"),
            ("/messages/0/role", json!("assistant"), "alternate"),
            ("/messages/0/content", json!([]), "no content"),
            (
                "/messages/0/content/0/text",
                json!(""),
                "`text` is missing or empty",
            ),
            (
                "/messages/1/content/0/input",
                json!("{}"),
                "expected an object",
            ),
            ("/messages/1/content/0/id", json!("t2"), "not an open call"),
            (
                "/messages/2/content/0/tool_use_id",
                json!("t2"),
                "not an open call",
            ),
            (
                "/messages/2/content",
                json!([{ "type": "text", "text": "no answer" }]),
                "call `t1` is not answered",
            ),
            (
                "/messages/2/content",
                json!([
                    { "type": "text", "text": "first" },
                    { "type": "tool_result", "tool_use_id": "t1", "content": "late" },
                ]),
                "answers must come first",
            ),
            (
                "/messages/1/content",
                json!([{ "type": "thinking", "thinking": "t", "signature": "forged" }]),
                "seals no thought",
            ),
            (
                "/tools/0/input_schema",
                json!({ "type": "string" }),
                "not of an object",
            ),
            ("/tools/0/name", json!("a b"), "a bad name"),
            (
                "/system",
                json!([marked, marked, marked, marked, marked]),
                "5 marks for the cache",
            ),
        ],
    );
}

#[test]
fn responses_that_make_no_sense_are_refused() {
    refuses(
        "/v1/responses",
        &responses(),
        &[
            ("/colour", json!(1), "unknown field `colour`"),
            ("/store", json!(true), "`store` is not false"),
            ("/max_output_tokens", json!(3), "`max_output_tokens`"),
            (
                "/input/0/content/0/type",
                json!("output_text"),
                "`output_text` from `user`",
            ),
            (
                "/input/1/arguments",
                json!({}),
                "arguments that are no text",
            ),
            ("/input/2/call_id", json!("t2"), "not an open call"),
            ("/input/2/type", json!("item_reference"), "unknown item"),
            (
                "/input/1",
                json!({ "type": "reasoning", "summary": [], "encrypted_content": "forged" }),
                "seals no thought",
            ),
            ("/tools/0/parameters", json!([]), "not of an object"),
        ],
    );
}

#[test]
fn completions_that_make_no_sense_are_refused() {
    refuses(
        "/v1/chat/completions",
        &chat(),
        &[
            ("/colour", json!(1), "unknown field `colour`"),
            ("/messages/0/role", json!("user"), "alternate"),
            ("/messages/1/role", json!("system"), "must come first"),
            ("/messages/1/content", json!(""), "no content"),
            (
                "/messages/2/tool_calls",
                json!(null),
                "neither content nor calls",
            ),
            (
                "/messages/2/tool_calls/0/function/arguments",
                json!("{\"a\":"),
                "no JSON object",
            ),
            ("/messages/3/tool_call_id", json!("t2"), "not an open call"),
            (
                "/messages/3/role",
                json!("user"),
                "call `t1` is not answered",
            ),
            (
                "/tools/0/function/parameters",
                json!({}),
                "not of an object",
            ),
        ],
    );
}

#[test]
fn headers_are_asked_for() {
    let mock = start();
    let address = mock.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).unwrap();
    let body = messages().to_string();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nx-api-key: k\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("400 Bad Request"), "{answer}");
    assert!(
        answer.contains("`anthropic-version` is missing"),
        "{answer}"
    );
}

#[test]
fn the_ledger_is_read_over_http_and_counts_what_was_sent() {
    let mock = start();
    let mut body = messages();
    body["messages"] = json!([{ "role": "user", "content": "go" }]);
    body["stream"] = json!(true);
    mock.inject([None, Some(Fault::DropMidStream), Some(Fault::Overloaded)]);
    let whole = raw(&mock, "POST", "/v1/messages", &body.to_string());
    let cut = raw(&mock, "POST", "/v1/messages", &body.to_string());
    assert!(whole.ends_with("0\r\n\r\n") && !cut.ends_with("0\r\n\r\n"));
    assert!(whole.contains("message_stop") && !cut.contains("message_stop"));
    assert_eq!(post(&mock, "/v1/messages", &body).0, 529);

    let answer = raw(&mock, "GET", "/ledger", "");
    let ledger: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let entries = ledger["entries"].as_array().unwrap();
    let output = |place: usize| entries[place]["tokens"]["output"].as_u64().unwrap();
    // "I should look." and {"at":1} are 22 bytes.
    assert_eq!(output(0), 6);
    assert!(output(1) <= output(0));
    assert_eq!(output(2), 0);
    assert_eq!(entries[0]["settled"], true);
    assert_eq!(entries[1]["settled"], false);
    assert_eq!(ledger["settled_nanodollars"], entries[0]["nanodollars"]);
    assert_eq!(ledger["faults"], 2);
    // The second time all that was marked comes from the cache.
    assert_eq!(entries[0]["tokens"]["cache_read"], 0);
    assert_eq!(entries[1]["tokens"]["cache_write"], 0);
}

/// The program, started with these arguments.
fn program(arguments: &[&str]) -> std::process::Child {
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mock-llm"));
    command
        .args(arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("a sound test")
}

#[test]
fn the_program_serves_a_script_from_a_file() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/example.json");
    let mut child = program(&["--script", script, "--faults", "7:0"]);
    let mut url = String::new();
    let output = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut url).unwrap();
    let mut body = chat();
    body["messages"] = json!([{ "role": "user", "content": "go" }]);
    let answer = raw_to(&url, "POST", "/v1/chat/completions", &body.to_string());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.contains("\"name\":\"read_board\""), "{answer}");
}

#[test]
fn the_program_says_what_is_wrong_with_its_arguments() {
    for (arguments, expected) in [
        (vec![], "`--script` is missing"),
        (vec!["--script"], "`--script` needs a value"),
        (
            vec!["--script", "/nowhere"],
            "failed to read `/nowhere`, the script or a file of it",
        ),
        (vec!["--faults", "7"], "`7` is no SEED:RATE"),
        (vec!["--port", "x"], "`x` is no port"),
        (vec!["--colour"], "unknown argument `--colour`"),
    ] {
        let output = program(&arguments).wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
