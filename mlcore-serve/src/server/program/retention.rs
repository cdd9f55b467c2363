//! The table `[retention]`: archived versions that are kept no longer, and artifacts that nobody names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mlcore::artifact::{self, ArtifactStore};
use mlcore::name::ModelName;
use mlcore::registry::{self, Change, Marked, Registry, Retention, RetentionExt as _};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use serde::Deserialize;

use super::settings::Settings;
use crate::endpoint::{Clock as _, SystemClock};

/// The table `[retention]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetentionOptions {
    /// A version goes when it was archived and left alone for so many days. A year.
    #[serde(default = "a_year")]
    archived_days: u32,
    /// So many versions of a model with the highest numbers stay.
    #[serde(default = "ten")]
    keep_last: usize,
    /// Between two looks. A day.
    #[serde(default = "a_day")]
    interval_secs: u64,
    /// Only tells what would go.
    #[serde(default = "yes")]
    dry_run: bool,
    /// Whether artifacts that no version names go, too.
    #[serde(default)]
    artifacts: bool,
    /// Artifacts go so long after nobody named them first. A day, within which a registration that has put its files is done.
    #[serde(default = "a_day")]
    grace_secs: u64,
}

fn a_year() -> u32 {
    365
}

fn ten() -> usize {
    10
}

fn a_day() -> u64 {
    24 * 3600
}

fn yes() -> bool {
    true
}

/// Removes what is kept no longer.
pub(super) struct Keeper {
    options: RetentionOptions,
    registry: Arc<dyn Registry>,
    store: Arc<dyn ArtifactStore>,
    marked: Option<Marked>,
}

impl Keeper {
    /// That of the settings; none where there is no such table.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for settings that cannot be, and what registry and store answer.
    pub(super) fn open(settings: &Settings) -> Result<Option<Self>> {
        let (Some(options), Some(url)) = (settings.retention.clone(), &settings.flags.registry) else {
            return Ok(None);
        };
        if options.interval_secs == 0 {
            return Err(Error::invalid_input("read settings", "retention", "interval_secs is at least 1"));
        }
        let artifacts = match &settings.flags.artifacts {
            Some(url) => url.clone(),
            None => registry::artifacts_url(url)?,
        };
        let (registry, store) = (registry::open(url)?, artifact::open(&artifacts)?);
        Ok(Some(Self { options, registry, store, marked: None }))
    }

    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs(self.options.interval_secs)
    }

    /// Looks once, and tells what goes, or would go.
    pub(super) fn look(&mut self) {
        let now = SystemClock::default().now();
        let done =
            self.expire(now).and_then(|()| if self.options.artifacts { self.collect(now) } else { Ok(()) });
        if let Err(error) = done {
            tracing::error!(%error, "retention did not come to its end");
        }
    }

    fn expire(&self, now: Timestamp) -> Result<()> {
        let day = Duration::from_secs(24 * 3600);
        let retention = Retention::default()
            .with_archived_for(day.saturating_mul(self.options.archived_days))
            .with_keep_last(self.options.keep_last);
        let change = Change::new(ACTOR, now).with_reason(format!(
            "archived for more than {} days, and none of the latest {}",
            self.options.archived_days, self.options.keep_last
        ));
        self.each_model(|model| {
            if self.options.dry_run {
                for version in self.registry.expired(model, &retention, now)? {
                    let (model, version) = (model.as_str(), version.version.get());
                    tracing::info!(model, version, "a version would be deleted: dry_run is set");
                }
                return Ok(());
            }
            for version in self.registry.expire(model, &retention, &change)? {
                let (model, version) = (model.as_str(), version.version.get());
                tracing::info!(model, version, "a version was deleted: it is kept no longer");
            }
            Ok(())
        })
    }

    /// Sweeps what was marked long enough ago, and marks what nobody names now.
    fn collect(&mut self, now: Timestamp) -> Result<()> {
        // Nobody else keeps artifacts there: the table says so.
        let elsewhere = BTreeSet::new();
        let grace = Duration::from_secs(self.options.grace_secs);
        let is_over = |marked: &Marked| {
            u128::try_from(now.as_micros() - marked.at.as_micros()).unwrap_or(0) >= grace.as_micros()
        };
        if !self.options.dry_run
            && let Some(marked) = self.marked.take_if(|marked| is_over(&*marked))
        {
            let swept = self.registry.sweep(&*self.store, &elsewhere, &marked, grace, now)?;
            let (artifacts, bytes) = (swept.deleted.len(), swept.bytes);
            if artifacts > 0 {
                tracing::info!(artifacts, bytes, "artifacts were deleted that no version names");
            }
            for lost in &swept.lost {
                tracing::error!(artifact = %lost, "a version was registered whose artifact was being deleted: put it again");
            }
        }
        if self.marked.is_none() {
            let marked = self.registry.mark(&*self.store, &elsewhere, now)?;
            let (artifacts, bytes) = (marked.artifacts.len(), marked.bytes);
            if artifacts > 0 && self.options.dry_run {
                tracing::info!(
                    artifacts,
                    bytes,
                    "artifacts would be deleted that no version names: dry_run is set"
                );
            }
            if !self.options.dry_run {
                self.marked = Some(marked);
            }
        }
        Ok(())
    }

    fn each_model(&self, mut take: impl FnMut(&ModelName) -> Result<()>) -> Result<()> {
        let mut after: Option<ModelName> = None;
        loop {
            let page = self.registry.models(after.as_ref(), PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.name.clone());
            page.iter().try_for_each(|model| take(&model.name))?;
        }
    }
}

/// Who deletes, as the audit log names it.
const ACTOR: &str = "retention";
const PAGE: usize = 1000;
