//! Text to tokens.

use thiserror::Error;

/// Text that is no PTX.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} of the PTX: {what}")]
pub struct SyntaxError {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub what: String,
}

/// Longest text that is read: a statement takes a hundred times its bytes in
/// memory. The largest that compilers write have some millions.
const MOST_BYTES: usize = 1 << 25;

/// One token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A name, `%` and `$` included: `mov`, `%rd1`, `$L__BB0_2`.
    Word(&'a str),
    /// What follows a dot, without it: `sync`, `v4`, `shared::cta`.
    Dotted(&'a str),
    /// An integer's bits; a negative one is a minus sign and this.
    Int(u64),
    /// `0f…`: the bits of a single.
    F32(u32),
    /// `0d…`, or decimal: the bits of a double.
    F64(u64),
    /// Between quotation marks.
    Text(&'a str),
    /// One character that stands for itself.
    Mark(u8),
    /// Nothing is left.
    End,
}

/// Reads tokens one after the other; can look one ahead.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    next: Token<'a>,
    /// Of `next`.
    next_line: u32,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, SyntaxError> {
        if text.len() > MOST_BYTES {
            return Err(SyntaxError {
                line: 1,
                what: format!("{} bytes, at most {MOST_BYTES} are read", text.len()),
            });
        }
        let mut lexer = Self {
            text,
            at: 0,
            line: 1,
            next: Token::End,
            next_line: 1,
        };
        lexer.advance()?;
        Ok(lexer)
    }

    /// The next token, which stays.
    pub(super) fn peek(&self) -> Token<'a> {
        self.next
    }

    /// The line of the next token.
    pub(super) fn next_line(&self) -> u32 {
        self.next_line
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Result<Token<'a>, SyntaxError> {
        let token = self.next;
        self.advance()?;
        Ok(token)
    }

    pub(super) fn error(&self, what: impl Into<String>) -> SyntaxError {
        SyntaxError {
            line: self.next_line,
            what: what.into(),
        }
    }

    fn advance(&mut self) -> Result<(), SyntaxError> {
        self.skip_blanks()?;
        self.next_line = self.line;
        self.next = self.read()?;
        Ok(())
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        let bytes = self.bytes();
        loop {
            match bytes.get(self.at) {
                Some(b'\n') => {
                    self.line += 1;
                    self.at += 1;
                }
                // A module handed over as a C string ends with a zero byte.
                Some(b' ' | b'\t' | b'\r' | b'\0') => self.at += 1,
                Some(b'/') if bytes.get(self.at + 1) == Some(&b'/') => {
                    let rest = &bytes[self.at..];
                    let length = rest.iter().position(|&byte| byte == b'\n');
                    self.at += length.unwrap_or(rest.len());
                }
                Some(b'/') if bytes.get(self.at + 1) == Some(&b'*') => {
                    let rest = &self.text[self.at..];
                    // The star that opens it does not close it.
                    let end = rest[2..].find("*/").map(|end| end + 2);
                    let Some(end) = end else {
                        self.next_line = self.line;
                        return Err(self.error("a comment that does not end"));
                    };
                    self.line += count_lines(&rest[..end]);
                    self.at += end + 2;
                }
                _ => return Ok(()),
            }
        }
    }

    fn read(&mut self) -> Result<Token<'a>, SyntaxError> {
        let Some(&first) = self.bytes().get(self.at) else {
            return Ok(Token::End);
        };
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | b'%' => {
                Ok(Token::Word(self.span(self.at, is_name)))
            }
            b'.' => {
                let word = self.span(self.at + 1, |byte| is_name(byte) || byte == b':');
                if word.is_empty() {
                    return Err(self.error("a dot with nothing behind it"));
                }
                Ok(Token::Dotted(word))
            }
            b'0'..=b'9' => self.number(),
            b'"' => {
                let start = self.at + 1;
                let Some(length) = self.text[start..].find('"') else {
                    return Err(self.error("a quotation mark without its end"));
                };
                let text = &self.text[start..start + length];
                self.line += count_lines(text);
                self.at = start + length + 1;
                Ok(Token::Text(text))
            }
            mark if mark.is_ascii_graphic() => {
                self.at += 1;
                Ok(Token::Mark(mark))
            }
            _ => {
                let character = self.text[self.at..].chars().next().unwrap_or_default();
                Err(self.error(format!("{character:?} is no part of PTX")))
            }
        }
    }

    /// The bytes from `start` on that belong to it; goes on behind them.
    fn span(&mut self, start: usize, belongs: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.bytes()[start..];
        let length = rest.iter().position(|&byte| !belongs(byte));
        self.at = start + length.unwrap_or(rest.len());
        &self.text[start..self.at]
    }

    /// PTX ISA 9.0, section 4.5: integers in four bases, singles and doubles
    /// by their bits, decimal doubles.
    fn number(&mut self) -> Result<Token<'a>, SyntaxError> {
        let start = self.at;
        let word = self.span(start, |byte| byte.is_ascii_alphanumeric());
        let bad = || format!("`{word}` is no number");
        let by_bits = |digits: &str, length| {
            (digits.len() == length)
                .then(|| u64::from_str_radix(digits, 16).ok())
                .flatten()
        };
        match word.as_bytes() {
            [b'0', b'f' | b'F', ..] => {
                let bits = by_bits(&word[2..], 8).and_then(|bits| u32::try_from(bits).ok());
                return bits.map(Token::F32).ok_or_else(|| self.error(bad()));
            }
            [b'0', b'd' | b'D', ..] => {
                let bits = by_bits(&word[2..], 16);
                return bits.map(Token::F64).ok_or_else(|| self.error(bad()));
            }
            _ => {}
        }
        let fraction = self.bytes().get(self.at) == Some(&b'.')
            && self
                .bytes()
                .get(self.at + 1)
                .is_some_and(u8::is_ascii_digit);
        if fraction {
            self.span(self.at + 1, |byte| byte.is_ascii_alphanumeric());
            let signed = matches!(self.bytes().get(self.at), Some(b'+' | b'-'));
            if signed && self.text[..self.at].ends_with(['e', 'E']) {
                self.span(self.at + 1, |byte| byte.is_ascii_digit());
            }
            let word = &self.text[start..self.at];
            let value: Result<f64, _> = word.parse();
            return value
                .map(|value| Token::F64(value.to_bits()))
                .map_err(|_| self.error(format!("`{word}` is no number")));
        }
        let digits = word.trim_end_matches('U');
        let value = match digits.as_bytes() {
            [b'0', b'x' | b'X', ..] => u64::from_str_radix(&digits[2..], 16),
            [b'0', b'b' | b'B', ..] => u64::from_str_radix(&digits[2..], 2),
            [b'0', _, ..] => u64::from_str_radix(&digits[1..], 8),
            _ => digits.parse(),
        };
        value.map(Token::Int).map_err(|_| self.error(bad()))
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'%')
}

fn count_lines(text: &str) -> u32 {
    let lines = text.bytes().filter(|&byte| byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token<'_>>, SyntaxError> {
        let mut lexer = Lexer::new(text)?;
        let mut tokens = Vec::new();
        while lexer.peek() != Token::End {
            tokens.push(lexer.take()?);
        }
        Ok(tokens)
    }

    #[test]
    fn numbers_of_all_kinds() {
        let one = |text| tokens(text).unwrap()[0];
        assert_eq!(one("42"), Token::Int(42));
        assert_eq!(one("0x1F"), Token::Int(31));
        assert_eq!(one("0b101U"), Token::Int(5));
        assert_eq!(one("017"), Token::Int(15));
        assert_eq!(one("0"), Token::Int(0));
        assert_eq!(one("18446744073709551615U"), Token::Int(u64::MAX));
        assert_eq!(one("0f3F800000"), Token::F32(1.0f32.to_bits()));
        assert_eq!(one("0d3FF0000000000000"), Token::F64(1.0f64.to_bits()));
        assert_eq!(one("1.5e-3"), Token::F64(1.5e-3f64.to_bits()));
        for bad in ["0f3F8", "0d00", "12ab", "0x", "18446744073709551616"] {
            assert!(tokens(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_dots_and_marks() {
        use Token::{Dotted, Mark, Word};
        let found = tokens("@!%p1 st.shared::cta.v4 [$L_a+0], {%r1};").unwrap();
        let expected = [
            Mark(b'@'),
            Mark(b'!'),
            Word("%p1"),
            Word("st"),
            Dotted("shared::cta"),
            Dotted("v4"),
            Mark(b'['),
            Word("$L_a"),
            Mark(b'+'),
            Token::Int(0),
            Mark(b']'),
            Mark(b','),
            Mark(b'{'),
            Word("%r1"),
            Mark(b'}'),
            Mark(b';'),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_counted_through_comments() {
        let mut lexer = Lexer::new("// a\n/* b\n\n*/ ret;\0").unwrap();
        assert_eq!((lexer.next_line(), lexer.peek()), (4, Token::Word("ret")));
        lexer.take().unwrap();
        lexer.take().unwrap();
        assert_eq!(lexer.peek(), Token::End);
    }

    #[test]
    fn what_does_not_end_is_named_with_its_line() {
        let error = tokens("\n /* x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2 of the PTX: a comment that does not end"
        );
        assert!(tokens("/*/ ret;").is_err());
        assert!(tokens("/**/ ret;").is_ok());
        let error = tokens("ret;\n\n\u{e4}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 3 of the PTX: 'ä' is no part of PTX"
        );
    }
}
