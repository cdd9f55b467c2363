//! One request as a handler sees it, and what a handler answers.

use std::ops::Deref;

use serde::Serialize;

use super::Inner;
use super::artifacts::ArtifactFile;
use super::fields::Fields;
use super::refusal::Result;
use super::write;

/// A request whose fields were checked.
pub(super) struct Call<'c> {
    pub(super) server: &'c Inner,
    pub(super) fields: Fields<'c>,
    /// What the path names, in order.
    pub(super) names: &'c [String],
    /// The query as it was sent.
    pub(super) query: &'c str,
    /// The body of a request that has no fields.
    pub(super) body: &'c [u8],
    /// Who asks: the name of a key.
    pub(super) actor: &'c str,
    /// The bytes that are asked for, as the header says.
    pub(super) range: Option<&'c str>,
}

impl<'c> Call<'c> {
    /// What stands in the path at this place.
    pub(super) fn name(&self, place: usize) -> &'c str {
        self.names.get(place).map(String::as_str).unwrap_or_default()
    }
}

/// Handlers ask the fields most.
impl<'c> Deref for Call<'c> {
    type Target = Fields<'c>;

    fn deref(&self) -> &Fields<'c> {
        &self.fields
    }
}

/// What a handler answers.
pub(super) enum Reply {
    Json(Vec<u8>),
    /// Text, and its media type.
    Text(&'static str, &'static str),
    /// A success without a body, as one of this media type where there is one.
    Empty(Option<&'static str>),
    File(Box<Sent>),
}

/// A file that is answered, or a part of it.
pub(super) struct Sent {
    pub(super) file: ArtifactFile,
    /// The last part of its path.
    pub(super) name: String,
    /// The range that was asked for: the first byte and how many.
    pub(super) range: Option<(u64, u64)>,
}

impl Reply {
    /// An answer in JSON.
    pub(super) fn json(value: &impl Serialize) -> Result<Self> {
        write::to_bytes(value).map(Self::Json)
    }

    /// A success that says nothing.
    pub(super) fn done() -> Self {
        Self::Json(b"{}".to_vec())
    }
}
