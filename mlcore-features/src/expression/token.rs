//! The text of an expression as tokens.

use super::operation::Binary;

/// A piece of the text.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    /// A name, and whether it stands between backticks, where no word is reserved.
    Name(String, bool),
    Operator(Binary),
    Open,
    Close,
    OpenTable,
    CloseTable,
    Comma,
    Colon,
    End,
}

/// What is wrong, and at which byte of the text.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: String,
}

impl Fault {
    pub(super) fn new(at: usize, problem: impl Into<String>) -> Self {
        Self { at, problem: problem.into() }
    }
}

/// Words that are no columns unless they stand between backticks.
pub(super) const RESERVED: [&str; 11] =
    ["and", "or", "not", "if", "else", "in", "true", "false", "null", "inf", "lookup"];

pub(super) fn begins_a_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(super) fn continues_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The tokens and the byte at which each begins; the last is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Fault> {
    let mut rest = Rest { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        while rest.next().is_some_and(char::is_whitespace) {
            rest.skip();
        }
        let at = rest.at;
        let Some(first) = rest.next() else {
            tokens.push((Token::End, at));
            return Ok(tokens);
        };
        tokens.push((rest.token(first)?, at));
    }
}

struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn left(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<char> {
        self.left().chars().next()
    }

    fn skip(&mut self) {
        self.at += self.next().map_or(0, char::len_utf8);
    }

    fn takes(&mut self, piece: &str) -> bool {
        let is_next = self.left().starts_with(piece);
        self.at += if is_next { piece.len() } else { 0 };
        is_next
    }

    fn while_in(&mut self, is_in: impl Fn(char) -> bool) -> &'a str {
        let left = self.left();
        let length = left.find(|c| !is_in(c)).unwrap_or(left.len());
        self.at += length;
        left.get(..length).unwrap_or_default()
    }

    fn token(&mut self, first: char) -> Result<Token, Fault> {
        let single = match first {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            '{' => Some(Token::OpenTable),
            '}' => Some(Token::CloseTable),
            ',' => Some(Token::Comma),
            ':' => Some(Token::Colon),
            _ => None,
        };
        if let Some(token) = single {
            self.skip();
            return Ok(token);
        }
        match first {
            '0'..='9' | '.' => self.number(),
            '"' | '\'' => self.text(first),
            '`' => self.quoted(),
            _ if begins_a_name(first) => Ok(self.word()),
            _ => self.operator(first),
        }
    }

    fn word(&mut self) -> Token {
        let name = self.while_in(continues_a_name);
        match Binary::ALL.into_iter().find(|operator| operator.sign() == name) {
            Some(operator) => Token::Operator(operator),
            None => Token::Name(name.to_owned(), false),
        }
    }

    fn operator(&mut self, first: char) -> Result<Token, Fault> {
        let at = self.at;
        // The longest of those that begin alike.
        let mut operators = Binary::ALL;
        operators.sort_by_key(|operator| std::cmp::Reverse(operator.sign().len()));
        if let Some(operator) = operators.into_iter().find(|operator| self.takes(operator.sign())) {
            return Ok(Token::Operator(operator));
        }
        Err(Fault::new(
            at,
            match first {
                '=' => "a comparison is written ==".to_owned(),
                '&' => "write and".to_owned(),
                '|' => "write or".to_owned(),
                '!' => "write not".to_owned(),
                _ => format!("{first:?} has no meaning here; a name with it stands between backticks"),
            },
        ))
    }

    fn number(&mut self) -> Result<Token, Fault> {
        let (at, digits) = (self.at, |c: char| c.is_ascii_digit());
        self.while_in(digits);
        if self.takes(".") {
            self.while_in(digits);
        }
        if self.next().is_some_and(|c| c == 'e' || c == 'E') {
            self.skip();
            if !self.takes("-") {
                self.takes("+");
            }
            self.while_in(digits);
        }
        if self.next().is_some_and(continues_a_name) {
            return Err(Fault::new(
                at,
                "a name does not begin with a digit; such a name stands between backticks",
            ));
        }
        let written = self.text.get(at..self.at).unwrap_or_default();
        match written.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                let is_whole = written.bytes().all(|byte| byte.is_ascii_digit());
                if is_whole && written.parse::<u64>().map_or(true, |whole| whole > 1 << 53) {
                    return Err(Fault::new(at, "the integer is beyond 2^53, from where on floats skip some"));
                }
                Ok(Token::Number(number))
            }
            Ok(_) => Err(Fault::new(at, "the number is too large; infinity is written inf")),
            Err(_) => Err(Fault::new(at, "this is no number")),
        }
    }

    fn text(&mut self, quote: char) -> Result<Token, Fault> {
        let at = self.at;
        self.skip();
        let mut text = String::new();
        loop {
            text.push_str(self.while_in(|c| c != quote && c != '\\'));
            match self.next() {
                None => return Err(Fault::new(at, "the text does not end: its closing quote is missing")),
                Some('\\') => text.push(self.escape()?),
                Some(_) => {
                    self.skip();
                    return Ok(Token::Text(text));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let at = self.at;
        self.skip();
        let meant = match self.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(c @ ('\\' | '"' | '\'')) => c,
            _ => return Err(Fault::new(at, "a backslash stands before n, t, r, a quote or a backslash")),
        };
        self.skip();
        Ok(meant)
    }

    /// A name between backticks; two of them stand for one inside.
    fn quoted(&mut self) -> Result<Token, Fault> {
        let at = self.at;
        self.skip();
        let mut name = String::new();
        loop {
            name.push_str(self.while_in(|c| c != '`'));
            if self.takes("``") {
                name.push('`');
            } else if self.takes("`") {
                return Ok(Token::Name(name, true));
            } else {
                return Err(Fault::new(at, "the name does not end: its closing backtick is missing"));
            }
        }
    }
}
