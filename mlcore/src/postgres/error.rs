use postgres::error::SqlState;

use crate::error::Error;

/// Turns PostgreSQL's errors into meanings, once.
pub(super) fn meaning(operation: &'static str, server: &str) -> impl Fn(postgres::Error) -> Error {
    move |cause| {
        let server = server.to_owned();
        let Some(found) = cause.as_db_error() else { return without_answer(operation, server, cause) };
        let (code, problem) = (found.code().clone(), found.message().to_owned());
        let error = match code.code().get(..2).unwrap_or_default() {
            _ if code == SqlState::QUERY_CANCELED => Error::timeout(operation, server, problem)
                .remedy("repeat it, or allow more time with the statement timeout"),
            _ if code == SqlState::LOCK_NOT_AVAILABLE => {
                let held = operation.rsplit(' ').next().unwrap_or(operation);
                Error::unavailable(operation, server, format!("another process holds the {held}"))
                    .remedy("repeat it, or allow more time with the statement timeout")
            }
            _ if code == SqlState::DISK_FULL => Error::storage_full(operation, server, problem)
                .remedy("free space at the server and repeat the operation; what was stored is still there"),
            _ if code == SqlState::INVALID_CATALOG_NAME => {
                Error::not_found(operation, server, problem).remedy("create the database first")
            }
            _ if code == SqlState::INSUFFICIENT_PRIVILEGE => {
                Error::permission_denied(operation, server, problem)
                    .remedy("grant the role CREATE on the database, or USAGE on the schema and its tables")
            }
            _ if code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                Error::permission_denied(operation, server, problem)
                    .remedy("connect to the server that writes")
            }
            // Wrong passwords and unknown roles.
            "28" => Error::permission_denied(operation, server, problem)
                .remedy("check the user and the password of the URL, and the server's pg_hba.conf"),
            // Too many connections, out of memory; a server that shuts down or starts; a serialization that failed.
            "53" | "57" | "40" | "58" | "08" => {
                Error::unavailable(operation, server, problem).remedy("repeat it once the server is well")
            }
            "54" | "22" => Error::invalid_input(operation, server, problem),
            // What our own statements can meet otherwise is a schema that is not as we made it.
            _ => damaged(operation, server, problem),
        };
        error.caused_by(cause)
    }
}

/// A server that could not be asked, or did not answer.
fn without_answer(operation: &'static str, server: String, cause: postgres::Error) -> Error {
    let problem = match std::error::Error::source(&cause) {
        Some(below) => format!("{cause}: {below}"),
        None => cause.to_string(),
    };
    let remedy = if problem.to_ascii_lowercase().contains("certificate") {
        "name the authority of the server's certificate with sslrootcert, or write sslmode=disable on a trusted network"
    } else {
        "check that the server runs and can be reached, and repeat it"
    };
    Error::unavailable(operation, server, problem).remedy(remedy).caused_by(cause)
}

/// Turns an error of COMMIT into a meaning: where no answer came nobody knows whether it happened.
pub(super) fn commit_meaning(operation: &'static str, server: &str, cause: postgres::Error) -> Error {
    if cause.as_db_error().is_some() && !is_lost(&cause) {
        return meaning(operation, server)(cause);
    }
    Error::outcome_unknown(operation, server.to_owned(), cause.to_string())
        .remedy("repeat it with the same request id, or read what is there first")
        .caused_by(cause)
}

/// Whether the server ended the connection, or the system did.
pub(super) fn is_lost(cause: &postgres::Error) -> bool {
    match cause.code() {
        Some(code) => [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code),
        None => {
            cause.is_closed()
                || std::error::Error::source(cause).is_some_and(|below| below.is::<std::io::Error>())
        }
    }
}

/// Whether another transaction was in the way, so that the same one may succeed when it is repeated.
pub(super) fn is_in_the_way(error: &Error) -> bool {
    let codes = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    below(error).and_then(postgres::Error::code).is_some_and(|code| codes.contains(code))
}

/// Whether an error came of a connection that is gone.
pub(super) fn came_of_loss(error: &Error) -> bool {
    below(error).is_some_and(is_lost)
}

fn below(error: &Error) -> Option<&postgres::Error> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref())
}

/// Rows that are not as they were written.
pub(crate) fn damaged(operation: &'static str, subject: String, problem: String) -> Error {
    Error::corrupt(operation, subject, problem).remedy("stop writing to it and restore it from a backup")
}
