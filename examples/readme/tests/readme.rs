//! What README.md shows is this crate, and it runs: a first time and a second, beside what the first one left.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../../README.md");

/// The one block of this language.
fn block(language: &str) -> &'static str {
    let start = format!("\n```{language}\n");
    let (_, rest) = README.split_once(&start).expect("the README has such a block");
    let (block, rest) = rest.split_once("```\n").expect("a block ends");
    assert!(!rest.contains(&start), "there is one block of {language}");
    block
}

#[test]
fn the_readme_shows_this_program_and_hides_nothing() {
    let shown = block("rust,no_run");
    assert_eq!(shown, include_str!("../src/main.rs"));
    assert!(!shown.lines().any(|line| line.starts_with("# ")));
}

#[test]
fn the_readme_names_the_crates_that_the_program_needs() {
    let own = include_str!("../Cargo.toml");
    let (_, own) = own.split_once("[dependencies]\n").expect("dependencies");
    let own: Vec<&str> =
        own.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split(' ').next()).collect();
    let shown: Vec<&str> = block("toml").lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(shown, own);
}

#[test]
fn the_program_runs_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/models/runner/zipmap_int.onnx");
    std::fs::copy(model, folder.path().join("churn.onnx")).expect("the model is copied");
    for version in 1..=2 {
        let run = Command::new(env!("CARGO_BIN_EXE_readme"))
            .current_dir(folder.path())
            .output()
            .expect("it starts");
        let (printed, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{printed}{errors}");
        let lines: Vec<&str> = printed.lines().collect();
        let says = format!("version {version} says [0.");
        assert!(lines.iter().any(|line| line.starts_with(&says)), "{printed}");
        assert_eq!(lines.last(), Some(&"1 outcome joined"), "{printed}");
    }
}
