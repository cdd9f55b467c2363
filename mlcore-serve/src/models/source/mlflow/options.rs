use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Which MLflow server is read, and how.
///
/// ```
/// use mlcore_serve::models::{MlflowCredentials, MlflowOptions};
///
/// let server = MlflowOptions::new("mlflow+https://mlflow.example")
///     .with_credentials(MlflowCredentials::Token("secret".into()));
/// assert!(!format!("{server:?}").contains("secret"));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct MlflowOptions {
    /// `mlflow+http://host:port` or `mlflow+https://host:port`, with a path where the server has one; the part `mlflow+` may be left
    /// out.
    pub url: String,
    /// How the server knows who asks.
    pub credentials: Option<MlflowCredentials>,
    /// A file with the authorities that may have signed the server's certificate, in PEM; those that the system trusts where none is
    /// named.
    pub authorities: Option<PathBuf>,
    /// How long an answer may take, but for that of a file. Default 30 s.
    pub timeout: Duration,
    /// How long one file may take. Default 10 minutes: 2 GiB, the most that a model has by default, at 4 MiB a second.
    pub file_timeout: Duration,
}

/// How an MLflow server knows who asks. Its `Debug` shows no secret.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq)]
pub enum MlflowCredentials {
    /// A bearer token.
    Token(String),
    /// A name and a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
}

impl MlflowOptions {
    /// The server at this address, asked without credentials.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: None,
            authorities: None,
            timeout: Duration::from_secs(30),
            file_timeout: Duration::from_secs(600),
        }
    }

    /// Shows these credentials with every request.
    #[must_use]
    pub fn with_credentials(mut self, credentials: MlflowCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Trusts the authorities of this file, and no others.
    #[must_use]
    pub fn with_authorities(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(file.into());
        self
    }

    /// Waits this long for an answer that is no file.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Waits this long for one file.
    #[must_use]
    pub fn with_file_timeout(mut self, timeout: Duration) -> Self {
        self.file_timeout = timeout;
        self
    }
}

impl fmt::Debug for MlflowCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token"),
            Self::Basic { user, .. } => f.debug_struct("Basic").field("user", user).finish_non_exhaustive(),
        }
    }
}
