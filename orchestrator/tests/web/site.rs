//! A web server on the loopback that says what it is told to.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// What a path answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Status, headers and body.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Nothing, for as long as the other side waits.
    Never,
    /// A head, and then a byte now and then without an end.
    Drip,
}

impl Answer {
    pub(crate) fn page(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Whole(
            200,
            vec![("content-type", media_type.to_owned())],
            body.into(),
        )
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::Whole(302, vec![("location", to.to_owned())], Vec::new())
    }
}

#[derive(Debug, Default)]
struct Shared {
    asked: Mutex<Vec<String>>,
    news: Condvar,
    paths: Mutex<HashMap<String, Answer>>,
}

/// The server. Its threads end with the test.
#[derive(Debug)]
pub(crate) struct Site {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Site {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let site = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = Arc::clone(&site);
                std::thread::spawn(move || serve(&stream, &site));
            }
        });
        Self { address, shared }
    }

    /// What a path, less its query, answers from now on.
    pub(crate) fn put(&self, path: &str, answer: Answer) -> &Self {
        let mut paths = self.shared.paths.lock().expect("no panic");
        paths.insert(path.to_owned(), answer);
        self
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Paths with their queries, as they were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect("no panic").clone()
    }

    /// Waits until so many requests have come.
    pub(crate) fn wait_for(&self, requests: usize) {
        let asked = self.shared.asked.lock().expect("no panic");
        let enough = |asked: &mut Vec<String>| asked.len() < requests;
        drop(
            self.shared
                .news
                .wait_while(asked, enough)
                .expect("no panic"),
        );
    }
}

/// Answers one request. Who hangs up early is no concern of the server's.
fn serve(mut stream: &TcpStream, site: &Shared) -> Option<()> {
    let mut from = BufReader::new(stream);
    let mut first = String::new();
    from.read_line(&mut first).ok()?;
    loop {
        let mut header = String::new();
        if from.read_line(&mut header).ok()? == 0 || header == "\r\n" {
            break;
        }
    }
    let target = first.split(' ').nth(1)?.to_owned();
    let path = target.split('?').next()?.to_owned();
    let found = site.paths.lock().expect("no panic").get(&path).cloned();
    site.asked.lock().expect("no panic").push(target);
    site.news.notify_all();
    match found.unwrap_or(Answer::Whole(404, Vec::new(), b"no such page".to_vec())) {
        Answer::Whole(status, headers, body) => {
            let mut head = format!(
                "HTTP/1.1 {status} Answer\r\ncontent-length: {}\r\nconnection: close\r\n",
                body.len()
            );
            for (name, value) in headers {
                head.extend([name, ": ", &value, "\r\n"]);
            }
            head.push_str("\r\n");
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(&body).ok()?;
        }
        Answer::Never => {
            let mut rest = [0; 64];
            while matches!(from.read(&mut rest), Ok(1..)) {}
        }
        Answer::Drip => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
            stream.write_all(head.as_bytes()).ok()?;
            loop {
                stream.write_all(b"x").ok()?;
                // The pace of a slow server, not a wait for anything.
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }
    Some(())
}
