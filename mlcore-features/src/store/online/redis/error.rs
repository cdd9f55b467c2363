//! What Redis's errors mean.

use mlcore::Error;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The error with its meaning, about this server.
#[cold]
pub(super) fn meaning(operation: &'static str, server: &str, cause: RedisError) -> Error {
    // Of several calls in one round trip, the first that failed.
    let refused = cause.clone().into_server_errors();
    let first = refused.and_then(|refused| refused.first().map(|(_, error)| RedisError::from(error.clone())));
    let cause = first.unwrap_or(cause);
    let code = cause.code().unwrap_or_default();
    let problem = cause.to_string();
    let server = server.to_owned();
    let error = match (cause.kind(), code) {
        _ if cause.is_timeout() => Error::timeout(operation, server, "the server did not answer in time")
            .remedy("repeat the call: a write that was done twice is done once; look whether the server is overloaded"),
        (_, "OOM") => Error::storage_full(operation, server, "the server has no memory left")
            .remedy("evict what has expired, raise maxmemory, or give the tables a time to live"),
        (_, "MISCONF") => Error::storage_full(operation, server, problem)
            .remedy("mend the server's persistence: it cannot write its file"),
        (_, "NOAUTH" | "WRONGPASS") | (ErrorKind::AuthenticationFailed, _) => {
            Error::permission_denied(operation, server, "the server does not accept the user or the password")
                .remedy("put them into the URL: redis://user:password@host:port/database")
        }
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => Error::permission_denied(operation, server, problem)
            .remedy("grant the user the commands GET, SET, EVAL, SCAN and those of sets, hashes and sorted sets"),
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => {
            Error::permission_denied(operation, server, "the server is a replica, which takes no writes")
                .remedy("use the URL of the primary")
        }
        (_, "WRONGTYPE") => Error::corrupt(operation, server, "a key of the store holds something of another type")
            .remedy("give the store a prefix of its own, and delete the key that something else wrote"),
        (ErrorKind::Server(_) | ErrorKind::Extension, "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN") => {
            Error::unavailable(operation, server, problem).remedy("repeat the call in a moment")
        }
        (ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::CrossSlot), _) => {
            Error::unsupported(operation, server, "the server is a node of a cluster")
                .remedy("use a server that is no cluster")
        }
        (ErrorKind::InvalidClientConfig, _) => Error::invalid_input(operation, server, problem)
            .remedy("write the URL as redis://host:port/database, and name a certificate with the key that belongs to it"),
        (ErrorKind::Io, _) if problem.contains("certificate") => Error::unavailable(operation, server, problem)
            .remedy("name the authority of the server's certificate (sslrootcert), the host as the certificate does, and a client certificate where the server asks for one (sslcert, sslkey)"),
        (ErrorKind::Io, _) => Error::unavailable(operation, server, problem)
            .remedy("make sure that the server runs and can be reached"),
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) => {
            Error::corrupt(operation, server, "the answer is none of Redis").remedy("make sure that the port is Redis's")
        }
        _ if cause.is_connection_dropped() => {
            Error::unavailable(operation, server, "the server closed the connection")
                .remedy("make sure that the server runs, and repeat the call")
        }
        _ => Error::unavailable(operation, server, problem).remedy("look into the server's log"),
    };
    error.caused_by(cause)
}
