//! Tracking and registry over REST: the program `mlcore-serve` beside MLflow's own server, each on an SQLite file, asked by kept
//! connections that do nothing else. Every write is durable before it is answered, at both.

mod client;
mod server;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use mlcore::artifact::Digest;
use mlcore::name::{Alias, ModelName};
use mlcore::registry::{Change, Expected, NewVersion, Registry, RegistryExt, SqliteRegistry};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use serde_json::json;

use self::client::Client;
use self::server::Server;
use crate::Result;
use crate::table::{Goal, Table};
use crate::timing::{median_seconds, percentile};

/// The runs that are searched.
const RUNS: usize = 10_000;

/// A question that both servers are asked: what it is called, its goal, and how often each is asked.
struct Case {
    name: &'static str,
    goal: f64,
    asked: [usize; 2],
    ask: fn(&mut Client, &Place, usize) -> Result<()>,
}

/// What a server was filled with.
struct Place {
    run: String,
    big: String,
}

const CASES: [Case; 5] = [
    Case { name: "runs/log-metric, 1 point", goal: 30.0, asked: [2000, 200], ask: log_metric },
    Case { name: "runs/log-batch, 1,000 points", goal: 100.0, asked: [200, 20], ask: log_batch },
    Case { name: "model-versions/create", goal: 20.0, asked: [500, 100], ask: create_version },
    Case { name: "registered-models/alias", goal: 20.0, asked: [2000, 200], ask: alias },
    Case { name: "runs/search, a page of 100 of 10,000", goal: 40.0, asked: [200, 30], ask: search },
];

pub(crate) fn run(folder: &Path) -> Result<()> {
    in_process(folder)?;
    let folder = folder.join("mlflow");
    fs::create_dir_all(&folder)?;
    let columns = ["seconds per request", "mlcore-serve", "mlflow server", "ratio", "goal", ""];
    let mut table = Table::new("Tracking and registry over REST, beside MLflow 3.17.2 on SQLite", &columns);
    let Some(ours) = server::ours(&folder, RUNS)? else {
        table.note(format!(
            "not measured: {} names no program mlcore-serve, and none is beside this one",
            server::PROGRAM
        ));
        crate::print(&table);
        return Ok(());
    };
    let stock = server::stock(&folder, RUNS)?;
    let own = prepared(&ours)?;
    let theirs = stock.as_ref().map(prepared).transpose()?;
    for case in &CASES {
        let seconds = asked(&ours, &own, case, 0)?;
        let peer = match (&stock, &theirs) {
            (Some(server), Some(place)) => Some(asked(server, place, case, 1)?),
            _ => None,
        };
        let cells = Goal::Times(case.goal).judge(seconds, peer);
        table.line([case.name.to_owned()].into_iter().chain(cells));
    }
    let seconds = many(&ours, &own, 400)?;
    let peer = match (&stock, &theirs) {
        (Some(server), Some(place)) => Some(many(server, place, 20)?),
        _ => None,
    };
    let cells = Goal::Times(100.0).judge(seconds, peer);
    table.line(["runs/log-metric by 16 connections, per point".to_owned()].into_iter().chain(cells));
    table.note("medians of single requests; of the 16 connections the whole time by the number of points");
    if stock.is_none() {
        table.note(format!("no peer: {} is not set", server::PYTHON));
    }
    crate::print(&table);
    Ok(())
}

/// What a look-up takes without a server.
fn in_process(folder: &Path) -> Result<()> {
    let registry = SqliteRegistry::open(folder.join("alias.db"))?;
    let (name, champion) = (ModelName::new("mod")?, Alias::new("champion")?);
    let change = Change::new("benches", Timestamp::from_millis(0));
    registry.create_model(&name, &change)?;
    for version in 0..100_u32 {
        let new = NewVersion::new(name.clone(), Digest::of(version.to_le_bytes()), Signature::default());
        registry.create_version(new, &change)?;
    }
    let third = registry.versions(&name, None, 3)?.pop().map(|version| version.version);
    registry.set_alias(&name, &champion, third, Expected::Any, &change)?;
    let mut found = Ok(None);
    let seconds = median_seconds(|| found = registry.alias(&name, &champion));
    if found? != third {
        return Err("the alias means another version".into());
    }
    let columns = ["in process", "SQLite", "", "", "goal", ""];
    let mut table = Table::new("Looking an alias up", &columns);
    let cells = Goal::Within(10e-6).judge(seconds, None);
    table.line(["Registry::alias".to_owned()].into_iter().chain(cells));
    crate::print(&table);
    Ok(())
}

fn prepared(server: &Server) -> Result<Place> {
    let mut client = Client::connect(server.port)?;
    let created = client.post("/api/2.0/mlflow/experiments/create", r#"{"name": "small"}"#)?;
    let body = json!({ "experiment_id": created.get("experiment_id"), "start_time": 1 }).to_string();
    let created = client.post("/api/2.0/mlflow/runs/create", &body)?;
    let run = created.pointer("/run/info/run_id").and_then(|id| id.as_str()).ok_or("no run")?.to_owned();
    client.post("/api/2.0/mlflow/registered-models/create", r#"{"name": "mod"}"#)?;
    let place = Place { run, big: server.big.clone() };
    for _ in 0..3 {
        create_version(&mut client, &place, 0)?;
    }
    let body = r#"{"name": "mod", "alias": "champion", "version": "3"}"#;
    client.post("/api/2.0/mlflow/registered-models/alias", body)?;
    Ok(place)
}

/// The median of so many requests.
fn asked(server: &Server, place: &Place, case: &Case, side: usize) -> Result<f64> {
    let mut client = Client::connect(server.port)?;
    let count = case.asked.get(side).copied().unwrap_or(1);
    let mut seconds = Vec::with_capacity(count);
    (case.ask)(&mut client, place, usize::MAX / 2)?;
    for number in 0..count {
        let start = Instant::now();
        (case.ask)(&mut client, place, number)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(percentile(&mut seconds, 0.5))
}

/// Seconds per point where 16 connections log at once, `each` points each.
fn many(server: &Server, place: &Place, each: usize) -> Result<f64> {
    const CONNECTIONS: usize = 16;
    let start = Instant::now();
    let logged = thread::scope(|scope| {
        let logging: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                scope.spawn(move || {
                    let log = || -> Result<()> {
                        let mut client = Client::connect(server.port)?;
                        (0..each).try_for_each(|number| {
                            log_metric(&mut client, place, 1_000_000 + connection * each + number)
                        })
                    };
                    log().map_err(|cause| cause.to_string())
                })
            })
            .collect();
        let answers = logging.into_iter().map(|thread| thread.join());
        answers
            .map(|answer| answer.unwrap_or_else(|_| Err("a client panicked".to_owned())))
            .collect::<Vec<_>>()
    });
    logged.into_iter().collect::<std::result::Result<Vec<()>, String>>()?;
    Ok(start.elapsed().as_secs_f64() / (CONNECTIONS * each) as f64)
}

fn log_metric(client: &mut Client, place: &Place, number: usize) -> Result<()> {
    let run = &place.run;
    let body =
        format!(r#"{{"run_id": "{run}", "key": "r", "value": 1.0, "timestamp": 1, "step": {number}}}"#);
    client.post("/api/2.0/mlflow/runs/log-metric", &body).map(drop)
}

fn log_batch(client: &mut Client, place: &Place, number: usize) -> Result<()> {
    // As a text: what the client needs to build it is not what is measured.
    let metric = |place: usize| {
        format!(r#"{{"key": "b{}", "value": 0.1, "timestamp": {number}, "step": {place}}}"#, place % 20)
    };
    let metrics: Vec<_> = (0..1000).map(metric).collect();
    let body = format!(r#"{{"run_id": "{}", "metrics": [{}]}}"#, place.run, metrics.join(", "));
    client.post("/api/2.0/mlflow/runs/log-batch", &body).map(drop)
}

fn create_version(client: &mut Client, _: &Place, _: usize) -> Result<()> {
    let body = r#"{"name": "mod", "source": "s3://bucket/model"}"#;
    client.post("/api/2.0/mlflow/model-versions/create", body).map(drop)
}

fn alias(client: &mut Client, _: &Place, _: usize) -> Result<()> {
    client.get("/api/2.0/mlflow/registered-models/alias?name=mod&alias=champion").map(drop)
}

fn search(client: &mut Client, place: &Place, _: usize) -> Result<()> {
    let body = json!({
        "experiment_ids": [place.big],
        "filter": "metrics.auc > 0.9 and params.lr = '3'",
        "order_by": ["metrics.loss ASC"],
        "max_results": 100,
    });
    let answer = client.post("/api/2.0/mlflow/runs/search", &body.to_string())?;
    let found = answer.get("runs").and_then(|runs| runs.as_array()).map_or(0, Vec::len);
    // Of 10,000 runs a tenth has the parameter, and of these a tenth the metric.
    if (50..=100).contains(&found) { Ok(()) } else { Err(format!("a search found {found} runs").into()) }
}
