//! Files of MLflow's folders. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore/tests/fuzz/mlflow_folder.rs"]
mod mlflow_folder;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    mlflow_folder::check(bytes);
});
