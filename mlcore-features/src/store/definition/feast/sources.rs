//! Feast's data sources.

use mlcore::{Error, Result};
use serde_json::Value;

use super::json::{base64, get, list, map, text};
use super::{Import, OPERATION};
use crate::store::definition::{Field, Kind, Source, SourceBuilder, ValueType};

/// Takes the sources over, those that others contain first.
pub(super) fn import(import: &mut Import, registry: &Value) {
    let top = list(registry, "dataSources");
    let views = ["featureViews", "streamFeatureViews"].into_iter().flat_map(|key| list(registry, key));
    let inner = views
        .filter_map(|view| view.get("spec"))
        .flat_map(|spec| ["batchSource", "streamSource"].into_iter().filter_map(|key| get(spec, key)));
    let all: Vec<&Value> = top.chain(inner).collect();
    let batches = all.iter().filter_map(|source| get(source, "batchSource"));
    let order: Vec<&Value> = batches
        .chain(all.iter().copied().filter(|source| get(source, "batchSource").is_none()))
        .chain(all.iter().copied().filter(|source| get(source, "batchSource").is_some()))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    for source in order {
        let name = name_of(source);
        if name.is_empty() || !seen.insert(name) {
            continue;
        }
        let what = format!("source {name}");
        match builder(source) {
            Ok(builder) => drop(import.take(what, builder.build())),
            Err(error) => import.leave_out(what, error.context().problem()),
        }
    }
}

/// The name, which Feast takes from the path where there is none.
pub(super) fn name_of(source: &Value) -> &str {
    match text(source, "name") {
        "" => get(source, "fileOptions").map_or("", |options| text(options, "uri")),
        name => name,
    }
}

/// Whether a source of this name was taken.
pub(super) fn is_taken(import: &Import, name: &str) -> bool {
    import.definitions.iter().any(|own| own.kind() == Kind::Source && own.name() == name)
}

fn builder(source: &Value) -> Result<SourceBuilder> {
    let name = name_of(source);
    let refuse = |problem: String| Err(Error::unsupported(OPERATION, name, problem));
    let mut builder = match text(source, "type") {
        "BATCH_FILE" => {
            let options = get(source, "fileOptions").unwrap_or(&Value::Null);
            let format = get(options, "fileFormat").and_then(Value::as_object);
            if let Some(other) = format.and_then(|format| format.keys().find(|key| *key != "parquetFormat")) {
                return refuse(format!("files of {other} are not read"));
            }
            let uri = match text(options, "s3EndpointOverride") {
                "" => text(options, "uri").to_owned(),
                endpoint => format!("{}?endpoint={}", text(options, "uri"), escaped(endpoint)),
            };
            timed(Source::file(uri).name(name), source)
        }
        "PUSH_SOURCE" => {
            let push = Source::push(name);
            match get(source, "batchSource") {
                Some(batch) => push.batch_source(name_of(batch)),
                None => timed(push, source),
            }
        }
        "REQUEST_SOURCE" => {
            let options = get(source, "requestDataOptions").unwrap_or(&Value::Null);
            let field = |field: &Value| {
                Ok(Field::new(text(field, "name"), ValueType::from_feast(text(field, "valueType"))?))
            };
            Source::request(name, list(options, "schema").map(field).collect::<Result<Vec<_>>>()?)
        }
        "CUSTOM_SOURCE" if text(source, "dataSourceClassType").ends_with("PostgreSQLSource") => {
            let options = get(source, "customOptions").unwrap_or(&Value::Null);
            let bytes = base64(text(options, "configuration")).unwrap_or_default();
            let configuration: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let (query, table) = (text(&configuration, "query"), text(&configuration, "table"));
            let postgres = if query.is_empty() {
                Source::postgres_table(name, table)
            } else {
                Source::postgres_query(name, query)
            };
            timed(postgres, source)
        }
        other => {
            let class = text(source, "dataSourceClassType").rsplit('.').next().unwrap_or_default();
            return refuse(format!("sources of the type {other} {class} are not read"));
        }
    };
    for (key, value) in map(source, "tags") {
        builder = builder.tag(key, value);
    }
    Ok(builder.description(text(source, "description")).owner(text(source, "owner")))
}

/// A text as the value of a parameter of a URL.
fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                made.push(byte.into());
            }
            _ => made.push_str(&format!("%{byte:02X}")),
        }
    }
    made
}

/// The columns of times, and other names of columns.
fn timed(mut builder: SourceBuilder, source: &Value) -> SourceBuilder {
    for (column, feature) in map(source, "fieldMapping") {
        builder = builder.map_field(column, feature);
    }
    let (timestamp, created) = (text(source, "timestampField"), text(source, "createdTimestampColumn"));
    if !timestamp.is_empty() {
        builder = builder.timestamp_field(timestamp);
    }
    if created.is_empty() { builder } else { builder.created_timestamp_column(created) }
}
