//! What redb's errors mean.

use std::path::Path;

use mlcore::Error;

/// The error with its meaning, about this file.
#[cold]
pub(super) fn meaning(operation: &'static str, path: &Path, cause: impl Into<redb::Error>) -> Error {
    use redb::Error as Cause;
    let (subject, cause) = (path.display().to_string(), cause.into());
    let problem = cause.to_string();
    let error = match cause {
        Cause::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
            return Error::corrupt(operation, subject, "the file is no online store, or was damaged")
                .remedy(RESTORE)
                .caused_by(cause);
        }
        Cause::Io(cause) => return Error::from_io(operation, subject, cause),
        Cause::DatabaseAlreadyOpen => Error::unavailable(
            operation,
            subject,
            "another process, or another handle of this one, has it open",
        )
        .remedy("close the other one, clone its handle, or use Redis where several processes share features"),
        Cause::Corrupted(_) | Cause::RepairAborted => {
            Error::corrupt(operation, subject, format!("the file was damaged: {problem}")).remedy(RESTORE)
        }
        Cause::UpgradeRequired(_) => {
            Error::unsupported(operation, subject, "the file has the format of an earlier version")
                .remedy("move it away and materialise the views again")
        }
        Cause::TableTypeMismatch { .. }
        | Cause::TableIsMultimap(_)
        | Cause::TableIsNotMultimap(_)
        | Cause::TypeDefinitionChanged { .. }
        | Cause::TableDoesNotExist(_) => {
            Error::corrupt(operation, subject, format!("the file is another program's database: {problem}"))
                .remedy("choose a file of its own for the online store")
        }
        Cause::ValueTooLarge(_) => Error::invalid_input(operation, subject, problem)
            .remedy("store a reference to the content instead of the content"),
        Cause::PreviousIo | Cause::DatabaseClosed | Cause::LockPoisoned(_) => {
            Error::unavailable(operation, subject, "an earlier failure of the disk closed the file")
                .remedy("repeat the call: the file is opened again by itself")
        }
        _ => Error::internal(operation, subject, problem).remedy("report it"),
    };
    error.caused_by(cause)
}

pub(super) const RESTORE: &str =
    "move the file away and materialise the views again: an online store holds nothing else";
