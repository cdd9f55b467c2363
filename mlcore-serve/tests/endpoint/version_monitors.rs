//! The monitor travels with the version: an endpoint watches by what the version brings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::RecordBatch;
use mlcore::artifact::{ArtifactStoreExt, Digest, FolderStore};
use mlcore::name::Version;
use mlcore::registry::{Lineage, NewVersion, RegistryExt};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore_drift::monitor::{Fleet, Monitor, MonitorOptions, MonitorReference, WindowCounts};
use mlcore_features::pipeline::Plan;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::EventKind;

use crate::features::{by_row, dense, encoded, endpoint, load_sum, table};
use crate::support::{Place, alias, change, model};

fn options() -> MonitorOptions {
    MonitorOptions::default().with_window_rows(200)
}

fn reference(shift: f64) -> MonitorReference {
    MonitorReference::new(&table(2_000, shift), &options()).unwrap()
}

/// Registers a version of this plan with the monitor that these bytes are.
fn register(place: &Place, plan: &Plan, monitor: Digest) -> mlcore::Result<Version> {
    let stored = place.artifacts.put_bytes(&plan.to_bytes().unwrap()).unwrap();
    let lineage = Lineage::default().with_plan(plan.digest().parse().unwrap(), stored).with_monitor(monitor);
    let artifact = place.artifacts.put_bytes(b"sum").unwrap();
    let outputs = Schema::new([Field::tensor("y", DType::Float64, [Dim::Dynamic])]).unwrap();
    let signature = Signature::new(dense(4), outputs);
    let new = NewVersion::new(model(), artifact, signature).with_lineage(lineage);
    Ok(place.registry.register(&*place.artifacts, new, &change("a version with its monitor"))?.version)
}

fn with_monitor(place: &Place, plan: &Plan, shift: f64) -> Version {
    let stored = place.artifacts.put_bytes(&reference(shift).to_bytes().unwrap()).unwrap();
    register(place, plan, stored).unwrap()
}

/// The columns that drifted in each window that ended.
fn drifted(endpoint: &Endpoint) -> Vec<BTreeSet<String>> {
    let judged = endpoint.process().into_iter().filter_map(|event| match event.kind {
        EventKind::Judged { verdict } => Some(verdict.drifted().map(|test| test.column.clone()).collect()),
        _ => None,
    });
    judged.collect()
}

fn ask(endpoint: &Endpoint, rows: &RecordBatch, plan: &Plan) {
    by_row(endpoint, rows, plan).unwrap();
}

#[test]
fn an_endpoint_monitors_from_the_first_request_and_a_swap_swaps_the_monitor() {
    let plan = encoded();
    let (place, builder) = endpoint(&plan, dense(4));
    place.point("champion", with_monitor(&place, &plan, 0.0));
    let endpoint = builder.build().unwrap();
    ask(&endpoint, &table(200, 0.0), &plan);
    assert_eq!(drifted(&endpoint), [BTreeSet::new()], "the first window is judged");
    ask(&endpoint, &table(200, 6.0), &plan);
    assert_eq!(drifted(&endpoint), [BTreeSet::from(["age".to_owned()])]);
    // Half a window of the old one; the new one was trained on what the old one calls drift.
    ask(&endpoint, &table(100, 6.0), &plan);
    endpoint.process();
    place.point("champion", with_monitor(&place, &plan, 6.0));
    endpoint.refresh().unwrap();
    ask(&endpoint, &table(200, 6.0), &plan);
    assert_eq!(drifted(&endpoint), [BTreeSet::new()]);
    ask(&endpoint, &table(200, 0.0), &plan);
    assert_eq!(drifted(&endpoint), [BTreeSet::from(["age".to_owned()])]);
    // One that brings none is not watched.
    place.point("champion", Version::FIRST);
    endpoint.refresh().unwrap();
    ask(&endpoint, &table(400, 6.0), &plan);
    assert!(drifted(&endpoint).is_empty());
    assert!(endpoint.monitor_reference().unwrap().is_none());
    assert_eq!(endpoint.counts().unmonitored, 0);
}

#[test]
fn what_an_endpoint_is_told_to_watch_by_comes_first() {
    let plan = encoded();
    let (place, builder) = endpoint(&plan, dense(4));
    place.point("champion", with_monitor(&place, &plan, 0.0));
    let told = builder.with_monitor(Monitor::new(&table(2_000, 6.0), &options()).unwrap()).build().unwrap();
    ask(&told, &table(200, 6.0), &plan);
    assert_eq!(drifted(&told), [BTreeSet::new()], "one verdict, of the monitor that was handed in");
    let (place, builder) = endpoint(&plan, dense(4));
    place.point("champion", with_monitor(&place, &plan, 0.0));
    let silent = builder.without_version_monitors().build().unwrap();
    ask(&silent, &table(400, 6.0), &plan);
    assert!(drifted(&silent).is_empty());
}

#[test]
fn a_version_whose_monitor_cannot_be_read_is_not_released() {
    let plan = encoded();
    let (place, builder) = endpoint(&plan, dense(4));
    place.point("champion", with_monitor(&place, &plan, 0.0));
    let endpoint = builder.build().unwrap();
    let missing = register(&place, &plan, Digest::of("nowhere")).unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    let other = place.artifacts.put_bytes(b"no monitor").unwrap();
    let before = endpoint.shares()[0].1;
    place.point("champion", register(&place, &plan, other).unwrap());
    let error = endpoint.refresh().unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("monitor"), "{error}");
    assert_eq!(endpoint.shares()[0].1, before, "what was served goes on");
    ask(&endpoint, &table(200, 6.0), &plan);
    assert_eq!(drifted(&endpoint), [BTreeSet::from(["age".to_owned()])]);
}

/// Changes the file that an artifact is kept in, behind the back of its store; says whether there is one.
fn change_file(folder: &Path, content: &[u8]) -> bool {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).unwrap() == content {
                let mut changed = content.to_vec();
                changed[content.len() / 2] ^= 1;
                fs::remove_file(&path).unwrap();
                fs::write(path, changed).unwrap();
                return true;
            }
        }
    }
    false
}

#[test]
fn a_version_whose_monitor_was_changed_is_not_released() {
    let plan = encoded();
    let (place, _) = endpoint(&plan, dense(4));
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FolderStore::open(folder.path()).unwrap());
    let own = reference(0.0).to_bytes().unwrap();
    for artifact in [&plan.to_bytes().unwrap(), &b"sum".to_vec(), &own] {
        store.put_bytes(artifact).unwrap();
    }
    let first = place.registry.resolve(&model(), &alias("champion")).unwrap().version;
    let builder = || Endpoint::builder(model(), place.registry.clone(), store.clone()).with_loader(load_sum);
    let endpoint = builder().build().unwrap();
    let watched = with_monitor(&place, &plan, 0.0);
    assert!(change_file(folder.path(), &own));
    place.point("champion", watched);
    let error = endpoint.refresh().unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    assert_eq!(endpoint.shares()[0].1, first, "what was served goes on");
    ask(&endpoint, &table(10, 0.0), &plan);
    assert!(matches!(builder().build().unwrap_err(), Error::Corrupt(_)), "nor is it by a new process");
}

#[test]
fn a_monitor_of_columns_that_the_version_does_not_read_is_told() {
    let plan = encoded();
    let (place, builder) = endpoint(&plan, dense(4));
    let wide = table(500, 0.0);
    let other = RecordBatch::try_from_iter([("income", wide.column(0).clone())]).unwrap();
    let bytes = MonitorReference::new(&other, &options()).unwrap().to_bytes().unwrap();
    let stored = place.artifacts.put_bytes(&bytes).unwrap();
    place.point("champion", register(&place, &plan, stored).unwrap());
    let endpoint = builder.build().unwrap();
    let told: Vec<Vec<String>> = endpoint
        .process()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Unmonitored { columns, .. } => Some(columns),
            _ => None,
        })
        .collect();
    assert_eq!(told, [["income"]]);
    ask(&endpoint, &table(300, 6.0), &plan);
    assert!(drifted(&endpoint).is_empty());
}

#[test]
fn replicas_hand_out_counts_that_a_fleet_judges() {
    let plan = encoded();
    let (place, first) = endpoint(&plan, dense(4));
    place.point("champion", with_monitor(&place, &plan, 0.0));
    let second = place.endpoint().with_loader(load_sum);
    let replicas = [first, second].map(|builder| builder.with_fleet_counts().build().unwrap());
    let reference = replicas[0].monitor_reference().unwrap().unwrap();
    let mut fleet = Fleet::new(&reference).unwrap();
    let mut found = Vec::new();
    for round in 0..4 {
        for (number, replica) in replicas.iter().enumerate() {
            ask(replica, &table(50, 6.0), &plan);
            replica.process();
            let counts = replica.take_counts().unwrap().unwrap();
            assert_eq!(counts.rows(), 50);
            if round == 1 {
                // It did not arrive.
                assert!(replica.put_back_counts(&counts).unwrap());
                assert_eq!(replica.take_counts().unwrap().unwrap(), counts);
            }
            let sent = WindowCounts::from_bytes(&counts.to_bytes()).unwrap();
            found.extend(fleet.add(&number.to_string(), &sent).unwrap());
        }
    }
    assert_eq!(found.len(), 2, "400 rows of two replicas are two windows");
    for verdict in &found {
        assert_eq!(verdict.replicas.values().copied().collect::<Vec<_>>(), [100, 100]);
        assert!(verdict.verdict.column("age", "ks").unwrap().outcome.to_string() == "drifted");
    }
    // Each replica alone saw one window.
    assert_eq!(replicas.iter().map(|replica| replica.counts().unmonitored).sum::<u64>(), 0);
    let plain = place.endpoint().with_loader(load_sum).build().unwrap();
    assert!(plain.take_counts().unwrap().is_none());
}
