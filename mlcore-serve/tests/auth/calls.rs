//! Every call of gRPC, with the key of every role and without.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use mlcore_serve::auth::{Auth, Role};
use mlcore_serve::grpc::GrpcService;

use crate::support::Place;
use crate::{auth, bearer};

/// All calls, as `grpc/call.rs` lists them, and the role that each needs.
const CALLS: [(&str, Option<Role>); 23] = [
    ("grpc.health.v1.Health/Check", None),
    ("grpc.health.v1.Health/Watch", None),
    ("inference.GRPCInferenceService/ServerLive", None),
    ("inference.GRPCInferenceService/ServerReady", None),
    ("inference.GRPCInferenceService/ModelReady", None),
    ("inference.GRPCInferenceService/ServerMetadata", Some(Role::Predict)),
    ("inference.GRPCInferenceService/ModelMetadata", Some(Role::Predict)),
    ("inference.GRPCInferenceService/ModelInfer", Some(Role::Predict)),
    ("inference.GRPCInferenceService/ModelStreamInfer", Some(Role::Predict)),
    ("inference.GRPCInferenceService/ModelConfig", Some(Role::Predict)),
    ("inference.GRPCInferenceService/ModelStatistics", Some(Role::Predict)),
    ("inference.GRPCInferenceService/RepositoryIndex", Some(Role::Predict)),
    ("inference.GRPCInferenceService/SystemSharedMemoryStatus", Some(Role::Predict)),
    ("inference.GRPCInferenceService/CudaSharedMemoryStatus", Some(Role::Predict)),
    ("inference.GRPCInferenceService/SystemSharedMemoryRegister", Some(Role::Predict)),
    ("inference.GRPCInferenceService/SystemSharedMemoryUnregister", Some(Role::Predict)),
    ("inference.GRPCInferenceService/CudaSharedMemoryRegister", Some(Role::Predict)),
    ("inference.GRPCInferenceService/CudaSharedMemoryUnregister", Some(Role::Predict)),
    // Without settings they read them.
    ("inference.GRPCInferenceService/TraceSetting", Some(Role::Predict)),
    ("inference.GRPCInferenceService/LogSettings", Some(Role::Predict)),
    ("inference.GRPCInferenceService/RepositoryModelLoad", Some(Role::Admin)),
    ("inference.GRPCInferenceService/RepositoryModelUnload", Some(Role::Admin)),
    ("inference.GRPCInferenceService/None", None),
];

const UNAUTHENTICATED: &str = "16";
const PERMISSION_DENIED: &str = "7";

/// The status of a call and its sentence; none of an answer that lasts.
fn ask(auth: Auth, call: &str, authorization: Option<&str>, message: &[u8]) -> (String, String) {
    let models = Place::new().service.models().clone();
    let service = GrpcService::new(models, Default::default()).with_auth(auth);
    let framed = [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat();
    let mut request =
        Request::post(format!("/{call}")).version(Version::HTTP_2).header("content-type", "application/grpc");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let request = request.body(Full::new(Bytes::from(framed))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (parts, mut body) = service.answer(request).await.into_parts();
        let mut fields = parts.headers;
        // A watch goes on after its first message.
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(Duration::from_millis(300), body.frame()).await {
            if let Ok(trailers) = frame.into_trailers() {
                fields.extend(trailers);
            }
        }
        let of = |name| fields.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        (of("grpc-status"), of("grpc-message"))
    })
}

fn is_denied(status: &str) -> bool {
    status == UNAUTHENTICATED || status == PERMISSION_DENIED
}

#[test]
fn every_call_asks_for_its_role() {
    for (call, needed) in CALLS {
        let (status, told) = ask(auth(), call, None, b"");
        let Some(needed) = needed else {
            assert!(!is_denied(&status), "{call}: {status} {told}");
            continue;
        };
        assert_eq!(status, UNAUTHENTICATED, "{call}");
        for wrong in [&bearer(None), "Bearer", "Basic !"] {
            assert_eq!(ask(auth(), call, Some(wrong), b"").1, told, "{call} {wrong}");
        }
        for role in Role::ALL {
            let (status, told) = ask(auth(), call, Some(&bearer(Some(role))), b"");
            match role == needed || role == Role::Admin {
                true => assert!(!is_denied(&status), "{call} by {role}: {status} {told}"),
                false => assert_eq!(status, PERMISSION_DENIED, "{call} by {role}"),
            }
        }
    }
}

/// A message of settings that has one of them: a map from its name to a value.
fn setting(name: &str, value: &[u8]) -> Vec<u8> {
    let entry = [&[0x0a, name.len() as u8][..], name.as_bytes(), &[0x12, value.len() as u8], value].concat();
    [&[0x0a, entry.len() as u8][..], &entry].concat()
}

#[test]
fn settings_are_read_by_one_role_and_changed_by_another() {
    let log = ("inference.GRPCInferenceService/LogSettings", setting("log_verbose_level", &[0x10, 1]));
    let trace = ("inference.GRPCInferenceService/TraceSetting", setting("trace_rate", b"\x0a\x041000"));
    for (call, message) in [log, trace] {
        let by = |auth: Auth, role: Option<Role>, message: &[u8]| {
            let shown = role.map(|role| bearer(Some(role)));
            ask(auth, call, shown.as_deref(), message).0
        };
        assert_eq!(by(auth(), Some(Role::Predict), b""), "0", "{call}");
        assert_eq!(by(auth(), Some(Role::Predict), &message), PERMISSION_DENIED, "{call}");
        assert_eq!(by(auth(), Some(Role::Admin), &message), "0", "{call}");
        assert_eq!(by(Auth::default(), None, b""), "0", "{call}");
        assert_eq!(by(Auth::default(), None, &message), PERMISSION_DENIED, "{call}");
        assert_eq!(by(Auth::open(), None, &message), "0", "{call}");
    }
}

#[test]
fn without_keys_a_nested_service_is_read_and_not_changed() {
    for (call, needed) in CALLS {
        let (status, told) = ask(Auth::default(), call, None, b"");
        assert_eq!(status == PERMISSION_DENIED, needed == Some(Role::Admin), "{call}: {status} {told}");
    }
}
