use std::io;

use mlcore::Error;
use polars::prelude::PolarsError;

/// What an error of polars means to the caller.
pub(crate) fn meant(operation: &'static str, subject: &str, cause: PolarsError) -> Error {
    let problem = cause.to_string();
    let error = match innermost(&cause) {
        PolarsError::ColumnNotFound(_)
        | PolarsError::SchemaFieldNotFound(_)
        | PolarsError::StructFieldNotFound(_)
        | PolarsError::SchemaMismatch(_)
        | PolarsError::ShapeMismatch(_)
        | PolarsError::Duplicate(_) => Error::schema_mismatch(operation, subject, problem),
        PolarsError::IO { error, .. } => {
            let copy = io::Error::new(error.kind(), problem);
            return Error::from_io(operation, subject, copy);
        }
        // What remains is about values, and so may be what a later version of polars adds.
        _ => Error::invalid_input(operation, subject, problem),
    };
    error.caused_by(cause)
}

fn innermost(error: &PolarsError) -> &PolarsError {
    match error {
        PolarsError::Context { error, .. } | PolarsError::ExprContext { error, .. } => innermost(error),
        error => error,
    }
}

/// The same in the words of polars, for a query that a plan is part of.
pub(super) fn told(error: &Error) -> PolarsError {
    let text = error.to_string().into();
    match error {
        Error::SchemaMismatch(_) => PolarsError::SchemaMismatch(text),
        Error::Unsupported(_) => PolarsError::InvalidOperation(text),
        _ => PolarsError::ComputeError(text),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn errors_of_polars_keep_their_meaning() {
        let of = |error: PolarsError| meant("collect frame", "query", error);
        let missing = PolarsError::ColumnNotFound("age".into());
        let inside = PolarsError::Context { error: Box::new(missing), msg: "below".into() };
        let error = of(inside);
        assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
        assert_eq!(error.to_string(), "collect frame query: not found: age: below");
        assert!(matches!(of(PolarsError::ComputeError("odd".into())), Error::InvalidInput(_)));
        let lost = Arc::new(io::Error::new(io::ErrorKind::NotFound, "no such file"));
        assert!(matches!(of(PolarsError::IO { error: lost, msg: None }), Error::NotFound(_)));
    }

    #[test]
    fn own_errors_are_told_in_full() {
        let own =
            Error::schema_mismatch("transform", "age", "expected float64, got string").remedy("cast it");
        let told = told(&own);
        assert!(matches!(told, PolarsError::SchemaMismatch(_)));
        assert_eq!(told.to_string(), own.to_string());
    }
}
