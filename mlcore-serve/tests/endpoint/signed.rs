//! An endpoint loads what was signed, where it was told so, and what answers as it answered where it was made.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mlcore::Error;
use mlcore::artifact::{ArtifactStoreExt, KeyRing, SigningKey, TrustedKey, VerifyPolicy};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::Version;
use mlcore::package::{GOLDEN_TAG, GoldenVectors, SIGNATURE_TAG, sign_version};
use mlcore::registry::{Registry, RegistryExt};
use mlcore::time::Timestamp;

use crate::support::{Place, alias, change, load, model};

fn key() -> SigningKey {
    SigningKey::from_pem(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----",
    )
    .unwrap()
}

fn policy(until: i64, now: Arc<AtomicI64>) -> VerifyPolicy {
    let trusted = TrustedKey::new(key().public_key(), "release team")
        .with_models(["m"])
        .with_until(Timestamp::from_millis(until));
    let ring = KeyRing::new([trusted]).unwrap();
    VerifyPolicy::demand(ring, move || Timestamp::from_millis(now.load(Ordering::Relaxed)))
}

fn sign(place: &Place, version: Version) {
    let registered = place.registry.version(&model(), version).unwrap();
    sign_version(&*place.registry, &*place.artifacts, &registered, &key(), "ana", &change("sign")).unwrap();
}

#[test]
fn what_is_not_signed_is_not_released_and_what_was_served_goes_on() {
    let (place, now) = (Place::new(), Arc::new(AtomicI64::new(1000)));
    let first = place.register("1");
    place.point("champion", first);
    let builder = || place.endpoint().with_verify_policy(policy(5000, now.clone()));
    let error = builder().build().unwrap_err();
    assert!(
        matches!(error, Error::PermissionDenied(_)) && error.to_string().contains("not signed"),
        "{error}"
    );
    sign(&place, first);
    let endpoint = builder().build().unwrap();
    assert_eq!(endpoint.shares()[0].1, first);

    let refused = |words: &str| {
        let error = endpoint.refresh().unwrap_err();
        assert!(error.to_string().contains(words), "{error} says {words}");
        assert_eq!(endpoint.shares()[0].1, first, "what was served goes on");
    };
    let second = place.register("2");
    place.point("champion", second);
    refused("not signed");
    // The signature of another version of the same model.
    let tag = place.registry.version(&model(), first).unwrap().tags[SIGNATURE_TAG].clone();
    let set = |tag: &str| {
        place.registry.set_version_tag(&model(), second, SIGNATURE_TAG, tag, &change("forge")).unwrap();
    };
    set(&tag);
    refused("another artifact");
    set("latest");
    refused("names no digest");
    set(&place.artifacts.put_bytes(b"{}").unwrap().to_string());
    refused("no envelope");
    sign(&place, second);
    now.store(6000, Ordering::Relaxed);
    refused("expired");
    now.store(1000, Ordering::Relaxed);
    endpoint.refresh().unwrap();
    assert_eq!(endpoint.shares()[0].1, second);
}

#[test]
fn a_version_that_answers_otherwise_than_where_it_was_made_is_not_released() {
    let place = Place::new();
    let first = place.register("1");
    place.point("champion", first);
    let endpoint = place.endpoint().build().unwrap();
    let second = place.register("2");
    let runner = load(&place.registry.version(&model(), second).unwrap(), &*place.artifacts).unwrap();
    let inputs = Batch::single("x", Tensor::new([2, 2], vec![0.0_f32; 4]).unwrap());
    let golden = GoldenVectors::record(&*runner, [inputs]).unwrap();
    let tag = |version: Version| {
        let stored = place.artifacts.put_bytes(&golden.to_json().unwrap()).unwrap();
        place
            .registry
            .set_version_tag(&model(), version, GOLDEN_TAG, &stored.to_string(), &change("golden"))
            .unwrap();
    };
    tag(second);
    place.point("champion", second);
    endpoint.refresh().unwrap();
    assert_eq!(endpoint.shares()[0].1, second);
    for behaviour in ["3", "panics"] {
        let other = place.register(behaviour);
        tag(other);
        place.point("champion", other);
        let error = endpoint.refresh().unwrap_err();
        assert!(matches!(error, Error::InvalidModel(_) | Error::Internal(_)), "{error}");
        assert_eq!(endpoint.shares()[0].1, second, "what was served goes on");
    }
    assert_eq!(place.registry.alias(&model(), &alias("champion")).unwrap().unwrap().get(), 4);
}
