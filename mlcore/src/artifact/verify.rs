use std::fmt;
use std::io::{self, Read};

use super::digest::{Digest, HashingReader};
use crate::error::Error;

/// A reader that hands out the last byte only after all bytes were found to be those that were put.
///
/// Earlier bytes are seen before that: treat nothing as read until the reader has answered 0 bytes or the
/// whole size. Content that is longer, shorter or otherwise different ends in an error of kind
/// [`InvalidData`](io::ErrorKind::InvalidData) whose source is [`Error::Corrupt`].
pub struct VerifiedReader {
    digest: Digest,
    size: u64,
    state: State,
    remedy: &'static str,
    inner: HashingReader<Box<dyn Read + Send>>,
}

enum State {
    Reading,
    Verified,
    Damaged,
}

impl VerifiedReader {
    /// Reads `inner`, whose `size` bytes must have this digest.
    #[must_use]
    pub fn new(digest: Digest, size: u64, inner: Box<dyn Read + Send>) -> Self {
        let remedy = "put the original content again, which replaces them";
        Self { digest, size, state: State::Reading, remedy, inner: HashingReader::new(inner) }
    }

    /// Says what to do where the content is another.
    #[must_use]
    pub fn with_remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = remedy;
        self
    }

    /// How many bytes there are in all.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    fn damaged(&mut self) -> io::Error {
        self.state = State::Damaged;
        let error =
            Error::corrupt("read artifact", self.digest.to_string(), "the stored bytes have another digest")
                .remedy(self.remedy);
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl Read for VerifiedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Reading => {}
            State::Verified => return Ok(0),
            State::Damaged => return Err(self.damaged()),
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = read_retrying(&mut self.inner, buffer)?;
        let read = self.inner.count();
        if count > 0 && read < self.size {
            return Ok(count);
        }
        if read != self.size || self.inner.digest() != self.digest {
            buffer.fill(0);
            return Err(self.damaged());
        }
        // The size alone could be a prefix of a file that grew.
        if count > 0 && read_retrying(&mut self.inner, &mut [0])? > 0 {
            buffer.fill(0);
            return Err(self.damaged());
        }
        self.state = State::Verified;
        Ok(count)
    }
}

impl fmt::Debug for VerifiedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedReader")
            .field("digest", &self.digest)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Reads until it was not interrupted by a signal.
pub(super) fn read_retrying(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `stored` as if `put` had been stored, `chunk` bytes at a time.
    fn read(put: &[u8], stored: &[u8], chunk: usize) -> (Vec<u8>, io::Result<()>) {
        let size = put.len() as u64;
        let mut reader =
            VerifiedReader::new(Digest::of(put), size, Box::new(io::Cursor::new(stored.to_vec())));
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; chunk]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return (bytes, Ok(())),
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) => {
                    assert!(reader.read(&mut buffer).is_err(), "damage stays damage");
                    return (bytes, Err(error));
                }
            }
        }
    }

    #[test]
    fn the_last_byte_comes_only_after_the_whole_was_verified() {
        let put = b"0123456789";
        for chunk in [1, 3, 10, 64] {
            assert_eq!(read(put, put, chunk).0, put);
            assert!(read(b"", b"", chunk).1.is_ok());
            for stored in [&b"012345678x"[..], b"x123456789", b"012345678", b"0123456789x", b""] {
                let (bytes, end) = read(put, stored, chunk);
                let error = end.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                assert!(bytes.len() < put.len(), "{stored:?} by {chunk}");
                assert!(matches!(Error::from_io("read", "x", error), Error::Corrupt(_)));
            }
        }
    }
}
