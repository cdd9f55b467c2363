//! The stored plans that `fuzz/` begins with: each is still read, and each transformer is in one.

use std::fs;
use std::path::Path;

use mlcore_features::pipeline::Plan;
use mlcore_features::transform::Transformer;

use crate::plan_bytes;

#[test]
fn plans_of_the_corpus_are_loaded_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/plan_bytes");
    let (mut plans, mut refused, mut named) = (0, 0, String::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        println!("{}", path.display());
        if plan_bytes::check(&bytes) {
            plans += 1;
        } else {
            refused += 1;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("stored") {
            let plan = Plan::from_bytes(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            named.push_str(&format!("{:?}", plan.step()));
        }
    }
    assert!(plans >= 40 && refused >= 5, "{plans} plans and {refused} others");
    for name in Transformer::NAMES.iter().chain(&["Pipeline", "ColumnTransformer", "FeatureUnion"]) {
        assert!(named.contains(name), "no stored plan holds a {name}; fuzz/make_corpus.py makes them");
    }
}
