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
    /// The trial of an arm is over without a decision of this endpoint: somebody else, often another replica, promoted or
    /// withdrew its version. The policy hands over as after a decision of its own.
    TrialEnded {
        /// The arm that was on trial.
        arm: Arm,
        /// The version that was on trial, where one answered.
        version: Option<Version>,
        /// What was found instead.
        reason: String,
    },
    /// An arm of a trial answers with another version, so that evidence is gathered anew.
    Renewed {
        /// The arms and versions.
        reason: String,
    },
    /// What the policy decided could not be carried out, or what the aliases mean not be served; it is tried again, at once
    /// and then ever more seldom, up to a minute. Told once for each reason. The registry holds all of it or nothing.
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
    /// A panic was caught in code that was handed to the endpoint: a sink, a loss function, a policy, a handler of events. Told
    /// of the first one, and whenever their number has doubled.
    Panicked {
        /// How many there were since the start.
        count: u64,
        /// Where the last of them was, and what it said.
        problem: String,
    },
    /// Records, outcomes or shadow runs were dropped, because their queue was full. Told of the first ones, and whenever their
    /// number has doubled.
    Dropped {
        /// How many there were since the start.
        count: u64,
        /// Of what kinds, and how long nobody had worked the queue off.
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
            Self::TrialEnded { .. } => "trial_ended",
            Self::Renewed { .. } => "renewed",
            Self::Failed { .. } => "failed",
            Self::InvalidAnswers { .. } => "invalid_answers",
            Self::RefusedOutcomes { .. } => "refused_outcomes",
            Self::Panicked { .. } => "panicked",
            Self::Dropped { .. } => "dropped",
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
            Self::TrialEnded { arm, version: Some(version), reason } => {
                write!(f, "the trial of version {version} ({arm}) is over: {reason}")
            }
            Self::TrialEnded { arm, version: None, reason } => {
                write!(f, "the trial of {arm} is over: {reason}")
            }
            Self::Renewed { reason } => write!(f, "the trial begins anew: {reason}"),
            Self::Failed { operation, error } => write!(f, "{operation} failed: {error}"),
            Self::InvalidAnswers { arm, version, count, problem } => {
                let answers = if *count == 1 { "1 answer" } else { &format!("{count} answers") };
                write!(f, "{answers} of version {version} ({arm}) counted as failed: {problem}")
            }
            Self::RefusedOutcomes { count, problem } => {
                let outcomes = if *count == 1 { "1 outcome was" } else { &format!("{count} outcomes were") };
                write!(f, "{outcomes} refused: {problem}")
            }
            Self::Panicked { count, problem } => {
                let panics = if *count == 1 { "1 panic was" } else { &format!("{count} panics were") };
                write!(f, "{panics} caught: {problem}")
            }
            Self::Dropped { count, problem } => write!(f, "{count} dropped: {problem}"),
            Self::Unmonitored { columns, reason } => {
                write!(f, "not monitored any more: {} ({reason})", columns.join(", "))
            }
            Self::Judged { verdict } => verdict.fmt(f),
        }
    }
}
