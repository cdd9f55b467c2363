mod check;
mod resolve;

use std::collections::BTreeMap;
use std::sync::Arc;

use mlcore::{Error, Result};

pub use self::resolve::{
    JoinKey, OnDemandStep, Resolution, ResolveOptions, ResolvedFeature, ViewRead, Views,
};
pub(in crate::store) use self::resolve::{
    projections as resolve_projections, references as resolve_references,
};
use super::nearest::nearest;
use super::object::Named;
use super::{
    AnyView, Definition, DefinitionId, Entity, FeatureReference, FeatureService, Kind, Projection, Source,
    ViewVersion, name,
};

/// All objects of a project, of which each finds what it names: a value that cannot be wrong.
///
/// See the [module](super) for an example.
#[derive(Clone, Debug)]
pub struct Repository {
    project: String,
    objects: BTreeMap<DefinitionId, Arc<Definition>>,
    views: BTreeMap<String, AnyView>,
}

impl PartialEq for Repository {
    fn eq(&self, other: &Self) -> bool {
        self.project == other.project && self.objects == other.objects
    }
}

impl Repository {
    /// Brings objects together.
    ///
    /// # Errors
    /// [`AlreadyExists`](Error::AlreadyExists) for two objects of one name: views of both kinds share their names, and those of views
    /// and of sources are told apart without regard to case, as in Feast. [`NotFound`](Error::NotFound) for a name that no object has,
    /// [`SchemaMismatch`](Error::SchemaMismatch) for types that do not go together, and [`InvalidInput`](Error::InvalidInput) for
    /// on-demand views that read each other in a circle, two join keys of one name, and a feature that is called as a join key or a
    /// column of times. [`NotFound`](Error::NotFound) for an older version of a view, which a registry alone knows.
    pub fn new(project: impl Into<String>, objects: impl IntoIterator<Item = Definition>) -> Result<Self> {
        struct Latest;

        impl Views for Latest {
            fn view(&self, name: &str, version: Option<ViewVersion>) -> Result<AnyView> {
                Err(unknown_version(name, version))
            }
        }

        let objects = objects.into_iter().map(Arc::new);
        Self::with_versions(project.into(), objects, &Latest)
    }

    /// The same where `versions` knows versions of views.
    pub(in crate::store) fn with_versions(
        project: String,
        definitions: impl IntoIterator<Item = Arc<Definition>>,
        versions: &dyn Views,
    ) -> Result<Self> {
        check_project(&project)?;
        let mut objects = BTreeMap::new();
        let mut names: BTreeMap<(u8, String), DefinitionId> = BTreeMap::new();
        for definition in mlcore::interrupt::paced(definitions) {
            let id = definition.id();
            if let Some(other) = names.insert(namespace(&id), id.clone()) {
                let problem = if other == id {
                    "the object is there twice".to_owned()
                } else {
                    format!("there is the {other}, too, and the two would be one name")
                };
                return Err(Error::already_exists(OPERATION, id.to_string(), problem)
                    .remedy("rename one of them, or leave it out"));
            }
            objects.insert(id, definition);
        }
        mlcore::interrupt::check(OPERATION)?;
        let views = check::views(&objects, versions)?;
        Ok(Self { project, objects, views })
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// All objects, by kind and name.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.objects.values().map(|definition| &**definition)
    }

    /// The same, to share.
    pub(in crate::store) fn objects(&self) -> &BTreeMap<DefinitionId, Arc<Definition>> {
        &self.objects
    }

    /// All views of both kinds, by name.
    pub fn views(&self) -> impl Iterator<Item = &AnyView> {
        self.views.values()
    }

    /// The object of this kind and name.
    #[must_use]
    pub fn definition(&self, id: &DefinitionId) -> Option<&Definition> {
        self.objects.get(id).map(|definition| &**definition)
    }

    /// The entity of this name.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound).
    pub fn entity(&self, name: &str) -> Result<&Entity> {
        match self.definition(&DefinitionId::new(Kind::Entity, name)) {
            Some(Definition::Entity(entity)) => Ok(entity),
            _ => Err(self.unknown(Named::Entity, name)),
        }
    }

    /// The source of this name.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound).
    pub fn source(&self, name: &str) -> Result<&Source> {
        match self.definition(&DefinitionId::new(Kind::Source, name)) {
            Some(Definition::Source(source)) => Ok(source),
            _ => Err(self.unknown(Named::Source, name)),
        }
    }

    /// The view of this name, of either kind, with all that it names.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound).
    pub fn view(&self, name: &str) -> Result<&AnyView> {
        self.views.get(name).ok_or_else(|| self.unknown(Named::View, name))
    }

    /// The service of this name.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound).
    pub fn service(&self, name: &str) -> Result<&FeatureService> {
        match self.definition(&DefinitionId::new(Kind::FeatureService, name)) {
            Some(Definition::FeatureService(service)) => Ok(service),
            _ => {
                let known = known(self.objects.keys().filter(|id| id.kind == Kind::FeatureService));
                Err(Error::not_found(READ, name::shown(name), "there is no such feature service")
                    .remedy(known))
            }
        }
    }

    /// What references mean, in their order.
    ///
    /// # Errors
    /// As [`Resolution`] is made: [`NotFound`](Error::NotFound) for a view or a feature that is not there,
    /// [`InvalidInput`](Error::InvalidInput) for two features of one name.
    pub fn resolve(&self, references: &[FeatureReference], options: &ResolveOptions) -> Result<Resolution> {
        resolve::references(self, references, options)
    }

    /// What a service means, in its order.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and [`NotFound`](Error::NotFound) for a service that is not there.
    pub fn resolve_service(&self, name: &str, options: &ResolveOptions) -> Result<Resolution> {
        resolve::projections(self, self.service(name)?.projections(), options)
    }

    /// The same of projections that belong to no service.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn resolve_projections(
        &self,
        projections: &[Projection],
        options: &ResolveOptions,
    ) -> Result<Resolution> {
        resolve::projections(self, projections, options)
    }

    /// An object and all that it names, however far away.
    pub(in crate::store) fn closure(&self, id: &DefinitionId) -> Vec<Arc<Definition>> {
        let mut found: BTreeMap<DefinitionId, Arc<Definition>> = BTreeMap::new();
        let mut next = vec![id.clone()];
        while let Some(id) = next.pop() {
            if let Some(definition) = self.objects.get(&id)
                && !found.contains_key(&id)
            {
                let mentioned = definition.mentions();
                next.extend(mentioned.into_iter().filter_map(|(named, name)| self.find(named, name)));
                found.insert(id, Arc::clone(definition));
            }
        }
        found.into_values().collect()
    }

    /// The object that a name means.
    pub(in crate::store) fn find(&self, named: Named, name: &str) -> Option<DefinitionId> {
        find(&self.objects, named, name)
    }

    fn unknown(&self, named: Named, name: &str) -> Error {
        unknown(READ, &self.objects, named, name)
    }
}

impl Views for Repository {
    fn view(&self, name: &str, version: Option<ViewVersion>) -> Result<AnyView> {
        match version {
            None => Self::view(self, name).cloned(),
            Some(_) => Err(unknown_version(name, version)),
        }
    }
}

type Objects = BTreeMap<DefinitionId, Arc<Definition>>;

/// The object that a name means.
pub(in crate::store) fn find(objects: &Objects, named: Named, name: &str) -> Option<DefinitionId> {
    let kinds: &[Kind] = match named {
        Named::Entity => &[Kind::Entity],
        Named::Source => &[Kind::Source],
        Named::View => &[Kind::FeatureView, Kind::OnDemandFeatureView],
    };
    kinds.iter().map(|kind| DefinitionId::new(*kind, name)).find(|id| objects.contains_key(id))
}

/// No object has the name; those that are there are named.
fn unknown(operation: &'static str, objects: &Objects, named: Named, name: &str) -> Error {
    let (noun, kinds): (_, &[Kind]) = match named {
        Named::Entity => ("entity", &[Kind::Entity]),
        Named::Source => ("source", &[Kind::Source]),
        Named::View => ("feature view", &[Kind::FeatureView, Kind::OnDemandFeatureView]),
    };
    let all = || objects.keys().filter(|id| kinds.contains(&id.kind));
    let remedy = match nearest(name, all().map(|id| id.name.as_str())) {
        Some(near) => format!("did you mean {near}? Else {}", known(all())),
        None => known(all()),
    };
    Error::not_found(operation, name::shown(name), format!("there is no such {noun}")).remedy(remedy)
}

/// The names that are there, in a sentence of bounded length.
fn known<'a>(ids: impl Iterator<Item = &'a DefinitionId>) -> String {
    let mut names: Vec<&str> = ids.map(|id| id.name.as_str()).take(11).collect();
    if names.is_empty() {
        return "define it, there is none of its kind".to_owned();
    }
    let more = if names.len() > 10 { " and others" } else { "" };
    names.truncate(10);
    format!("define it, or use one of {}{more}", names.join(", "))
}

fn unknown_version(name: &str, version: Option<ViewVersion>) -> Error {
    let version = version.unwrap_or_default();
    Error::not_found(READ, format!("{name}@{version}"), "versions of views are known to a registry alone")
        .remedy("resolve it by the registry, or leave the version away")
}

/// Objects of one namespace have names of their own. As in Feast, those of views and sources differ in more than case.
fn namespace(id: &DefinitionId) -> (u8, String) {
    match id.kind {
        Kind::Entity => (0, id.name.clone()),
        Kind::Source => (1, id.name.to_lowercase()),
        Kind::FeatureView | Kind::OnDemandFeatureView => (2, id.name.to_lowercase()),
        Kind::FeatureService => (3, id.name.clone()),
    }
}

/// Feast's rule for the name of a project: letters, digits, underscores and hyphens, not beginning with one of the latter two.
pub(in crate::store) fn check_project(project: &str) -> Result<()> {
    let is_word = project.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !project.is_empty() && project.len() <= 255 && is_word && !project.starts_with(['_', '-']) {
        return Ok(());
    }
    let problem = "a project is called by 1 to 255 letters, digits, underscores and hyphens, of which the latter two do not begin it";
    Err(Error::invalid_input("name project", format!("{project:?}"), problem)
        .remedy("name it as in driver_ranking"))
}

const OPERATION: &str = "check definitions";
const READ: &str = "look up definition";
