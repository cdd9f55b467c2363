//! The example, run as its reader runs it, a first time and a second beside what the first one left.

use std::process::Command;

#[test]
fn offline_and_online_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = || {
        let ran =
            Command::new(env!("CARGO_BIN_EXE_feature-store")).arg(folder.path()).output().expect("it starts");
        let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{errors}");
        String::from_utf8(ran.stdout).expect("text")
    };
    assert_eq!(run(), include_str!("../printed.txt"));
    let again = run();
    assert!(again.contains("unchanged feature view person_year"), "{again}");
    assert!(again.contains("nothing to do"), "{again}");
    assert!(again.ends_with("offline and online agree bit for bit: true\n"), "{again}");
}
