//! Whoever asks a long operation to stop gets told so, and nothing is changed.
#![cfg(test)]

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, FolderStore, MemoryStore};
use mlcore::evaluate::{self, Contender, Gate, GateMetric, Requirement, Truth, ZeroDivision};
use mlcore::name::ModelName;
use mlcore::registry::{Change, MemoryRegistry, Registry, RegistryExt, SqliteRegistry};
use mlcore::stats::{self, Chi2Options, Correction, KsOptions, KsReference, TTestOptions};
use mlcore::time::Timestamp;
use mlcore::{Error, Result, interrupt};

fn stopped<T>(work: impl FnOnce() -> Result<T>) -> bool {
    matches!(interrupt::scope(|| true, work), Err(Error::Interrupted(_)))
}

#[test]
fn statistics_stop() {
    let (x, y) = ([0.1, 0.7, 0.3], [0.5, 0.9]);
    assert!(stopped(|| stats::ks_2samp(&x, &y, &KsOptions::default())));
    assert!(stopped(|| stats::ks_2samp_pvalue(0.5, 3, 2, &KsOptions::default())));
    assert!(stopped(|| KsReference::new(&x)));
    let reference = KsReference::new(&x).unwrap();
    assert!(stopped(|| reference.compare(&y, &KsOptions::default())));
    assert!(stopped(|| stats::ttest_ind(&x, &y, &TTestOptions::welch())));
    assert!(stopped(|| stats::wasserstein_distance(&x, &y, None, None)));
    assert!(stopped(|| stats::energy_distance(&x, &y, None, None)));
    assert!(stopped(|| stats::mannwhitneyu(&x, &y, &stats::MannWhitneyOptions::default())));
    assert!(stopped(|| stats::cramervonmises_2samp(&x, &y, &stats::CramerVonMisesOptions::default())));
    assert!(stopped(|| stats::anderson_ksamp(&[&x, &y], &stats::AndersonOptions::default())));
    assert!(stopped(|| stats::kuiper_two(&x, &y)));
    assert!(stopped(|| stats::SortedSample::new(&x)));
    let six = [0.1, 0.7, 0.3, 0.2, 0.9, 0.4];
    assert!(stopped(|| stats::epps_singleton_2samp(&six, &six, &stats::EppsSingletonOptions::default())));
    let first = |samples: &[&[f64]]| Ok(samples[0][0]);
    assert!(stopped(|| stats::permutation_test(&[&x, &y], first, &stats::PermutationOptions::default())));
    assert!(stopped(|| stats::multipletests(&x, 0.05, Correction::Holm)));
    assert!(stopped(|| stats::chi2_contingency(&[[1.0, 2.0], [3.0, 4.0]], &Chi2Options::default())));
}

#[test]
fn metrics_and_the_gate_stop() {
    let (y, p) = ([true, false, true], [0.9, 0.2, 0.4]);
    assert!(stopped(|| evaluate::roc_auc_score(&y, &p, None)));
    assert!(stopped(|| evaluate::average_precision_score(&y, &p, None)));
    assert!(stopped(|| evaluate::log_loss(&y, &p, None)));
    assert!(stopped(|| evaluate::brier_score_loss(&y, &p, None)));
    assert!(stopped(|| evaluate::accuracy_score(&y, &y, None)));
    assert!(stopped(|| evaluate::f1_score(&y, &y, None, ZeroDivision::Zero)));
    assert!(stopped(|| evaluate::confusion_matrix(&y, &y, None, None)));
    assert!(stopped(|| evaluate::precision_recall_fscore_support(&y, &y, None, None, ZeroDivision::Zero)));
    assert!(stopped(|| evaluate::mean_squared_error(&p, &p, None)));
    assert!(stopped(|| evaluate::r2_score(&p, &p, None)));
    let gate = Gate::new().require(GateMetric::RocAuc, Requirement::NotWorseBy(0.1));
    let contender = Contender::new(&p);
    assert!(stopped(|| gate.judge(Truth::Labels(&y), &contender, &contender)));
}

#[test]
fn stores_keep_nothing_of_what_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Box<dyn ArtifactStore>; 2] =
        [Box::new(MemoryStore::new()), Box::new(FolderStore::open(folder.path()).unwrap())];
    for store in stores {
        assert!(stopped(|| store.put_bytes(b"content")));
        assert!(store.list(None, 9).unwrap().is_empty());
        let digest = store.put_bytes(b"content").unwrap();
        assert!(stopped(|| store.read(&digest)));
        assert!(stopped(|| store.check(&digest)));
        assert_eq!(store.read(&digest).unwrap(), b"content");
    }
    let left = folder.path().join("partial");
    assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);
}

#[test]
fn registries_verify_and_write_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteRegistry::open(folder.path().join("registry.db")).unwrap();
    let registries: [Box<dyn Registry>; 2] = [Box::new(MemoryRegistry::new()), Box::new(sqlite)];
    let change = Change::new("ana", Timestamp::default());
    for registry in registries {
        registry.create_model(ModelName::new("churn").unwrap(), &change).unwrap();
        assert!(stopped(|| registry.verify()));
        assert!(stopped(|| registry.scrub(&MemoryStore::new())));
        assert_eq!(registry.verify().unwrap().sequence, 1);
    }
    let sqlite = SqliteRegistry::open(folder.path().join("registry.db")).unwrap();
    assert!(stopped(|| sqlite.create_model(ModelName::new("visits").unwrap(), &change)));
    assert_eq!(sqlite.verify().unwrap().sequence, 1);
}

#[test]
fn a_registry_that_is_locked_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let registry = SqliteRegistry::open(&path).unwrap();
    // Another connection of this process writes, as another process would.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let change = Change::new("ana", Timestamp::default());
    let begin = std::time::Instant::now();
    let asked = std::cell::Cell::new(0);
    let later = move || {
        asked.set(asked.get() + 1);
        asked.get() > 2
    };
    let name = ModelName::new("churn").unwrap();
    let result = interrupt::scope(later, || registry.create_model(name.clone(), &change));
    assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
    assert!(begin.elapsed() < std::time::Duration::from_secs(2));
    other.execute_batch("ROLLBACK").unwrap();
    registry.create_model(name, &change).unwrap();
}
