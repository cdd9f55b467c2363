use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::Path;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _};
use ed25519_dalek::{Signature, Signer as _};
use zeroize::Zeroizing;

use crate::artifact::Digest;
use crate::error::{Error, Result};

/// A private key. Its bytes are wiped when it is dropped, and nothing prints them.
///
/// ```
/// use mlcore::artifact::SigningKey;
///
/// // The example of RFC 8410: everybody knows it.
/// let key = SigningKey::from_pem(
///     "-----BEGIN PRIVATE KEY-----\n\
///      MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
///      -----END PRIVATE KEY-----\n",
/// )?;
/// assert!(format!("{key:?}").starts_with("SigningKey(sha256:"));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Reads an Ed25519 key in PKCS #8, as PEM.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for anything else, of which nothing is repeated.
    pub fn from_pem(pem: &str) -> Result<Self> {
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem.trim()).map(Self).map_err(|_| {
            Error::invalid_input(READ, "", "it is no private key of Ed25519 in PKCS #8 and PEM")
                .remedy("make one with openssl genpkey -algorithm ed25519 -out key.pem")
        })
    }

    /// Reads such a file, which must be a regular file that nobody but its owner can read.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem); [`Error::PermissionDenied`] for a file that others may read, and as opening it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let subject = path.display().to_string();
        let failed = |cause| Error::from_io(READ, subject.clone(), cause);
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            // A pipe in its place would be waited for.
            options.custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC);
        }
        let file = options.open(path).map_err(failed)?;
        check_private(&file, &subject)?;
        // Room for all of it at once: what a buffer leaves behind when it grows is not wiped.
        let mut pem = Zeroizing::new(Vec::with_capacity(MOST_PEM_BYTES));
        file.take(MOST_PEM_BYTES as u64).read_to_end(&mut pem).map_err(failed)?;
        let text = std::str::from_utf8(&pem).unwrap_or_default();
        Self::from_pem(text).map_err(|error| error.within(subject))
    }

    /// The key that others verify with.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public_key().id())
    }
}

#[cfg(unix)]
fn check_private(file: &File, subject: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = file.metadata().map_err(|cause| Error::from_io(READ, subject, cause))?;
    if !found.is_file() {
        return Err(Error::invalid_input(READ, subject, "it is no regular file"));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let problem = format!("it has the permissions {mode:03o}, by which others than its owner reach it");
    Err(Error::permission_denied(READ, subject, problem)
        .remedy("take them away with chmod 600, and make a new key if others may have read it"))
}

#[cfg(not(unix))]
fn check_private(file: &File, subject: &str) -> Result<()> {
    match file.metadata() {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(Error::invalid_input(READ, subject, "it is no regular file")),
        Err(cause) => Err(Error::from_io(READ, subject, cause)),
    }
}

/// A public key of Ed25519.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// Reads a public key as PEM (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for anything else, and for the few keys with which everything would be signed.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let refuse = |problem: &str| Err(Error::invalid_input("read public key", "", problem));
        match ed25519_dalek::VerifyingKey::from_public_key_pem(pem.trim()) {
            Ok(key) if key.is_weak() => refuse("it is one of the keys that verify what nobody signed"),
            Ok(key) => Ok(Self(key)),
            Err(_) => refuse("it is no public key of Ed25519 in PEM"),
        }
    }

    /// The key as PEM.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written.
    pub fn to_pem(&self) -> Result<String> {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .map_err(|cause| Error::internal("write public key", "", cause.to_string()).caused_by(cause))
    }

    /// What the key is called: the SHA-256 of its DER form, as `openssl pkey -pubin -outform DER | sha256sum` has it.
    #[must_use]
    pub fn id(&self) -> Digest {
        // The form of RFC 8410: a fixed head, and the 32 bytes.
        let mut der = [0; 44];
        let (head, key) = der.split_at_mut(HEAD.len());
        head.copy_from_slice(&HEAD);
        key.copy_from_slice(self.0.as_bytes());
        Digest::of(der)
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

const HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const READ: &str = "read private key";
const MOST_PEM_BYTES: usize = 16 << 10;
