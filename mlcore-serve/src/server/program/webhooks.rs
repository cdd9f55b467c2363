//! The tables `[[webhooks]]`: who is told what happens in the registry.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mlcore::name::ModelName;
use mlcore::registry::webhook::{
    FileCursor, SendWebhook, Webhook, WebhookEvent, WebhookFollower, WebhookOptions, WebhookReport,
    WebhookRequest,
};
use mlcore::registry::{self, SqliteOptions};
use mlcore::{Error, Result};
use serde::Deserialize;

use super::settings::Settings;
use crate::endpoint::{Clock as _, SystemClock};
use crate::webhook::{WebhookSender, WebhookSenderOptions};

/// One table `[[webhooks]]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    /// By which its place in the log is kept.
    name: String,
    url: String,
    /// The variable of the environment that holds the secret.
    #[serde(default)]
    secret_env: Option<String>,
    /// The file that holds it; what ends its last line is no part of it.
    #[serde(default)]
    secret_file: Option<PathBuf>,
    #[serde(default)]
    events: Vec<WebhookEvent>,
    #[serde(default)]
    models: Vec<ModelName>,
    /// Tells what happened before it was first followed, too.
    #[serde(default)]
    from_the_start: bool,
    /// Whether an address that is not of the Internet may be asked.
    #[serde(default)]
    allow_private: bool,
    /// Whether the address may begin with `http://`.
    #[serde(default)]
    allow_http: bool,
}

/// Shows no address: its path may be a secret.
impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Hook {
    fn read(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Webhook> {
        let secret = match (&self.secret_env, &self.secret_file) {
            (Some(name), None) => variable(name).ok_or_else(|| {
                self.refused(format!("the variable {name}, which is to hold its secret, is not set"))
            })?,
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|cause| Error::from_io(READ, file.display().to_string(), cause))?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
            _ => {
                let problem = "its secret comes from secret_env or from secret_file, one of the two";
                return Err(self.refused(problem.to_owned()));
            }
        };
        let scheme = self.url.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some("https") => {}
            Some("http") if self.allow_http => {}
            Some("http") => {
                let problem = "its address does not begin with https://".to_owned();
                return Err(self.refused(problem).remedy("use https://, or set allow_http = true"));
            }
            _ => return Err(self.refused("its address does not begin with https://".to_owned())),
        }
        let mut hook = Webhook::new(self.name.as_str(), self.url.as_str(), secret);
        (hook.events, hook.models) = (self.events.clone(), self.models.clone());
        hook.from_the_start = self.from_the_start;
        Ok(hook)
    }

    fn refused(&self, problem: String) -> Error {
        Error::invalid_input(READ, format!("webhook {:?}", self.name), problem)
    }
}

/// Tells what happens, from a thread of its own.
pub(super) struct Webhooks {
    follower: WebhookFollower,
}

impl Webhooks {
    /// Those of the settings; none where there are no tables.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a hook or a cursor that cannot be.
    pub(super) fn open(
        settings: &Settings,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        let hooks = &settings.webhooks;
        let (false, Some(url)) = (hooks.is_empty(), &settings.flags.registry) else { return Ok(None) };
        let cursor = match &settings.flags.webhook_cursor {
            Some(file) => file.clone(),
            None if url.starts_with("sqlite:") => beside(&SqliteOptions::from_url(url)?.path),
            None => {
                let problem = "there are webhooks, and nothing says where it is kept how far they were told";
                return Err(Error::invalid_input(READ, "webhook-cursor", problem)
                    .remedy("give --webhook-cursor FILE, which one process uses at a time"));
            }
        };
        let senders = Arc::new(Senders::new(hooks)?);
        let hooks = hooks.iter().map(|hook| hook.read(variable)).collect::<Result<Vec<_>>>()?;
        let follower = WebhookFollower::new(
            registry::open(url)?,
            hooks,
            senders,
            Arc::new(FileCursor::new(cursor)),
            WebhookOptions::default(),
        )?;
        Ok(Some(Self { follower }))
    }

    /// Tells what was not told yet.
    pub(super) fn deliver(&mut self) {
        match self.follower.deliver(SystemClock::default().now()) {
            Ok(report) => tell(&report),
            Err(error) => tracing::error!(%error, "webhooks were not told"),
        }
    }
}

fn tell(report: &WebhookReport) {
    if report.delivered > 0 {
        tracing::info!(deliveries = report.delivered, "webhooks were told");
    }
    for failed in &report.failed {
        let (webhook, delivery, problem) = (&failed.webhook, failed.delivery, &failed.problem);
        tracing::warn!(webhook, delivery, attempts = failed.attempts, problem, "a webhook was not told yet");
    }
    for dead in &report.dead {
        let (webhook, delivery, problem) = (&dead.webhook, dead.delivery, &dead.problem);
        tracing::error!(
            webhook,
            delivery,
            attempts = dead.attempts,
            problem,
            "a webhook is not told of this"
        );
    }
}

/// A sender for each kind of address that hooks may have.
struct Senders {
    /// What may be asked, and by whom.
    by_url: Vec<(String, Arc<WebhookSender>)>,
}

impl Senders {
    fn new(hooks: &[Hook]) -> Result<Self> {
        let (mut by_url, mut seen) = (Vec::new(), BTreeSet::new());
        for hook in hooks {
            let mut options = WebhookSenderOptions::default();
            if hook.allow_private {
                options = options.with_private_addresses();
            }
            if hook.allow_http {
                options = options.with_plain_http();
            }
            // What one hook may ask, another one of the same address may not by that.
            if !seen.insert(&hook.url) {
                return Err(hook
                    .refused("another webhook has its address".to_owned())
                    .remedy("name the events and models of both in one table"));
            }
            by_url.push((hook.url.clone(), Arc::new(WebhookSender::new(&options)?)));
        }
        Ok(Self { by_url })
    }
}

impl SendWebhook for Senders {
    fn send(&self, request: &WebhookRequest) -> Result<u16> {
        match self.by_url.iter().find(|(url, _)| *url == request.url) {
            Some((_, sender)) => sender.send(request),
            None => Err(Error::internal("send webhook", "webhook", "nobody asks its address")),
        }
    }
}

fn beside(registry: &Path) -> PathBuf {
    let mut file = registry.as_os_str().to_owned();
    file.push(".webhooks");
    file.into()
}

/// How soon what happened is told.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
const READ: &str = "read settings";
