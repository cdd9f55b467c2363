//! Bytes as an ONNX model: the scan answers or refuses, and what it answers keeps its promises.

use std::path::{Component, Path};

use mlcore::Error;
use mlcore::runner::ort::{Limits, ModelInfo, inspect};
use mlcore::schema::Signature;

use crate::told::told;

/// Reads bytes as a model; says whether they are one.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let limits = Limits::default();
    let info = match inspect(bytes, &limits) {
        Ok(info) => info,
        Err(error) => {
            told(&error);
            let refused = matches!(error, Error::InvalidModel(_) | Error::Unsupported(_));
            assert!(refused, "bytes are a {} error: {error}", error.kind());
            return false;
        }
    };
    keeps_its_promises(&info, &limits);
    for tighter in [limits.clone().with_max_model_bytes(bytes.len() as u64), limits.clone()] {
        assert_eq!(inspect(bytes, &tighter).ok().as_ref(), Some(&info), "the same bytes read otherwise");
    }
    let refused = |limits: Limits| matches!(inspect(bytes, &limits), Err(Error::InvalidModel(_)));
    assert!(refused(limits.clone().with_max_model_bytes(bytes.len() as u64 - 1)), "a byte too many is taken");
    if let Some(fewer) = info.nodes.checked_sub(1) {
        assert!(refused(limits.with_max_nodes(fewer)), "a node too many is taken");
    }
    true
}

fn keeps_its_promises(info: &ModelInfo, limits: &Limits) {
    assert!(info.nodes <= limits.max_nodes && !info.opsets.is_empty());
    assert!(info.opsets.iter().all(|(_, version)| *version >= 1));
    for location in &info.external_data {
        let stays = Path::new(location)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        assert!(
            stays && !location.is_empty() && !location.contains(['\0', '\\', ':']),
            "weights lie at {location:?}"
        );
    }
    let signature = &info.signature;
    assert!(signature.inputs.len() <= limits.max_inputs && signature.outputs.len() <= limits.max_outputs);
    assert!(!signature.outputs.is_empty(), "a model answers nothing");
    let fields = || signature.inputs.fields().iter().chain(signature.optional.fields());
    for field in fields() {
        assert_eq!(signature.input(field.name()), Some(field), "two inputs share a name");
    }
    // It is what a registry stores.
    let stored = serde_json::to_string(signature).expect("a signature is written");
    assert_eq!(serde_json::from_str::<Signature>(&stored).expect("a signature reads back"), *signature);
}
