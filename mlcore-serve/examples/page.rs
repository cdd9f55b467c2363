//! Pages of made-up experiments and models, to look at: `cargo run -p mlcore-serve --features server --example page -- 10000` shows ten
//! thousand runs at the address that it prints.

use std::io::Write as _;
use std::sync::Arc;

use mlcore::Result;
use mlcore::artifact::Digest;
use mlcore::name::{Alias, ExperimentId, LoggedModelId, ModelName, RunId, Version};
use mlcore::registry::{
    Change, Expected, Lineage, MemoryRegistry, NewModel, NewVersion, Registry, RegistryExt, Stage,
};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::stats::SplitMix64;
use mlcore::time::Timestamp;
use mlcore::tracking::{
    Batch, Dataset, DatasetInput, MemoryTracker, Metric, ModelOutput, NewExperiment, NewLoggedModel, NewRun,
    RunInfo, RunStatus, Tracker, TrackerExt,
};
use mlcore_serve::http::HttpService;
use mlcore_serve::models::Models;
use mlcore_serve::page::{Pages, RunFile, RunFiles};
use mlcore_serve::server::{Server, ServerOptions};

/// 2026-03-02, at nine.
const START: i64 = 1_772_442_000_000;
const STEPS: i64 = 60;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let runs = std::env::args().nth(1).map_or(Ok(200), |count| count.parse())?;
    let tracker = Arc::new(MemoryTracker::new());
    let registry = Arc::new(MemoryRegistry::new());
    fill_tracker(&*tracker, runs)?;
    fill_registry(&registry)?;
    let pages = Pages::new().with_tracker(tracker).with_registry(registry).with_files(Arc::new(Files));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let service = HttpService::new(Models::new()).with_pages(pages);
        let server = Server::bind(([127, 0, 0, 1], 0).into(), service, ServerOptions::default()).await?;
        let mut output = std::io::stdout();
        writeln!(output, "http://{}/ui/", server.address()?)?;
        output.flush()?;
        server.run(std::future::pending()).await;
        Ok(())
    })
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(START + minute * 60_000)
}

/// Runs of a search for the best trees, and a few of a network with long histories.
fn fill_tracker(tracker: &dyn Tracker, runs: usize) -> Result<()> {
    let mut random = SplitMix64::new(7);
    let churn = NewExperiment::new(ExperimentId::new("1")?, "churn, gradient boosting", at(0))
        .with_tag("team", "growth");
    let churn = tracker.create_experiment(churn)?.id;
    let network = NewExperiment::new(ExperimentId::new("2")?, "demand, temporal network", at(5))
        .with_tag("team", "supply");
    let network = tracker.create_experiment(network)?.id;
    tracker.create_experiment(NewExperiment::new(ExperimentId::new("3")?, "ideas for autumn", at(7)))?;
    for number in 0..runs {
        boosting(tracker, &churn, number, &mut random)?;
    }
    for number in 0..4 {
        temporal(tracker, &network, number, &mut random)?;
    }
    Ok(())
}

fn boosting(
    tracker: &dyn Tracker,
    experiment: &ExperimentId,
    number: usize,
    random: &mut SplitMix64,
) -> Result<()> {
    let id = RunId::new(format!("{:032x}", 0x9e37_79b9_7f4a_7c15_u128.wrapping_mul(number as u128 + 1)))?;
    let begin = at(10 + number as i64 * 3);
    tracker.start_run(NewRun::new(id.clone(), experiment.clone(), begin).with_user_id("ana"))?;
    let depth = 3 + (number % 8) as i64;
    let rate = [0.3, 0.1, 0.05, 0.02][number % 4];
    let auc = 0.74 + 0.012 * depth as f64 - 0.0009 * (depth * depth) as f64 + 0.02 * random.uniform();
    let loss = 0.62 - 0.4 * (auc - 0.7) - 0.01 * random.uniform();
    let time = begin.as_micros() / 1000;
    let mut batch = Batch::new(id.clone())
        .with_param("max_depth", depth.to_string())
        .with_param("learning_rate", rate.to_string());
    batch = batch
        .with_param("objective", "binary")
        .with_param("subsample", format!("{:.2}", 0.5 + random.uniform() / 2.0));
    batch = batch.with_tag("mlflow.source.name", "train.py").with_tag("owner", "ana");
    for (key, value) in
        [("auc", auc), ("log_loss", loss), ("brier", loss / 3.6), ("accuracy", 0.5 + auc / 2.6)]
    {
        batch = batch.with_metric(Metric::new(key, value, time + 60_000));
    }
    tracker.log_batch(batch)?;
    let status = if number % 37 == 5 { RunStatus::Failed } else { RunStatus::Finished };
    tracker.end_run(
        &id,
        status,
        Timestamp::from_millis(time + 40_000 + (random.uniform() * 300_000.0) as i64),
    )
}

fn temporal(
    tracker: &dyn Tracker,
    experiment: &ExperimentId,
    number: i64,
    random: &mut SplitMix64,
) -> Result<()> {
    let (id, begin) =
        (RunId::new(format!("{:032x}", 0xabcd_0000_u128 + number as u128))?, at(20 + number * 45));
    let mut new = NewRun::new(id.clone(), experiment.clone(), begin)
        .with_name(format!("width {}", 64 << number))
        .with_user_id("ben");
    if number > 0 {
        new = new.within(&RunId::new(format!("{:032x}", 0xabcd_0000_u128))?);
    }
    tracker.start_run(new)?;
    let begin = begin.as_micros() / 1000;
    for step in 0..STEPS {
        let (time, x) = (begin + step * 30_000, step as f64);
        let noise = 1.0 + 0.1 * (random.uniform() - 0.5);
        let loss = (2.0 * (-x / (14.0 - 2.0 * number as f64)).exp() + 0.05 / (number + 1) as f64) * noise;
        let gradient =
            if number == 2 && step == 31 { f64::NAN } else { 10.0 * (-x / 9.0).exp() * noise + 0.01 };
        let mut batch =
            Batch::new(id.clone()).with_metric(Metric::new("train/loss", loss, time).at_step(step));
        batch = batch.with_metric(
            Metric::new("validation/loss", loss * 1.15 + 0.002 * x * number as f64, time).at_step(step),
        );
        batch = batch.with_metric(Metric::new("gradient norm", gradient, time).at_step(step));
        batch = batch.with_metric(
            Metric::new("learning rate", 1e-3 * (1.0 - x / STEPS as f64).powi(2) + 1e-6, time).at_step(step),
        );
        tracker.log_batch(batch)?;
    }
    let width = (64 << number).to_string();
    let batch = Batch::new(id.clone())
        .with_param("width", width)
        .with_param("optimizer", "adamw")
        .with_param("epochs", STEPS.to_string());
    tracker
        .log_batch(batch.with_tag("mlflow.note.content", "Wider each time; the same data and schedule."))?;
    let sales = Dataset::new("sales 2019-2025", "6e2c1f09", "delta_table", "{\"path\": \"lake/sales\"}")
        .with_schema("store, item, day, sold");
    tracker.log_inputs(&id, vec![DatasetInput::new(sales).with_context("training")], Vec::new())?;
    let model = LoggedModelId::new(format!("m-{:032x}", 0xabcd_0000_u128 + number as u128))?;
    let new =
        NewLoggedModel::new(model.clone(), experiment.clone(), "network", at(60)).with_source_run(id.clone());
    tracker.create_logged_model(new)?;
    tracker.log_outputs(&id, vec![ModelOutput::new(model, STEPS)])?;
    match number {
        3 => Ok(()),
        _ => tracker.end_run(&id, RunStatus::Finished, Timestamp::from_millis(begin + STEPS * 30_000)),
    }
}

/// A model with a history of releases, one that came from elsewhere, and one that has no versions yet.
fn fill_registry(registry: &MemoryRegistry) -> Result<()> {
    let change = |minute: i64| Change::new("ana", at(minute));
    let (churn, champion) = (ModelName::new("churn")?, Alias::new("champion")?);
    let described = NewModel::new(churn.clone())
        .with_description("Who leaves within 30 days, asked each night.")
        .with_tag("team", "growth");
    registry.create_model(described, &change(100))?;
    let signature = Signature::new(
        Schema::new([
            Field::column("age", DType::Float64),
            Field::column("plan", DType::String).nullable(),
            Field::tensor("visits", DType::Float32, [Dim::Dynamic, Dim::Fixed(7)]),
        ])?,
        Schema::new([Field::tensor("risk", DType::Float32, [Dim::Dynamic, Dim::Fixed(2)])
            .labelled(["stays", "leaves"])])?,
    );
    let mut parent = None;
    for number in 0..5_i64 {
        let minute = 200 + number * 1500;
        let run =
            RunId::new(format!("{:032x}", 0x9e37_79b9_7f4a_7c15_u128.wrapping_mul(number as u128 + 1)))?;
        let mut lineage = Lineage::default()
            .with_run(run)
            .with_dataset(Digest::of(b"customers"))
            .with_source("runs:/model");
        if let Some(parent) = parent {
            lineage = lineage.with_parent(churn.clone(), parent);
        }
        let new = NewVersion::new(churn.clone(), Digest::of(format!("model {number}")), signature.clone())
            .with_lineage(lineage);
        let new = new
            .with_metric("auc", 0.79 + 0.01 * number as f64)
            .with_metric("log_loss", 0.45 - 0.01 * number as f64);
        let version = registry
            .create_version(new.with_description("Trees on the customers of May."), &change(minute))?
            .version;
        parent = Some(version);
        if number < 4 {
            registry.transition(&churn, version, Stage::Dev, Stage::Staging, &change(minute + 60))?;
            let expected = Expected::from(registry.alias(&churn, &champion)?);
            let reason = change(minute + 90).with_reason("better on every segment");
            registry.promote(&churn, version, &champion, expected, &reason)?;
        }
    }
    registry.roll_back(
        &churn,
        &champion,
        Expected::Any,
        &change(7000).with_reason("complaints from the south"),
    )?;
    registry.set_alias(
        &churn,
        &Alias::new("challenger")?,
        Some(Version::new(4)?),
        Expected::Any,
        &change(7100),
    )?;
    let demand = NewModel::titled("Bedarf (Süd)").with_description("Kept by another team.");
    let name = registry.create_model(demand, &change(300))?.name;
    registry.create_version(NewVersion::external(name, "https://models.example/demand/7"), &change(310))?;
    registry.create_model(ModelName::new("fraud")?, &change(400))?;
    Ok(())
}

/// The same files for every run.
struct Files;

impl RunFiles for Files {
    fn list(&self, _: &RunInfo, folder: &str) -> Result<Vec<RunFile>> {
        Ok(match folder {
            "" => vec![
                RunFile::folder("model"),
                RunFile::file("confusion matrix.png", 48_211),
                RunFile::file("notes.md", 1_204),
            ],
            "model" => vec![RunFile::file("MLmodel", 611), RunFile::file("model.onnx", 2_310_448)],
            _ => Vec::new(),
        })
    }
}
