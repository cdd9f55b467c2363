//! Bytes of profiles: an envelope that is checked before anything else, and numbers in little-endian order.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::{Error, Result};

/// What the bytes hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Held {
    Profile,
    Column,
}

impl Held {
    const fn code(self) -> u8 {
        match self {
            Self::Profile => 1,
            Self::Column => 2,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Profile => "the profile of a table",
            Self::Column => "the profile of a column",
        }
    }
}

/// The version of the bytes: raised by whatever an older mlcore could not read.
const VERSION: u8 = 1;
const MAGIC: [u8; 4] = *b"mlcp";
/// Magic, version, kind, two zeros; the checksum follows.
const HEADER: usize = 8;
const CHECKSUM: usize = 8;
const OPERATION: &str = "read profile";

/// Numbers and texts, one after another.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn u128(&mut self, value: u128) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// How many of something follow.
    pub(super) fn count(&mut self, count: usize) {
        self.u32(count as u32);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes.extend(text.as_bytes());
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// What was written, without an envelope.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What was written, in an envelope: magic, version, kind, checksum.
    pub(super) fn sealed(self, held: Held) -> Vec<u8> {
        let [a, b, c, d] = MAGIC;
        let header = [a, b, c, d, VERSION, held.code(), 0, 0];
        let checksum = xxh3_64_with_seed(&self.bytes, u64::from_le_bytes(header));
        let mut sealed = Vec::with_capacity(HEADER + CHECKSUM + self.bytes.len());
        sealed.extend(header);
        sealed.extend(checksum.to_le_bytes());
        sealed.extend(self.bytes);
        sealed
    }
}

/// Reads what a [`Writer`] wrote, and nothing beyond its end.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    subject: &'static str,
}

impl<'a> Reader<'a> {
    #[cfg(test)]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, subject: "bytes" }
    }

    /// Opens an envelope: version, kind and checksum are compared before anything is read.
    pub(super) fn open(bytes: &'a [u8], held: Held) -> Result<Self> {
        let subject = held.name();
        let corrupt = |problem: &str| {
            Error::corrupt(OPERATION, subject, problem)
                .remedy("take the bytes again from where they were made")
        };
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(corrupt("the bytes are too short for one"));
        };
        let [a, b, c, d, version, kind, ..] = *header;
        if [a, b, c, d] != MAGIC {
            return Err(corrupt("the bytes do not begin as one does"));
        }
        if version != VERSION {
            let problem =
                format!("its bytes are of version {version}, and this build reads version {VERSION}");
            return Err(Error::unsupported(OPERATION, subject, problem).remedy("use the mlcore that made it"));
        }
        let Some((checksum, payload)) = rest.split_first_chunk::<CHECKSUM>() else {
            return Err(corrupt("the bytes are too short for one"));
        };
        if xxh3_64_with_seed(payload, u64::from_le_bytes(*header)) != u64::from_le_bytes(*checksum) {
            return Err(corrupt("the checksum is another: bytes were lost or changed"));
        }
        if kind != held.code() {
            return Err(Error::invalid_input(OPERATION, subject, "the bytes hold another kind of profile")
                .remedy("read the bytes of a table as a table, and those of a column as a column"));
        }
        Ok(Self { rest: payload, subject })
    }

    /// The error for bytes that no profile has.
    pub(super) fn corrupt(&self, problem: impl Into<String>) -> Error {
        Error::corrupt(OPERATION, self.subject, problem).remedy("profile the data again")
    }

    /// Makes sure of something that holds for every profile.
    pub(super) fn require(&self, holds: bool, problem: &'static str) -> Result<()> {
        if holds { Ok(()) } else { Err(self.corrupt(problem)) }
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        let [value] = self.chunk()?;
        Ok(value)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.chunk()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_le_bytes(self.chunk()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.chunk()?))
    }

    pub(super) fn u128(&mut self) -> Result<u128> {
        Ok(u128::from_le_bytes(self.chunk()?))
    }

    pub(super) fn f64(&mut self) -> Result<f64> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// A truth value.
    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.corrupt(format!("the {what} is neither of two"))),
        }
    }

    /// How many things of at least `bytes` bytes follow, at most `most`: so many are there, before memory is taken for them.
    pub(super) fn count(&mut self, bytes: usize, most: usize) -> Result<usize> {
        let count = self.u32()? as usize;
        if count > most || count.saturating_mul(bytes) > self.rest.len() {
            return Err(self.corrupt(format!("it claims {count} entries, more than there are")));
        }
        Ok(count)
    }

    pub(super) fn text(&mut self, most: usize) -> Result<&'a str> {
        let length = self.count(1, most)?;
        let bytes = self.raw(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.corrupt("a text is not UTF-8"))
    }

    pub(super) fn raw(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.corrupt("the bytes end too early"));
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// Makes sure that nothing is left.
    pub(super) fn finish(self) -> Result<()> {
        self.require(self.rest.is_empty(), "more bytes follow its end")
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.corrupt("the bytes end too early"));
        };
        self.rest = rest;
        Ok(*bytes)
    }
}
