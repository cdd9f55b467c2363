//! The wire format of protocol buffers.

use mlcore::{Error, Result};

/// The fields of a message, in the order in which they lie there.
pub(super) struct Fields<'b> {
    rest: &'b [u8],
}

/// The value of a field.
#[derive(Clone, Copy)]
pub(super) enum Value<'b> {
    Varint(u64),
    Bytes(&'b [u8]),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
}

impl<'b> Fields<'b> {
    pub(super) fn new(message: &'b [u8]) -> Self {
        Self { rest: message }
    }

    /// The number and the value of the next field.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'b>)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = varint(&mut self.rest)?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| broken("a field of it has no number that there is"))?;
        let value = match (key & 7) as u8 {
            VARINT => Value::Varint(varint(&mut self.rest)?),
            FIXED_64 => Value::Fixed64(self.chunk()?),
            FIXED_32 => Value::Fixed32(self.chunk()?),
            BYTES => {
                let length = varint(&mut self.rest)?;
                let length = usize::try_from(length).map_err(|_| cut())?;
                let (own, rest) = self.rest.split_at_checked(length).ok_or_else(cut)?;
                self.rest = rest;
                Value::Bytes(own)
            }
            // Groups were given up before the protocol was made.
            _ => return Err(broken("a field of it has a wire type that there is not")),
        };
        Ok(Some((number, value)))
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*chunk)
    }
}

impl<'b> Value<'b> {
    pub(super) fn varint(self, name: &str) -> Result<u64> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(other_kind(name)),
        }
    }

    pub(super) fn double(self, name: &str) -> Result<f64> {
        match self {
            Self::Fixed64(bytes) => Ok(f64::from_le_bytes(bytes)),
            _ => Err(other_kind(name)),
        }
    }

    pub(super) fn bytes(self, name: &str) -> Result<&'b [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(other_kind(name)),
        }
    }

    pub(super) fn text(self, name: &str) -> Result<&'b str> {
        std::str::from_utf8(self.bytes(name)?).map_err(|_| broken(&format!("its {name} is not UTF-8")))
    }

    /// Hands over the numbers of a repeated field: one of them, or a packed list.
    pub(super) fn varints(self, name: &str, mut take: impl FnMut(u64) -> Result<()>) -> Result<()> {
        match self {
            Self::Varint(value) => take(value),
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    take(varint(&mut packed)?)?;
                }
                Ok(())
            }
            _ => Err(other_kind(name)),
        }
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for (place, &byte) in bytes.iter().take(MOST_VARINT_BYTES).enumerate() {
        let part = u64::from(byte & 0x7f);
        if place == MOST_VARINT_BYTES - 1 && part > 1 {
            break;
        }
        value |= part << (7 * place);
        if byte < 0x80 {
            *bytes = bytes.get(place + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(if bytes.len() < MOST_VARINT_BYTES { cut() } else { broken("a number in it has more than 64 bits") })
}

/// Writes a field of bytes, a text or a message.
pub(super) fn write_bytes(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    write_key(message, number, bytes.len());
    message.extend_from_slice(bytes);
}

/// Writes what stands before a field of so many bytes. `number` is less than 16.
pub(super) fn write_key(message: &mut Vec<u8>, number: u8, length: usize) {
    message.push(number << 3 | BYTES);
    write_varint(length as u64, |byte| message.push(byte));
}

pub(super) fn write_varint(mut value: u64, mut put: impl FnMut(u8)) {
    while value >= 0x80 {
        put(value as u8 | 0x80);
        value >>= 7;
    }
    put(value as u8);
}

fn cut() -> Error {
    broken("it ends in the middle of a field")
}

fn other_kind(name: &str) -> Error {
    broken(&format!("its {name} is of another kind than the protocol's"))
}

fn broken(problem: &str) -> Error {
    Error::invalid_input(super::READ, "message", problem)
}

const VARINT: u8 = 0;
pub(super) const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;
/// 64 bits in groups of seven.
const MOST_VARINT_BYTES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_others_are_refused() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), 1 << 62, u64::MAX] {
            let mut bytes = Vec::new();
            write_varint(value, |byte| bytes.push(byte));
            let mut rest = bytes.as_slice();
            assert_eq!((varint(&mut rest).unwrap(), rest), (value, &[][..]));
            assert!(varint(&mut &bytes[..bytes.len() - 1]).is_err());
        }
        assert!(varint(&mut &[0xff; 10][..]).is_err() && varint(&mut &[0x80; 20][..]).is_err());
    }

    #[test]
    fn fields_that_are_none_are_refused() {
        let all = |bytes: &[u8]| {
            let mut fields = Fields::new(bytes);
            std::iter::from_fn(|| fields.next().transpose())
                .map(|field| field.map(|(number, _)| number))
                .collect()
        };
        let read: Result<Vec<u32>> =
            all(&[8, 1, 18, 2, b'a', b'b', 0x2d, 0, 0, 0, 0, 0x31, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(read.unwrap(), [1, 2, 5, 6]);
        for wrong in [
            &[18, 3, 0][..],
            &[0x2d, 0],
            &[0x31],
            &[0, 1],
            &[0x0b],
            &[0x0f],
            &[8],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ] {
            let read: Result<Vec<u32>> = all(wrong);
            assert!(read.is_err(), "{wrong:?}");
        }
    }
}
