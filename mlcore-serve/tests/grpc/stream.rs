//! `ModelStreamInfer`: answers in order, errors that end nothing, and clients that go away.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tonic::Code;

use crate::protocol::inference::{ModelInferRequest, ModelStreamInferResponse};
use crate::support::{Asked, doubles, request, texts};

/// Requests as they are sent.
pub(crate) struct Requests(pub(crate) mpsc::UnboundedReceiver<ModelInferRequest>);

impl tonic::codegen::tokio_stream::Stream for Requests {
    type Item = ModelInferRequest;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ModelInferRequest>> {
        self.0.poll_recv(context)
    }
}

fn numbered(number: usize) -> ModelInferRequest {
    let mut own = request(&[[number as f32 + 100.0, 1.0]]);
    own.id = number.to_string();
    own
}

#[test]
fn a_stream_answers_each_request_in_its_order() {
    let asked = Asked::new();
    asked.run(async {
        let (sender, receiver) = mpsc::unbounded_channel();
        for number in 0..200 {
            sender.send(numbered(number)).unwrap();
        }
        let mut answers = asked.client().model_stream_infer(Requests(receiver)).await.unwrap().into_inner();
        for number in 0..200 {
            let ModelStreamInferResponse { error_message, infer_response } =
                answers.message().await.unwrap().unwrap();
            assert_eq!(error_message, "");
            let answer = infer_response.unwrap();
            assert_eq!((answer.id.as_str(), doubles(&answer, 0)), (&*number.to_string(), vec![1.0]));
        }
        // One by one, as a conversation.
        for number in 0..10 {
            sender.send(numbered(number)).unwrap();
            let answer = answers.message().await.unwrap().unwrap().infer_response.unwrap();
            assert_eq!(texts(&answer, 1), [(number + 100).to_string()]);
        }
        drop(sender);
        assert!(answers.message().await.unwrap().is_none());
    });
}

#[test]
fn what_is_wrong_with_a_request_does_not_end_the_stream() {
    let asked = Asked::new();
    asked.run(async {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut answers = asked.client().model_stream_infer(Requests(receiver)).await.unwrap().into_inner();
        let mut strange = numbered(0);
        strange.inputs[0].datatype = "FP64".to_owned();
        let mut nowhere = numbered(0);
        nowhere.model_name = "none".to_owned();
        for (wrong, words) in [
            (strange, "bytes are not the"),
            (nowhere, "no model of this name"),
            (request(&[[13.0, 1.0]]), "it fails on 13"),
        ] {
            sender.send(wrong).unwrap();
            sender.send(numbered(7)).unwrap();
            let told = answers.message().await.unwrap().unwrap();
            assert!(told.infer_response.is_none() && told.error_message.contains(words), "{told:?}");
            assert_eq!(answers.message().await.unwrap().unwrap().infer_response.unwrap().id, "7");
        }
        // A call whose client went away lets go of everything.
        drop(answers);
    });
}

#[test]
fn a_message_that_is_too_large_ends_the_stream_after_what_was_asked_before() {
    let mut limits = mlcore_serve::grpc::GrpcLimits::default();
    limits.message_bytes = 1000;
    let asked = Asked::with_limits(limits);
    asked.run(async {
        let (sender, receiver) = mpsc::unbounded_channel();
        for own in [numbered(0), numbered(1), request(&[[0.5, 1.0]; 200]), numbered(2)] {
            sender.send(own).unwrap();
        }
        let mut answers = asked.client().model_stream_infer(Requests(receiver)).await.unwrap().into_inner();
        for id in ["0", "1"] {
            assert_eq!(answers.message().await.unwrap().unwrap().infer_response.unwrap().id, id);
        }
        let refused = answers.message().await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
    });
}
