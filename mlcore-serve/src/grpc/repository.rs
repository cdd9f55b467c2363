//! Which models are there, which of them are loaded, and what is set about them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlcore::name::ModelName;
use mlcore::{Error, Result};
use serde_json::{Map, Value};

use super::protocol::inference::log_settings_request::setting_value::ParameterChoice as AskedSetting;
use super::protocol::inference::log_settings_response::SettingValue as LogValue;
use super::protocol::inference::log_settings_response::setting_value::ParameterChoice as LogChoice;
use super::protocol::inference::model_repository_parameter::ParameterChoice;
use super::protocol::inference::repository_index_response::ModelIndex;
use super::protocol::inference::trace_setting_response::SettingValue as TraceValue;
use super::protocol::inference::{
    LogSettingsRequest, LogSettingsResponse, ModelRepositoryParameter, RepositoryIndexRequest,
    RepositoryIndexResponse, RepositoryModelLoadRequest, RepositoryModelLoadResponse,
    RepositoryModelUnloadRequest, RepositoryModelUnloadResponse, TraceSettingRequest, TraceSettingResponse,
};
use crate::models::Models;
use crate::settings::Settings;
use crate::v2::{Parameter, Parameters};

pub(super) fn index(models: &Models, asked: &RepositoryIndexRequest) -> Result<RepositoryIndexResponse> {
    let index = models.index(asked.ready)?.into_iter().map(|indexed| ModelIndex {
        name: indexed.name.to_string(),
        version: indexed.version.map(|version| version.to_string()).unwrap_or_default(),
        state: indexed.state.to_string(),
        reason: indexed.reason,
    });
    Ok(RepositoryIndexResponse { models: index.collect() })
}

pub(super) fn load(
    models: &Models,
    asked: RepositoryModelLoadRequest,
) -> Result<RepositoryModelLoadResponse> {
    let RepositoryModelLoadRequest { repository_name, model_name, parameters } = asked;
    let name = ModelName::new(name_of(&repository_name, &model_name))?;
    models.load(&name, &parameters_of(parameters))?;
    Ok(RepositoryModelLoadResponse { model_name: name.to_string(), is_loaded: true })
}

/// What it says of dependents says nothing here.
pub(super) fn unload(
    models: &Models,
    asked: &RepositoryModelUnloadRequest,
) -> Result<RepositoryModelUnloadResponse> {
    let name = ModelName::new(name_of(&asked.repository_name, &asked.model_name))?;
    models.unload(&name)?;
    Ok(RepositoryModelUnloadResponse { model_name: name.to_string(), is_unloaded: true })
}

/// KServe's clients send the model's name in the first field, Triton's in the second.
pub(super) fn name_of<'n>(first: &'n str, second: &'n str) -> &'n str {
    if second.is_empty() { first } else { second }
}

/// Bytes, which are those of a model's files, become the text that they are over HTTP.
fn parameters_of(sent: BTreeMap<String, ModelRepositoryParameter>) -> Parameters {
    let parameters = sent.into_iter().filter_map(|(name, parameter)| {
        let parameter = match parameter.parameter_choice? {
            ParameterChoice::BoolParam(value) => Parameter::Bool(value),
            ParameterChoice::Int64Param(value) => Parameter::Int(value),
            ParameterChoice::StringParam(text) => Parameter::Text(text),
            ParameterChoice::BytesParam(bytes) => Parameter::Text(STANDARD.encode(&bytes)),
        };
        Some((name, parameter))
    });
    parameters.collect()
}

pub(super) fn log_settings(settings: &Settings, asked: LogSettingsRequest) -> Result<LogSettingsResponse> {
    let changes = asked.settings.into_iter().map(|(name, value)| {
        let value = match value.parameter_choice {
            Some(AskedSetting::BoolParam(value)) => Value::from(value),
            Some(AskedSetting::Uint32Param(value)) => Value::from(value),
            Some(AskedSetting::StringParam(text)) => Value::from(text),
            None => Value::Null,
        };
        (name, value)
    });
    let changes: Map<String, Value> = changes.collect();
    let now = if changes.is_empty() { settings.log() } else { settings.set_log(&changes)? };
    let settings = object(now)?.into_iter().map(|(name, value)| {
        let choice = match value {
            Value::Bool(value) => LogChoice::BoolParam(value),
            Value::Number(number) => LogChoice::Uint32Param(
                number.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(u32::MAX),
            ),
            other => LogChoice::StringParam(text_of(other)),
        };
        (name, LogValue { parameter_choice: Some(choice) })
    });
    Ok(LogSettingsResponse { settings: settings.collect() })
}

/// A setting without a value is taken away.
pub(super) fn trace_settings(
    models: &Models,
    settings: &Settings,
    asked: &TraceSettingRequest,
) -> Result<TraceSettingResponse> {
    let model = Some(asked.model_name.as_str()).filter(|name| !name.is_empty());
    if let Some(model) = model {
        models.get(model)?;
    }
    let changes = asked.settings.iter().map(|(name, values)| {
        let values = match values.value.as_slice() {
            [] => Value::Null,
            values => Value::from(values),
        };
        (name.clone(), values)
    });
    let changes: Map<String, Value> = changes.collect();
    let now = if changes.is_empty() { settings.trace(model) } else { settings.set_trace(model, &changes)? };
    let settings = object(now)?.into_iter().map(|(name, value)| {
        let value = match value {
            Value::Array(values) => values.into_iter().map(text_of).collect(),
            value => vec![text_of(value)],
        };
        (name, TraceValue { value })
    });
    Ok(TraceSettingResponse { settings: settings.collect() })
}

fn object(settings: Value) -> Result<Map<String, Value>> {
    match settings {
        Value::Object(settings) => Ok(settings),
        _ => Err(Error::internal("tell settings", "settings", "they are no object")),
    }
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
