//! Counts as bytes.

use mlcore::Result;

use super::WindowCounts;
use crate::monitor::sealed::Seal;

/// The version of the bytes of [`WindowCounts`]: raised when an older mlcore could not read them.
pub const WINDOW_COUNTS_VERSION: u32 = 1;

const SEAL: Seal = Seal {
    magic: b"mlcore-counts\n\0\0",
    version: WINDOW_COUNTS_VERSION,
    operation: "read window counts",
    subject: "bytes",
};

impl WindowCounts {
    /// The counts as bytes, equal for equal counts.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Every part is a plain struct with text keys: there is nothing that could fail.
        let json = serde_json::to_vec(self).unwrap_or_default();
        SEAL.close(|bytes| {
            bytes.extend_from_slice(&json);
            Ok(())
        })
        .unwrap_or_default()
    }

    /// The counts of such bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`](mlcore::Error::Corrupt) for other bytes, [`Error::Unsupported`](mlcore::Error::Unsupported) for those
    /// of a later version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(SEAL.open(bytes)?)
            .map_err(|cause| SEAL.damaged(&cause.to_string()).caused_by(cause))
    }
}
