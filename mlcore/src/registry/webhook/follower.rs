use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::Told;
use super::{CursorStore, SendWebhook, Webhook, WebhookEvent, WebhookRequest};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::registry::retention::end_of;
use crate::registry::{AuditEntry, Registry};
use crate::time::Timestamp;

/// How patient a follower is.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WebhookOptions {
    /// The pause after the first failure, which doubles with each: a second.
    pub first_pause: Duration,
    /// The longest pause: an hour, so that a receiver that is back is soon told.
    pub longest_pause: Duration,
    /// When a delivery is given up, counted from its first attempt: three days, a weekend.
    pub give_up_after: Duration,
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(3600),
            give_up_after: Duration::from_secs(3 * 24 * 3600),
        }
    }
}

impl WebhookOptions {
    /// Begins with this pause.
    #[must_use]
    pub fn with_first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }

    /// Pauses no longer.
    #[must_use]
    pub fn with_longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }

    /// Gives a delivery up so long after its first attempt.
    #[must_use]
    pub fn with_give_up_after(mut self, patience: Duration) -> Self {
        self.give_up_after = patience;
        self
    }
}

/// What one round of a follower did.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WebhookReport {
    /// How many deliveries were accepted.
    pub delivered: u64,
    /// Attempts that failed, and are repeated.
    pub failed: Vec<FailedDelivery>,
    /// Deliveries that were given up in this round; what comes after them goes on.
    pub dead: Vec<DeadDelivery>,
    /// When the next attempt is due; none where nothing waits.
    pub due: Option<Timestamp>,
}

/// An attempt that failed.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedDelivery {
    /// The hook.
    pub webhook: String,
    /// The sequence of the entry.
    pub delivery: u64,
    /// How many attempts have failed so far.
    pub attempts: u32,
    /// What went wrong.
    pub problem: String,
}

/// A delivery that was given up. It is kept in the cursor: the latest hundred of each hook.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeadDelivery {
    /// The hook.
    pub webhook: String,
    /// The sequence of the entry, by which it is found in the audit log.
    pub delivery: u64,
    /// How many attempts failed.
    pub attempts: u32,
    /// What went wrong last.
    pub problem: String,
}

/// Tells webhooks what happens in a registry.
///
/// It has no clock and no thread: its host calls [`deliver`](Self::deliver) now and then, and when the report says that something is due.
/// One follower at a time has a cursor.
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use mlcore::Result;
/// # use mlcore::name::ModelName;
/// # use mlcore::registry::webhook::{CursorStore, SendWebhook, WebhookRequest};
/// # #[derive(Default)]
/// # struct InMemory(Mutex<Option<String>>);
/// # impl CursorStore for InMemory {
/// #     fn load(&self) -> Result<Option<String>> { Ok(self.0.lock().unwrap().clone()) }
/// #     fn save(&self, text: &str) -> Result<()> { self.0.lock().unwrap().replace(text.to_owned()); Ok(()) }
/// # }
/// # struct Accepts;
/// # impl SendWebhook for Accepts { fn send(&self, _: &WebhookRequest) -> Result<u16> { Ok(204) } }
/// use mlcore::artifact::Digest;
/// use mlcore::registry::webhook::{Webhook, WebhookFollower, WebhookOptions};
/// use mlcore::registry::{Change, MemoryRegistry, NewVersion, RegistryExt};
/// use mlcore::schema::Signature;
/// use mlcore::time::Timestamp;
///
/// let (registry, now) = (Arc::new(MemoryRegistry::new()), Timestamp::from_millis(0));
/// let hook = Webhook::new("pager", "https://pager.example.com", "0123456789abcdef");
/// let cursor = Arc::new(InMemory::default());
/// let mut follower =
///     WebhookFollower::new(registry.clone(), vec![hook], Arc::new(Accepts), cursor, WebhookOptions::default())?;
/// follower.deliver(now)?;
///
/// let (churn, change) = (ModelName::new("churn")?, Change::new("ana", now));
/// registry.create_model(&churn, &change)?;
/// registry.create_version(NewVersion::new(churn, Digest::of(b"a model"), Signature::default()), &change)?;
/// assert_eq!(follower.deliver(now)?.delivered, 1);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct WebhookFollower {
    registry: Arc<dyn Registry>,
    hooks: Vec<Webhook>,
    sender: Arc<dyn SendWebhook>,
    cursor: Arc<dyn CursorStore>,
    options: WebhookOptions,
    places: BTreeMap<String, Place>,
}

/// How far one hook has been told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Place {
    /// The sequence that is looked at next.
    next: u64,
    #[serde(default)]
    attempts: u32,
    /// Of the first attempt, in microseconds.
    #[serde(default)]
    tried_at: i64,
    /// Not before this time, in microseconds.
    #[serde(default)]
    not_before: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dead: Vec<DeadDelivery>,
}

impl WebhookFollower {
    /// Follows `registry` from where `cursor` says; a hook that it does not know begins behind the last entry.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a hook without a name, two of one name or a short secret, [`Corrupt`](Error::Corrupt) for a
    /// cursor that is none, and where the two cannot be read.
    pub fn new(
        registry: Arc<dyn Registry>,
        hooks: Vec<Webhook>,
        sender: Arc<dyn SendWebhook>,
        cursor: Arc<dyn CursorStore>,
        options: WebhookOptions,
    ) -> Result<Self> {
        hooks.iter().try_for_each(Webhook::check)?;
        let mut places: BTreeMap<String, Place> = match cursor.load()? {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str(&text).map_err(|cause| {
                Error::corrupt(OPERATION, "cursor", format!("it does not read: {cause}")).caused_by(cause)
            })?,
        };
        places.retain(|name, _| hooks.iter().any(|hook| hook.name == *name));
        let new = places.len();
        for hook in &hooks {
            if hooks.iter().filter(|other| other.name == hook.name).count() > 1 {
                let problem = format!("two are called {:?}", hook.name);
                return Err(Error::invalid_input(OPERATION, "webhook", problem));
            }
            if !places.contains_key(&hook.name) {
                let next = if hook.from_the_start { 1 } else { end_of(&*registry)?.saturating_add(1) };
                let place = Place { next, attempts: 0, tried_at: 0, not_before: 0, dead: Vec::new() };
                places.insert(hook.name.clone(), place);
            }
        }
        let follower = Self { registry, hooks, sender, cursor, options, places };
        // From here on a hook has its place, also when the process ends before anything happens.
        if follower.places.len() > new {
            follower.save()?;
        }
        Ok(follower)
    }

    /// Tells every hook what it was not told yet, in order, until one of its deliveries fails.
    ///
    /// # Errors
    /// Where the registry cannot be read or the cursor not be written. What was delivered before counts.
    pub fn deliver(&mut self, now: Timestamp) -> Result<WebhookReport> {
        let mut report = WebhookReport::default();
        for index in 0..self.hooks.len() {
            self.follow(index, now.as_micros(), &mut report)?;
        }
        let due = self.places.values().filter(|place| place.attempts > 0).map(|place| place.not_before).min();
        report.due = due.map(Timestamp::from_micros);
        Ok(report)
    }

    /// The deliveries that were given up, the latest hundred of each hook.
    pub fn dead(&self) -> impl Iterator<Item = &DeadDelivery> {
        self.places.values().flat_map(|place| &place.dead)
    }

    fn follow(&mut self, index: usize, now: i64, report: &mut WebhookReport) -> Result<()> {
        let Some(hook) = self.hooks.get(index).cloned() else { return Ok(()) };
        let Some(mut place) = self.places.get(&hook.name).cloned() else { return Ok(()) };
        if place.attempts > 0 && now < place.not_before {
            return Ok(());
        }
        loop {
            let page = self.registry.audit(place.next, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            for entry in page {
                interrupt::check(OPERATION)?;
                let Some(request) = request(&hook, &entry, now)? else {
                    place.next = entry.sequence.saturating_add(1);
                    continue;
                };
                let problem = match self.sender.send(&request) {
                    Ok(200..=299) => None,
                    Ok(status) => Some(format!("the status {status}")),
                    Err(error) => Some(error.to_string()),
                };
                let is_over = match problem {
                    None => {
                        report.delivered += 1;
                        true
                    }
                    Some(problem) => self.failed(&hook, &mut place, &entry, (now, problem), report),
                };
                if is_over {
                    (place.next, place.attempts) = (entry.sequence.saturating_add(1), 0);
                }
                // Before the next one is told: a process that is killed repeats one delivery at most.
                self.places.insert(hook.name.clone(), place.clone());
                self.save()?;
                if !is_over {
                    return Ok(());
                }
            }
            self.places.insert(hook.name.clone(), place.clone());
            self.save()?;
        }
    }

    /// Notes a failure, and says whether the delivery is given up.
    fn failed(
        &self,
        hook: &Webhook,
        place: &mut Place,
        entry: &AuditEntry,
        (now, problem): (i64, String),
        report: &mut WebhookReport,
    ) -> bool {
        if place.attempts == 0 {
            place.tried_at = now;
        }
        place.attempts = place.attempts.saturating_add(1);
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let (webhook, delivery, attempts) = (hook.name.clone(), entry.sequence, place.attempts);
        if now.saturating_sub(place.tried_at) >= micros(self.options.give_up_after) {
            let dead = DeadDelivery { webhook, delivery, attempts, problem };
            report.dead.push(dead.clone());
            place.dead.push(dead);
            let surplus = place.dead.len().saturating_sub(MOST_DEAD);
            place.dead.drain(..surplus);
            return true;
        }
        let doubled = self.options.first_pause.saturating_mul(1 << place.attempts.saturating_sub(1).min(30));
        place.not_before = now.saturating_add(micros(doubled.min(self.options.longest_pause)));
        report.failed.push(FailedDelivery { webhook, delivery, attempts, problem });
        false
    }

    fn save(&self) -> Result<()> {
        let text = serde_json::to_string(&self.places)
            .map_err(|cause| Error::internal(OPERATION, "cursor", cause.to_string()).caused_by(cause))?;
        self.cursor.save(&text)
    }
}

impl std::fmt::Debug for WebhookFollower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookFollower").field("hooks", &self.hooks).finish_non_exhaustive()
    }
}

/// What a hook is told of an entry, if anything.
fn request(hook: &Webhook, entry: &AuditEntry, now: i64) -> Result<Option<WebhookRequest>> {
    let mut events = WebhookEvent::of(entry);
    events.retain(|event| hook.events.is_empty() || hook.events.contains(event));
    let is_told = hook.models.is_empty() || hook.models.contains(entry.event.model());
    if events.is_empty() || !is_told {
        return Ok(None);
    }
    let body = serde_json::to_string(&Told::of(entry, &events))
        .map_err(|cause| Error::internal(OPERATION, "delivery", cause.to_string()).caused_by(cause))?;
    Ok(Some(WebhookRequest::signed(hook, entry.sequence, now.div_euclid(1_000_000), body)))
}

const OPERATION: &str = "follow registry";
const PAGE: usize = 100;
const MOST_DEAD: usize = 100;
