//! The store in a file: two handles, damaged and foreign files, a full disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore, Entry, OnlineStore, Stamp, WriteBatch};

use super::{at, entry, key, number, table, write};

fn open(path: &Path) -> mlcore::Result<EmbeddedStore> {
    EmbeddedStore::open(path, EmbeddedOptions::default().with_cache_bytes(1 << 20))
}

/// What keys of a file have, or which kind of error it is.
fn told(path: &Path, of: i64) -> Result<Option<i64>, String> {
    open(path).and_then(|store| number(&store, &table(), of)).map_err(|error| {
        let text = error.to_string();
        assert!(
            text.contains("online.redb") || text.contains("customer_id"),
            "it names file or entity: {text}"
        );
        assert!(!text.contains("::"), "{text}");
        error.kind().to_owned()
    })
}

#[test]
fn a_second_handle_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("online.redb");
    let store = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(
        error.kind() == "unavailable" && error.to_string().contains("has it open; close the other"),
        "{error}"
    );
    let clone = store.clone();
    drop(store);
    assert!(clone.check().is_ok() && open(&path).is_err());
    drop(clone);
    assert!(open(&path).is_ok());
    let missing = open(&folder.path().join("no/online.redb")).unwrap_err();
    assert_eq!(missing.kind(), "not_found", "{missing}");
}

#[test]
fn foreign_and_damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("online.redb");
    for content in ["no database at all, but long enough for a header".repeat(200), "short".to_owned()] {
        fs::write(&path, &content).unwrap();
        let error = open(&path).unwrap_err();
        assert!(error.kind() == "corrupt" && error.to_string().contains("online.redb"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "nothing of somebody else's file is lost");
    }
    fs::remove_file(&path).unwrap();
    {
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let other: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("rows");
        transaction.open_table(other).unwrap().insert(1, 2).unwrap();
        transaction.commit().unwrap();
    }
    let error = open(&path).unwrap_err();
    assert!(error.kind() == "corrupt" && error.to_string().contains("another program's database"), "{error}");
    fs::remove_file(&path).unwrap();
    {
        drop(open(&path).unwrap());
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let format: redb::TableDefinition<'_, &str, u32> = redb::TableDefinition::new("mlcore online store");
        transaction.open_table(format).unwrap().insert("version", 2).unwrap();
        transaction.commit().unwrap();
    }
    let error = open(&path).unwrap_err();
    assert!(error.to_string().contains("its format is 2, and this build reads format 1"), "{error}");
}

/// Each change of the file is found, or changes nothing that is read.
#[test]
fn flipped_and_cut_files_never_answer_wrongly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("online.redb");
    let table = table();
    {
        let store = open(&path).unwrap();
        let rows: Vec<_> = (0..200).map(|of| entry(&table, of, of, of)).collect();
        write(&store, &table, &rows);
        store.append(&table, &rows, 3).unwrap();
    }
    let whole = fs::read(&path).unwrap();
    let mut random = mlcore::stats::SplitMix64::new(11);
    let (mut errors, mut fine) = (0, 0);
    for round in 0..120_u64 {
        let mut bytes = whole.clone();
        if round % 4 == 0 {
            bytes.truncate((random.next_u64() % bytes.len() as u64) as usize);
        } else {
            for _ in 0..=round % 3 * 8 {
                // Half of the flips hit what is used: the file is mostly empty space.
                let reach = if random.next_u64().is_multiple_of(2) { 16 << 10 } else { bytes.len() as u64 };
                let place = (random.next_u64() % reach) as usize;
                bytes[place] ^= 1 << (random.next_u64() % 8);
            }
        }
        fs::write(&path, &bytes).unwrap();
        for of in [0, 77, 199] {
            match told(&path, of) {
                // A store that is as it was after an earlier commit has no rows.
                Ok(found) => {
                    assert!(found == Some(of) || found.is_none(), "key {of} has {found:?}");
                    fine += 1;
                }
                Err(kind) => {
                    assert!(
                        ["corrupt", "unavailable", "unsupported", "schema_mismatch"].contains(&kind.as_str()),
                        "{kind}"
                    );
                    errors += 1;
                }
            }
        }
    }
    println!("{errors} errors, {fine} reads as they were");
    assert!(errors > 30 && fine > 30, "{errors} errors, {fine} fine");
}

#[test]
fn forged_rows_in_the_file_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("online.redb");
    let table = table();
    write(&open(&path).unwrap(), &table, &[entry(&table, 1, 1, 1), entry(&table, 2, 2, 2)]);
    {
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let rows: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("rows");
        let place = [&0_u32.to_be_bytes()[..], key(1).as_bytes()].concat();
        transaction.open_table(rows).unwrap().insert(place.as_slice(), &b"forged"[..]).unwrap();
        transaction.commit().unwrap();
    }
    assert_eq!(told(&path, 1), Err("corrupt".to_owned()));
    assert_eq!(told(&path, 2), Ok(Some(2)));
    write(&open(&path).unwrap(), &table, &[entry(&table, 1, -5, 7)]);
    assert_eq!(told(&path, 1), Ok(Some(7)), "any row replaces what is none");
}

/// A file system of some megabytes; none where this process may not mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        if !mounted {
            println!("skipped: a small file system needs the right to mount one");
        }
        mounted.then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let Some(disk) = SmallDisk::new() else { return };
    let path = disk.0.path().join("online.redb");
    let (store, table) = (open(&path).unwrap(), table());
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let long = "x".repeat(50_000);
    let mut kept = 0;
    let error = loop {
        let cells = [kept.into(), long.as_str().into()];
        let row = table.pack(Stamp::new(at(kept), at(0)), &cells).unwrap();
        let key = EntityKey::one("customer_id", kept).unwrap();
        match store.write(&table, &WriteBatch::rows(&[Entry::new(key, row)])) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "the disk does not fill");
    };
    assert!(error.kind() == "storage_full" && error.to_string().contains("free space"), "{error}");
    for of in 0..kept {
        assert_eq!(number(&store, &table, of).unwrap(), Some(of), "what was acknowledged is read");
    }
    assert_eq!(number(&store, &table, kept).unwrap(), None, "what failed is not there");
    // With room again the same handle writes on.
    fs::remove_file(ballast).unwrap();
    write(&store, &table, &[entry(&table, kept, kept, kept)]);
    assert_eq!(number(&store, &table, kept).unwrap(), Some(kept));
    drop(store);
    let store = open(&path).unwrap();
    assert!(
        (0..=kept).all(|of| number(&store, &table, of).unwrap() == Some(of)),
        "opened again, all is there"
    );
}

#[test]
fn writers_that_come_at_once_share_a_flush_and_lose_nothing() {
    const THREADS: i64 = 8;
    const EACH: i64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("online.redb");
    let (store, table) = (open(&path).unwrap(), table());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, table) = (&store, &table);
            scope.spawn(move || {
                for number in 0..EACH {
                    let of = thread * EACH + number;
                    // One in five is stopped before it writes anything, and takes nothing of the others with it.
                    if number % 5 == 4 {
                        let stop = mlcore::interrupt::scope(
                            || true,
                            || {
                                let rows: Vec<Entry> =
                                    (0..200).map(|row| entry(table, 10_000 + row, row, row)).collect();
                                store.write(table, &WriteBatch::rows(&rows))
                            },
                        );
                        assert_eq!(stop.unwrap_err().kind(), "interrupted");
                    }
                    write(store, table, &[entry(table, of, of, of)]);
                    assert_eq!(super::number(store, table, of).unwrap(), Some(of), "it is acknowledged");
                }
            });
        }
    });
    drop(store);
    let store = open(&path).unwrap();
    for of in 0..THREADS * EACH {
        assert_eq!(number(&store, &table, of).unwrap(), Some(of));
    }
    assert_eq!(number(&store, &table, 10_000).unwrap(), None, "nothing of a write that was stopped");
}

#[test]
fn a_compacted_file_is_small_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("online.redb");
    let (store, table) = (open(&path).unwrap(), table());
    for first in (0..20_000).step_by(1000) {
        let rows: Vec<Entry> = (first..first + 1000).map(|of| entry(&table, of, of, of)).collect();
        write(&store, &table, &rows);
    }
    store.evict(table.id(), at(19_000)).unwrap();
    let before = fs::metadata(&path).unwrap().len();
    // While others read.
    std::thread::scope(|scope| {
        let reader =
            scope.spawn(|| (0..2000).all(|_| number(&store, &table, 19_500).unwrap() == Some(19_500)));
        store.compact().unwrap();
        assert!(reader.join().unwrap());
    });
    let after = fs::metadata(&path).unwrap().len();
    assert!(after < before / 2, "{before} bytes before, {after} after");
    for of in [19_000, 19_999] {
        assert_eq!(number(&store, &table, of).unwrap(), Some(of));
    }
    write(&store, &table, &[entry(&table, 1, 5, 20_000)]);
    drop(store);
    assert_eq!(number(&open(&path).unwrap(), &table, 1).unwrap(), Some(20_000));
}
