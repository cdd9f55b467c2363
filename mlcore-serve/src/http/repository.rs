//! Which models are there, which of them are loaded, and what is set about them.

use mlcore::Result;
use mlcore::name::ModelName;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::unique::Unique;
use super::{Answered, json, parsed};
use crate::models::Models;
use crate::models::work::aside;
use crate::settings::Settings;
use crate::v2::Parameter;

/// What a client may say when it loads, unloads or lists.
#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    parameters: Unique<String, Parameter>,
}

impl Said {
    /// Stock clients send an empty body, or an object.
    fn read(body: &[u8]) -> Result<Self> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        parsed(body)
    }
}

/// It may wait for the source of the models.
pub(super) async fn index(models: &Models, body: &[u8]) -> Answered {
    let said = Said::read(body)?;
    let models = models.clone();
    let index: Vec<Value> = aside(false, move || models.index(said.ready))
        .await
        .flatten()?
        .into_iter()
        .map(|indexed| {
            let mut entry = json!({
                "name": indexed.name.as_str(),
                "state": indexed.state.to_string(),
                "reason": indexed.reason,
            });
            if let Some(version) = indexed.version {
                entry["version"] = version.to_string().into();
            }
            entry
        })
        .collect();
    json(&index)
}

pub(super) async fn load(models: &Models, name: &str, body: &[u8]) -> Answered {
    let said = Said::read(body)?;
    let name = ModelName::new(name)?;
    models.require_control(&name)?;
    let models = models.clone();
    // It may take minutes.
    aside(false, move || {
        models.load(&name, &said.parameters.0)?;
        json(&json!({}))
    })
    .await?
}

/// It waits for a load that is under way.
pub(super) async fn unload(models: &Models, name: &str) -> Answered {
    let name = ModelName::new(name)?;
    models.require_control(&name)?;
    let models = models.clone();
    aside(false, move || models.unload(&name)).await.flatten()?;
    json(&json!({}))
}

/// The log settings, or the trace settings of the server or of a model, after the change that was `asked` for.
pub(super) fn settings(
    models: &Models,
    settings: &Settings,
    trace_of: Option<&Option<String>>,
    asked: Option<&[u8]>,
) -> Answered {
    if let Some(Some(model)) = trace_of {
        models.get(model)?;
    }
    let asked: Option<Unique<String, Value>> = asked.map(parsed).transpose()?;
    let asked: Option<Map<String, Value>> = asked.map(|Unique(entries)| entries.into_iter().collect());
    let now = match (trace_of, asked) {
        (None, None) => settings.log(),
        (None, Some(asked)) => settings.set_log(&asked)?,
        (Some(model), None) => settings.trace(model.as_deref()),
        (Some(model), Some(asked)) => settings.set_trace(model.as_deref(), &asked)?,
    };
    json(&now)
}
