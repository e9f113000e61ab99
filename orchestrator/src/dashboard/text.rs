//! Text that agents wrote, made harmless to look at.

use serde_json::Value;

/// Stands where a character was that could have misled.
const GONE: char = '\u{fffd}';

/// `text` without terminal sequences, control characters and marks that
/// reorder what is shown. Line ends become `\n`, tabs stay.
///
/// Reordering marks make source read otherwise than it runs (Boucher and
/// Anderson, "Trojan Source", USENIX Security 2023).
pub(super) fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => clean.push(c),
            '\r' => {
                if rest.peek() != Some(&'\n') {
                    clean.push('\n');
                }
            }
            '\u{1b}' => skip_sequence(&mut rest),
            // The one-character form of `ESC [`.
            '\u{9b}' => skip_parameters(&mut rest),
            _ if c.is_control() || is_reordering(c) => clean.push(GONE),
            _ => clean.push(c),
        }
    }
    clean
}

/// Explicit directional formatting (Unicode Annex 9, section 2).
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Skips what follows an escape character (ECMA-48, sections 5.3 to 5.6). A
/// sequence ends with its line at the latest, so that it hides no more.
fn skip_sequence(rest: &mut Rest<'_>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_parameters(rest);
        }
        // A command string, to the bell or `ESC \`.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = rest.next_if(|c| !matches!(c, '\n' | '\r')) {
                match c {
                    '\u{7}' | '\u{9c}' => break,
                    '\u{1b}' => {
                        rest.next_if_eq(&'\\');
                        break;
                    }
                    _ => {}
                }
            }
        }
        Some('\u{20}'..='\u{7e}') => {
            while rest.next_if(|c| matches!(c, '\u{20}'..='\u{2f}')).is_some() {}
            rest.next_if(|c| matches!(c, '\u{30}'..='\u{7e}'));
        }
        _ => {}
    }
}

/// Skips parameters and the letter that ends them.
fn skip_parameters(rest: &mut Rest<'_>) {
    while rest.next_if(|c| matches!(c, '\u{20}'..='\u{3f}')).is_some() {}
    rest.next_if(|c| matches!(c, '\u{40}'..='\u{7e}'));
}

/// [`harmless`] for every text in a document.
pub(super) fn harmless_document(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.chars().any(|c| c.is_control() || is_reordering(c)) {
                *text = harmless(text);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(harmless_document),
        Value::Object(map) => map.values_mut().for_each(harmless_document),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The beginning of a text, at most `most` bytes, and whether something is
/// missing.
pub(super) fn beginning(text: &str, most: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(most);
    (&text[..end], end < text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_sequences_go_and_nothing_else() {
        for (given, shown) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("a\u{1b}[31;1mred\u{1b}[0m b", "ared b"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            ("a\u{1b}]8;;http://x\u{1b}\\link", "alink"),
            ("a\u{1b}]never ended\nnext", "a\nnext"),
            ("a\u{1b}(Bb", "ab"),
            ("a\u{9b}2Jb", "ab"),
            ("one\r\ntwo\rthree", "one\ntwo\nthree"),
            ("a\u{0}b\u{8}c", "a\u{fffd}b\u{fffd}c"),
            ("x\u{202e}fdp.exe", "x\u{fffd}fdp.exe"),
            ("Grüße, 世界", "Grüße, 世界"),
            ("\u{1b}", ""),
        ] {
            assert_eq!(harmless(given), shown, "{given:?}");
        }
    }

    #[test]
    fn a_document_is_cleaned_all_through() {
        let mut value = serde_json::json!({"a": ["\u{1b}[2J", {"b": "\u{7}c"}], "n": 1});
        harmless_document(&mut value);
        assert_eq!(
            value,
            serde_json::json!({"a": ["", {"b": "\u{fffd}c"}], "n": 1})
        );
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_left(text in "(\\PC|\\pC|\u{1b}|\\[|\\]|\r|\n)*") {
            let clean = harmless(&text);
            let bad = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_reordering(c);
            prop_assert!(!clean.chars().any(bad));
            prop_assert_eq!(harmless(&clean), clean.clone());
            // No line of it is lost.
            let ends = |text: &str| text.replace("\r\n", "\n").matches(['\n', '\r']).count();
            prop_assert_eq!(ends(&clean), ends(&text));
        }
    }
}
