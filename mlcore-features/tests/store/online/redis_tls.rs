//! The store on a real Redis server by TLS: certificates are verified on both sides, or nothing is sent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mlcore_features::store::online::{OnlineStore, RedisOptions, RedisStore, WriteBatch};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::server::{Server, free_port};
use super::{entry, number, table};

/// An authority of the test's own, and who it vouches for.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn own(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The files of a certificate and its key.
    fn vouch(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        // OpenSSL takes a certificate of its issuer's name for one that vouches for itself.
        parameters.distinguished_name.push(DnType::CommonName, format!("{name} of the test"));
        let signed = parameters.signed_by(&key, &self.issuer).unwrap();
        let place = |end: &str| self.folder.join(format!("{name}.{end}"));
        fs::write(place("crt"), signed.pem()).unwrap();
        fs::write(place("key"), key.serialize_pem()).unwrap();
        (place("crt"), place("key"))
    }
}

/// Whether the installed server was built with TLS: it names the first word that it does not know.
fn has_tls() -> bool {
    let asked = Command::new("redis-server").args(["--tls-port", "0", "--no-such-word", "1"]).output();
    asked.is_ok_and(|asked| {
        !String::from_utf8_lossy(&[asked.stdout, asked.stderr].concat()).contains(">>> 'tls-port")
    })
}

#[test]
fn certificates_of_both_sides_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new(folder.path(), "ours"), Authority::new(folder.path(), "theirs"));
    let (certificate, key) = ours.vouch("127.0.0.1");
    let port = free_port();
    let (port_text, shown) = (port.to_string(), |path: &Path| path.to_str().unwrap().to_owned());
    let options = [
        "--tls-port",
        &port_text,
        "--tls-cert-file",
        &shown(&certificate),
        "--tls-key-file",
        &shown(&key),
        "--tls-ca-cert-file",
        &shown(&ours.own()),
        "--tls-auth-clients",
        "yes",
    ];
    let Some(plain) = Server::start(&[]) else { return };
    drop(plain);
    if !has_tls() {
        println!("skipped: the installed Redis has no TLS");
        return;
    }
    let Some(_server) = Server::start(&options) else { return };
    let client = ours.vouch("client");
    let url = format!("rediss://127.0.0.1:{port}/0");
    let opened = |url: &str, options: RedisOptions| {
        RedisStore::open(url, options.with_timeout(Duration::from_millis(2_000)))
    };
    let trusting = || RedisOptions::default().with_root_certificates(ours.own());

    // By options, and by parameters of the URL.
    let store = opened(&url, trusting().with_client_certificate(&client.0, &client.1)).unwrap();
    store.check().unwrap();
    let table = table();
    store.write(&table, &WriteBatch::rows(&[entry(&table, 7, 1, 42)])).unwrap();
    let parameters = format!(
        "{url}?sslrootcert={}&sslcert={}&sslkey={}",
        ours.own().display(),
        client.0.display(),
        client.1.display()
    );
    let again = opened(&parameters, RedisOptions::default()).unwrap();
    assert_eq!(number(&again, &table, 7).unwrap(), Some(42));
    assert!(format!("{again:?}").starts_with("RedisStore { pool: rediss://127.0.0.1:"), "{again:?}");

    // Who is not known is told nothing: neither a server nor a client.
    let stranger = theirs.vouch("client");
    for (options, words) in [
        (RedisOptions::default().with_root_certificates(theirs.own()), "certificate"),
        (RedisOptions::default(), "certificate"),
        (trusting(), "rediss://127.0.0.1"),
        (trusting().with_client_certificate(&stranger.0, &stranger.1), "rediss://127.0.0.1"),
    ] {
        let store = opened(&url, options).unwrap();
        let error = store.check().unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), "unavailable", "{text}");
        assert!(text.contains(words) && text.contains("; ") && !text.contains("::"), "{text}");
        assert!(number(&store, &table, 7).is_err());
    }
    // Another name than the certificate's.
    let named = opened(
        &format!("rediss://localhost:{port}/0"),
        trusting().with_client_certificate(&client.0, &client.1),
    );
    let text = named.unwrap().check().unwrap_err().to_string();
    assert!(text.contains("certificate") && text.contains("sslrootcert"), "{text}");
    // A key of another certificate.
    let swapped = opened(&url, trusting().with_client_certificate(&client.0, &stranger.1)).unwrap();
    assert!(swapped.check().is_err());
}

#[test]
fn files_that_are_none_are_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours");
    let (certificate, key) = ours.vouch("client");
    let url = "rediss://ana:secret@127.0.0.1:1/0";
    let (missing, text) = (folder.path().join("missing.pem"), folder.path().join("text.pem"));
    fs::write(&text, "no block of PEM").unwrap();
    let options = RedisOptions::default;
    for (options, kind, words) in [
        (options().with_root_certificates(&missing), "not_found", "missing.pem"),
        (options().with_root_certificates(&text), "invalid_input", "text.pem"),
        (options().with_root_certificates(&key), "invalid_input", "client.key"),
        (options().with_client_certificate(&certificate, &certificate), "invalid_input", "client.crt"),
        (options().with_client_certificate(&certificate, &missing), "not_found", "missing.pem"),
    ] {
        let error = RedisStore::open(url, options).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words) && !format!("{error:?}").contains("secret"), "{error:?}");
    }
    for (url, words) in [
        (format!("rediss://127.0.0.1:1/0?sslcert={}", certificate.display()), "sslkey"),
        ("rediss://127.0.0.1:1/#insecure".to_owned(), "#insecure"),
    ] {
        let error = RedisStore::open(&url, options()).unwrap_err();
        assert!(error.kind() == "invalid_input" && error.to_string().contains(words), "{error}");
    }
}
