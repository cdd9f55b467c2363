//! Versions of registered models.

use mlcore::Error;
use mlcore::name::{LoggedModelId, RunId};
use mlcore::registry::{
    Dialect, Lineage, Model, ModelVersion, NewVersion, RegistryExt as _, Stage, VersionSearch,
};
use mlcore::tracking::TrackerExt as _;
use mlcore::tracking::search::Grammar;

use super::models::{limit_of, without_prompts};
use super::source::Source;
use super::view::{VersionView, source_of};
use super::{check_name, check_tag, stage_of, tags};
use crate::mlflow::call::{Call, Reply};
use crate::mlflow::refusal::{Refusal, Result};
use crate::mlflow::rules;
use crate::mlflow::search::{page_of, token_of};
use crate::mlflow::write::{One, PageView};

fn answer(call: &Call<'_>, model: &Model, version: &ModelVersion) -> Result<Reply> {
    let aliases = call.registry()?.aliases(&model.name)?;
    Reply::json(&One("model_version", VersionView { title: model.title(), version, aliases: &aliases }))
}

pub(in crate::mlflow) fn create(call: &Call<'_>) -> Result<Reply> {
    let name = call.text("name");
    let source = Source::of(call)?;
    check_name(name)?;
    let tags = tags(call)?;
    let model = call.model(name)?;
    let mut lineage = Lineage::default().with_source(source.text.as_str());
    lineage.location = source.location.clone().filter(|location| *location != source.text);
    lineage.run = source.run.as_deref().map(run_of).transpose()?;
    lineage.run_link = call.some("run_link").map(str::to_owned);
    lineage.logged_model = source.model.as_deref().map(LoggedModelId::new).transpose()?;
    let mut new = NewVersion::external(model.name.clone(), source.text.as_str());
    (new.lineage, new.tags) = (lineage, tags);
    call.text("description").clone_into(&mut new.description);
    #[cfg(feature = "ort")]
    let new = super::onnx::checked(call, &model, source.location.as_deref().unwrap_or(&source.text), new)?;
    let version = call.registry()?.create_version(new, &call.change())?;
    if let Some(id) = &version.lineage.logged_model {
        note_version(call, id, &model, &version)?;
    }
    answer(call, &model, &version)
}

fn run_of(text: &str) -> Result<RunId> {
    RunId::new(text).map_err(Refusal::from)
}

/// Notes a version in the tag of its logged model that says what was registered of it.
fn note_version(call: &Call<'_>, id: &LoggedModelId, model: &Model, version: &ModelVersion) -> Result<()> {
    let logged = call.server.tracker.logged_model(id).map_err(|error| rules::of_model(error, id))?;
    let own = serde_json::json!({ "name": model.title(), "version": version.version.get() });
    let known = logged.tags.get(VERSIONS_TAG).and_then(|text| serde_json::from_str(text).ok());
    let mut noted: Vec<serde_json::Value> = known.unwrap_or_default();
    if !noted.contains(&own) {
        noted.push(own);
    }
    let text = crate::mlflow::python::dumps(&noted.into());
    let tags = [(VERSIONS_TAG.to_owned(), text)].into_iter().collect();
    call.server.tracker.set_logged_model_tags(id, tags).map_err(|error| rules::of_model(error, id))
}

pub(in crate::mlflow) fn get(call: &Call<'_>) -> Result<Reply> {
    let (model, version) = call.version()?;
    answer(call, &model, &version)
}

pub(in crate::mlflow) fn update(call: &Call<'_>) -> Result<Reply> {
    let (model, version) = call.version()?;
    // As in MLflow: without a description it stays as it is.
    if call.get("description").is_some() {
        let text = call.text("description");
        call.registry()?.describe(&model.name, Some(version.version), text, &call.change())?;
    }
    let (model, version) = call.version()?;
    answer(call, &model, &version)
}

pub(in crate::mlflow) fn delete(call: &Call<'_>) -> Result<Reply> {
    let (model, version) = call.version()?;
    call.registry()?.delete_version(&model.name, version.version, &call.change())?;
    Ok(Reply::done())
}

pub(in crate::mlflow) fn transition(call: &Call<'_>) -> Result<Reply> {
    let stage = stage_of(call.text("stage"))?;
    let archive = call.boolean("archive_existing_versions").unwrap_or(false);
    if archive && !matches!(stage, Stage::Staging | Stage::Production) {
        return Err(Refusal::invalid(format!(
            "Model version transition cannot archive existing model versions because '{}' is not an Active stage. Valid stages \
             are ['Staging', 'Production']",
            call.text("stage")
        )));
    }
    let (model, version) = call.version()?;
    call.registry()?.move_stage(&model.name, version.version, stage, archive, &call.change())?;
    let (model, version) = call.version()?;
    answer(call, &model, &version)
}

pub(in crate::mlflow) fn set_tag(call: &Call<'_>) -> Result<Reply> {
    let (key, value) = (call.text("key"), call.text("value"));
    check_name(call.text("name"))?;
    super::number(call.text("version"))?;
    check_tag(key, value)?;
    let (model, version) = call.version()?;
    call.registry()?.set_version_tag(&model.name, version.version, key, value, &call.change())?;
    Ok(Reply::done())
}

pub(in crate::mlflow) fn delete_tag(call: &Call<'_>) -> Result<Reply> {
    let key = call.text("key");
    let (model, version) = call.version()?;
    // As in MLflow: what is not there is gone.
    if version.tags.contains_key(key) {
        match call.registry()?.delete_version_tag(&model.name, version.version, key, &call.change()) {
            Err(Error::NotFound(_)) => {}
            deleted => drop(deleted?),
        }
    }
    Ok(Reply::done())
}

/// Where the files of a version lie.
pub(in crate::mlflow) fn download_uri(call: &Call<'_>) -> Result<Reply> {
    let (_, version) = call.version()?;
    Reply::json(&One("artifact_uri", place_of(&version)))
}

pub(super) fn place_of(version: &ModelVersion) -> String {
    version.lineage.location.clone().unwrap_or_else(|| source_of(version))
}

pub(in crate::mlflow) fn find(call: &Call<'_>) -> Result<Reply> {
    let registry = call.registry()?;
    let (filter, without) = without_prompts(call.text("filter"), &Grammar::MODEL_VERSIONS)?;
    let mut asked = VersionSearch::default().with_dialect(Dialect::Mlflow).with_filter(filter);
    asked.without = without;
    asked.order_by = call.texts("order_by").map(str::to_owned).collect();
    asked.limit = limit_of(call, mlcore::registry::MOST_VERSIONS, mlcore::registry::MOST_VERSIONS)?;
    asked.page = page_of(call.text("page_token"))?;
    let page = registry.search_versions(&asked)?;
    let mut titles = std::collections::BTreeMap::new();
    for version in &page.items {
        if !titles.contains_key(&version.model) {
            let model = registry.model(&version.model)?;
            titles.insert(version.model.clone(), model.title().to_owned());
        }
    }
    let title = |version: &ModelVersion| titles.get(&version.model).map_or("", String::as_str);
    Reply::json(&PageView {
        name: "model_versions",
        rows: page.items.iter().map(|version| VersionView { title: title(version), version, aliases: &[] }),
        is_empty: page.items.is_empty(),
        next: page.next.as_ref().map(token_of),
    })
}

/// The tag of a logged model that lists the versions that were registered of it.
const VERSIONS_TAG: &str = "mlflow.modelVersions";
