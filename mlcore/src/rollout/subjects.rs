use serde::{Deserialize, Serialize};

use super::{Candidate, Candidates};
use crate::name::{Arm, Version};

/// The two versions that evidence is about: of the arm on trial, and of the arm that it is compared with.
///
/// ```
/// use mlcore::name::Version;
/// use mlcore::rollout::Subjects;
///
/// let about = Subjects::new(Version::FIRST.next(), Version::FIRST);
/// assert_eq!(serde_json::to_string(&about)?, r#"{"tried":2,"control":1}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subjects {
    /// The version on trial.
    pub tried: Version,
    /// The version that it is compared with.
    pub control: Version,
}

impl Subjects {
    /// Evidence about `tried`, compared with `control`.
    #[must_use]
    pub fn new(tried: Version, control: Version) -> Self {
        Self { tried, control }
    }

    /// The versions behind the two arms, where both answer.
    pub(super) fn find(candidates: &Candidates, tried: &Arm, control: &Arm) -> Option<Self> {
        let find = |arm| Some(candidates.at(candidates.position(arm)?));
        let (tried, control) = (find(tried)?, find(control)?);
        Some(Self::of(tried, control))
    }

    pub(super) fn of(tried: &Candidate, control: &Candidate) -> Self {
        Self { tried: tried.version, control: control.version }
    }

    /// A number for `key` and these versions. Spreads versions, which are small, over all bits (the finaliser of
    /// splitmix64).
    pub(super) fn mix(self, key: u64) -> u64 {
        let step = |state: u64, version: Version| {
            let mixed = (state ^ version.get()).wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        step(step(key, self.tried), self.control)
    }

    /// Takes the place of what evidence was about before; answers in words what it was, where it was something else.
    pub(super) fn replace(self, about: &mut Option<Self>, tried: &Arm, control: &Arm) -> Option<String> {
        let before = about.replace(self)?;
        let changed = |arm: &Arm, from: Version, to: Version| {
            (from != to).then(|| format!("{arm} answers with version {to} instead of {from}"))
        };
        let changes =
            [changed(tried, before.tried, self.tried), changed(control, before.control, self.control)];
        let changes: Vec<String> = changes.into_iter().flatten().collect();
        (!changes.is_empty()).then(|| changes.join(" and "))
    }
}
