//! Keys and certificates of the program: read at the start, and again when their files change.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use mlcore::artifact::Digest;
use mlcore::{Error, Result};
use tokio::sync::watch;

use super::settings::Settings;
use super::token;
use crate::auth::{AnyOf, Auth, Authenticator, Credentials, Keys, Principal, Tokens, hash_key};
use crate::server::{Tls, TlsOptions};

/// What the settings say of keys and certificates.
#[derive(Clone, Debug, Default)]
pub(super) struct Security {
    keys: Option<Arc<Kept<Keys>>>,
    tokens: Option<Arc<Kept<Tokens>>>,
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
        let keys = settings.keys.clone().map(|path| Kept::open(path, |path| Keys::of_file(path)));
        let tokens = flags.tokens.clone().map(|path| Kept::open(path, token::existing));
        let (keys, tokens) = (keys.transpose()?.map(Arc::new), tokens.transpose()?.map(Arc::new));
        Ok(Self { keys, tokens, tls })
    }

    pub(super) fn auth(&self) -> Auth {
        match (&self.keys, &self.tokens) {
            (None, None) => Auth::default(),
            (Some(keys), None) => Auth::new(keys.clone()),
            (None, Some(tokens)) => Auth::new(tokens.clone()),
            (Some(keys), Some(tokens)) => Auth::new(AnyOf::new().or(keys.clone()).or(tokens.clone())),
        }
    }

    fn has_keys(&self) -> bool {
        self.keys.is_some() || self.tokens.is_some()
    }

    pub(super) fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// Says what somebody who can reach the server can do there, where that may surprise.
    pub(super) fn tell(&self, is_loopback: bool) {
        if is_loopback {
            return;
        }
        match (self.has_keys(), &self.tls) {
            (false, _) => tracing::info!(
                "there are no keys: everybody who reaches this server may ask for predictions, and nobody may change it"
            ),
            (true, None) => tracing::warn!(
                "keys travel unencrypted: give --tls-cert and --tls-key, unless a proxy before this server has them"
            ),
            (true, Some(_)) => {}
        }
    }

    /// Looks at the files every few seconds, and whenever `asked` tells something.
    pub(super) async fn follow(self, mut asked: watch::Receiver<()>) {
        if !self.has_keys() && self.tls.is_none() {
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
        let tokens = self.tokens.as_ref().map(|tokens| ("tokens", tokens.reload()));
        let tls = self.tls.as_ref().map(|tls| ("certificates", tls.reload()));
        for (what, reloaded) in keys.into_iter().chain(tokens).chain(tls) {
            match reloaded {
                Ok(false) => {}
                Ok(true) => tracing::info!("{what} were read again"),
                Err(error) => tracing::error!(%error, "{what} stay as they were"),
            }
        }
    }
}

/// Who is known by a file, as it was good last.
#[derive(Debug)]
struct Kept<A> {
    path: PathBuf,
    read: fn(&Path) -> Result<A>,
    known: ArcSwap<A>,
    /// Of the file that was read last, good or not.
    digest: Mutex<Digest>,
}

impl<A> Kept<A> {
    fn open(path: PathBuf, read: fn(&Path) -> Result<A>) -> Result<Self> {
        let digest = Mutex::new(digest_of(&path));
        let known = ArcSwap::from_pointee(read(&path)?);
        Ok(Self { path, read, known, digest })
    }

    /// Reads the file again where it has changed; answers whether it had.
    fn reload(&self) -> Result<bool> {
        let new = digest_of(&self.path);
        let mut digest = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        if *digest == new {
            return Ok(false);
        }
        *digest = new;
        self.known.store(Arc::new((self.read)(&self.path)?));
        Ok(true)
    }
}

impl<A: Authenticator> Authenticator for Kept<A> {
    fn authenticate(&self, credentials: &Credentials) -> Result<Option<Principal>> {
        self.known.load().authenticate(credentials)
    }
}

/// Zero where it cannot be read, which is told when it is.
fn digest_of(path: &Path) -> Digest {
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
    Ok(Digest::from_bytes(random()?).to_hex())
}

/// 256 random bits.
pub(super) fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let source = "/dev/urandom";
    std::fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|cause| Error::from_io("make key", source, cause))?;
    Ok(bytes)
}

/// How soon a changed file is noticed.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
const MOST_KEY_BYTES: u64 = 8 << 10;
