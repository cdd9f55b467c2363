use std::fmt;

use mlcore::name::{Arm, Version};
use mlcore::time::Timestamp;
use mlcore_drift::monitor::Verdict;
use serde::{Serialize, Serializer};

/// Something that happened to the release.
#[non_exhaustive]
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// The time, by the endpoint's clock; serialised as whole microseconds since 1970, as the registry's times are.
    #[serde(serialize_with = "as_micros")]
    pub at: Timestamp,
    /// The occurrence.
    pub kind: EventKind,
}

impl Event {
    /// `kind`, at this time.
    #[must_use]
    pub fn new(at: Timestamp, kind: EventKind) -> Self {
        Self { at, kind }
    }
}

/// What happened.
#[non_exhaustive]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// An arm now answers with this version.
    Deployed {
        /// The arm.
        arm: Arm,
        /// The version that answers.
        version: Version,
    },
    /// An arm answers no longer.
    Withdrawn {
        /// The arm.
        arm: Arm,
        /// The version that answered.
        version: Version,
    },
    /// An arm on trial got a larger share of the traffic.
    Stepped {
        /// The arm.
        arm: Arm,
        /// Its version.
        version: Version,
        /// Its share from now on, 0 to 1.
        share: f64,
        /// Why.
        reason: String,
    },
    /// An arm on trial took the default arm's place.
    Promoted {
        /// The arm that was on trial.
        arm: Arm,
        /// The version before.
        from: Version,
        /// The version from now on.
        to: Version,
        /// Why.
        reason: String,
    },
    /// An arm on trial was withdrawn.
    RolledBack {
        /// The arm.
        arm: Arm,
        /// The version that was withdrawn.
        version: Version,
        /// The version that answers instead.
        to: Version,
        /// Why.
        reason: String,
    },
    /// The release waits. Told at once where an arm that the policy needs does not answer, and else after an hour and whenever
    /// that time has doubled.
    Held {
        /// What it waits for.
        reason: String,
    },
    /// What the policy decided could not be carried out; it is tried again. The registry holds all of it or nothing.
    Failed {
        /// What was tried.
        operation: String,
        /// The error, with its remedy.
        error: String,
    },
    /// An arm gave answers that are failures although the model ran: their numbers are not finite, or no loss can be computed
    /// of them. Told of the first one, and whenever their number has doubled.
    InvalidAnswers {
        /// The arm.
        arm: Arm,
        /// Its version.
        version: Version,
        /// How many there were since the version began to answer.
        count: u64,
        /// What was wrong with the last of them.
        problem: String,
    },
    /// Outcomes were reported that do not fit the request that they name: of another number of rows, for a row that is not
    /// there or has its outcome. They have no effect. Told of the first one, and whenever their number has doubled.
    RefusedOutcomes {
        /// How many there were since the start.
        count: u64,
        /// What was wrong with the last of them.
        problem: String,
    },
    /// Columns that a monitor should watch are seen by it no longer, since the arms read other columns.
    Unmonitored {
        /// Their names.
        columns: Vec<String>,
        /// Why.
        reason: String,
    },
    /// A window of traffic was compared with the reference.
    Judged {
        /// The comparison.
        verdict: Box<Verdict>,
    },
}

fn as_micros<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.as_micros())
}

impl EventKind {
    /// The stable word for what happened, as it stands in the serialised event: `deployed`, `rolled_back`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deployed { .. } => "deployed",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Stepped { .. } => "stepped",
            Self::Promoted { .. } => "promoted",
            Self::RolledBack { .. } => "rolled_back",
            Self::Held { .. } => "held",
            Self::Failed { .. } => "failed",
            Self::InvalidAnswers { .. } => "invalid_answers",
            Self::RefusedOutcomes { .. } => "refused_outcomes",
            Self::Unmonitored { .. } => "unmonitored",
            Self::Judged { .. } => "judged",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deployed { arm, version } => write!(f, "{arm} answers with version {version}"),
            Self::Withdrawn { arm, version } => write!(f, "{arm} no longer answers (version {version})"),
            Self::Stepped { version, share, reason, .. } => {
                write!(f, "version {version} now gets {:.0} % of the traffic: {reason}", share * 100.0)
            }
            Self::Promoted { from, to, reason, .. } => {
                write!(f, "version {to} replaces version {from}: {reason}")
            }
            Self::RolledBack { version, to, reason, .. } => {
                write!(f, "version {version} is rolled back, version {to} answers: {reason}")
            }
            Self::Held { reason } => write!(f, "the release waits: {reason}"),
            Self::Failed { operation, error } => write!(f, "{operation} failed: {error}"),
            Self::InvalidAnswers { arm, version, count, problem } => {
                let answers = if *count == 1 { "1 answer" } else { &format!("{count} answers") };
                write!(f, "{answers} of version {version} ({arm}) counted as failed: {problem}")
            }
            Self::RefusedOutcomes { count, problem } => {
                let outcomes = if *count == 1 { "1 outcome was" } else { &format!("{count} outcomes were") };
                write!(f, "{outcomes} refused: {problem}")
            }
            Self::Unmonitored { columns, reason } => {
                write!(f, "not monitored any more: {} ({reason})", columns.join(", "))
            }
            Self::Judged { verdict } => verdict.fmt(f),
        }
    }
}
