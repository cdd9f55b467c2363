use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Write as _};

use mlcore::artifact::Digest;
use mlcore::mermaid;
use mlcore::name::{ModelName, Version};
use mlcore::registry::{LineageExt, LineageNode, LineageOptions, Registry};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::store::definition::{Definition, DefinitionId, Repository, Transformation};

/// A thing of a feature store that features come of, or that comes of them.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreNode {
    /// An object of the store.
    Definition(DefinitionId),
    /// A feature plan, by the hash of its content: the node that [`LineageNode::Plan`] is, too.
    Plan(Digest),
}

impl fmt::Display for StoreNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definition(id) => id.fmt(f),
            Self::Plan(hash) => write!(f, "plan {:.12}", hash.to_hex()),
        }
    }
}

/// What is connected with an object or a plan, in one direction.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreGraph {
    /// What was asked about, first, and then everything that was found, the nearer things first.
    pub nodes: Vec<StoreNode>,
    /// The steps, from the earlier thing to the one that comes of it, by their places.
    pub edges: Vec<(usize, usize)>,
}

impl StoreGraph {
    /// The graph as text for Mermaid: a flow chart from left to right. No name can be markup.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (place, node) in self.nodes.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  n{place}[\"{}\"]", mermaid::quoted(&node.to_string()));
        }
        for (from, to) in &self.edges {
            let _ = writeln!(text, "  n{from} --> n{to}");
        }
        text
    }

    /// The versions of models that the plans of this graph feed, by a registry of models.
    ///
    /// # Errors
    /// Where the registry cannot be read.
    pub fn model_versions(&self, registry: &dyn Registry) -> Result<Vec<(ModelName, Version)>> {
        let mut found = BTreeSet::new();
        for node in &self.nodes {
            let StoreNode::Plan(hash) = node else { continue };
            let graph = registry.downstream(&LineageNode::plan(*hash), &LineageOptions::default())?;
            for node in graph.nodes {
                if let LineageNode::Version { model, version, .. } = node {
                    found.insert((model, version));
                }
            }
        }
        Ok(found.into_iter().collect())
    }
}

/// Lineage of the objects of a store.
///
/// ```
/// use mlcore::schema::DType;
/// use mlcore_features::store::definition::{Definition, DefinitionId, Entity, FeatureView, Field, Kind, Repository, Source};
/// use mlcore_features::store::registry::StoreNode;
///
/// let objects: [Definition; 3] = [
///     Entity::builder("driver").value_type(DType::Int64).build()?.into(),
///     Source::file("stats.parquet").name("stats").timestamp_field("at").build()?.into(),
///     FeatureView::builder("trips", ["driver"]).schema([Field::new("trips", DType::Int64)]).source("stats").build()?.into(),
/// ];
/// let repository = Repository::new("rides", objects)?;
/// let came_of = repository.downstream(&StoreNode::Definition(DefinitionId::new(Kind::Source, "stats")))?;
/// assert_eq!(came_of.nodes[1].to_string(), "feature view trips");
/// let view = StoreNode::Definition(DefinitionId::new(Kind::FeatureView, "trips"));
/// assert_eq!(repository.upstream(&view)?.nodes.len(), 3);
/// # Ok::<(), mlcore::Error>(())
/// ```
impl Repository {
    /// What an object comes of: for a service its views, their inputs, sources, entities and plans.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for an object that is not there.
    pub fn upstream(&self, node: &StoreNode) -> Result<StoreGraph> {
        self.walk(node, &self.origins(), |from, to| (from, to))
    }

    /// What comes of an object or a plan: views, and the services that take them.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for an object or a plan that is not there.
    pub fn downstream(&self, node: &StoreNode) -> Result<StoreGraph> {
        let mut came: BTreeMap<StoreNode, Vec<StoreNode>> = BTreeMap::new();
        for (node, origins) in self.origins() {
            for origin in origins {
                came.entry(origin).or_default().push(node.clone());
            }
            came.entry(node).or_default();
        }
        self.walk(node, &came, |from, to| (to, from))
    }

    /// What each object names, and the plan that it runs.
    fn origins(&self) -> BTreeMap<StoreNode, Vec<StoreNode>> {
        let of = |definition: &Definition| {
            let named = definition.mentions().into_iter().filter_map(|(named, name)| self.find(named, name));
            let mut origins: Vec<StoreNode> = named.map(StoreNode::Definition).collect();
            if let Definition::OnDemandFeatureView(view) = definition
                && let Transformation::Plan(plan) = view.transformation()
            {
                origins.push(StoreNode::Plan(plan.digest));
            }
            (StoreNode::Definition(definition.id()), origins)
        };
        self.definitions().map(of).collect()
    }

    /// Follows neighbours; `edge` is given what stands further from the origin in time first.
    fn walk(
        &self,
        first: &StoreNode,
        neighbours: &BTreeMap<StoreNode, Vec<StoreNode>>,
        edge: impl Fn(usize, usize) -> (usize, usize),
    ) -> Result<StoreGraph> {
        let is_known =
            neighbours.contains_key(first) || neighbours.values().flatten().any(|node| node == first);
        if !is_known {
            return Err(Error::not_found("trace lineage", first.to_string(), "the store has no such object")
                .remedy("ask about an object or a plan of the store"));
        }
        let mut places = BTreeMap::from([(first.clone(), 0)]);
        let (mut nodes, mut edges) = (vec![first.clone()], BTreeSet::new());
        let mut next = VecDeque::from([(first.clone(), 0)]);
        while let Some((node, place)) = next.pop_front() {
            mlcore::interrupt::check("trace lineage")?;
            for other in neighbours.get(&node).into_iter().flatten() {
                let found = *places.entry(other.clone()).or_insert_with(|| {
                    nodes.push(other.clone());
                    next.push_back((other.clone(), nodes.len() - 1));
                    nodes.len() - 1
                });
                edges.insert(edge(found, place));
            }
        }
        Ok(StoreGraph { nodes, edges: edges.into_iter().collect() })
    }
}
