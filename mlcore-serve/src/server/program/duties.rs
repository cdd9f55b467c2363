//! What a server does by itself beside answering: it tells webhooks, makes backups, and removes what is kept no longer.

use std::time::Duration;

use mlcore::Result;
use tokio::sync::watch;

use super::backup::Backups;
use super::retention::Keeper;
use super::settings::Settings;
use super::webhooks::{self, Webhooks};

/// What the settings ask for, ready to begin.
#[derive(Default)]
pub(super) struct Duties {
    webhooks: Option<Webhooks>,
    backups: Option<Backups>,
    keeper: Option<Keeper>,
}

impl Duties {
    /// # Errors
    /// What is wrong with the settings, before anything is served.
    pub(super) fn open(settings: &Settings) -> Result<Self> {
        Ok(Self {
            webhooks: Webhooks::open(settings, &|name| std::env::var(name).ok())?,
            backups: Backups::open(settings)?,
            keeper: Keeper::open(settings)?,
        })
    }

    /// Begins, on threads that may wait; each stops before its next turn when `stopping` tells.
    pub(super) fn begin(self, stopping: &watch::Receiver<()>) {
        if let Some(mut hooks) = self.webhooks {
            repeat(webhooks::INTERVAL, stopping.clone(), move || hooks.deliver());
        }
        if let Some(backups) = self.backups {
            repeat(backups.interval(), stopping.clone(), move || backups.look());
        }
        if let Some(mut keeper) = self.keeper {
            repeat(keeper.interval(), stopping.clone(), move || keeper.look());
        }
    }
}

/// Does something now, and again so long after it was done.
fn repeat(pause: Duration, mut stopping: watch::Receiver<()>, mut turn: impl FnMut() + Send + 'static) {
    tokio::spawn(async move {
        loop {
            let done = tokio::task::spawn_blocking(move || {
                turn();
                turn
            });
            match done.await {
                Ok(back) => turn = back,
                // It has told why.
                Err(_) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stopping.changed() => return,
            }
        }
    });
}
