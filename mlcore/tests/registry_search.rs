//! Models and versions by name, tag, stage and metric, in mlcore's words and in MLflow's.

use mlcore::Result;
use mlcore::artifact::Digest;
use mlcore::name::{ModelName, RunId, Version};
use mlcore::registry::{
    Change, Dialect, Lineage, MemoryRegistry, ModelSearch, NewModel, NewVersion, RegistryExt, Stage,
    VersionSearch,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;

fn at(second: i64) -> Change {
    Change::new("ana", Timestamp::from_millis(second * 1000))
}

/// Three models; `churn` has four versions, `Süd` one that is kept elsewhere.
fn filled() -> Result<MemoryRegistry> {
    let registry = MemoryRegistry::new();
    registry.create_model(
        NewModel::titled("churn").with_tag("team", "risk").with_description("who leaves"),
        &at(1),
    )?;
    registry.create_model(NewModel::titled("Süd").with_tag("team", "south"), &at(2))?;
    registry.create_model(NewModel::titled("fraud").with_tag("kind", "prompt"), &at(3))?;
    let churn = ModelName::new("churn")?;
    for (place, auc) in [0.7, 0.9, 0.8].into_iter().enumerate() {
        let new = NewVersion::new(churn.clone(), Digest::of([1]), Signature::default());
        let lineage = Lineage::default().with_run(RunId::new(format!("r{place}"))?);
        registry.create_version(
            new.with_metric("auc", auc).with_lineage(lineage).with_tag("kind", "tree"),
            &at(4),
        )?;
    }
    registry.create_version(NewVersion::new(churn.clone(), Digest::of([2]), Signature::default()), &at(5))?;
    registry.create_version(NewVersion::external(NewModel::titled("Süd").name, "s3://models/süd"), &at(6))?;
    registry.transition(&churn, Version::new(2)?, Stage::Dev, Stage::Staging, &at(7))?;
    Ok(registry)
}

fn versions(registry: &MemoryRegistry, search: &VersionSearch) -> Result<Vec<String>> {
    let page = registry.search_versions(search)?;
    Ok(page.items.iter().map(|found| format!("{}/{}", &found.model.as_str()[..5], found.version)).collect())
}

#[test]
fn models_are_found_by_title_tag_and_time() -> Result<()> {
    let registry = filled()?;
    let found = |search: ModelSearch| -> Result<Vec<String>> {
        Ok(registry.search_models(&search)?.items.iter().map(|model| model.title().to_owned()).collect())
    };
    let by = |filter: &str| found(ModelSearch::default().with_filter(filter));
    assert_eq!(found(ModelSearch::default())?, ["Süd", "churn", "fraud"]);
    assert_eq!(by("name = 'Süd'")?, ["Süd"]);
    assert!(by("name = 'süd'")?.is_empty());
    assert_eq!(by("name ILIKE 'CH%'")?, ["churn"]);
    assert_eq!(by("tags.team IN ('risk', 'south')")?, ["Süd", "churn"]);
    assert_eq!(by("tags.team IS NULL")?, ["fraud"]);
    assert_eq!(by("description LIKE '%leaves'")?, ["churn"]);
    assert_eq!(by("created_at >= 2000 AND created_by = 'ana'")?, ["Süd", "fraud"]);
    assert_eq!(found(ModelSearch::default().with_order("updated_at DESC"))?, ["churn", "Süd", "fraud"]);
    assert_eq!(found(ModelSearch::default().without_tag("kind", "prompt"))?, ["Süd", "churn"]);

    // MLflow's words are fewer.
    let mlflow =
        |filter: &str| found(ModelSearch::default().with_filter(filter).with_dialect(Dialect::Mlflow));
    assert_eq!(mlflow("tags.team = 'risk'")?, ["churn"]);
    assert_eq!(mlflow("description = 'x'").unwrap_err().kind(), "invalid_input");
    Ok(())
}

#[test]
fn versions_are_found_by_name_stage_metric_and_run() -> Result<()> {
    let registry = filled()?;
    let by = |filter: &str| versions(&registry, &VersionSearch::default().with_filter(filter));
    assert_eq!(by("")?, ["churn/2", "title/1", "churn/4", "churn/3", "churn/1"]);
    assert_eq!(by("name = 'churn' AND metrics.auc > 0.75")?, ["churn/2", "churn/3"]);
    assert_eq!(by("stage = 'staging'")?, ["churn/2"]);
    assert_eq!(by("format = 'external'")?, ["title/1"]);
    assert_eq!(by("name = 'Süd' AND source LIKE 's3:%'")?, ["title/1"]);
    assert_eq!(by("run_id IN ('r0', 'r2')")?, ["churn/3", "churn/1"]);
    assert_eq!(by("tags.kind IS NULL AND name = 'churn'")?, ["churn/4"]);
    assert!(by("name = 'absent'")?.is_empty());
    let best = VersionSearch::default().with_order("metrics.auc DESC").with_filter("name = 'churn'");
    assert_eq!(versions(&registry, &best)?, ["churn/2", "churn/3", "churn/1", "churn/4"]);
    let mlflow = VersionSearch::default().with_dialect(Dialect::Mlflow);
    assert_eq!(versions(&registry, &mlflow.clone().with_filter("version_number > 3"))?, ["churn/4"]);
    let refused = versions(&registry, &mlflow.with_filter("stage = 'staging'"));
    assert_eq!(refused.unwrap_err().kind(), "invalid_input");
    Ok(())
}

#[test]
fn pages_go_on_where_they_ended_and_belong_to_their_search() -> Result<()> {
    let registry = filled()?;
    let search = VersionSearch::default().with_order("name").with_limit(2);
    let (mut seen, mut page) = (Vec::new(), registry.search_versions(&search)?);
    let first = page.next.clone();
    loop {
        seen.extend(page.items.iter().map(|found| found.version.get()));
        let Some(token) = page.next else { break };
        // What is added before the place of the page hides nothing.
        page = registry.search_versions(&search.clone().with_page(token))?;
    }
    assert_eq!(seen, [1, 4, 3, 2, 1]);
    let other = VersionSearch::default().with_order("name DESC").with_limit(2).with_page(first);
    assert_eq!(registry.search_versions(&other).unwrap_err().context().subject(), "page token");
    for limit in [0, 200_001] {
        let refused = registry.search_versions(&VersionSearch::default().with_limit(limit));
        assert_eq!(refused.unwrap_err().context().subject(), "limit");
    }
    Ok(())
}
