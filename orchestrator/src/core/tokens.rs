//! Source text as tokens: what is left when layout and comments don't count.
//!
//! No language is parsed. Two texts have the same tokens only if they mean the
//! same, but for literals that hold what looks like a comment.

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'t> {
    /// Its text; a line break or a step of indentation where those count.
    pub text: &'t str,
    /// Whether it is a literal number.
    pub number: bool,
}

/// What counts in a file, by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a property of a kind of file"
)]
struct Rules {
    /// Begins a comment to the end of the line.
    line_comment: Option<&'static str>,
    /// Whether `/* … */` is a comment.
    block_comments: bool,
    /// Whether a line that begins with `#` ends where the line does.
    directives: bool,
    /// Whether the ends of lines count.
    lines: bool,
    /// Whether indentation counts.
    indents: bool,
}

impl Rules {
    fn of(name: &str) -> Self {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let none = Self {
            line_comment: None,
            block_comments: false,
            directives: false,
            lines: false,
            indents: false,
        };
        match ending {
            "c" | "cc" | "cpp" | "cxx" | "cu" | "cuh" | "h" | "hpp" => Self {
                line_comment: Some("//"),
                block_comments: true,
                directives: true,
                ..none
            },
            "rs" | "js" | "ts" | "java" => Self {
                line_comment: Some("//"),
                block_comments: true,
                ..none
            },
            "py" => Self {
                line_comment: Some("#"),
                lines: true,
                indents: true,
                ..none
            },
            "toml" | "yaml" | "yml" | "sh" | "ini" | "cfg" => Self {
                line_comment: Some("#"),
                lines: true,
                indents: ending.starts_with('y'),
                ..none
            },
            "json" => none,
            _ => Self {
                lines: true,
                ..none
            },
        }
    }
}

const END: &str = "\n";
const IN: &str = "\u{21e5}";
const OUT: &str = "\u{21e4}";

/// Marks of several characters, the longer ones first.
const MARKS: [&str; 30] = [
    "<<=", ">>=", "...", "->*", "**=", "//=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=",
    "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::", "**", "//", ":=", "@=",
];

/// The tokens of a file.
pub fn tokens<'t>(name: &str, text: &'t str) -> Vec<Token<'t>> {
    let mut scanner = Scanner {
        rules: Rules::of(name),
        text,
        at: 0,
        depth: 0,
        directive: false,
        fresh: true,
        indents: vec![0],
        found: Vec::new(),
    };
    while scanner.at < text.len() {
        scanner.step();
    }
    scanner.found
}

struct Scanner<'t> {
    rules: Rules,
    text: &'t str,
    at: usize,
    /// Open brackets.
    depth: u32,
    /// In a directive, which the end of the line ends.
    directive: bool,
    /// Nothing has been seen on this line.
    fresh: bool,
    indents: Vec<usize>,
    found: Vec<Token<'t>>,
}

impl<'t> Scanner<'t> {
    fn step(&mut self) {
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else {
            return;
        };
        if first == '\n' {
            self.end_line();
            self.at += 1;
        } else if first.is_whitespace() {
            self.at += first.len_utf8();
        } else if let Some(length) = continuation(rest) {
            self.at += length;
        } else if let Some(length) = self.comment(rest) {
            self.at += length;
        } else {
            self.indent();
            self.token(rest, first);
            self.fresh = false;
        }
    }

    fn end_line(&mut self) {
        let counts = (self.rules.lines && self.depth == 0) || self.directive;
        if counts && self.found.last().is_some_and(|last| last.text != END) {
            self.push(END, false);
        }
        self.directive = false;
        self.fresh = true;
    }

    /// Length of the comment that begins here, if one does.
    fn comment(&self, rest: &str) -> Option<usize> {
        let line = || rest.find('\n').unwrap_or(rest.len());
        if self.rules.block_comments && rest.starts_with("/*") {
            return Some(rest.find("*/").map_or(rest.len(), |at| at + 2));
        }
        let begins = self.rules.line_comment?;
        rest.starts_with(begins).then(line)
    }

    /// Steps of indentation before the first token of a line.
    fn indent(&mut self) {
        if !self.fresh || !self.rules.indents || self.depth > 0 {
            return;
        }
        let begins = self.text[..self.at].rfind('\n').map_or(0, |at| at + 1);
        let width = self.text[begins..self.at].chars().count();
        if width > self.indents.last().copied().unwrap_or(0) {
            self.indents.push(width);
            self.push(IN, false);
        }
        while self.indents.last().is_some_and(|last| width < *last) {
            self.indents.pop();
            self.push(OUT, false);
        }
    }

    fn token(&mut self, rest: &'t str, first: char) {
        let number = first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()));
        let length = if number {
            number_length(rest)
        } else if is_word(first) {
            rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())
        } else if first == '"' || first == '\'' {
            quoted_length(rest, first)
        } else {
            if self.fresh && self.rules.directives && first == '#' {
                self.directive = true;
            }
            match first {
                '(' | '[' | '{' => self.depth += 1,
                ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
            mark.map_or(first.len_utf8(), |mark| mark.len())
        };
        self.push(&rest[..length], number);
        self.at += length;
    }

    fn push(&mut self, text: &'t str, number: bool) {
        self.found.push(Token { text, number });
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A line that goes on in the next.
fn continuation(rest: &str) -> Option<usize> {
    ["\\\n", "\\\r\n"]
        .iter()
        .find(|mark| rest.starts_with(**mark))
        .map(|mark| mark.len())
}

/// Digits, letters, points, and the sign of an exponent.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    let mut at = 0;
    while at < bytes.len() {
        let sign = matches!(bytes[at], b'+' | b'-')
            && at > 0
            && !hexadecimal
            && matches!(bytes[at - 1], b'e' | b'E');
        if !(sign || bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'.' | b'_')) {
            break;
        }
        at += 1;
    }
    at
}

/// A text in quotes; three of them go over lines.
fn quoted_length(rest: &str, quote: char) -> usize {
    let three: String = [quote; 3].iter().collect();
    if let Some(inner) = rest.strip_prefix(&three) {
        return inner.find(&three).map_or(rest.len(), |at| at + 6);
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' if !escaped => return at,
            c if c == quote && !escaped => return at + 1,
            c => escaped = c == '\\' && !escaped,
        }
    }
    rest.len()
}

/// The value of a literal number, where it is a plain one.
pub fn value(token: Token<'_>) -> Option<f64> {
    let text = token.text.replace('_', "");
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let digits = digits.trim_end_matches(['u', 'U', 'l', 'L']);
        return u64::from_str_radix(digits, 16).ok().map(|n| n as f64);
    }
    let plain = text.trim_end_matches(['f', 'F', 'u', 'U', 'l', 'L']);
    plain.parse().ok().filter(|n: &f64| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, text: &str) -> Vec<String> {
        let found = tokens(name, text).into_iter();
        found.map(|token| token.text.to_owned()).collect()
    }

    #[test]
    fn layout_and_comments_do_not_count() {
        let cases = [
            ("k.cpp", "int a=1; // one\n", "/* a */ int  a\n = 1 ;"),
            ("k.cu", "f( x,\n y)", "f(x, y)"),
            (
                "k.cpp",
                "#define A 1 // one\nint b;",
                "# define A   1\n\nint b;",
            ),
            ("k.cpp", "#define A \\\n 1\nint b;", "#define A 1\nint b;"),
            (
                "r.py",
                "def f(a,\n   b):\n    return a # no\n",
                "def f(a, b):\n  return a\n",
            ),
            ("r.py", "if a:\n  b\n\n# x\n  c\n", "if a:\n    b\n    c\n"),
            ("p.toml", "a = 1 # one\n\nb = [1,\n 2]\n", "a=1\nb=[1, 2]\n"),
            ("c.json", "{\"a\" :\n1}", "{\"a\":1}"),
        ];
        for (name, a, b) in cases {
            assert_eq!(texts(name, a), texts(name, b), "{name}");
        }
    }

    #[test]
    fn what_means_something_else_is_something_else() {
        let cases = [
            ("k.cpp", "a - -b", "a--b"),
            ("k.cpp", "x = 1;", "x = 2;"),
            ("k.cpp", "#define A\n1", "#define A 1\n"),
            ("k.cpp", "\"a b\"", "\"a  b\""),
            ("r.py", "if a:\n  b\n  c\n", "if a:\n  b\nc\n"),
            ("r.py", "a\n-b\n", "a - b\n"),
            ("r.py", "s = '# a'\n", "s = '# b'\n"),
            ("k.cpp", "ab", "a b"),
        ];
        for (name, a, b) in cases {
            assert_ne!(texts(name, a), texts(name, b), "{name}: {a}");
        }
    }

    #[test]
    fn numbers_have_values() {
        let cases = [
            ("1.0f", Some(1.0)),
            ("0x1F", Some(31.0)),
            ("1e-3", Some(1e-3)),
            (".5", Some(0.5)),
            ("64u", Some(64.0)),
            ("1_000", Some(1000.0)),
            ("1.2.3", None),
        ];
        for (text, expected) in cases {
            let found = tokens("k.cpp", text);
            assert!(found.len() == 1 && found[0].number, "{text}");
            assert_eq!(value(found[0]), expected, "{text}");
        }
    }

    #[test]
    fn whatever_is_written_has_an_end() {
        for text in ["\"", "'''", "/*", "\\", "#", "é\"\\", "0x", "1e", "."] {
            for name in ["k.cpp", "r.py", "p.toml", "x"] {
                let _ = tokens(name, text);
            }
        }
    }
}
