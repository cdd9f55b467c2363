//! From sources to services and back, and by a plan to the versions of models.

use std::sync::Arc;

use mlcore::arrow::array::{Float64Array, RecordBatch};
use mlcore::artifact::Digest;
use mlcore::name::ModelName;
use mlcore::registry::{Change, Lineage, MemoryRegistry, NewVersion, RegistryExt};
use mlcore::schema::{DType, Signature};
use mlcore::time::Timestamp;
use mlcore_features::pipeline::Plan;
use mlcore_features::store::definition::{
    Definition, DefinitionId, Entity, FeatureService, FeatureView, Field, Kind, OnDemandFeatureView,
    PlanReference, Repository, Source, Transformation,
};
use mlcore_features::store::registry::{StoreGraph, StoreNode};
use mlcore_features::transform::{Fit, StandardScaler};

fn plan() -> Plan {
    let table =
        RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(vec![20.0, 40.0])) as _)]).unwrap();
    Plan::new(StandardScaler::default().fit(&table).unwrap()).unwrap()
}

fn repository(plan: &Plan) -> Repository {
    let objects: Vec<Definition> = vec![
        Entity::builder("customer").value_type(DType::Int64).build().unwrap().into(),
        Source::file("people.parquet").name("people").timestamp_field("at").build().unwrap().into(),
        Source::push("pushed").batch_source("people").build().unwrap().into(),
        FeatureView::builder("ages", ["customer"])
            .schema([Field::new("age", DType::Int64)])
            .source("pushed")
            .build()
            .unwrap()
            .into(),
        OnDemandFeatureView::builder("scaled")
            .view("ages")
            .plan(PlanReference::of(plan).unwrap())
            .build()
            .unwrap()
            .into(),
        FeatureService::builder("churn").feature("scaled").build().unwrap().into(),
    ];
    Repository::new("shop", objects).unwrap()
}

fn names(graph: &StoreGraph) -> Vec<String> {
    graph.nodes.iter().map(ToString::to_string).collect()
}

fn node(kind: Kind, name: &str) -> StoreNode {
    StoreNode::Definition(DefinitionId::new(kind, name))
}

#[test]
fn lineage_goes_both_ways() {
    let plan = plan();
    let repository = repository(&plan);
    let short = format!("plan {:.12}", plan.digest());
    let down = repository.downstream(&node(Kind::Source, "people")).unwrap();
    assert_eq!(
        names(&down),
        [
            "source people",
            "source pushed",
            "feature view ages",
            "on-demand feature view scaled",
            "feature service churn",
        ]
    );
    assert_eq!(down.edges, [(0, 1), (1, 2), (2, 3), (3, 4)]);
    let up = repository.upstream(&node(Kind::FeatureService, "churn")).unwrap();
    let found = names(&up);
    for name in
        ["on-demand feature view scaled", "feature view ages", &short, "entity customer", "source people"]
    {
        assert!(found.iter().any(|own| own == name), "{name} is not in {found:?}");
    }
    assert!(
        up.edges.iter().all(|(from, to)| from > to),
        "steps lead from what was there before: {:?}",
        up.edges
    );
    let of_plan = repository.downstream(&StoreNode::Plan(plan.digest().parse().unwrap())).unwrap();
    assert_eq!(names(&of_plan), [short.as_str(), "on-demand feature view scaled", "feature service churn"]);
    assert!(up.to_mermaid().starts_with("flowchart LR\n  n0[\"feature service churn\"]\n"));
    for nobody in [node(Kind::FeatureView, "nobody"), StoreNode::Plan(Digest::ZERO)] {
        assert_eq!(repository.upstream(&nobody).unwrap_err().kind(), "not_found");
        assert_eq!(repository.downstream(&nobody).unwrap_err().kind(), "not_found");
    }
}

#[test]
fn a_plan_leads_to_the_versions_of_models() {
    let plan = plan();
    let (registry, change) = (MemoryRegistry::new(), Change::new("ana", Timestamp::from_millis(0)));
    let model = ModelName::new("churn").unwrap();
    registry.create_model(&model, &change).unwrap();
    let hash: Digest = plan.digest().parse().unwrap();
    let lineage = Lineage::default().with_plan(hash, hash);
    let new =
        NewVersion::new(model.clone(), Digest::of(b"a model"), Signature::default()).with_lineage(lineage);
    let version = registry.create_version(new, &change).unwrap().version;
    let up = repository(&plan).upstream(&node(Kind::FeatureService, "churn")).unwrap();
    assert_eq!(up.model_versions(&registry).unwrap(), [(model, version)]);
}

#[test]
fn a_plan_is_bound_by_its_digest() {
    let plan = plan();
    let repository = repository(&plan);
    let Some(Definition::OnDemandFeatureView(view)) =
        repository.definition(&DefinitionId::new(Kind::OnDemandFeatureView, "scaled"))
    else {
        unreachable!("the view is there")
    };
    let Transformation::Plan(reference) = view.transformation() else { unreachable!("it has a plan") };
    reference.check(&plan).unwrap();
    let table =
        RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(vec![1.0, 2.0])) as _)]).unwrap();
    let other = Plan::new(StandardScaler::default().fit(&table).unwrap()).unwrap();
    let error = reference.check(&other).unwrap_err();
    assert!(error.to_string().contains(other.digest()) && error.kind() == "schema_mismatch", "{error}");
}
