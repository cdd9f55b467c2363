//! The whole loop, run as its user runs it; only not optimised.

use std::path::Path;
use std::process::Command;

#[test]
fn the_loop_comes_out_as_it_claims_and_leaves_its_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("CARGO_TARGET_DIR", folder.path())
        .output()
        .expect("it starts");
    let (printed, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    println!("{printed}{errors}");
    assert!(run.status.success());
    // A claim that does not hold ends the program; these are all that it makes.
    let claims = printed.lines().filter(|line| line.trim_start().starts_with("ok: ")).count();
    assert_eq!(claims, CLAIMS);
    let page =
        std::fs::read_to_string(folder.path().join("quickstart/report.html")).expect("the page is there");
    assert!(page.contains("</html>"), "{} bytes", page.len());
}

const CLAIMS: usize = 12;
