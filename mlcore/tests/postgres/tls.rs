//! A server that is reached by TLS: its certificate is verified, or nothing is sent.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mlcore::Error;
use mlcore::registry::{PostgresRegistry, Registry, RegistryExt};

use super::server::{Server, folder, give};
use super::{change, name};

#[test]
fn certificates_are_verified() {
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = folder();
    let (certificate, key) = (folder.path().join("server.crt"), folder.path().join("server.key"));
    fs::write(&certificate, own.cert.pem()).unwrap();
    fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    for path in [&certificate, &key] {
        give(path);
    }
    let option = |name: &str, path: &std::path::Path| format!("{name}={}", path.display());
    let options =
        vec!["ssl=on".to_owned(), option("ssl_cert_file", &certificate), option("ssl_key_file", &key)];
    let Some(server) = Server::start_with(options) else { return };

    let trusting = format!("{}?sslmode=verify-full&sslrootcert={}", server.url(), certificate.display());
    let registry = PostgresRegistry::open(&trusting).unwrap();
    registry.create_model(name("churn"), &change(1)).unwrap();
    assert_eq!(registry.verify().unwrap().sequence, 1);

    // An authority that nobody named, required or not.
    for mode in ["require", "prefer"] {
        let refused = PostgresRegistry::open(&format!("{}?sslmode={mode}", server.url())).unwrap_err();
        assert!(
            matches!(refused, Error::Unavailable(_)) && refused.to_string().contains("sslrootcert"),
            "{refused}"
        );
    }
    let plain = PostgresRegistry::open(&format!("{}?sslmode=disable", server.url())).unwrap();
    assert_eq!(plain.verify().unwrap().sequence, 1);
    let nothing = server.folder().join("nothing.pem");
    let missing =
        PostgresRegistry::open(&format!("{}?sslrootcert={}", server.url(), nothing.display())).unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
}

#[test]
fn tls_that_is_required_and_not_there_is_told() {
    let Some(server) = Server::start() else { return };
    let refused = PostgresRegistry::open(&format!("{}?sslmode=require", server.url())).unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
}
