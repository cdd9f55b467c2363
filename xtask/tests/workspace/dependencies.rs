//! Dependencies point down only, siblings are strangers, and the lower crates stay free of runtimes and protocols.

use crate::{cargo, packages};

/// What each library may depend on, from the bottom up (ARCHITECTURE.md, "The crates").
const BELOW: [(&str, &[&str]); 6] = [
    ("mlcore", &[]),
    // Macros: they name what they write for, and know it not.
    ("mlcore-features-derive", &[]),
    ("mlcore-features", &["mlcore", "mlcore-features-derive"]),
    ("mlcore-drift", &["mlcore"]),
    ("mlcore-serve", &["mlcore", "mlcore-features", "mlcore-drift"]),
    // What the examples share: nobody else's business.
    ("doctor-visit", &["mlcore", "mlcore-features", "mlcore-drift"]),
];

/// Async runtimes, HTTP, gRPC and data frames: they belong in `mlcore-serve` or behind `mlcore-features/offline`.
const KEPT_OUT: [&str; 9] =
    ["tokio", "hyper", "axum", "reqwest", "tonic", "prost", "h2", "async-std", "polars"];

#[test]
fn workspace_dependencies_point_down() {
    let packages = packages();
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let libraries: Vec<&str> = BELOW.iter().map(|(name, _)| *name).collect();
    for library in &libraries {
        assert!(names.contains(library), "{library} is in the table but not in the workspace");
    }
    for package in &packages {
        let name = package["name"].as_str().expect("a package has a name");
        // Whatever is not a library is a leaf: it may use every library, and nobody may use it.
        let allowed =
            BELOW.iter().find(|(library, _)| *library == name).map_or(&libraries[..], |(_, below)| below);
        for dependency in package["dependencies"].as_array().expect("a package lists dependencies") {
            let target = dependency["name"].as_str().expect("a dependency has a name");
            // A crate may take itself as a development dependency, to switch on a feature of its own tests.
            if names.contains(&target) && target != name {
                assert!(allowed.contains(&target), "{name} depends on {target}, which does not lie below it");
                let example =
                    package["manifest_path"].as_str().is_some_and(|path| path.contains("/examples/"));
                assert!(
                    target != "doctor-visit" || example,
                    "{name} is no example and uses the examples' model"
                );
                assert!(
                    target != "mlcore-features-derive" || name == "mlcore-features",
                    "{name} takes the macros by themselves, and not by the feature of mlcore-features"
                );
            }
        }
    }
}

#[test]
fn lower_crates_link_no_runtime_protocol_or_data_frame() {
    let trees: [(&str, &[&str]); 4] = [
        ("mlcore", &["--features", "ort,sqlite,mlruns,ndarray,signatures,conformance"]),
        ("mlcore-drift", &["--all-features"]),
        ("mlcore-features", &["--features", "full"]),
        ("mlcore-serve", &[]),
    ];
    for (package, features) in trees {
        let linked = linked(package, features);
        assert!(
            linked.iter().any(|own| own == "mlcore") && linked.len() > 10,
            "cargo tree lists what {package} links"
        );
        for name in &linked {
            let family = name.split('-').next().unwrap_or(name);
            assert!(
                !KEPT_OUT.contains(&name.as_str()) && !KEPT_OUT.contains(&family),
                "{package} links {name}"
            );
        }
    }
}

/// The clients of PostgreSQL and of object stores have a runtime, within threads of mlcore's own. The latter's types of bodies are
/// hyper's; no client of it is linked, since requests leave by `ureq`. Nothing else of the kind comes with them.
#[test]
fn postgres_and_object_stores_alone_bring_a_runtime_to_the_core() {
    let links = |features: &str| kept_out_of("mlcore", features);
    assert_eq!(links("full"), ["tokio", "hyper"]);
    assert_eq!(links("postgres"), ["tokio"]);
    assert_eq!(links("object-store"), ["tokio", "hyper"]);
    let packages = packages();
    let core =
        packages.iter().find(|package| package["name"] == "mlcore").expect("mlcore is in the workspace");
    let features: Vec<&String> =
        core["features"].as_object().expect("a package lists features").keys().collect();
    assert_eq!(
        features,
        [
            "conformance",
            "default",
            "full",
            "mlruns",
            "ndarray",
            "object-store",
            "ort",
            "postgres",
            "signatures",
            "sqlite"
        ],
        "each is looked at above"
    );
}

/// polars has a runtime, for files that lie elsewhere, which nothing starts here. None of its formats, clients and serialisers comes
/// with it, whose packages were several times as many, with advisories among them.
#[test]
fn offline_alone_brings_polars_and_none_of_its_formats() {
    assert_eq!(kept_out_of("mlcore-features", "full"), [""; 0]);
    assert_eq!(kept_out_of("mlcore-features", "offline"), ["tokio", "polars"]);
    assert_eq!(kept_out_of("mlcore-features", "postgres"), ["tokio"]);
    assert_eq!(kept_out_of("mlcore-features", "object-store"), ["tokio", "hyper"]);
    assert_eq!(kept_out_of("mlcore-features", "redis-tls"), [""; 0]);
    let packages = packages();
    let own =
        packages.iter().find(|package| package["name"] == "mlcore-features").expect("it is in the workspace");
    let features = own["features"].as_object().expect("a package lists features");
    let full = features["full"].as_array().expect("it is a list");
    let others = features.keys().filter(|name| !full.iter().any(|own| own == name.as_str()));
    assert_eq!(
        others.collect::<Vec<_>>(),
        ["default", "full", "object-store", "offline", "postgres", "redis-tls"],
        "all of `full` are looked at above"
    );
    let linked = linked("mlcore-features", &["--features", "offline"]);
    let unwanted = [
        "polars-parquet",
        "polars-json",
        "polars-sql",
        "polars-stream",
        "object_store",
        "quick-xml",
        "bincode",
    ];
    let unwanted: Vec<&str> =
        unwanted.into_iter().filter(|name| linked.iter().any(|own| own == name)).collect();
    assert_eq!(unwanted, [""; 0], "a feature of polars brings them");
    for package in &packages {
        let name = package["name"].as_str().expect("a package has a name");
        if name != "mlcore-features" {
            let linked = self::linked(name, &["--all-features"]);
            assert!(!linked.iter().any(|own| own.starts_with("polars")), "{name} links polars");
        }
    }
}

/// The names of the packages that a package links.
fn linked(package: &str, features: &[&str]) -> Vec<String> {
    let base = [
        "tree",
        "--locked",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--package",
        package,
    ];
    let tree = cargo(&[&base[..], features].concat());
    tree.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

/// What a package links of that which is to be kept out.
fn kept_out_of(package: &str, features: &str) -> Vec<&'static str> {
    let linked = linked(package, &["--features", features]);
    KEPT_OUT.into_iter().filter(|name| linked.iter().any(|own| own == name)).collect()
}

#[test]
fn one_arrow_serves_all() {
    let tree =
        cargo(&["tree", "--locked", "--workspace", "--all-features", "--prefix", "none", "--format", "{p}"]);
    for name in ["arrow-array", "arrow-schema", "parquet", "pyo3", "ndarray"] {
        let mut versions: Vec<&str> = tree
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .filter_map(|rest| rest.split_whitespace().next())
            .collect();
        versions.sort_unstable();
        versions.dedup();
        assert!(
            versions.len() <= 1,
            "{name} is linked in several versions, {versions:?}: nothing crosses without a copy"
        );
    }
}
