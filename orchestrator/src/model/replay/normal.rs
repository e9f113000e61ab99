//! What two runs of the same work may differ in: times, measured amounts,
//! the campaign's own folder, names of scratch folders. All else must agree.
//!
//! Normalising twice is normalising once.

use std::path::Path;

use serde_json::{Map, Number, Value};

use super::numbers;

/// Stands for what was left out.
pub(super) const MASK: &str = "#";
/// Stands for a campaign's folder.
const CAMPAIGN: &str = "{campaign}";

/// Keys whose numbers the harness measures, whatever their unit. Those that
/// end in `_ms`, `_us` or `_ns` need not be listed.
const MEASURED: [&str; 13] = [
    "took_s",
    "elapsed_s",
    "cpu_s",
    "wall_s",
    "wall_s_left",
    "memory_bytes",
    "disk_bytes",
    "rss_bytes",
    "spent",
    "left",
    "reserved",
    "unsettled",
    "tries_left",
];

/// How much of an answer was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Times and amounts of memory only; numbers with decimals agree to six
    /// significant digits.
    Plain,
    /// Every number with decimals: a lab's answers.
    Measured,
}

/// Normalises what models are told in one campaign and in its replay.
#[derive(Clone, Debug)]
pub struct Normal {
    /// The campaigns' folders, longest first.
    folders: Vec<String>,
}

impl Normal {
    /// For campaigns in these folders.
    pub fn new<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut all: Vec<String> = Vec::new();
        for folder in folders {
            let real = folder.canonicalize().ok();
            for path in [Some(folder.to_owned()), real].into_iter().flatten() {
                let text = path.to_string_lossy().trim_end_matches('/').to_owned();
                if text.len() > 1 && !all.contains(&text) {
                    all.push(text);
                }
            }
        }
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self { folders: all }
    }

    /// A text without what may differ.
    pub fn text(&self, text: &str, kind: Kind) -> String {
        let mut text = text.to_owned();
        for folder in &self.folders {
            text = moved(&text, folder, CAMPAIGN);
        }
        let lines: Vec<String> = text
            .split('\n')
            .map(|line| numbers::normal(&listing(&names(line)), kind))
            .collect();
        lines.join("\n")
    }

    /// A document without what may differ.
    pub fn json(&self, value: &Value, kind: Kind) -> Value {
        match value {
            Value::String(text) => self.text(text, kind).into(),
            Value::Number(number) => decimal(number, kind),
            Value::Array(items) => items.iter().map(|item| self.json(item, kind)).collect(),
            Value::Object(fields) => {
                // The size of an output that holds a time is a time too.
                let output = fields.contains_key("text");
                let normal = |(key, value): (&String, &Value)| {
                    let masked =
                        value.is_number() && (is_measured(key) || output && key == "bytes");
                    let value = if masked {
                        MASK.into()
                    } else {
                        self.json(value, kind)
                    };
                    (key.clone(), value)
                };
                Value::Object(fields.iter().map(normal).collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }
}

fn is_measured(key: &str) -> bool {
    ["_ms", "_us", "_ns"].iter().any(|end| key.ends_with(end)) || MEASURED.contains(&key)
}

fn decimal(number: &Number, kind: Kind) -> Value {
    match (number.is_f64(), kind, number.as_f64()) {
        (true, Kind::Measured, _) => MASK.into(),
        (true, Kind::Plain, Some(value)) => numbers::rounded(value)
            .and_then(|text| text.parse::<f64>().ok())
            .map_or_else(|| number.clone().into(), Value::from),
        _ => number.clone().into(),
    }
}

/// A text with the paths below one folder below another. A longer name that
/// begins like the folder's is another folder.
pub(super) fn moved(text: &str, from: &str, to: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        let begins = !before.ends_with(is_of_name) || !from.starts_with(is_of_name);
        // A full stop may end a sentence.
        let goes_on = after.strip_prefix('.').unwrap_or(after);
        result.push_str(before);
        result.push_str(if begins && !goes_on.starts_with(is_of_name) {
            to
        } else {
            from
        });
        rest = after;
    }
    result.push_str(rest);
    result
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Names that are drawn anew in each run: of scratch folders, temporary files
/// and addresses.
fn names(line: &str) -> String {
    let mut result = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let starts_a_word = !result.ends_with(|c: char| c.is_alphanumeric());
        let drawn = if starts_a_word { drawn(rest) } else { None };
        if let Some((kept, length)) = drawn {
            result.push_str(kept);
            result.push_str(MASK);
            rest = &rest[length..];
        } else {
            result.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    result
}

/// The part of a drawn name that is the same each time, and the length of all
/// of it.
fn drawn(rest: &str) -> Option<(&'static str, usize)> {
    let run = |start: usize, fits: fn(u8) -> bool| {
        rest.as_bytes()[start..]
            .iter()
            .take_while(|byte| fits(**byte))
            .count()
    };
    if rest.starts_with("command-") {
        let pid = run(8, |byte| byte.is_ascii_digit());
        let next = 8 + pid;
        if pid > 0 && rest[next..].starts_with('-') {
            let serial = run(next + 1, |byte| byte.is_ascii_digit());
            return (serial > 0).then_some(("command-", next + 1 + serial));
        }
    }
    if rest.starts_with("tmp.") {
        let name = run(4, |byte| byte.is_ascii_alphanumeric());
        return (name == 10).then_some(("tmp.", 14));
    }
    if rest.starts_with("tmp") {
        let name = run(3, |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
        });
        return (name == 8).then_some(("tmp", 11));
    }
    if rest.starts_with("0x") {
        let digits = run(2, |byte| byte.is_ascii_hexdigit());
        return (digits >= 6).then_some(("0x", 2 + digits));
    }
    None
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A line of `ls -l` without the time of the file's last change.
fn listing(line: &str) -> String {
    let bytes = line.as_bytes();
    let is_listed = bytes.len() > 10
        && b"-dlbcps".contains(&bytes[0])
        && bytes[1..10].iter().all(|byte| b"rwxsStT-".contains(byte));
    if !is_listed {
        return line.to_owned();
    }
    let words: Vec<&str> = line.split(' ').collect();
    let full: Vec<usize> = (0..words.len())
        .filter(|at| !words[*at].is_empty())
        .collect();
    let word = |place: usize| full.get(place).map_or("", |at| words[*at]);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let clock =
        |text: &str| text.len() >= 4 && text.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let date =
        |text: &str| text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let mut seen = (0..full.len()).take_while(|at| word(*at) != MASK);
    let found = seen.find_map(|at| {
        if MONTHS.contains(&word(at)) && digits(word(at + 1)) && clock(word(at + 2)) {
            return Some((at, at + 2));
        }
        (date(word(at)) && clock(word(at + 1))).then_some((at, at + 1))
    });
    let Some((first, last)) = found else {
        return line.to_owned();
    };
    let before = words[..full[first]].join(" ");
    let after = words[full[last] + 1..].join(" ");
    // The day is padded, so the spaces before it may differ.
    format!("{} {MASK} {after}", before.trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn normal() -> Normal {
        Normal::new([Path::new("/data/c1"), Path::new("/data/c1-again")])
    }

    fn plain(text: &str) -> String {
        normal().text(text, Kind::Plain)
    }

    #[test]
    fn times_folders_and_drawn_names_do_not_count() {
        for (one, other) in [
            ("fit in 0.53 s", "fit in 12.9 s"),
            ("12ms, 3.5e2 ms", "9ms, 1.0 ms"),
            ("took 3", "took 4"),
            ("elapsed: 3.2", "elapsed: 3.9"),
            ("real\t0m1.234s", "real\t1m0.004s"),
            ("/data/c1/workspace", "/data/c1-again/workspace"),
            ("cd /data/c1 && ls", "cd /data/c1-again && ls"),
            (".scratch/command-12-0/x", ".scratch/command-7-31/x"),
            ("/s/tmp.AbCdEfGhIj", "/s/tmp.0123456789"),
            ("/s/tmpab_defgh/x", "/s/tmp01234567/x"),
            ("<f at 0x7f01aa>", "<f at 0x6e12bb00>"),
            (
                "-rw-r--r-- 1 u g 12 Nov  4 10:11 a.csv",
                "-rw-r--r-- 1 u g 12 Dec 14 09:59 a.csv",
            ),
            (
                "drwxr-xr-x 2 u g 4096 2026-01-02 10:11 a",
                "drwxr-xr-x 2 u g 4096 2026-02-03 11:12 a",
            ),
            ("rmse 12.3456789", "rmse 12.3456788"),
        ] {
            assert_eq!(plain(one), plain(other), "{one}");
        }
    }

    #[test]
    fn all_else_counts() {
        for (one, other) in [
            ("rmse 12.3456", "rmse 12.3467"),
            ("rows 480", "rows 481"),
            ("horizon 24 h", "horizon 48 h"),
            ("numpy 2.1.3", "numpy 2.1.4"),
            ("/data/c1x/a", "/data/c1/a"),
            ("2011-01-01 00:00", "2011-01-01 01:00"),
            ("Nov 4 10:11", "Nov 4 10:12"),
            ("x1.5", "x1.6"),
            (
                "-rw-r--r-- 1 u g 12 Nov 4 10:11 a",
                "-rw-r--r-- 1 u g 13 Nov 4 10:11 a",
            ),
        ] {
            assert_ne!(plain(one), plain(other), "{one}");
        }
    }

    #[test]
    fn measured_keys_do_not_count_and_settings_do() {
        let of = |value: &Value| normal().json(value, Kind::Plain);
        let one = json!({ "took_ms": 1, "left": 2.5, "stdout": { "text": "0.1 s", "bytes": 5 } });
        let two = json!({ "took_ms": 9, "left": 1.5, "stdout": { "text": "10.1 s", "bytes": 6 } });
        assert_eq!(of(&one), of(&two));
        for (one, other) in [
            (json!({ "timeout_s": 1 }), json!({ "timeout_s": 2 })),
            (json!({ "written_bytes": 1 }), json!({ "written_bytes": 2 })),
            (json!({ "value": 1.5 }), json!({ "value": 1.6 })),
            (json!({ "left": "a" }), json!({ "left": "b" })),
            (json!({ "code": 0 }), json!({ "code": 1 })),
        ] {
            assert_ne!(of(&one), of(&other));
        }
        let lab = |value: f64| normal().json(&json!({ "value": value, "n": 3 }), Kind::Measured);
        assert_eq!(lab(1.5), lab(1.6));
    }

    proptest! {
        #[test]
        fn twice_is_once(
            text in "([a-z0x/ .:#=\n-]|[0-9]{1,3}|\\.[0-9]|took |ms| s|e-?[0-9]|tmp|/data/c1|command-|-rw-r--r-- 1 Nov 4 10:11 ){0,24}",
            measured: bool,
        ) {
            let kind = if measured { Kind::Measured } else { Kind::Plain };
            let once = normal().text(&text, kind);
            prop_assert_eq!(normal().text(&once, kind), once);
        }

        #[test]
        fn twice_is_once_for_documents(value: f64, text in "[0-9a-z. ]{0,12}", key in "(left|x_ms|bytes|text|x)") {
            let document = json!({ key: [value, text, { "bytes": 3, "left": value }] });
            for kind in [Kind::Plain, Kind::Measured] {
                let once = normal().json(&document, kind);
                prop_assert_eq!(normal().json(&once, kind), once);
            }
        }
    }
}
