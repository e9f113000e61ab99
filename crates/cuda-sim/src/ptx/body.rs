//! What a function consists of: PTX ISA 9.0, section 4.3.

use super::ast::{Guard, Instruction, Label, Labelled, Prototype, Statement};
use super::lex::Token;
use super::parse::{Parsed, Parser};

impl<'a> Parser<'a> {
    /// Behind `{`, up to and with `}`.
    pub(super) fn block(&mut self) -> Parsed<Vec<Statement<'a>>> {
        self.deeper()?;
        let mut statements = Vec::new();
        while !self.skip_mark(b'}')? {
            self.statement(&mut statements)?;
        }
        self.depth -= 1;
        Ok(statements)
    }

    fn statement(&mut self, into: &mut Vec<Statement<'a>>) -> Parsed<()> {
        match self.lexer.peek() {
            Token::Mark(b'{') => {
                self.lexer.take()?;
                into.push(Statement::Block(self.block()?));
            }
            Token::Mark(b';') => {
                self.lexer.take()?;
            }
            Token::Mark(b'@') => {
                self.lexer.take()?;
                let negated = self.skip_mark(b'!')?;
                let predicate = self.word("a predicate")?;
                let line = self.lexer.next_line();
                let opcode = self.word("an opcode")?;
                let guard = Guard { predicate, negated };
                into.push(self.instruction(Some(guard), opcode, line)?);
            }
            Token::Word(word) => {
                let line = self.lexer.next_line();
                self.lexer.take()?;
                if self.skip_mark(b':')? {
                    let (name, what) = (word, self.labelled()?);
                    into.push(Statement::Labelled(Label { name, what, line }));
                } else {
                    into.push(self.instruction(None, word, line)?);
                }
            }
            Token::Dotted("loc") => {
                self.lexer.take()?;
                into.push(Statement::Location(self.location()?));
            }
            Token::Dotted("pragma") => into.extend(self.pragma()?.map(Statement::UsedBytes)),
            Token::Dotted("reg") => {
                self.lexer.take()?;
                into.push(Statement::Registers(self.registers()?));
            }
            Token::Dotted(_) => {
                let linkage = self.linkage()?;
                let variables = self.variables(linkage)?;
                into.extend(variables.into_iter().map(Statement::Variable));
            }
            _ => return self.unexpected("an instruction"),
        }
        Ok(())
    }

    /// Behind `name:`.
    fn labelled(&mut self) -> Parsed<Labelled<'a>> {
        match self.lexer.peek() {
            Token::Dotted("branchtargets") => {
                self.lexer.take()?;
                let targets = self.list(b';', |parser| parser.word("a target"))?;
                Ok(Labelled::Targets(targets))
            }
            Token::Dotted("calltargets") => {
                self.lexer.take()?;
                let functions = self.list(b';', |parser| parser.word("a function"))?;
                Ok(Labelled::Functions(functions))
            }
            Token::Dotted("callprototype") => {
                self.lexer.take()?;
                let results = if self.skip_mark(b'(')? {
                    self.list(b')', Self::parameter)?
                } else {
                    Vec::new()
                };
                self.word("`_`")?;
                let params = if self.skip_mark(b'(')? {
                    self.list(b')', Self::parameter)?
                } else {
                    Vec::new()
                };
                if self.lexer.peek() == Token::Dotted("noreturn") {
                    self.lexer.take()?;
                }
                self.mark(b';')?;
                Ok(Labelled::Prototype(Prototype { results, params }))
            }
            _ => Ok(Labelled::Place),
        }
    }

    fn instruction(
        &mut self,
        guard: Option<Guard<'a>>,
        opcode: &'a str,
        line: u32,
    ) -> Parsed<Statement<'a>> {
        let mut modifiers = Vec::new();
        while let Token::Dotted(modifier) = self.lexer.peek() {
            self.lexer.take()?;
            modifiers.push(modifier);
        }
        let operands = self.list(b';', Self::operand)?;
        Ok(Statement::Instruction(Instruction {
            guard,
            opcode,
            modifiers,
            operands,
            line,
        }))
    }
}
