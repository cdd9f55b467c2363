//! The text form of protocol buffers, as far as it can be read without knowing the messages.

/// A message: its fields, in the order in which they stand there.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Message(pub(super) Vec<(String, Value)>);

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Text(String),
    /// A number, or a word such as `true` or that of an enumeration.
    Word(String),
    Message(Message),
}

impl Message {
    /// The values of a field, of which there may be several.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value)
    }

    /// The value that counts where a field may stand there once.
    pub(super) fn last(&self, name: &str) -> Option<&Value> {
        self.all(name).last()
    }

    /// The names of its fields, each once.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let fields = self.0.iter().enumerate();
        fields
            .filter(|(place, (name, _))| !self.0.iter().take(*place).any(|(earlier, _)| earlier == name))
            .map(|(_, (name, _))| name.as_str())
    }
}

impl Value {
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<u64> {
        // JSON writes numbers of 64 bits as texts.
        let (Self::Word(word) | Self::Text(word)) = self else { return None };
        match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        }
    }

    pub(super) fn as_message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            _ => None,
        }
    }
}

/// Reads a message; the error begins with the line where it cannot be read on.
pub(super) fn read(text: &str) -> Result<Message, String> {
    let mut reader = Reader { rest: text, line: 1 };
    let message = reader.message(None, 0);
    message.map_err(|problem| format!("line {}: {problem}", reader.line))
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Reader<'t> {
    /// The fields up to the sign that ends the message, or the text.
    fn message(&mut self, end: Option<char>, depth: usize) -> Result<Message, String> {
        if depth > DEEPEST {
            return Err(format!("it nests deeper than {DEEPEST} messages"));
        }
        let mut message = Message::default();
        loop {
            match (self.peek(), end) {
                (None, None) => return Ok(message),
                (None, Some(end)) => return Err(format!("it ends inside a message that {end:?} would end")),
                (Some(sign), Some(end)) if sign == end => {
                    self.step();
                    return Ok(message);
                }
                _ => {}
            }
            let name = self.word().ok_or_else(|| self.unexpected("the name of a field"))?.to_owned();
            let has_colon = self.take(':');
            match self.peek() {
                Some('[') => {
                    self.step();
                    while !self.take(']') {
                        message.0.push((name.clone(), self.value(true, depth)?));
                        self.take(',');
                    }
                }
                _ => message.0.push((name, self.value(has_colon, depth)?)),
            }
            while self.take(',') || self.take(';') {}
        }
    }

    fn value(&mut self, has_colon: bool, depth: usize) -> Result<Value, String> {
        match self.peek() {
            Some(begin @ ('{' | '<')) => {
                self.step();
                let end = if begin == '{' { '}' } else { '>' };
                self.message(Some(end), depth + 1).map(Value::Message)
            }
            _ if !has_colon => Err(self.unexpected("a colon or a message")),
            Some('"' | '\'') => {
                let mut text = String::new();
                // Texts that stand side by side are one.
                while let Some(quote @ ('"' | '\'')) = self.peek() {
                    self.step();
                    self.text(quote, &mut text)?;
                }
                Ok(Value::Text(text))
            }
            _ => match self.word() {
                Some(word) => Ok(Value::Word(word.to_owned())),
                None => Err(self.unexpected("a value")),
            },
        }
    }

    fn text(&mut self, quote: char, text: &mut String) -> Result<(), String> {
        let mut signs = self.rest.char_indices();
        while let Some((place, sign)) = signs.next() {
            match sign {
                '\n' => break,
                '\\' => match signs.next() {
                    Some((_, escaped @ ('\\' | '"' | '\'' | '?'))) => text.push(escaped),
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    _ => return Err("an escape in its text is none of \\\\ \\\" \\' \\n \\t \\r".into()),
                },
                sign if sign == quote => {
                    self.rest = self.rest.get(place + 1..).unwrap_or_default();
                    return Ok(());
                }
                sign => text.push(sign),
            }
        }
        Err("its text does not end".into())
    }

    fn word(&mut self) -> Option<&'t str> {
        self.peek()?;
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '.' | '-' | '+');
        let end = self.rest.find(|sign| !is_part(sign)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word).filter(|word| !word.is_empty())
    }

    fn take(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(sign);
        if found {
            self.step();
        }
        found
    }

    fn step(&mut self) {
        let mut signs = self.rest.chars();
        signs.next();
        self.rest = signs.as_str();
    }

    /// The next sign that is neither space nor comment.
    fn peek(&mut self) -> Option<char> {
        loop {
            match self.rest.chars().next()? {
                '\n' => {
                    self.line += 1;
                    self.step();
                }
                '#' => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.rest = self.rest.get(end..).unwrap_or_default();
                }
                sign if sign.is_whitespace() => self.step(),
                sign => return Some(sign),
            }
        }
    }

    fn unexpected(&mut self, expected: &str) -> String {
        match self.peek() {
            Some(sign) => format!("{sign:?} stands where {expected} is expected"),
            None => format!("it ends where {expected} is expected"),
        }
    }
}

const DEEPEST: usize = 32;
