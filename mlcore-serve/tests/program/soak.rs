//! Two instances on one registry, asked without a pause through swaps, a promotion, a rollback and the drain of one of them: no
//! request fails, and no answer is wrong. `MLCORE_SOAK_SECONDS=600` makes it last longer than half a minute.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::artifact::{ArtifactStore, FolderStore};
use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{Expected, NewVersion, Registry, RegistryExt, SqliteRegistry, Stage};
use mlcore::runner::ort::{Limits, StoredModel};
use serde_json::{Value, json};

use crate::place::{Place, model};
use crate::{champion, change, expected, probabilities};

/// The models of the versions, by turns: odd ones are the first.
const FILES: [&str; 2] = ["rf30.onnx", "gb30.onnx"];
const ASKERS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);
const SETTINGS: &str = r#"
[models.m]
arms = ["challenger"]
loss = "log_loss"

[models.m.policy]
kind = "canary"
canary = "challenger"
salt = "soak"
steps = [0.3, 0.6]
guardrails = [{ metric = "loss", margin = 0.1 }]
min_samples = 100
"#;

/// A registry with versions that come as the test goes on.
struct Releases {
    registry: SqliteRegistry,
    artifacts: Arc<dyn ArtifactStore>,
    name: ModelName,
}

impl Releases {
    fn register(&self) -> Version {
        let number = self.registry.versions(&self.name, None, 100).map_or(0, |versions| versions.len());
        let stored =
            StoredModel::from_file(&model(FILES[number % 2]), &*self.artifacts, &Limits::default()).unwrap();
        let new = NewVersion::new(self.name.clone(), stored.artifact, stored.info.signature);
        let version = self.registry.register(&*self.artifacts, new, &change()).unwrap().version;
        self.registry.transition(&self.name, version, Stage::Dev, Stage::Staging, &change()).unwrap();
        version
    }

    fn point(&self, alias: &Alias, version: Option<Version>) {
        self.registry.set_alias(&self.name, alias, version, Expected::Any, &change()).unwrap();
    }

    fn at(&self, alias: &Alias) -> Option<Version> {
        let aliases = self.registry.aliases(&self.name).unwrap();
        aliases.into_iter().find(|(own, _)| own == alias).map(|(_, version)| version)
    }
}

/// What the askers share.
#[derive(Default)]
struct Shared {
    /// The port of the instance that is asked, as a balancer chooses it by readiness.
    port: AtomicU16,
    is_over: AtomicBool,
    answers: AtomicU64,
    failed: AtomicU64,
    wrong: AtomicU64,
    /// The first of them, in words.
    problems: Mutex<Vec<String>>,
    /// Answers by version.
    of_version: [AtomicU64; 16],
    /// Whether challengers are said to be wrong.
    is_bad: AtomicBool,
}

impl Shared {
    fn note(&self, counter: &AtomicU64, problem: String) {
        if counter.fetch_add(1, Ordering::Relaxed) < 20 {
            self.problems.lock().unwrap().push(problem);
        }
    }
}

/// A connection that is kept while its instance is asked.
struct Connection {
    port: u16,
    stream: BufReader<TcpStream>,
}

struct Answer {
    status: u16,
    arm: String,
    outcome_id: String,
    body: Value,
}

impl Connection {
    fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Self { port, stream: BufReader::new(stream) })
    }

    /// Asks; answers also whether the connection goes on.
    fn ask(&mut self, path: &str, body: &Value) -> std::io::Result<(Answer, bool)> {
        let body = body.to_string();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut length, mut goes_on) = (String::new(), 0, true);
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no answer: {line:?}")))?;
        let mut answer = Answer { status, arm: String::new(), outcome_id: String::new(), body: Value::Null };
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().map_err(std::io::Error::other)?,
                "connection" => goes_on = !value.eq_ignore_ascii_case("close"),
                "mlcore-arm" => value.clone_into(&mut answer.arm),
                "mlcore-outcome-id" => value.clone_into(&mut answer.outcome_id),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        answer.body = serde_json::from_slice(&body)?;
        Ok((answer, goes_on))
    }
}

fn rows() -> Vec<Vec<f32>> {
    let value = |row: usize, place: usize| ((row * 31 + place * 17) % 97) as f32 / 24.0 - 2.0;
    (0..16).map(|row| (0..30).map(|place| value(row, place)).collect()).collect()
}

/// Asks until it is over.
fn ask(shared: &Shared, rows: &[Vec<f32>], right: &[Vec<Vec<f32>>], asker: usize) {
    let (mut kept, mut number) = (None, asker);
    let mut exchange = |path: &str, body: &Value| {
        let port = shared.port.load(Ordering::SeqCst);
        let connection = match kept.take() {
            Some(connection @ Connection { port: own, .. }) if own == port => Ok(connection),
            _ => Connection::open(port),
        };
        let answered = connection.and_then(|mut connection| {
            let (answer, goes_on) = connection.ask(path, body)?;
            kept = goes_on.then_some(connection);
            Ok(answer)
        });
        shared.answers.fetch_add(1, Ordering::Relaxed);
        match answered {
            Ok(answer) if answer.status == 200 => Some(answer),
            Ok(answer) => {
                shared.note(&shared.failed, format!("{path}: {} {}", answer.status, answer.body));
                None
            }
            Err(error) => {
                shared.note(&shared.failed, format!("{path}: {error}"));
                None
            }
        }
    };
    while !shared.is_over.load(Ordering::SeqCst) {
        number += ASKERS;
        let row = number % rows.len();
        let input = json!({ "name": "input", "shape": [1, 30], "datatype": "FP32", "data": rows[row] });
        let request = json!({ "id": format!("request-{number}"), "inputs": [input] });
        let Some(answer) = exchange("/v2/models/m/infer", &request) else { continue };
        let version: usize = answer.body["model_version"].as_str().unwrap().parse().unwrap();
        let got = probabilities(&answer.body);
        if got != right[(version - 1) % 2][row] || answer.body["id"] != request["id"] {
            shared.note(&shared.wrong, format!("wrong: {}", answer.body));
        }
        shared.of_version[version].fetch_add(1, Ordering::Relaxed);
        // What is likelier is true, but for challengers that are to be rolled back.
        let is_bad = shared.is_bad.load(Ordering::Relaxed) && answer.arm == "challenger";
        let label = u8::from((got[1] > got[0]) != is_bad);
        let outcome = json!({ "outcomes": [{ "outcome_id": answer.outcome_id, "label": label }] });
        exchange("/mlcore/models/m/outcomes", &outcome);
    }
}

fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// The memory of a process, twelve times.
struct Samples {
    process: u32,
    every: Duration,
    taken: Vec<u64>,
}

impl Samples {
    fn new(process: u32, duration: Duration) -> Self {
        Self { process, every: duration / 12, taken: Vec::new() }
    }

    /// Takes one where it is time.
    fn take(&mut self, elapsed: Duration) {
        if elapsed > self.every * (self.taken.len() as u32 + 1) {
            self.taken.push(memory(self.process));
        }
    }
}

/// Seconds after which nothing grows any more.
const LONG: u64 = 300;

#[test]
fn releases_and_stops_cost_no_request() {
    let seconds = std::env::var("MLCORE_SOAK_SECONDS").map_or(24, |text| text.parse::<u64>().unwrap());
    let begun = Instant::now();
    let place = Place::new();
    let releases = Releases {
        registry: SqliteRegistry::open(place.path("registry.db")).unwrap(),
        artifacts: Arc::new(FolderStore::open(place.path("registry.db.artifacts")).unwrap()),
        name: ModelName::new("m").unwrap(),
    };
    let challenger = Alias::new("challenger").unwrap();
    let (first, second) = (releases.register(), releases.register());
    releases.registry.promote(&releases.name, first, &champion(), Expected::Absent, &change()).unwrap();
    place.write_here("settings.toml", SETTINGS);
    let options =
        ["--registry", "sqlite:///registry.db", "--config", "settings.toml", "--stop-delay-secs", "1"];
    let (one, other) = (place.again().serve(&options), place.again().serve(&options));

    let rows = rows();
    let right: Vec<Vec<Vec<f32>>> =
        FILES.iter().map(|file| rows.iter().map(|row| expected(file, row)).collect()).collect();
    let shared = Shared::default();
    let logs = [one.told(), other.told()];
    shared.port.store(one.port(), Ordering::SeqCst);
    let (stopped, swaps, memory) = thread::scope(|scope| {
        for asker in 0..ASKERS {
            let (shared, rows, right) = (&shared, &rows, &right);
            scope.spawn(move || ask(shared, rows, right, asker));
        }
        let over = Over(&shared.is_over);
        let of = |version: Version| &shared.of_version[version.get() as usize];
        let until = |what: &str, is_so: &mut dyn FnMut() -> bool| {
            let begun = Instant::now();
            while !is_so() {
                let told: Vec<String> = logs.iter().map(|log| log.lock().unwrap().clone()).collect();
                let problems = shared.problems.lock().unwrap().clone();
                assert!(begun.elapsed() < PATIENCE, "not in time: {what}\n{told:#?}\n{problems:#?}");
                thread::sleep(Duration::from_millis(20));
            }
        };
        let answers = |version: Version, more: u64| {
            let seen = of(version).load(Ordering::Relaxed);
            until(&format!("version {version} answers"), &mut || {
                of(version).load(Ordering::Relaxed) > seen + more
            });
        };

        // Swaps, seen by the answers.
        let (mut swaps, mut champions) = (0, [second, first].into_iter().cycle());
        let mut samples = Samples::new(other.process(), Duration::from_secs(seconds));
        // They end where they began: the next version is of the same model.
        while begun.elapsed() < Duration::from_secs(seconds / 2) || swaps < 4 || swaps % 2 == 1 {
            let next = champions.next().unwrap();
            releases.point(&champion(), Some(next));
            answers(next, 50);
            swaps += 1;
            samples.take(begun.elapsed());
            // The other instance takes its turn.
            shared.port.store(if swaps % 2 == 0 { one.port() } else { other.port() }, Ordering::SeqCst);
        }

        // A challenger that is as good is promoted, and one that is worse is rolled back.
        let good = releases.register();
        releases.point(&challenger, Some(good));
        until("the good challenger is promoted", &mut || releases.at(&champion()) == Some(good));
        answers(good, 50);
        shared.is_bad.store(true, Ordering::SeqCst);
        let bad = releases.register();
        releases.point(&challenger, Some(bad));
        answers(bad, 20);
        until("the bad challenger is rolled back", &mut || releases.at(&challenger).is_none());
        assert_eq!(releases.at(&champion()), Some(good));

        // One instance is stopped. It says so, and a balancer asks the other one.
        shared.port.store(one.port(), Ordering::SeqCst);
        answers(good, 50);
        one.signal("-TERM");
        until("it is not ready any more", &mut || one.get("/v2/health/ready").0 == 503);
        shared.port.store(other.port(), Ordering::SeqCst);
        let stopped = one.ended();
        answers(good, 50);
        while begun.elapsed() < Duration::from_secs(seconds) {
            thread::sleep(Duration::from_millis(50));
            samples.take(begun.elapsed());
        }
        drop(over);
        (stopped, swaps, samples.taken)
    });
    let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    println!(
        "{} answers, {} failed, {} wrong; {swaps} swaps; memory in {seconds} s: {} MB",
        count(&shared.answers),
        count(&shared.failed),
        count(&shared.wrong),
        memory.iter().map(|bytes| (bytes >> 20).to_string()).collect::<Vec<_>>().join(", "),
    );
    let ended = (count(&shared.failed), count(&shared.wrong), stopped);
    assert_eq!(ended, (0, 0, Some(0)), "{:#?}", shared.problems.lock().unwrap());
    // Whoever waits for outcomes keeps a bounded number of predictions: what that takes is there after some hundred thousand of them.
    let (first, half, last) = (memory[0], memory[memory.len() / 2], memory[memory.len() - 1]);
    assert!(last < first + (64 << 20), "memory grew: {memory:?}");
    assert!(seconds < LONG || last < half + (8 << 20), "memory grows on: {memory:?}");
    assert_eq!(other.stop(), Some(0));
}

/// Ends the askers, also where the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
