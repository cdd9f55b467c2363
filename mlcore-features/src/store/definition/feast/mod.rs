//! Taking over the objects of a Feast repository.
//!
//! What is read is the JSON of Feast's protocol buffers: that of a whole registry, `MessageToJson(store.registry.proto())`, or of
//! `registry.to_dict(project)`. What cannot be taken is named, with the reason; nothing is taken in silence as something else.

mod json;
mod sources;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use mlcore::{Error, Result};
use serde_json::Value;

use self::json::{list, text};
use super::{Definition, Entity, Repository, ValueType};

/// What came of a Feast repository.
///
/// ```
/// use mlcore_features::store::definition::feast;
///
/// let json = r#"{
///     "entities": [{"spec": {"name": "driver", "joinKey": "driver_id", "valueType": "INT64", "project": "rides"}}],
///     "dataSources": [{"name": "clicks", "type": "STREAM_KAFKA"}]
/// }"#;
/// let import = feast::import(json)?;
/// assert_eq!(import.definitions.len(), 1);
/// assert_eq!(import.left_out[0].what, "source clicks");
/// assert_eq!(import.repository("rides")?.entity("driver")?.join_key(), "driver_id");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Import {
    /// The project of the objects, where they say one.
    pub project: Option<String>,
    /// What was taken, each object after those that it names.
    pub definitions: Vec<Definition>,
    /// What was not taken.
    pub left_out: Vec<Remark>,
    /// What was taken as something else than it is in Feast.
    pub changed: Vec<Remark>,
}

/// Something of a Feast repository, and what is to be known of it.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// Which object, or which part of one: `feature view blob, feature raw`.
    pub what: String,
    /// Why it was not taken, or how.
    pub reason: String,
}

impl Import {
    /// What was taken, as a repository.
    ///
    /// # Errors
    /// As [`Repository::new`].
    pub fn repository(&self, project: &str) -> Result<Repository> {
        Repository::new(project, self.definitions.iter().cloned())
    }

    fn leave_out(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.left_out.push(Remark { what: what.into(), reason: reason.into() });
    }

    fn change(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.changed.push(Remark { what: what.into(), reason: reason.into() });
    }

    /// Takes an object that was built, or says why it was not.
    fn take<T: Into<Definition>>(&mut self, what: String, built: Result<T>) -> bool {
        match built {
            Ok(own) => {
                self.definitions.push(own.into());
                true
            }
            Err(error) => {
                self.leave_out(what, error.to_string());
                false
            }
        }
    }
}

/// Takes over what a Feast registry says in JSON.
///
/// # Errors
/// [`InvalidInput`](Error::InvalidInput) for a text that is no JSON, or no object. What is wrong with one object leaves this object out.
pub fn import(json: &str) -> Result<Import> {
    let registry: Value = serde_json::from_str(json).map_err(|cause| {
        Error::invalid_input(OPERATION, "registry", format!("it is no JSON: {cause}"))
            .remedy("write it by MessageToJson(store.registry.proto())")
            .caused_by(cause)
    })?;
    if !registry.is_object() {
        return Err(Error::invalid_input(OPERATION, "registry", "it is no object of JSON")
            .remedy("write it by MessageToJson(store.registry.proto())"));
    }
    let mut import = Import { project: project(&registry), ..Import::default() };
    entities(&mut import, &registry);
    sources::import(&mut import, &registry);
    let views = views::import(&mut import, &registry);
    views::services(&mut import, &registry, &views);
    for (key, noun, reason) in OTHERS {
        for other in list(&registry, key) {
            let name = text(other.get("spec").unwrap_or(other), "name");
            import.leave_out(format!("{noun} {name}"), *reason);
        }
    }
    mlcore::interrupt::check(OPERATION)?;
    Ok(import)
}

const OPERATION: &str = "import Feast registry";

/// What has no equal here.
const OTHERS: &[(&str, &str, &str)] = &[
    (
        "streamFeatureViews",
        "stream feature view",
        "its values come of a stream; push them, or define aggregations",
    ),
    (
        "onDemandFeatureViews",
        "on-demand feature view",
        "its function is Python code; write it as an expression or a plan",
    ),
    ("labelViews", "label view", "labels are joined by the training set that needs them"),
    ("savedDatasets", "saved dataset", "training sets are saved by the store that makes them"),
    ("validationReferences", "validation reference", "suites of expectations are defined beside the store"),
    ("permissions", "permission", "who may do what is said to the server"),
];

fn project(registry: &Value) -> Option<String> {
    let named = list(registry, "projects").filter_map(|project| Some(text(project.get("spec")?, "name")));
    let own = registry.get("project").and_then(Value::as_str);
    let of_objects = ["entities", "featureViews"].into_iter().flat_map(|key| list(registry, key));
    let of_objects = of_objects.filter_map(|object| Some(text(object.get("spec")?, "project")));
    own.into_iter().chain(named).chain(of_objects).find(|name| !name.is_empty()).map(str::to_owned)
}

fn entities(import: &mut Import, registry: &Value) {
    for entity in list(registry, "entities") {
        let spec = entity.get("spec").unwrap_or(entity);
        let name = text(spec, "name");
        // The placeholder of views without entities.
        if name == DUMMY {
            continue;
        }
        let mut builder =
            Entity::builder(name).description(text(spec, "description")).owner(text(spec, "owner"));
        for (key, value) in json::map(spec, "tags") {
            builder = builder.tag(key, value);
        }
        let join_key = text(spec, "joinKey");
        if !join_key.is_empty() {
            builder = builder.join_keys([join_key]);
        }
        let what = format!("entity {name}");
        let value_type = text(spec, "valueType");
        if !matches!(value_type, "" | "UNKNOWN") {
            match ValueType::from_feast(value_type) {
                Ok(own) => builder = builder.value_type(own),
                Err(error) => {
                    import.leave_out(what, error.to_string());
                    continue;
                }
            }
        }
        import.take(what, builder.build());
    }
}

/// The names of Feast's placeholder for views without entities, and of its column.
const DUMMY: &str = "__dummy";
const DUMMY_KEY: &str = "__dummy_id";

/// The features of the views that were taken, by view.
type Taken = BTreeMap<String, BTreeSet<String>>;
