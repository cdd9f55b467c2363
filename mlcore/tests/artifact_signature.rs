//! Signatures: what is refused, and that nothing else is.
#![cfg(feature = "signatures")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlcore::Error;
use mlcore::artifact::{
    Digest, Envelope, KeyRing, PublicKey, SigningKey, Statement, TrustedKey, VerifyPolicy,
};
use mlcore::error::Result;
use mlcore::time::Timestamp;

const SIGNED: i64 = 1_000_000;
const NOW: i64 = 2_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// The key whose secret is 32 times this byte, in PKCS #8.
fn pem(secret: u8) -> String {
    let mut der =
        vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend([secret; 32]);
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

fn key(secret: u8) -> SigningKey {
    SigningKey::from_pem(&pem(secret)).unwrap()
}

fn trusted(secret: u8) -> TrustedKey {
    TrustedKey::new(key(secret).public_key(), "release team").with_models(["churn", "fraud-*"])
}

fn policy(trusted: TrustedKey) -> VerifyPolicy {
    VerifyPolicy::demand(KeyRing::new([trusted]).unwrap(), || at(NOW))
}

fn artifact() -> Digest {
    Digest::of(b"a model")
}

fn statement(name: &str) -> Statement {
    Statement::new(name, "ana", at(SIGNED))
        .with_part("artifact", artifact())
        .with_part("plan", Digest::of(b"a plan"))
}

fn signed(name: &str) -> Envelope {
    Envelope::sign(&statement(name), &key(1)).unwrap()
}

fn verify(policy: &VerifyPolicy, name: &str, envelope: Option<&Envelope>) -> Result<String> {
    policy.verify(name, &[("artifact", artifact())], envelope).map(|verified| verified.owner)
}

fn refused(answer: Result<String>, kind: &str, words: &str) {
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error} says {words}");
}

#[test]
fn what_a_trusted_key_signed_is_verified_and_each_refusal_has_its_words() {
    let (good, envelope) = (policy(trusted(1)), signed("churn"));
    assert_eq!(verify(&good, "churn", Some(&envelope)).unwrap(), "release team");
    assert!(verify(&good, "fraud-cards", Some(&signed("fraud-cards"))).is_ok());
    refused(verify(&good, "churn", None), "permission_denied", "it is not signed");
    refused(verify(&policy(trusted(2)), "churn", Some(&envelope)), "permission_denied", "does not know");
    refused(
        verify(&policy(trusted(1).with_revoked(true)), "churn", Some(&envelope)),
        "permission_denied",
        "revoked",
    );
    let expired = policy(trusted(1).with_until(at(NOW - 1)));
    refused(verify(&expired, "churn", Some(&envelope)), "permission_denied", "expired");
    // A date in the statement is no way around it.
    let mut early = statement("churn");
    early.signed_at = at(1);
    let early = Envelope::sign(&early, &key(1)).unwrap();
    refused(verify(&expired, "churn", Some(&early)), "permission_denied", "expired");
    let later = policy(trusted(1).with_from(at(SIGNED + 1)));
    refused(verify(&later, "churn", Some(&envelope)), "permission_denied", "trusted from");
    refused(
        verify(&good, "pricing", Some(&signed("pricing"))),
        "permission_denied",
        "not trusted for this name",
    );
    refused(verify(&good, "fraud-cards", Some(&envelope)), "corrupt", "another name");
    let nobody = policy(TrustedKey::new(key(1).public_key(), "nobody"));
    refused(verify(&nobody, "churn", Some(&envelope)), "permission_denied", "not trusted for this name");

    let other = [("artifact", Digest::of(b"another model"))];
    let error = good.verify("churn", &other, Some(&envelope)).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("another artifact"), "{error}");
    let more = [("artifact", artifact()), ("monitor", artifact())];
    let error = good.verify("churn", &more, Some(&envelope)).unwrap_err();
    assert!(error.to_string().contains("nothing of the monitor"), "{error}");
}

/// Each byte of an envelope, changed, removed or doubled: nothing verifies that was not signed so.
#[test]
fn no_changed_byte_verifies() {
    let (good, json) = (policy(trusted(1)), signed("churn").to_json().unwrap());
    let mut refusals = 0;
    for place in 0..json.len() {
        for change in [1_u8, 0x20, 0x80] {
            let mut changed = json.clone();
            changed[place] ^= change;
            let Ok(envelope) = Envelope::from_json(&changed) else { continue };
            if let Err(error) = verify(&good, "churn", Some(&envelope)) {
                assert!(["corrupt", "permission_denied", "invalid_input"].contains(&error.kind()), "{error}");
                refusals += 1;
            } else {
                // Letters of either case are the same key id; nothing else is.
                assert_eq!(envelope, signed("churn"), "byte {place} ^ {change:#x}");
            }
        }
        let mut cut = json.clone();
        cut.remove(place);
        if let Ok(envelope) = Envelope::from_json(&cut) {
            assert!(verify(&good, "churn", Some(&envelope)).is_err(), "without byte {place}");
        }
    }
    assert!(refusals > 100, "{refusals}");
}

/// The id in the envelope says which key to take, and no more.
#[test]
fn key_ids_do_not_confuse() {
    let good = policy(trusted(1));
    let by_two = Envelope::sign(&statement("churn"), &key(2)).unwrap().to_json().unwrap();
    let (one, two) = (key(1).public_key().id().to_string(), key(2).public_key().id().to_string());
    let lying = String::from_utf8(by_two).unwrap().replace(&two, &one);
    let lying = Envelope::from_json(lying.as_bytes()).unwrap();
    refused(verify(&good, "churn", Some(&lying)), "corrupt", "does not fit");
}

#[test]
fn what_is_no_envelope_is_refused() {
    let good = String::from_utf8(signed("churn").to_json().unwrap()).unwrap();
    let bombs = [
        String::new(),
        "{}".to_owned(),
        "[".repeat(100_000),
        "x".repeat(Envelope::MOST_BYTES + 1),
        good.replace("in-toto+json", "other"),
        good.replace("\"payload\":", "\"payload\":\"\",\"payload\":"),
        good.replace("{\"payloadType\"", "{\"more\":1,\"payloadType\""),
        format!("{}]}}", good.split("\"signatures\":[").next().unwrap().to_owned() + "\"signatures\":["),
    ];
    for text in bombs {
        assert_eq!(Envelope::from_json(text.as_bytes()).unwrap_err().kind(), "invalid_input");
    }
    assert!(Envelope::sign(&Statement::new("churn", "ana", at(0)), &key(1)).is_err(), "nothing is signed");
    let mut long = statement("churn");
    long.signer = "a".repeat(70_000);
    assert!(Envelope::sign(&long, &key(1)).is_err());
}

#[test]
fn key_rings_are_read_and_what_is_wrong_is_refused() {
    let ring = KeyRing::new([trusted(1).with_until(at(NOW)), trusted(2).with_revoked(true)]).unwrap();
    assert_eq!(KeyRing::from_json(&ring.to_json().unwrap()).unwrap(), ring);
    assert!(KeyRing::new([trusted(1), trusted(1)]).is_err(), "twice");
    let json = String::from_utf8(ring.to_json().unwrap()).unwrap();
    for (bad, words) in [
        (json.replace("\"revoked\"", "\"revoced\""), "revoced"),
        (json.replace("\"models\"", "\"names\""), "names"),
        (json.replace("BEGIN PUBLIC KEY", "BEGIN PRIVATE KEY"), "public key"),
    ] {
        let error = KeyRing::from_json(bad.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    // The point of order one, with which every signature of zeros verifies.
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, 1];
    der.extend([0; 31]);
    let weak = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    assert_eq!(PublicKey::from_pem(&weak).unwrap_err().kind(), "invalid_input");
}

#[test]
fn private_keys_are_nowhere_printed_and_their_files_are_the_owners_alone() {
    let shown = format!("{:?}", key(7));
    assert!(shown.contains(&key(7).public_key().id().to_string()) && !shown.contains("7, 7"), "{shown}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, pem(7)).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        for open in [0o644, 0o640, 0o604, 0o660] {
            mode(open);
            let error = SigningKey::from_file(&path).unwrap_err();
            assert!(
                matches!(error, Error::PermissionDenied(_)) && error.to_string().contains("chmod 600"),
                "{error}"
            );
        }
        mode(0o600);
    }
    assert_eq!(SigningKey::from_file(&path).unwrap().public_key(), key(7).public_key());
    std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----").unwrap();
    let error = SigningKey::from_file(&path).unwrap_err();
    assert!(!error.to_string().contains("c2VjcmV0") && format!("{error:?}").contains("openssl"), "{error}");
}

/// The vectors of RFC 8032, section 7.1, by way of the id that OpenSSL gives the key of RFC 8410.
#[test]
fn keys_are_those_of_the_standards() {
    let key = SigningKey::from_pem(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----",
    );
    let public = key.unwrap().public_key();
    assert_eq!(
        public.to_pem().unwrap(),
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
    );
    let der = STANDARD.decode("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=").unwrap();
    assert_eq!(public.id(), Digest::of(der));
}
