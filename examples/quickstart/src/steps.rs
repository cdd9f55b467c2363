//! The steps that compare: with scikit-learn, of two models, and with what was remembered.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use doctor_visit::data::{Rows, row_values};
use doctor_visit::release::{change, model_name, testdata};
use mlcore::arrow::array::RecordBatch;
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, FolderStore};
use mlcore::batch::{Batch, Row};
use mlcore::evaluate::{Contender, Gate, GateMetric, Requirement, Truth};
use mlcore::name::{Alias, UnitId, Version};
use mlcore::registry::{Expected, Registry, RegistryExt, SqliteRegistry};
use mlcore::runner::ort::OnnxRunner;
use mlcore::runner::{RunOptions, Runner};
use mlcore::{Error, Result};
use mlcore_drift::monitor::{Fleet, FleetVerdict, Verdict, WindowCounter, WindowCounts};
use mlcore_features::pipeline::Plan;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EventKind, Request};
use serde_json::Value as Json;

use crate::claims::{Story, count};
use crate::traffic::{Log, Speed, measure};

/// What scikit-learn made of the same rows: see `testdata/make_models.py`.
pub(crate) struct Golden {
    rows: Vec<usize>,
    features: Vec<f64>,
    probabilities: Vec<f64>,
}

impl Golden {
    /// Reads `golden.json`.
    pub(crate) fn read() -> Result<Self> {
        let path = testdata("models/quickstart/golden.json");
        let shown = path.display().to_string();
        let text = fs::read_to_string(&path)
            .map_err(|cause| Error::from_io("read golden file", shown.clone(), cause))?;
        let json: Json = serde_json::from_str(&text)
            .map_err(|cause| Error::corrupt("read golden file", shown, cause.to_string()))?;
        let sample = &json["sample"];
        let numbers = |list: &Json| {
            list.as_array().into_iter().flatten().filter_map(Json::as_f64).collect::<Vec<f64>>()
        };
        Ok(Self {
            rows: numbers(&sample["row_indices"]).into_iter().map(|row| row as usize).collect(),
            features: sample["features"].as_array().into_iter().flatten().flat_map(numbers).collect(),
            probabilities: numbers(&sample["probability"]["v1"]),
        })
    }
}

/// The plan's features, row by row and as a table, against scikit-learn's.
pub(crate) fn features_equal_scikit_learn(
    story: &mut Story,
    plan: &Plan,
    rows: &Rows,
    golden: &Golden,
) -> Result<()> {
    let table = rows.at(&golden.rows)?.features()?;
    let matrix = plan.transform_dense::<f64>(&table)?;
    let columnar = matrix.values::<f64>()?;
    let mut executor = plan.row_executor();
    let (mut by_row, mut values) = (Vec::new(), Vec::new());
    for index in 0..table.num_rows() {
        row_values(&table, index, &mut values);
        by_row.extend_from_slice(executor.run(Row::new(&values, plan.input())?)?);
    }
    let same_bits = columnar.iter().zip(&by_row).all(|(a, b)| a.to_bits() == b.to_bits());
    story.claim(
        same_bits && columnar.len() == by_row.len(),
        format!("{} features: one row at a time and as a table, equal bit for bit", count(by_row.len())),
    )?;
    let gap = largest_gap(columnar, &golden.features);
    story.claim(gap < 1e-12, format!("scikit-learn made the same features of these rows, {}", closeness(gap)))
}

/// The endpoint's answers against scikit-learn's probabilities.
pub(crate) fn predictions_equal_scikit_learn(
    story: &mut Story,
    endpoint: &Endpoint,
    rows: &Rows,
    golden: &Golden,
) -> Result<()> {
    let table = Arc::new(rows.at(&golden.rows)?.features()?);
    let unit = UnitId::new("golden")?;
    let outputs = endpoint.predict(Request::table(&unit, &table))?.outputs;
    let answers: Vec<f64> = positive(&outputs)?;
    let gap = largest_gap(&answers, &golden.probabilities);
    story.claim(
        gap < 1e-6,
        format!(
            "in Python, scikit-learn and ONNX Runtime gave the same rows the same probabilities, {}",
            closeness(gap)
        ),
    )
}

/// A registry and a store in `folder`, new.
pub(crate) fn open(folder: &Path) -> Result<(Arc<dyn Registry>, Arc<dyn ArtifactStore>)> {
    let io = |cause| Error::from_io("prepare folder", folder.display().to_string(), cause);
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(io)?;
    }
    fs::create_dir_all(folder).map_err(io)?;
    let registry = SqliteRegistry::open(folder.join("registry.db"))?;
    Ok((Arc::new(registry), Arc::new(FolderStore::open(folder.join("artifacts"))?)))
}

/// What three replicas count of their parts of the traffic, together: the verdict of one that saw all of it.
pub(crate) fn fleet(story: &mut Story, endpoint: &Endpoint, traffic: &RecordBatch) -> Result<FleetVerdict> {
    let reference = endpoint
        .monitor_reference()?
        .ok_or_else(|| Error::not_found("judge fleet", "version", "it brings no monitor"))?;
    let mut fleet = Fleet::new(&reference)?;
    let (mut bytes, mut found) = (0, None);
    // A third of a window each: none of them could judge yet.
    let part = reference.options().window_rows.div_ceil(3);
    for replica in 0..3 {
        let mut counter = WindowCounter::new(&reference)?;
        counter.observe(&traffic.slice(replica * part, part))?;
        let sent = counter.take()?.to_bytes();
        bytes += sent.len();
        found = fleet.add(&format!("replica {}", replica + 1), &WindowCounts::from_bytes(&sent)?)?;
    }
    let unfilled = || Error::internal("judge fleet", "window", "three thirds did not fill it");
    let verdict = found.ok_or_else(unfilled)?;
    story.claim(
        verdict.verdict.drifted().any(|test| test.column == "income"),
        format!(
            "each counted {} rows and sent {:.0} kB of counts, no row; the fleet says: {}",
            count(part),
            bytes as f64 / 3e3,
            verdict.verdict.overall
        ),
    )?;
    Ok(verdict)
}

/// Speed of an endpoint of its own, so that its records do not mix with the story's.
pub(crate) fn speed(
    story: &mut Story,
    registry: &Arc<dyn Registry>,
    artifacts: &Arc<dyn ArtifactStore>,
    live: &Rows,
) -> Result<Speed> {
    let endpoint = Endpoint::builder(model_name()?, registry.clone(), artifacts.clone()).build()?;
    let speed = measure(&endpoint, live, 20)?;
    story.say(format!(
        "{} requests from one thread, each a raw row through features, model, record and monitor: {} a second, p50 {:.1?}, \
         p99 {:.1?}",
        count(speed.requests),
        count(speed.per_second as usize),
        speed.p50,
        speed.p99
    ));
    let dropped = endpoint.counts().dropped_records;
    story.say(format!("records that did not fit into the queue: {}", count(dropped as usize)));
    Ok(speed)
}

/// Champion against challenger on rows that neither has seen.
pub(crate) fn gate(
    story: &mut Story,
    holdout: &Rows,
    plan: &Plan,
    artifacts: &dyn ArtifactStore,
    registry: &dyn Registry,
    versions: [Version; 2],
) -> Result<()> {
    let inputs = Batch::single("input", plan.transform_dense::<f32>(&holdout.features()?)?);
    let answers = versions.map(|version| -> Result<Vec<f64>> {
        let version = registry.version(&model_name()?, version)?;
        let runner = OnnxRunner::from_bytes(&artifacts.read(&version.artifact)?)?;
        positive(&runner.run(&inputs, &RunOptions::default())?)
    });
    let [champion, challenger] = answers;
    let verdict = Gate::new()
        .require(GateMetric::LogLoss, Requirement::BetterBy(0.0))
        .require(GateMetric::RocAuc, Requirement::NotWorseBy(0.01))
        .judge(
            Truth::Labels(&holdout.visited()?),
            &Contender::new(&champion?),
            &Contender::new(&challenger?),
        )?;
    story.say(format!("{} rows of later years decide", count(holdout.len())));
    for check in &verdict.checks {
        story.say(&check.sentence);
    }
    story.claim(verdict.passed, "the gate opens")
}

/// Points the alias `challenger` to `version`.
pub(crate) fn point_challenger(registry: &dyn Registry, version: Version) -> Result<()> {
    let (model, challenger) = (model_name()?, Alias::new("challenger")?);
    registry.set_alias(&model, &challenger, Some(version), Expected::Absent, &change("begin its canary"))?;
    Ok(())
}

/// The steps of a release, with their reasons.
pub(crate) fn tell_release(story: &mut Story, log: &Log, first_event: usize) {
    for (requests, event) in log.events.iter().skip(first_event) {
        if matches!(
            event.kind,
            EventKind::Stepped { .. } | EventKind::Promoted { .. } | EventKind::RolledBack { .. }
        ) {
            story.say(format!("request {}: {}", count(*requests), event.kind));
        }
    }
}

/// The columns that drifted, for each window that was judged since event `first_event`.
pub(crate) fn verdicts(log: &Log, first_event: usize) -> Vec<Vec<String>> {
    let judged = log.events.iter().skip(first_event).filter_map(|(_, event)| match &event.kind {
        EventKind::Judged { verdict } => Some(verdict),
        _ => None,
    });
    judged.map(|verdict| columns(verdict)).collect()
}

/// The columns that drifted, each once: a column may change in its values and in how often it is missing.
pub(crate) fn columns(verdict: &Verdict) -> Vec<String> {
    let mut columns: Vec<String> = verdict.drifted().map(|column| column.column.clone()).collect();
    columns.dedup();
    columns
}

/// What `champion` meant, and when.
pub(crate) fn history(story: &mut Story, registry: &dyn Registry) -> Result<()> {
    for entry in registry.alias_history(&model_name()?, &Alias::new("champion")?)? {
        let meant = registry.alias_at(&model_name()?, &Alias::new("champion")?, entry.effective_at)?;
        let version = meant.map_or_else(|| "nothing".to_owned(), |version| format!("version {version}"));
        let reason = entry.reason.unwrap_or_default();
        story.say(format!("from {} on, champion meant {version}: {reason}", entry.effective_at));
    }
    Ok(())
}

fn positive(outputs: &Batch) -> Result<Vec<f64>> {
    let probabilities = outputs.tensor("probabilities")?;
    Ok(probabilities.values::<f32>()?.chunks(2).filter_map(|row| row.get(1)).map(|p| f64::from(*p)).collect())
}

fn closeness(gap: f64) -> String {
    if gap == 0.0 { "to the last digit".to_owned() } else { format!("within {gap:.1e}") }
}

fn largest_gap(ours: &[f64], theirs: &[f64]) -> f64 {
    if ours.len() != theirs.len() || ours.is_empty() {
        return f64::INFINITY;
    }
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
