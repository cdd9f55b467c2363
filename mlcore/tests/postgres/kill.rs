//! A client that is killed: what it was acknowledged is there, and the chain verifies.

use std::time::Duration;

use mlcore::artifact::Digest;
use mlcore::name::Alias;
use mlcore::registry::{AuditHead, Expected, NewVersion, PostgresRegistry, Registry, RegistryExt, Stage};
use mlcore::schema::Signature;

use super::server::Server;
use super::{change, killed, name};

/// The child: releases versions until it is killed. Without its variables it is an ordinary test with nothing to do.
#[test]
fn child_releases_until_it_is_killed() {
    let Some((url, _)) = killed::told() else { return };
    let registry = PostgresRegistry::open(&url).unwrap();
    let champion = Alias::new("champion").unwrap();
    killed::say("ready");
    for number in 0.. {
        let artifact = Digest::of(format!("{} {number}", std::process::id()));
        let new = NewVersion::new(name("churn"), artifact, Signature::default());
        let version = registry.create_version(new, &change(1)).unwrap().version;
        registry.transition(&name("churn"), version, Stage::Dev, Stage::Staging, &change(1)).unwrap();
        let expected = Expected::from(registry.alias(&name("churn"), &champion).unwrap());
        let entry = registry.promote(&name("churn"), version, &champion, expected, &change(1)).unwrap();
        killed::say(&format!("promoted {} {}", entry.sequence, entry.hash));
    }
}

#[test]
fn what_was_acknowledged_survives_a_client_that_is_killed() {
    let Some(server) = Server::start() else { return };
    // In the schema of the URL, which the child opens.
    let registry = PostgresRegistry::open(&server.url()).unwrap();
    registry.create_model(name("churn"), &change(1)).unwrap();
    let mut anchor = AuditHead::default();
    let mut promoted = 0;
    for round in 0..killed::rounds() / 5 {
        let time = Duration::from_micros(round * 7919 % 25_000);
        let test = "kill::child_releases_until_it_is_killed";
        let said = killed::run_and_kill(test, server.url(), server.folder(), round % 4, time);
        anchor = registry.verify_since(&anchor).unwrap();
        for line in &said {
            let [_, sequence, hash] = line.split(' ').collect::<Vec<_>>()[..] else { unreachable!("{line}") };
            let entry = registry.audit(sequence.parse().unwrap(), 1).unwrap().remove(0);
            assert_eq!(entry.hash.to_string(), hash);
            promoted += 1;
        }
        let in_production: Vec<_> = registry
            .versions(&name("churn"), None, usize::MAX)
            .unwrap()
            .into_iter()
            .filter(|version| version.stage == Stage::Production)
            .map(|version| version.version)
            .collect();
        let target = registry.alias(&name("churn"), &Alias::new("champion").unwrap()).unwrap();
        assert_eq!(in_production, Vec::from_iter(target), "alias and stage go together");
    }
    assert!(promoted > 0, "the child came far enough to be worth killing");
}
