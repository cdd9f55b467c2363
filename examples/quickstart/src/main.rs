//! The whole loop on real data: `cargo xtask quickstart`. Every figure is measured in the run that prints it, and the
//! run fails if a step does not come out as claimed.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the quickstart tells its story")]

mod claims;
mod page;
mod steps;
mod traffic;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use doctor_visit::data::Rows;
use doctor_visit::release::{self, Registrar, model_name, testdata};
use mlcore::name::Alias;
use mlcore::runner::ort::OnnxRuntime;
use mlcore::{Error, Result};
use mlcore_drift::monitor::{MonitorOptions, MonitorReference};
use mlcore_drift::report::{ReportOptions, report};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EventKind, Loss};

use crate::claims::{Story, count};
use crate::steps::{Golden, point_challenger, tell_release, verdicts};
use crate::traffic::{Log, Until, send};

/// What counts as a change worth waking somebody for: a tenth of the rows would have to be others. The experiment's third
/// year differs from the first two by less, in how often an answer is missing for instance, and surely so.
fn watch() -> MonitorOptions {
    ["ks", "chi_square", "missing_rate"]
        .into_iter()
        .fold(MonitorOptions::default(), |options, test| options.with_minimum_effect(test, 0.1))
}

/// Where the models were trained.
const SITES: [i64; 4] = [1, 2, 3, 4];

fn main() -> ExitCode {
    match run() {
        Ok(page) => {
            println!("\nThe page: {}", page.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nerror: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
        .join("quickstart");
    let mut story = Story::default();
    let mut log = Log::default();
    let golden = Golden::read()?;

    story.step("Fit the features");
    let rows = Rows::read(&testdata("datasets/randhie.parquet"))?;
    let train = rows.of(&SITES, &[1, 2])?;
    let plan = release::fit(&train.features()?)?;
    story.say(format!(
        "read {} rows; {} of them train (sites 1 to 4, years 1 and 2)",
        count(rows.len()),
        count(train.len())
    ));
    story.say(format!(
        "{} raw columns become {} features; plan {}",
        plan.input().len(),
        plan.width(),
        &plan.digest()[..12]
    ));
    steps::features_equal_scikit_learn(&mut story, &plan, &rows, &golden)?;

    story.step("Register the model");
    let (registry, artifacts) = steps::open(&folder)?;
    let monitored = MonitorReference::new(&train.features()?, &watch())?;
    let registrar = Registrar::new(registry.clone(), artifacts.clone(), &plan, &monitored)?;
    let v1 = registrar.register("v1", Some("champion"))?;
    story.say(format!(
        "logistic regression is version {v1}, alias champion, with digest, signature, plan, data set and what its \
         traffic is compared with"
    ));

    story.step("Answer requests");
    let reference = train.features()?;
    let endpoint = Endpoint::builder(model_name()?, registry.clone(), artifacts.clone())
        .with_arm(Alias::new("challenger")?)
        .with_loss(Loss::LogLoss)
        .build()?;
    let own = endpoint.monitor_reference()?.map(|own| own.columns().len());
    story.claim(
        own == Some(plan.input().len()),
        format!(
            "version {v1} brought its monitor along: {} columns are watched from the first request",
            own.unwrap_or(0)
        ),
    )?;
    let live = rows.of(&SITES, &[3])?.shuffled(3)?;
    let speed = steps::speed(&mut story, &registry, &artifacts, &live)?;
    steps::predictions_equal_scikit_learn(&mut story, &endpoint, &rows, &golden)?;

    story.step("A better model passes the gate");
    let v2 = registrar.register("v2", None)?;
    let holdout = rows.of(&SITES, &[4, 5])?;
    steps::gate(&mut story, &holdout, &plan, &*artifacts, &*registry, [v1, v2])?;

    story.step("Its canary is promoted by its numbers");
    point_challenger(&*registry, v2)?;
    log.moment("version 2 on trial");
    endpoint.set_policy(Arc::new(release::canary("v2")?))?;
    let sent = send(&endpoint, &live, 0, Until::Decided, &mut log)?;
    tell_release(&mut story, &log, 0);
    log.moment("promoted");
    let champion = registry.alias(&model_name()?, &Alias::new("champion")?)?;
    story
        .claim(champion == Some(v2), format!("after {} requests champion means version {v2}", count(sent)))?;
    send(&endpoint, &live, sent, Until::End, &mut log)?;
    let quiet = verdicts(&log, 0);
    story.claim(
        quiet.iter().all(|drifted| drifted.is_empty()),
        format!("{} windows of traffic from the same sites, one year on: no alarm", quiet.len()),
    )?;

    story.step("The data shift: members of two other sites arrive");
    log.moment("sites 5 and 6");
    let events_before = log.events.len();
    let elsewhere = rows.of(&[5, 6], &[1, 2, 3, 4, 5])?.shuffled(5)?;
    let arrivals = elsewhere.first(3_000);
    send(&endpoint, &arrivals, 0, Until::End, &mut log)?;
    let alarms = verdicts(&log, events_before);
    let comparison = report(
        &reference,
        &arrivals.features()?,
        &ReportOptions::default().with_monitor(watch()).with_title("Sites 5 and 6 against the training rows"),
    )?;
    let full = alarms.iter().skip(1).filter(|drifted| drifted.contains(&"income".to_owned())).count();
    story.claim(
        alarms.len() == 3 && full == 2,
        format!(
            "the 2 windows of arrivals alone alarm, both naming income; the one before, which began with members of the sites \
             of before, {}",
            if alarms.first().is_some_and(Vec::is_empty) { "stays below the thresholds" } else { "alarms too" }
        ),
    )?;
    for column in comparison.drifted() {
        for test in comparison.verdict.drifted().filter(|test| test.column == column.name) {
            story.say(&test.sentence);
        }
    }

    story.step("Three replicas are judged as one");
    let fleet = steps::fleet(&mut story, &endpoint, &arrivals.features()?)?;

    story.step("A bad release is rolled back by itself");
    let v3 = registrar.register("v3", None)?;
    story.say("version 3 learned from a claims table in which the free plan files no claims; on its own labels it was the best");
    point_challenger(&*registry, v3)?;
    log.moment("version 3 on trial");
    let failures_before = endpoint.counts().failures;
    let (before, events_before) = (log.answers.len(), log.events.len());
    endpoint.set_policy(Arc::new(release::canary("v3")?))?;
    let rest = elsewhere.from(3_000);
    let sent = send(&endpoint, &rest, 0, Until::Decided, &mut log)?;
    tell_release(&mut story, &log, events_before);
    log.moment("rolled back");
    let wrong = log.answers[before..].iter().filter(|answer| answer.version == v3).count();
    let rolled_back = log.events[events_before..]
        .iter()
        .any(|(_, event)| matches!(event.kind, EventKind::RolledBack { version, .. } if version == v3));
    story.claim(
        rolled_back,
        format!("rolled back after {} requests, {} of which it had answered", count(sent), count(wrong)),
    )?;
    story.claim(
        endpoint.counts().failures == failures_before,
        "not one of its answers was an error: a rollout that looks at status codes would have shipped it",
    )?;
    let on_trial_before = log.answers.len();
    send(&endpoint, &rest, sent, Until::End, &mut log)?;
    story.claim(
        log.answers[on_trial_before..].iter().all(|answer| answer.version == v2),
        format!(
            "the other {} requests were answered by version {v2}",
            count(log.answers.len() - on_trial_before)
        ),
    )?;

    story.step("What the registry remembers");
    let audit = registry.audit(1, 1_000)?;
    let head = registry.verify()?;
    story.say(format!("{} entries, chain and state verified, head {}", audit.len(), head.hash));
    steps::history(&mut story, &*registry)?;

    let runtime = OnnxRuntime::load()?;
    let content = page::Content {
        story: &story,
        log: &log,
        speed,
        report: &comparison,
        fleet: &fleet,
        audit: &audit,
        audit_head: head.hash.to_string(),
        environment: vec![
            format!(
                "mlcore {}, {} {}",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::OS,
                std::env::consts::ARCH
            ),
            format!("ONNX Runtime {}, CPU, one thread", runtime.version()),
            format!("{} processors", std::thread::available_parallelism().map_or(1, usize::from)),
        ],
    };
    let path = folder.join("report.html");
    fs::write(&path, page::page(&content))
        .map_err(|cause| Error::from_io("write page", path.display().to_string(), cause))?;
    Ok(path)
}
