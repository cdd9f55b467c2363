//! The folder `mlruns` of MLflow's `FileStore`.
//!
//! ```text
//! EXPERIMENT/meta.yaml, tags/KEY              a deleted one lies in .trash
//!            datasets/ID/meta.yaml
//!            models/MODEL/meta.yaml, params/KEY, tags/KEY, metrics/KEY
//!            RUN/meta.yaml, params/KEY, tags/KEY, metrics/KEY
//!                inputs/ID/meta.yaml, outputs/MODEL/meta.yaml
//! ```
//!
//! A key may have slashes, and then its file lies in folders. A line of a metric is a point.

mod place;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use self::place::{META, Place, READ, or_leave, told};
use self::yaml::Mapping;
use super::Imported;
use super::store::{FoundExperiment, FoundModel, FoundRun, Pairs, Store, at, model_status};
use crate::artifact::Dir;
use crate::error::{Error, Result};
use crate::name::{ExperimentId, LoggedModelId, RunId, check_path_id};
use crate::tracking::{Dataset, DatasetInput, Metric, ModelOutput, NewExperiment, RunStatus};

/// An open store.
pub(super) struct Folder {
    root: Place,
    /// Which experiments lie in the trash.
    trashed: BTreeSet<ExperimentId>,
    /// In which metrics of which models a run has points, in the experiment that is read.
    measured: BTreeMap<RunId, BTreeMap<LoggedModelId, BTreeSet<String>>>,
}

const TRASH: &str = ".trash";
/// Registered models, in the root, and logged ones, in an experiment.
const MODELS: &str = "models";
/// The folders of an experiment that are no runs.
const RESERVED: [&str; 4] = ["tags", "datasets", "traces", MODELS];

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let subject = || path.display().to_string();
        let failed = |cause| Error::from_io(READ, subject(), cause);
        let refuse = |problem, remedy: &str| {
            Err(Error::invalid_input(READ, subject(), problem).remedy(remedy.to_owned()))
        };
        if !std::fs::metadata(path).map_err(failed)?.is_dir() {
            return refuse("it is no folder", "name the folder mlruns");
        }
        let root = Place::root(Dir::root(path).map_err(failed)?);
        let is_store = |place: &Place| -> Result<bool> {
            Ok(place.names()?.iter().any(|name| {
                name != MODELS && place.folder(name).is_ok_and(|folder| folder.open(META).is_ok())
            }))
        };
        if root.open(META).is_ok() {
            return refuse("it is one experiment or run of a store", "name the folder mlruns, above it");
        }
        if !is_store(&root)? && !root.folder(TRASH).is_ok_and(|trash| is_store(&trash).unwrap_or(false)) {
            let problem = "it is no store of MLflow, because no folder in it is an experiment";
            return refuse(problem, "name the folder mlruns itself");
        }
        Ok(Self { root, trashed: BTreeSet::new(), measured: BTreeMap::new() })
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Place> {
        if self.trashed.contains(id) {
            return self.root.folder(TRASH)?.folder(id.as_str());
        }
        self.root.folder(id.as_str())
    }

    fn run_folder(&self, experiment: &ExperimentId, run: &RunId) -> Result<Place> {
        self.experiment(experiment)?.folder(run.as_str())
    }

    /// Notes in which metrics of a model runs have points.
    fn note(&mut self, model: &LoggedModelId, place: &Place, imported: &mut Imported) -> Result<()> {
        place.each_key("metrics", imported, &mut |keyed, imported| {
            let (key, shown) = (keyed.key.clone(), keyed.shown.clone());
            keyed.each_line(|line| {
                match line.and_then(|line| model_point(&key, line).map_err(|text| told(&shown, text))) {
                    Ok((run, _)) => {
                        let of_run = self.measured.entry(run).or_default();
                        of_run.entry(model.clone()).or_default().insert(key.clone());
                    }
                    Err(problem) => imported.leave(|| problem),
                }
                Ok(())
            })
        })
    }
}

impl Store for Folder {
    fn experiments(&mut self, imported: &mut Imported) -> Result<Vec<FoundExperiment>> {
        let mut experiments = Vec::new();
        let mut seen = BTreeSet::new();
        for name in self.root.folders(imported)? {
            if name != TRASH && name != MODELS {
                experiments.extend(or_leave(experiment(&self.root, &name), imported)?);
            }
        }
        seen.extend(experiments.iter().map(|found| found.new.id.clone()));
        if self.root.is_folder(TRASH) {
            let trash = self.root.folder(TRASH)?;
            for name in trash.folders(imported)? {
                let Some(mut found) = or_leave(experiment(&trash, &name), imported)? else { continue };
                if seen.contains(&found.new.id) {
                    imported.leave(|| told(&trash.shown(&name), "the experiment is there twice"));
                    continue;
                }
                found.deleted = found.deleted.or(Some(found.new.at));
                self.trashed.insert(found.new.id.clone());
                experiments.push(found);
            }
        }
        Ok(experiments)
    }

    fn experiment_tags(&mut self, id: &ExperimentId, imported: &mut Imported) -> Result<Pairs> {
        self.experiment(id)?.pairs("tags", imported)
    }

    fn models(&mut self, experiment: &ExperimentId, imported: &mut Imported) -> Result<Vec<FoundModel>> {
        self.measured.clear();
        let place = self.experiment(experiment)?;
        if !place.is_folder(MODELS) {
            return Ok(Vec::new());
        }
        let folder = place.folder(MODELS)?;
        let mut models = Vec::new();
        for name in folder.folders(imported)? {
            let Some(place) = or_leave(folder.folder(&name), imported)? else { continue };
            let Some(mut model) = or_leave(logged_model(&place, experiment, &name), imported)? else {
                continue;
            };
            (model.tags, model.params) = (place.pairs("tags", imported)?, place.pairs("params", imported)?);
            self.note(&model.id, &place, imported)?;
            models.push(model);
        }
        Ok(models)
    }

    fn runs(&mut self, experiment: &ExperimentId, imported: &mut Imported) -> Result<Vec<RunId>> {
        let place = self.experiment(experiment)?;
        let mut runs = Vec::new();
        for name in place.folders(imported)? {
            if RESERVED.contains(&name.as_str()) {
                continue;
            }
            match RunId::from_str(&name) {
                Ok(run) => runs.push(run),
                Err(error) => imported.leave(|| told(&place.shown(&name), error.to_string())),
            }
        }
        Ok(runs)
    }

    fn run(
        &mut self,
        experiment: &ExperimentId,
        run: &RunId,
        imported: &mut Imported,
    ) -> Result<Option<FoundRun>> {
        let above = self.experiment(experiment)?;
        let Some(place) = or_leave(above.folder(run.as_str()), imported)? else { return Ok(None) };
        let Some(mut found) = or_leave(run_info(&place, experiment, run), imported)? else {
            return Ok(None);
        };
        (found.params, found.tags) = (place.pairs("params", imported)?, place.pairs("tags", imported)?);
        for (place, input) in each_meta(&place, "inputs", imported)? {
            let taken = match input.text("source_type") {
                Ok("DATASET") => dataset(&above, &place, &input).map(|input| found.datasets.push(input)),
                Ok("MODEL") => id(&place, &input, "source_id").map(|model| found.inputs.push(model)),
                Ok(other) => Err(place.broken(format!("it is an input of another kind: {other:?}"))),
                Err(problem) => Err(place.broken(problem)),
            };
            or_leave(taken, imported)?;
        }
        for (place, output) in each_meta(&place, "outputs", imported)? {
            let step = output.number_if("step").map_err(|problem| place.broken(problem));
            let output = id(&place, &output, "destination_id")
                .and_then(|model| Ok(ModelOutput::new(model, step?.unwrap_or(0))));
            found.outputs.extend(or_leave(output, imported)?);
        }
        Ok(Some(found))
    }

    fn measured(&mut self, experiment: &ExperimentId, run: &RunId) -> Result<Vec<Metric>> {
        let Some(models) = self.measured.get(run) else { return Ok(Vec::new()) };
        let folder = self.experiment(experiment)?.folder(MODELS)?;
        let mut points = Vec::new();
        // What cannot be read was told before.
        let mut told = Imported::default();
        for (model, due) in models {
            folder.folder(model.as_str())?.each_key("metrics", &mut told, &mut |keyed, _| {
                let key = keyed.key.clone();
                if !due.contains(&key) {
                    return Ok(());
                }
                keyed.each_line(|line| {
                    if let Some((of, point)) = line.ok().and_then(|line| model_point(&key, line).ok()) {
                        points.extend((of == *run).then(|| point.of_model(model.clone())));
                    }
                    Ok(())
                })
            })?;
        }
        Ok(points)
    }

    fn points(
        &mut self,
        experiment: &ExperimentId,
        run: &RunId,
        take: &mut dyn FnMut(std::result::Result<Metric, String>) -> Result<()>,
    ) -> Result<()> {
        let mut left = Imported::default();
        self.run_folder(experiment, run)?.each_key("metrics", &mut left, &mut |keyed, _| {
            let (key, shown) = (keyed.key.clone(), keyed.shown.clone());
            keyed.each_line(|line| {
                take(line.and_then(|line| run_point(&key, line).map_err(|text| told(&shown, text))))
            })
        })?;
        left.left.into_iter().try_for_each(|problem| take(Err(problem)))
    }
}

fn experiment(above: &Place, name: &str) -> Result<FoundExperiment> {
    let place = above.folder(name)?;
    let meta = place.meta()?;
    let broken = |problem| place.broken(problem);
    let id = own_id::<ExperimentId>(&place, &meta, "experiment_id", name)?;
    let created = meta.number_if("creation_time").map_err(broken)?;
    let updated = meta.number_if("last_update_time").map_err(broken)?;
    let mut new = NewExperiment::new(id, meta.text("name").map_err(broken)?, at(created));
    new.artifact_location = meta.text_if("artifact_location").map_err(broken)?.map(str::to_owned);
    let is_deleted = meta.text_if("lifecycle_stage").map_err(broken)? == Some("deleted");
    Ok(FoundExperiment { new, deleted: is_deleted.then(|| at(updated.or(created))) })
}

fn logged_model(place: &Place, experiment: &ExperimentId, name: &str) -> Result<FoundModel> {
    let meta = place.meta()?;
    let broken = |problem| place.broken(problem);
    let text = |key| meta.text_if(key).map(|text| text.unwrap_or_default().to_owned()).map_err(broken);
    let number = |key| meta.number_if(key).map_err(broken);
    require(place, &meta, "experiment_id", experiment.as_str())?;
    let created = number("creation_timestamp")?;
    let source_run = meta.text_if("source_run_id").map_err(broken)?.filter(|run| !run.is_empty());
    Ok(FoundModel {
        id: own_id(place, &meta, "model_id", name)?,
        name: meta.text("name").map_err(broken)?.to_owned(),
        artifact_location: text("artifact_location")?,
        created: at(created),
        updated: at(number("last_updated_timestamp")?.or(created)),
        status: model_status(number("status")?.unwrap_or(1)),
        is_deleted: text("lifecycle_stage")? == "deleted",
        model_type: meta.text_if("model_type").map_err(broken)?.map(str::to_owned),
        source_run: source_run.map(|run| parsed(place, run)).transpose()?,
        tags: Pairs::new(),
        params: Pairs::new(),
    })
}

/// What the description of a run says.
fn run_info(place: &Place, experiment: &ExperimentId, run: &RunId) -> Result<FoundRun> {
    let meta = place.meta()?;
    let broken = |problem| place.broken(problem);
    let text = |key| meta.text_if(key).map(|text| text.unwrap_or_default().to_owned()).map_err(broken);
    let number = |key| meta.number_if(key).map_err(broken);
    require(place, &meta, "experiment_id", experiment.as_str())?;
    // Before MLflow 1.0 there was no `run_id`.
    let key = if text("run_id")?.is_empty() { "run_uuid" } else { "run_id" };
    require(place, &meta, key, run.as_str())?;
    let end = number("end_time")?;
    let is_deleted = text("lifecycle_stage")? == "deleted";
    Ok(FoundRun {
        name: text("run_name")?,
        user_id: text("user_id")?,
        status: run_status(number("status")?),
        start: at(number("start_time")?),
        end: end.map(|end| at(Some(end))),
        artifact_uri: text("artifact_uri")?,
        deleted: if is_deleted { Some(at(number("deleted_time")?.or(end))) } else { None },
        params: Pairs::new(),
        tags: Pairs::new(),
        datasets: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
    })
}

/// The status of a run, by MLflow's number.
fn run_status(number: Option<i64>) -> Option<RunStatus> {
    match number {
        Some(1) => Some(RunStatus::Running),
        Some(2) => Some(RunStatus::Scheduled),
        Some(3) => Some(RunStatus::Finished),
        Some(4) => Some(RunStatus::Failed),
        Some(5) => Some(RunStatus::Killed),
        _ => None,
    }
}

/// The descriptions in the folders of a folder, in the order of their names. What cannot be read is left.
fn each_meta(place: &Place, name: &str, imported: &mut Imported) -> Result<Vec<(Place, Mapping)>> {
    if !place.is_folder(name) {
        return Ok(Vec::new());
    }
    let folder = place.folder(name)?;
    let mut found = Vec::new();
    for name in folder.folders(imported)? {
        let read = folder.folder(&name).and_then(|place| Ok((place.meta()?, place)));
        found.extend(or_leave(read, imported)?.map(|(meta, place)| (place, meta)));
    }
    Ok(found)
}

fn dataset(experiment: &Place, of: &Place, input: &Mapping) -> Result<DatasetInput> {
    let broken = |problem| of.broken(problem);
    let name = input.text("source_id").map_err(broken)?;
    // A name that is read may be no path.
    check_path_id(name).map_err(|rule| broken(format!("its dataset {name:?} is none: {rule}")))?;
    let place = experiment.folder("datasets")?.folder(name)?;
    let meta = place.meta()?;
    let broken = |problem| place.broken(problem);
    let text = |key| meta.text(key).map_err(broken);
    let mut dataset = Dataset::new(text("name")?, text("digest")?, text("source_type")?, text("source")?);
    dataset.schema = meta.text_if("schema").map_err(broken)?.map(str::to_owned);
    dataset.profile = meta.text_if("profile").map_err(broken)?.map(str::to_owned);
    Ok(DatasetInput { dataset, tags: input.texts("tags").map_err(broken)? })
}

/// The id that a folder's description says, which must be the folder's name.
fn own_id<T: FromStr<Err = Error>>(place: &Place, meta: &Mapping, key: &str, name: &str) -> Result<T> {
    require(place, meta, key, name)?;
    parsed(place, name)
}

fn require(place: &Place, meta: &Mapping, key: &str, due: &str) -> Result<()> {
    match meta.text(key).map_err(|problem| place.broken(problem))? {
        found if found == due => Ok(()),
        found => Err(place.broken(format!("its {key} is {found:?}, and its folder is that of {due}"))),
    }
}

fn id<T: FromStr<Err = Error>>(place: &Place, meta: &Mapping, key: &str) -> Result<T> {
    parsed(place, meta.text(key).map_err(|problem| place.broken(problem))?)
}

fn parsed<T: FromStr<Err = Error>>(place: &Place, text: &str) -> Result<T> {
    text.parse().map_err(|cause: Error| place.broken(cause.to_string()))
}

/// `TIME VALUE [STEP [NAME DIGEST]]`, the name and the digest being those of a dataset.
fn run_point(key: &str, line: &str) -> std::result::Result<Metric, String> {
    let mut parts = line.split(' ').collect::<Vec<_>>();
    let dataset = parts.split_off(parts.len().min(3));
    match parts[..] {
        [time, value] => point(key, time, value, "0", &dataset),
        [time, value, step] => point(key, time, value, step, &dataset),
        _ => Err(format!("{line:?} is no point of a metric")),
    }
}

/// `TIME VALUE STEP RUN [NAME DIGEST]`.
fn model_point(key: &str, line: &str) -> std::result::Result<(RunId, Metric), String> {
    let mut parts = line.split(' ').collect::<Vec<_>>();
    let dataset = parts.split_off(parts.len().min(4));
    match parts[..] {
        [time, value, step, run] => {
            let run = RunId::new(run).map_err(|error| error.to_string())?;
            point(key, time, value, step, &dataset).map(|point| (run, point))
        }
        _ => Err(format!("{line:?} is no point of a model's metric")),
    }
}

fn point(
    key: &str,
    time: &str,
    value: &str,
    step: &str,
    dataset: &[&str],
) -> std::result::Result<Metric, String> {
    let number = |text: &str| text.parse::<i64>().map_err(|_| format!("{text:?} is no whole number"));
    let value = value.parse::<f64>().map_err(|_| format!("{value:?} is no number"))?;
    let metric = Metric::new(key, value, number(time)?).at_step(number(step)?);
    match dataset {
        [] => Ok(metric),
        [name] => Err(format!("the dataset {name:?} has no digest")),
        // A name may have spaces.
        [name @ .., digest] => Ok(metric.on_dataset(name.join(" "), *digest)),
    }
}
