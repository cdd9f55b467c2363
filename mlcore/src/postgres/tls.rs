use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// What makes a connection's TLS, by authorities of a file or of this system. The process's own default provider is left alone.
pub(super) fn connector(authorities: Option<&Path>) -> Result<MakeRustlsConnect> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            let subject = || file.display().to_string();
            let pem = fs::read(file).map_err(|cause| Error::from_io(READ, subject(), cause))?;
            let refuse = |problem: String| {
                Error::invalid_input(READ, subject(), problem).remedy("name a PEM file of certificates")
            };
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let added = certificate
                    .map_err(|cause| cause.to_string())
                    .and_then(|certificate| roots.add(certificate).map_err(|cause| cause.to_string()));
                added.map_err(refuse)?;
            }
            if roots.is_empty() {
                return Err(refuse("it holds no certificate".to_owned()));
            }
        }
        None => {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // What rustls does not take is no authority that it could verify with.
                drop(roots.add(certificate));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::internal(READ, "", cause.to_string()).caused_by(cause))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

const READ: &str = "read certificates";
