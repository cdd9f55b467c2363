//! Messages as bytes: packed and not, too large, broken off, and what is no call at all.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{Method, Request, Version};
use http_body_util::Full;
use mlcore_serve::grpc::GrpcLimits;
use prost::Message;
use tonic::codec::CompressionEncoding;

use crate::protocol::inference::{ModelInferResponse, ServerLiveResponse};
use crate::support::{Asked, doubles, framed, request};

const INFER: &str = "/inference.GRPCInferenceService/ModelInfer";
const LIVE: &str = "/inference.GRPCInferenceService/ServerLive";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn messages_are_packed_both_ways() {
    let asked = Asked::new();
    let rows = vec![[0.5_f32, 1.0]; 1000];
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Deflate] {
        let mut client = asked.client().send_compressed(encoding).accept_compressed(encoding);
        let answer = asked.run(client.model_infer(request(&rows))).unwrap();
        let packed = answer.metadata().get("grpc-encoding").unwrap().to_str().unwrap().to_owned();
        assert_eq!(packed, if encoding == CompressionEncoding::Gzip { "gzip" } else { "deflate" });
        assert_eq!(doubles(&answer.into_inner(), 0), vec![1.0; 1000]);
    }
    let body = framed(1, &gzip(&request(&rows).encode_to_vec()));
    let ask = |headers: &[(&str, &str)], body: &[u8]| {
        let (fields, answer) = asked.post(INFER, headers, body);
        assert_eq!(fields["grpc-status"], "0", "{fields:?}");
        answer
    };
    // Who does not take packed answers gets none, and small ones are not packed.
    assert_eq!(ask(&[("grpc-encoding", "gzip")], &body)[0], 0);
    let both = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity, deflate,gzip")];
    let answer = ask(&both, &body);
    assert!(answer[0] == 1 && answer.len() < 4000, "{}", answer.len());
    assert_eq!(ask(&both, &framed(1, &gzip(&request(&[[0.5, 1.0]]).encode_to_vec())))[0], 0);
    // A message that is not packed may stand in a call that says how others are.
    assert_eq!(ask(&both, &framed(0, &request(&[[0.5, 1.0]]).encode_to_vec()))[0], 0);
}

#[test]
fn messages_that_cannot_be_taken_are_refused_before_they_cost_anything() {
    let mut limits = GrpcLimits::default();
    limits.message_bytes = 1 << 16;
    let asked = Asked::with_limits(limits);
    let good = request(&[[0.5, 1.0]]).encode_to_vec();
    let refused = |path: &str, headers: &[(&str, &str)], body: &[u8], code: &str, words: &str| {
        let (fields, answer) = asked.post(path, headers, body);
        assert_eq!(
            (&fields["status"], &fields["grpc-status"]),
            (&"200".parse().unwrap(), &code.parse().unwrap()),
            "{fields:?}"
        );
        assert!(fields["grpc-message"].to_str().unwrap().contains(words), "{fields:?}");
        assert!(answer.is_empty());
    };
    refused(INFER, &[], &framed(0, &vec![0; 1 << 17]), "8", "larger than the 65536 bytes");
    // Lengths of 2 and 4 GiB, of which nothing comes.
    refused(INFER, &[], &[0, 0x7f, 0xff, 0xff, 0xff], "8", "larger than");
    refused(INFER, &[], &[0, 0xff, 0xff, 0xff, 0xff, 1], "8", "larger than");
    refused(INFER, &[("grpc-encoding", "br")], &framed(1, &good), "12", "gzip, deflate");
    refused(INFER, &[], &framed(1, &good), "3", "does not say how");
    refused(INFER, &[], &framed(7, &good), "3", "does not say how");
    refused(INFER, &[("grpc-encoding", "gzip")], &framed(1, &good), "3", "does not unpack");
    let bomb = gzip(&vec![0; 100 << 20]);
    assert!(bomb.len() > 1 << 16, "a larger message is refused as it is");
    let bomb = gzip(&vec![0; 10 << 20]);
    refused(INFER, &[("grpc-encoding", "gzip")], &framed(1, &bomb), "8", "unpacks to more than");
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&vec![0; 10 << 20]).unwrap();
    refused(
        INFER,
        &[("grpc-encoding", "deflate")],
        &framed(1, &encoder.finish().unwrap()),
        "8",
        "unpacks to more than",
    );
    refused(INFER, &[], &framed(0, &good)[..20], "3", "ends in the middle of a message");
    refused(INFER, &[], &[], "3", "no message");
    refused(INFER, &[], &framed(0, &good).repeat(2), "3", "more than one message");
    refused(INFER, &[], &framed(0, b"\xff"), "3", "message");
    refused(INFER, &[("grpc-timeout", "soon")], &framed(0, &good), "3", "grpc-timeout");
    refused(INFER, &[("grpc-timeout", "0n")], &framed(0, &good), "4", "passed before the model ran");
    refused("/inference.GRPCInferenceService/Other", &[], &framed(0, &good), "12", "no such call");
    refused("/other.Service/ModelInfer", &[], &framed(0, &good), "12", "no such call");
    refused("/", &[], &[], "12", "no such call");
    // Fields without end in a message that is read by a program's code.
    let many = framed(0, &[0x1a, 0].repeat(20_000));
    refused("/inference.GRPCInferenceService/RepositoryModelLoad", &[], &many, "3", "more than 1024 fields");
    refused("/inference.GRPCInferenceService/ModelReady", &[], &framed(0, b"\x0a\x01\xff"), "3", "message");
    // It goes on.
    let (fields, answer) = asked.post(LIVE, &[], &framed(0, &[]));
    assert_eq!(fields["grpc-status"], "0");
    assert!(ServerLiveResponse::decode(&answer[5..]).unwrap().live);
}

/// Frames of any size make the same message.
#[test]
fn messages_come_in_pieces() {
    struct Pieces(Vec<Bytes>);
    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Ready(self.0.pop().map(|piece| Ok(http_body::Frame::data(piece))))
        }
    }
    let asked = Asked::new();
    let body = framed(0, &request(&[[0.5, 1.0]; 50]).encode_to_vec());
    for size in [1, 2, 3, 5, 6, 7, 100, body.len()] {
        let mut pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
        pieces.reverse();
        let call = Request::post(INFER).version(Version::HTTP_2).header("content-type", "application/grpc");
        let call = call.body(Pieces(pieces)).unwrap();
        let answer = asked.run(async {
            http_body_util::BodyExt::collect(asked.service.answer(call).await.into_body()).await.unwrap()
        });
        assert_eq!(answer.trailers().unwrap()["grpc-status"], "0", "{size}");
        let answer = ModelInferResponse::decode(&answer.to_bytes()[5..]).unwrap();
        assert_eq!(doubles(&answer, 0), vec![1.0; 50]);
    }
}

#[test]
fn what_is_no_call_gets_a_status_of_http() {
    let asked = Asked::new();
    let status = |method: Method, version: Version, kind: &str| {
        let call = Request::builder().method(method).uri(LIVE).version(version).header("content-type", kind);
        let call = call.body(Full::new(Bytes::from(framed(0, &[])))).unwrap();
        asked.run(asked.service.answer(call)).status().as_u16()
    };
    let (post, two) = (Method::POST, Version::HTTP_2);
    assert_eq!(status(post.clone(), two, "application/grpc"), 200);
    assert_eq!(status(post.clone(), two, "application/grpc+proto; charset=x"), 200);
    for kind in ["application/grpc-web", "application/grpc+json", "application/json", "text/plain"] {
        assert_eq!(status(post.clone(), two, kind), 415, "{kind}");
    }
    assert_eq!(status(Method::GET, two, "application/grpc"), 405);
    assert_eq!(status(post, Version::HTTP_11, "application/grpc"), 505);
}
