//! Every registry of definitions keeps the promises of the trait.

use mlcore_features::store::conformance;
use mlcore_features::store::registry::MemoryDefinitions;

#[test]
fn memory_keeps_the_contract() {
    conformance::definitions(|| MemoryDefinitions::new("rides").unwrap());
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_keeps_the_contract() {
    use mlcore_features::store::registry::SqliteDefinitions;

    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    conformance::definitions(|| {
        count += 1;
        SqliteDefinitions::open(folder.path().join(format!("{count}.db")), "rides").unwrap()
    });
}
