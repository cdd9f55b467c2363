//! The table `[backup]`: copies of registry and tracker in a folder, made while both are written.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mlcore::registry::SqliteRegistry;
use mlcore::time::{TimeUnit, Timestamp};
use mlcore::tracking::{self, SqliteOptions, SqliteTracker};
use mlcore::{Error, Result};
use serde::Deserialize;

use super::settings::Settings;
use crate::endpoint::{Clock as _, SystemClock};

/// The table `[backup]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupOptions {
    folder: PathBuf,
    /// Between two backups, across restarts. A day.
    #[serde(default = "a_day")]
    interval_secs: u64,
    /// So many stay, the latest ones. A week of days.
    #[serde(default = "a_week")]
    keep: usize,
}

fn a_day() -> u64 {
    24 * 3600
}

fn a_week() -> usize {
    7
}

/// Makes backups when they are due.
pub(super) struct Backups {
    options: BackupOptions,
    registry: SqliteRegistry,
    /// None where nothing is tracked.
    tracker: Option<SqliteTracker>,
}

impl Backups {
    /// Those of the settings; none where there is no such table.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for settings that cannot be, and what the files answer.
    pub(super) fn open(settings: &Settings) -> Result<Option<Self>> {
        let (Some(options), Some(url)) = (settings.backup.clone(), &settings.flags.registry) else {
            return Ok(None);
        };
        let refused = |problem: &str| Err(Error::invalid_input(READ, "backup", problem.to_owned()));
        if options.keep == 0 || options.interval_secs == 0 {
            return refused("keep and interval_secs are at least 1");
        }
        if !url.starts_with("sqlite:") {
            let problem = "it copies files of SQLite, and the registry is none";
            return Err(Error::unsupported(READ, "backup", problem)
                .remedy("use the tools of the database, such as pg_dump, or leave [backup] out"));
        }
        fs::create_dir_all(&options.folder)
            .map_err(|cause| Error::from_io(READ, options.folder.display().to_string(), cause))?;
        let registry = SqliteRegistry::open_url(url)?;
        let url = tracking::tracker_url(url)?;
        let is_there = SqliteOptions::from_url(&url)?.path.exists();
        let tracker = if is_there { Some(SqliteTracker::open_url(&url)?) } else { None };
        Ok(Some(Self { options, registry, tracker }))
    }

    /// Makes a backup where one is due.
    pub(super) fn look(&self) {
        let now = SystemClock::default().now();
        match self.is_due(now) {
            Ok(false) => {}
            Ok(true) => match self.back_up(now) {
                Ok((stamp, head)) => {
                    tracing::info!(folder = %self.options.folder.display(), stamp, head, "a backup was made");
                }
                Err(error) => tracing::error!(%error, "no backup was made"),
            },
            Err(error) => tracing::error!(%error, "no backup was made"),
        }
    }

    /// How often it is looked whether one is due.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs(self.options.interval_secs.clamp(1, 60))
    }

    fn is_due(&self, now: Timestamp) -> Result<bool> {
        let due = now.as_micros()
            - i64::try_from(self.options.interval_secs).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let last = self.made()?.pop();
        Ok(last.is_none_or(|last| last <= stamp(Timestamp::from_micros(due))))
    }

    /// The stamps of the backups that are whole, the first first.
    fn made(&self) -> Result<Vec<String>> {
        // The registry is copied last.
        let mut stamps = Vec::new();
        self.each(|name, stamp| {
            stamps.extend((name.starts_with("registry-") && name.ends_with(".db")).then(|| stamp.to_owned()));
        })?;
        stamps.sort_unstable();
        Ok(stamps)
    }

    fn back_up(&self, now: Timestamp) -> Result<(String, u64)> {
        let (stamp, folder) = (stamp(now), &self.options.folder);
        if let Some(tracker) = &self.tracker {
            tracker.back_up(folder.join(format!("tracking-{stamp}.db")))?;
        }
        let head = self.registry.back_up(folder.join(format!("registry-{stamp}.db")))?;
        let made = self.made()?;
        let Some(oldest) = made.get(made.len().saturating_sub(self.options.keep)) else {
            return Ok((stamp, head.sequence));
        };
        let mut old = Vec::new();
        self.each(|name, stamp| old.extend((stamp < oldest.as_str()).then(|| folder.join(name))))?;
        old.iter().try_for_each(|file| remove(file))?;
        Ok((stamp, head.sequence))
    }

    /// Hands over the names of all files that backups have made, and their stamps.
    fn each(&self, mut take: impl FnMut(&str, &str)) -> Result<()> {
        let folder = &self.options.folder;
        let failed = |cause| Error::from_io(BACK_UP, folder.display().to_string(), cause);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(name) = name.to_str() else { continue };
            let rest = name.strip_prefix("registry-").or_else(|| name.strip_prefix("tracking-"));
            let stamp =
                rest.and_then(|rest| rest.strip_suffix(".db").or_else(|| rest.strip_suffix(".db-head")));
            if let Some(stamp) = stamp.filter(|stamp| is_stamp(stamp)) {
                take(name, stamp);
            }
        }
        Ok(())
    }
}

/// A moment as it stands in names: `20261128T022100Z`.
fn stamp(time: Timestamp) -> String {
    let seconds = time.as_micros().div_euclid(1_000_000);
    Timestamp::new(seconds, TimeUnit::Second).to_string().replace(['-', ':'], "")
}

fn is_stamp(text: &str) -> bool {
    text.len() == "20261128T022100Z".len() && text.ends_with('Z') && text.as_bytes().get(8) == Some(&b'T')
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::from_io(BACK_UP, file.display().to_string(), cause))
        }
        _ => Ok(()),
    }
}

const READ: &str = "read settings";
const BACK_UP: &str = "back up registry";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_names_in_the_order_of_time() {
        let early = stamp(Timestamp::from_millis(1_764_295_260_999));
        assert!(is_stamp(&early) && !early.contains([':', '-', '.']), "{early}");
        assert_eq!(early, "20251128T020100Z");
        assert!(early < stamp(Timestamp::from_millis(1_764_295_261_000)));
        assert!(!is_stamp("20251128") && !is_stamp("yesterday"));
    }
}
