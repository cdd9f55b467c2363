use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHORT_READ};

use super::holds;
use crate::error::Error;
use crate::interrupt;

/// Turns SQLite's errors into meanings, once.
pub fn meaning(operation: &'static str, file: &Path) -> impl Fn(rusqlite::Error) -> Error {
    move |cause| {
        let (file, problem) = (file.display().to_string(), cause.to_string());
        let (code, extended) = match &cause {
            rusqlite::Error::SqliteFailure(failure, _) => (Some(failure.code), failure.extended_code),
            rusqlite::Error::SqlInputError { error, .. } => (Some(error.code), error.extended_code),
            _ => (None, 0),
        };
        let error = match code {
            Some(
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed,
            ) => {
                let held = holds(operation);
                Error::unavailable(operation, file, format!("another process holds the {held}"))
                    .remedy(format!("repeat it, or open the {held} with a longer busy timeout"))
            }
            // By the progress handler, which asks the caller.
            Some(ErrorCode::OperationInterrupted) => {
                return interrupt::check(operation)
                    .err()
                    .unwrap_or_else(|| Error::unavailable(operation, file, problem))
                    .caused_by(cause);
            }
            Some(ErrorCode::DiskFull) => full(operation, file, problem),
            Some(ErrorCode::SystemIoFailure) => match extended {
                SQLITE_IOERR_SHMSIZE => full(operation, file, problem),
                SQLITE_IOERR_SHORT_READ | SQLITE_IOERR_CORRUPTFS => damaged(operation, file, problem),
                _ => {
                    Error::unavailable(operation, file, problem).remedy("check the disk and the system's log")
                }
            },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Error::permission_denied(operation, file, problem)
                    .remedy("let the process read and write the file and its folder, or open it read-only")
            }
            Some(ErrorCode::OutOfMemory) => {
                Error::overloaded(operation, file, problem).remedy("free memory and repeat it")
            }
            Some(ErrorCode::TooBig) => Error::invalid_input(operation, file, problem),
            // What our own statements can meet otherwise is a file that is not as we wrote it: a table that is gone, a
            // constraint that does not hold, a column of another type.
            _ => damaged(operation, file, problem),
        };
        error.caused_by(cause)
    }
}

/// Turns an error of COMMIT into a meaning: after a failing disk nobody knows what a restart will find.
pub fn commit_meaning(operation: &'static str, file: &Path) -> impl Fn(rusqlite::Error) -> Error {
    move |cause| match cause.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => {
            Error::outcome_unknown(operation, file.display().to_string(), cause.to_string())
                .remedy("repeat it with the same request id, or read what is there first")
                .caused_by(cause)
        }
        _ => meaning(operation, file)(cause),
    }
}

/// A file, or a row in it, that is not as it was written.
pub fn damaged(operation: &'static str, subject: String, problem: String) -> Error {
    Error::corrupt(operation, subject, problem).remedy("stop writing to it and restore it from a backup")
}

fn full(operation: &'static str, file: String, problem: String) -> Error {
    Error::storage_full(operation, file, problem)
        .remedy("free space and repeat the operation; what was stored is still there")
}
