use xxhash_rust::xxh3::Xxh3;

use crate::error::{Error, Result};
use crate::name::{Arm, Version};

/// An arm that can answer now, and the version behind it.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The arm.
    pub arm: Arm,
    /// The version that answers for it.
    pub version: Version,
}

impl Candidate {
    /// The candidate that answers for `arm` with `version`.
    #[must_use]
    pub fn new(arm: Arm, version: Version) -> Self {
        Self { arm, version }
    }
}

/// The arms that can answer now, at least one. The first is the default: a unit that is assigned to no living arm gets
/// it.
///
/// ```
/// use mlcore::name::{Arm, Version};
/// use mlcore::rollout::{Candidate, Candidates};
///
/// let (champion, canary) = (Arm::new("champion")?, Arm::new("canary")?);
/// let candidates = Candidates::new([
///     Candidate::new(champion, Version::FIRST),
///     Candidate::new(canary.clone(), Version::FIRST.next()),
/// ])?;
/// assert_eq!(candidates.position(&canary), Some(1));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidates {
    list: Vec<Candidate>,
    /// A hash of the arms and versions, in their order: a policy knows by it at once whether it has seen them before.
    digest: u64,
}

impl Candidates {
    /// The most arms there may be at once: shadows are kept as a set of that many bits.
    pub const MOST: usize = 64;

    /// The candidates of `list`, the default first.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no arm, more than [`Candidates::MOST`], or one that occurs twice.
    pub fn new(list: impl IntoIterator<Item = Candidate>) -> Result<Self> {
        let list: Vec<Candidate> = list.into_iter().collect();
        if list.is_empty() || list.len() > Self::MOST {
            let problem = format!("{} arms; there must be 1 to {}", list.len(), Self::MOST);
            return Err(Error::invalid_input("build candidates", "arms", problem));
        }
        for (position, candidate) in list.iter().enumerate() {
            if list.iter().take(position).any(|earlier| earlier.arm == candidate.arm) {
                return Err(Error::invalid_input(
                    "build candidates",
                    candidate.arm.as_str(),
                    "the arm occurs twice",
                ));
            }
        }
        let digest = digest(&list);
        Ok(Self { list, digest })
    }

    /// The position of `arm`, if it can answer now.
    #[must_use]
    pub fn position(&self, arm: &Arm) -> Option<usize> {
        self.list.iter().position(|candidate| candidate.arm == *arm)
    }

    /// The candidates in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Candidate] {
        &self.list
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// The candidate at `position`; the default where there is none.
    #[must_use]
    pub fn at(&self, position: usize) -> &Candidate {
        // Not empty by construction.
        self.list.get(position).unwrap_or(&self.list[0])
    }
}

fn digest(list: &[Candidate]) -> u64 {
    let mut hasher = Xxh3::new();
    for Candidate { arm, version } in list {
        // No name has a byte of zero.
        hasher.update(arm.as_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(&version.get().to_le_bytes());
    }
    hasher.digest()
}

/// A set of arms by position, for shadows: no allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ArmSet(u64);

impl ArmSet {
    /// Adds the arm at `position`; positions past [`Candidates::MOST`] are ignored.
    #[must_use]
    pub fn with(self, position: usize) -> Self {
        if position < Candidates::MOST { Self(self.0 | (1 << position)) } else { self }
    }

    /// Removes the arm at `position`.
    #[must_use]
    pub fn without(self, position: usize) -> Self {
        if position < Candidates::MOST { Self(self.0 & !(1 << position)) } else { self }
    }

    /// Whether no arm is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The positions, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Candidates::MOST).filter(move |position| self.0 & (1 << position) != 0)
    }
}
