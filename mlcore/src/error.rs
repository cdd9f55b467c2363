//! What went wrong, in terms of what it means to the caller.
//!
//! Every crate of the workspace speaks this one enum, so that `?` composes across crates and a wire protocol
//! needs one table from meaning to status. A value names the operation, its subject, the problem and, where there
//! is one, the remedy; the cause from a library below is kept as [`source`](std::error::Error::source) and never
//! appears in a signature.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The result of every fallible operation in the workspace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The particulars of an [`Error`]: which operation on which subject, what the problem was and what mends it.
#[derive(Debug)]
pub struct Context {
    operation: Cow<'static, str>,
    subject: String,
    problem: String,
    remedy: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Context {
    /// The operation that failed, as a verb phrase: `load model`.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// What the operation was about: a name, a column, a file.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What was wrong.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}

impl fmt::Display for Context {
    /// One line of bounded length, whatever names and texts from outside are in it; the accessors answer them whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Line(&self.operation))?;
        if !self.subject.is_empty() {
            write!(f, " {}", Line(&self.subject))?;
        }
        write!(f, ": {}", Line(&self.problem))?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {}", Line(remedy)),
            None => Ok(()),
        }
    }
}

/// A text as a part of one line of a log: what ends or reorders the line, or moves a terminal's cursor, is escaped, and a long
/// one is cut.
struct Line<'a>(&'a str);

/// The bytes that are shown of each part of an error: more than the longest list of what was tried, less than a model's weights
/// in a name.
const MOST_BYTES_SHOWN: usize = 4096;

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..self.0.floor_char_boundary(MOST_BYTES_SHOWN)).unwrap_or_default();
        let mut pieces = shown.split_inclusive(breaks_a_line);
        pieces.try_for_each(|piece| match piece.char_indices().next_back() {
            Some((place, last)) if breaks_a_line(last) => {
                write!(f, "{}{}", piece.get(..place).unwrap_or_default(), last.escape_default())
            }
            _ => f.write_str(piece),
        })?;
        if shown.len() < self.0.len() { f.write_str("...") } else { Ok(()) }
    }
}

/// Control characters, separators of lines and paragraphs, and what turns the direction of writing.
fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

macro_rules! meanings {
    ($($(#[doc = $doc:literal])+ $variant:ident, $constructor:ident, $label:literal;)+) => {
        /// What an operation's failure means. Match on the variant to decide, print the value to explain.
        ///
        /// ```
        /// use mlcore::Error;
        ///
        /// let error = Error::not_found("resolve alias", "churn@champion", "no version carries this alias")
        ///     .remedy("promote a version to it");
        /// assert!(error.is_caller_fault() && !error.is_transient());
        /// assert_eq!(
        ///     error.to_string(),
        ///     "resolve alias churn@champion: no version carries this alias; promote a version to it"
        /// );
        /// ```
        ///
        /// Serialised, it has its meaning and its particulars, but not the cause below:
        ///
        /// ```
        /// let error = mlcore::Error::timeout("run", "churn", "no answer after 50 ms").remedy("send fewer rows");
        /// let json = serde_json::to_string(&error)?;
        /// assert_eq!(
        ///     json,
        ///     r#"{"kind":"timeout","operation":"run","subject":"churn","problem":"no answer after 50 ms","remedy":"send fewer rows"}"#
        /// );
        /// assert_eq!(serde_json::from_str::<mlcore::Error>(&json)?.to_string(), error.to_string());
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[non_exhaustive]
        #[derive(Debug)]
        pub enum Error {
            $($(#[doc = $doc])+ $variant(Box<Context>),)+
        }

        impl Error {
            $(
                #[doc = concat!("An [`Error::", stringify!($variant), "`]: operation, subject, problem.")]
                pub fn $constructor(
                    operation: impl Into<Cow<'static, str>>,
                    subject: impl Into<String>,
                    problem: impl Into<String>,
                ) -> Self {
                    Self::$variant(Box::new(Context {
                        operation: operation.into(),
                        subject: subject.into(),
                        problem: problem.into(),
                        remedy: None,
                        source: None,
                    }))
                }
            )+

            /// Every [kind](Self::kind) that there is, in the order of the variants.
            pub const KINDS: &'static [&'static str] = &[$($label),+];

            /// The operation, the subject, the problem and the remedy.
            #[must_use]
            pub fn context(&self) -> &Context {
                match self {
                    $(Self::$variant(context) => context,)+
                }
            }

            fn context_mut(&mut self) -> &mut Context {
                match self {
                    $(Self::$variant(context) => context,)+
                }
            }

            /// The meaning as a stable snake_case word, for labels, logs and wire formats.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $label,)+
                }
            }

            /// The error with this meaning, as [`kind`](Self::kind) names it.
            fn of_kind(kind: &str, context: Box<Context>) -> Option<Self> {
                match kind {
                    $($label => Some(Self::$variant(context)),)+
                    _ => None,
                }
            }
        }
    };
}

meanings! {
    /// The thing asked for does not exist.
    NotFound, not_found, "not_found";
    /// The thing to be created exists already.
    AlreadyExists, already_exists, "already_exists";
    /// The state moved between the caller's read and its write: read again, decide again.
    Conflict, conflict, "conflict";
    /// A value handed in cannot be used.
    InvalidInput, invalid_input, "invalid_input";
    /// Data and the schema it should fit disagree.
    SchemaMismatch, schema_mismatch, "schema_mismatch";
    /// The bytes are no model that can be run, or one that must not be.
    InvalidModel, invalid_model, "invalid_model";
    /// A transformer or plan was used before it was fitted.
    NotFitted, not_fitted, "not_fitted";
    /// What was asked for is meaningful, and this build or backend does not offer it.
    Unsupported, unsupported, "unsupported";
    /// Something this depends on is missing or does not answer.
    Unavailable, unavailable, "unavailable";
    /// A bounded resource is full: shed, or try again later.
    Overloaded, overloaded, "overloaded";
    /// The deadline passed first.
    Timeout, timeout, "timeout";
    /// The caller asked the operation to stop before it was done: nothing was changed, and the call may be repeated. See
    /// [`interrupt`](crate::interrupt).
    Interrupted, interrupted, "interrupted";
    /// The storage has no room: free some and repeat the operation.
    StorageFull, storage_full, "storage_full";
    /// Stored bytes are not what was stored.
    Corrupt, corrupt, "corrupt";
    /// The operating system or a policy forbids it.
    PermissionDenied, permission_denied, "permission_denied";
    /// The operation may or may not have taken effect: read the state before repeating it.
    OutcomeUnknown, outcome_unknown, "outcome_unknown";
    /// A fault of this library: please report it.
    Internal, internal, "internal";
}

impl Error {
    /// Adds what the reader can do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.context_mut().remedy = Some(remedy.into());
        self
    }

    /// The same about something that its subject is a part of: `whole`, then the subject.
    #[must_use]
    pub fn within(mut self, whole: impl fmt::Display) -> Self {
        let context = self.context_mut();
        context.subject = format!("{whole}, {}", context.subject);
        self
    }

    /// Keeps the cause, for [`source`](std::error::Error::source).
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.context_mut().source = Some(cause.into());
        self
    }

    /// Whether the same call might succeed later, with nothing changed by the caller.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict(_)
            | Self::Unavailable(_)
            | Self::Overloaded(_)
            | Self::Timeout(_)
            | Self::Interrupted(_) => true,
            Self::NotFound(_)
            | Self::AlreadyExists(_)
            | Self::InvalidInput(_)
            | Self::SchemaMismatch(_)
            | Self::InvalidModel(_)
            | Self::NotFitted(_)
            | Self::Unsupported(_)
            | Self::StorageFull(_)
            | Self::Corrupt(_)
            | Self::PermissionDenied(_)
            | Self::OutcomeUnknown(_)
            | Self::Internal(_) => false,
        }
    }

    /// Whether the caller's input is at fault, so that repeating the call unchanged is pointless.
    #[must_use]
    pub fn is_caller_fault(&self) -> bool {
        match self {
            Self::NotFound(_)
            | Self::AlreadyExists(_)
            | Self::InvalidInput(_)
            | Self::SchemaMismatch(_)
            | Self::InvalidModel(_)
            | Self::NotFitted(_)
            | Self::Unsupported(_)
            | Self::PermissionDenied(_) => true,
            Self::Conflict(_)
            | Self::Unavailable(_)
            | Self::Overloaded(_)
            | Self::Timeout(_)
            | Self::Interrupted(_)
            | Self::StorageFull(_)
            | Self::Corrupt(_)
            | Self::OutcomeUnknown(_)
            | Self::Internal(_) => false,
        }
    }

    /// The meaning of an operating-system error, with the file as subject. An [`Error`] that passed through
    /// [`std::io::Error`] is returned unchanged.
    pub fn from_io(
        operation: impl Into<Cow<'static, str>>,
        subject: impl Into<String>,
        cause: std::io::Error,
    ) -> Self {
        use std::io::ErrorKind as Kind;
        let cause = match cause.downcast::<Self>() {
            Ok(error) => return error,
            Err(cause) => cause,
        };
        let (operation, subject, problem) = (operation.into(), subject.into(), cause.to_string());
        let error = match cause.kind() {
            Kind::NotFound => Self::not_found(operation, subject, problem),
            Kind::AlreadyExists => Self::already_exists(operation, subject, problem),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
                Self::permission_denied(operation, subject, problem)
                    .remedy("grant the process access to it, or choose another place")
            }
            Kind::StorageFull | Kind::QuotaExceeded => {
                Self::storage_full(operation, subject, problem).remedy("free space and repeat the operation")
            }
            Kind::TimedOut => Self::timeout(operation, subject, problem),
            Kind::InvalidData | Kind::UnexpectedEof => Self::corrupt(operation, subject, problem),
            _ if has_no_descriptor(&cause) => Self::unavailable(operation, subject, problem)
                .remedy("close files and connections, or raise the limit of open files (ulimit -n)"),
            _ => Self::unavailable(operation, subject, problem),
        };
        error.caused_by(cause)
    }
}

/// Whether the process, or the system, has as many open files as it may have: EMFILE and ENFILE of every Unix.
fn has_no_descriptor(cause: &std::io::Error) -> bool {
    cfg!(unix) && matches!(cause.raw_os_error(), Some(23 | 24))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context().fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.context().source.as_deref().map(|cause| cause as _)
    }
}

/// An error as it is serialised.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    kind: Cow<'a, str>,
    operation: Cow<'a, str>,
    subject: Cow<'a, str>,
    problem: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remedy: Option<Cow<'a, str>>,
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let context = self.context();
        let wire = Wire {
            kind: self.kind().into(),
            operation: context.operation().into(),
            subject: context.subject().into(),
            problem: context.problem().into(),
            remedy: context.remedy().map(Into::into),
        };
        wire.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let context = Context {
            operation: wire.operation.into_owned().into(),
            subject: wire.subject.into_owned(),
            problem: wire.problem.into_owned(),
            remedy: wire.remedy.map(Cow::into_owned),
            source: None,
        };
        Self::of_kind(&wire.kind, Box::new(context))
            .ok_or_else(|| serde::de::Error::custom(format!("{:?} is no kind of error", wire.kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_process_without_a_descriptor_left_is_told_what_to_do() {
        for number in [23, 24] {
            let error = Error::from_io("open", "registry.db", std::io::Error::from_raw_os_error(number));
            assert!(
                matches!(error, Error::Unavailable(_)) && error.to_string().contains("ulimit -n"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_error_says_operation_subject_problem_and_remedy() {
        let error =
            Error::conflict("set alias", "m@champion", "expected version 1, found 2").remedy("read it again");
        assert_eq!(error.to_string(), "set alias m@champion: expected version 1, found 2; read it again");
        assert_eq!(error.kind(), "conflict");
        assert!(error.is_transient() && !error.is_caller_fault());
    }

    #[test]
    fn an_error_is_one_line_whatever_is_in_it() {
        let name = "x\r\n\u{1b}[2J\u{202e}\u{2028}é\u{85}";
        let error = Error::not_found("load\n", name, "no\tsuch column").remedy("a\0b");
        let text = r"load\n x\r\n\u{1b}[2J\u{202e}\u{2028}é\u{85}: no\tsuch column; a\u{0}b";
        assert_eq!(error.to_string(), text);
        assert_eq!(error.context().subject(), name);
        let long = Error::internal("run", "é".repeat(1 << 20), "x".repeat(4096)).to_string();
        assert!(long.contains("é...: x") && long.ends_with('x') && long.len() < 8300, "{}", long.len());
    }

    #[test]
    fn io_errors_keep_their_meaning_and_cause() {
        let full = Error::from_io("write", "a.db", std::io::ErrorKind::StorageFull.into());
        assert!(matches!(full, Error::StorageFull(_)));
        assert!(full.source().is_some());
        let readonly = Error::from_io("write", "a.db", std::io::ErrorKind::ReadOnlyFilesystem.into());
        assert!(matches!(readonly, Error::PermissionDenied(_)));
    }

    #[test]
    fn an_error_keeps_its_meaning_on_the_wire() {
        let error = Error::conflict("set alias", "m@champion", "expected version 1").caused_by("below");
        let json = serde_json::to_string(&error).unwrap();
        assert!(!json.contains("remedy") && !json.contains("below"), "{json}");
        let read: Error = serde_json::from_str(&json).unwrap();
        assert!(matches!(read, Error::Conflict(_)));
        assert_eq!(read.to_string(), error.to_string());
        for kind in Error::KINDS {
            let read: Error = serde_json::from_str(&json.replace("conflict", kind)).unwrap();
            assert_eq!(read.kind(), *kind);
            assert!(!(read.is_transient() && read.is_caller_fault()), "{kind}");
        }
        let unknown = json.replace("conflict", "confusion");
        assert!(serde_json::from_str::<Error>(&unknown).unwrap_err().to_string().contains("confusion"));
    }

    #[test]
    fn results_stay_small() {
        assert!(size_of::<Result<()>>() <= 2 * size_of::<usize>());
    }
}
