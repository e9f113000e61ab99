//! A key that can't be shown by accident.

use std::fmt;

use serde::{Serialize, Serializer};

/// What stands in for a secret wherever it would be shown.
const REDACTED: &str = "[redacted]";

/// A provider's key. Shown, logged or serialised it is `[redacted]`; only the
/// HTTP client asks for the text.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a key, less the white space around it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key itself, for a request's header.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// `text` without the key, whole or in part: providers echo keys in
    /// messages about them, often with the middle starred out.
    pub fn redact(&self, text: &str) -> String {
        /// A beginning or end of a key this long gives too much away.
        const PART: usize = 8;
        if self.0.is_empty() {
            return text.to_owned();
        }
        let mut text = text.replace(&self.0, REDACTED);
        if self.0.is_ascii() && self.0.len() >= 2 * PART {
            let (head, tail) = (&self.0[..PART], &self.0[self.0.len() - PART..]);
            text = text.replace(head, REDACTED).replace(tail, REDACTED);
            // `sk-ab****wxyz`: stars between a piece of the head and of the tail.
            text = text
                .split_inclusive(char::is_whitespace)
                .map(|word| self.redact_starred(word))
                .collect();
        }
        text
    }

    /// A word with stars in it that begins or ends like the key.
    fn redact_starred(&self, word: &str) -> String {
        let bare =
            word.trim_matches(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_' || c == '*'));
        let (Some(first), Some(last)) = (bare.find("**"), bare.rfind("**")) else {
            return word.to_owned();
        };
        let (head, tail) = (&bare[..first], &bare[last + 2..]);
        let ours = (head.len() >= 3 && self.0.starts_with(head))
            || (tail.len() >= 3 && self.0.ends_with(tail));
        if ours {
            word.replace(bare, REDACTED)
        } else {
            word.to_owned()
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-ant-0123456789abcdef-wxyz";

    #[test]
    fn nothing_that_shows_a_secret_shows_it() {
        #[derive(Debug, Serialize)]
        struct Settings {
            key: Secret,
        }
        let settings = Settings {
            key: Secret::new(&format!("{KEY}\n")),
        };
        let shown = [
            format!("{settings:?} {settings:#?}"),
            settings.key.to_string(),
            serde_json::to_string(&settings).unwrap(),
        ];
        for text in shown {
            assert!(!text.contains("sk-"), "{text}");
            assert!(text.contains(REDACTED));
        }
        assert_eq!(settings.key.expose(), KEY);
    }

    #[test]
    fn echoes_of_a_key_are_redacted_even_when_starred() {
        let key = Secret::new(KEY);
        for echo in [
            format!("bad key {KEY}."),
            "bad key sk-ant-01[...]".to_owned(),
            "Incorrect API key provided: sk-an*************wxyz. See".to_owned(),
            "ends in ...def-wxyz".to_owned(),
        ] {
            let text = key.redact(&echo);
            assert!(!text.contains("sk-an"), "{text}");
            assert!(!text.contains("wxyz"), "{text}");
        }
        assert_eq!(key.redact("a **bold** word"), "a **bold** word");
        assert_eq!(Secret::new("").redact("text"), "text");
    }
}
