//! Which servers does a client of ours trust?

use std::path::Path;
use std::sync::Arc;

use mlcore::{Error, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// TLS as the listener speaks it, to the authorities that the system trusts or those of a file. Errors name `operation`, and the
/// variable that names the file.
///
/// # Errors
/// [`Error::InvalidInput`] where the file or the system has no certificates.
pub(crate) fn tls(authorities: Option<&Path>, operation: &'static str, variable: &str) -> Result<TlsConfig> {
    let certificates: Vec<CertificateDer<'static>> = match authorities {
        Some(file) => {
            let subject = file.display().to_string();
            let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
            read.map_err(|cause| {
                let problem = format!("no certificates in PEM can be read from it: {cause}");
                Error::invalid_input(operation, subject, problem)
            })?
        }
        // Some of many may be ones that nobody can read.
        None => rustls_native_certs::load_native_certs().certs,
    };
    if certificates.is_empty() {
        let problem = "no certificates of authorities were found, so that no server can be trusted";
        let remedy = format!("install ca-certificates, or set {variable} to a file that has them");
        return Err(Error::invalid_input(operation, "TLS", problem).remedy(remedy));
    }
    let roots: Vec<Certificate<'static>> =
        certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}
