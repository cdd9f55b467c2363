use std::fmt;

/// Who asks an object store. Neither its `Debug` text nor an error shows a secret.
///
/// ```
/// use mlcore::artifact::Credentials;
///
/// let credentials = Credentials::s3("AKIAEXAMPLE", "the secret key");
/// assert_eq!(format!("{credentials:?}"), "Credentials(an access key of S3)");
/// ```
#[derive(Clone, Default)]
pub struct Credentials(pub(super) Secret);

#[derive(Clone, Default)]
pub(super) enum Secret {
    #[default]
    Environment,
    Anonymous,
    S3 {
        key_id: String,
        key: String,
        token: Option<String>,
    },
    AzureKey(String),
    AzureSas(String),
    GoogleServiceAccount(String),
}

impl Credentials {
    /// What the standard variables of the environment name, and after them the machine's own role: `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_WEB_IDENTITY_TOKEN_FILE` and the others of AWS; `AZURE_STORAGE_ACCOUNT_NAME`,
    /// `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_KEY`, `AZURE_CLIENT_ID` and the others of Azure;
    /// `GOOGLE_APPLICATION_CREDENTIALS`, `GOOGLE_SERVICE_ACCOUNT`. The default.
    #[must_use]
    pub fn environment() -> Self {
        Self(Secret::Environment)
    }

    /// No credentials: requests are not signed. For public buckets.
    #[must_use]
    pub fn anonymous() -> Self {
        Self(Secret::Anonymous)
    }

    /// An access key of S3.
    #[must_use]
    pub fn s3(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self(Secret::S3 { key_id: access_key_id.into(), key: secret_access_key.into(), token: None })
    }

    /// An access key of S3 for a limited time, with its session token.
    #[must_use]
    pub fn s3_session(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: impl Into<String>,
    ) -> Self {
        let (key_id, key, token) =
            (access_key_id.into(), secret_access_key.into(), Some(session_token.into()));
        Self(Secret::S3 { key_id, key, token })
    }

    /// The shared key of an Azure storage account, in base64 as Azure shows it.
    #[must_use]
    pub fn azure_key(key: impl Into<String>) -> Self {
        Self(Secret::AzureKey(key.into()))
    }

    /// A shared access signature of Azure: the query of such a URL.
    #[must_use]
    pub fn azure_sas(query: impl Into<String>) -> Self {
        Self(Secret::AzureSas(query.into()))
    }

    /// A service account of Google: the JSON of its key.
    #[must_use]
    pub fn google_service_account(json: impl Into<String>) -> Self {
        Self(Secret::GoogleServiceAccount(json.into()))
    }

    /// What kind it is, in words.
    pub(super) fn words(&self) -> &'static str {
        match self.0 {
            Secret::Environment => "from the environment",
            Secret::Anonymous => "none",
            Secret::S3 { .. } => "an access key of S3",
            Secret::AzureKey(_) => "a shared key of Azure",
            Secret::AzureSas(_) => "a shared access signature of Azure",
            Secret::GoogleServiceAccount(_) => "a service account of Google",
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.words())
    }
}
