//! A client that says exactly what it is told to, and reads event streams.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

/// Who looks at one dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    /// The token.
    pub(crate) token: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap_or_default()
    }
}

impl Client {
    /// Of the dashboard at an address with a token.
    pub(crate) fn of(url: &str) -> Self {
        let rest = url.strip_prefix("http://").expect("an address");
        let (host, token) = rest.split_once("/?token=").expect("a token");
        Self {
            host: host.to_owned(),
            token: token.to_owned(),
        }
    }

    /// Asks with these headers and no others, for exactly this path.
    pub(crate) fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = TcpStream::connect(&self.host).expect("a server");
        let patience = std::time::Duration::from_mins(2);
        stream.set_read_timeout(Some(patience)).expect("a limit");
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut reader = BufReader::new(stream);
        let (status, headers) = head(&mut reader);
        let mut body = Vec::new();
        // Streams are not read here: what a refused one says is short.
        reader.read_to_end(&mut body).expect("an answer");
        Answer {
            status,
            headers,
            body,
        }
    }

    /// Asks as somebody who has the token.
    pub(crate) fn get(&self, path: &str) -> Answer {
        let token = format!("Bearer {}", self.token);
        self.raw(
            "GET",
            path,
            &[("Host", &self.host), ("Authorization", &token)],
        )
    }

    /// The JSON at `path`, through a client that keeps to the rules.
    pub(crate) fn json(&self, path: &str) -> Value {
        let mut response = ureq::get(format!("http://{}{path}", self.host))
            .header("Authorization", format!("Bearer {}", self.token))
            .call()
            .expect("an answer");
        let text = response.body_mut().read_to_string().expect("text");
        serde_json::from_str(&text).expect("JSON")
    }
}

fn head(reader: &mut BufReader<TcpStream>) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a status line");
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("headers");
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    (status.expect("a status"), headers)
}

/// One event of a stream.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) name: String,
    pub(crate) data: String,
}

/// The events at `path`, after the one that was seen `last`. The connection ends
/// with the iterator.
pub(crate) fn stream(
    client: &Client,
    path: &str,
    last: Option<u64>,
) -> impl Iterator<Item = Event> {
    let mut request = ureq::get(format!("http://{}{path}", client.host))
        .header("Authorization", format!("Bearer {}", client.token));
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last.to_string());
    }
    let response = request.call().expect("a stream");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut lines = BufReader::new(response.into_body().into_reader()).lines();
    std::iter::from_fn(move || {
        let mut event = Event {
            id: None,
            name: "message".to_owned(),
            data: String::new(),
        };
        loop {
            let line = lines.next()?.ok()?;
            match line.split_once(": ") {
                Some(("id", value)) => event.id = value.parse().ok(),
                Some(("event", value)) => value.clone_into(&mut event.name),
                Some(("data", value)) => event.data.push_str(value),
                // A blank line ends an event; comments are signs of life.
                _ if line.is_empty() && !event.data.is_empty() => return Some(event),
                _ => {}
            }
        }
    })
}
