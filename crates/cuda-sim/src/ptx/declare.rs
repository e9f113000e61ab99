//! Functions, variables and registers: PTX ISA 9.0, section 5.

use super::ast::{Array, Function, Initial, Linkage, Operand, Registers, Space, Type, Variable};
use super::lex::Token;
use super::parse::{Parsed, Parser};

impl<'a> Parser<'a> {
    pub(super) fn function(
        &mut self,
        entry: bool,
        linkage: Linkage,
        line: u32,
    ) -> Parsed<Function<'a>> {
        let results = if !entry && self.skip_mark(b'(')? {
            self.list(b')', Self::parameter)?
        } else {
            Vec::new()
        };
        let name = self.word("a name")?;
        let params = if self.skip_mark(b'(')? {
            self.list(b')', Self::parameter)?
        } else {
            Vec::new()
        };
        let mut directives = Vec::new();
        loop {
            match self.lexer.peek() {
                Token::Dotted("pragma") => drop(self.pragma()?),
                Token::Dotted(word) => {
                    self.lexer.take()?;
                    let mut numbers = Vec::new();
                    if matches!(self.lexer.peek(), Token::Int(_)) {
                        numbers.push(self.small("a limit")?);
                        while self.skip_mark(b',')? {
                            numbers.push(self.small("a limit")?);
                        }
                    }
                    directives.push((word, numbers));
                }
                _ => break,
            }
        }
        let body = if self.skip_mark(b'{')? {
            Some(self.block()?)
        } else {
            self.mark(b';')?;
            None
        };
        Ok(Function {
            name,
            entry,
            linkage,
            results,
            params,
            directives,
            body,
            line,
        })
    }

    pub(super) fn parameter(&mut self) -> Parsed<Variable<'a>> {
        let line = self.lexer.next_line();
        let place = self.dotted("`.param` or `.reg`")?;
        let Some(space @ (Space::Param | Space::Reg)) = space(place) else {
            return self.error(format!("`.{place}` is no place for a parameter"));
        };
        self.variable(space, Linkage::Internal, line)
    }

    /// `.global .align 4 .b8 a[4] = {1, 2}, b;`
    pub(super) fn variables(&mut self, linkage: Linkage) -> Parsed<Vec<Variable<'a>>> {
        let line = self.lexer.next_line();
        let word = self.dotted("a state space")?;
        let Some(space) = space(word) else {
            return self.error(format!("`.{word}` is no state space"));
        };
        let first = self.variable(space, linkage, line)?;
        let like = Variable {
            array: Array::One,
            initial: Vec::new(),
            ..first
        };
        let mut variables = vec![first];
        while self.skip_mark(b',')? {
            variables.push(self.named(&like)?);
        }
        self.mark(b';')?;
        Ok(variables)
    }

    /// Behind the state space.
    fn variable(&mut self, space: Space, linkage: Linkage, line: u32) -> Parsed<Variable<'a>> {
        let mut vector = 1;
        let mut align = None;
        let ty = loop {
            match self.dotted("a type")? {
                "align" => align = Some(self.small("an alignment")?),
                "attribute" => {
                    self.mark(b'(')?;
                    while !self.skip_mark(b')')? {
                        if self.lexer.peek() == Token::End {
                            return self.unexpected("`)`");
                        }
                        self.lexer.take()?;
                    }
                }
                "v2" => vector = 2,
                "v4" => vector = 4,
                name => match Type::of_name(name) {
                    Some(ty) => break ty,
                    None => return self.error(format!("`.{name}` is no type")),
                },
            }
        };
        // What a pointer points to: `.ptr .global .align 16`.
        let pointer = self.lexer.peek() == Token::Dotted("ptr");
        if pointer {
            self.lexer.take()?;
            while let Token::Dotted(word) = self.lexer.peek() {
                self.lexer.take()?;
                if word == "align" {
                    self.small("an alignment")?;
                }
            }
        }
        let align = align.unwrap_or(ty.bytes() * vector);
        if !align.is_power_of_two() || align > 1 << 16 {
            return self.error(format!("{align} is no alignment"));
        }
        self.named(&Variable {
            space,
            name: "",
            ty,
            vector,
            align,
            array: Array::One,
            pointer,
            initial: Vec::new(),
            linkage,
            line,
        })
    }

    /// A name, the sizes of an array, and what it starts with.
    fn named(&mut self, like: &Variable<'a>) -> Parsed<Variable<'a>> {
        let name = self.word("a name")?;
        let mut sizes = Vec::new();
        while self.skip_mark(b'[')? {
            if self.skip_mark(b']')? {
                sizes.push(None);
            } else {
                sizes.push(Some(self.int("the length of an array")?));
                self.mark(b']')?;
            }
        }
        let mut initial = Vec::new();
        if self.skip_mark(b'=')? {
            self.initial(&mut initial)?;
        }
        let array = if sizes.is_empty() {
            Array::One
        } else {
            Array::Sizes(sizes)
        };
        Ok(Variable {
            name,
            array,
            initial,
            ..*like
        })
    }

    fn initial(&mut self, into: &mut Vec<Initial<'a>>) -> Parsed<()> {
        if self.skip_mark(b'{')? {
            self.deeper()?;
            self.list(b'}', |parser| parser.initial(into))?;
            self.depth -= 1;
            return Ok(());
        }
        let value = match self.operand()? {
            Operand::Int(bits) => Initial::Int(bits),
            Operand::F32(bits) => Initial::F32(bits),
            Operand::F64(bits) => Initial::F64(bits),
            Operand::Name("generic") => {
                self.mark(b'(')?;
                let name = self.word("a variable")?;
                self.mark(b')')?;
                Initial::AddressOf {
                    name,
                    offset: self.offset()?,
                    generic: true,
                }
            }
            Operand::Name(name) => Initial::AddressOf {
                name,
                offset: 0,
                generic: false,
            },
            Operand::AddressOf(name, offset) => Initial::AddressOf {
                name,
                offset,
                generic: false,
            },
            _ => return self.error("nothing that a variable can start with"),
        };
        into.push(value);
        Ok(())
    }

    /// Behind `.reg`.
    pub(super) fn registers(&mut self) -> Parsed<Registers<'a>> {
        let line = self.lexer.next_line();
        let name = self.dotted("a type")?;
        let Some(ty) = Type::of_name(name) else {
            return self.error(format!("registers of type `.{name}` are not supported"));
        };
        let names = self.list(b';', |parser| {
            let name = parser.word("a register")?;
            if !parser.skip_mark(b'<')? {
                return Ok((name, None));
            }
            let count = parser.small("a number of registers")?;
            parser.mark(b'>')?;
            Ok((name, Some(count)))
        })?;
        Ok(Registers { ty, names, line })
    }
}

pub(super) fn space(word: &str) -> Option<Space> {
    Some(match word {
        "reg" => Space::Reg,
        "const" => Space::Const,
        "global" => Space::Global,
        "local" => Space::Local,
        "param" => Space::Param,
        "shared" | "shared::cta" => Space::Shared,
        _ => return None,
    })
}
