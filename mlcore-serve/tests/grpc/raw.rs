//! Raw columns of a model behind a feature plan.

use mlcore_serve::batching::BatchOptions;
use mlcore_serve::grpc::GrpcLimits;
use tonic::Code;

use crate::planned;
use crate::protocol::inference::infer_parameter::ParameterChoice;
use crate::protocol::inference::{InferTensorContents, ModelInferRequest};
use crate::support::{Asked, doubles, input, map, told};
use crate::web::Place;

/// Ages and plans, raw or as typed contents.
fn request(is_raw: bool) -> ModelInferRequest {
    let mut request = ModelInferRequest {
        model_name: "m".to_owned(),
        inputs: vec![input("age", "FP64", &[2]), input("plan", "BYTES", &[2, 1])],
        ..ModelInferRequest::default()
    };
    if is_raw {
        let ages = [40.0_f64, 60.0].iter().flat_map(|age| age.to_le_bytes()).collect::<Vec<_>>();
        request.raw_input_contents = vec![ages.into(), b"\x03\0\0\0pro\x04\0\0\0free"[..].into()];
    } else {
        let contents = InferTensorContents::default;
        request.inputs[0].contents =
            Some(InferTensorContents { fp64_contents: vec![40.0, 60.0], ..contents() });
        let plans = vec![b"pro"[..].into(), b"free"[..].into()];
        request.inputs[1].contents = Some(InferTensorContents { bytes_contents: plans, ..contents() });
    }
    request
}

#[test]
fn raw_columns_are_answered_with_arm_version_and_outcome_id() {
    let asked = Asked::of(Place::of(planned::endpoint()), GrpcLimits::default());
    let endpoint = &asked.place.endpoint;
    let check = || {
        for is_raw in [true, false] {
            let answer = asked.infer(request(is_raw)).unwrap();
            assert_eq!((answer.model_version.as_str(), told(&answer, "mlcore-arm")), ("1", "champion"));
            let scores = doubles(&answer, 0);
            assert!(scores[0] == 0.0 && scores[1] > 1.0, "{scores:?}");
            endpoint.report_outcome(told(&answer, "mlcore-outcome-id").parse().unwrap(), 1.0).unwrap();
        }
    };
    check();
    asked.service.models().insert_batched(endpoint.clone(), BatchOptions::default()).unwrap();
    check();
    endpoint.process();
    assert_eq!((endpoint.counts().outcomes, endpoint.counts().orphans), (4, 0));
}

#[test]
fn what_is_neither_an_input_nor_a_raw_column_is_named() {
    let asked = Asked::of(Place::of(planned::endpoint()), GrpcLimits::default());
    let mut misspelt = request(true);
    misspelt.inputs[0].name = "aeg".to_owned();
    let refused = asked.infer(misspelt).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("input aeg: there is none of this name"), "{refused}");
    let asked = Asked::of(Place::of(planned::same_names()), GrpcLimits::default());
    let age = |parameters| {
        let mut only = request(true);
        (only.parameters, only.inputs, only.raw_input_contents) =
            (parameters, vec![only.inputs.swap_remove(0)], vec![only.raw_input_contents.swap_remove(0)]);
        asked.infer(only)
    };
    let refused = age(map([])).unwrap_err();
    assert!(
        refused.code() == Code::InvalidArgument && refused.message().contains("raw_records"),
        "{refused}"
    );
    let flag = |is_raw| map([("raw_records", ParameterChoice::BoolParam(is_raw))]);
    assert_eq!(doubles(&age(flag(true)).unwrap(), 0), [0.0, 1.0]);
    assert_eq!(doubles(&age(flag(false)).unwrap(), 0), [40.0, 60.0]);
}
