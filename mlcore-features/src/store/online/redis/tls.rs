//! Servers that are reached by TLS, whose certificates are always verified.

use std::fs;
use std::path::{Path, PathBuf};

use mlcore::{Error, Result};
use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};

use super::RedisOptions;

/// What a client proves and whom it believes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Trust {
    pub(super) root_certificates: Option<PathBuf>,
    /// The certificate and its key.
    pub(super) client_certificate: Option<(PathBuf, PathBuf)>,
}

/// The URL without the parameters that are about certificates, and the options with them.
pub(super) fn parameters(url: &str, mut options: RedisOptions) -> Result<(String, RedisOptions)> {
    let Some((place, query)) = url.split_once('?') else { return Ok((url.to_owned(), options)) };
    let (mut certificate, mut key, mut rest) = (None, None, Vec::new());
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslrootcert", path)) => options.trust.root_certificates = Some(path.into()),
            Some(("sslcert", path)) => certificate = Some(PathBuf::from(path)),
            Some(("sslkey", path)) => key = Some(PathBuf::from(path)),
            _ => rest.push(parameter),
        }
    }
    match (certificate, key) {
        (Some(certificate), Some(key)) => options.trust.client_certificate = Some((certificate, key)),
        (None, None) => {}
        _ => {
            let problem = "it names one of sslcert and sslkey";
            return Err(Error::invalid_input(OPEN, "URL", problem).remedy("name both, or none"));
        }
    }
    let url = if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
    Ok((url, options))
}

/// A client of a server by TLS.
pub(super) fn client(info: ConnectionInfo, server: &str, trust: &Trust) -> Result<Client> {
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        let problem = "it asks for TLS without a verified certificate, which anybody between could have";
        return Err(Error::invalid_input(OPEN, server, problem).remedy(
            "leave #insecure away, and name the authority of the server's certificate: sslrootcert",
        ));
    }
    choose_provider();
    let root_cert = trust.root_certificates.as_deref().map(|path| pem(path, "CERTIFICATE")).transpose()?;
    let client_tls = match &trust.client_certificate {
        Some((certificate, key)) => Some(ClientTlsConfig {
            client_cert: pem(certificate, "CERTIFICATE")?,
            client_key: pem(key, "PRIVATE KEY")?,
        }),
        None => None,
    };
    Client::build_with_tls(info, TlsCertificates { client_tls, root_cert }).map_err(|cause| {
        Error::invalid_input(OPEN, server, "a file of certificates or keys cannot be read")
            .remedy("name PEM files whose blocks are whole")
            .caused_by(cause)
    })
}

/// A file that holds at least one block of a kind.
fn pem(path: &Path, kind: &str) -> Result<Vec<u8>> {
    let shown = path.display().to_string();
    let bytes = fs::read(path).map_err(|cause| Error::from_io(OPEN, shown.as_str(), cause))?;
    let is_there = String::from_utf8_lossy(&bytes)
        .lines()
        .any(|line| line.starts_with("-----BEGIN ") && line.trim_end().trim_end_matches('-').ends_with(kind));
    if is_there {
        return Ok(bytes);
    }
    let problem = format!("it holds no block of PEM that is a {}", kind.to_lowercase());
    Err(Error::invalid_input(OPEN, shown, problem).remedy("name a PEM file"))
}

/// The client below asks for the process's provider of cryptography, and panics where several are linked and none is chosen. The host's
/// choice counts.
fn choose_provider() {
    if CryptoProvider::get_default().is_none() {
        // Another thread may have been first.
        drop(ring::default_provider().install_default());
    }
}

const OPEN: &str = "open online store";
