//! Keys and certificates of the program: read at the start, and again when their files change.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use mlcore::artifact::Digest;
use mlcore::{Error, Result};
use tokio::sync::watch;

use super::settings::Settings;
use crate::auth::{Auth, Authenticator, Credentials, Keys, Principal, hash_key};
use crate::server::{Tls, TlsOptions};

/// What the settings say of keys and certificates.
#[derive(Clone, Debug, Default)]
pub(super) struct Security {
    keys: Option<Arc<KeptKeys>>,
    tls: Option<Tls>,
}

impl Security {
    pub(super) fn open(settings: &Settings) -> Result<Self> {
        let flags = &settings.flags;
        let tls = match (&flags.tls_cert, &flags.tls_key, &flags.tls_client_ca) {
            (None, None, None) => None,
            (Some(certificate), Some(key), client_ca) => {
                let mut options = TlsOptions::new(certificate, key);
                options.client_ca.clone_from(client_ca);
                Some(Tls::open(options)?)
            }
            _ => {
                let problem = "a certificate (--tls-cert) and its key (--tls-key) are given together";
                return Err(Error::invalid_input("read settings", "tls", problem));
            }
        };
        let keys = settings.keys.clone().map(KeptKeys::open).transpose()?.map(Arc::new);
        Ok(Self { keys, tls })
    }

    pub(super) fn auth(&self) -> Auth {
        self.keys.as_ref().map_or_else(Auth::default, |keys| Auth::new(keys.clone()))
    }

    pub(super) fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// Says what somebody who can reach the server can do there, where that may surprise.
    pub(super) fn tell(&self, is_loopback: bool) {
        if is_loopback {
            return;
        }
        match (&self.keys, &self.tls) {
            (None, _) => tracing::info!(
                "there are no keys: everybody who reaches this server may ask for predictions, and nobody may change it"
            ),
            (Some(_), None) => tracing::warn!(
                "keys travel unencrypted: give --tls-cert and --tls-key, unless a proxy before this server has them"
            ),
            (Some(_), Some(_)) => {}
        }
    }

    /// Looks at the files every few seconds, and whenever `asked` tells something.
    pub(super) async fn follow(self, mut asked: watch::Receiver<()>) {
        if self.keys.is_none() && self.tls.is_none() {
            return;
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                changed = asked.changed() => if changed.is_err() { return },
            }
            let security = self.clone();
            // Files of a network may not answer.
            let _ = tokio::task::spawn_blocking(move || security.reload()).await;
        }
    }

    fn reload(&self) {
        let keys = self.keys.as_ref().map(|keys| ("keys", keys.reload()));
        let tls = self.tls.as_ref().map(|tls| ("certificates", tls.reload()));
        for (what, reloaded) in keys.into_iter().chain(tls) {
            match reloaded {
                Ok(false) => {}
                Ok(true) => tracing::info!("{what} were read again"),
                Err(error) => tracing::error!(%error, "{what} stay as they were"),
            }
        }
    }
}

/// The keys of a file, as it was good last.
#[derive(Debug)]
struct KeptKeys {
    path: PathBuf,
    keys: ArcSwap<Keys>,
    /// Of the file that was read last, good or not.
    digest: Mutex<Digest>,
}

impl KeptKeys {
    fn open(path: PathBuf) -> Result<Self> {
        let digest = Mutex::new(digest_of(&path));
        let keys = ArcSwap::from_pointee(Keys::of_file(&path)?);
        Ok(Self { path, keys, digest })
    }

    /// Reads the file again where it has changed; answers whether it had.
    fn reload(&self) -> Result<bool> {
        let new = digest_of(&self.path);
        let mut digest = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        if *digest == new {
            return Ok(false);
        }
        *digest = new;
        self.keys.store(Arc::new(Keys::of_file(&self.path)?));
        Ok(true)
    }
}

impl Authenticator for KeptKeys {
    fn authenticate(&self, credentials: &Credentials) -> Result<Option<Principal>> {
        self.keys.load().authenticate(credentials)
    }
}

/// Zero where it cannot be read, which is told when it is.
fn digest_of(path: &std::path::Path) -> Digest {
    std::fs::read(path).map_or(Digest::ZERO, Digest::of)
}

/// Prints the hash of a key that standard input holds, or of a new one, which it prints, too.
pub(super) fn print_hash(is_new: bool) -> Result<()> {
    let mut out = std::io::stdout();
    let io = |cause| Error::from_io("hash key", "standard input and output", cause);
    let key = match is_new {
        true => new_key()?.into_bytes(),
        false => {
            let mut key = Vec::new();
            std::io::stdin().take(MOST_KEY_BYTES).read_to_end(&mut key).map_err(io)?;
            // What ends a line is no part of it.
            let end = key.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
            key.truncate(end);
            key
        }
    };
    let hash = hash_key(&key)?.to_hex();
    if is_new {
        writeln!(out, "key = \"{}\"", String::from_utf8_lossy(&key)).map_err(io)?;
    }
    writeln!(out, "token_sha256 = \"{hash}\"").map_err(io)
}

/// 256 random bits as text.
fn new_key() -> Result<String> {
    let mut bytes = [0; 32];
    let source = "/dev/urandom";
    std::fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|cause| Error::from_io("make key", source, cause))?;
    Ok(Digest::from_bytes(bytes).to_hex())
}

/// How soon a changed file is noticed.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
const MOST_KEY_BYTES: u64 = 8 << 10;
