//! Two arms and a share between them, in a form that requests read without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

use super::{Ask, Assignment, Subjects, bucket};
use crate::name::Arm;

/// Which of two arms answers a unit, and in which epoch.
///
/// Sticky both ways: a unit that got the canary keeps it while the share grows, and a unit of the control stays until the share
/// reaches it.
#[derive(Debug)]
pub(super) struct Split {
    control: Arm,
    canary: Arm,
    salt: String,
    /// The shares that there will be: an epoch is a function of the share (one share, one epoch), so that a request that reads
    /// the share while it changes has the epoch of the share that it was assigned by.
    shares: Box<[f64]>,
    /// The share as bits of an `f64`.
    share: AtomicU64,
    /// The hash of the salt, and of the attempt where it is not the first.
    key: AtomicU64,
    /// Sets this release's epochs, and those of its versions, apart from others: the upper 24 bits of an epoch. The lowest
    /// bit says whether versions are known.
    release: AtomicU32,
}

/// What a split is about: the same for all requests until a policy changes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) share: f64,
    pub(super) versions: Option<Subjects>,
    /// Counts how often the release was begun anew with the same versions.
    pub(super) attempt: u32,
}

impl Split {
    pub(super) fn new(control: &Arm, canary: &Arm, salt: &str, shares: &[f64], about: About) -> Self {
        let split = Self {
            control: control.clone(),
            canary: canary.clone(),
            salt: salt.to_owned(),
            shares: shares.into(),
            share: AtomicU64::default(),
            key: AtomicU64::default(),
            release: AtomicU32::default(),
        };
        split.set(about);
        split
    }

    pub(super) fn set(&self, about: About) {
        let key = self.key_of(about.attempt);
        self.share.store(about.share.to_bits(), Ordering::Release);
        self.key.store(key, Ordering::Release);
        self.release.store(release(key, about.versions), Ordering::Release);
    }

    fn key_of(&self, attempt: u32) -> u64 {
        xxh3_64(self.salt.as_bytes()) ^ u64::from(attempt).wrapping_mul(SPREAD)
    }

    /// The epoch of requests that are assigned now.
    pub(super) fn epoch(&self, about: About) -> u32 {
        self.epoch_in(release(self.key_of(about.attempt), about.versions), about.share)
    }

    /// The epoch of `release` in which the canary's share is this one.
    fn epoch_in(&self, release: u32, share: f64) -> u32 {
        let step = self.shares.iter().position(|step| *step == share);
        step.and_then(|step| u32::try_from(step).ok()).map_or(NO_EPOCH, |step| release & !0xff | step)
    }

    pub(super) fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let share = f64::from_bits(self.share.load(Ordering::Acquire));
        let control = ask.candidates.position(&self.control).unwrap_or(0);
        let canary = ask.candidates.position(&self.canary).unwrap_or(control);
        if canary == control {
            // One arm alone is compared with nothing: its outcomes belong to no epoch.
            return Assignment::certain(control).with_epoch(NO_EPOCH);
        }
        let (position, propensity) =
            if bucket(&self.salt, ask.unit) < share { (canary, share) } else { (control, 1.0 - share) };
        // What was deployed before the policy heard of other versions, or after it, is evidence about none of the present ones.
        let release = self.release.load(Ordering::Acquire);
        let answering = Subjects::of(ask.candidates.at(canary), ask.candidates.at(control));
        let key = self.key.load(Ordering::Acquire);
        let present = release & 1 == 0 || release == self::release(key, Some(answering));
        let epoch = if present { self.epoch_in(release, share) } else { NO_EPOCH };
        Assignment::certain(position).with_propensity(propensity).with_epoch(epoch)
    }

    pub(super) fn probability(&self, ask: &Ask<'_>, position: usize) -> f64 {
        let share = f64::from_bits(self.share.load(Ordering::Acquire));
        let control = ask.candidates.position(&self.control).unwrap_or(0);
        let canary = ask.candidates.position(&self.canary).unwrap_or(control);
        match position {
            position if position == control && canary == control => 1.0,
            position if position == control => 1.0 - share,
            position if position == canary => share,
            _ => 0.0,
        }
    }
}

/// The upper 24 bits of the epochs in which evidence is about these versions, and whether there are any. The lower 8 bits of
/// an epoch count the shares.
fn release(key: u64, about: Option<Subjects>) -> u32 {
    let mixed = about.map_or(key, |about| about.mix(key));
    (mixed >> 32) as u32 & !0xff | u32::from(about.is_some())
}

/// The epoch of what must not count as evidence. No share has it: there are at most 255.
const NO_EPOCH: u32 = u32::MAX;
/// Odd, and half of its bits are ones: attempts, which are few, differ in the upper bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
