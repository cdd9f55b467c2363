//! Feast's feature views and feature services.

use std::collections::BTreeSet;
use std::time::Duration;

use mlcore::{Error, Result};
use serde_json::Value;

use super::json::{flag, get, list, map, text};
use super::{DUMMY, DUMMY_KEY, Import, OPERATION, Taken, sources};
use crate::store::definition::{Definition, FeatureService, FeatureView, Field, Kind, Projection, ValueType};

/// Takes the feature views over, and answers the features of each.
pub(super) fn import(import: &mut Import, registry: &Value) -> Taken {
    let mut taken = Taken::new();
    for view in list(registry, "featureViews") {
        let spec = view.get("spec").unwrap_or(view);
        let name = text(spec, "name");
        let what = format!("feature view {name}");
        match self::view(import, &what, spec) {
            Ok((view, features)) => {
                if import.take(what, Ok::<_, Error>(view)) {
                    taken.insert(name.to_owned(), features);
                }
            }
            Err(error) => import.leave_out(what, error.context().problem()),
        }
    }
    taken
}

fn view(import: &mut Import, what: &str, spec: &Value) -> Result<(FeatureView, BTreeSet<String>)> {
    let name = text(spec, "name");
    let refuse = |problem: String| Error::unsupported(OPERATION, name, problem);
    if list(spec, "sourceViews").next().is_some() || get(spec, "featureTransformation").is_some() {
        return Err(refuse("it is derived from other views by code".to_owned()));
    }
    let entities: Vec<&str> =
        list(spec, "entities").filter_map(Value::as_str).filter(|entity| *entity != DUMMY).collect();
    for entity in &entities {
        if !import.definitions.iter().any(|own| own.kind() == Kind::Entity && own.name() == *entity) {
            return Err(refuse(format!("its entity {entity} was not taken")));
        }
    }
    let source = get(spec, "streamSource").or_else(|| get(spec, "batchSource")).map(sources::name_of);
    if let Some(source) = source.filter(|source| !sources::is_taken(import, source)) {
        return Err(refuse(format!("its source {source} was not taken")));
    }
    let mut schema = Vec::new();
    for column in list(spec, "entityColumns").filter(|column| text(column, "name") != DUMMY_KEY) {
        schema.push(Field::new(text(column, "name"), ValueType::from_feast(text(column, "valueType"))?));
    }
    let mut features = BTreeSet::new();
    for feature in list(spec, "features") {
        if let Some(field) = self::feature(import, what, feature) {
            features.insert(field.name.clone());
            schema.push(field);
        }
    }
    if features.is_empty() {
        return Err(refuse("none of its features was taken".to_owned()));
    }
    let mut builder = FeatureView::builder(name, entities)
        .schema(schema)
        .online(flag(spec, "online"))
        .offline(flag(spec, "offline"))
        .description(text(spec, "description"))
        .owner(text(spec, "owner"));
    if let Some(source) = source {
        builder = builder.source(source);
    }
    for (key, value) in map(spec, "tags") {
        builder = builder.tag(key, value);
    }
    let ttl = text(spec, "ttl");
    if !ttl.is_empty() {
        builder = builder.ttl(seconds(ttl).map_err(refuse)?);
    }
    let built = builder.build().map_err(|error| refuse(error.to_string()))?;
    remarks(import, what, spec);
    Ok((built, features))
}

/// What a view says that has no equal here.
fn remarks(import: &mut Import, what: &str, spec: &Value) {
    let version = text(spec, "version");
    if !matches!(version, "" | "latest") {
        import
            .change(what, format!("it pins {version}, and is taken as it is there now: versions begin anew"));
    }
    if flag(spec, "disabled") {
        import.change(what, "it is disabled in Feast, and can be read here");
    }
    if flag(spec, "enableValidation") {
        import.change(what, "its values are checked by a suite of expectations here");
    }
    if !text(spec, "org").is_empty() {
        import.change(what, format!("its org, {}, was not taken", text(spec, "org")));
    }
}

fn feature(import: &mut Import, what: &str, feature: &Value) -> Option<Field> {
    let (name, value_type) = (text(feature, "name"), text(feature, "valueType"));
    let what = format!("{what}, feature {name}");
    let dtype = match ValueType::from_feast(value_type) {
        Ok(dtype) => dtype,
        Err(error) => {
            import.leave_out(what, format!("it is {value_type}: {}", error.context().problem()));
            return None;
        }
    };
    if ValueType::is_read_as_text(value_type) {
        import.change(&*what, format!("it is {value_type}, and is taken as its text"));
    }
    if flag(feature, "vectorIndex") {
        import.change(&*what, "it is taken without its index for vector search");
    }
    let mut field = Field::new(name, dtype).with_description(text(feature, "description"));
    for (key, value) in map(feature, "tags") {
        field = field.with_tag(key, value);
    }
    Some(field)
}

/// A duration of protocol buffers: `86400s`, `129600.000005s`.
fn seconds(text: &str) -> Result<Duration, String> {
    let refuse = || format!("its ttl, {text:?}, is no duration");
    if text.starts_with('-') {
        return Err(format!("its ttl, {text:?}, is negative"));
    }
    let number = text.strip_suffix('s').ok_or_else(refuse)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    let nanoseconds = format!("{fraction:0<9}").parse().map_err(|_| refuse())?;
    Ok(Duration::new(whole.parse().map_err(|_| refuse())?, nanoseconds))
}

/// Takes the services over, without the views and features that were not taken.
pub(super) fn services(import: &mut Import, registry: &Value, taken: &Taken) {
    for service in list(registry, "featureServices") {
        let spec = service.get("spec").unwrap_or(service);
        let name = text(spec, "name");
        let what = format!("feature service {name}");
        let mut builder =
            FeatureService::builder(name).description(text(spec, "description")).owner(text(spec, "owner"));
        for (key, value) in map(spec, "tags") {
            builder = builder.tag(key, value);
        }
        let mut is_empty = true;
        for own in list(spec, "features") {
            if let Some(projection) = projection(import, &what, own, taken) {
                is_empty = false;
                builder = builder.projection(projection);
            }
        }
        if is_empty {
            import.leave_out(what, "none of its views was taken");
        } else {
            if get(spec, "loggingConfig").is_some() {
                import.change(&*what, "its logging is that of the prediction log");
            }
            let built: Result<Definition> = builder.build().map(Into::into);
            import.take(what, built);
        }
    }
}

fn projection(import: &mut Import, what: &str, own: &Value, taken: &Taken) -> Option<Projection> {
    let view = text(own, "featureViewName");
    let Some(known) = taken.get(view) else {
        import.leave_out(format!("{what}, view {view}"), "the view was not taken");
        return None;
    };
    let mut features = Vec::new();
    for column in list(own, "featureColumns") {
        let feature = text(column, "name");
        if known.contains(feature) {
            features.push(feature);
        } else {
            import.leave_out(format!("{what}, feature {view}:{feature}"), "the feature was not taken");
        }
    }
    if features.is_empty() {
        return None;
    }
    let mut projection = Projection::of(view);
    // All of them are the view's as they come to be.
    if features.len() < known.len() {
        projection = projection.with_features(features);
    }
    let alias = text(own, "featureViewNameAlias");
    if !alias.is_empty() {
        projection = projection.with_name(alias);
    }
    if get(own, "versionTag").is_some() {
        import.change(
            format!("{what}, view {view}"),
            "it pins a version, and takes the latest here: versions begin anew",
        );
    }
    for (join_key, column) in map(own, "joinKeyMap") {
        projection = projection.with_join_key(join_key, column);
    }
    Some(projection)
}
