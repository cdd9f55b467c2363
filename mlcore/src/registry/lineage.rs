//! From the data to what answers: where a version came from, and what came of a data set, a plan or a run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use super::{Lineage, ModelVersion, Registry, Stage, VersionReference};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::mermaid;
use crate::name::{Alias, ModelName, RunId, Version};

/// A thing that a version came of, or that came of one.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LineageNode {
    /// The data that versions were trained on.
    #[non_exhaustive]
    Dataset {
        /// Its digest.
        digest: Digest,
    },
    /// A feature plan.
    #[non_exhaustive]
    Plan {
        /// The hash of its content.
        hash: Digest,
    },
    /// A run.
    #[non_exhaustive]
    Run {
        /// Its id.
        run: RunId,
    },
    /// A version of a model.
    #[non_exhaustive]
    Version {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
    },
    /// The place of a version: an alias that means it.
    #[non_exhaustive]
    Alias {
        /// The model.
        model: ModelName,
        /// The alias.
        alias: Alias,
    },
    /// The place of a version: the production of its model.
    #[non_exhaustive]
    Production {
        /// The model.
        model: ModelName,
    },
    /// What serves a version, as its host says: see [`LineageOptions::with_deployment`].
    #[non_exhaustive]
    Deployment {
        /// Its name, in the host's words.
        name: String,
    },
}

impl LineageNode {
    /// The data set with this digest.
    #[must_use]
    pub fn dataset(digest: Digest) -> Self {
        Self::Dataset { digest }
    }

    /// The plan whose content has this hash.
    #[must_use]
    pub fn plan(hash: Digest) -> Self {
        Self::Plan { hash }
    }

    /// The run.
    #[must_use]
    pub fn run(run: RunId) -> Self {
        Self::Run { run }
    }

    /// The version.
    #[must_use]
    pub fn version(model: ModelName, version: Version) -> Self {
        Self::Version { model, version }
    }
}

impl fmt::Display for LineageNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dataset { digest } => write!(f, "dataset {}", short(digest)),
            Self::Plan { hash } => write!(f, "plan {}", short(hash)),
            Self::Run { run } => write!(f, "run {run}"),
            Self::Version { model, version } => write!(f, "{model}/{version}"),
            Self::Alias { model, alias } => write!(f, "{model}@{alias}"),
            Self::Production { model } => write!(f, "{model} in production"),
            Self::Deployment { name } => write!(f, "deployment {name}"),
        }
    }
}

/// The first twelve digits of a digest, which people tell apart.
fn short(digest: &Digest) -> String {
    digest.to_hex().chars().take(12).collect()
}

/// One step from what was there before to what came of it.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct LineageEdge {
    /// The place of the earlier thing in [`LineageGraph::nodes`].
    pub from: usize,
    /// The place of the later one.
    pub to: usize,
}

/// What is connected with a version, a data set, a plan or a run.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LineageGraph {
    /// What was asked about, first, and then everything that was found, the nearer things first.
    pub nodes: Vec<LineageNode>,
    /// The steps, in order.
    pub edges: Vec<LineageEdge>,
    /// Versions that others name as their parents and that are not there any more: removed, or under another name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<VersionReference>,
    /// Whether there is more than [`LineageOptions::most_nodes`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

impl LineageGraph {
    /// The graph as text for Mermaid, which GitHub and MLflow's notes draw: a flow chart from left to right. No text of a node can be
    /// markup.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (place, node) in self.nodes.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  n{place}[\"{}\"]", mermaid::quoted(&node.to_string()));
        }
        for edge in &self.edges {
            let _ = writeln!(text, "  n{} --> n{}", edge.from, edge.to);
        }
        text
    }
}

/// How far to look, and what else is known.
///
/// ```
/// use mlcore::registry::LineageOptions;
///
/// let options = LineageOptions::default().with_deployment("eu-west", "churn".parse()?, "3".parse()?);
/// assert_eq!(options.most_nodes, 10_000);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineageOptions {
    /// The most things that are answered: 10,000, more than anybody draws.
    pub most_nodes: usize,
    /// What serves which version.
    pub deployments: Vec<(String, VersionReference)>,
}

impl Default for LineageOptions {
    fn default() -> Self {
        Self { most_nodes: 10_000, deployments: Vec::new() }
    }
}

impl LineageOptions {
    /// Answers at most so many things.
    #[must_use]
    pub fn with_most_nodes(mut self, most: usize) -> Self {
        self.most_nodes = most;
        self
    }

    /// Adds what serves a version, such as an endpoint of a host: a registry knows only aliases and stages.
    #[must_use]
    pub fn with_deployment(mut self, name: impl Into<String>, model: ModelName, version: Version) -> Self {
        self.deployments.push((name.into(), VersionReference { model, version }));
        self
    }
}

/// Lineage of every [`Registry`], in both directions: data set, feature plan, run, version, and what answers by it.
///
/// ```
/// # use mlcore::artifact::Digest;
/// # use mlcore::name::{ModelName, RunId};
/// # use mlcore::registry::{Change, MemoryRegistry, NewVersion, RegistryExt};
/// # use mlcore::schema::Signature;
/// # use mlcore::time::Timestamp;
/// use mlcore::registry::{Lineage, LineageExt, LineageNode, LineageOptions};
///
/// # let (registry, change) = (MemoryRegistry::new(), Change::new("ana", Timestamp::from_millis(0)));
/// # let churn = ModelName::new("churn")?;
/// # registry.create_model(&churn, &change)?;
/// let data = Digest::of(b"customers of May");
/// let lineage = Lineage::default().with_dataset(data).with_run(RunId::new("r1")?);
/// let new = NewVersion::new(churn.clone(), Digest::of(b"a model"), Signature::default());
/// let version = registry.create_version(new.with_lineage(lineage), &change)?.version;
///
/// let options = LineageOptions::default();
/// let came_of = registry.downstream(&LineageNode::dataset(data), &options)?;
/// let names: Vec<_> = came_of.nodes.iter().skip(1).map(ToString::to_string).collect();
/// assert_eq!(names, ["run r1", "churn/1"]);
/// assert_eq!(registry.upstream(&churn, version, &options)?.nodes.len(), 3);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait LineageExt: Registry {
    /// Where a version came from: its data, plan and run, and those of the versions that it was derived from, across models.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound), and where the registry cannot be read.
    fn upstream(
        &self,
        model: &ModelName,
        version: Version,
        options: &LineageOptions,
    ) -> Result<LineageGraph> {
        let first = self.version(model, version)?;
        let mut graph = Builder::new(&node_of(&first), options);
        let mut next = VecDeque::from([first]);
        let mut seen = BTreeSet::new();
        while let Some(version) = next.pop_front() {
            interrupt::check(OPERATION)?;
            if !seen.insert((version.model.clone(), version.version)) || graph.is_cut {
                continue;
            }
            let node = node_of(&version);
            graph.chain(&origins(&version.lineage), &node);
            if let Some(parent) = &version.lineage.parent {
                let parent_node = LineageNode::version(parent.model.clone(), parent.version);
                graph.edge(&parent_node, &node);
                match self.version(&parent.model, parent.version) {
                    Ok(parent) => next.push_back(parent),
                    Err(Error::NotFound(_)) => graph.missing.push(parent.clone()),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(graph.finish())
    }

    /// What came of a data set, a plan, a run or a version: runs, versions, those that were derived from them, across models, and what
    /// answers by them now: aliases, production, deployments. Every version of the registry is looked at.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for a version that is not there, [`InvalidInput`](Error::InvalidInput) for an alias or a
    /// deployment, of which nothing comes, and where the registry cannot be read.
    fn downstream(&self, origin: &LineageNode, options: &LineageOptions) -> Result<LineageGraph> {
        let mut graph = Builder::new(origin, options);
        let mut next = VecDeque::new();
        let mut children: BTreeMap<(ModelName, Version), Vec<ModelVersion>> = BTreeMap::new();
        match origin {
            LineageNode::Version { model, version } => next.push_back(self.version(model, *version)?),
            LineageNode::Dataset { .. } | LineageNode::Plan { .. } | LineageNode::Run { .. } => {}
            other => {
                return Err(Error::invalid_input(OPERATION, other.to_string(), "nothing comes of it")
                    .remedy("ask about a data set, a plan, a run or a version"));
            }
        }
        each_version(self, |version| {
            let origins = origins(&version.lineage);
            if let Some(place) = origins.iter().position(|node| node == origin) {
                graph.chain(origins.get(place..).unwrap_or_default(), &node_of(&version));
                next.push_back(version.clone());
            }
            if let Some(parent) = &version.lineage.parent {
                let key = (parent.model.clone(), parent.version);
                children.entry(key).or_default().push(version);
            }
        })?;
        let mut seen = BTreeSet::new();
        while let Some(version) = next.pop_front() {
            interrupt::check(OPERATION)?;
            let key = (version.model.clone(), version.version);
            if graph.is_cut || seen.contains(&key) {
                continue;
            }
            let node = node_of(&version);
            for child in children.remove(&key).unwrap_or_default() {
                graph.edge(&node, &node_of(&child));
                next.push_back(child);
            }
            places_of(self, &version, options, |place| graph.edge(&node, &place))?;
            seen.insert(key);
        }
        Ok(graph.finish())
    }
}

impl<R: Registry + ?Sized> LineageExt for R {}

/// Calls `visit` with where a version answers.
fn places_of<R: Registry + ?Sized>(
    registry: &R,
    version: &ModelVersion,
    options: &LineageOptions,
    mut visit: impl FnMut(LineageNode),
) -> Result<()> {
    let model = &version.model;
    for (alias, target) in registry.aliases(model)? {
        if target == version.version {
            visit(LineageNode::Alias { model: model.clone(), alias });
        }
    }
    if version.stage == Stage::Production {
        visit(LineageNode::Production { model: model.clone() });
    }
    for (name, served) in &options.deployments {
        if served.model == *model && served.version == version.version {
            visit(LineageNode::Deployment { name: name.clone() });
        }
    }
    Ok(())
}

/// Calls `visit` with every version of every model.
pub(super) fn each_version<R: Registry + ?Sized>(
    registry: &R,
    mut visit: impl FnMut(ModelVersion),
) -> Result<()> {
    let mut after: Option<ModelName> = None;
    loop {
        let models = registry.models(after.as_ref(), PAGE)?;
        let Some(last) = models.last() else { return Ok(()) };
        after = Some(last.name.clone());
        for model in models {
            let mut number = None;
            loop {
                interrupt::check(OPERATION)?;
                let page = registry.versions(&model.name, number, PAGE)?;
                let Some(last) = page.last() else { break };
                number = Some(last.version);
                page.into_iter().for_each(&mut visit);
            }
        }
    }
}

fn node_of(version: &ModelVersion) -> LineageNode {
    LineageNode::version(version.model.clone(), version.version)
}

/// What a version was made of, the earliest first.
fn origins(lineage: &Lineage) -> Vec<LineageNode> {
    let dataset = lineage.dataset.map(LineageNode::dataset);
    let plan = lineage.plan_digest().map(LineageNode::plan);
    let run = lineage.run.clone().map(LineageNode::run);
    dataset.into_iter().chain(plan).chain(run).collect()
}

/// A graph that grows up to its limit.
struct Builder {
    places: BTreeMap<LineageNode, usize>,
    nodes: Vec<LineageNode>,
    edges: BTreeSet<LineageEdge>,
    missing: Vec<VersionReference>,
    most: usize,
    is_cut: bool,
}

impl Builder {
    fn new(first: &LineageNode, options: &LineageOptions) -> Self {
        let mut graph = Self {
            places: BTreeMap::new(),
            nodes: Vec::new(),
            edges: BTreeSet::new(),
            missing: Vec::new(),
            most: options.most_nodes.max(1),
            is_cut: false,
        };
        graph.place(first);
        graph
    }

    fn place(&mut self, node: &LineageNode) -> Option<usize> {
        if let Some(place) = self.places.get(node) {
            return Some(*place);
        }
        if self.nodes.len() >= self.most {
            self.is_cut = true;
            return None;
        }
        let place = self.nodes.len();
        self.nodes.push(node.clone());
        self.places.insert(node.clone(), place);
        Some(place)
    }

    fn edge(&mut self, from: &LineageNode, to: &LineageNode) {
        if let (Some(from), Some(to)) = (self.place(from), self.place(to)) {
            self.edges.insert(LineageEdge { from, to });
        }
    }

    /// Each of `nodes` leads to the next one, and the last one to `end`.
    fn chain(&mut self, nodes: &[LineageNode], end: &LineageNode) {
        for (place, node) in nodes.iter().enumerate() {
            self.edge(node, nodes.get(place + 1).unwrap_or(end));
        }
    }

    fn finish(mut self) -> LineageGraph {
        self.missing.sort_by(|a, b| (&a.model, a.version).cmp(&(&b.model, b.version)));
        self.missing.dedup();
        LineageGraph {
            nodes: self.nodes,
            edges: self.edges.into_iter().collect(),
            missing: self.missing,
            is_cut: self.is_cut,
        }
    }
}

const OPERATION: &str = "trace lineage";
const PAGE: usize = 1000;
