//! The store on a real Redis server: down, restarted, stopped, full, with a password, with keys of somebody else.

use std::time::{Duration, Instant, SystemTime};

use mlcore::Error;
use mlcore::time::Timestamp;
use mlcore_features::store::online::{
    Entry, Note, OnlineStore, RedisOptions, RedisStore, Stamp, WriteBatch, Written,
};

use super::server::{Server, free_port};
use super::{at, entry, key, number, table, write};

/// An error of a kind, which names the server, says what to do, and no path of Rust.
#[track_caller]
fn is(error: &Error, kind: &str, expected: &str) {
    let text = error.to_string();
    assert!(error.kind() == kind && text.contains(expected), "{kind}: {text}");
    assert!(text.contains("redis://127.0.0.1:") && text.contains("; ") && !text.contains("::"), "{text}");
}

#[test]
fn a_server_that_is_down_is_an_error_until_it_is_up() {
    let url = format!("redis://user:secret@127.0.0.1:{}/3", free_port());
    let store = RedisStore::open(&url, RedisOptions::default()).expect("nothing is connected yet");
    let table = table();
    for error in [
        store.check().unwrap_err(),
        number(&store, &table, 1).unwrap_err(),
        store.write(&table, &WriteBatch::rows(&[entry(&table, 1, 1, 1)])).unwrap_err(),
        store.append(&table, &[entry(&table, 1, 1, 1)], 3).unwrap_err(),
        store.tables().unwrap_err(),
        store.drop_table(table.id()).unwrap_err(),
    ] {
        is(&error, "unavailable", "make sure that the server runs");
        assert!(error.is_transient() && !error.to_string().contains("secret"), "{error}");
    }
    assert!(!format!("{store:?}").contains("secret"));
    for url in ["http://127.0.0.1", "redis://", "no url", "redis://secret@:x"] {
        match RedisStore::open(url, RedisOptions::default()) {
            Err(error) => {
                assert_eq!(error.kind(), "invalid_input");
                assert!(!error.to_string().contains("secret"), "{error}");
            }
            Ok(store) => assert!(store.check().is_err(), "{url}"),
        }
    }
    for options in [
        RedisOptions::default().with_prefix(""),
        RedisOptions::default().with_prefix("a*"),
        RedisOptions::default().with_timeout(Duration::ZERO),
    ] {
        assert_eq!(RedisStore::open("redis://127.0.0.1/0", options).unwrap_err().kind(), "invalid_input");
    }
}

#[test]
fn a_killed_server_is_found_again() {
    let Some(mut server) = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]) else { return };
    let (store, table) = (server.store(), table());
    for round in 1..4 {
        write(&store, &table, &[entry(&table, 1, round, round)]);
        assert_eq!(number(&store, &table, 1).unwrap(), Some(round));
        server.kill();
        is(&number(&store, &table, 1).unwrap_err(), "unavailable", "make sure that the server runs");
        is(&store.check().unwrap_err(), "unavailable", "");
        server.run();
        // Its own log keeps what was acknowledged; the handle is the same.
        assert_eq!(number(&store, &table, 1).unwrap(), Some(round), "after a restart");
    }
    // A connection that was idle when the server went: the call itself finds the new one.
    server.kill();
    server.run();
    write(&store, &table, &[entry(&table, 1, 9, 9)]);
    assert_eq!(number(&store, &table, 1).unwrap(), Some(9));
}

#[test]
fn a_server_that_does_not_answer_is_a_time_out() {
    let Some(server) = Server::start(&[]) else { return };
    let (store, table) = (server.store(), table());
    write(&store, &table, &[entry(&table, 1, 1, 1), entry(&table, 2, 2, 2)]);
    server.signal("STOP");
    // With a connection from before, and with a new one.
    for _ in 0..2 {
        let begin = Instant::now();
        is(&number(&store, &table, 1).unwrap_err(), "timeout", "did not answer in time");
        let waited = begin.elapsed();
        assert!(waited < Duration::from_secs(3), "{waited:?}");
    }
    is(
        &store.write(&table, &WriteBatch::rows(&[entry(&table, 1, 5, 5)])).unwrap_err(),
        "timeout",
        "is done once",
    );
    server.signal("CONT");
    // A late answer is nobody's: each question gets its own.
    for _ in 0..20 {
        assert_eq!(number(&store, &table, 2).unwrap(), Some(2));
    }
    let written = store.write(&table, &WriteBatch::rows(&[entry(&table, 1, 5, 5)])).unwrap();
    assert_eq!(written, Written::new(1, 0), "the write that timed out is repeated");
    assert_eq!(number(&store, &table, 1).unwrap(), Some(5));
}

#[test]
fn a_server_without_memory_refuses_and_keeps_what_it_has() {
    let Some(server) = Server::start(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]) else {
        return;
    };
    let (store, table) = (server.store(), table());
    let long = "x".repeat(40_000);
    let mut kept = 0;
    let error = loop {
        let row = table.pack(Stamp::new(at(kept), at(0)), &[kept.into(), long.as_str().into()]).unwrap();
        let text = kept.to_string();
        let notes = [Note::new("watermark", text.as_bytes())];
        let rows = [Entry::new(key(kept), row)];
        match store.write(&table, &WriteBatch::rows(&rows).with_notes(&notes)) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "the server takes any amount");
    };
    is(&error, "storage_full", "raise maxmemory");
    assert!(kept > 3);
    for of in 0..kept {
        assert_eq!(number(&store, &table, of).unwrap(), Some(of));
    }
    let note = store.note(table.id(), "watermark").unwrap().unwrap();
    assert_eq!(note, (kept - 1).to_string().as_bytes(), "no note before its rows");
    assert!(store.evict(table.id(), at(kept)).unwrap() as i64 >= kept, "evicting works without memory");
    write(&store, &table, &[entry(&table, 1, 1, 1)]);
}

#[test]
fn a_password_is_asked_for_and_never_shown() {
    let Some(server) = Server::start(&[]) else { return };
    server.ask::<()>(redis::cmd("ACL").arg("SETUSER").arg("reader").arg(&[
        "on",
        ">secret",
        "~*",
        "+@read",
        "+@connection",
    ]));
    let reader = server.url().replace("127", "reader:secret@127");
    let store = RedisStore::open(&reader, RedisOptions::default()).unwrap();
    let table = table();
    assert_eq!(number(&store, &table, 1).unwrap(), None);
    let error = store.write(&table, &WriteBatch::rows(&[entry(&table, 1, 1, 1)])).unwrap_err();
    is(&error, "permission_denied", "grant the user");
    let store = RedisStore::open(&reader.replace("secret", "wrong"), RedisOptions::default()).unwrap();
    let error = store.check().unwrap_err();
    is(&error, "permission_denied", "does not accept the user or the password");
    assert!(!error.to_string().contains("wrong"), "{error}");
    server.ask::<()>(redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("other"));
    is(&server_store(&server).check().unwrap_err(), "permission_denied", "user:password@host");
}

fn server_store(server: &Server) -> RedisStore {
    RedisStore::open(&server.url(), RedisOptions::default()).unwrap()
}

#[test]
fn what_something_else_wrote_is_refused_or_replaced() {
    let Some(server) = Server::start(&[]) else { return };
    let (store, table) = (server.store(), table());
    let place = [&b"mlcore:r:shop/customers@1:"[..], key(1).as_bytes()].concat();
    write(&store, &table, &[entry(&table, 1, 100, 1)]);
    assert_eq!(server.ask::<u64>(redis::cmd("EXISTS").arg(&place)), 1, "the place of a row");
    let forged = [entry(&table, 1, 5, 5).row().as_bytes(), b"x"].concat();
    for bytes in [&b"forged"[..], b"", &forged] {
        server.ask::<()>(redis::cmd("SET").arg(&place).arg(bytes));
        let error = number(&store, &table, 1).unwrap_err();
        assert!(error.kind() == "corrupt" && error.to_string().contains("customer_id=1"), "{error}");
        write(&store, &table, &[entry(&table, 1, 50, 7)]);
        assert_eq!(
            number(&store, &table, 1).unwrap(),
            Some(7),
            "a newer row, or any where there is none, replaces"
        );
    }
    server.ask::<()>(redis::cmd("DEL").arg(&place));
    server.ask::<()>(redis::cmd("RPUSH").arg(&place).arg("a list"));
    let error = store.write(&table, &WriteBatch::rows(&[entry(&table, 1, 1, 1)])).unwrap_err();
    is(&error, "corrupt", "something of another type");
    let series = [&b"mlcore:s:shop/customers@1:"[..], key(2).as_bytes()].concat();
    for member in ["", "short", "longer than the event of eight bytes, and than a row's header"] {
        server.ask::<()>(redis::cmd("ZADD").arg(&series).arg(0).arg(member));
        let mut seen = Vec::new();
        store
            .read_series(table.id(), &[key(2)], &mut |_, row| {
                seen.push(table.unpack(&key(2), row).unwrap_err().kind());
                Ok(())
            })
            .unwrap();
        assert!(!seen.is_empty() && seen.iter().all(|kind| *kind == "corrupt"));
        store.append(&table, &[entry(&table, 2, 3, 3)], 5).unwrap();
        server.ask::<()>(redis::cmd("DEL").arg(&series));
    }
    server.ask::<()>(redis::cmd("SADD").arg("mlcore:tables").arg("no table"));
    assert_eq!(store.tables().unwrap_err().kind(), "corrupt");
}

#[test]
fn rows_go_away_after_their_time_and_its_slack() {
    let Some(server) = Server::start(&[]) else { return };
    let options = RedisOptions::default().with_expiry_slack(Duration::from_secs(100));
    let store = RedisStore::open(&server.url(), options).unwrap();
    let table = table().with_ttl(Duration::from_secs(50));
    let now = Timestamp::from(SystemTime::now()).as_micros();
    let left = |kind: char, of: i64| {
        let place = [format!("mlcore:{kind}:shop/customers@1:").as_bytes(), key(of).as_bytes()].concat();
        server.ask::<i64>(redis::cmd("TTL").arg(place))
    };
    let rows =
        [entry(&table, 1, now, 1), entry(&table, 2, now - 149_000_000_000, 2), entry(&table, 3, i64::MIN, 3)];
    write(&store, &table, &rows);
    store.append(&table, &rows, 5).unwrap();
    for kind in ['r', 's'] {
        assert!((148..=151).contains(&left(kind, 1)), "{}", left(kind, 1));
        assert_eq!([left(kind, 2), left(kind, 3)], [-2, -2], "long gone");
    }
    write(&store, &table, &[entry(&table, 4, i64::MAX, 4)]);
    assert_eq!(left('r', 4), -1, "as good as never");
    // An older value of a series does not bring the end nearer, a newer one moves it.
    store.append(&table, &[entry(&table, 1, now - 20_000_000, 0)], 5).unwrap();
    assert!(left('s', 1) >= 148);
    store.append(&table, &[entry(&table, 1, now + 30_000_000, 0)], 5).unwrap();
    assert!(left('s', 1) > 170);
}

#[test]
fn a_batch_of_many_megabytes_goes_through() {
    let Some(server) = Server::start(&[]) else { return };
    let (store, table) = (server.store(), table());
    let long = "y".repeat(300_000);
    let rows: Vec<Entry> = (0..20)
        .map(|of| {
            let row = table.pack(Stamp::new(at(of), at(0)), &[of.into(), long.as_str().into()]).unwrap();
            Entry::new(key(of), row)
        })
        .collect();
    let notes = [Note::new("watermark", b"20")];
    let written = store.write(&table, &WriteBatch::rows(&rows).with_notes(&notes)).unwrap();
    assert_eq!(written, Written::new(20, 0));
    assert_eq!(number(&store, &table, 19).unwrap(), Some(19));
    assert_eq!(store.note(table.id(), "watermark").unwrap().as_deref(), Some(&b"20"[..]));
}
