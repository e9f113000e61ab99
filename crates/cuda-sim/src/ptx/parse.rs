//! Tokens to a syntax tree: the module, and what all of the parser shares.

use super::ast::{Linkage, Location, Module, Place};
use super::declare::space;
use super::lex::{Lexer, SyntaxError, Token};

pub(super) type Parsed<T> = Result<T, SyntaxError>;

/// Blocks, lists and addresses within each other; a text that nests deeper was
/// made to break parsers.
const MAX_DEPTH: u32 = 64;

/// The syntax tree of a text.
pub fn parse(text: &str) -> Result<Module<'_>, SyntaxError> {
    let mut parser = Parser {
        lexer: Lexer::new(text)?,
        depth: 0,
    };
    parser.module()
}

pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) depth: u32,
}

impl<'a> Parser<'a> {
    pub(super) fn error<T>(&self, what: impl Into<String>) -> Parsed<T> {
        Err(self.lexer.error(what))
    }

    /// Says what was expected instead of what is there.
    pub(super) fn unexpected<T>(&self, expected: &str) -> Parsed<T> {
        let found = match self.lexer.peek() {
            Token::Word(word) => format!("`{word}`"),
            Token::Dotted(word) => format!("`.{word}`"),
            Token::Mark(mark) => format!("`{}`", char::from(mark)),
            Token::Text(text) => format!("{text:?}"),
            Token::Int(_) | Token::F32(_) | Token::F64(_) => "a number".to_owned(),
            Token::End => "the end".to_owned(),
        };
        self.error(format!("expected {expected}, found {found}"))
    }

    pub(super) fn is_mark(&self, mark: u8) -> bool {
        self.lexer.peek() == Token::Mark(mark)
    }

    pub(super) fn skip_mark(&mut self, mark: u8) -> Parsed<bool> {
        let there = self.is_mark(mark);
        if there {
            self.lexer.take()?;
        }
        Ok(there)
    }

    pub(super) fn mark(&mut self, mark: u8) -> Parsed<()> {
        if self.skip_mark(mark)? {
            Ok(())
        } else {
            self.unexpected(&format!("`{}`", char::from(mark)))
        }
    }

    pub(super) fn word(&mut self, what: &str) -> Parsed<&'a str> {
        let Token::Word(word) = self.lexer.peek() else {
            return self.unexpected(what);
        };
        self.lexer.take()?;
        Ok(word)
    }

    pub(super) fn dotted(&mut self, what: &str) -> Parsed<&'a str> {
        let Token::Dotted(word) = self.lexer.peek() else {
            return self.unexpected(what);
        };
        self.lexer.take()?;
        Ok(word)
    }

    pub(super) fn int(&mut self, what: &str) -> Parsed<u64> {
        let Token::Int(value) = self.lexer.peek() else {
            return self.unexpected(what);
        };
        self.lexer.take()?;
        Ok(value)
    }

    pub(super) fn small(&mut self, what: &str) -> Parsed<u32> {
        let value = self.int(what)?;
        u32::try_from(value).or_else(|_| self.error(format!("{value} is too large for {what}")))
    }

    /// Items with commas between, up to and with the closing mark.
    pub(super) fn list<T>(
        &mut self,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        if self.skip_mark(close)? {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.skip_mark(close)? {
                return Ok(items);
            }
            self.mark(b',')?;
        }
    }

    pub(super) fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.error("nested too deep");
        }
        Ok(())
    }

    fn module(&mut self) -> Parsed<Module<'a>> {
        let mut module = Module::default();
        loop {
            match self.lexer.peek() {
                Token::End => return Ok(module),
                Token::Dotted("version") => {
                    self.lexer.take()?;
                    module.version = self.version()?;
                }
                Token::Dotted("target") => {
                    module.target.line = self.lexer.next_line();
                    self.lexer.take()?;
                    module.target.name = self.word("a target")?;
                    while self.skip_mark(b',')? {
                        let option = self.word("an option of the target")?;
                        module.target.options.push(option);
                    }
                }
                Token::Dotted("address_size") => {
                    self.lexer.take()?;
                    if self.int("an address size")? != 64 {
                        return self.error("only addresses of 64 bits are supported");
                    }
                }
                Token::Dotted("file") => {
                    self.lexer.take()?;
                    let number = self.small("the number of a file")?;
                    let Token::Text(name) = self.lexer.take()? else {
                        return self.error("`.file` without a name");
                    };
                    module.files.insert(number, name);
                    // Time and size of the file may follow.
                    while self.skip_mark(b',')? {
                        self.int("a number")?;
                    }
                }
                Token::Dotted("section") => self.section()?,
                Token::Dotted("loc") => {
                    self.lexer.take()?;
                    self.location()?;
                }
                Token::Dotted("pragma") => drop(self.pragma()?),
                Token::Dotted(_) => self.definition(&mut module)?,
                Token::Mark(b';') => {
                    self.lexer.take()?;
                }
                _ => return self.unexpected("a directive"),
            }
        }
    }

    /// `9.0`, which looks like a decimal double.
    fn version(&mut self) -> Parsed<(u32, u32)> {
        match self.lexer.take()? {
            Token::F64(bits) => {
                let tenths = (f64::from_bits(bits) * 10.0).round();
                if (10.0..1000.0).contains(&tenths) {
                    let tenths = tenths as u32;
                    return Ok((tenths / 10, tenths % 10));
                }
                self.error("`.version` with a number that is no version")
            }
            _ => self.error("`.version` without a version"),
        }
    }

    /// Debug information: nothing in it is executed.
    fn section(&mut self) -> Parsed<()> {
        self.lexer.take()?;
        while !self.is_mark(b'{') {
            if self.lexer.peek() == Token::End {
                return self.unexpected("`{`");
            }
            self.lexer.take()?;
        }
        while !self.skip_mark(b'}')? {
            if self.lexer.peek() == Token::End {
                return self.unexpected("`}`");
            }
            self.lexer.take()?;
        }
        Ok(())
    }

    /// What it says about the bytes that the next load's result is used of, if
    /// anything; all other pragmas are advice to the assembler.
    pub(super) fn pragma(&mut self) -> Parsed<Option<u32>> {
        self.lexer.take()?;
        let mut used = None;
        while !self.skip_mark(b';')? {
            match self.lexer.peek() {
                Token::End => return self.unexpected("`;`"),
                Token::Text(text) => used = used.or(used_bytes(text)),
                _ => {}
            }
            self.lexer.take()?;
        }
        Ok(used)
    }

    /// Behind `.loc`.
    pub(super) fn location(&mut self) -> Parsed<Location> {
        let place = self.place()?;
        let mut inlined_at = None;
        while self.skip_mark(b',')? {
            if self.word("`function_name` or `inlined_at`")? == "inlined_at" {
                inlined_at = Some(self.place()?);
            } else {
                self.word("a label")?;
                if self.skip_mark(b'+')? {
                    self.int("an offset")?;
                }
            }
        }
        Ok(Location { place, inlined_at })
    }

    fn place(&mut self) -> Parsed<Place> {
        Ok(Place {
            file: self.small("the number of a file")?,
            line: self.small("a line")?,
            column: self.small("a column")?,
        })
    }

    /// A function, or a variable of the module.
    fn definition(&mut self, module: &mut Module<'a>) -> Parsed<()> {
        let linkage = self.linkage()?;
        match self.lexer.peek() {
            Token::Dotted(word @ ("entry" | "func")) => {
                let line = self.lexer.next_line();
                self.lexer.take()?;
                let function = self.function(word == "entry", linkage, line)?;
                module.functions.push(function);
            }
            Token::Dotted(word) if space(word).is_some() => {
                let variables = self.variables(linkage)?;
                module.variables.extend(variables);
            }
            Token::Dotted(word) => {
                return self.error(format!("`.{word}` is not supported at this place"));
            }
            _ => return self.unexpected("a function or a variable"),
        }
        Ok(())
    }

    pub(super) fn linkage(&mut self) -> Parsed<Linkage> {
        let linkage = match self.lexer.peek() {
            Token::Dotted("visible") => Linkage::Visible,
            Token::Dotted("extern") => Linkage::Extern,
            Token::Dotted("weak") => Linkage::Weak,
            Token::Dotted("common") => Linkage::Common,
            _ => return Ok(Linkage::Internal),
        };
        self.lexer.take()?;
        Ok(linkage)
    }
}

/// `used_bytes_mask 0x3f`: PTX ISA 9.0, section 12.
fn used_bytes(pragma: &str) -> Option<u32> {
    let mask = pragma.strip_prefix("used_bytes_mask")?.trim();
    match mask.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => mask.parse().ok(),
    }
}
