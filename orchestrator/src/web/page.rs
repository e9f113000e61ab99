//! What a body says: its type, its characters, its text.

use encoding_rs::{Encoding, UTF_8};

use super::client::{Fetched, Got, Reason};
use super::html;

/// Bytes at the start of a page in which it may name its encoding.
const PREAMBLE: usize = 1024;
/// Characters of a title.
const MAX_TITLE: usize = 300;

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Text,
}

/// A body as a text.
pub(super) fn read(got: Got) -> Result<Fetched, Reason> {
    let Got {
        url,
        content_type,
        body,
        cut,
    } = got;
    let content_type = content_type.unwrap_or_default();
    let mut parts = content_type.split(';');
    let named = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let ours = name.trim().eq_ignore_ascii_case("charset");
        ours.then(|| value.trim().trim_matches('"').to_owned())
    });
    if named == "application/pdf" || body.starts_with(b"%PDF-") {
        return Err(Reason::Pdf);
    }
    let media_type = if named.is_empty() {
        guess(&body)
    } else {
        &named
    };
    let form = form(media_type).ok_or_else(|| Reason::NotText(media_type.to_owned()))?;
    let label = charset.or_else(|| (form == Form::Html).then(|| of_preamble(&body)).flatten());
    let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    // A mark at the start of the body goes before what is said about it.
    let (decoded, _, _) = encoding.unwrap_or(UTF_8).decode(&body);
    if is_binary(&decoded) {
        return Err(Reason::Binary);
    }
    let (title, text) = match form {
        Form::Html => {
            let page = html::read(&decoded, &url);
            (page.title, page.text)
        }
        Form::Text => (None, decoded.into_owned()),
    };
    Ok(Fetched {
        url: url.to_string(),
        title: title
            .map(|title| line(&title, MAX_TITLE))
            .filter(|title| !title.is_empty()),
        media_type: media_type.to_owned(),
        text: clean(&text),
        cut,
    })
}

/// The type of a body that came without one.
fn guess(body: &[u8]) -> &'static str {
    let start = body.trim_ascii_start();
    if start.starts_with(b"<!")
        || start
            .get(..5)
            .is_some_and(|s| s.eq_ignore_ascii_case(b"<html"))
    {
        "text/html"
    } else {
        "text/plain"
    }
}

fn form(media_type: &str) -> Option<Form> {
    match media_type {
        "text/html" | "application/xhtml+xml" => Some(Form::Html),
        "application/json" | "application/xml" | "application/x-ndjson" | "application/yaml" => {
            Some(Form::Text)
        }
        other => {
            let is_text = other.starts_with("text/")
                || (other.starts_with("application/")
                    && (other.ends_with("+json") || other.ends_with("+xml")));
            is_text.then_some(Form::Text)
        }
    }
}

/// The encoding that a page names in its first lines.
fn of_preamble(body: &[u8]) -> Option<String> {
    let start = body.get(..PREAMBLE).unwrap_or(body);
    let text = String::from_utf8_lossy(start).to_ascii_lowercase();
    let (_, rest) = text.split_once("charset=")?;
    let rest = rest.trim_start_matches(['"', '\'', ' ']);
    let is_of_label = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
    let label: String = rest.chars().take_while(|c| is_of_label(*c)).collect();
    (!label.is_empty()).then_some(label)
}

/// Whether a text is none: it has characters that no text has, or many bytes
/// that are no characters.
fn is_binary(text: &str) -> bool {
    let replaced = text
        .chars()
        .filter(|c| *c == char::REPLACEMENT_CHARACTER)
        .count();
    text.contains('\0') || replaced * 10 > text.chars().count()
}

/// A text without what nobody sees: characters that steer a terminal, turn the
/// direction of writing or take no room, in which words for a model alone could
/// be hidden.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| matches!(c, '\n' | '\t') || !(c.is_control() || is_invisible(*c)))
        .collect()
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The start of a text as one clean line.
pub(super) fn line(text: &str, most: usize) -> String {
    let text = clean(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let whole = words.join(" ");
    match whole.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

#[cfg(test)]
mod tests {
    use ureq::http::Uri;

    use super::*;

    fn got(content_type: &str, body: &[u8]) -> Got {
        Got {
            url: Uri::from_static("http://example.org/"),
            content_type: (!content_type.is_empty()).then(|| content_type.to_owned()),
            body: body.to_owned(),
            cut: false,
        }
    }

    fn text(content_type: &str, body: &[u8]) -> String {
        read(got(content_type, body)).unwrap().text
    }

    #[test]
    fn text_is_read_in_the_encoding_that_is_named() {
        assert_eq!(text("text/plain", "größe".as_bytes()), "größe");
        assert_eq!(
            text("text/plain; charset=ISO-8859-1", b"gr\xf6\xdfe"),
            "größe"
        );
        assert_eq!(
            text("text/csv; header=present; charset=\"utf-8\"", b"a,b"),
            "a,b"
        );
        let page = b"<meta charset='shift_jis'><p>\x93\xfa\x96\x7b";
        assert_eq!(text("text/html", page), "日本");
        assert_eq!(text("text/plain", b"\xff\xfea\0b\0"), "ab");
        assert_eq!(text("application/vnd.api+json", b"{}"), "{}");
        assert_eq!(text("", b"  <!doctype html><p>x</p>"), "x");
        assert_eq!(text("", b"x < y"), "x < y");
    }

    #[test]
    fn what_is_no_text_is_named() {
        let told = |content_type: &str, body: &[u8]| {
            read(got(content_type, body)).unwrap_err().to_string()
        };
        assert!(told("application/pdf", b"x").contains("PDF"));
        assert!(told("text/plain", b"%PDF-1.7").contains("PDF"));
        assert!(told("image/png", b"x").contains("`image/png`"));
        assert!(told("application/octet-stream", b"x").contains("octet-stream"));
        assert!(told("text/plain", b"a\0b").contains("is not"));
        assert!(told("text/html", &[0xfe; 64]).contains("is not"));
    }

    #[test]
    fn nothing_is_said_that_nobody_sees() {
        assert_eq!(
            clean("a\u{1b}[2Jb\u{202e}c\u{e0041}\u{200b}\r\nd\te"),
            "a[2Jbc\nd\te"
        );
        assert_eq!(line(" two\n words \u{7}", 20), "two words");
        assert_eq!(line("größer", 3), "grö…");
    }
}
