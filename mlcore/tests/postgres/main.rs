//! The registry and the tracker on a real PostgreSQL server.
#![cfg(all(feature = "postgres", unix))]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips"
)]

mod damage;
mod faults;
mod kill;
// What kills, and is the same for every store.
#[path = "../kill/mod.rs"]
mod killed;
mod server;
mod tls;
mod tracker;

use mlcore::Error;
use mlcore::name::{ModelName, Version};
use mlcore::registry::{Change, NewVersion, PostgresOptions, PostgresRegistry, Registry, RegistryExt};
use mlcore::time::Timestamp;

use server::Server;

fn options(server: &Server, schema: &str) -> PostgresOptions {
    PostgresOptions::from_url(&server.url()).unwrap().with_schema(schema)
}

fn open(server: &Server, schema: &str) -> PostgresRegistry {
    PostgresRegistry::open_with(&options(server, schema)).unwrap()
}

fn change(hour: i64) -> Change {
    Change::new("ana", Timestamp::from_millis(hour * 3_600_000))
}

fn name(text: &str) -> ModelName {
    ModelName::new(text).unwrap()
}

#[cfg(feature = "conformance")]
#[test]
fn it_keeps_the_contract() {
    use mlcore::conformance::{self, Persistence};

    let Some(server) = Server::start_with(vec!["fsync=off".to_owned()]) else { return };
    conformance::registry(Persistence::Shared, |place| Box::new(open(&server, &format!("place_{place}"))));
}

/// A host calls from inside its own runtime, whose threads may not run another one.
#[test]
fn it_answers_inside_a_hosts_runtime() {
    let Some(server) = Server::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let registry = open(&server, "mlcore");
        registry.create_model(name("churn"), &change(1)).unwrap();
        assert_eq!(registry.verify().unwrap().sequence, 1);
    });
}

#[test]
fn any_number_of_threads_share_few_connections() {
    let Some(server) = Server::start() else { return };
    let options = options(&server, "mlcore").with_connections(2.try_into().unwrap());
    let registry = PostgresRegistry::open_with(&options).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let registry = &registry;
            scope.spawn(move || {
                for round in 0..10 {
                    registry.create_model(name(&format!("m{thread}-{round}")), &change(1)).unwrap();
                    assert!(registry.models(None, 3).unwrap().len() <= 3);
                }
            });
        }
    });
    assert_eq!((registry.models(None, 1000).unwrap().len(), registry.verify().unwrap().sequence), (80, 80));
}

#[test]
fn what_cannot_be_opened_is_told() {
    let Some(server) = Server::start() else { return };
    let refused = |url: &str| PostgresRegistry::open(url).unwrap_err();
    let missing = refused(&server.url().replace("/postgres", "/elsewhere"));
    assert!(
        matches!(missing, Error::NotFound(_)) && missing.to_string().contains("create the database"),
        "{missing}"
    );
    let dead = refused("postgresql://ana:secret@127.0.0.1:1/ml?connect_timeout=2");
    assert!(matches!(dead, Error::Unavailable(_)) && !dead.to_string().contains("secret"), "{dead}");
    assert!(dead.is_transient());

    server.sql("CREATE ROLE reader LOGIN; CREATE SCHEMA closed;");
    let reader = server.url().replace("mlcore@", "reader@");
    let forbidden = refused(&format!("{reader}?schema=mine"));
    assert!(matches!(forbidden, Error::PermissionDenied(_)), "{forbidden}");

    drop(open(&server, "later"));
    server.sql("UPDATE later.mlcore_version SET version = 99");
    let newer = PostgresRegistry::open_with(&options(&server, "later")).unwrap_err();
    assert!(matches!(newer, Error::Unsupported(_)) && newer.to_string().contains("99"), "{newer}");
}

/// A program of the version before wrote it; the new one brings it up to date, and the old one then refuses it.
#[test]
fn older_tables_are_brought_up_to_date() {
    let Some(server) = Server::start() else { return };
    open(&server, "older").create_model(name("churn"), &change(1)).unwrap();
    server.sql("UPDATE older.mlcore_version SET version = 1 WHERE part = 'registry'");
    let registry = open(&server, "older");
    let source = NewVersion::external(name("churn"), "s3://models/churn");
    assert_eq!(registry.create_version(source, &change(2)).unwrap().version, Version::FIRST);
    assert_eq!(registry.verify().unwrap().sequence, 2);
    server.sql(
        "DO $$ BEGIN ASSERT (SELECT version FROM older.mlcore_version WHERE part = 'registry') = 2; END $$",
    );
}

/// Two that open an empty database make its tables once.
#[test]
fn tables_are_made_once() {
    let Some(server) = Server::start() else { return };
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..6).map(|_| scope.spawn(|| open(&server, "mlcore"))).collect();
        for (hour, registry) in opening.into_iter().enumerate() {
            let registry = registry.join().unwrap();
            registry.create_model(name(&format!("m{hour}")), &change(1)).unwrap();
        }
    });
    assert_eq!(open(&server, "mlcore").verify().unwrap().sequence, 6);
}

/// A team that began with a file goes on with a server, with the same history.
#[cfg(feature = "sqlite")]
#[test]
fn a_file_moves_to_a_server_and_back() {
    use mlcore::registry::{SqliteRegistry, copy_log, export_log, import_log};

    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteRegistry::open(folder.path().join("registry.db")).unwrap();
    file.create_model(name("churn"), &change(1)).unwrap();
    for hour in 2..50 {
        let source = NewVersion::external(name("churn"), "s3://models/churn").with_metric("auc", 0.8);
        file.create_version(source, &change(hour)).unwrap();
    }
    let registry = open(&server, "moved");
    let head = copy_log(&file, &registry).unwrap();
    assert_eq!((registry.verify().unwrap(), head), (head, file.verify().unwrap()));
    assert_eq!(registry.audit(1, 100).unwrap(), file.audit(1, 100).unwrap());
    assert!(matches!(copy_log(&file, &registry), Err(Error::AlreadyExists(_))));
    registry.set_model_tag(&name("churn"), "team", "risk", &change(60)).unwrap();

    let mut lines = Vec::new();
    let head = export_log(&registry, &mut lines).unwrap();
    let back = SqliteRegistry::open(folder.path().join("back.db")).unwrap();
    assert_eq!(import_log(&back, &mut lines.as_slice(), Some(&head)).unwrap(), back.verify().unwrap());
    lines.truncate(lines.len() / 2);
    let cut = open(&server, "cut");
    assert!(matches!(import_log(&cut, &mut lines.as_slice(), None), Err(Error::Corrupt(_))));
    assert_eq!(cut.verify().unwrap().sequence, 0, "what does not verify leaves nothing");
}
