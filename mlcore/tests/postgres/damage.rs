//! Rows that were changed behind the registry's back.

use mlcore::artifact::Digest;
use mlcore::name::{Alias, Version};
use mlcore::registry::{AuditHead, Expected, NewVersion, PostgresRegistry, Registry, RegistryExt, Stage};
use mlcore::schema::Signature;
use mlcore::{Error, Result};

use super::server::Server;
use super::{change, name, open};

fn filled(server: &Server, schema: &str) -> PostgresRegistry {
    let registry = open(server, schema);
    let (churn, champion) = (name("churn"), Alias::new("champion").unwrap());
    registry.create_model(&churn, &change(1)).unwrap();
    for hour in 2..4 {
        let new = NewVersion::new(churn.clone(), Digest::of(hour.to_string()), Signature::default());
        let version = registry.create_version(new, &change(hour)).unwrap().version;
        registry.transition(&churn, version, Stage::Dev, Stage::Staging, &change(hour)).unwrap();
        registry.promote(&churn, version, &champion, Expected::Any, &change(hour)).unwrap();
    }
    registry
}

fn is_corrupt<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(Error::Corrupt(_)))
}

#[test]
fn edited_rows_are_not_answered() {
    let Some(server) = Server::start() else { return };
    let registry = filled(&server, "edited");
    let champion = Alias::new("champion").unwrap();
    assert_eq!(registry.alias(&name("churn"), &champion).unwrap().map(Version::get), Some(2));
    server.sql("UPDATE edited.version SET body = replace(body, 'staging', 'production') WHERE version = 1");
    server.sql("UPDATE edited.version SET body = body || ' ' WHERE version = 1");
    assert!(is_corrupt(&registry.version(&name("churn"), Version::new(1).unwrap())));
    // A row that is whole, in the place of another.
    server.sql("UPDATE edited.alias SET (body, digest) = (SELECT body, digest FROM edited.alias_change ORDER BY sequence LIMIT 1)");
    assert!(is_corrupt(&registry.alias(&name("churn"), &champion)));
    assert!(is_corrupt(&registry.verify()));
}

#[test]
fn added_and_removed_rows_are_found_by_verifying() {
    let Some(server) = Server::start() else { return };
    for (place, sql) in [
        "DELETE FROM {}.alias",
        "DELETE FROM {}.version WHERE version = 2 AND NOT EXISTS (SELECT 1 FROM {}.alias WHERE version = 2)",
        "INSERT INTO {}.request VALUES ('forged', 1)",
        "UPDATE {}.model SET deleted = true",
        "INSERT INTO {}.version SELECT model, 7, body, digest FROM {}.version WHERE version = 1",
        "INSERT INTO {}.alias_change SELECT model, 'other', sequence, body, digest FROM {}.alias_change LIMIT 1",
        "ALTER TABLE {}.alias_change DISABLE TRIGGER ALL; DELETE FROM {}.alias_change WHERE sequence = 4",
        "ALTER TABLE {}.audit DISABLE TRIGGER ALL; DELETE FROM {}.audit WHERE sequence = (SELECT max(sequence) FROM {}.audit)",
    ]
    .iter()
    .enumerate()
    {
        let schema = format!("place_{place}");
        let registry = filled(&server, &schema);
        registry.verify().unwrap();
        if place == 1 {
            server.sql(&format!("DELETE FROM {schema}.alias"));
        }
        server.sql(&sql.replace("{}", &schema));
        assert!(is_corrupt(&registry.verify()), "{sql}");
    }
}

#[test]
fn history_is_not_rewritten_by_mistake_and_a_forged_one_is_found() {
    let Some(server) = Server::start() else { return };
    let registry = filled(&server, "mlcore");
    for sql in [
        "UPDATE mlcore.audit SET line = ''",
        "DELETE FROM mlcore.alias_change",
        "TRUNCATE mlcore.audit CASCADE",
    ] {
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.sql(sql)));
        assert!(refused.is_err(), "{sql}");
    }
    let head = registry.verify().unwrap();
    registry.check_through(&head).unwrap();
    let forged = AuditHead::noted(head.sequence, Digest::of("another log"));
    assert!(is_corrupt(&registry.check_through(&forged)));
    assert!(is_corrupt(&registry.check_through(&AuditHead::noted(head.sequence + 1, head.hash))));
}
