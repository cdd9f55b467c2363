//! Verifying a registry takes little memory, whatever the length of its log.
#![cfg(all(feature = "sqlite", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mlcore::name::ModelName;
use mlcore::registry::backend::limits::MOST_TEXT_BYTES;
use mlcore::registry::{Change, Registry, RegistryExt, SqliteRegistry};
use mlcore::time::Timestamp;

#[test]
fn verifying_a_long_log_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let registry = SqliteRegistry::open(folder.path().join("registry.db")).unwrap();
    let (churn, change) = (ModelName::new("churn").unwrap(), Change::new("ana", Timestamp::default()));
    registry.create_model(&churn, &change).unwrap();
    // 20 MB of entries, which change one row.
    for _ in 0..200 {
        registry.describe(&churn, None, &"x".repeat(MOST_TEXT_BYTES), &change).unwrap();
    }
    let before = peak_kib();
    assert_eq!(registry.verify().unwrap().sequence, 201);
    let grown = peak_kib() - before;
    assert!(grown < 12 << 10, "the peak grew by {grown} KiB");
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}
