//! Signatures, key rings, locks, golden vectors and manifests of packages, by the first byte.

use mlcore::Error;
use mlcore::artifact::{Envelope, KeyRing, Package, SigningKey, TrustedKey, VerifyPolicy};
use mlcore::package::{GoldenVectors, Lock};
use mlcore::time::Timestamp;

use crate::told::told;

/// Reads them, and says whether they are what the first byte says.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    let read = match kind {
        b'e' => Envelope::from_json(bytes).map(|envelope| {
            let json = envelope.to_json().expect("it is written");
            assert_eq!(Envelope::from_json(&json).expect("it is read again"), envelope);
            nobody_signed(&envelope);
        }),
        b'k' => KeyRing::from_json(bytes).map(|ring| {
            let json = ring.to_json().expect("it is written");
            assert_eq!(KeyRing::from_json(&json).expect("it is read again"), ring);
        }),
        b'l' => Lock::from_json(bytes).map(|lock| {
            let json = lock.to_json().expect("it is written");
            assert_eq!(Lock::from_json(&json).expect("it is read again"), lock);
            if let Err(error) = lock.registry() {
                assert!(matches!(error, Error::Corrupt(_)), "{error}");
                told(&error);
            }
        }),
        b'g' => GoldenVectors::from_json(bytes).map(|golden| {
            let json = golden.to_json().expect("it is written");
            // Not compared by equality: NaN is none.
            let again = GoldenVectors::from_json(&json).expect("it is read again");
            assert_eq!(again.to_json().expect("it is written"), json);
        }),
        _ => Package::from_json(bytes).map(|package| {
            let json = package.to_json().expect("it is written");
            assert_eq!(Package::from_json(&json).expect("it is read again"), package);
        }),
    };
    if let Err(error) = &read {
        told(error);
    }
    read.is_ok()
}

/// A key that signed nothing verifies nothing.
fn nobody_signed(envelope: &Envelope) {
    let key = SigningKey::from_pem(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----",
    );
    let key = key.expect("the key of RFC 8410 is read").public_key();
    let ring = KeyRing::new([TrustedKey::new(key, "nobody").with_models(["*"])]).expect("one key is a ring");
    let policy = VerifyPolicy::demand(ring, Timestamp::default);
    told(&policy.verify("churn", &[], Some(envelope)).expect_err("it signed nothing"));
}
