use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::VERIFY;
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::time::Timestamp;

/// What is signed: a model's name, the digests of its parts, who signs, and when.
///
/// ```
/// use mlcore::artifact::{Digest, Statement};
/// use mlcore::time::Timestamp;
///
/// let statement = Statement::new("churn", "release@example.com", Timestamp::from_millis(1_790_000_000_000))
///     .with_part("artifact", Digest::of(b"a model"));
/// assert_eq!(statement.parts["artifact"], Digest::of(b"a model"));
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The model's name, which keys are trusted for.
    pub name: String,
    /// Who says so, in the signer's own words; whose key it was says the [`KeyRing`](super::KeyRing).
    pub signer: String,
    /// When, by the signer's clock.
    pub signed_at: Timestamp,
    /// The digests that belong together, by role: `artifact`, `plan`, `monitor`.
    pub parts: BTreeMap<String, Digest>,
}

impl Statement {
    /// A statement about a model, without parts yet.
    #[must_use]
    pub fn new(name: impl Into<String>, signer: impl Into<String>, signed_at: Timestamp) -> Self {
        Self { name: name.into(), signer: signer.into(), signed_at, parts: BTreeMap::new() }
    }

    /// Adds a part.
    #[must_use]
    pub fn with_part(mut self, role: impl Into<String>, digest: Digest) -> Self {
        self.parts.insert(role.into(), digest);
        self
    }

    /// The statement as in-toto has it: the same bytes for the same statement.
    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        let subject = |(role, digest): (&String, &Digest)| Subject {
            name: role.clone(),
            digest: Sha256 { sha256: digest.to_hex() },
        };
        let written = InToto {
            kind: STATEMENT.to_owned(),
            subject: self.parts.iter().map(subject).collect(),
            predicate_type: PREDICATE.to_owned(),
            predicate: Predicate {
                model: self.name.clone(),
                signer: self.signer.clone(),
                signed_at_micros: self.signed_at.as_micros(),
            },
        };
        serde_json::to_vec(&written)
            .map_err(|cause| Error::internal("write statement", "", cause.to_string()).caused_by(cause))
    }

    pub(super) fn from_json(json: &[u8]) -> Result<Self> {
        let refuse = |problem: &str| Error::invalid_input(VERIFY, "statement", problem);
        let read: InToto = serde_json::from_slice(json)
            .map_err(|cause| refuse("it is no statement about a model of mlcore").caused_by(cause))?;
        if read.kind != STATEMENT || read.predicate_type != PREDICATE {
            return Err(refuse("it is a statement of another kind"));
        }
        if read.subject.len() > MOST_PARTS {
            return Err(refuse("it has more than 64 parts"));
        }
        let at = Timestamp::from_micros(read.predicate.signed_at_micros);
        let mut statement = Self::new(read.predicate.model, read.predicate.signer, at);
        for Subject { name, digest } in read.subject {
            if statement.parts.insert(name, digest.sha256.parse()?).is_some() {
                return Err(refuse("it names a part twice"));
            }
        }
        Ok(statement)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InToto {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: Sha256,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sha256 {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    model: String,
    signer: String,
    signed_at_micros: i64,
}

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://github.com/mlcore-rs/mlcore/signature/v1";
const MOST_PARTS: usize = 64;
