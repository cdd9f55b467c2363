//! A tracker and a registry in memory, and the pages of them.

use std::sync::Arc;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use mlcore::artifact::Digest;
use mlcore::name::{Alias, ExperimentId, LoggedModelId, ModelName, RunId};
use mlcore::registry::{
    Change, Expected, Lineage, MemoryRegistry, ModelVersion, NewModel, NewVersion, Registry, RegistryExt,
    Stage,
};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore::tracking::{
    Batch, Dataset, DatasetInput, MemoryTracker, Metric, ModelOutput, NewExperiment, NewLoggedModel, NewRun,
    RunInfo, TrackerExt,
};
use mlcore_serve::page::{Pages, RunFile, RunFiles};

pub(crate) struct Place {
    pub(crate) tracker: Arc<MemoryTracker>,
    pub(crate) registry: Arc<MemoryRegistry>,
    pub(crate) pages: Pages,
}

pub(crate) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + milliseconds)
}

pub(crate) fn change() -> Change {
    Change::new("ana", at(0))
}

pub(crate) fn run_id(id: impl AsRef<str>) -> RunId {
    RunId::new(id).unwrap()
}

pub(crate) fn model_name(name: &str) -> ModelName {
    ModelName::new(name).unwrap()
}

/// The files of every run, one of which is called so.
struct Files(String);

impl RunFiles for Files {
    fn list(&self, _: &RunInfo, folder: &str) -> mlcore::Result<Vec<RunFile>> {
        Ok(match folder {
            "" => vec![RunFile::folder("model"), RunFile::file(self.0.as_str(), 1234)],
            "model" => vec![RunFile::file("model.onnx", 7)],
            _ => Vec::new(),
        })
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_file("notes.md")
    }

    pub(crate) fn with_file(name: &str) -> Self {
        let (tracker, registry) = (Arc::new(MemoryTracker::new()), Arc::new(MemoryRegistry::new()));
        let pages = Pages::new().with_tracker(tracker.clone()).with_registry(registry.clone());
        Self { tracker, registry, pages: pages.with_files(Arc::new(Files(name.to_owned()))) }
    }

    /// The status, the headers and the text of a page.
    pub(crate) fn ask(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        let response =
            self.pages.answer(&path.parse().unwrap_or_else(|_| panic!("{path}")), &HeaderMap::new());
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, String::from_utf8(body).unwrap())
    }

    /// The text of a page that is there.
    pub(crate) fn get(&self, path: &str) -> String {
        let (status, headers, text) = self.ask(path);
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        assert_eq!(headers[header::CONTENT_TYPE], HeaderValue::from_static("text/html; charset=utf-8"));
        text
    }

    /// An experiment with runs `a`, `b` (nested in `a`) and `c`, with all that runs have; `text` wherever users write what they want.
    pub(crate) fn fill_tracker(&self, text: &str) {
        let tracker = &*self.tracker;
        let experiment = NewExperiment::new(ExperimentId::new("1").unwrap(), text, at(0));
        let experiment =
            experiment.with_tag("team", text).with_artifact_location(text.replace(char::is_control, ""));
        let experiment = tracker.create_experiment(experiment).unwrap().id;
        for id in ["a", "b", "c"] {
            let mut new =
                NewRun::new(run_id(id), experiment.clone(), at(1)).with_name(text).with_user_id(text);
            if id == "b" {
                new = new.within(&run_id("a"));
            }
            tracker.start_run(new).unwrap();
            let mut batch = Batch::new(run_id(id)).with_param("depth", text).with_param("own", id);
            batch = batch
                .with_tag("note", text)
                .with_tag("mlflow.note.content", text)
                .with_metric(Metric::new("acc", 0.5, 7).on_dataset(text, "d"));
            for step in 0..20 {
                let value = if step == 5 { f64::NAN } else { 1.0 / (step + 1) as f64 };
                batch = batch.with_metric(
                    Metric::new("loss/train set", value, 1_700_000_000_000 + step * 1000).at_step(step),
                );
            }
            tracker.log_batch(batch).unwrap();
            let digest: String = text.chars().filter(|c| *c != '\0').take(36).collect();
            let dataset = Dataset::new(text, digest, text, text).with_schema(text).with_profile(text);
            tracker
                .log_inputs(&run_id(id), vec![DatasetInput::new(dataset).with_context(text)], Vec::new())
                .unwrap();
        }
        let model = LoggedModelId::new("m-1").unwrap();
        let name: String = text.chars().filter(|c| !"/:.%\"'".contains(*c)).chain(['x']).collect();
        let new = NewLoggedModel::new(model.clone(), experiment, name, at(2)).with_source_run(run_id("a"));
        tracker.create_logged_model(new).unwrap();
        tracker.log_outputs(&run_id("a"), vec![ModelOutput::new(model, 3)]).unwrap();
    }

    /// A model with three versions, the last of which is external, and a model of any name.
    pub(crate) fn fill_registry(&self, text: &str) {
        let (registry, churn) = (&*self.registry, model_name("churn"));
        let who: String = text.chars().filter(|c| !c.is_control()).collect();
        let change = Change::new(who.as_str(), at(0)).with_reason(text);
        registry
            .create_model(NewModel::new(churn.clone()).with_description(text).with_tag("team", text), &change)
            .unwrap();
        let mut parent = None;
        for number in 0..2 {
            let lineage = Lineage::default()
                .with_run(run_id("a"))
                .with_dataset(Digest::of("data"))
                .with_plan(Digest::of("p"), Digest::of("q"));
            let mut lineage = lineage.with_source(text).with_run_link(format!("javascript:{text}"));
            if let Some(parent) = parent {
                lineage = lineage.with_parent(churn.clone(), parent);
            }
            let field = |name: &str| Field::tensor(name, DType::Float32, [Dim::Dynamic, Dim::Fixed(2)]);
            let schema = |name| Schema::new([field(name).labelled([text, "b"])]).unwrap();
            let new = NewVersion::new(
                churn.clone(),
                Digest::of("model"),
                Signature::new(schema(text), schema("y")),
            );
            let new = new
                .with_lineage(lineage)
                .with_description(text)
                .with_tag("note", text)
                .with_metric("auc", 0.8 + f64::from(number) / 100.0);
            let version = registry.create_version(new, &change).unwrap();
            self.promote(&version, &change);
            parent = Some(version.version);
        }
        registry.create_version(NewVersion::external(churn, text), &change).unwrap();
        registry.create_model(NewModel::titled(who), &change).unwrap();
    }

    fn promote(&self, version: &ModelVersion, change: &Change) {
        let (model, champion) = (&version.model, Alias::new("champion").unwrap());
        self.registry.transition(model, version.version, Stage::Dev, Stage::Staging, change).unwrap();
        let expected = Expected::from(self.registry.alias(model, &champion).unwrap());
        self.registry.promote(model, version.version, &champion, expected, change).unwrap();
    }

    /// So many runs of the experiment `1`: `r0` began first.
    pub(crate) fn fill_runs(&self, count: i64) {
        let experiment = ExperimentId::new("1").unwrap();
        self.tracker.create_experiment(NewExperiment::new(experiment.clone(), "many", at(0))).unwrap();
        for number in 0..count {
            let id = run_id(format!("r{number}"));
            self.tracker.start_run(NewRun::new(id.clone(), experiment.clone(), at(number))).unwrap();
            let loss = Metric::new("loss", (number % 10) as f64, 1);
            self.tracker
                .log_batch(Batch::new(id).with_metric(loss).with_param("depth", (number % 3).to_string()))
                .unwrap();
        }
    }
}
