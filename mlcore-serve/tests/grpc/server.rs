//! A server of gRPC on a real port.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mlcore_serve::server::{Server, ServerOptions, Stopped};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::Code;

use crate::stream::Requests;
use crate::support::{Asked, Connection, doubles, request};

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Stopped>,
}

pub(crate) async fn serve(asked: &Asked, options: ServerOptions) -> Running {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), asked.service.clone(), options).await.unwrap();
    let address = server.address().unwrap();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(server.run(async move { drop(stopped.await) }));
    Running { address, stop, ended }
}

#[test]
fn a_connection_carries_many_calls_at_once() {
    let asked = Asked::new();
    asked.run(async {
        let running = serve(&asked, ServerOptions::default()).await;
        let connection = Connection::new(running.address).await;
        let calls: Vec<_> = (0..200)
            .map(|number| {
                let mut client = connection.client();
                tokio::spawn(
                    async move { client.model_infer(request(&[[number as f32 + 100.0, 1.0]; 20])).await },
                )
            })
            .collect();
        for call in calls {
            assert_eq!(doubles(&call.await.unwrap().unwrap().into_inner(), 0), [1.0; 20]);
        }
        // A page of another site that found a name for this address.
        let mut strange = connection.client_of("http://evil.example");
        let refused = strange.model_infer(request(&[[0.5, 1.0]])).await.unwrap_err();
        assert!(refused.message().contains("does not answer for the host"), "{refused}");
        drop((connection, running.stop));
        assert_eq!(running.ended.await.unwrap().cut_off, 0);
    });
}

/// A stop answers what is under way, says on idle streams why they end, and loses no request.
#[test]
fn a_stop_loses_no_request() {
    let asked = Asked::new();
    asked.run(async {
        let mut options = ServerOptions::default();
        options.stop_delay = Duration::from_millis(100);
        let running = serve(&asked, options).await;
        let connection = Connection::new(running.address).await;
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut answers =
            connection.client().model_stream_infer(Requests(receiver)).await.unwrap().into_inner();
        sender.send(request(&[[0.5, 1.0]])).unwrap();
        assert!(answers.message().await.unwrap().unwrap().infer_response.is_some());
        let asking = tokio::spawn({
            let connection = connection.clone();
            async move {
                let (mut answered, mut client) = (0, connection.client());
                loop {
                    match client.model_infer(request(&[[0.5, 1.0]])).await {
                        Ok(_) => answered += 1,
                        Err(ended) => return (answered, ended),
                    }
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let began = Instant::now();
        drop(running.stop);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(asked.service.models().check_ready().is_err(), "it says so before it takes no more");
        let ended = answers.message().await.unwrap_err();
        assert_eq!(ended.code(), Code::Unavailable);
        assert!(ended.message().contains("the server is stopping"), "{ended}");
        assert_eq!(running.ended.await.unwrap().cut_off, 0);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let (answered, ended) = asking.await.unwrap();
        // The connection said first that it takes no more: the call was not begun.
        assert!(answered > 0 && !ended.message().contains("failed"), "{answered} {ended}");
    });
}

#[test]
fn a_body_that_does_not_arrive_is_given_up_and_a_quiet_stream_is_not() {
    let asked = Asked::new();
    asked.run(async {
        let mut options = ServerOptions::default();
        options.body_timeout = Duration::from_millis(200);
        let running = serve(&asked, options).await;
        let connection = Connection::new(running.address).await;
        // No message comes, and no end.
        let (_quiet, receiver) = mpsc::unbounded_channel::<crate::protocol::inference::ModelInferRequest>();
        let (sender, streamed) = mpsc::unbounded_channel();
        let mut answers =
            connection.client().model_stream_infer(Requests(streamed)).await.unwrap().into_inner();
        let call = tonic::Request::new(Requests(receiver));
        let mut client =
            tonic::client::Grpc::with_origin(connection.clone(), "http://localhost".parse().unwrap());
        client.ready().await.unwrap();
        let path = "/inference.GRPCInferenceService/ModelInfer".parse().unwrap();
        let codec: tonic_prost::ProstCodec<_, crate::protocol::inference::ModelInferResponse> =
            Default::default();
        let refused = client.client_streaming(call, path, codec).await.unwrap_err();
        assert_eq!(refused.code(), Code::DeadlineExceeded, "{refused}");
        assert!(refused.message().contains("did not arrive within 200ms"), "{refused}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        sender.send(request(&[[0.5, 1.0]])).unwrap();
        assert!(answers.message().await.unwrap().unwrap().infer_response.is_some());
    });
}
