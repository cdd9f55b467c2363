//! What a stored plan names and this library does not have.

use mlcore::Error;
use serde_json::Value;

use crate::transform::Transformer;

/// The error of a plan that holds a step of another library: a newer version of this one, or a host with steps of its own.
pub(super) fn refused(plan: &Value) -> Option<Error> {
    let name = foreign(plan)?;
    let error = Error::unsupported(
        "load plan",
        name,
        "the plan has this step, and this library has none of its name",
    );
    Some(
        error.remedy(
            "load it with the version of the library that fitted it, or fit it again without this step",
        ),
    )
}

/// The name of the first step that is not known.
fn foreign(step: &Value) -> Option<&str> {
    let (kind, inside) = match step {
        Value::String(kind) => (kind, &Value::Null),
        Value::Object(entries) => entries.iter().next()?,
        _ => return None,
    };
    let any = |list: &'static str| {
        inside.get(list)?.as_array()?.iter().find_map(|step| foreign(step.get("transformer")?))
    };
    match kind.as_str() {
        "Passthrough" | "Drop" | "Function" => None,
        "Transformer" => {
            let (name, _) = inside.as_object()?.iter().next()?;
            Some(name.as_str()).filter(|name| !Transformer::NAMES.contains(name))
        }
        "Pipeline" => any("steps"),
        "ColumnTransformer" | "FeatureUnion" => any("branches"),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_is_found_however_deep_it_lies() {
        let own = json!({"Transformer": {"StandardScaler": {}}});
        let other = json!({"Transformer": {"QuantumScaler": {}}});
        let function = json!({"Function": {"name": "haversine", "version": 2}});
        let pipeline =
            |step| json!({"Pipeline": {"steps": [{"name": "a", "transformer": own}, {"transformer": step}]}});
        let union = |step| json!({"FeatureUnion": {"branches": [{"weight": 2.0, "transformer": step}]}});
        let columns = |step| json!({"ColumnTransformer": {"branches": [{"transformer": "Drop"}, {"transformer": step}]}});
        for (plan, expected) in [
            (own.clone(), None),
            (json!("Drop"), None),
            (json!("Fly"), Some("Fly")),
            (other.clone(), Some("QuantumScaler")),
            (function.clone(), None),
            (pipeline(own.clone()), None),
            (pipeline(other), Some("QuantumScaler")),
            (columns(pipeline(function.clone())), None),
            (columns(pipeline(json!({"Spell": {}}))), Some("Spell")),
            (union(columns(own.clone())), None),
            (columns(union(function)), None),
            (columns(union(json!({"Spell": {}}))), Some("Spell")),
            (json!({"Pipeline": {"steps": 3}}), None),
            (json!([1]), None),
        ] {
            assert_eq!(foreign(&plan), expected, "{plan}");
        }
    }
}
