use mlcore::name::Arm;
use mlcore::time::Timestamp;
use serde::Serialize;

/// What the caller knows of the arms: what false alarms and delays are counted by.
///
/// ```
/// use mlcore_serve::replay::Truth;
///
/// let truth = Truth::worse("canary".parse()?, "2024-02-29T12:30:00Z".parse()?);
/// let text = r#"{"truth":"worse","arm":"canary","since":"2024-02-29T12:30:00Z"}"#;
/// assert_eq!(serde_json::to_string(&truth).ok().as_deref(), Some(text));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(tag = "truth", rename_all = "snake_case")]
pub enum Truth {
    /// Nothing: false alarms and delays are not told.
    #[default]
    Unknown,
    /// No arm is worse than another, and nothing changes: whatever alarms is wrong.
    Equal,
    /// This arm is worse from a moment on, and no other one is.
    #[non_exhaustive]
    Worse {
        /// The arm.
        arm: Arm,
        /// From when on.
        since: Timestamp,
    },
}

impl Truth {
    /// `arm` is worse than the others from `since` on.
    #[must_use]
    pub fn worse(arm: Arm, since: Timestamp) -> Self {
        Self::Worse { arm, since }
    }

    /// Whether an alarm at this moment is right: about this arm, or, where it is about none, about anything. `None` where nobody
    /// knows.
    pub(super) fn confirms(&self, alarmed: Option<&Arm>, at: Timestamp) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Equal => Some(false),
            Self::Worse { arm, since } => Some(at >= *since && alarmed.is_none_or(|alarmed| alarmed == arm)),
        }
    }

    /// The moment from which on an arm is worse.
    pub(super) fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Unknown | Self::Equal => None,
            Self::Worse { since, .. } => Some(*since),
        }
    }
}
