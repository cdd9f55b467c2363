//! Where a version comes from: a logged model, another version, a run, or an address of files. A client must not name what is not
//! its own, nor make this server ask other hosts.

use mlcore::registry::ModelVersion;
use mlcore::tracking::{LoggedModel, Run};

use super::versions::place_of;
use super::{known_alias, stage_of, versions_of, word_of};
use crate::mlflow::call::Call;
use crate::mlflow::query::decoded;
use crate::mlflow::refusal::{Refusal, Result};

/// A source that was checked.
pub(super) struct Source {
    /// As it is registered.
    pub(super) text: String,
    /// Where its files lie.
    pub(super) location: Option<String>,
    pub(super) run: Option<String>,
    pub(super) model: Option<String>,
}

/// What stands behind `models:/`.
enum Named<'s> {
    Logged(&'s str),
    Version(&'s str, &'s str),
    Stage(&'s str, &'s str),
    Latest(&'s str),
    Alias(&'s str, &'s str),
}

impl Source {
    /// The source that a request names, with the run and the logged model that it comes from.
    pub(super) fn of(call: &Call<'_>) -> Result<Self> {
        let text = call.text("source");
        check_scheme(text)?;
        let mut source = Self {
            text: text.to_owned(),
            location: None,
            run: call.some("run_id").map(str::to_owned),
            model: call.some("model_id").map(str::to_owned),
        };
        if let Some(rest) = text.strip_prefix("models:") {
            source.take_models(call, rest)?;
        } else {
            source.check_place(call)?;
        }
        if let (None, Some(model)) = (&source.run, &source.model) {
            source.run = logged(call, text, model)?.source_run.map(|run| run.to_string());
        }
        Ok(source)
    }

    fn take_models(&mut self, call: &Call<'_>, rest: &str) -> Result<()> {
        let text = call.text("source");
        if rest.starts_with("//") {
            return Err(invalid(text, "Registered model sources must use the active model registry."));
        }
        match named(rest).ok_or_else(|| not_identified(text, "model_id"))? {
            Named::Logged(id) => {
                if self.model.as_deref() != Some(id) {
                    return Err(not_identified(text, "model_id"));
                }
                self.location = Some(logged(call, text, id)?.artifact_location);
            }
            other => {
                let (title, version) = referenced(call, &other)?;
                let (run, model) = (
                    version.lineage.run.as_ref().map(|run| run.as_str()),
                    version.lineage.logged_model.as_ref().map(|id| id.as_str()),
                );
                // MLflow's database does not know the logged model of a version: one that is named never matches.
                let is_run = call.get("run_id").is_none() || call.text("run_id") == run.unwrap_or_default();
                if !is_run || call.some("model_id").is_some() {
                    let problem =
                        "The run_id and model_id request parameters must match the referenced model version.";
                    return Err(invalid(text, problem));
                }
                self.text = format!("models:/{title}/{}", version.version);
                self.location = Some(place_of(&version));
                (self.run, self.model) = (run.map(str::to_owned), model.map(str::to_owned));
            }
        }
        Ok(())
    }

    /// Checks an address of files, which must belong to the run or logged model that is named.
    fn check_place(&self, call: &Call<'_>) -> Result<()> {
        let text = self.text.as_str();
        if is_local(text) {
            let field = if self.model.is_some() { "model_id" } else { "run_id" };
            return Err(invalid(
                text,
                &format!(
                    "To use a local path as a model version source, the {field} request parameter has to be specified and the \
                     local path has to be contained within the artifact directory of the run specified by the {field}."
                ),
            ));
        }
        if is_relative(text) {
            return Err(invalid(
                text,
                "If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an \
                 absolute path must be provided without relative path references present. Please provide an absolute path.",
            ));
        }
        let field = if self.model.is_some() { "model_id" } else { "run_id" };
        if let Some(path) = text.strip_prefix("runs:/") {
            let run = path.trim_start_matches('/').split('/').next();
            let is_named = !path.starts_with('/') && self.model.is_none() && self.run.as_deref() == run;
            return if is_named { Ok(()) } else { Err(not_identified(text, field)) };
        }
        if !text.starts_with("mlflow-artifacts:") {
            return Ok(());
        }
        let root = match (&self.model, &self.run) {
            (Some(model), _) => Some(logged(call, text, model)?.artifact_location),
            (None, Some(run)) => Some(run_of(call, text, run)?.info.artifact_uri),
            (None, None) => None,
        };
        if root.is_some_and(|root| is_within(text, &root)) {
            return Ok(());
        }
        Err(not_identified(text, field))
    }
}

/// Another host than where this server keeps its files is not named.
fn check_scheme(text: &str) -> Result<()> {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    if !ELSEWHERE.contains(&scheme.as_str()) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "'source' cannot use the '{scheme}' scheme: the '{scheme}' scheme addresses a host other than the tracking server's \
         configured artifact storage, so the server would connect to the host named in the URI. This server never does."
    )))
}

/// What `models:` is followed by, where it makes sense.
fn named(rest: &str) -> Option<Named<'_>> {
    let path = rest.split('?').next()?.strip_prefix('/')?.trim_start_matches('/');
    let (first, second) = match path.split_once('/') {
        Some((first, second)) => (first, Some(second)),
        None => (path, None),
    };
    if first.trim().is_empty() {
        return None;
    }
    match second {
        Some(suffix) if suffix.trim().is_empty() || suffix.contains('/') => None,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            Some(Named::Version(first, digits))
        }
        Some(word) if word.eq_ignore_ascii_case("latest") => Some(Named::Latest(first)),
        Some(stage) => Some(Named::Stage(first, stage)),
        None => match first.rsplit_once('@') {
            Some((_, alias)) if alias.trim().is_empty() => None,
            Some((name, alias)) => Some(Named::Alias(name, alias)),
            None => Some(Named::Logged(first)),
        },
    }
}

/// The version that a source names, and what its model is called.
fn referenced(call: &Call<'_>, named: &Named<'_>) -> Result<(String, ModelVersion)> {
    let (Named::Version(name, _)
    | Named::Stage(name, _)
    | Named::Latest(name)
    | Named::Alias(name, _)
    | Named::Logged(name)) = named;
    let model = call.model(name)?;
    let none = |of: &str| {
        Refusal::invalid(format!("No versions of model with name '{name}' and stage '{of}' found"))
    };
    let version = match named {
        Named::Version(_, number) => call.version_of(name, number)?.1,
        Named::Alias(_, word) if known_alias(word).is_none() => {
            return Err(Refusal::invalid(format!("Registered model alias {word} not found.")));
        }
        Named::Alias(_, word) => call.meant(&model, word)?,
        Named::Latest(_) | Named::Logged(_) => {
            versions_of(call.registry()?, &model)?.pop().ok_or_else(|| none("latest"))?
        }
        Named::Stage(_, word) => {
            let stage = stage_of(word)?;
            let mut versions = versions_of(call.registry()?, &model)?;
            versions.retain(|version| version.stage == stage);
            versions.pop().ok_or_else(|| none(word_of(stage)))?
        }
    };
    Ok((model.title().to_owned(), version))
}

fn logged(call: &Call<'_>, text: &str, id: &str) -> Result<LoggedModel> {
    call.server.model(id).map_err(|refusal| missing(refusal, text, "model_id"))
}

fn run_of(call: &Call<'_>, text: &str, id: &str) -> Result<Run> {
    call.server.run(id).map_err(|refusal| missing(refusal, text, "run_id"))
}

fn missing(refusal: Refusal, text: &str, field: &str) -> Refusal {
    if refusal.status == http::StatusCode::NOT_FOUND { not_identified(text, field) } else { refusal }
}

fn not_identified(text: &str, field: &str) -> Refusal {
    invalid(
        text,
        &format!("The {field} request parameter must identify the resource that contains the source."),
    )
}

fn invalid(text: &str, problem: &str) -> Refusal {
    Refusal::invalid(format!("Invalid model version source: '{text}'. {problem}"))
}

/// A path of a disk, which this server does not read for others.
fn is_local(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, _)) => scheme.eq_ignore_ascii_case("file") || !is_scheme(scheme),
        None => true,
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Whether a path is none from the root, or leads elsewhere than it says once what is coded in it was read, however often it was
/// coded.
fn is_relative(text: &str) -> bool {
    let mut text = text.to_owned();
    loop {
        let plain = decoded(&text, true);
        if plain == text {
            break;
        }
        text = plain;
    }
    let rest = text.split_once(':').map_or(text.as_str(), |(_, rest)| rest);
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]),
        None => rest,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let is_odd = |part: &str| part == ".." || part == ".";
    !path.starts_with('/') || text.contains('\0') || text.split('/').any(is_odd)
}

/// Whether an address lies below another one, part by part.
fn is_within(text: &str, root: &str) -> bool {
    let parts = |uri: &str| -> Vec<String> {
        uri.split('/').filter(|part| !part.is_empty()).map(|part| decoded(part, false)).collect()
    };
    let (own, root) = (parts(text), parts(root));
    root.len() > 1 && own.starts_with(&root)
}

/// Schemes whose addresses name a host.
const ELSEWHERE: [&str; 6] = ["http", "https", "ftp", "sftp", "hdfs", "viewfs"];
