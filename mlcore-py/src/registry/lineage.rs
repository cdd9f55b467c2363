//! From the data to what answers, in both directions.

use std::collections::BTreeMap;

use mlcore::Error;
use mlcore::artifact::Digest;
use mlcore::name::{ModelName, RunId, Version};
use mlcore::registry::{LineageExt, LineageGraph, LineageNode, LineageOptions};
use pyo3::prelude::*;

use super::Registry;
use crate::door::Text;
use crate::error::entry;
use crate::plain::plain;

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Registry {
    /// Where a version came from, and what came of it: data set, feature plan, run, the versions that it was derived from and those that were
    /// derived from it, across models, and what answers by it now.
    ///
    /// Parameters
    /// ----------
    /// direction : {"both", "upstream", "downstream"}
    ///     Where to look: to what it came of, to what came of it, or both. Downstream every version of the registry is looked at.
    /// deployments : dict, optional
    ///     What serves which version, beside aliases and production: ``{"eu-west": ("churn", 3)}``.
    /// limit : int
    ///     The most things that are answered.
    ///
    /// Returns
    /// -------
    /// mlcore.registry.LineageGraph
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:")
    /// >>> _ = registry.register("churn", b"one", format="text", run="r1", dataset="sha256:" + "0" * 64)
    /// >>> _ = registry.register("churn", b"two", format="text", parent=("churn", 1))
    /// >>> _ = registry.set_alias("churn", "canary", 2)
    /// >>> graph = registry.lineage("churn", 1)
    /// >>> [node.label for node in graph.nodes]
    /// ['churn/1', 'dataset 000000000000', 'run r1', 'churn/2', 'churn@canary']
    #[pyo3(
        signature = (name, version, *, direction = Text::new("both"), deployments = None, limit = 10_000),
        text_signature = "($self, name, version, *, direction='both', deployments=None, limit=10000)"
    )]
    fn lineage<'py>(
        &self,
        py: Python<'py>,
        name: Text,
        version: u64,
        direction: Text,
        deployments: Option<BTreeMap<String, (Text, u64)>>,
        limit: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let graph = self.ask(py, |opened| {
            let (model, version) = (ModelName::new(&name)?, Version::new(version)?);
            let options = options(deployments, limit)?;
            let (backend, node) = (&opened.backend, LineageNode::version(model.clone(), version));
            match &*direction {
                "upstream" => backend.upstream(&model, version, &options),
                "downstream" => backend.downstream(&node, &options),
                "both" => {
                    let above = backend.upstream(&model, version, &options)?;
                    Ok(joined(above, backend.downstream(&node, &options)?, limit))
                }
                other => {
                    let problem = format!("there is none called {other:?}");
                    Err(Error::invalid_input(LINEAGE, "direction", problem)
                        .remedy("use both, upstream or downstream"))
                }
            }
        })?;
        shown(py, &graph)
    }

    /// What came of a data set, a feature plan or a run: runs, versions, those that were derived from them, across models, and what answers by
    /// them now. Every version of the registry is looked at.
    ///
    /// Parameters
    /// ----------
    /// dataset, plan, run : str, optional
    ///     One of them: the digest of the data as ``sha256:`` and 64 hexadecimal digits, ``Plan.plan_hash``, or the id of a run.
    /// deployments, limit : optional
    ///     As :meth:`lineage` takes them.
    ///
    /// Returns
    /// -------
    /// mlcore.registry.LineageGraph
    #[pyo3(signature = (*, dataset = None, plan = None, run = None, deployments = None, limit = 10_000))]
    fn lineage_of<'py>(
        &self,
        py: Python<'py>,
        dataset: Option<Text>,
        plan: Option<Text>,
        run: Option<Text>,
        deployments: Option<BTreeMap<String, (Text, u64)>>,
        limit: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let graph = self.ask(py, |opened| {
            let origin = match (dataset, plan, run) {
                (Some(digest), None, None) => LineageNode::dataset(digest.parse::<Digest>()?),
                (None, Some(hash), None) => LineageNode::plan(hash.parse::<Digest>()?),
                (None, None, Some(run)) => LineageNode::run(RunId::new(&run)?),
                _ => {
                    let problem = "one of dataset, plan and run is needed";
                    return Err(Error::invalid_input(LINEAGE, "origin", problem).remedy("give exactly one"));
                }
            };
            opened.backend.downstream(&origin, &options(deployments, limit)?)
        })?;
        shown(py, &graph)
    }
}

fn options(
    deployments: Option<BTreeMap<String, (Text, u64)>>,
    limit: usize,
) -> mlcore::Result<LineageOptions> {
    let mut options = LineageOptions::default().with_most_nodes(limit);
    for (name, (model, version)) in deployments.unwrap_or_default() {
        options = options.with_deployment(name, ModelName::new(&model)?, Version::new(version)?);
    }
    Ok(options)
}

/// Two graphs of one version as one.
fn joined(mut graph: LineageGraph, more: LineageGraph, limit: usize) -> LineageGraph {
    let mut places: BTreeMap<LineageNode, usize> =
        graph.nodes.iter().cloned().enumerate().map(|(place, node)| (node, place)).collect();
    let mut of_more = Vec::with_capacity(more.nodes.len());
    for node in more.nodes {
        let known = places.get(&node).copied();
        let place = known.or_else(|| {
            let place = graph.nodes.len();
            (place < limit.max(1)).then(|| {
                graph.nodes.push(node.clone());
                places.insert(node, place);
                place
            })
        });
        graph.is_cut |= place.is_none();
        of_more.push(place);
    }
    for mut edge in more.edges {
        let place = |of: usize| of_more.get(of).copied().flatten();
        if let (Some(from), Some(to)) = (place(edge.from), place(edge.to)) {
            (edge.from, edge.to) = (from, to);
            graph.edges.push(edge);
        }
    }
    graph.edges.sort_unstable();
    graph.edges.dedup();
    graph.missing.extend(more.missing);
    graph.is_cut |= more.is_cut;
    graph
}

fn shown<'py>(py: Python<'py>, graph: &LineageGraph) -> PyResult<Bound<'py, PyAny>> {
    entry(py, |py| {
        let labels: Vec<String> = graph.nodes.iter().map(ToString::to_string).collect();
        let arguments = (plain(py, LINEAGE, graph)?, labels, graph.to_mermaid());
        py.import("mlcore._governance")?.getattr("LineageGraph")?.call_method1("_of", arguments)
    })
}

const LINEAGE: &str = "read lineage";
