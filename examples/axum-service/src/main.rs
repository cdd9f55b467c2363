//! The member service, see the library beside it.
#![expect(clippy::print_stdout, reason = "a service says where it listens and what its release does")]

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = axum_service::endpoint()?;
    let worker = endpoint.spawn_worker(Duration::from_millis(20), |event| {
        if let Some(line) = axum_service::log_line(&event.kind) {
            println!("{line}");
        }
    })?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut terminated = signal(SignalKind::terminate())?;
    let stopped = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    };
    axum::serve(listener, axum_service::service(endpoint)).with_graceful_shutdown(stopped).await?;
    // No request is under way any more: what they left is worked off before the process ends.
    worker.stop();
    println!("stopped");
    Ok(())
}
