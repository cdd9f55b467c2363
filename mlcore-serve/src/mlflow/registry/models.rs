//! Registered models: names under which versions are kept.

use mlcore::Error;
use mlcore::name::Alias;
use mlcore::registry::{
    Dialect, Expected, Model, ModelSearch, ModelVersion, NewModel, Registry, RegistryExt as _,
};
use mlcore::tracking::search::{Entity, Grammar, Test};

use super::view::{ModelView, VersionView};
use super::{
    check_alias, check_name, check_tag, known_alias, latest_of, no_model, stage_of, tags, versions_of,
};
use crate::mlflow::call::{Call, Reply};
use crate::mlflow::refusal::{Refusal, Result};
use crate::mlflow::search::{page_of, token_of};
use crate::mlflow::write::{One, PageView};

/// A model as it is answered where it was just read.
fn answer(registry: &dyn Registry, model: &Model) -> Result<Reply> {
    let (versions, aliases) = (versions_of(registry, model)?, registry.aliases(&model.name)?);
    Reply::json(&One("registered_model", ModelView { model, versions: &versions, aliases: &aliases }))
}

pub(in crate::mlflow) fn create(call: &Call<'_>) -> Result<Reply> {
    let name = call.text("name");
    check_name(name)?;
    let mut new = NewModel::titled(name).with_description(call.text("description"));
    new.tags = tags(call)?;
    let created = call.registry()?.create_model(new, &call.change());
    let model = created.map_err(|error| of_taken(error, name))?;
    answer(call.registry()?, &model)
}

/// A name that is taken.
fn of_taken(error: Error, name: &str) -> Refusal {
    match error {
        Error::AlreadyExists(_) => Refusal::exists(format!("Registered Model (name={name}) already exists.")),
        error => error.into(),
    }
}

pub(in crate::mlflow) fn get(call: &Call<'_>) -> Result<Reply> {
    let name = call.text("name");
    check_name(name)?;
    answer(call.registry()?, &call.model(name)?)
}

pub(in crate::mlflow) fn update(call: &Call<'_>) -> Result<Reply> {
    let (name, registry) = (call.text("name"), call.registry()?);
    check_name(name)?;
    let model = call.model(name)?;
    let described = registry.describe(&model.name, None, call.text("description"), &call.change());
    described.map_err(|error| gone(error, name))?;
    answer(registry, &call.model(name)?)
}

pub(in crate::mlflow) fn rename(call: &Call<'_>) -> Result<Reply> {
    let (name, new_name, registry) = (call.text("name"), call.text("new_name"), call.registry()?);
    if new_name.trim().is_empty() {
        return Err(Refusal::missing("new_name"));
    }
    check_name(new_name)?;
    check_name(name)?;
    let model = call.model(name)?;
    if new_name != name {
        let renamed = registry.rename_model(&model.name, new_name, &call.change());
        renamed.map_err(|error| of_taken(error, new_name))?;
    }
    answer(registry, &call.model(new_name)?)
}

pub(in crate::mlflow) fn delete(call: &Call<'_>) -> Result<Reply> {
    let name = call.text("name");
    check_name(name)?;
    let model = call.model(name)?;
    let deleted = call.registry()?.delete_model(&model.name, &call.change());
    deleted.map_err(|error| gone(error, name))?;
    Ok(Reply::done())
}

/// What somebody else removed meanwhile.
fn gone(error: Error, name: &str) -> Refusal {
    match error {
        Error::NotFound(_) => no_model(name),
        error => error.into(),
    }
}

pub(in crate::mlflow) fn set_tag(call: &Call<'_>) -> Result<Reply> {
    let (name, key, value) = (call.text("name"), call.text("key"), call.text("value"));
    check_name(name)?;
    check_tag(key, value)?;
    let model = call.model(name)?;
    let tagged = call.registry()?.set_model_tag(&model.name, key, value, &call.change());
    tagged.map_err(|error| gone(error, name))?;
    Ok(Reply::done())
}

pub(in crate::mlflow) fn delete_tag(call: &Call<'_>) -> Result<Reply> {
    let (name, key) = (call.text("name"), call.text("key"));
    check_name(name)?;
    let model = call.model(name)?;
    // As in MLflow: what is not there is gone.
    if model.tags.contains_key(key) {
        match call.registry()?.delete_model_tag(&model.name, key, &call.change()) {
            Err(Error::NotFound(_)) => {}
            deleted => drop(deleted?),
        }
    }
    Ok(Reply::done())
}

pub(in crate::mlflow) fn latest(call: &Call<'_>) -> Result<Reply> {
    let (name, registry) = (call.text("name"), call.registry()?);
    check_name(name)?;
    let stages = call.texts("stages").map(stage_of).collect::<Result<Vec<_>>>()?;
    let model = call.model(name)?;
    let (versions, aliases) = (versions_of(registry, &model)?, registry.aliases(&model.name)?);
    let mut latest = latest_of(&versions);
    latest.retain(|version| stages.is_empty() || stages.contains(&version.stage));
    let views = latest.iter().map(|version| VersionView { title: model.title(), version, aliases: &aliases });
    Reply::json(&PageView { name: "model_versions", rows: views, is_empty: latest.is_empty(), next: None })
}

pub(in crate::mlflow) fn set_alias(call: &Call<'_>) -> Result<Reply> {
    let word = call.text("alias");
    check_name(call.text("name"))?;
    check_alias(word)?;
    if word.eq_ignore_ascii_case("latest") {
        return Err(Refusal::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    let digits = word.strip_prefix(['v', 'V']).unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Refusal::invalid(format!("Version alias name '{word}' is reserved.")));
    }
    let (model, version) = call.version()?;
    let alias = Alias::new(word)?;
    let registry = call.registry()?;
    registry.set_alias(&model.name, &alias, Some(version.version), Expected::Any, &call.change())?;
    Ok(Reply::done())
}

pub(in crate::mlflow) fn delete_alias(call: &Call<'_>) -> Result<Reply> {
    let (name, word) = (call.text("name"), call.text("alias"));
    check_name(name)?;
    check_alias(word)?;
    let model = call.model(name)?;
    if let Some(alias) = known_alias(word) {
        match call.registry()?.set_alias(&model.name, &alias, None, Expected::Any, &call.change()) {
            // As in MLflow: what is not there is gone.
            Err(Error::NotFound(_)) => {}
            deleted => drop(deleted?),
        }
    }
    Ok(Reply::done())
}

pub(in crate::mlflow) fn alias(call: &Call<'_>) -> Result<Reply> {
    let (name, word) = (call.text("name"), call.text("alias"));
    check_name(name)?;
    check_alias(word)?;
    let model = call.model(name)?;
    let version = call.meant(&model, word)?;
    let aliases = call.registry()?.aliases(&model.name)?;
    let view = VersionView { title: model.title(), version: &version, aliases: &aliases };
    Reply::json(&One("model_version", view))
}

impl Call<'_> {
    /// The version that an alias means; `latest` is the last one.
    pub(super) fn meant(&self, model: &Model, word: &str) -> Result<ModelVersion> {
        let registry = self.registry()?;
        if word.eq_ignore_ascii_case("latest") {
            let last = versions_of(registry, model)?.pop();
            return last.ok_or_else(|| {
                Refusal::not_found(format!("Latest version not found for model {}.", model.title()))
            });
        }
        let unknown = || Refusal::invalid(format!("Registered model alias {word} not found."));
        let version = match known_alias(word) {
            Some(alias) => registry.alias(&model.name, &alias)?,
            None => None,
        };
        Ok(registry.version(&model.name, version.ok_or_else(unknown)?)?)
    }
}

pub(in crate::mlflow) fn find(call: &Call<'_>) -> Result<Reply> {
    let registry = call.registry()?;
    let (filter, without) = without_prompts(call.text("filter"), &Grammar::REGISTERED_MODELS)?;
    let mut asked = ModelSearch::default().with_dialect(Dialect::Mlflow).with_filter(filter);
    asked.without = without;
    asked.order_by = call.texts("order_by").map(str::to_owned).collect();
    asked.limit = limit_of(call, mlcore::registry::MOST_MODELS, asked.limit)?;
    asked.page = page_of(call.text("page_token"))?;
    let page = registry.search_models(&asked)?;
    let mut rows = Vec::with_capacity(page.items.len());
    for model in &page.items {
        rows.push((model, versions_of(registry, model)?, registry.aliases(&model.name)?));
    }
    Reply::json(&PageView {
        name: "registered_models",
        rows: rows.iter().map(|(model, versions, aliases)| ModelView { model, versions, aliases }),
        is_empty: rows.is_empty(),
        next: page.next.as_ref().map(token_of),
    })
}

/// What must be in a tag for a row to be left out.
type Without = Option<(String, String)>;

/// A filter without its comparison of the tag of prompts, and the value of that tag that is left out. Prompts, which MLflow keeps
/// among models, are found only where the filter asks for them; `!= 'true'` passes what has no such tag.
pub(super) fn without_prompts(text: &str, grammar: &Grammar) -> Result<(String, Without)> {
    let mut filter = grammar.filter(text)?;
    let is_tag = |clause: &mlcore::tracking::search::Clause| {
        clause.field.entity == Entity::Tag && clause.field.key == PROMPT_TAG
    };
    let hidden = || Some((PROMPT_TAG.to_owned(), "true".to_owned()));
    let without = match filter.clauses.iter().find(|clause| is_tag(clause)) {
        None => hidden(),
        Some(clause) => match &clause.test {
            Test::NotEqual(value) => Some((PROMPT_TAG.to_owned(), value.clone())),
            _ => return Ok((text.to_owned(), None)),
        },
    };
    filter.clauses.retain(|clause| !is_tag(clause));
    Ok((filter.to_string(), without))
}

/// The rows of a page; none are asked for where the default counts.
pub(super) fn limit_of(call: &Call<'_>, most: usize, default: usize) -> Result<usize> {
    let Some(asked) = call.int("max_results") else { return Ok(default) };
    match usize::try_from(asked) {
        Err(_) | Ok(0) => Err(Refusal::invalid(format!(
            "Invalid value for max_results. It must be a positive integer, but got {asked}"
        ))),
        Ok(limit) if limit > most => Err(Refusal::invalid(format!(
            "Invalid value for parameter 'max_results' supplied: at most {most} are answered, and {asked} are asked for."
        ))),
        Ok(limit) => Ok(limit),
    }
}

const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";
