use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::credentials::{Credentials, Secret};
use super::place::{OPEN, ObjectStoreKind, Place};
use crate::error::{Error, Result};
use crate::url::{decoded, shown};

/// How an object store is reached, and where in it artifacts lie.
///
/// What is not given here is taken from the standard variables of the environment when the store is opened: region, endpoint,
/// account and [credentials](Credentials::environment).
///
/// ```
/// use mlcore::artifact::{Credentials, ObjectStoreOptions};
///
/// let options = ObjectStoreOptions::from_url("s3://models/team-a?endpoint=http://127.0.0.1:9000&region=us-east-1")?
///     .with_credentials(Credentials::s3("minio", "minio-secret"));
/// assert_eq!(options.region.as_deref(), Some("us-east-1"));
/// assert!(!format!("{options:?}").contains("minio-secret"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ObjectStoreOptions {
    place: Place,
    url: String,
    /// The server, where it is not the provider's own: `https://minio.example.com`. Of Azure, with the account in its path where it
    /// is there: `http://127.0.0.1:10000/account`.
    pub endpoint: Option<String>,
    /// The region of an S3 bucket. Default: what the environment says, or `us-east-1`.
    pub region: Option<String>,
    /// The storage account of Azure.
    pub account: Option<String>,
    /// Who asks. Default: what the environment says.
    pub credentials: Credentials,
    /// Lets an endpoint of another machine be asked without TLS. Default: no, because whoever is between sees and changes
    /// everything; this machine's own addresses may be asked so anyway.
    pub allow_http: bool,
    /// The bytes of a part, and the most that is sent in one request. Default 8 MiB: above the 5 MiB that S3 demands, and little
    /// enough to be sent again after a lost connection. Content of more than 10,000 parts gets larger ones.
    pub part_bytes: u64,
    /// The parts that are sent at once. Default 4: they fill a line whose requests take a moment to be answered.
    pub parallel_parts: NonZeroUsize,
    /// The folder of content on its way, and of what is known of unfinished uploads. Default: `uploads` in mlcore's cache folder.
    pub spool: PathBuf,
    /// The largest artifact that is put or read, in bytes. Default 64 GiB, as of a folder.
    pub max_bytes: u64,
    /// How long opening a connection may take. Default 5 s.
    pub connect_timeout: Duration,
    /// How long a server may send or take nothing. Default 30 s: completing an upload of many parts takes seconds.
    pub idle_timeout: Duration,
    /// How often a request that failed for a moment is repeated. Default 6.
    pub retries: usize,
    /// For how long it is repeated. Default 2 minutes.
    pub retry_timeout: Duration,
    /// A PEM file of the authorities that may have signed the server's certificate. Default: those that this system trusts.
    pub root_certificates: Option<PathBuf>,
}

impl ObjectStoreOptions {
    /// The options that a URL means: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, and after a question
    /// mark any of `endpoint`, `region`, `account`, `allow_http` (`true` or `false`) and `sslrootcert` (a PEM file).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for anything else, and for a URL with credentials in it.
    pub fn from_url(url: &str) -> Result<Self> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut options = Self {
            place: Place::parse(place)?,
            url: shown(place),
            endpoint: None,
            region: None,
            account: None,
            credentials: Credentials::default(),
            allow_http: false,
            part_bytes: 8 << 20,
            parallel_parts: NonZeroUsize::MIN.saturating_add(3),
            spool: default_spool(),
            max_bytes: 64 << 30,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            retries: 6,
            retry_timeout: Duration::from_secs(120),
            root_certificates: None,
        };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            // The value is not repeated: it may be a secret.
            let refuse = |problem: &str| {
                Error::invalid_input(OPEN, options.url.clone(), problem)
                    .remedy("use endpoint, region, account, allow_http or sslrootcert; credentials are options or in the environment")
            };
            let value = decoded(value).ok_or_else(|| refuse("a parameter is not encoded well"))?;
            match name {
                "endpoint" => options.endpoint = Some(value),
                "region" => options.region = Some(value),
                "account" => options.account = Some(value),
                "sslrootcert" => options.root_certificates = Some(value.into()),
                "allow_http" if ["true", "false"].contains(&value.as_str()) => {
                    options.allow_http = value == "true";
                }
                "allow_http" => return Err(refuse("allow_http is true or false")),
                _ => return Err(refuse("it has a parameter that is not known")),
            }
        }
        options.check()?;
        Ok(options)
    }

    /// The protocol.
    #[must_use]
    pub fn kind(&self) -> ObjectStoreKind {
        self.place.kind
    }

    /// Asks this server.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Names the region of an S3 bucket.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Names the storage account of Azure.
    #[must_use]
    pub fn with_account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Asks with these credentials.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Lets another machine be asked without TLS.
    #[must_use]
    pub fn with_allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    /// Sends parts of so many bytes.
    #[must_use]
    pub fn with_part_bytes(mut self, bytes: u64) -> Self {
        self.part_bytes = bytes;
        self
    }

    /// Sends so many parts at once.
    #[must_use]
    pub fn with_parallel_parts(mut self, parts: NonZeroUsize) -> Self {
        self.parallel_parts = parts;
        self
    }

    /// Keeps content on its way in this folder.
    #[must_use]
    pub fn with_spool(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = folder.into();
        self
    }

    /// Refuses artifacts above `bytes`.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Lets opening a connection take this long.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Lets a server send or take nothing for this long.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Repeats what failed for a moment at most so often, and for this long.
    #[must_use]
    pub fn with_retries(mut self, retries: usize, timeout: Duration) -> Self {
        self.retries = retries;
        self.retry_timeout = timeout;
        self
    }

    /// Trusts the authorities in a PEM file, and no others.
    #[must_use]
    pub fn with_root_certificates(mut self, file: impl Into<PathBuf>) -> Self {
        self.root_certificates = Some(file.into());
        self
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The URL without its parameters, for errors.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The server and the place in it, for telling uploads apart.
    pub(super) fn identity(&self) -> String {
        let word = |value: &Option<String>| value.clone().unwrap_or_default();
        format!("{}\n{}\n{}\n{}", self.url, word(&self.endpoint), word(&self.account), word(&self.region))
    }

    pub(super) fn check(&self) -> Result<()> {
        let refuse = |problem: &str| Err(Error::invalid_input(OPEN, self.url.clone(), problem));
        if !(MIN_PART_BYTES..=1 << 30).contains(&self.part_bytes) {
            return refuse("part_bytes is not between 5 MiB and 1 GiB");
        }
        if self.max_bytes > self.part_bytes.max(1 << 30) * MOST_PARTS {
            return refuse("max_bytes is more than 10,000 parts of 1 GiB");
        }
        if let Some(endpoint) = &self.endpoint {
            self.check_endpoint(endpoint)?;
        }
        let fits = match (&self.credentials.0, self.kind()) {
            (Secret::Environment | Secret::Anonymous, _) => true,
            (Secret::S3 { .. }, kind) => kind == ObjectStoreKind::S3,
            (Secret::AzureKey(_) | Secret::AzureSas(_), kind) => kind == ObjectStoreKind::Azure,
            (Secret::GoogleServiceAccount(_), kind) => kind == ObjectStoreKind::Gcs,
        };
        if fits {
            return Ok(());
        }
        refuse(&format!(
            "its credentials are {}, which this kind of store does not know",
            self.credentials.words()
        ))
    }

    /// Refuses an endpoint that others could listen to, and one with credentials in it.
    pub(super) fn check_endpoint(&self, endpoint: &str) -> Result<()> {
        let refuse = |problem: &str, remedy: &str| {
            Err(Error::invalid_input(OPEN, self.url.clone(), problem).remedy(remedy))
        };
        let Some((scheme, rest)) = endpoint.split_once("://") else {
            return refuse("its endpoint is no URL", "write endpoint=https://host:port");
        };
        if rest.contains(['@', '?', '#', ' ']) || rest.chars().any(char::is_control) {
            return refuse(
                "its endpoint holds more than a host, a port and a path",
                "write endpoint=https://host:port",
            );
        }
        let host = rest.split('/').next().unwrap_or_default();
        let host = match host.rsplit_once(':') {
            // The colons of an address of IPv6 stand in brackets.
            Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
            _ => host,
        };
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        match scheme {
            "https" => Ok(()),
            "http" if is_here || self.allow_http => Ok(()),
            "http" => refuse(
                "its endpoint is another machine without TLS",
                "use https, or allow_http=true on a network that you trust",
            ),
            _ => refuse("its endpoint is neither https nor http", "write endpoint=https://host:port"),
        }
    }
}

/// `uploads` in mlcore's cache folder, which is this user's own; in the folder of temporary files where there is none.
fn default_spool() -> PathBuf {
    let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = path("XDG_CACHE_HOME")
        .or_else(|| path("LOCALAPPDATA"))
        .or_else(|| path("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    path("MLCORE_CACHE").unwrap_or_else(|| caches.join("mlcore")).join("uploads")
}

/// Below it S3 completes no upload.
const MIN_PART_BYTES: u64 = 5 << 20;
/// What S3 takes.
pub(super) const MOST_PARTS: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_what_is_unsafe_is_refused_without_its_secret() {
        let options = ObjectStoreOptions::from_url(
            "az://models/a?account=acc&endpoint=http%3A%2F%2F127.0.0.1%3A10000%2Facc&allow_http=false",
        );
        let options = options.unwrap();
        assert_eq!((options.kind(), options.account.as_deref()), (ObjectStoreKind::Azure, Some("acc")));
        assert_eq!(options.endpoint.as_deref(), Some("http://127.0.0.1:10000/acc"));
        for (url, words) in [
            ("s3://models?secret_access_key=secret", "not known"),
            ("s3://models?endpoint=http://minio.example.com", "without TLS"),
            ("s3://models?endpoint=https://ana:secret@minio", "more than a host"),
            ("s3://models?endpoint=file:///etc/passwd", "neither https"),
            ("s3://models?endpoint=minio", "no URL"),
            ("s3://models?region=%zz", "encoded"),
            ("s3://models?allow_http=yes", "true or false"),
        ] {
            let error = ObjectStoreOptions::from_url(url).unwrap_err().to_string();
            assert!(
                error.contains(words) && !error.contains("secret@") && !error.contains("=secret"),
                "{error}"
            );
        }
        let options = ObjectStoreOptions::from_url("gs://models").unwrap();
        let error = options.with_credentials(Credentials::s3("a", "secret")).check().unwrap_err().to_string();
        assert!(error.contains("an access key of S3") && !error.contains("secret"), "{error}");
    }
}
