//! Feature stores that are gone, slow, wrong or killed, and what the stated policies make of it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use mlcore::batch::Row;
use mlcore::runner::RunOptions;
use mlcore::schema::{DType, Field};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{
    Cell, FeatureReader, Found, MemoryStore, OnlineStore, RedisOptions, RedisStore, Status, VisitFound,
};
use mlcore_serve::endpoint::{Clock, FeatureLookup, FeatureStatus, OnFailure, OnMissing, Request, ServedBy};

use crate::features::{dense, endpoint};
use crate::lookups::{TTL, amount, answer, ask, driver, lookup, plan, served, write};
use crate::support::{ManualClock, unit};

/// What a reader does.
const ANSWERS: u64 = 0;
const FAILS: u64 = 1;
const HANGS: u64 = 2;
const PANICS: u64 = 3;
const SILENT: u64 = 4;

/// Answers 12 trips and a rating of 4.5 of an event now, or does what it was told. A hang lasts a second.
#[derive(Debug)]
struct Moody {
    mood: Arc<AtomicU64>,
}

impl FeatureReader for Moody {
    fn features(&self) -> Vec<Field> {
        vec![Field::column("rating", DType::Float64), Field::column("trips", DType::Int64)]
    }

    #[expect(clippy::panic, reason = "it is the fault that is tried")]
    fn read_features(
        &self,
        entities: &[EntityKey],
        now: Timestamp,
        visit: &mut VisitFound<'_>,
    ) -> Result<()> {
        match self.mood.load(Ordering::SeqCst) {
            FAILS => return Err(Error::unavailable("read features", "store", "it is gone")),
            PANICS => panic!("a reader's bug"),
            SILENT => return Ok(()),
            HANGS => std::thread::sleep(Duration::from_secs(1)),
            _ => {}
        }
        for entity in 0..entities.len() {
            let expiry = Timestamp::from_micros(now.as_micros() + TTL.as_micros() as i64);
            let found = |cell| Found::new(Status::Present, cell).with_event(now).with_expiry(expiry);
            visit(entity, 0, found(Cell::from(4.5)));
            visit(entity, 1, found(Cell::from(12i64)));
        }
        Ok(())
    }

    fn is_remote(&self) -> bool {
        true
    }
}

fn moody() -> (FeatureLookup, Arc<AtomicU64>) {
    let mood = Arc::new(AtomicU64::new(ANSWERS));
    let reader = Arc::new(Moody { mood: mood.clone() });
    (FeatureLookup::new(reader, [Field::column("driver_id", DType::Int64)]).unwrap(), mood)
}

fn with_defaults(lookup: FeatureLookup) -> FeatureLookup {
    let lookup = lookup.with_default("trips", 1).unwrap().with_default("rating", 2.0).unwrap();
    lookup.with_failure(OnFailure::Defaults)
}

#[test]
fn a_store_that_fails_is_met_by_the_stated_policy() {
    for mood in [FAILS, PANICS, SILENT] {
        let clock = ManualClock::default();
        let (lookup, switch) = moody();
        let (endpoint, records) = served(lookup, &clock).unwrap();
        assert_eq!(ask(&endpoint, &driver(1), 1.0).unwrap(), answer(12.0, 4.5, 1.0));
        switch.store(mood, Ordering::SeqCst);
        let error = ask(&endpoint, &driver(1), 1.0).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)) && error.is_transient(), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("driver_id: the feature store did not answer") && !text.contains("::"),
            "{text}"
        );
        switch.store(ANSWERS, Ordering::SeqCst);
        assert_eq!(ask(&endpoint, &driver(1), 1.0).unwrap(), answer(12.0, 4.5, 1.0), "it is back");
        endpoint.process();
        let records = records.lock().unwrap();
        assert_eq!((records[1].error, records[1].served_by), (Some("unavailable"), ServedBy::Nobody));
        assert_eq!(records[1].looked_up.entities(), [driver(1)]);
        assert!(records[1].looked_up.of_entity(0).all(|(_, status, _)| status == FeatureStatus::Unavailable));
        assert_eq!(endpoint.counts().failures, 0, "the store's failure is not the arm's");
        let counts = &endpoint.lookup_counts()[0];
        assert_eq!((counts.read, counts.failed, counts.refused), (2, 1, 1));

        let (lookup, switch) = moody();
        let (endpoint, records) = served(with_defaults(lookup), &clock).unwrap();
        switch.store(mood, Ordering::SeqCst);
        assert_eq!(ask(&endpoint, &driver(1), 1.0).unwrap(), answer(1.0, 2.0, 1.0));
        endpoint.process();
        let told: Vec<_> =
            records.lock().unwrap()[0].looked_up.of_entity(0).map(|(_, status, age)| (status, age)).collect();
        assert_eq!(told, [(FeatureStatus::Unavailable, None); 2]);
        assert_eq!(endpoint.lookup_counts()[0].defaults, 1);
    }
}

#[test]
fn what_was_known_last_is_taken_while_it_is_young_and_counts() {
    let clock = ManualClock::default();
    let (lookup, switch) = moody();
    let known = lookup.with_last_known(100, Duration::from_secs(2 * 3600));
    let (endpoint, records) = served(known, &clock).unwrap();
    ask(&endpoint, &driver(1), 1.0).unwrap();
    switch.store(FAILS, Ordering::SeqCst);
    clock.advance(Duration::from_secs(60));
    assert_eq!(ask(&endpoint, &driver(1), 1.0).unwrap(), answer(12.0, 4.5, 1.0));
    assert!(ask(&endpoint, &driver(2), 1.0).is_err(), "nothing is known of another");
    // Its time to live is over: it is old, however young the read is.
    clock.advance(TTL);
    assert_eq!(ask(&endpoint, &driver(1), 1.0).unwrap(), answer(10.0, 2.5, 1.0), "the plan imputes");
    // And the read itself is too long ago.
    clock.advance(TTL);
    assert!(matches!(ask(&endpoint, &driver(1), 1.0), Err(Error::Unavailable(_))));
    endpoint.process();
    let records = records.lock().unwrap();
    let told = |record: usize| records[record].looked_up.of_entity(0).next().unwrap();
    assert_eq!(told(1), ("rating", FeatureStatus::LastKnown, Some(60.0)));
    assert_eq!(told(3), ("rating", FeatureStatus::OutsideMaxAge, Some(60.0 + 3600.0)));
    let counts = &endpoint.lookup_counts()[0];
    assert_eq!((counts.read, counts.last_known, counts.refused), (1, 2, 2));

    // What is known last comes before defaults.
    let (lookup, switch) = moody();
    let both = with_defaults(lookup).with_last_known(100, Duration::from_secs(60));
    let (endpoint, _) = served(both, &clock).unwrap();
    ask(&endpoint, &driver(1), 1.0).unwrap();
    switch.store(FAILS, Ordering::SeqCst);
    assert_eq!(ask(&endpoint, &driver(1), 1.0).unwrap(), answer(12.0, 4.5, 1.0));
    assert_eq!(ask(&endpoint, &driver(2), 1.0).unwrap(), answer(1.0, 2.0, 1.0));
}

#[test]
fn an_old_value_that_is_known_last_may_be_refused() {
    let clock = ManualClock::default();
    let (lookup, switch) = moody();
    let lookup = lookup.with_last_known(10, Duration::from_secs(1_000_000));
    let refusing = lookup.with_missing(FeatureStatus::OutsideMaxAge, OnMissing::Refuse).unwrap();
    let (endpoint, _) = served(refusing, &clock).unwrap();
    ask(&endpoint, &driver(1), 1.0).unwrap();
    switch.store(FAILS, Ordering::SeqCst);
    clock.advance(TTL + Duration::from_micros(1));
    let error = ask(&endpoint, &driver(1), 1.0).unwrap_err();
    assert!(error.to_string().contains("OUTSIDE_MAX_AGE"), "{error}");
}

#[test]
fn a_deadline_bounds_the_wait_for_a_slow_store() {
    let clock = ManualClock::default();
    let (lookup, switch) = moody();
    let (_place, builder) = endpoint(&plan(), dense(3));
    let options = RunOptions::default().with_timeout(Duration::from_millis(40));
    let own = builder.with_lookup(with_defaults(lookup)).with_clock(clock.clone()).with_run_options(options);
    let slow = own.build().unwrap();
    switch.store(HANGS, Ordering::SeqCst);
    let begun = Instant::now();
    // The whole time of the request went by with waiting.
    let error = ask(&slow, &driver(1), 1.0).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)) && begun.elapsed() < Duration::from_millis(900), "{error}");

    // A shorter patience leaves time for the model.
    let (lookup, switch) = moody();
    let patient = with_defaults(lookup).with_timeout(Duration::from_millis(100));
    let (endpoint, _) = served(patient, &clock).unwrap();
    assert_eq!(ask(&endpoint, &driver(1), 1.0).unwrap(), answer(12.0, 4.5, 1.0));
    switch.store(HANGS, Ordering::SeqCst);
    let begun = Instant::now();
    // Far more than there are threads to wait on.
    std::thread::scope(|scope| {
        for _ in 0..40 {
            let ask = || assert_eq!(ask(&endpoint, &driver(1), 1.0).unwrap(), answer(1.0, 2.0, 1.0));
            scope.spawn(ask);
        }
    });
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    switch.store(ANSWERS, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(ask(&endpoint, &driver(1), 1.0).unwrap(), answer(12.0, 4.5, 1.0), "the threads are back");
    // The endpoint goes while a read hangs.
    switch.store(HANGS, Ordering::SeqCst);
    ask(&endpoint, &driver(1), 1.0).unwrap();
    drop(endpoint);
}

#[test]
fn a_caller_that_stops_does_not_wait_for_the_store() {
    let clock = ManualClock::default();
    let (lookup, switch) = moody();
    let (endpoint, _) = served(lookup.with_timeout(Duration::from_secs(30)), &clock).unwrap();
    switch.store(HANGS, Ordering::SeqCst);
    let begun = Instant::now();
    let stopped = mlcore::interrupt::scope(|| true, || ask(&endpoint, &driver(1), 1.0));
    assert!(matches!(stopped, Err(Error::Interrupted(_))), "{stopped:?}");
    assert!(begun.elapsed() < Duration::from_millis(900));
}

/// A Redis server of the test's own.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl Server {
    #[expect(clippy::print_stdout, reason = "whoever runs the tests is told what was skipped")]
    fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "Redis is not installed (Debian: redis-server)");
            println!("skipped: Redis is not installed (Debian: redis-server)");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { folder: tempfile::tempdir().unwrap(), port, process: None };
        server.run();
        Some(server)
    }

    fn store(&self) -> RedisStore {
        let options = RedisOptions::default().with_timeout(Duration::from_millis(500));
        RedisStore::open(&format!("redis://127.0.0.1:{}/0", self.port), options).unwrap()
    }

    fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
        let command =
            command.arg(self.folder.path()).args(["--appendonly", "yes", "--appendfsync", "always"]);
        self.process = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let (store, end) = (self.store(), Instant::now() + Duration::from_secs(30));
        while let Err(error) = store.check() {
            assert!(Instant::now() < end, "the server did not start within half a minute: {error}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn signal(&self, name: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn a_redis_server_is_killed_in_the_middle_of_traffic_and_comes_back() {
    let Some(mut server) = Server::start() else { return };
    let clock = ManualClock::default();
    // Redis forgets expired rows by the machine's clock.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    clock.advance(now - Duration::from_micros(clock.now().as_micros() as u64));
    let store = Arc::new(server.store());
    write(&*store, &clock, 7, [Cell::from(12i64), Cell::from(4.5)], 5);
    let own = with_defaults(lookup(store.clone())).with_last_known(10, Duration::from_secs(60));
    let (endpoint, records) = served(own.with_timeout(Duration::from_millis(300)), &clock).unwrap();
    let refusing = served(lookup(store), &clock).unwrap().0;
    assert_eq!(ask(&endpoint, &driver(7), 1.0).unwrap(), answer(12.0, 4.5, 1.0));
    server.kill();
    assert_eq!(ask(&endpoint, &driver(7), 1.0).unwrap(), answer(12.0, 4.5, 1.0), "known last");
    assert_eq!(ask(&endpoint, &driver(8), 1.0).unwrap(), answer(1.0, 2.0, 1.0), "defaults");
    let error = ask(&refusing, &driver(7), 1.0).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)) && error.to_string().contains("redis://"), "{error}");
    server.run();
    assert_eq!(ask(&refusing, &driver(7), 1.0).unwrap(), answer(12.0, 4.5, 1.0));
    assert_eq!(
        ask(&endpoint, &driver(8), 1.0).unwrap(),
        answer(10.0, 2.5, 1.0),
        "the store says it does not know"
    );
    // One that is stopped is slow: the patience of the lookup is shorter than that of the client.
    server.signal("STOP");
    let begun = Instant::now();
    assert_eq!(ask(&endpoint, &driver(7), 1.0).unwrap(), answer(12.0, 4.5, 1.0));
    assert!(begun.elapsed() < Duration::from_millis(450), "{:?}", begun.elapsed());
    server.signal("CONT");
    endpoint.process();
    let records = records.lock().unwrap();
    let told: Vec<FeatureStatus> =
        records.iter().map(|record| record.looked_up.of_entity(0).next().unwrap().1).collect();
    assert_eq!(
        told,
        [
            FeatureStatus::Present,
            FeatureStatus::LastKnown,
            FeatureStatus::Unavailable,
            FeatureStatus::NotFound,
            FeatureStatus::LastKnown
        ]
    );
}

#[test]
fn many_threads_look_up_at_once() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    for id in 0..64 {
        write(&*store, &clock, id, [Cell::from(id), Cell::from(id as f64)], 0);
    }
    let (endpoint, _) = served(lookup(store).with_last_known(16, TTL), &clock).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let endpoint = &endpoint;
            scope.spawn(move || {
                for number in 0..500 {
                    let id = (number * 7 + thread * 13) % 64;
                    assert_eq!(ask(endpoint, &driver(id), 1.0).unwrap(), answer(id as f64, id as f64, 1.0));
                }
            });
        }
    });
    assert_eq!(endpoint.lookup_counts()[0].read, 2000);
}

#[test]
fn the_parts_by_themselves_look_up_once() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    write(&*store, &clock, 7, [Cell::from(12i64), Cell::from(4.5)], 0);
    let (endpoint, records) = served(lookup(store), &clock).unwrap();
    let (unit, values, key) = (unit(1), amount(1.0), driver(7));
    let request = Request::row(&unit, Row::unchecked(&values)).with_entity(&key);
    let mut decided = endpoint.decide(request);
    assert!(endpoint.run(&decided, request).outputs().is_err(), "it was not prepared");
    let mut prepared = endpoint.prepare(&mut decided, request, None);
    assert!(prepared.take_answer().is_none());
    let request = request.with_prepared(&prepared);
    let answered = endpoint.run(&decided, request);
    let prediction = endpoint.record(decided, request, answered).unwrap();
    assert_eq!(prediction.outputs.tensor("y").unwrap().values::<f64>().unwrap(), [answer(12.0, 4.5, 1.0)]);
    endpoint.process();
    assert_eq!(records.lock().unwrap()[0].looked_up.entities(), [key]);
    assert_eq!(endpoint.lookup_counts()[0].read, 1);
}
