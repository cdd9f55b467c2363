//! `ModelStreamInfer`: answers in order, errors that end nothing, and clients that go away.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::artifact::ArtifactStore;
use mlcore::batch::{Batch, Tensor};
use mlcore::name::ModelName;
use mlcore::registry::ModelVersion;
use mlcore::runner::{FunctionRunner, Runner};
use mlcore_serve::grpc::GrpcLimits;
use tokio::sync::mpsc;
use tonic::Code;

use crate::protocol::inference::{ModelInferRequest, ModelStreamInferResponse};
use crate::support::{Asked, doubles, request, texts};
use crate::web::{Place, endpoint, signature};

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
    let mut limits = GrpcLimits::default();
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

/// A place whose model takes its time, and how often it ran.
fn slow() -> (Asked, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let loader = move |_: &ModelVersion, _: &dyn ArtifactStore| {
        let runs = counted.clone();
        let runner = FunctionRunner::new(signature(), move |inputs| {
            runs.fetch_add(1, Ordering::Relaxed);
            thread::sleep(RUN);
            let rows = inputs.tensor("x")?.rows().unwrap_or_default();
            let text = Tensor::strings([rows], vec![""; rows])?;
            Batch::new([("y", Tensor::column(vec![0.0; rows])), ("text", text)])
        });
        Ok(Arc::new(runner) as Arc<dyn Runner>)
    };
    let place = Place::of(endpoint(&ModelName::new("m").unwrap()).with_loader(loader));
    runs.store(0, Ordering::Relaxed);
    (Asked::of(place, GrpcLimits::default()), runs)
}

#[test]
fn slow_requests_of_a_stream_run_at_once_and_are_answered_in_order() {
    let (asked, _) = slow();
    asked.run(async {
        let (sender, receiver) = mpsc::unbounded_channel();
        for number in 0..64 {
            sender.send(numbered(number)).unwrap();
        }
        let mut answers = asked.client().model_stream_infer(Requests(receiver)).await.unwrap().into_inner();
        let began = Instant::now();
        for number in 0..64 {
            let answer = answers.message().await.unwrap().unwrap().infer_response.unwrap();
            assert_eq!(answer.id, number.to_string());
        }
        assert!(began.elapsed() < 32 * RUN, "{:?} for 64 runs of {RUN:?}", began.elapsed());
    });
}

#[test]
fn a_client_that_goes_away_frees_what_it_asked_for() {
    let (asked, runs) = slow();
    asked.run(async {
        let (sender, receiver) = mpsc::unbounded_channel();
        for number in 0..1000 {
            sender.send(numbered(number)).unwrap();
        }
        let mut answers = asked.client().model_stream_infer(Requests(receiver)).await.unwrap().into_inner();
        answers.message().await.unwrap().unwrap();
        drop(answers);
        tokio::time::sleep(10 * RUN).await;
        // Those that were under way when it went, and no others.
        assert!(runs.load(Ordering::Relaxed) <= 40, "{runs:?} of 1000");
        asked.client().model_infer(numbered(1)).await.unwrap();
    });
}

const RUN: Duration = Duration::from_millis(30);
