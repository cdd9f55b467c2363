use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use mlcore::artifact::Digest;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::keys::equal;
use super::{Authenticator, Credentials, Principal, Resources, Role};

/// A token to be issued.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewToken {
    /// Its name, which no other token has: 1 to 128 visible ASCII characters without a colon.
    pub name: String,
    /// Who uses it, as logs name them: of the same form.
    pub principal: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// What it may use; everything where there are none.
    pub resources: Option<Resources>,
    /// When it stops to be taken; never where there is no time.
    pub expires_at: Option<Timestamp>,
}

impl NewToken {
    /// A token of this name for `principal` with these roles, for everything, without an end.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        principal: impl Into<String>,
        roles: impl IntoIterator<Item = Role>,
    ) -> Self {
        let roles = roles.into_iter().collect();
        Self { name: name.into(), principal: principal.into(), roles, resources: None, expires_at: None }
    }

    /// Takes it for these resources only.
    #[must_use]
    pub fn with_resources(mut self, resources: Resources) -> Self {
        self.resources = Some(resources);
        self
    }

    /// Takes it until then.
    #[must_use]
    pub fn until(mut self, time: Timestamp) -> Self {
        self.expires_at = Some(time);
        self
    }
}

/// What is kept of a token: everything but the token. Times are microseconds since 1970.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// Its name.
    pub name: String,
    /// Who uses it.
    pub principal: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// What it may use; everything where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Its SHA-256.
    pub token_sha256: Digest,
    /// When it was issued.
    pub created_at: i64,
    /// When it stops to be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When it was used last, as far as that was [saved](Tokens::save_last_uses).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<i64>,
    /// When it was taken out of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
}

/// Shows no hash.
impl fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRecord")
            .field("name", &self.name)
            .field("principal", &self.principal)
            .field("roles", &self.roles)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

/// Keeps what is known of tokens.
///
/// ```
/// use std::sync::Mutex;
///
/// use mlcore::Result;
/// use mlcore_serve::auth::{TokenRecord, TokenStore};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<Vec<TokenRecord>>);
///
/// impl TokenStore for InMemory {
///     fn load(&self) -> Result<Vec<TokenRecord>> {
///         Ok(self.0.lock().map(|kept| kept.clone()).unwrap_or_default())
///     }
///
///     fn save(&self, records: &[TokenRecord]) -> Result<()> {
///         self.0.lock().map(|mut kept| *kept = records.to_vec()).ok();
///         Ok(())
///     }
/// }
/// ```
pub trait TokenStore: Send + Sync {
    /// Everything that was saved last; nothing where nothing was.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn load(&self) -> Result<Vec<TokenRecord>>;

    /// Saves all records in the place of those before. They are durable when this returns, and a crash leaves one or the other.
    ///
    /// # Errors
    /// Where they cannot be written: then those before stay.
    fn save(&self, records: &[TokenRecord]) -> Result<()>;
}

/// A JSON file that is replaced as a whole, and that on Unix only its owner reads. One process at a time writes it.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// The file, which need not exist yet; its folder must.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl TokenStore for TokenFile {
    fn load(&self) -> Result<Vec<TokenRecord>> {
        let subject = self.path.display().to_string();
        match fs::read(&self.path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(cause) => Err(Error::from_io(READ, subject, cause)),
            // Without the cause's words, which may repeat a line.
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|_| Error::corrupt(READ, subject, "it is no file of tokens")),
        }
    }

    fn save(&self, records: &[TokenRecord]) -> Result<()> {
        let write = || {
            let partial = self.path.with_extension("partial");
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&partial)?;
            file.write_all(&serde_json::to_vec_pretty(records)?)?;
            file.sync_all()?;
            fs::rename(&partial, &self.path)?;
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
        };
        write().map_err(|cause| Error::from_io("write tokens", self.path.display().to_string(), cause))
    }
}

/// Access tokens that are issued and taken out of use while a server runs, of which only hashes are kept.
///
/// A token is 256 random bits that its host hands in, shown once, and kept as one SHA-256: nobody counts through 2^256 of them, so that a
/// slow hash, which is for passwords that people choose, would only cost the server. All hashes are compared whole, in a time that does not
/// depend on where they differ; so there are at most 1,000. A token is sent as `Authorization: Bearer TOKEN`, or as the password of the
/// user of its principal's name.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::time::Timestamp;
/// use mlcore_serve::auth::{AnyOf, Auth, Authenticator, Credentials, NewToken, Resources, Role, TokenFile, Tokens};
///
/// # fn main() -> mlcore::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("mlcore-tokens-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).ok();
/// let clock = || Timestamp::from(std::time::SystemTime::now());
/// let tokens = Arc::new(Tokens::open(Arc::new(TokenFile::new(folder.join("tokens.json"))), clock)?);
/// let new = NewToken::new("nightly", "trainer", [Role::Predict]);
/// # let random = [7; 32];
/// let token = tokens.issue(new.with_resources(Resources::default().with_model("churn")), random)?;
/// let shown = tokens.authenticate(&Credentials::Bearer(token.into_bytes()))?;
/// assert_eq!(shown.map(|principal| principal.name().to_owned()).as_deref(), Some("trainer"));
/// let auth = Auth::new(AnyOf::new().or(tokens));
/// # std::fs::remove_dir_all(folder).ok();
/// # Ok(())
/// # }
/// ```
pub struct Tokens {
    store: Arc<dyn TokenStore>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    known: RwLock<Vec<Known>>,
    /// Held while records are changed and saved.
    changing: Mutex<()>,
}

struct Known {
    record: TokenRecord,
    principal: Principal,
    /// Microseconds; 0 where it was not used.
    last_used: AtomicI64,
}

impl Known {
    fn new(record: TokenRecord) -> Self {
        let principal = Principal::new(record.principal.as_str(), record.roles.iter().copied());
        let principal = match record.resources.clone() {
            Some(resources) => principal.with_resources(resources),
            None => principal,
        };
        let last_used = AtomicI64::new(record.last_used_at.unwrap_or(0));
        Self { record, principal, last_used }
    }

    fn record(&self) -> TokenRecord {
        let last_used = self.last_used.load(Ordering::Relaxed);
        TokenRecord { last_used_at: (last_used != 0).then_some(last_used), ..self.record.clone() }
    }
}

impl Tokens {
    /// The tokens of a store. `clock` says when a token is used, and whether it has expired.
    ///
    /// # Errors
    /// Those of the store, and [`Corrupt`](Error::Corrupt) for records that [`issue`](Self::issue) would not have made.
    pub fn open(
        store: Arc<dyn TokenStore>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self> {
        let records = store.load()?;
        let is_sound = |record: &TokenRecord| {
            is_name(&record.name) && is_name(&record.principal) && !record.roles.is_empty()
        };
        if records.len() > MOST_TOKENS || !records.iter().all(is_sound) {
            return Err(Error::corrupt(
                READ,
                "tokens",
                "there are too many, or one has no name, principal or role",
            ));
        }
        let known = records.into_iter().map(Known::new).collect();
        Ok(Self { store, clock: Box::new(clock), known: RwLock::new(known), changing: Mutex::new(()) })
    }

    /// Issues a token of `random`, 256 bits that nobody can guess, and answers it: it is shown this once.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a name, a principal or roles that are none, and for bytes that are all the same to begin with;
    /// [`AlreadyExists`](Error::AlreadyExists) for a name that another token has, or had before it was revoked; those of the store.
    pub fn issue(&self, new: NewToken, random: [u8; 32]) -> Result<String> {
        let refuse = |problem: &str| {
            Err(Error::invalid_input(ISSUE, new.name.escape_debug().to_string(), problem.to_owned()))
        };
        if !is_name(&new.name) || !is_name(&new.principal) {
            return refuse("names are 1 to 128 visible ASCII characters without a colon");
        }
        if new.roles.is_empty() {
            return refuse("it has no roles");
        }
        if random == [0; 32] {
            return refuse("its random bytes are zeros");
        }
        let token = format!("{PREFIX}{}", Digest::from_bytes(random).to_hex());
        let micros = |time: Timestamp| time.as_micros();
        let record = TokenRecord {
            token_sha256: Digest::of(&token),
            created_at: micros((self.clock)()),
            expires_at: new.expires_at.map(micros),
            last_used_at: None,
            revoked_at: None,
            name: new.name,
            principal: new.principal,
            roles: new.roles,
            resources: new.resources,
        };
        self.change(|records| {
            let is_taken =
                |other: &TokenRecord| other.name == record.name || other.token_sha256 == record.token_sha256;
            if records.iter().any(is_taken) {
                return Err(Error::already_exists(ISSUE, record.name.as_str(), "another token has its name"));
            }
            if records.len() >= MOST_TOKENS {
                let problem = format!("there are {MOST_TOKENS} tokens, and no more are kept");
                return Err(Error::invalid_input(ISSUE, record.name.as_str(), problem)
                    .remedy("forget those that were revoked"));
            }
            records.push(record);
            Ok(())
        })?;
        Ok(token)
    }

    /// Takes a token out of use, at once and for ever; its record stays.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound), and those of the store: then the token is taken still.
    pub fn revoke(&self, name: &str) -> Result<()> {
        let now = (self.clock)().as_micros();
        self.change(|records| match records.iter_mut().find(|record| record.name == name) {
            Some(record) => {
                record.revoked_at.get_or_insert(now);
                Ok(())
            }
            None => Err(Error::not_found(
                "revoke token",
                name.escape_debug().to_string(),
                "there is no such token",
            )),
        })
    }

    /// Removes the record of a token that was revoked or has expired.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound), [`Conflict`](Error::Conflict) for one that is in use, and those of the store.
    pub fn forget(&self, name: &str) -> Result<()> {
        const OPERATION: &str = "forget token";
        let (now, subject) = ((self.clock)().as_micros(), name.escape_debug().to_string());
        self.change(|records| {
            let Some(place) = records.iter().position(|record| record.name == name) else {
                return Err(Error::not_found(OPERATION, subject, "there is no such token"));
            };
            if records.get(place).is_some_and(|record| is_taken(record, now)) {
                return Err(Error::conflict(OPERATION, subject, "it is in use").remedy("revoke it first"));
            }
            records.remove(place);
            Ok(())
        })
    }

    /// Every record, in the order in which they were issued, with their last uses.
    pub fn list(&self) -> Vec<TokenRecord> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).iter().map(Known::record).collect()
    }

    /// Saves when tokens were used last. A request only notes it in memory, so that it waits for no disk: call this now and then.
    ///
    /// # Errors
    /// Those of the store.
    pub fn save_last_uses(&self) -> Result<()> {
        self.change(|_| Ok(()))
    }

    /// Changes the records, saves them, and takes them from then on.
    fn change(&self, change: impl FnOnce(&mut Vec<TokenRecord>) -> Result<()>) -> Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records = self.list();
        change(&mut records)?;
        self.store.save(&records)?;
        let known: Vec<Known> = records.into_iter().map(Known::new).collect();
        let mut place = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // What was used between the two.
        for known in &known {
            let before = place.iter().find(|before| before.record.token_sha256 == known.record.token_sha256);
            if let Some(before) = before {
                known.last_used.fetch_max(before.last_used.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        *place = known;
        Ok(())
    }
}

impl Authenticator for Tokens {
    fn authenticate(&self, credentials: &Credentials) -> Result<Option<Principal>> {
        let (user, hash) = match credentials {
            Credentials::Bearer(token) => (None, Digest::of(token)),
            Credentials::Basic { user, password } => (Some(user.as_str()), Digest::of(password)),
            Credentials::Certificate(_) => return Ok(None),
        };
        let now = (self.clock)().as_micros();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        // All of them are looked at, so that the time says nothing of which one came near.
        for token in known.iter() {
            let is_this = equal(token.record.token_sha256.as_bytes(), hash.as_bytes())
                & user.is_none_or(|user| user == token.record.principal);
            if black_box(is_this) {
                found = Some(token);
            }
        }
        let Some(token) = found.filter(|token| is_taken(&token.record, now)) else { return Ok(None) };
        token.last_used.fetch_max(now, Ordering::Relaxed);
        Ok(Some(token.principal.clone()))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

/// Several authenticators, of which the first that knows somebody counts: tokens beside keys.
#[derive(Clone, Default)]
pub struct AnyOf {
    all: Vec<Arc<dyn Authenticator>>,
}

impl AnyOf {
    /// Nobody knows anybody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks this one, too, after those before it.
    #[must_use]
    pub fn or(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.all.push(Arc::new(authenticator));
        self
    }
}

impl Authenticator for AnyOf {
    fn authenticate(&self, credentials: &Credentials) -> Result<Option<Principal>> {
        for authenticator in &self.all {
            if let Some(known) = authenticator.authenticate(credentials)? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyOf({})", self.all.len())
    }
}

fn is_taken(record: &TokenRecord, now: i64) -> bool {
    record.revoked_at.is_none() && record.expires_at.is_none_or(|end| now < end)
}

fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// By which tokens are found in texts where they must not be.
const PREFIX: &str = "mlc_";
const MOST_TOKENS: usize = 1000;
const READ: &str = "read tokens";
const ISSUE: &str = "issue token";
