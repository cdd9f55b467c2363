//! Bytes that say what they are and that nothing was changed in them: a word, a version, the content, and a digest of it all.

use mlcore::artifact::Digest;
use mlcore::{Error, Result};

/// A kind of sealed bytes.
pub(super) struct Seal {
    /// What the bytes begin with.
    pub(super) magic: &'static [u8; 16],
    /// The newest version that this build writes and reads.
    pub(super) version: u32,
    /// What reading them is called in errors, and what was to be read.
    pub(super) operation: &'static str,
    pub(super) subject: &'static str,
}

const DIGEST: usize = 32;

impl Seal {
    /// The bytes of a content that `write` appends.
    pub(super) fn close(&self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Vec<u8>> {
        let mut bytes = self.magic.to_vec();
        bytes.extend_from_slice(&self.version.to_le_bytes());
        write(&mut bytes)?;
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        Ok(bytes)
    }

    /// The content of such bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for other bytes, [`Error::Unsupported`] for those of a later version.
    pub(super) fn open<'b>(&self, bytes: &'b [u8]) -> Result<&'b [u8]> {
        let Some(rest) = bytes.strip_prefix(self.magic) else {
            return Err(self.damaged("they are bytes of another kind"));
        };
        let (version, rest) =
            rest.split_first_chunk::<4>().ok_or_else(|| self.damaged("they end too soon"))?;
        let version = u32::from_le_bytes(*version);
        // Of a later version nothing else is known, not even where its digest lies.
        if version > self.version {
            let problem = format!("version {version}; this build reads up to {}", self.version);
            return Err(Error::unsupported(self.operation, self.subject, problem).remedy("upgrade mlcore"));
        }
        let (content, digest) =
            rest.split_last_chunk::<DIGEST>().ok_or_else(|| self.damaged("they end too soon"))?;
        let sealed = bytes.get(..bytes.len() - DIGEST).unwrap_or_default();
        if version == 0 || Digest::of(sealed).as_bytes() != digest {
            return Err(self.damaged("they are not those that were written"));
        }
        Ok(content)
    }

    pub(super) fn damaged(&self, problem: &str) -> Error {
        Error::corrupt(self.operation, self.subject, problem).remedy("write them again")
    }
}
