//! The program, run as its reader runs it, and what it found.

use std::path::Path;
use std::process::Command;

use mlcore::experiment::{Decision, Report};

#[test]
fn the_experiment_is_planned_looked_at_and_decided() {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_ab-test"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("CARGO_TARGET_DIR", folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{printed}{}", String::from_utf8_lossy(&run.stderr));
    // What the example in Python prints, too.
    assert!(printed.starts_with(include_str!("../printed.txt")), "{printed}");
    assert_eq!(printed.lines().filter(|line| line.contains("always valid")).count(), 9, "{printed}");

    let file = |name: &str| std::fs::read_to_string(folder.path().join("ab-test").join(name)).unwrap();
    assert!(file("report.html").ends_with("</html>\n"));
    let report = Report::from_json(&file("report.json")).unwrap();
    // The same numbers as by pandas and scipy on the same rows.
    assert_eq!(report.arms.iter().map(|arm| arm.units).collect::<Vec<_>>(), [1510, 2755]);
    let effect = report.findings[0].effect.known().unwrap();
    assert!((effect.estimate - (2.264_125_831_820_931_6 / 3.183_885_209_713_024 - 1.0)).abs() < 1e-12);
    // Fewer visits, and some who go to no doctor at all.
    let decisions: Vec<Decision> = report.findings.iter().map(|finding| finding.decision).collect();
    let better = Decision::Better;
    assert_eq!(decisions, [better, better, Decision::Inconclusive, better, better]);
    // What diseases say makes the interval narrower.
    let adjusted = report.findings[1].effect.known().unwrap();
    assert!(adjusted.standard_error < effect.standard_error);
    assert_eq!(report.days[0].effects.len(), 3);
    assert!(report.srm_pvalue > 0.05 && report.warnings.is_empty(), "{:?}", report.warnings);
}
