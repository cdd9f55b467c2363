//! A server that is killed, restarted, or slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mlcore::name::RequestId;
use mlcore::registry::{PostgresRegistry, Registry, RegistryExt};
use mlcore::{Error, interrupt};

use super::server::Server;
use super::{change, name, open, options};

/// Writers go on while the server is killed again and again: nothing that was acknowledged is lost, nothing is there twice.
#[test]
fn what_was_acknowledged_survives_a_server_that_is_killed() {
    let Some(mut server) = Server::start() else { return };
    let kills: usize = std::env::var("MLCORE_POSTGRES_KILLS").ok().map_or(3, |text| text.parse().unwrap());
    let registry = open(&server, "mlcore");
    let is_done = AtomicBool::new(false);
    let acknowledged = std::thread::scope(|scope| {
        let (registry, is_done) = (&registry, &is_done);
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                scope.spawn(move || {
                    let mut acknowledged = Vec::new();
                    for number in 0.. {
                        if is_done.load(Ordering::Relaxed) {
                            return acknowledged;
                        }
                        let model = format!("m{writer}-{number}");
                        let request = change(1).with_request(RequestId::new(&model).unwrap());
                        // As a caller does: it repeats what may not have happened, with the same request.
                        while !is_done.load(Ordering::Relaxed) {
                            match registry.create_model(name(&model), &request) {
                                Ok(_) => {
                                    acknowledged.push(model);
                                    break;
                                }
                                Err(Error::Unavailable(_) | Error::OutcomeUnknown(_)) => {
                                    std::thread::sleep(Duration::from_millis(5));
                                }
                                Err(other) => panic!("{other}"),
                            }
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(300));
            server.kill();
            server.run();
        }
        std::thread::sleep(Duration::from_millis(300));
        is_done.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(acknowledged.len() > 10 * kills, "{} changes", acknowledged.len());
    for model in &acknowledged {
        assert_eq!(registry.model(&name(model)).unwrap().created_by, "ana");
    }
    // Each entry creates another model: none was carried out twice.
    let head = registry.verify().unwrap();
    assert_eq!(registry.models(None, usize::MAX).unwrap().len() as u64, head.sequence);
}

/// Connections that were idle when the server was restarted are replaced without anybody noticing.
#[test]
fn a_restart_in_between_is_not_noticed() {
    let Some(mut server) = Server::start() else { return };
    let registry = open(&server, "mlcore");
    registry.create_model(name("before"), &change(1)).unwrap();
    server.kill();
    server.run();
    registry.create_model(name("after"), &change(2)).unwrap();
    server.kill();
    server.run();
    assert_eq!(registry.models(None, 10).unwrap().len(), 2);
    server.kill();
    // A child of the server may live, and answer, for a moment longer than the server.
    let end = Instant::now() + Duration::from_secs(10);
    let away = loop {
        match registry.model(&name("before")) {
            Ok(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
            answer => break answer.unwrap_err(),
        }
    };
    assert!(matches!(away, Error::Unavailable(_)) && away.is_transient(), "{away}");
}

/// Somebody else holds the lock of the writers: the wait ends when the caller is told to stop, or in time.
#[test]
fn waiting_for_another_writer_ends() {
    let Some(server) = Server::start() else { return };
    let registry = open(&server, "mlcore");
    registry.create_model(name("churn"), &change(1)).unwrap();
    let holder = std::thread::scope(|scope| {
        let holding = scope.spawn(|| {
            server
                .sql("BEGIN; LOCK TABLE mlcore.audit IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT;");
        });
        std::thread::sleep(Duration::from_millis(500));
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            told.store(true, Ordering::Relaxed);
        });
        let started = Instant::now();
        let stopped = interrupt::scope(
            move || stop.load(Ordering::Relaxed),
            || registry.create_model(name("late"), &change(2)),
        );
        assert!(matches!(stopped, Err(Error::Interrupted(_))), "{stopped:?}");
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        let impatient = options(&server, "mlcore").with_statement_timeout(Duration::from_millis(200));
        // It opens by looking at another table.
        let impatient = PostgresRegistry::open_with(&impatient).unwrap();
        let late = impatient.create_model(name("late"), &change(2)).unwrap_err();
        assert!(matches!(late, Error::Unavailable(_) | Error::Timeout(_)), "{late}");
        holding.join()
    });
    holder.unwrap();
    assert_eq!(registry.verify().unwrap().sequence, 1, "nothing was changed");
    registry.create_model(name("late"), &change(3)).unwrap();
}
