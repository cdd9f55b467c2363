//! Every listed detector detects what river or frouros detects: see `testdata/golden/make_stream.py`.

use mlcore_drift::catalog::TestOptions;
use mlcore_drift::stream::{self, StreamDetector};
use serde::Deserialize;

use crate::recipe::Recipe;

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    stream: Recipe,
    parameters: TestOptions,
    drifts: Listed,
    warnings: Listed,
    #[serde(default)]
    points: Vec<(usize, f64, f64, f64)>,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Listed {
    count: usize,
    first: Vec<usize>,
    checksum: String,
}

impl Listed {
    fn of(indices: &[usize], first: usize) -> Self {
        let fold = |sum: u64, index: &usize| {
            sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(*index as u64 + 1)
        };
        let checksum = indices.iter().fold(0, fold).to_string();
        Self { count: indices.len(), first: indices.iter().take(first).copied().collect(), checksum }
    }
}

/// What no library has to be equal to.
const OURS: [&str; 2] = ["conformal_martingale", "watch"];

#[test]
fn every_listed_detector_detects_what_its_reference_detects() {
    for name in stream::NAMES.iter().filter(|name| !OURS.contains(name)) {
        let path = format!("{}/../testdata/golden/stream/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let file: File = serde_json::from_str(&text).unwrap();
        assert!(file.cases.len() >= 15, "{name} has {} cases", file.cases.len());
        for case in &file.cases {
            let what = format!("{name} {} on {:?}", case.parameters, case.stream);
            let values = case.stream.values();
            let mut detector = stream::start_named(name, &case.parameters).unwrap();
            let found = if case.points.is_empty() {
                detector.update_many(&values).unwrap()
            } else {
                let (mut whole, mut begun) = (stream::Found::default(), 0);
                for (index, width, estimation, variance) in &case.points {
                    let found = detector.update_many(&values[begun..=*index]).unwrap();
                    whole.drifts.extend(found.drifts.iter().map(|at| begun + at));
                    begun = index + 1;
                    check_window(&what, &*detector, [*width, *estimation, *variance]);
                }
                let found = detector.update_many(&values[begun..]).unwrap();
                whole.drifts.extend(found.drifts.iter().map(|at| begun + at));
                whole
            };
            assert_eq!(
                Listed::of(&found.drifts, case.drifts.first.len()),
                case.drifts,
                "detections of {what}"
            );
            assert_eq!(
                Listed::of(&found.warnings, case.warnings.first.len()),
                case.warnings,
                "warnings of {what}"
            );
        }
    }
}

/// Width, estimation and variance, to the bit.
fn check_window(what: &str, detector: &dyn StreamDetector, expected: [f64; 3]) {
    let statistics = detector.statistics();
    for (name, expected) in ["width", "estimation", "variance"].iter().zip(expected) {
        let (_, found) = statistics.iter().find(|(other, _)| other == name).unwrap();
        assert_eq!(*found, expected, "{name} of {what}");
    }
}
