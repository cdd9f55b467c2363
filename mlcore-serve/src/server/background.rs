use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use mlcore::{Error, Result};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Protocol, Server, ServerOptions, Stopped};

/// Servers on threads of their own, for a host that has no async runtime.
///
/// ```no_run
/// # fn listen(endpoint: mlcore_serve::Endpoint) -> mlcore::Result<()> {
/// use mlcore_serve::http::HttpService;
/// use mlcore_serve::models::Models;
/// use mlcore_serve::server::{Background, ServerOptions};
///
/// let models = Models::new();
/// models.insert(endpoint);
/// let address = ([127, 0, 0, 1], 8000).into();
/// let services = [(address, HttpService::new(models).into())];
/// let servers = Background::start(services, &ServerOptions::default())?;
/// println!("serving on {}", servers.addresses()[0]);
/// servers.stop();
/// # Ok(())
/// # }
/// ```
pub struct Background {
    runtime: Runtime,
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<()>,
    running: JoinSet<Stopped>,
}

impl Background {
    /// Listens on every address; port 0 lets the system choose one. None serves where one cannot.
    ///
    /// # Errors
    /// As [`Server::bind`]; [`Error::Unavailable`] where there are no threads to be had.
    pub fn start(
        services: impl IntoIterator<Item = (SocketAddr, Protocol)>,
        options: &ServerOptions,
    ) -> Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.enable_all().thread_name("mlcore-serve").build();
        let runtime = runtime.map_err(|cause| Error::from_io("start", "threads", cause))?;
        let (stop, stopping) = watch::channel(());
        let (mut addresses, mut servers) = (Vec::new(), Vec::new());
        for (address, protocol) in services {
            let server = runtime.block_on(Server::bind(address, protocol, options.clone()))?;
            addresses.push(server.address()?);
            servers.push(server);
        }
        let mut running = JoinSet::new();
        for server in servers {
            let mut stopping = stopping.clone();
            let stopped = async move {
                // A sender that is gone has stopped as well.
                let _ = stopping.changed().await;
            };
            running.spawn_on(server.run(stopped), runtime.handle());
        }
        Ok(Self { runtime, addresses, stop, running })
    }

    /// Where they listen, in the order of the services.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops them as [`Server::run`] does, waits for what is under way, and says how many connections were cut off together.
    ///
    /// # Errors
    /// [`Error::Internal`] for a server that panicked.
    pub fn stop(self) -> Result<Stopped> {
        let Self { runtime, stop, mut running, .. } = self;
        let _ = stop.send(());
        let ended = runtime.block_on(async {
            let mut cut_off = 0;
            while let Some(ended) = running.join_next().await {
                let stopped =
                    ended.map_err(|cause| Error::internal("serve", "connections", cause.to_string()))?;
                cut_off += stopped.cut_off;
            }
            Ok(Stopped { cut_off })
        });
        // A model that still computes is not waited for.
        runtime.shutdown_timeout(Duration::ZERO);
        ended
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
