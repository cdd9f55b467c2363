use std::sync::Arc;

use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{AliasChange, AuditEntry, AuditHead, Change, Model, ModelVersion, Mutation, Registry};
use mlcore::{Error, Result};

/// A registry in which one alias of one model means one version, whatever it means to others.
pub(super) struct Pinned {
    pub(super) registry: Arc<dyn Registry>,
    pub(super) model: ModelName,
    pub(super) alias: Alias,
    pub(super) version: Version,
}

impl Pinned {
    fn is_pinned(&self, model: &ModelName, alias: &Alias) -> bool {
        (model, alias) == (&self.model, &self.alias)
    }
}

impl Registry for Pinned {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        // What is decided about a version that stays whatever is decided is decided in vain.
        let problem = "the settings of this server say which version answers";
        match mutation {
            Mutation::Promote { model, alias, .. }
            | Mutation::RollBack { model, alias, .. }
            | Mutation::SetAlias { model, alias, .. }
                if self.is_pinned(model, alias) =>
            {
                Err(Error::conflict("change registry", format!("{model}, {alias}"), problem)
                    .remedy("leave the version out of the settings, so that the alias is followed"))
            }
            _ => self.registry.apply(mutation, change),
        }
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        self.registry.model(name)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        self.registry.models(after, limit)
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        self.registry.version(model, version)
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        self.registry.versions(model, after, limit)
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        match self.is_pinned(model, alias) {
            true => Ok(Some(self.version)),
            false => self.registry.alias(model, alias),
        }
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        let mut aliases = self.registry.aliases(model)?;
        if *model == self.model {
            aliases.retain(|(alias, _)| *alias != self.alias);
            aliases.push((self.alias.clone(), self.version));
            aliases.sort();
        }
        Ok(aliases)
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        self.registry.alias_history(model, alias)
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        self.registry.audit(from, limit)
    }

    fn verify(&self) -> Result<AuditHead> {
        self.registry.verify()
    }
}

/// What a word of the settings means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// An alias, which may come to mean another version.
    Followed(Alias),
    /// A version, whatever becomes of aliases.
    Version(Version),
}

/// What a word means: an alias, a number, or the value of a version's tag `version`. A higher version goes before a lower one of the
/// same tag.
pub(super) fn meaning(registry: &dyn Registry, model: &ModelName, word: &str) -> Result<Meaning> {
    if let Ok(alias) = Alias::new(word)
        && registry.alias(model, &alias)?.is_some()
    {
        return Ok(Meaning::Followed(alias));
    }
    if let Ok(number) = word.parse::<u64>() {
        return Ok(Meaning::Version(registry.version(model, Version::new(number)?)?.version));
    }
    let (mut last, mut after) = (None, None);
    loop {
        let page = registry.versions(model, after, PAGE)?;
        let tagged = page.iter().filter(|version| version.tags.get("version").is_some_and(|tag| tag == word));
        last = tagged.map(|version| version.version).next_back().or(last);
        after = page.last().map(|version| version.version);
        if page.len() < PAGE {
            break;
        }
    }
    last.map(Meaning::Version).ok_or_else(|| {
        let problem =
            format!("{word:?} is no alias, no number of a version, and no version's tag \"version\"");
        Error::not_found("find version", model.as_str(), problem)
    })
}

const PAGE: usize = 256;
