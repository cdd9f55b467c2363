//! Versions of views: what makes a new one, what is kept of each, and what must be materialised again.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use mlcore::artifact::Digest;
use mlcore::name::RequestId;
use mlcore::{Error, Result};
use serde_json::{Value, json};

use super::{AuditEntry, Snapshot};
use crate::store::definition::{
    AnyView, Definition, Field, Repository, Source, Transformation, ViewVersion, Views, canonical_text,
    json_of,
};

/// What a registry has kept beside what is there now.
pub(super) trait History {
    /// The greatest version that a view of this name ever had.
    fn last_version(&self, view: &str) -> Result<Option<ViewVersion>>;

    /// What was kept of a version.
    fn kept(&self, view: &str, version: ViewVersion) -> Result<Option<Kept>>;

    /// The entry that a request made.
    fn entry_of(&self, request: &RequestId) -> Result<Option<AuditEntry>>;
}

/// What is kept of a version: the view and all that it names, as they were.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Kept {
    pub(super) view: String,
    pub(super) version: ViewVersion,
    pub(super) revision: u64,
    pub(super) definitions: Vec<Arc<Definition>>,
}

impl Kept {
    pub(super) fn text(&self) -> Result<String> {
        let values = self.definitions.iter().map(|own| json_of(&**own)).collect::<Result<Vec<_>>>()?;
        Ok(canonical_text(&Value::from(values)))
    }

    pub(super) fn digest(&self) -> Result<Digest> {
        Ok(digest_of(&self.text()?))
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn parse(view: &str, version: ViewVersion, revision: u64, text: &str) -> Result<Self, String> {
        let definitions: Vec<Definition> = serde_json::from_str(text)
            .map_err(|cause| format!("version {version} of {view} cannot be read: {cause}"))?;
        let definitions = definitions.into_iter().map(Arc::new).collect();
        Ok(Self { view: view.to_owned(), version, revision, definitions })
    }

    /// The view with all that it named.
    pub(super) fn resolve(&self, project: &str, versions: &dyn Views) -> Result<AnyView> {
        let repository =
            Repository::with_versions(project.to_owned(), self.definitions.iter().cloned(), versions)?;
        repository.view(&self.view).cloned()
    }

    /// The view's own definition.
    pub(super) fn definition(&self) -> Option<&Arc<Definition>> {
        self.definitions.iter().find(|own| own.kind().is_view() && own.name() == self.view)
    }
}

pub(super) fn digest_of(text: &str) -> Digest {
    Digest::of(format!("mlcore.version.1\n{text}"))
}

/// Older versions of views, for projections that name one.
pub(super) struct OldVersions<'a> {
    project: &'a str,
    history: &'a dyn History,
    /// How many versions wait for those that they read.
    open: Cell<usize>,
}

/// Versions that read versions that read versions: few enough for any stack.
const MOST_DEPTH: usize = 4;

impl<'a> OldVersions<'a> {
    pub(super) fn new(project: &'a str, history: &'a dyn History) -> Self {
        Self { project, history, open: Cell::new(0) }
    }
}

impl Views for OldVersions<'_> {
    fn view(&self, name: &str, version: Option<ViewVersion>) -> Result<AnyView> {
        let version = version.unwrap_or_default();
        if self.open.get() >= MOST_DEPTH {
            let problem = format!("more than {MOST_DEPTH} versions of views read each other");
            return Err(Error::invalid_input("look up version", format!("{name}@{version}"), problem)
                .remedy("let views read the latest versions"));
        }
        let Some(kept) = self.history.kept(name, version)? else {
            return Err(unknown(name, version, self.history.last_version(name)?));
        };
        self.open.set(self.open.get() + 1);
        let resolved = kept.resolve(self.project, self);
        self.open.set(self.open.get() - 1);
        resolved
    }
}

/// The views of a snapshot, and the versions of its registry.
pub(super) struct AllVersions<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) history: &'a dyn History,
}

impl Views for AllVersions<'_> {
    fn view(&self, name: &str, version: Option<ViewVersion>) -> Result<AnyView> {
        let repository = &self.snapshot.repository;
        match version {
            Some(version) => OldVersions::new(repository.project(), self.history).view(name, Some(version)),
            None => repository.view(name).cloned(),
        }
    }
}

pub(super) fn unknown(view: &str, version: ViewVersion, last: Option<ViewVersion>) -> Error {
    let (problem, remedy) = match last {
        Some(last) => ("the view has no such version", format!("use one from v0 to {last}")),
        None => ("there is no such view", "define the view".to_owned()),
    };
    Error::not_found("look up version", format!("{view}@{version}"), problem).remedy(remedy)
}

/// What of a view makes a version: changed descriptions, tags and owners make none.
#[derive(PartialEq, Debug)]
pub(super) struct Essence {
    /// What stored values depend on, by the word for it.
    data: Vec<(&'static str, Value)>,
    ttl: Option<Duration>,
}

impl Essence {
    pub(super) fn of(view: &AnyView) -> Result<Self> {
        match view {
            AnyView::View(view) => {
                let entities: Vec<Value> = view.entities.iter().map(|entity| entity.name().into()).collect();
                Ok(Self {
                    data: vec![
                        ("entities", json!([entities, fields(&view.join_keys)])),
                        ("schema", json!([fields(&view.features), fields(view.view.schema())])),
                        ("aggregations", json_of(&view.view.aggregations())?),
                        ("source", json!([place(view.source.as_ref())?, place(view.batch_source.as_ref())?])),
                    ],
                    ttl: view.view.ttl(),
                })
            }
            AnyView::OnDemand(view) => {
                let sources = view.request_sources.iter().map(|source| place(Some(source)));
                let sources = sources.collect::<Result<Vec<_>>>()?;
                let function = match view.view.transformation() {
                    Transformation::Expressions(expressions) => json_of(&expressions)?,
                    Transformation::Plan(plan) => json_of(&plan)?,
                };
                Ok(Self {
                    data: vec![
                        ("schema", fields(view.view.schema())),
                        ("function", function),
                        ("inputs", json!([json_of(&view.view.views())?, sources])),
                    ],
                    ttl: None,
                })
            }
        }
    }
}

/// Names and types, without what is for people.
fn fields(fields: &[Field]) -> Value {
    fields.iter().map(|field| json!([field.name, field.dtype.to_string()])).collect()
}

/// Where a source reads, without what is for people.
fn place(source: Option<&Source>) -> Result<Value> {
    let Some(source) = source else { return Ok(Value::Null) };
    let mut value = json_of(source)?;
    if let Value::Object(map) = &mut value {
        for key in ["description", "tags", "owner"] {
            map.remove(key);
        }
    }
    Ok(value)
}

/// Why the stored values of a view must be made anew; none where they stay right, or nothing is stored.
pub(super) fn materialise(before: Option<&AnyView>, after: &AnyView) -> Result<Option<String>> {
    let AnyView::View(view) = after else { return Ok(None) };
    if !view.view.online() {
        return Ok(None);
    }
    let Some(AnyView::View(before)) = before else { return Ok(Some("it is new".to_owned())) };
    if !before.view.online() {
        return Ok(Some("it is read online now".to_owned()));
    }
    let (old, new) = (Essence::of(&AnyView::View(Arc::clone(before)))?, Essence::of(after)?);
    let changed: Vec<&str> =
        old.data.iter().zip(&new.data).filter(|(old, new)| old != new).map(|(_, (word, _))| *word).collect();
    if !changed.is_empty() {
        return Ok(Some(format!("{} changed", changed.join(", "))));
    }
    let grew = match (old.ttl, new.ttl) {
        (Some(_), None) => true,
        (Some(old), Some(new)) => new > old,
        (None, _) => false,
    };
    Ok(grew.then(|| "its ttl is longer, and values that had expired are used again".to_owned()))
}
