//! Text to tree: a lexer and a precedence-climbing parser.

use super::{BinaryOp, ExprErrorKind, Function, MAX_DEPTH, MAX_LEN, Node};

/// A failure at a byte offset.
type Failure = (usize, ExprErrorKind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    Int(&'a str),
    /// A dotted name, e.g. `rows`, `in.0.numel`, `param.fc.weight`.
    Name(&'a str),
    Punct(char),
    End,
}

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Node, Failure> {
    if text.len() > MAX_LEN {
        return Err((0, ExprErrorKind::TooLong));
    }
    let mut parser = Parser {
        text,
        offset: 0,
        token: Token::End,
        at: 0,
    };
    parser.advance()?;
    let node = parser.expression(0, 0)?;
    if parser.token != Token::End {
        return Err(parser.unexpected("an operator or the end"));
    }
    Ok(node)
}

struct Parser<'a> {
    text: &'a str,
    /// First byte after the current token.
    offset: usize,
    token: Token<'a>,
    /// First byte of the current token.
    at: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<(), Failure> {
        let rest = &self.text[self.offset..];
        let trimmed = rest.trim_start_matches([' ', '\t']);
        self.at = self.offset + rest.len() - trimmed.len();
        let Some(first) = trimmed.chars().next() else {
            self.offset = self.text.len();
            self.token = Token::End;
            return Ok(());
        };
        let (length, token) = if first.is_ascii_digit() {
            let length = run_length(trimmed, |c| c.is_ascii_digit());
            (length, Token::Int(&trimmed[..length]))
        } else if first.is_ascii_alphabetic() || first == '_' {
            // A trailing dot is no part of the name; the parser then trips over it.
            let run = run_length(trimmed, |c| {
                c.is_ascii_alphanumeric() || c == '_' || c == '.'
            });
            let name = trimmed[..run].trim_end_matches('.');
            (name.len(), Token::Name(name))
        } else if "+-*/%(),[].".contains(first) {
            (1, Token::Punct(first))
        } else {
            let expected = "a number, a name or an operator";
            return Err((
                self.at,
                ExprErrorKind::Syntax {
                    expected,
                    found: format!("`{}`", first.escape_debug()),
                },
            ));
        };
        self.offset = self.at + length;
        self.token = token;
        Ok(())
    }

    fn unexpected(&self, expected: &'static str) -> Failure {
        let found = match &self.token {
            Token::Int(text) | Token::Name(text) => format!("`{text}`"),
            Token::Punct(symbol) => format!("`{symbol}`"),
            Token::End => "the end".to_owned(),
        };
        (self.at, ExprErrorKind::Syntax { expected, found })
    }

    fn expect(&mut self, symbol: char, expected: &'static str) -> Result<(), Failure> {
        if self.token != Token::Punct(symbol) {
            return Err(self.unexpected(expected));
        }
        self.advance()
    }

    /// Parses operators that bind at least as tightly as `min_power`.
    fn expression(&mut self, min_power: u8, depth: usize) -> Result<Node, Failure> {
        if depth > MAX_DEPTH {
            return Err((self.at, ExprErrorKind::TooDeep));
        }
        let mut left = self.unary(depth)?;
        while let Token::Punct(symbol) = self.token {
            let Some((op, power)) = binary(symbol) else {
                break;
            };
            if power < min_power {
                break;
            }
            let at = self.at;
            self.advance()?;
            let right = self.expression(power + 1, depth + 1)?;
            left = Node::Binary {
                at,
                op,
                left: Box::new(left),
                right: Box::new(right),
            };
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Node, Failure> {
        if depth > MAX_DEPTH {
            return Err((self.at, ExprErrorKind::TooDeep));
        }
        if self.token != Token::Punct('-') {
            return self.atom(depth);
        }
        let at = self.at;
        self.advance()?;
        // Folded here so that the smallest i64 can be written at all.
        if let Token::Int(digits) = self.token {
            let value = format!("-{digits}").parse().map_err(|_| {
                (
                    at,
                    ExprErrorKind::LiteralTooLarge(format!("-{}", shorten(digits))),
                )
            })?;
            self.advance()?;
            return Ok(Node::Int(value));
        }
        Ok(Node::Neg {
            at,
            operand: Box::new(self.unary(depth + 1)?),
        })
    }

    fn atom(&mut self, depth: usize) -> Result<Node, Failure> {
        let at = self.at;
        match self.token.clone() {
            Token::Int(digits) => {
                let value = digits
                    .parse()
                    .map_err(|_| (at, ExprErrorKind::LiteralTooLarge(shorten(digits))))?;
                self.advance()?;
                Ok(Node::Int(value))
            }
            Token::Punct('(') => {
                self.advance()?;
                let inner = self.expression(0, depth + 1)?;
                self.expect(')', "`)`")?;
                Ok(inner)
            }
            Token::Name(name) => {
                self.advance()?;
                self.named(name, at, depth)
            }
            Token::Punct(_) | Token::End => Err(self.unexpected("a number, a name or `(`")),
        }
    }

    /// What follows a name: a call, an index, or nothing.
    fn named(&mut self, name: &'a str, at: usize, depth: usize) -> Result<Node, Failure> {
        if self.token == Token::Punct('(') {
            return self.call(name, at, depth);
        }
        if self.token == Token::Punct('[') {
            let Some(buffer) = name.strip_suffix(".shape") else {
                return Err(self.unexpected("an operator (only `.shape` can be indexed)"));
            };
            self.advance()?;
            let index = Box::new(self.expression(0, depth + 1)?);
            self.expect(']', "`]`")?;
            return Ok(Node::Shape {
                at,
                buffer: buffer.to_owned(),
                index,
            });
        }
        if let Some(buffer) = name.strip_suffix(".numel") {
            return Ok(Node::Numel {
                at,
                buffer: buffer.to_owned(),
            });
        }
        if let Some(buffer) = name.strip_suffix(".rank") {
            return Ok(Node::Rank {
                at,
                buffer: buffer.to_owned(),
            });
        }
        if name.strip_suffix(".shape").is_some() {
            return Err(self.unexpected("`[` after `.shape`"));
        }
        Ok(Node::Dim {
            at,
            name: name.to_owned(),
        })
    }

    fn call(&mut self, name: &str, at: usize, depth: usize) -> Result<Node, Failure> {
        self.advance()?;
        if name == "prod" {
            let buffer_at = self.at;
            let Token::Name(buffer) = self.token else {
                return Err(self.unexpected("a buffer, as in `prod(in.0, 0, 1)`"));
            };
            self.advance()?;
            self.expect(',', "`,`")?;
            let (lo, hi) = self.two_arguments(depth)?;
            return Ok(Node::Prod {
                at: buffer_at,
                buffer: buffer.to_owned(),
                lo,
                hi,
            });
        }
        let Some(function) = Function::ALL
            .into_iter()
            .find(|function| function.name() == name)
        else {
            let known = Function::ALL
                .map(Function::name)
                .into_iter()
                .chain(["prod"]);
            let suggestion = crate::plan::did_you_mean(name, known).map(str::to_owned);
            return Err((
                at,
                ExprErrorKind::UnknownName {
                    name: name.to_owned(),
                    suggestion,
                },
            ));
        };
        let (left, right) = self.two_arguments(depth)?;
        Ok(Node::Call {
            at,
            function,
            left,
            right,
        })
    }

    /// `expr "," expr ")"`.
    fn two_arguments(&mut self, depth: usize) -> Result<(Box<Node>, Box<Node>), Failure> {
        let left = Box::new(self.expression(0, depth + 1)?);
        self.expect(',', "`,`")?;
        let right = Box::new(self.expression(0, depth + 1)?);
        self.expect(')', "`)`")?;
        Ok((left, right))
    }
}

fn run_length(text: &str, accept: impl Fn(char) -> bool) -> usize {
    text.find(|c| !accept(c)).unwrap_or(text.len())
}

fn shorten(digits: &str) -> String {
    if digits.len() <= 24 {
        digits.to_owned()
    } else {
        format!("{}…", &digits[..24])
    }
}

/// Operator and binding power of a symbol.
fn binary(symbol: char) -> Option<(BinaryOp, u8)> {
    match symbol {
        '+' => Some((BinaryOp::Add, 1)),
        '-' => Some((BinaryOp::Sub, 1)),
        '*' => Some((BinaryOp::Mul, 2)),
        '/' => Some((BinaryOp::Div, 2)),
        '%' => Some((BinaryOp::Rem, 2)),
        _ => None,
    }
}
