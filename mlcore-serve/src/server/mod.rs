//! A listener for the services of a protocol, [HTTP's](crate::http) or gRPC's: connections that are slow, idle or too many cost the others nothing, and a stop
//! loses no request.
//!
//! What a framework's own `serve` does for a first try, with the limits that a port needs which anybody can reach.

mod background;
mod body;
mod connection;
mod paced;
pub mod program;
mod protocol;
mod tls;
mod unread;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::Gauge;
use mlcore::{Error, Result};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

pub use self::background::Background;
use self::connection::Connections;
pub use self::protocol::{MetricsService, Protocol};
pub use self::tls::{Tls, TlsOptions};
use crate::metrics::names;

/// Limits to what connections may take.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Connections that are open at once; others wait until one ends. 10,000 by default.
    pub connections: usize,
    /// The time in which the head of a request must arrive, from its first byte on, and a handshake of TLS be over. 10 s by default.
    pub head_timeout: Duration,
    /// The time in which its body must arrive. 60 s by default.
    pub body_timeout: Duration,
    /// How long a client may take none of its answer, over HTTP/2 of each of its answers. 30 s by default.
    pub write_timeout: Duration,
    /// How long a connection may stay open without a request. 75 s by default. Clients of HTTP/2 are told to open another one.
    pub idle_timeout: Duration,
    /// How long a stopping server still takes connections, after it began to say that it is not ready: so that whoever shares
    /// out the traffic hears of it first. None by default.
    pub stop_delay: Duration,
    /// How long requests that are under way may take then. 30 s by default.
    pub drain_timeout: Duration,
    /// The hosts that requests may be addressed to, without the port. Where there are none any host will do; a server that listens
    /// on the loopback only takes `localhost` and the addresses of the loopback, so that no page of another site reaches it by a
    /// name of its own.
    pub hosts: Vec<String>,
    /// Encrypts connections. A handshake must be over within [`head_timeout`](Self::head_timeout). None by default.
    pub tls: Option<Tls>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            stop_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
            hosts: Vec::new(),
            tls: None,
        }
    }
}

/// A service that listens.
pub struct Server {
    listener: TcpListener,
    protocol: Protocol,
    options: ServerOptions,
}

/// How a server ended.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// Connections whose requests were not done in time, and were cut off.
    pub cut_off: usize,
}

impl Server {
    /// Listens on `address` and answers by a service of HTTP or of gRPC; port 0 lets the system choose one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::PermissionDenied`] as the system says, naming the address.
    pub async fn bind(
        address: SocketAddr,
        service: impl Into<Protocol>,
        options: ServerOptions,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).await.map_err(|cause| {
            let taken = cause.kind() == std::io::ErrorKind::AddrInUse;
            let error = match taken {
                true => Error::unavailable(
                    "listen on",
                    address.to_string(),
                    "another program listens there already",
                ),
                false => Error::from_io("listen on", address.to_string(), cause),
            };
            if taken { error.remedy("choose another port, or stop that program") } else { error }
        })?;
        Ok(Self { listener, protocol: service.into(), options })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(|cause| Error::from_io("listen", "address", cause))
    }

    /// Answers requests until `stop` is ready. Then it says that it is not ready, takes no more connections after the
    /// [delay](ServerOptions::stop_delay), and ends when the requests that are under way are answered, or their time is up.
    ///
    /// Must run in a tokio runtime with I/O and time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Stopped {
        let Self { listener, protocol, options } = self;
        let models = protocol.models().clone();
        let (open, taken) = (names::CONNECTIONS, names::CONNECTIONS_TAKEN);
        let (open, taken) = (open.gauge(&[protocol.name()]), taken.counter(&[protocol.name()]));
        let is_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
        let permits = Arc::new(Semaphore::new(options.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let (stopping, _) = watch::channel(());
        // Apart from the connections, which are counted by who hears of a stop.
        let (ending, told) = watch::channel(());
        let connections = Connections::new(protocol, options.clone(), is_loopback, told);
        let accept = async {
            loop {
                // A semaphore that is never closed always gives one.
                let Ok(permit) = permits.clone().acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, from)) => {
                        let _ = stream.set_nodelay(true);
                        let serve = connections.serve(stream, from, stopping.subscribe());
                        taken.increment(1);
                        let counted = OpenConnection::new(open.clone());
                        tokio::spawn(async move {
                            serve.await;
                            drop((permit, counted));
                        });
                    }
                    Err(cause) => {
                        tracing::warn!(%cause, "a connection was not taken");
                        // Without a descriptor left the next try fails as well.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        };
        let stop = async {
            stop.await;
            models.set_draining(true);
            tokio::time::sleep(options.stop_delay).await;
        };
        tokio::select! {
            () = accept => {}
            () = stop => {}
        }
        drop(listener);
        // Nobody may be left to hear it.
        let _ = ending.send(());
        let _ = stopping.send(());
        let _ = tokio::time::timeout(options.drain_timeout, stopping.closed()).await;
        Stopped { cut_off: stopping.receiver_count() }
    }
}

/// Counts a connection while it is open.
struct OpenConnection(Gauge);

impl OpenConnection {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.listener.local_addr().ok()).finish_non_exhaustive()
    }
}

/// The most bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;
