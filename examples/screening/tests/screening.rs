//! The program, run as its reader runs it, and what it learnt.

use std::path::Path;
use std::process::Command;

#[test]
fn the_bandit_learns_and_its_log_tells_what_each_question_earns() {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_screening"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("CARGO_TARGET_DIR", folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{printed}{}", String::from_utf8_lossy(&run.stderr));
    let number = |after: &str| -> f64 {
        let rest = printed.split_once(after).unwrap_or_else(|| panic!("no {after} in {printed}")).1;
        rest.trim_start().split([' ', ',', ';', ']', '\n']).next().unwrap().parse().unwrap()
    };
    // The same shares as by pandas on the same rows; the bandit is nearer to the best question than to a draw.
    assert_eq!((number("question always:"), number("foretold") > 68.0), (73.4, true), "{printed}");
    assert!(number("Its regret is") < number("it would have been") / 2.0, "{printed}");
    let mut held = 0;
    for line in printed.lines().filter(|line| line.contains("SNIPS")) {
        let numbers: Vec<f64> = line
            .split(|character: char| !character.is_ascii_digit() && character != '.')
            .filter_map(|word| word.parse().ok())
            .collect();
        let [_, low, high, _, snips_low, snips_high, rows, truth] = numbers[..] else { panic!("{line}") };
        assert!(rows > 100.0, "{line}");
        held += usize::from((low..=high).contains(&truth))
            + usize::from((snips_low..=snips_high).contains(&truth));
    }
    // What the example in Python prints, too.
    assert!(printed.starts_with(include_str!("../printed.txt")), "{printed}");
    // Eight intervals of 95 %.
    assert!(held >= 6, "{held} intervals hold the truth: {printed}");
    let page = std::fs::read_to_string(folder.path().join("screening/report.html")).unwrap();
    assert!(page.contains("<svg") && page.ends_with("</html>\n"));
}
