use std::fmt;
use std::sync::{Mutex, PoisonError};

use mlcore::{Error, Result};
use redis::{Client, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisResult};

use super::RedisOptions;
use super::error::meaning;

/// Connections that are used one call at a time.
pub(super) struct Pool {
    client: Client,
    /// Host, port and database: what errors name. Never the password.
    server: String,
    options: RedisOptions,
    idle: Mutex<Vec<Connection>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.server)
    }
}

impl Pool {
    /// The server of a URL. It is not asked.
    pub(super) fn new(url: &str, options: RedisOptions) -> Result<Self> {
        // The text may hold a password, and so no error shows it.
        let refused = |cause: redis::RedisError| {
            Error::invalid_input(OPEN, "URL", "it is no URL of a Redis server")
                .remedy("write it as redis://user:password@host:port/database")
                .caused_by(cause)
        };
        let info = url.into_connection_info().map_err(refused)?;
        let is_by_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let scheme = if is_by_tls { "rediss" } else { "redis" };
        let server = format!("{scheme}://{}/{}", info.addr(), info.redis_settings().db());
        let info = info.clone().set_redis_settings(info.redis_settings().clone().set_skip_set_lib_name());
        let client = match is_by_tls {
            true => by_tls(info, &server, &options)?,
            false => Client::open(info).map_err(refused)?,
        };
        Ok(Self { client, server, options, idle: Mutex::default() })
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Asks the server. A connection that was idle may have been closed by the server in between: then the question is asked once
    /// more on a new one, which is safe because each question may be asked twice.
    pub(super) fn ask<T>(
        &self,
        operation: &'static str,
        mut question: impl FnMut(&mut Connection) -> RedisResult<T>,
    ) -> Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut answer = None;
        if let Some(mut connection) = taken {
            let first = question(&mut connection);
            match &first {
                Err(cause) if is_broken(cause) && !cause.is_timeout() => {
                    // The others were closed by the same restart.
                    idle().clear();
                }
                _ => answer = Some((connection, first)),
            }
        }
        let (connection, answer) = match answer {
            Some(answered) => answered,
            None => {
                let mut connection =
                    self.connect().map_err(|cause| meaning(operation, &self.server, cause))?;
                let answer = question(&mut connection);
                (connection, answer)
            }
        };
        // One that timed out would give its late answer to the next question.
        if answer.as_ref().err().is_none_or(|cause| !is_broken(cause)) {
            let mut idle = idle();
            if idle.len() < self.options.connections {
                idle.push(connection);
            }
        }
        answer.map_err(|cause| meaning(operation, &self.server, cause))
    }

    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(self.options.timeout)?;
        connection.set_read_timeout(Some(self.options.timeout))?;
        connection.set_write_timeout(Some(self.options.timeout))?;
        Ok(connection)
    }
}

#[cfg(feature = "redis-tls")]
fn by_tls(info: ConnectionInfo, server: &str, options: &RedisOptions) -> Result<Client> {
    super::tls::client(info, server, &options.trust)
}

#[cfg(not(feature = "redis-tls"))]
fn by_tls(_: ConnectionInfo, server: &str, _: &RedisOptions) -> Result<Client> {
    let problem = "it is reached by TLS, and the feature `redis-tls` of this build is off";
    Err(Error::unsupported(OPEN, server, problem)
        .remedy("build with the feature `redis-tls`, or use redis:// on a network that you trust"))
}

/// Says whether nothing more may be asked on the connection: everything but an answer of the server that says no.
fn is_broken(cause: &redis::RedisError) -> bool {
    !matches!(cause.kind(), redis::ErrorKind::Server(_) | redis::ErrorKind::Extension)
}

const OPEN: &str = "open online store";
