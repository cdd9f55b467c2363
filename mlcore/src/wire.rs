//! The wire format of protocol buffers: tags, varints and lengths. Reads borrow; nothing is allocated. Models of ONNX are read
//! and written by it, here and in `mlcore-features`.

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The field's number in the message's definition.
    pub number: u64,
    /// Its value, as far as the wire format alone tells it.
    pub value: Value<'a>,
    /// Tag and value as they stand in the message.
    pub raw: &'a [u8],
}

/// What a tag announces.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// An integer, a bool or an enum.
    Number(u64),
    /// Text, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Four or eight bytes of a float or a fixed-width integer.
    Fixed,
}

impl<'a> Field<'a> {
    /// The value as an integer; protocol buffers write negative ones as 64-bit two's complement.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence without a subject's name.
    pub fn number(&self) -> Result<i64, String> {
        match self.value {
            Value::Number(number) => Ok(number.cast_signed()),
            _ => Err(format!("field {} is no integer", self.number)),
        }
    }

    /// The value as bytes: a message, or anything else of announced length.
    ///
    /// # Errors
    /// As [`Field::number`].
    pub fn bytes(&self) -> Result<&'a [u8], String> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(format!("field {} has no length", self.number)),
        }
    }

    /// The value as text.
    ///
    /// # Errors
    /// As [`Field::number`].
    pub fn text(&self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?).map_err(|_| format!("field {} is not UTF-8", self.number))
    }
}

/// The fields of one message in the order in which they stand. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Those of this message.
    #[must_use]
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn read(&mut self) -> Result<Field<'a>, String> {
        let whole = self.rest;
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err("a field has the number 0".into());
        }
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| CUT_OFF)?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            other => return Err(format!("field {number} has the wire type {other}")),
        };
        let raw = whole.get(..whole.len() - self.rest.len()).unwrap_or(whole);
        Ok(Field { number, value, raw })
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0_u64;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(number);
            }
        }
        Err(if self.rest.len() < 10 { CUT_OFF.into() } else { "a number has more than 64 bits".into() })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

const CUT_OFF: &str = "it ends in the middle of a field";

/// Appends a field of announced length.
pub fn put_bytes(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(message, number << 3 | 2);
    put_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

/// Appends an integer field.
pub fn put_number(message: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(message, number << 3);
    put_varint(message, value);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut message = Vec::new();
        put_number(&mut message, 1, u64::MAX);
        put_bytes(&mut message, 300, "grüße".as_bytes());
        let fields: Vec<Field<'_>> = Fields::of(&message).map(Result::unwrap).collect();
        assert_eq!((fields[0].number, fields[0].number().unwrap()), (1, -1));
        assert_eq!((fields[1].number, fields[1].text().unwrap()), (300, "grüße"));
        assert_eq!([fields[0].raw, fields[1].raw].concat(), message);
    }

    #[test]
    fn what_is_no_message_ends_with_an_error() {
        for (bytes, problem) in [
            (&[0x08][..], CUT_OFF),
            (&[0x0a, 5, 1], CUT_OFF),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], CUT_OFF),
            (&[0x80; 10], "a number has more than 64 bits"),
            (&[0x0d, 1, 2], CUT_OFF),
            (&[0x00, 0x00], "a field has the number 0"),
            (&[0x0b], "field 1 has the wire type 3"),
        ] {
            let mut fields = Fields::of(bytes);
            assert_eq!(fields.next().unwrap().unwrap_err(), problem, "{bytes:?}");
            assert!(fields.next().is_none());
        }
    }
}
