//! The protocol over gRPC, asked by clients of tonic in process and over connections: what each call answers, and what is refused
//! before it costs anything.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

mod abuse;
mod contents;
mod messages;
#[path = "../http/planned.rs"]
mod planned;
mod protocol;
mod raw;
mod repository;
mod server;
mod stream;
mod support;
#[path = "../http/support.rs"]
#[expect(dead_code, reason = "the tests of the other service use the rest")]
mod web;

use std::time::{Duration, Instant};

use mlcore_serve::batching::BatchOptions;
use tonic::Code;

use crate::protocol::health::HealthCheckRequest;
use crate::protocol::health::health_check_response::ServingStatus;
use crate::protocol::health_client::health_client::HealthClient;
use crate::protocol::inference::infer_parameter::ParameterChoice;
use crate::protocol::inference::model_config::SchedulingChoice;
use crate::protocol::inference::model_version_policy::PolicyChoice;
use crate::protocol::inference::{
    CudaSharedMemoryRegisterRequest, CudaSharedMemoryStatusRequest, CudaSharedMemoryUnregisterRequest,
    DataType, ModelConfigRequest, ModelMetadataRequest, ModelReadyRequest, ModelStatisticsRequest,
    ServerLiveRequest, ServerMetadataRequest, ServerReadyRequest, SystemSharedMemoryRegisterRequest,
    SystemSharedMemoryStatusRequest, SystemSharedMemoryUnregisterRequest,
};
use crate::support::{Asked, doubles, map, output, request, texts, told, typed};

#[test]
fn the_server_says_what_it_is() {
    let asked = Asked::new();
    let mut client = asked.client();
    asked.run(async {
        let server = client.server_metadata(ServerMetadataRequest {}).await.unwrap().into_inner();
        assert_eq!((server.name.as_str(), server.version.as_str()), ("mlcore", env!("CARGO_PKG_VERSION")));
        assert!(server.extensions.iter().any(|name| name == "binary_tensor_data"));
        assert!(!server.extensions.iter().any(|name| name.contains("shared_memory")));
        assert!(client.server_live(ServerLiveRequest {}).await.unwrap().into_inner().live);
        assert!(client.server_ready(ServerReadyRequest {}).await.unwrap().into_inner().ready);
        for (name, version, expected) in
            [("m", "", true), ("m", "2", true), ("m", "3", false), ("none", "", false)]
        {
            let asked = ModelReadyRequest { name: name.to_owned(), version: version.to_owned() };
            assert_eq!(
                client.model_ready(asked).await.unwrap().into_inner().ready,
                expected,
                "{name} {version}"
            );
        }
        let strange = ModelReadyRequest { name: "m".to_owned(), version: "latest".to_owned() };
        assert_eq!(client.model_ready(strange).await.unwrap_err().code(), Code::InvalidArgument);
        asked.service.models().set_draining(true);
        assert!(!client.server_ready(ServerReadyRequest {}).await.unwrap().into_inner().ready);
    });
    let (status, _) = asked.place.get("/v2/health/ready");
    assert_eq!(status, http::StatusCode::SERVICE_UNAVAILABLE, "both services say so");
}

#[test]
fn a_model_says_what_it_takes() {
    let asked = Asked::new();
    let mut client = asked.client();
    asked.run(async {
        let of = |version: &str| ModelMetadataRequest { name: "m".to_owned(), version: version.to_owned() };
        let model = client.model_metadata(of("")).await.unwrap().into_inner();
        assert_eq!((model.name.as_str(), model.platform.as_str()), ("m", "onnxruntime_onnx"));
        assert_eq!(model.versions, ["1", "2"]);
        let [x] = &model.inputs[..] else { panic!("{model:?}") };
        assert_eq!((x.name.as_str(), x.datatype.as_str(), &x.shape[..]), ("x", "FP32", &[-1, 2][..]));
        let outputs: Vec<(&str, &str)> =
            model.outputs.iter().map(|output| (output.name.as_str(), output.datatype.as_str())).collect();
        assert_eq!(outputs, [("y", "FP64"), ("text", "BYTES")]);
        assert_eq!(client.model_metadata(of("2")).await.unwrap().into_inner(), model);
        assert_eq!(client.model_metadata(of("3")).await.unwrap_err().code(), Code::NotFound);

        let config = ModelConfigRequest { name: "m".to_owned(), version: String::new() };
        let config = client.model_config(config).await.unwrap().into_inner().config.unwrap();
        assert_eq!((config.backend.as_str(), config.max_batch_size), ("onnxruntime", 0));
        assert_eq!(
            (config.input[0].data_type(), &config.input[0].dims[..]),
            (DataType::TypeFp32, &[-1, 2][..])
        );
        assert_eq!(config.output[1].data_type(), DataType::TypeString);
        let Some(PolicyChoice::Specific(specific)) = config.version_policy.unwrap().policy_choice else {
            panic!()
        };
        assert_eq!(specific.versions, [1, 2]);
    });
}

/// As over HTTP, where `the_configuration_says_how_requests_are_batched` looks at it.
#[test]
fn the_configuration_says_how_requests_are_batched() {
    let asked = Asked::new();
    let of = |asked: &Asked| {
        let wanted = ModelConfigRequest { name: "m".to_owned(), version: String::new() };
        asked.run(asked.client().model_config(wanted)).unwrap().into_inner().config.unwrap()
    };
    let alone = of(&asked);
    assert!(alone.scheduling_choice.is_none() && alone.instance_group.is_empty());
    let options = BatchOptions::default()
        .with_max_batch_size(8)
        .with_preferred_batch_size([4, 6])
        .with_max_queue_delay(Duration::from_micros(250))
        .with_priority_levels(2, 1);
    asked.service.models().insert_batched(asked.place.endpoint.clone(), options).unwrap();
    let config = of(&asked);
    let Some(SchedulingChoice::DynamicBatching(batching)) = config.scheduling_choice else { panic!() };
    assert_eq!((config.max_batch_size, config.instance_group[0].count), (8, 1));
    assert_eq!((batching.preferred_batch_size, batching.max_queue_delay_microseconds), (vec![4, 6], 250));
    assert_eq!((batching.priority_levels, batching.default_priority_level), (2, 1));
    let policy = batching.default_queue_policy.unwrap();
    assert_eq!((policy.max_queue_size, policy.allow_timeout_override), (1024, true));
}

#[test]
fn a_request_is_answered_by_its_version() {
    let asked = Asked::new();
    for request in [request, typed].map(|made| made(&[[0.5, 1.0], [2.0, 3.0]])) {
        let answer = asked.infer(request.clone()).unwrap();
        assert_eq!(
            (answer.model_name.as_str(), answer.model_version.as_str(), answer.id.as_str()),
            ("m", "1", "r")
        );
        let names: Vec<(&str, &str, &[i64])> = answer
            .outputs
            .iter()
            .map(|output| (output.name.as_str(), output.datatype.as_str(), &output.shape[..]))
            .collect();
        assert_eq!(names, [("y", "FP64", &[2][..]), ("text", "BYTES", &[2])]);
        assert_eq!(
            (doubles(&answer, 0), texts(&answer, 1)),
            (vec![1.0, 1.0], vec!["0.5".to_owned(), "2".to_owned()])
        );
        assert!(
            answer.outputs.iter().all(|output| output.contents.is_none()),
            "stock clients read raw answers"
        );
        let mut second = request;
        second.model_version = "2".to_owned();
        let answer = asked.infer(second.clone()).unwrap();
        assert_eq!((answer.model_version.as_str(), doubles(&answer, 0)), ("2", vec![2.0, 2.0]));
        for (version, code) in
            [("3", Code::NotFound), ("latest", Code::InvalidArgument), ("0", Code::InvalidArgument)]
        {
            second.model_version = version.to_owned();
            let refused = asked.infer(second.clone()).unwrap_err();
            assert_eq!(refused.code(), code, "{version}");
            assert!(refused.message().contains(version), "{refused}");
        }
    }
}

#[test]
fn zero_rows_some_outputs_and_classes() {
    let asked = Asked::new();
    for empty in [request(&[]), typed(&[])] {
        let answer = asked.infer(empty).unwrap();
        assert_eq!((answer.outputs[0].shape[..].to_vec(), doubles(&answer, 0)), (vec![0], vec![]));
    }
    let mut some = request(&[[0.5, 1.0]]);
    some.id.clear();
    some.outputs = vec![output("text")];
    let answer = asked.infer(some.clone()).unwrap();
    assert_eq!((answer.outputs.len(), answer.raw_output_contents.len(), answer.id.as_str()), (1, 1, ""));
    some.outputs = vec![output("y"), output("text")];
    some.outputs[0].parameters = map([("classification", ParameterChoice::Int64Param(1))]);
    let answer = asked.infer(some).unwrap();
    assert_eq!(
        (answer.outputs[0].datatype.as_str(), texts(&answer, 0)),
        ("BYTES", vec!["1.000000:0".to_owned()])
    );
}

#[test]
fn the_answer_names_its_arm_and_the_id_for_its_outcome() {
    let asked = Asked::new();
    let answer = asked.infer(request(&[[0.5, 1.0]])).unwrap();
    assert_eq!(told(&answer, "mlcore-arm"), "champion");
    let endpoint = &asked.place.endpoint;
    endpoint.report_outcome(told(&answer, "mlcore-outcome-id").parse().unwrap(), 1.0).unwrap();
    endpoint.process();
    assert_eq!((endpoint.counts().outcomes, endpoint.counts().orphans), (1, 0));
}

/// The same sentence as over HTTP, with the code of its meaning.
#[test]
fn what_is_wrong_is_told_with_its_code() {
    let asked = Asked::new();
    let good = || request(&[[0.5, 1.0]]);
    let changed = |change: &dyn Fn(&mut crate::protocol::inference::ModelInferRequest)| {
        let mut request = good();
        change(&mut request);
        request
    };
    let region = map([("shared_memory_region", ParameterChoice::StringParam("r".to_owned()))]);
    for (request, code, words) in [
        (changed(&|own| own.model_name = "none".to_owned()), Code::NotFound, "no model of this name"),
        (changed(&|own| own.model_name = "../m".to_owned()), Code::NotFound, "no model of this name"),
        (changed(&|own| own.inputs[0].name = "z".to_owned()), Code::InvalidArgument, "z: not one of x"),
        (changed(&|own| own.inputs[0].shape = vec![2, 1]), Code::InvalidArgument, "x"),
        (changed(&|own| own.inputs[0].parameters = region.clone()), Code::Unimplemented, "shares no memory"),
        (changed(&|own| own.outputs = vec![output("z")]), Code::InvalidArgument, "it has y, text"),
        (
            changed(&|own| own.outputs = vec![output("y"), output("y")]),
            Code::InvalidArgument,
            "asked for twice",
        ),
        (changed(&|own| own.id = "a\r\nb".to_owned()), Code::InvalidArgument, "control characters"),
        (changed(&|own| own.id = "a".repeat(1 << 20)), Code::InvalidArgument, "at most 256"),
        (changed(&|own| own.inputs[0].datatype = "BF16".to_owned()), Code::Unimplemented, "bfloat16"),
        (request(&[[13.0, 13.0]]), Code::Internal, "it fails on 13"),
    ] {
        let refused = asked.infer(request).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.message().contains(words), "{refused}");
    }
    let (_, over_http) = asked.place.get("/v2/models/none");
    let refused = asked.infer(changed(&|own| own.model_name = "none".to_owned())).unwrap_err();
    assert_eq!(over_http["error"], refused.message());
}

#[test]
fn parameters_of_every_kind_are_read() {
    let asked = Asked::new();
    let with = |entries| {
        let mut own = request(&[[0.5, 1.0]]);
        own.parameters = entries;
        asked.infer(own)
    };
    let (int, text) =
        (ParameterChoice::Int64Param, |text: &str| ParameterChoice::StringParam(text.to_owned()));
    with(map([
        ("flag", ParameterChoice::BoolParam(true)),
        ("number", int(-1)),
        ("text", text("é")),
        ("double", ParameterChoice::DoubleParam(0.5)),
        ("unsigned", ParameterChoice::Uint64Param(u64::MAX)),
        ("sequence_id", int(7)),
        ("sequence_start", ParameterChoice::BoolParam(true)),
        ("priority", ParameterChoice::Uint64Param(1)),
        ("timeout", int(0)),
    ]))
    .unwrap();
    for (value, code) in [
        (int(1), Code::DeadlineExceeded),
        (ParameterChoice::Uint64Param(1), Code::DeadlineExceeded),
        (text("1"), Code::DeadlineExceeded),
        (int(-1), Code::InvalidArgument),
        (text("soon"), Code::InvalidArgument),
        (ParameterChoice::DoubleParam(0.5), Code::InvalidArgument),
    ] {
        assert_eq!(with(map([("timeout", value.clone())])).unwrap_err().code(), code, "{value:?}");
    }
}

#[test]
fn a_deadline_of_the_call_is_one_of_the_run() {
    let asked = Asked::new();
    let within = |timeout: Duration| {
        let mut call = tonic::Request::new(request(&[[0.5, 1.0]]));
        call.set_timeout(timeout);
        asked.run(asked.client().model_infer(call))
    };
    within(Duration::from_secs(60)).unwrap();
    assert_eq!(within(Duration::from_nanos(1)).unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(within(Duration::ZERO).unwrap_err().code(), Code::DeadlineExceeded);
    let mut long = request(&[[0.5, 1.0]]);
    long.parameters = map([("timeout", ParameterChoice::StringParam("soon".to_owned()))]);
    let mut call = tonic::Request::new(long);
    call.set_timeout(Duration::from_secs(60));
    let refused = asked.run(asked.client().model_infer(call)).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "a wrong parameter is not covered up: {refused}");
}

#[test]
fn statistics_count_what_was_answered_and_what_failed() {
    let asked = Asked::new();
    for _ in 0..3 {
        asked.infer(request(&[[0.5, 1.0], [0.5, 1.0]])).unwrap();
    }
    asked.infer(request(&[[13.0, 1.0]])).unwrap_err();
    let of = |name: &str, version: &str| {
        let asked_for = ModelStatisticsRequest { name: name.to_owned(), version: version.to_owned() };
        asked.run(asked.client().model_statistics(asked_for)).unwrap().into_inner().model_stats
    };
    let [stats] = &of("m", "1")[..] else { panic!() };
    assert_eq!((stats.inference_count, stats.execution_count), (6, 3));
    assert!(stats.last_inference > 0);
    let inference = stats.inference_stats.unwrap();
    let counts = [inference.success, inference.fail, inference.compute_infer].map(|own| own.unwrap().count);
    assert_eq!(counts, [3, 1, 3]);
    assert!(inference.compute_infer.unwrap().ns > 0);
    let versions = |name: &str| of(name, "").into_iter().map(|own| own.version).collect::<Vec<_>>();
    assert_eq!(
        (versions("m"), versions("")),
        (vec!["1".to_owned(), "2".to_owned()], vec!["1".to_owned(), "2".to_owned()])
    );
    let (_, over_http) = asked.place.get("/v2/models/m/versions/1/stats");
    assert_eq!(over_http["model_stats"][0]["inference_count"], 6, "both protocols tell of the same requests");
}

#[test]
fn shared_memory_is_refused_in_one_sentence() {
    let asked = Asked::new();
    let mut client = asked.client();
    asked.run(async {
        let status =
            client.system_shared_memory_status(SystemSharedMemoryStatusRequest::default()).await.unwrap();
        assert!(status.into_inner().regions.is_empty());
        let status =
            client.cuda_shared_memory_status(CudaSharedMemoryStatusRequest::default()).await.unwrap();
        assert!(status.into_inner().regions.is_empty());
        let refusals = [
            client
                .system_shared_memory_register(SystemSharedMemoryRegisterRequest::default())
                .await
                .map(drop),
            client
                .system_shared_memory_unregister(SystemSharedMemoryUnregisterRequest::default())
                .await
                .map(drop),
            client.cuda_shared_memory_register(CudaSharedMemoryRegisterRequest::default()).await.map(drop),
            client
                .cuda_shared_memory_unregister(CudaSharedMemoryUnregisterRequest::default())
                .await
                .map(drop),
        ];
        for refusal in refusals {
            let refused = refusal.unwrap_err();
            assert_eq!(refused.code(), Code::Unimplemented);
            assert!(refused.message().contains("shares no memory"), "{refused}");
        }
    });
}

#[test]
fn probes_ask_for_health() {
    let asked = Asked::new();
    let mut client = HealthClient::new(asked.service.clone());
    asked.run(async {
        let of = |service: &str| HealthCheckRequest { service: service.to_owned() };
        for service in ["", "inference.GRPCInferenceService", "grpc.health.v1.Health", "m"] {
            let health = client.check(of(service)).await.unwrap().into_inner();
            assert_eq!(health.status(), ServingStatus::Serving, "{service}");
        }
        assert_eq!(client.check(of("none")).await.unwrap_err().code(), Code::NotFound);
        let mut watched = client.watch(of("")).await.unwrap().into_inner();
        assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        asked.service.models().set_draining(true);
        let began = Instant::now();
        assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert!(began.elapsed() < Duration::from_secs(10));
        assert_eq!(client.check(of("")).await.unwrap().into_inner().status(), ServingStatus::NotServing);
        let mut unknown = client.watch(of("none")).await.unwrap().into_inner();
        assert_eq!(unknown.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    });
}

/// The committed code is what the descriptions make: it names the sum of the one it was made of.
#[test]
fn the_code_is_made_of_the_descriptions() {
    for (proto, made) in [
        (
            include_bytes!("../../src/grpc/protocol/inference.proto").as_slice(),
            include_str!("../../src/grpc/protocol/inference.rs"),
        ),
        (
            include_bytes!("../../src/grpc/protocol/inference.proto"),
            include_str!("protocol/inference_client.rs"),
        ),
        (
            include_bytes!("../../src/grpc/protocol/health.proto"),
            include_str!("../../src/grpc/protocol/health.rs"),
        ),
        (include_bytes!("../../src/grpc/protocol/health.proto"), include_str!("protocol/health_client.rs")),
    ] {
        let mut sum = flate2::Crc::new();
        sum.update(proto);
        let named = format!("CRC-32 {:08x}", sum.sum());
        assert!(made.lines().next().unwrap().contains(&named), "run `cargo xtask protocols`: {named}");
    }
}
