//! Operands: PTX ISA 9.0, section 6.

use super::ast::{Address, Base, Operand};
use super::lex::Token;
use super::parse::{Parsed, Parser};

impl<'a> Parser<'a> {
    pub(super) fn operand(&mut self) -> Parsed<Operand<'a>> {
        let first = self.simple_operand()?;
        if self.skip_mark(b'|')? {
            let second = self.simple_operand()?;
            return Ok(Operand::Pair(Box::new(first), Box::new(second)));
        }
        Ok(first)
    }

    fn simple_operand(&mut self) -> Parsed<Operand<'a>> {
        match self.lexer.peek() {
            Token::Mark(b'[') => {
                self.lexer.take()?;
                self.deeper()?;
                let address = self.address()?;
                self.depth -= 1;
                Ok(Operand::Address(address))
            }
            Token::Mark(b'{') => {
                self.lexer.take()?;
                self.deeper()?;
                let elements = self.list(b'}', Self::operand)?;
                self.depth -= 1;
                Ok(Operand::Vector(elements))
            }
            Token::Mark(b'(') => {
                self.lexer.take()?;
                self.deeper()?;
                let elements = self.list(b')', Self::operand)?;
                self.depth -= 1;
                Ok(Operand::Group(elements))
            }
            Token::Mark(b'!') => {
                self.lexer.take()?;
                Ok(Operand::Not(self.word("a predicate")?))
            }
            Token::Mark(b'-') => {
                self.lexer.take()?;
                self.number(true)
            }
            Token::Int(_) | Token::F32(_) | Token::F64(_) => self.number(false),
            Token::Word(word) => {
                self.lexer.take()?;
                self.name(word)
            }
            _ => self.unexpected("an operand"),
        }
    }

    fn number(&mut self, negative: bool) -> Parsed<Operand<'a>> {
        let number = match self.lexer.peek() {
            Token::Int(bits) if negative => Operand::Int(bits.wrapping_neg()),
            Token::Int(bits) => Operand::Int(bits),
            Token::F32(bits) if negative => Operand::F32(bits ^ (1 << 31)),
            Token::F32(bits) => Operand::F32(bits),
            Token::F64(bits) if negative => Operand::F64(bits ^ (1 << 63)),
            Token::F64(bits) => Operand::F64(bits),
            _ => return self.unexpected("a number"),
        };
        self.lexer.take()?;
        Ok(number)
    }

    fn name(&mut self, name: &'a str) -> Parsed<Operand<'a>> {
        if name == "_" {
            return Ok(Operand::Discard);
        }
        if let Token::Dotted(member) = self.lexer.peek() {
            self.lexer.take()?;
            return Ok(Operand::Member(name, member));
        }
        if self.is_mark(b'+') || self.is_mark(b'-') {
            return Ok(Operand::AddressOf(name, self.offset()?));
        }
        Ok(Operand::Name(name))
    }

    /// `+4`, `+-4`, `-4`, or nothing.
    pub(super) fn offset(&mut self) -> Parsed<i64> {
        let mut offset = 0_i64;
        loop {
            let negative = if self.skip_mark(b'+')? {
                self.skip_mark(b'-')?
            } else if self.skip_mark(b'-')? {
                true
            } else {
                return Ok(offset);
            };
            let by = self.int("an offset")?.cast_signed();
            offset = offset.wrapping_add(if negative { by.wrapping_neg() } else { by });
        }
    }

    /// Behind `[`.
    fn address(&mut self) -> Parsed<Address<'a>> {
        let (base, offset) = match self.lexer.peek() {
            Token::Word(name) => {
                self.lexer.take()?;
                (Base::Name(name), self.offset()?)
            }
            Token::Int(bits) => {
                self.lexer.take()?;
                let at = bits.cast_signed().wrapping_add(self.offset()?);
                (Base::Absolute, at)
            }
            _ => return self.unexpected("an address"),
        };
        let mut coordinates = Vec::new();
        if self.skip_mark(b',')? {
            coordinates = self.list(b']', Self::operand)?;
        } else {
            self.mark(b']')?;
        }
        Ok(Address {
            base,
            offset,
            coordinates,
        })
    }
}
