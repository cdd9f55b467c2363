use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::definition::{DefinitionId, ViewVersion};

/// What becomes of an object.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Action {
    /// It is new.
    Created,
    /// It says something else.
    Changed,
    /// It says the same, and something that it names has changed what it means.
    Affected,
    /// It is gone.
    Deleted,
    /// Nothing.
    Unchanged,
}

mlcore::words! {
    Action, "what becomes of a definition":
    Created = "created", Changed = "changed", Affected = "affected", Deleted = "deleted", Unchanged = "unchanged",
}

/// What differs between what a registry has and what is to be applied, in words.
///
/// ```
/// use mlcore::registry::Change;
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::definition::Entity;
/// use mlcore_features::store::registry::{Changes, Definitions, MemoryDefinitions};
///
/// let definitions = MemoryDefinitions::new("rides")?;
/// let change = Change::new("ana", Timestamp::from_millis(0));
/// definitions.apply(&Changes::of([Entity::builder("driver").owner("ana").build()?.into()]), &change)?;
///
/// let changes = Changes::of([Entity::builder("driver").owner("ben").build()?.into()]);
/// let diff = definitions.plan(&changes)?;
/// assert_eq!(diff.to_string(), "Changed entity driver\n    owner: ana -> ben\n");
/// // It is refused if the registry has moved on since.
/// definitions.apply(&changes.as_planned(&diff), &change)?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Diff {
    /// The revision that the registry had.
    pub revision: u64,
    /// What becomes of each object that was named or is affected, by kind and name.
    pub changes: Vec<DefinitionChange>,
}

/// What becomes of one object.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DefinitionChange {
    /// The object.
    pub id: DefinitionId,
    /// What becomes of it.
    pub action: Action,
    /// What it says before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// The version of a view before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_before: Option<ViewVersion>,
    /// The version of a view after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_after: Option<ViewVersion>,
    /// Why the values of the view that are stored online must be made anew; none where they stay right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub materialise: Option<String>,
}

/// One thing that an object says, before and after.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldChange {
    /// Which: `ttl`, `schema.trips.dtype`.
    pub field: String,
    /// Before; none where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// After; none where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Diff {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.action == Action::Unchanged)
    }

    /// The views whose stored values must be made anew.
    pub fn materialise(&self) -> impl Iterator<Item = &str> {
        self.changes
            .iter()
            .filter(|change| change.materialise.is_some())
            .map(|change| change.id.name.as_str())
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unchanged = 0_usize;
        for change in &self.changes {
            match change.action {
                Action::Unchanged => unchanged += 1,
                _ => change.fmt(f)?,
            }
        }
        if unchanged > 0 {
            writeln!(f, "Unchanged: {unchanged}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DefinitionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.action {
            Action::Created => "Created",
            Action::Changed => "Changed",
            Action::Affected => "Affected",
            Action::Deleted => "Deleted",
            Action::Unchanged => "Unchanged",
        };
        write!(f, "{word} {}", self.id)?;
        match (self.version_before, self.version_after) {
            (Some(before), Some(after)) if before != after => write!(f, " ({before} -> {after})")?,
            (None, Some(after)) => write!(f, " ({after})")?,
            _ => {}
        }
        writeln!(f)?;
        for field in &self.fields {
            writeln!(f, "    {field}")?;
        }
        match &self.materialise {
            Some(reason) => writeln!(f, "    must be materialised: {reason}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{}: {before} -> {after}", self.field),
            (None, Some(after)) => write!(f, "{}: added {after}", self.field),
            (Some(before), None) => write!(f, "{}: removed {before}", self.field),
            (None, None) => f.write_str(&self.field),
        }
    }
}

/// What two objects of one kind say differently. Lists of things with names are compared by these.
pub(super) fn fields(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare("", Some(before), Some(after), &mut changes);
    changes
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<FieldChange>) {
    if before == after {
        return;
    }
    let inner = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if let (Some(before), Some(after)) = (before.and_then(parts), after.and_then(parts)) {
        let order = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
        let found = changes.len();
        for key in order {
            compare(&inner(key), before.get(key).copied(), after.get(key).copied(), changes);
        }
        if changes.len() > found {
            return;
        }
        // The same things in another order.
        changes.push(FieldChange {
            field: path.to_owned(),
            before: Some("in another order".to_owned()),
            after: Some(after.keys().cloned().collect::<Vec<_>>().join(", ")),
        });
        return;
    }
    changes.push(FieldChange { field: path.to_owned(), before: before.map(words), after: after.map(words) });
}

/// What an object, or a list of things with names of their own, has under each name.
fn parts(value: &Value) -> Option<BTreeMap<String, &Value>> {
    match value {
        Value::Object(map) => Some(map.iter().map(|(key, value)| (key.clone(), value)).collect()),
        Value::Array(items) => {
            let named = items.iter().map(|item| Some((item.get("name")?.as_str()?.to_owned(), item)));
            let parts: BTreeMap<String, &Value> = named.collect::<Option<_>>()?;
            (parts.len() == items.len() && !items.is_empty()).then_some(parts)
        }
        _ => None,
    }
}

/// A value as people read it, of bounded length.
fn words(value: &Value) -> String {
    const MOST: usize = 200;
    let mut text = match value {
        Value::String(text) => text.clone(),
        other => crate::store::definition::canonical_text(other),
    };
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: &Value, after: &Value, expected: &[&str]) {
        let found: Vec<String> = fields(before, after).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_difference_is_named_by_its_path() {
        let before =
            json!({"ttl": "1d", "schema": [{"name": "a", "dtype": "int64"}, {"name": "b", "dtype": "bool"}]});
        let after = json!({"owner": "ana", "schema": [{"name": "a", "dtype": "float64"}, {"name": "c", "dtype": "bool"}]});
        check(
            &before,
            &after,
            &[
                "schema.a.dtype: int64 -> float64",
                r#"schema.b: removed {"dtype":"bool","name":"b"}"#,
                r#"schema.c: added {"dtype":"bool","name":"c"}"#,
                "ttl: removed 1d",
                "owner: added ana",
            ],
        );
        check(&before, &before, &[]);
    }

    #[test]
    fn another_order_is_a_difference() {
        let (a, b) = (json!({"name": "a"}), json!({"name": "b"}));
        check(&json!({"schema": [a, b]}), &json!({"schema": [b, a]}), &["schema: in another order -> a, b"]);
        check(
            &json!({"features": ["a", "b"]}),
            &json!({"features": ["b"]}),
            &[r#"features: ["a","b"] -> ["b"]"#],
        );
    }
}
