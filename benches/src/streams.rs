//! Stream detectors beside river, value by value.

use std::fs;
use std::path::Path;

use mlcore::stats::SplitMix64;
use mlcore_drift::catalog::TestOptions;
use mlcore_drift::stream::{self, Domain, StreamDetector};

use crate::Result;
use crate::peer::Peer;
use crate::table::{Goal, Table};
use crate::timing::median_seconds;

const VALUES: usize = 200_000;
/// river's KSWIN takes half a millisecond a value.
const KSWIN_VALUES: usize = 4_000;
const SEGMENTS: [f64; 5] = [0.1, 0.12, 0.3, 0.1, 0.4];
const RIVER: [&str; 8] = ["adwin", "page_hinkley", "kswin", "ddm", "eddm", "hddm_a", "hddm_w", "fhddm"];

pub(crate) fn run(folder: &Path) -> Result<()> {
    let mut random = SplitMix64::new(3);
    let segment = |i: usize| SEGMENTS.get(i * SEGMENTS.len() / VALUES).copied().unwrap_or_default();
    let numbers: Vec<f64> = (0..VALUES).map(|i| segment(i) + 0.2 * random.normal()).collect();
    let bits: Vec<f64> = (0..VALUES).map(|i| f64::from(u8::from(random.uniform() < segment(i)))).collect();
    for (name, values) in [("numbers", &numbers), ("bits", &bits)] {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(folder.join(format!("{name}.f64")), bytes)?;
    }
    let kswin = KSWIN_VALUES.to_string();
    let river = Peer::run(
        "MLCORE_BENCH_EVIDENTLY_PYTHON",
        "streams.py",
        folder,
        &["--library", "river", "--kswin", &kswin],
    )?;
    let wheel = Peer::run(
        "MLCORE_BENCH_WHEEL_PYTHON",
        "streams.py",
        folder,
        &["--library", "mlcore", "--kswin", &kswin],
    )?;
    let columns = ["detector", "ours", "river", "faster", "goal", "", "detections"];
    let mut rust = Table::new(
        "Stream detectors, a value of a slice in Rust; peer: river, update(x) in Python",
        &columns,
    );
    let columns = ["detector", "ours", "river", "faster", "goal", "", "a slice"];
    let mut python =
        Table::new("Stream detectors, update(x) in Python; a value of update_many beside it", &columns);
    for name in stream::NAMES {
        let detector = stream::start_named(name, &parameters(name)?)?;
        let values = if detector.domain() == Domain::Numbers { &numbers } else { &bits };
        let values = values.get(..if *name == "kswin" { KSWIN_VALUES } else { VALUES }).unwrap_or_default();
        let (seconds, found) = per_value(&*detector, values)?;
        let peer = river.seconds(name);
        let goal = |times| if RIVER.contains(name) { Goal::Times(times) } else { Goal::None };
        let cells = goal(if *name == "adwin" { 8.0 } else { 60.0 }).judge(seconds, peer);
        rust.line(
            [(*name).to_owned()].into_iter().chain(cells).chain([river.difference(name, found as f64)]),
        );
        if let Some(call) = wheel.seconds(name) {
            let slice = wheel.seconds(&format!("{name}/slice")).map(crate::timing::show).unwrap_or_default();
            python.line([(*name).to_owned()].into_iter().chain(goal(3.0).judge(call, peer)).chain([slice]));
        }
    }
    rust.note("The last column is the relative difference of the numbers of detections.");
    rust.note(river.versions);
    crate::print(&rust);
    python.note(wheel.versions);
    crate::print(&python);
    Ok(())
}

/// The defaults, and a seed where river draws one.
fn parameters(name: &str) -> Result<TestOptions> {
    let options = if name == "kswin" { r#"{"seed": 42}"# } else { "{}" };
    Ok(serde_json::from_str(options)?)
}

/// Seconds of one value, and how many changes there are.
fn per_value(detector: &dyn StreamDetector, values: &[f64]) -> Result<(f64, usize)> {
    let found = detector.boxed_clone().update_many(values)?.drifts.len();
    let seconds =
        median_seconds(|| detector.boxed_clone().update_many(values).map(|found| found.drifts.len()));
    Ok((seconds / values.len() as f64, found))
}
