//! What a registry tells of a version: lineage in both directions, and model cards.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use mlcore::artifact::Digest;
use mlcore::name::{Alias, ModelName, RunId, Version};
use mlcore::registry::{
    Change, Condition, DetachedSignature, Expected, GovernanceExt, Lineage, LineageExt, LineageGraph,
    LineageNode, LineageOptions, MemoryRegistry, ModelCard, NewModel, NewVersion, PromotionPolicy, Registry,
    RegistryExt, Stage, VerifySignature, verify_signatures,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

fn change(minute: i64) -> Change {
    Change::new("ana", Timestamp::from_millis(minute * 60_000))
}

fn name(text: &str) -> ModelName {
    ModelName::new(text).unwrap()
}

fn create(registry: &dyn Registry, model: &str, lineage: Lineage) -> Version {
    let artifact = Digest::of(format!("{model} {lineage:?}"));
    let new = NewVersion::new(name(model), artifact, Signature::default()).with_lineage(lineage);
    registry.create_version(new, &change(1)).unwrap().version
}

/// Data `may` through a plan and a run to churn/1, from which fraud/1 was derived, and from that churn/2.
fn family() -> MemoryRegistry {
    let registry = MemoryRegistry::new();
    for model in ["churn", "fraud"] {
        registry.create_model(name(model), &change(0)).unwrap();
    }
    let run = |id: &str| RunId::new(id).unwrap();
    let first = Lineage::default()
        .with_dataset(Digest::of("may"))
        .with_plan(Digest::of("plan"), Digest::of("plan's bytes"))
        .with_run(run("r1"));
    let one = create(&registry, "churn", first);
    let derived = Lineage::default().with_parent(name("churn"), one).with_run(run("r2"));
    let other = create(&registry, "fraud", derived);
    create(&registry, "churn", Lineage::default().with_parent(name("fraud"), other));
    create(&registry, "churn", Lineage::default().with_dataset(Digest::of("june")));
    let champion = Alias::new("champion").unwrap();
    registry.transition(&name("churn"), one, Stage::Dev, Stage::Staging, &change(2)).unwrap();
    registry.promote(&name("churn"), one, &champion, Expected::Absent, &change(3)).unwrap();
    registry
}

/// The edges as words.
fn told(graph: &LineageGraph) -> Vec<String> {
    let node = |place: usize| graph.nodes[place].to_string();
    graph.edges.iter().map(|edge| format!("{} > {}", node(edge.from), node(edge.to))).collect()
}

#[test]
fn a_version_knows_where_it_came_from() {
    let registry = family();
    let graph =
        registry.upstream(&name("churn"), Version::new(2).unwrap(), &LineageOptions::default()).unwrap();
    let mut steps = told(&graph);
    steps.sort();
    let (data, plan) = (&Digest::of("may").to_hex()[..12], &Digest::of("plan").to_hex()[..12]);
    let mut due = vec![
        "churn/1 > fraud/1".to_owned(),
        "fraud/1 > churn/2".to_owned(),
        "run r1 > churn/1".to_owned(),
        "run r2 > fraud/1".to_owned(),
        format!("dataset {data} > plan {plan}"),
        format!("plan {plan} > run r1"),
    ];
    due.sort();
    assert_eq!((steps, graph.is_cut, graph.missing.len()), (due, false, 0));
    assert_eq!(graph.nodes[0].to_string(), "churn/2");

    // A parent that was removed is told, and the way goes no further.
    registry.delete_version(&name("fraud"), Version::FIRST, &change(9)).unwrap();
    let graph =
        registry.upstream(&name("churn"), Version::new(2).unwrap(), &LineageOptions::default()).unwrap();
    assert_eq!((told(&graph), graph.missing.len()), (vec!["fraud/1 > churn/2".to_owned()], 1));
    let error = registry.upstream(&name("churn"), Version::new(99).unwrap(), &LineageOptions::default());
    assert!(matches!(error, Err(Error::NotFound(_))));
}

#[test]
fn what_came_of_data_plans_and_runs_is_found() {
    let registry = family();
    let options = LineageOptions::default().with_deployment("eu", name("churn"), Version::FIRST);
    let of = |origin: &LineageNode| {
        let graph = registry.downstream(origin, &options).unwrap();
        assert_eq!(&graph.nodes[0], origin);
        let read: LineageGraph = serde_json::from_str(&serde_json::to_string(&graph).unwrap()).unwrap();
        assert_eq!(read, graph);
        let mut nodes: Vec<String> = graph.nodes.iter().skip(1).map(ToString::to_string).collect();
        nodes.sort();
        nodes
    };
    let answers = ["churn in production", "churn/1", "churn/2", "churn@champion", "deployment eu", "fraud/1"];
    let with = |more: &[String]| {
        let mut all: Vec<String> =
            answers.iter().map(|node| (*node).to_owned()).chain(more.to_vec()).collect();
        all.sort();
        all
    };
    let plan = format!("plan {}", &Digest::of("plan").to_hex()[..12]);
    assert_eq!(of(&LineageNode::run(RunId::new("r1").unwrap())), with(&[]));
    assert_eq!(of(&LineageNode::plan(Digest::of("plan"))), with(&["run r1".to_owned()]));
    assert_eq!(of(&LineageNode::dataset(Digest::of("may"))), with(&[plan, "run r1".to_owned()]));
    assert_eq!(of(&LineageNode::dataset(Digest::of("june"))), ["churn/3"]);
    assert_eq!(of(&LineageNode::dataset(Digest::of("never"))), [] as [&str; 0]);
    assert_eq!(of(&LineageNode::version(name("fraud"), Version::FIRST)), ["churn/2"]);
    let alias = of_kind(r#"{"kind":"alias","model":"churn","alias":"champion"}"#);
    assert!(matches!(registry.downstream(&alias, &options), Err(Error::InvalidInput(_))));

    // It is bounded, and says so.
    let few = options.with_most_nodes(3);
    let graph = registry.downstream(&LineageNode::run(RunId::new("r1").unwrap()), &few).unwrap();
    assert_eq!((graph.nodes.len(), graph.is_cut), (3, true));
    assert!(graph.edges.iter().all(|edge| edge.from < 3 && edge.to < 3));
}

fn of_kind(json: &str) -> LineageNode {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_graph_is_drawn_and_no_name_is_markup() {
    let registry = family();
    let hostile = "\"]; click n0 \"javascript:x\" <script>`\n";
    let options = LineageOptions::default().with_deployment(hostile, name("churn"), Version::FIRST);
    let graph = registry.downstream(&LineageNode::version(name("churn"), Version::FIRST), &options).unwrap();
    let text = graph.to_mermaid();
    assert!(text.starts_with("flowchart LR\n  n0[\"churn/1\"]\n"), "{text}");
    assert_eq!(text.lines().count(), 1 + graph.nodes.len() + graph.edges.len(), "{text}");
    assert!(
        !text.contains("<script") && !text.contains("\"]; click") && !text.contains("javascript:"),
        "{text}"
    );
    assert!(text.contains("#34;#93;#59; click n0 #34;javascript#58;x"), "{text}");
}

#[test]
fn a_card_tells_what_is_stored() {
    let registry = family();
    let (churn, one, ben) =
        (name("churn"), Version::FIRST, Change::new("ben", Timestamp::from_millis(600_000)));
    registry.set_metrics(&churn, one, [("auc", 0.83), ("log_loss", 0.4)], &change(5)).unwrap();
    let policy =
        PromotionPolicy::new().with(Condition::metric_at_least("auc", 0.8)).with(Condition::approvals(1));
    registry.set_policy(&churn, Some(policy), &change(6)).unwrap();
    registry.approve(&churn, one, Some("auditor"), &ben.clone().with_reason("read it")).unwrap();
    let artifact = registry.version(&churn, one).unwrap().artifact;
    registry.sign(&churn, one, DetachedSignature::new("release", "ed25519", artifact, "00"), &ben).unwrap();
    registry.transition(&churn, one, Stage::Production, Stage::Staging, &change(11)).unwrap();
    registry.promote(&churn, one, &Alias::new("champion").unwrap(), Expected::Any, &change(12)).unwrap();
    let card = ModelCard::of(&registry, &churn, one).unwrap();
    let text = card.to_markdown();
    for line in [
        "# churn, version 1",
        "## Model Details",
        "| Developed by | ana |",
        "| Aliases | champion |",
        "| auc | 0.83 |",
        "| Run | r1 |",
        "| ben | auditor | 1970-01-01T00:10:00Z | read it |",
        "| \\\"auc\\\" at least 0.8 | 0.83 | met |",
        "| 1 approvals | those of ben | met |",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert_eq!(
        ModelCard::of(&registry, &churn, one).unwrap().to_markdown(),
        text,
        "the text is made of facts"
    );
    // Others' history is not this one's.
    assert!(!text.contains("fraud/1"), "{text}");
    let page = card.to_html();
    assert!(page.contains("<td>those of ben</td>") && page.contains("<h2>Training Details</h2>"), "{page}");
    let of_another = ModelCard::of(&registry, &churn, Version::new(2).unwrap()).unwrap().to_markdown();
    assert!(of_another.contains("| Derived from | fraud/1 |"), "{of_another}");
}

#[test]
fn no_text_of_people_is_markup() {
    let registry = MemoryRegistry::new();
    let hostile = "<script>alert(1)</script> | [x](javascript:y) ![i](http://a/b) `code`\n# heading\n- item\n1. one\n    code\n---\n&lt;\u{202e}\"'";
    let new = NewModel::titled("Süd | <b>").with_description(hostile).with_tag("k|<i>", hostile);
    let model = registry.create_model(new, &change(0).with_reason(hostile)).unwrap().name;
    let source = NewVersion::external(model.clone(), "javascript:alert(1)").with_description(hostile);
    let version = registry.create_version(source, &change(1).with_reason(hostile)).unwrap().version;
    let card = ModelCard::of(&registry, &model, version).unwrap();
    let (text, page) = (card.to_markdown(), card.to_html());
    assert!(!text.contains('<') && !text.contains('\u{202e}'), "{text}");
    for line in text.lines().filter(|line| !line.starts_with("# ") && !line.starts_with("## ")) {
        let is_list = line.starts_with(['-', '#', '1', '`', ' ', '\t']) && !line.starts_with("1\\.");
        assert!(!is_list, "{line:?} begins with what means something");
        if line.starts_with('|') {
            // Pipes of people are escaped: a row has as many cells as its head.
            assert!(!line.contains("]("), "{line}");
        }
    }
    assert!(text.contains("\\[x\\]\\(javascript:y\\)") && text.contains("1\\. one"), "{text}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script"), "{page}");
    assert!(!page.contains("<i>") && !page.contains("href") && !page.contains("src="), "{page}");
}

struct Trusts(&'static str);

impl VerifySignature for Trusts {
    fn verify(&self, signature: &DetachedSignature) -> Result<()> {
        if signature.key == self.0 && signature.signature == "good" {
            return Ok(());
        }
        Err(Error::permission_denied("verify signature", &*signature.key, "the key is not trusted"))
    }
}

#[test]
fn signatures_are_verified_where_they_are_trusted() {
    let registry = family();
    let (churn, one) = (name("churn"), Version::FIRST);
    let verified = || verify_signatures(&registry, &churn, one, &Trusts("release"));
    assert!(matches!(verified(), Err(Error::PermissionDenied(_))), "no signature is none that is trusted");
    let artifact = registry.version(&churn, one).unwrap().artifact;
    registry
        .sign(&churn, one, DetachedSignature::new("release", "none", artifact, "good"), &change(5))
        .unwrap();
    assert_eq!(verified().unwrap().version, one);
    registry
        .sign(&churn, one, DetachedSignature::new("other", "none", artifact, "good"), &change(6))
        .unwrap();
    assert!(verified().is_err(), "every signature is verified");
}
