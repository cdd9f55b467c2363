//! TLS: certificates from files, which are looked at again while connections go on.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use mlcore::artifact::Digest;
use mlcore::{Error, Result};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The files of a server's certificate, in PEM.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsOptions {
    /// The certificate, and behind it those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key, in PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: PathBuf,
    /// The authorities whose certificates clients must have. Where there are none, clients need no certificate.
    pub client_ca: Option<PathBuf>,
}

impl TlsOptions {
    /// A certificate and its key.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into(), client_ca: None }
    }

    /// Lets in only clients with a certificate of an authority in this file.
    #[must_use]
    pub fn with_client_ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(file.into());
        self
    }
}

/// TLS 1.2 and 1.3 by rustls and ring, for HTTP/2 and HTTP/1.1. Cloning shares it.
///
/// ```no_run
/// use mlcore_serve::server::{ServerOptions, Tls, TlsOptions};
///
/// let mut options = ServerOptions::default();
/// options.tls = Some(Tls::open(TlsOptions::new("tls.crt", "tls.key"))?);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    inner: Arc<Inner>,
}

struct Inner {
    options: TlsOptions,
    config: ArcSwap<ServerConfig>,
    /// Of the files that were read last, good or not.
    digest: Mutex<Digest>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// What the system says of a file, and [`Error::InvalidInput`] naming the file that holds no certificate, no key, a key that is not
    /// the certificate's, or no authority.
    pub fn open(options: TlsOptions) -> Result<Self> {
        let files = Files::read(&options)?;
        let config = files.config(&options)?;
        let digest = Mutex::new(files.digest());
        Ok(Self { inner: Arc::new(Inner { options, config: ArcSwap::from_pointee(config), digest }) })
    }

    /// Reads the files again where they have changed, and answers whether they had. Connections that are open keep what they have;
    /// those to come get the new certificate, and where the files are bad, the one before. An error is told once.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reload(&self) -> Result<bool> {
        let Inner { options, config, digest } = &*self.inner;
        let read = Files::read(options);
        let new = read.as_ref().map_or(Digest::ZERO, Files::digest);
        let mut digest = digest.lock().unwrap_or_else(PoisonError::into_inner);
        if *digest == new {
            return Ok(false);
        }
        *digest = new;
        config.store(Arc::new(read?.config(options)?));
        Ok(true)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.inner.config.load_full())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.inner.options).finish()
    }
}

/// What the files hold.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    fn read(options: &TlsOptions) -> Result<Self> {
        let TlsOptions { certificate, key, client_ca } = options;
        Ok(Self {
            certificate: read(certificate)?,
            key: read(key)?,
            client_ca: client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn digest(&self) -> Digest {
        let Self { certificate, key, client_ca } = self;
        let parts = [Some(certificate), Some(key), client_ca.as_ref()];
        let digests: Vec<u8> = parts
            .into_iter()
            .flat_map(|part| *Digest::of(part.map_or(&[][..], Vec::as_slice)).as_bytes())
            .collect();
        Digest::of(digests)
    }

    fn config(&self, options: &TlsOptions) -> Result<ServerConfig> {
        let chain = certificates(&self.certificate, &options.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|cause| match cause {
            PemError::NoItemsFound => {
                invalid(&options.key, "it holds no private key in PEM that is not encrypted")
            }
            cause => invalid(&options.key, format!("it is no PEM: {cause}")),
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|cause| Error::internal("set up TLS", "protocol", cause.to_string()).caused_by(cause))?;
        let builder = match (&self.client_ca, &options.client_ca) {
            (Some(bytes), Some(path)) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(bytes, path)? {
                    roots
                        .add(authority)
                        .map_err(|cause| invalid(path, cause.to_string()).caused_by(cause))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(
                    verifier.map_err(|cause| invalid(path, cause.to_string()).caused_by(cause))?,
                )
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|cause| {
            let problem = match &cause {
                rustls::Error::InconsistentKeys(_) => {
                    format!("it is not the key of the certificate in {}", options.certificate.display())
                }
                cause => cause.to_string(),
            };
            invalid(&options.key, problem).caused_by(cause)
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let found = found.map_err(|cause| invalid(path, format!("it is no PEM: {cause}")))?;
    if found.is_empty() {
        return Err(invalid(path, "it holds no certificate in PEM"));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|cause| Error::from_io(READ, path.display().to_string(), cause))
}

fn invalid(path: &Path, problem: impl Into<String>) -> Error {
    Error::invalid_input(READ, path.display().to_string(), problem.into())
}

const READ: &str = "read TLS files";
