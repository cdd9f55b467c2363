//! From tokens to operations.

use std::sync::Arc;

use super::operation::{Binary, Function, Members, Operation, Table, binding};
use super::token::{Fault, Token, tokens};

/// The most bytes of a text.
pub(super) const MOST_BYTES: usize = 64 << 10;
/// The most operations of an expression.
pub(super) const MOST_OPERATIONS: usize = 4096;
/// How deep parentheses, calls and signs may stand inside each other.
pub(super) const DEEPEST: usize = 64;

/// The operations, and the byte that each stands at.
pub(super) struct Parsed {
    pub(super) operations: Vec<Operation>,
    pub(super) places: Vec<usize>,
}

pub(super) fn parse(text: &str) -> Result<Parsed, Fault> {
    if text.len() > MOST_BYTES {
        let problem = format!("the text has {} bytes, and {MOST_BYTES} are the most", text.len());
        return Err(Fault::new(0, problem));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
        made: Parsed { operations: Vec::new(), places: Vec::new() },
    };
    parser.choice()?;
    match parser.peek() {
        Token::End => Ok(parser.made),
        Token::Close => Err(parser.fault("this parenthesis closes none")),
        _ => Err(parser.fault("an operator is expected here, or the end")),
    }
}

/// The texts of a table, which its numbers are positions among.
type Words = Vec<Arc<str>>;

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
    made: Parsed,
}

/// A literal of a list or of a table.
enum Literal {
    Number(f64),
    Text(String),
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |(_, at)| *at)
    }

    fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault::new(self.at(), problem)
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == token;
        self.next += usize::from(is_next);
        is_next
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(name, false) if name == word)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_next = self.is_word(word);
        self.next += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, token: &Token, sign: &str) -> Result<(), Fault> {
        if self.takes(token) { Ok(()) } else { Err(self.fault(format!("{sign} is expected here"))) }
    }

    fn make(&mut self, operation: Operation, at: usize) -> Result<(), Fault> {
        if self.made.operations.len() >= MOST_OPERATIONS {
            let problem = format!("the expression has more than {MOST_OPERATIONS} operations and operands");
            return Err(Fault::new(at, problem));
        }
        self.made.operations.push(operation);
        self.made.places.push(at);
        Ok(())
    }

    /// Reads something inside of something else.
    fn inside(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.fault(format!("more than {DEEPEST} parts stand inside each other")));
        }
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// `a if c else b`, whose last part may be one again.
    fn choice(&mut self) -> Result<(), Fault> {
        self.operators(binding::OR)?;
        let mut choices = Vec::new();
        while self.is_word("if") {
            choices.push(self.at());
            self.next += 1;
            self.operators(binding::OR)?;
            if !self.takes_word("else") {
                return Err(self.fault("else is expected here: a choice is written a if condition else b"));
            }
            self.operators(binding::OR)?;
        }
        choices.into_iter().rev().try_for_each(|at| self.make(Operation::Choose, at))
    }

    /// Operands between operators that bind at least so tightly.
    fn operators(&mut self, least: u8) -> Result<(), Fault> {
        self.operand()?;
        let mut compared = false;
        loop {
            let at = self.at();
            let not_in = self.is_word("not")
                && matches!(self.tokens.get(self.next + 1), Some((Token::Name(name, false), _)) if name == "in");
            let (binding, operator) = match self.peek() {
                Token::Operator(operator) => (operator.binding(), Some(*operator)),
                _ if not_in || self.is_word("in") => (binding::COMPARISON, None),
                _ => return Ok(()),
            };
            if binding < least {
                return Ok(());
            }
            if binding == binding::COMPARISON && std::mem::replace(&mut compared, true) {
                return Err(self.fault("comparisons are not chained; write a < b and b < c"));
            }
            // What binds more loosely ends a comparison.
            compared = binding == binding::COMPARISON;
            self.next += if not_in { 2 } else { 1 };
            match operator {
                None => {
                    let members = self.members()?;
                    self.make(Operation::Among(members), at)?;
                    if not_in {
                        self.make(Operation::Not, at)?;
                    }
                }
                Some(operator) => {
                    // A power is right-associative, and its exponent may have a sign.
                    match operator {
                        Binary::Power => self.inside(|parser| parser.operators(binding::SIGN))?,
                        _ => self.inside(|parser| parser.operators(binding + 1))?,
                    }
                    self.make(Operation::Binary(operator), at)?;
                }
            }
        }
    }

    /// A value, with the signs before it.
    fn operand(&mut self) -> Result<(), Fault> {
        let at = self.at();
        if self.takes(&Token::Operator(Binary::Subtract)) {
            self.inside(|parser| parser.operators(binding::SIGN))?;
            return self.make(Operation::Negate, at);
        }
        if self.takes_word("not") {
            self.inside(|parser| parser.operators(binding::NOT))?;
            return self.make(Operation::Not, at);
        }
        self.atom()
    }

    fn atom(&mut self) -> Result<(), Fault> {
        let at = self.at();
        let token = self.peek().clone();
        let operation = match token {
            Token::Number(number) => Operation::Number(number),
            Token::Text(text) => Operation::Text(text.into()),
            Token::Open => {
                self.next += 1;
                self.inside(Self::choice)?;
                return self.expect(&Token::Close, "a closing parenthesis");
            }
            Token::Name(name, true) => Operation::Column(name.into()),
            Token::Name(name, false) => match name.as_str() {
                "true" => Operation::Truth(true),
                "false" => Operation::Truth(false),
                "null" => Operation::Null,
                "inf" => Operation::Number(f64::INFINITY),
                "lookup" => return self.lookup(),
                "if" | "else" | "in" => {
                    return Err(self.fault(format!("a value is expected here, not {name}")));
                }
                _ if matches!(self.tokens.get(self.next + 1), Some((Token::Open, _))) => {
                    return self.call(&name);
                }
                _ => Operation::Column(name.into()),
            },
            Token::End => return Err(self.fault("a value is expected here, but the text ends")),
            _ => return Err(self.fault("a value is expected here")),
        };
        self.next += 1;
        self.make(operation, at)
    }

    fn call(&mut self, name: &str) -> Result<(), Fault> {
        let at = self.at();
        let Some(function) = Function::named(name) else {
            let known = Function::names().join(", ");
            return Err(self.fault(format!("there is no function {name:?}; there are {known}")));
        };
        self.next += 2;
        let mut count = 0;
        if !self.takes(&Token::Close) {
            loop {
                self.inside(Self::choice)?;
                count += 1;
                if !self.takes(&Token::Comma) {
                    break;
                }
            }
            self.expect(&Token::Close, "a comma or a closing parenthesis")?;
        }
        let (least, most) = function.arguments();
        if count < least || count > most {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(Fault::new(at, format!("{name} takes {wanted} arguments, not {count}")));
        }
        self.make(Operation::Call(function, count), at)
    }

    /// `lookup(x, {key: value, ...}, default)`, whose values are numbers or texts, and whose default is null where it is left out.
    fn lookup(&mut self) -> Result<(), Fault> {
        let at = self.at();
        self.next += 1;
        self.expect(&Token::Open, "an opening parenthesis")?;
        self.inside(Self::choice)?;
        self.expect(&Token::Comma, "a comma")?;
        let (table, words) = self.table()?;
        if self.takes(&Token::Comma) {
            self.inside(Self::choice)?;
        } else {
            self.make(Operation::Null, at)?;
        }
        self.expect(&Token::Close, "a closing parenthesis")?;
        let operation = match words {
            Some(words) => Operation::Relabel(table, words),
            None => Operation::Lookup(table),
        };
        self.make(operation, at)
    }

    /// The table, and its texts where its values are texts.
    fn table(&mut self) -> Result<(Table, Option<Words>), Fault> {
        let at = self.at();
        self.expect(&Token::OpenTable, "a table such as {\"a\": 1.0}")?;
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        let mut words: Option<Words> = None;
        loop {
            let key_at = self.at();
            let key = self.literal()?;
            self.expect(&Token::Colon, "a colon")?;
            let value_at = self.at();
            let is_first = numbers.is_empty() && texts.is_empty();
            let value = match (self.literal()?, &mut words) {
                (Literal::Number(value), None) => value,
                (Literal::Text(word), None) if is_first => {
                    words = Some(vec![word.into()]);
                    0.0
                }
                (Literal::Text(word), Some(words)) => {
                    words.push(word.into());
                    (words.len() - 1) as f64
                }
                _ => return Err(Fault::new(value_at, "the values of a table are all numbers or all texts")),
            };
            match key {
                Literal::Number(key) => numbers.push((key, value)),
                Literal::Text(key) => texts.push((key.into(), value)),
            }
            if !numbers.is_empty() && !texts.is_empty() {
                return Err(Fault::new(key_at, "the keys of a table are all numbers or all texts"));
            }
            if !self.takes(&Token::Comma) || self.peek() == &Token::CloseTable {
                break;
            }
        }
        self.expect(&Token::CloseTable, "a comma or a closing brace")?;
        let table = if texts.is_empty() { Table::Numbers(numbers) } else { Table::Texts(texts) };
        if table.has_a_key_twice() {
            return Err(Fault::new(at, "a key is there twice"));
        }
        Ok((table, words))
    }

    fn members(&mut self) -> Result<Members, Fault> {
        self.expect(&Token::Open, "a list such as (1, 2)")?;
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        loop {
            let at = self.at();
            match self.literal()? {
                Literal::Number(number) => numbers.push(number),
                Literal::Text(text) => texts.push(text.into()),
            }
            if !numbers.is_empty() && !texts.is_empty() {
                return Err(Fault::new(at, "a list holds numbers or texts, and not both"));
            }
            if !self.takes(&Token::Comma) || self.peek() == &Token::Close {
                break;
            }
        }
        self.expect(&Token::Close, "a comma or a closing parenthesis")?;
        Ok(if texts.is_empty() { Members::Numbers(numbers) } else { Members::Texts(texts) })
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let sign = if self.takes(&Token::Operator(Binary::Subtract)) { -1.0 } else { 1.0 };
        let literal = match self.peek() {
            Token::Number(number) => Literal::Number(sign * number),
            Token::Name(name, false) if name == "inf" => Literal::Number(sign * f64::INFINITY),
            Token::Text(text) if sign > 0.0 => Literal::Text(text.clone()),
            _ => return Err(self.fault("a number or a text between quotes is expected here")),
        };
        self.next += 1;
        Ok(literal)
    }
}

impl Table {
    fn has_a_key_twice(&self) -> bool {
        match self {
            Self::Numbers(entries) => {
                let mut keys: Vec<f64> = entries.iter().map(|(key, _)| key + 0.0).collect();
                keys.sort_unstable_by(f64::total_cmp);
                keys.windows(2).any(|pair| matches!(pair, [left, right] if left == right))
            }
            Self::Texts(entries) => {
                let mut keys: Vec<&str> = entries.iter().map(|(key, _)| &**key).collect();
                keys.sort_unstable();
                keys.windows(2).any(|pair| matches!(pair, [left, right] if left == right))
            }
        }
    }
}
