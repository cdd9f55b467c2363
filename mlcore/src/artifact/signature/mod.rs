//! Signatures over artifacts: who says that these bytes are theirs, and whom does a host believe?
//!
//! A [`Statement`] names a model and the digests that belong to it, its signer and the time. A [`SigningKey`] signs it; what comes
//! of that, an [`Envelope`], is detached: it is kept beside what it signs, as an artifact of its own or as a file. A
//! [`VerifyPolicy`] holds what is loaded to a [`KeyRing`], and fails closed: unsigned, by a key that is not trusted, that has
//! expired, that was revoked or that is trusted for other names, changed or signed for something else, each is an error of its own.
//!
//! The forms are those of OpenSSF's model signing: an in-toto statement with one subject for each part, in a DSSE envelope, signed
//! with Ed25519 (RFC 8032). Its predicate is ours, because a version of a registry has a name, a plan and a monitor's reference
//! beside its files. A digest of a [`Package`](super::Package)'s manifest stands for all files that the manifest names. A signature
//! does not say that a version is the newest: which version an alias means is the registry's word.
//!
//! Keys are files in PEM, as `openssl genpkey -algorithm ed25519 -out key.pem` and `openssl pkey -in key.pem -pubout` make them.

mod envelope;
mod key;
mod policy;
mod ring;
mod statement;

pub use self::envelope::Envelope;
pub use self::key::{PublicKey, SigningKey};
pub use self::policy::{Verified, VerifyPolicy};
pub use self::ring::{KeyRing, TrustedKey};
pub use self::statement::Statement;

const SIGN: &str = "sign artifact";
const VERIFY: &str = "verify signature";
