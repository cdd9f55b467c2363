//! Models, versions and the audit log.

use mlcore::name::Alias;
use mlcore::registry::{Change, Expected, NewModel, RegistryExt};

use crate::support::{Place, at, change, model_name};

#[test]
fn a_model_shows_its_versions_and_where_its_aliases_were() {
    let place = Place::new();
    place.fill_registry("x");
    let list = place.get("/ui/models");
    assert!(list.contains("href=\"./models/churn\"") && list.contains("champion \u{2192} "));
    let model = place.get("/ui/models/churn");
    for words in [
        "external",
        "production",
        "archived",
        "Aliases over time",
        "Version that an alias means",
        "0.81",
        "promote version",
    ] {
        assert!(model.contains(words), "{words}: {model}");
    }
    let champion = Alias::new("champion").unwrap();
    let why = Change::new("ben", at(5000)).with_reason("it was worse");
    place.registry.roll_back(&model_name("churn"), &champion, Expected::Any, &why).unwrap();
    assert!(place.get("/ui/models/churn").contains("rolled back</span> it was worse"));
}

#[test]
fn a_version_shows_its_lineage_both_ways() {
    let place = Place::new();
    place.fill_tracker("x");
    place.fill_registry("javascript:x");
    let first = place.get("/ui/models/churn/versions/1");
    for words in [
        "href=\"../../../runs/a\"",
        "What came of it",
        "href=\"../../../models/churn/versions/2\"",
        "[?, 2]",
        "float32",
        "create version",
    ] {
        assert!(first.contains(words), "{words}: {first}");
    }
    // Such an address is shown, and leads nowhere.
    assert!(first.contains("<code>javascript:x</code>") && !first.contains("href=\"javascript"));
    let digest = mlcore::artifact::Digest::of("data").to_hex();
    let data = place.get(&format!("/ui/datasets/{digest}"));
    assert!(data.contains("churn 1") && data.contains("churn 2"));
    assert!(place.get("/ui/models/churn/versions/3").contains("kept elsewhere"));
}

#[test]
fn models_are_searched() {
    let place = Place::new();
    for name in ["churn", "fraud", "demand"] {
        place
            .registry
            .create_model(NewModel::new(model_name(name)).with_tag("team", name), &change())
            .unwrap();
    }
    place.registry.create_model(NewModel::titled("Bedarf (Süd)"), &change()).unwrap();
    let found = |query: &str| place.get(&format!("/ui/models?{query}"));
    assert!(found("name=RAU").contains(">fraud</a>") && !found("name=RAU").contains(">churn</a>"));
    assert!(found("filter=tags.team%20%3D%20%27churn%27").contains(">churn</a>"));
    assert!(found("").contains(">Bedarf (Süd)</a>"));
}

#[test]
fn the_log_is_paged_and_verified() {
    let place = Place::new();
    let churn = model_name("churn");
    place.registry.create_model(churn.clone(), &change()).unwrap();
    for number in 0..250 {
        place.registry.set_model_tag(&churn, "n", &number.to_string(), &change()).unwrap();
    }
    let first = place.get("/ui/audit");
    assert!(first.contains(">251</a>") && first.contains(">152</a>") && !first.contains(">151</a>"));
    assert!(first.contains("pill good\">whole</span>"));
    let second = place.get("/ui/audit?before=152");
    assert!(second.contains(">151</a>") && second.contains(">52</a>") && second.contains("Last entries"));
    let last = place.get("/ui/audit?before=52");
    assert!(last.contains(">1</a>") && !last.contains("Older entries"));
    let entry = place.get("/ui/audit/251");
    assert!(
        entry.contains("set tag")
            && entry.contains("&quot;sequence&quot;:251")
            && !entry.contains("Entry after")
    );
}
