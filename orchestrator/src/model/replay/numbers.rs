//! Numbers in a line of text: durations are left out, decimals are rounded.

use super::normal::{Kind, MASK};

/// Units of time. A whole number of seconds, minutes or hours may be a
/// setting; only one with decimals was measured.
const LONG: [&str; 11] = [
    "s", "sec", "secs", "second", "seconds", "min", "mins", "minute", "minutes", "h", "hours",
];
const SHORT: [&str; 4] = ["ms", "us", "µs", "ns"];
/// What stands before a duration without a unit.
const BEFORE_ANY: [&str; 2] = ["took", "elapsed"];
const BEFORE_DECIMAL: [&str; 7] = [
    "time", "times", "seconds", "secs", "duration", "runtime", "wall",
];

/// A line with its numbers normalised.
pub(super) fn normal(line: &str, kind: Kind) -> String {
    let mut result = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let inside = result.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let number = if c.is_ascii_digit() && !inside {
            Found::at(rest)
        } else {
            None
        };
        if let Some(found) = number {
            result.push_str(&found.shown(&result, kind));
            rest = found.after;
        } else if c.is_ascii_digit() {
            // Not a piece of it either.
            let length = rest.bytes().take_while(u8::is_ascii_digit).count();
            result.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            result.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    result
}

/// Six significant digits; none for what is no finite number.
pub(super) fn rounded(value: f64) -> Option<String> {
    let text = format!("{value:.5e}");
    // Rounding up can leave the range.
    let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
    (value.is_finite() && finite).then_some(text)
}

/// A number that stands on its own, or with a unit.
struct Found<'a> {
    text: &'a str,
    has_decimals: bool,
    /// The unit, with the spaces before it, is still in here.
    after: &'a str,
}

impl<'a> Found<'a> {
    fn at(rest: &'a str) -> Option<Self> {
        let bytes = rest.as_bytes();
        let digits = |from: usize| {
            let tail = bytes.get(from..).unwrap_or_default();
            tail.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let mut end = digits(0);
        let mut has_decimals = false;
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
            has_decimals = true;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
            let exponent = digits(end + 1 + sign);
            if exponent > 0 {
                end += 1 + sign + exponent;
                has_decimals = true;
            }
        }
        // The shell's `0m1.234s`.
        if !has_decimals && bytes.get(end) == Some(&b'm') {
            let whole = digits(end + 1);
            let point = end + 1 + whole;
            let part = digits(point + 1);
            let all = point + 1 + part;
            if whole > 0
                && part > 0
                && bytes.get(point) == Some(&b'.')
                && bytes.get(all) == Some(&b's')
            {
                return Some(Self {
                    text: &rest[..all],
                    has_decimals: true,
                    after: &rest[all..],
                });
            }
        }
        let (text, after) = rest.split_at(end);
        let of_word = |c: char| c.is_alphanumeric() || c == '_';
        // A full stop may end a sentence.
        let stands_alone = !after
            .strip_prefix('.')
            .unwrap_or(after)
            .starts_with(of_word);
        let found = Self {
            text,
            has_decimals,
            after,
        };
        (stands_alone || found.unit().is_some()).then_some(found)
    }

    /// The unit of time behind it.
    fn unit(&self) -> Option<&'a str> {
        let behind = self.after.trim_start_matches(' ');
        if self.after.len() - behind.len() > 1 {
            return None;
        }
        let end = behind.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let word = &behind[..end.unwrap_or(behind.len())];
        (SHORT.contains(&word) || self.has_decimals && LONG.contains(&word)).then_some(word)
    }

    fn shown(&self, before: &str, kind: Kind) -> String {
        let word = before
            .trim_end_matches([' ', ':', '=', '\t'])
            .rsplit(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default()
            .to_lowercase();
        let after_word = BEFORE_ANY.contains(&word.as_str())
            || self.has_decimals && BEFORE_DECIMAL.contains(&word.as_str());
        let measured = self.has_decimals && kind == Kind::Measured;
        if self.unit().is_some() || after_word || measured || self.text.contains('m') {
            return MASK.to_owned();
        }
        let value = self.text.parse().ok().filter(|_| self.has_decimals);
        value
            .and_then(rounded)
            .unwrap_or_else(|| self.text.to_owned())
    }
}
