//! As much of HTTP/1.1 as a client of models needs: one request per
//! connection, a body of known length, an answer whole or in chunks.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Longest line of a head.
const MAX_LINE: u64 = 64 << 10;
/// Largest body.
const MAX_BODY: u64 = 256 << 20;

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(MAX_LINE).read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| bad("a head that is not UTF-8"))?;
    text.strip_suffix("\r\n")
        .map(str::to_owned)
        .ok_or_else(|| bad("a line of the head does not end"))
}

/// Reads a request; none if the connection closes before it begins.
pub(crate) fn read(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut from = BufReader::new(stream);
    if from.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let first = line(&mut from)?;
    let mut words = first.split(' ');
    let (Some(method), Some(path), Some("HTTP/1.1")) = (words.next(), words.next(), words.next())
    else {
        return Err(bad("no HTTP/1.1 request"));
    };
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut headers = HashMap::new();
    loop {
        let header = line(&mut from)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').ok_or_else(|| bad("a bad header"))?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length");
    let length: u64 = length
        .map_or(Ok(0), |text| text.parse())
        .map_err(|_| bad("a bad content-length"))?;
    if length > MAX_BODY {
        return Err(bad("too large a body"));
    }
    let mut body = vec![0; length as usize];
    from.read_exact(&mut body)?;
    Ok(Some(Request {
        method,
        path,
        headers,
        body,
    }))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        _ => "Answer",
    }
}

/// Writes a whole answer.
pub(crate) fn whole(
    mut to: &TcpStream,
    status: u16,
    headers: &[(&str, String)],
    body: &str,
) -> io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
        reason(status),
        body.len()
    );
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    to.write_all(head.as_bytes())?;
    to.write_all(body.as_bytes())?;
    to.flush()
}

/// An answer in chunks.
#[derive(Debug)]
pub(crate) struct Chunked<'a>(&'a TcpStream);

impl<'a> Chunked<'a> {
    pub(crate) fn begin(mut to: &'a TcpStream) -> io::Result<Self> {
        to.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
              cache-control: no-cache\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        )?;
        Ok(Self(to))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.0.write_all(&chunk)
    }

    pub(crate) fn end(self) -> io::Result<()> {
        let mut to = self.0;
        to.write_all(b"0\r\n\r\n")?;
        to.flush()
    }
}

/// Waits until the other side closes, or this side is shut down.
pub(crate) fn wait_for_close(mut stream: &TcpStream) {
    let mut rest = [0; 512];
    while matches!(stream.read(&mut rest), Ok(1..)) {}
}
