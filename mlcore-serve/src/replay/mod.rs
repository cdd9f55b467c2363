//! What would another policy have done with this traffic? A prediction log runs against a policy, a bandit, guardrails or a
//! detector before any of them is deployed.
//!
//! A [`ReplayLog`] is what a [`LogReader`](crate::log::LogReader) reads, in the order of time. A replay has a virtual clock, which is
//! that of the log, and draws that follow from the id of each request and a [seed](ReplayOptions::seed): the same log, options and
//! seed give the same report to the last bit. Outcomes arrive when they arrived.
//!
//! | what runs | by | evidence |
//! |---|---|---|
//! | a [`RolloutPolicy`](mlcore::rollout::RolloutPolicy): a canary with its guardrails, an experiment, a bandit | [`replay`](ReplayLog::replay) | **logged arms**: of a request the log knows what the arm did that answered it |
//! | the same | [`simulate`](ReplayLog::simulate) | **simulated arms**: a function says what each arm does |
//! | a [`StreamDetector`](mlcore_drift::stream::StreamDetector) | [`replay_detector`](ReplayLog::replay_detector) | losses, failures, latencies, labels or a feature of the log |
//! | a drift [`Monitor`](mlcore_drift::monitor::Monitor) | [`replay_monitor`](ReplayLog::replay_monitor) | the features of the log |
//!
//! # What logged arms can tell
//!
//! Where the policy gives a request to another arm than the one that answered it then, nobody knows what would have come of it: the
//! request counts as asked, and is no evidence. What is left, the *matched* requests, is a sample without bias of what each arm does
//! as long as the arms were chosen by chance when the log was written ([`Matching`] says which of them count). A policy that assigns
//! as the one that ran, such as the same canary with other guardrails, matches all requests until the two decide differently. The
//! report says how many matched, and how many requests of a policy's own the log is worth
//! ([`effective_sample_size`](ReplayReport::effective_sample_size)); where that is small, believe nothing.
//!
//! What a policy [earns](ReplayReport::value) is estimated from propensities, not from the matched requests alone, by
//! [`off_policy_value`](mlcore::evaluate::off_policy_value).
//!
//! # Bad logs
//!
//! | in the log | here |
//! |---|---|
//! | a row whose propensity is no number in (0, 1] | left out, and [counted](LeftOutRequests) |
//! | a row that no policy chose: a version asked for by number, a fallback | left out, and counted |
//! | a row of an arm that is not among the [arms](ReplayOptions::arms), or of another version than its arm began with | left out, and counted |
//! | times that go backwards, as where replicas write one log | put into the order of time, and counted |
//! | an outcome from before its answer, by another machine's clock | arrives with the answer, and is counted |
//! | a row without its unit, which was redacted | a unit of its own, and counted: nothing is sticky then |
//! | several models | refused, unless one is [named](ReplayOptions::model) |
//!
//! # Source
//! Matching, and rejection for policies that learn: L. Li, W. Chu, J. Langford and X. Wang, "Unbiased offline evaluation of
//! contextual-bandit-based news article recommendation algorithms" (2011), and for logs whose propensities differ M. Dudík,
//! D. Erhan, J. Langford and L. Li, "Sample-efficient nonstationary policy evaluation for contextual bandits" (2012).

mod arms;
mod detector;
mod log;
mod monitor;
mod options;
mod queue;
mod report;
mod run;
mod text;
mod truth;
mod value;

pub use self::arms::{SimulatedAnswer, SimulatedRequest};
pub use self::detector::{Alarm, DetectorReport, StreamValue};
pub use self::log::{LeftOutRequests, ReplayLog};
pub use self::monitor::{MonitorReport, WindowReplay};
pub use self::options::{Matching, ReplayOptions, ReplayVersions};
pub use self::report::{
    ArmReplay, Detection, Judged, Reached, Regret, ReplayDecision, ReplayMode, ReplayReport, SharePoint,
    WorseArm, WorseBy,
};
pub use self::truth::Truth;
pub use self::value::ReplayValue;

/// The operation of errors.
const REPLAY: &str = "replay log";
