use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{PublicKey, SIGN, SigningKey, Statement, VERIFY};
use crate::artifact::Digest;
use crate::error::{Error, Result};

/// A signed statement, as it is kept: a DSSE envelope in JSON.
///
/// What is in it is believed only after a [`VerifyPolicy`](super::VerifyPolicy) verified it.
///
/// ```
/// use mlcore::artifact::{Digest, Envelope, SigningKey, Statement};
/// use mlcore::time::Timestamp;
///
/// # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";
/// let key = SigningKey::from_pem(pem)?;
/// let statement = Statement::new("churn", "ana", Timestamp::default()).with_part("artifact", Digest::of(b"a model"));
/// let envelope = Envelope::sign(&statement, &key)?;
/// assert_eq!(Envelope::from_json(&envelope.to_json()?)?, envelope);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<KeySignature>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct KeySignature {
    key: Digest,
    signature: [u8; 64],
}

impl Envelope {
    /// Signs a statement. The same key gives the same bytes for the same statement.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a statement without parts, or whose words are longer than an envelope may be.
    pub fn sign(statement: &Statement, key: &SigningKey) -> Result<Self> {
        if statement.parts.is_empty() {
            return Err(Error::invalid_input(SIGN, statement.name.as_str(), "the statement names no part"));
        }
        let payload = statement.to_json()?;
        let signature = key.sign(&authenticated(&payload));
        let signed =
            Self { payload, signatures: vec![KeySignature { key: key.public_key().id(), signature }] };
        if signed.to_json()?.len() > Self::MOST_BYTES {
            let problem = "the statement is larger than an envelope may be";
            return Err(Error::invalid_input(SIGN, statement.name.as_str(), problem));
        }
        Ok(signed)
    }

    /// The most bytes of an envelope.
    pub const MOST_BYTES: usize = 64 << 10;

    /// The envelope as JSON.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let signatures = self.signatures.iter().map(|KeySignature { key, signature }| WrittenSignature {
            keyid: key.to_string(),
            sig: STANDARD.encode(signature),
        });
        let written = Written {
            payload_type: TYPE.to_owned(),
            payload: STANDARD.encode(&self.payload),
            signatures: signatures.collect(),
        };
        serde_json::to_vec(&written)
            .map_err(|cause| Error::internal("write envelope", "", cause.to_string()).caused_by(cause))
    }

    /// Reads an envelope, and believes nothing of it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for anything else, for one without signature, and for one above [`MOST_BYTES`](Self::MOST_BYTES).
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let refuse = |problem: &str| Error::invalid_input("read envelope", "", problem);
        if json.len() > Self::MOST_BYTES {
            return Err(refuse("it has more than 64 KiB"));
        }
        let read: Written = serde_json::from_slice(json)
            .map_err(|cause| refuse("it is no envelope of a signature").caused_by(cause))?;
        if read.payload_type != TYPE {
            return Err(refuse("what it signs is no statement of in-toto"));
        }
        if read.signatures.is_empty() || read.signatures.len() > MOST_SIGNATURES {
            return Err(refuse("it has none, or more than 16 signatures"));
        }
        let payload = STANDARD.decode(read.payload).map_err(|_| refuse("its payload is no base64"))?;
        let signatures = read.signatures.into_iter().map(|WrittenSignature { keyid, sig }| {
            let signature = STANDARD.decode(sig).ok().and_then(|bytes| bytes.try_into().ok());
            let signature = signature.ok_or_else(|| refuse("a signature is not 64 bytes in base64"))?;
            Ok(KeySignature { key: keyid.parse()?, signature })
        });
        Ok(Self { payload, signatures: signatures.collect::<Result<_>>()? })
    }

    /// The ids of the keys that claim to have signed.
    pub fn key_ids(&self) -> impl ExactSizeIterator<Item = Digest> {
        self.signatures.iter().map(|signature| signature.key)
    }

    /// The statement, if this key has signed it: the id in the envelope is no more than a hint which key to take.
    pub(super) fn opened_by(&self, key: &PublicKey) -> Result<Statement> {
        let message = authenticated(&self.payload);
        let id = key.id();
        let mut own = self.signatures.iter().filter(|signature| signature.key == id);
        if own.any(|signature| key.has_signed(&message, &signature.signature)) {
            return Statement::from_json(&self.payload);
        }
        Err(Error::corrupt(
            VERIFY,
            id.to_string(),
            "the signature does not fit the statement: one of them was changed",
        )
        .remedy("get both again from whoever signed"))
    }
}

/// What DSSE signs: type and payload with their lengths, so that no other text means the same.
fn authenticated(payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {TYPE} {} ", TYPE.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<WrittenSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSignature {
    keyid: String,
    sig: String,
}

const TYPE: &str = "application/vnd.in-toto+json";
const MOST_SIGNATURES: usize = 16;
