//! Plans that earlier versions stored (`testdata/plans`): each is still read, is the same plan, and computes what it did.
//!
//! A folder is the version that wrote it, and none of its lines is ever changed. Where a version brings transformers,
//! `MLCORE_WRITE_PLANS=1 cargo test -p mlcore-features --all-features --test features past` writes the plans that are lacking.

use std::fs;
use std::path::{Path, PathBuf};

use mlcore_features::pipeline::{Plan, Step};
use mlcore_features::transform::{Fit, Transformer};

use crate::golden::compare_output;
use crate::read::{self, Case, text};
use crate::recipes::recipe;

/// The plans of a transformer that are kept, and how long one may be.
const PLANS: usize = 6;
const LONGEST: usize = 8192;

#[test]
fn plans_of_earlier_versions_are_what_they_were() {
    let mut plans = 0;
    for folder in folders() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_stem().unwrap().to_string_lossy().into_owned();
            let cases = read::cases(&file);
            for line in fs::read_to_string(&path).unwrap().lines() {
                let (name, stored) = line.split_once('\t').unwrap();
                let told = format!("{}: {name}", path.display());
                let plan =
                    Plan::from_bytes(stored.as_bytes()).unwrap_or_else(|error| panic!("{told}: {error}"));
                let written = String::from_utf8(plan.to_bytes().unwrap()).unwrap();
                assert_eq!(written, stored, "{told}: it is written in another way");
                let case = cases.iter().find(|case| case.name == name);
                compare_output(case.unwrap_or_else(|| panic!("{told}: the case is gone")), &plan);
                plans += 1;
            }
        }
    }
    assert!(plans >= 100, "{plans} plans");
}

#[test]
fn every_transformer_has_a_plan_for_later_versions() {
    let own = root().join(env!("CARGO_PKG_VERSION"));
    let mut lacking = Vec::new();
    let names = Transformer::NAMES.iter().map(|name| read::file_of(name));
    for file in names.chain(["column_transformer".to_owned()]) {
        if folders().iter().any(|folder| folder.join(format!("{file}.plans")).exists()) {
            continue;
        }
        if std::env::var_os("MLCORE_WRITE_PLANS").is_some() {
            fs::create_dir_all(&own).unwrap();
            fs::write(own.join(format!("{file}.plans")), plans_of(&file)).unwrap();
        } else {
            lacking.push(file);
        }
    }
    assert!(lacking.is_empty(), "no plan is kept of {}", lacking.join(", "));
}

/// A line for each of the first cases that can be fitted: its name, a tab, the plan.
fn plans_of(file: &str) -> String {
    let mut lines = String::new();
    let mut plans = 0;
    for case in read::cases(file) {
        let Some(plan) = fitted(file, &case) else { continue };
        let stored = String::from_utf8(plan.to_bytes().unwrap()).unwrap();
        if stored.len() > LONGEST || case.is_refused_by("transform") || plans == PLANS {
            continue;
        }
        lines.push_str(&format!("{}\t{stored}\n", case.name));
        plans += 1;
    }
    assert!(plans > 0, "no case of {file} makes a short plan");
    lines
}

fn fitted(file: &str, case: &Case) -> Option<Plan> {
    let step = if file == "column_transformer" {
        recipe(text(&case.parameters["recipe"]))
    } else {
        let name = Transformer::NAMES.iter().find(|name| read::file_of(name) == file).unwrap();
        Step::from(read::transformer(name, case).ok()?)
    };
    Plan::new(step.fit(case.training()).ok()?).ok()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/plans")
}

fn folders() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root()) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}
