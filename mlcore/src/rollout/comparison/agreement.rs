use std::fmt;

use serde::{Deserialize, Serialize};

use super::share::{BoundedShare, excludes};
use super::{Counted, RankCorrelation};
use crate::error::{Error, Result};
use crate::stats::norm;

/// By which limits the answers of a shadow count as those that callers got. Without a limit nothing is ever decided.
///
/// Shares (of rows beyond the tolerance, of labels that flipped, of requests that the shadow lacked) are compared with their limits by
/// bounds that hold at every look: asked after every request, all of them together are wrong with a probability of at most `alpha`. That
/// takes rows for independent: of requests with many rows alike, ask for more rows. The rank correlation is judged by its approximate
/// standard error and the latency as it was seen, and both get better with data and not with luck at many looks; `min_rows` is theirs.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgreementOptions {
    /// Rows, and requests, that must have been compared before anything is decided.
    pub min_rows: u64,
    /// The probability of a wrong decision about any of the shares.
    pub alpha: f64,
    /// The largest share of rows beyond the tolerance.
    pub max_outside_share: Option<f64>,
    /// The largest share of labels that flip.
    pub max_flip_share: Option<f64>,
    /// The largest share of requests that the shadow fails, or answers in another shape, of those that were answered.
    pub max_failure_share: Option<f64>,
    /// The least rank correlation.
    pub min_rank_correlation: Option<f64>,
    /// How many times as long as the arm that answered the shadow may take, at the 99th percentile.
    pub max_latency_ratio: Option<f64>,
}

impl Default for AgreementOptions {
    /// At least 1,000 rows, `alpha` 0.05, no limits. Of 1,000 rows without a single flip the bound of their share is below 1 %.
    fn default() -> Self {
        Self {
            min_rows: 1_000,
            alpha: 0.05,
            max_outside_share: None,
            max_flip_share: None,
            max_failure_share: None,
            min_rank_correlation: None,
            max_latency_ratio: None,
        }
    }
}

impl AgreementOptions {
    /// Sets how many rows must have been compared.
    #[must_use]
    pub fn with_min_rows(mut self, min_rows: u64) -> Self {
        self.min_rows = min_rows;
        self
    }

    /// Sets the probability of a wrong decision.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Limits the share of rows beyond the tolerance.
    #[must_use]
    pub fn with_max_outside_share(mut self, share: f64) -> Self {
        self.max_outside_share = Some(share);
        self
    }

    /// Limits the share of labels that flip.
    #[must_use]
    pub fn with_max_flip_share(mut self, share: f64) -> Self {
        self.max_flip_share = Some(share);
        self
    }

    /// Limits the share of answers that the shadow lacks.
    #[must_use]
    pub fn with_max_failure_share(mut self, share: f64) -> Self {
        self.max_failure_share = Some(share);
        self
    }

    /// Asks for a rank correlation.
    #[must_use]
    pub fn with_min_rank_correlation(mut self, correlation: f64) -> Self {
        self.min_rank_correlation = Some(correlation);
        self
    }

    /// Limits the latency, as a multiple of that of the arm that answered.
    #[must_use]
    pub fn with_max_latency_ratio(mut self, ratio: f64) -> Self {
        self.max_latency_ratio = Some(ratio);
        self
    }

    fn shares(&self) -> [(&'static str, Option<f64>); 3] {
        [
            ("max_outside_share", self.max_outside_share),
            ("max_flip_share", self.max_flip_share),
            ("max_failure_share", self.max_failure_share),
        ]
    }

    fn check(&self) -> Result<()> {
        let refuse =
            |subject: &str, problem: String| Err(Error::invalid_input("judge shadow", subject, problem));
        let inside = |value: f64| value > 0.0 && value < 1.0;
        if !inside(self.alpha) {
            return refuse("alpha", format!("{} is not between 0 and 1", self.alpha));
        }
        for (name, limit) in self.shares() {
            if let Some(limit) = limit.filter(|limit| !inside(*limit)) {
                return refuse(
                    name,
                    format!("{limit} is not between 0 and 1: no number of answers shows a share of 0"),
                );
            }
        }
        if let Some(limit) = self.min_rank_correlation.filter(|limit| !(-1.0 < *limit && *limit < 1.0)) {
            return refuse("min_rank_correlation", format!("{limit} is not between -1 and 1"));
        }
        if let Some(limit) = self.max_latency_ratio.filter(|limit| !(*limit > 0.0 && limit.is_finite())) {
            return refuse(
                "max_latency_ratio",
                format!("{limit} is no ratio; it must be positive and finite"),
            );
        }
        Ok(())
    }

    pub(super) fn judge(&self, counted: &Counted) -> Result<Agreement> {
        self.check()?;
        // Answers that the shadow lacks: it failed what was answered, or answered something else.
        let lacked = (counted.shadow_failures - counted.both_failures).saturating_add(counted.mismatches);
        let answered = counted.requests - counted.live_failures;
        let shares = [
            ("rows beyond the tolerance", "row was compared", counted.rows - counted.close, counted.rows),
            ("labels that flipped", "row had a label", counted.flips, counted.labelled),
            ("answers that the shadow lacked", "request was answered", lacked.min(answered), answered),
        ];
        let limits = self.shares().map(|(_, limit)| limit);
        // The probability of a wrong decision is that of all shares together.
        let alpha = self.alpha / limits.iter().flatten().count().max(1) as f64;
        let mut checks = Vec::new();
        for ((words, data, count, total), limit) in shares.into_iter().zip(limits) {
            if let Some(limit) = limit {
                checks.push(self.share(words, data, (count, total), (limit, alpha)));
            }
        }
        checks.extend(self.min_rank_correlation.map(|limit| self.correlation(counted, limit)));
        checks.extend(self.max_latency_ratio.map(|limit| self.latency(counted, limit)));
        if checks.is_empty() {
            checks.push((AgreementVerdict::Hold, "no limit is set, so nothing is decided".to_owned()));
        }
        Ok(Agreement::of(checks))
    }

    fn share(
        &self,
        words: &str,
        data: &str,
        (count, total): (u64, u64),
        (limit, alpha): (f64, f64),
    ) -> Check {
        let Some(found) = BoundedShare::of(count, total, alpha) else {
            return (AgreementVerdict::Hold, format!("{words}: no {data}"));
        };
        let is_decided = excludes(count, total, limit, alpha);
        let enough = total >= self.min_rows;
        let verdict = match (is_decided, found.share > limit) {
            (true, true) => AgreementVerdict::Differs,
            (true, false) if enough => AgreementVerdict::Agrees,
            (true | false, _) => AgreementVerdict::Hold,
        };
        let wanted = if enough { String::new() } else { format!(" of at least {}", self.min_rows) };
        let limit = 100.0 * limit;
        (verdict, format!("{words}: {found} of {total}{wanted}, and {limit:.3} % are allowed"))
    }

    fn correlation(&self, counted: &Counted, limit: f64) -> Check {
        let Some(RankCorrelation { value, pairs, .. }) = RankCorrelation::of(counted) else {
            return (
                AgreementVerdict::Hold,
                "rank correlation: there are no two different scores".to_owned(),
            );
        };
        // Fisher's z, with the variance that E. Fieller, H. Hartley and E. Pearson (1957) give it of ranks.
        let error = (1.06 / (pairs as f64 - 3.0).max(f64::MIN_POSITIVE)).sqrt() * norm::isf(self.alpha);
        let bound = |sign: f64| (value.clamp(-MOST, MOST).atanh() + sign * error).tanh();
        let enough = counted.differences.count() >= self.min_rows;
        let verdict = match () {
            () if enough && bound(-1.0) >= limit => AgreementVerdict::Agrees,
            () if enough && bound(1.0) < limit => AgreementVerdict::Differs,
            () => AgreementVerdict::Hold,
        };
        let (low, high) = (bound(-1.0), bound(1.0));
        let reason = format!(
            "rank correlation: {value:.4} (within {low:.4} and {high:.4}) of {pairs} rows, and {limit:.4} is asked for"
        );
        (verdict, reason)
    }

    fn latency(&self, counted: &Counted, limit: f64) -> Check {
        let tail = |spread: &super::Spread| spread.ranks().and_then(|ranks| ranks.quantile(0.99));
        let (Some(live), Some(shadow)) = (tail(&counted.live_latency), tail(&counted.shadow_latency)) else {
            return (AgreementVerdict::Hold, "latency: there are no two latencies".to_owned());
        };
        let verdict = match (counted.shadow_latency.count() >= self.min_rows, shadow <= limit * live) {
            (false, _) => AgreementVerdict::Hold,
            (true, true) => AgreementVerdict::Agrees,
            (true, false) => AgreementVerdict::Differs,
        };
        let reason =
            format!("latency: 99 % within {shadow:.3e} s beside {live:.3e} s, and {limit} times is allowed");
        (verdict, reason)
    }
}

type Check = (AgreementVerdict, String);

/// Correlations beyond have no finite z.
const MOST: f64 = 1.0 - 1e-12;

/// Whether a shadow may take the place of the arm that answers, as far as answers tell.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Agreement {
    /// The verdict.
    pub verdict: AgreementVerdict,
    /// What was found about each limit, with the numbers: the decisive ones first.
    pub reasons: Vec<String>,
}

/// What follows of a comparison: `agrees`, `differs` or `hold`.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AgreementVerdict {
    /// A limit is exceeded, surely.
    Differs,
    /// Too little is known: also where nothing is.
    Hold,
    /// All limits are kept, surely.
    Agrees,
}

crate::words! { AgreementVerdict, "verdict": Differs = "differs", Hold = "hold", Agrees = "agrees" }

impl Agreement {
    fn of(mut checks: Vec<Check>) -> Self {
        checks.sort_by_key(|(verdict, _)| *verdict);
        let verdict = checks.first().map_or(AgreementVerdict::Hold, |(verdict, _)| *verdict);
        Self { verdict, reasons: checks.into_iter().map(|(_, reason)| reason).collect() }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        self.reasons.iter().try_for_each(|reason| write!(f, "\n  {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::AgreementVerdict::{Agrees, Differs, Hold};
    use super::*;
    use crate::rollout::{Comparison, Draw, Reply, Tolerance};
    use crate::stats::SplitMix64;

    /// Answers of a shadow that flips so many of a thousand, with noise, and takes twice as long.
    fn compared(requests: u64, flips: u64, noise: f64) -> Comparison {
        let mut comparison = Comparison::new(Tolerance::new(0.05, 0.0).unwrap().with_threshold(0.5).unwrap());
        let mut random = SplitMix64::new(9);
        for request in 0..requests {
            let answered = |micros| Reply::Answered { latency: Duration::from_micros(micros) };
            comparison.add_request(answered(100), answered(200));
            let live = 0.1 + 0.3 * random.uniform() + 0.5 * f64::from(u8::from(random.uniform() < 0.5));
            let flips = request * 7 % 1000 < flips;
            let shadow = if flips { 1.0 - live } else { live + noise * (random.uniform() - 0.5) };
            comparison.add_scores(&[live], &[shadow], 1, Draw::new(random.next_u64())).unwrap();
        }
        comparison
    }

    fn check(comparison: &Comparison, options: &AgreementOptions, verdict: AgreementVerdict, words: &str) {
        let found = comparison.agreement(options).unwrap();
        assert_eq!(found.verdict, verdict, "{found}");
        assert!(found.reasons[0].contains(words), "{found}");
    }

    #[test]
    fn flips_decide_once_they_are_sure() {
        let options = AgreementOptions::default().with_max_flip_share(0.02);
        check(&compared(0, 0, 0.0), &options, Hold, "no row had a label");
        check(&compared(500, 0, 0.0), &options, Hold, "of at least 1000");
        check(&compared(5_000, 2, 0.0), &options, Agrees, "2.000 % are allowed");
        check(&compared(5_000, 20, 0.0), &options, Hold, "labels that flipped: 2.000 %");
        check(&compared(5_000, 60, 0.0), &options, Differs, "labels that flipped: 6.000 %");
        // What is outrageous needs no thousand rows.
        check(&compared(200, 1_000, 0.0), &options, Differs, "100.000 %");
    }

    #[test]
    fn no_data_and_no_limits_hold() {
        let empty = Comparison::new(Tolerance::default());
        check(&empty, &AgreementOptions::default(), Hold, "no limit is set");
        let all = AgreementOptions::default()
            .with_max_outside_share(0.1)
            .with_max_flip_share(0.1)
            .with_max_failure_share(0.1)
            .with_min_rank_correlation(0.9)
            .with_max_latency_ratio(3.0);
        let found = empty.agreement(&all).unwrap();
        assert!(found.verdict == Hold && found.reasons.len() == 5, "{found}");
        check(&compared(20_000, 1, 0.05), &all, Agrees, "");
        // One limit decides against the shadow, whatever the others say.
        let slow = all.with_max_latency_ratio(1.5);
        check(
            &compared(20_000, 1, 0.05),
            &slow,
            Differs,
            "latency: 99 % within 2.000e-4 s beside 1.000e-4 s",
        );
    }

    #[test]
    fn differences_failures_and_ranks_are_judged() {
        let options = AgreementOptions::default();
        check(
            &compared(2_000, 0, 1.0),
            &options.clone().with_max_outside_share(0.5),
            Differs,
            "beyond the tolerance",
        );
        check(&compared(2_000, 0, 0.08), &options.clone().with_max_outside_share(0.05), Agrees, "0.000 %");
        let ranks = options.clone().with_min_rank_correlation(0.9);
        check(&compared(2_000, 0, 0.05), &ranks, Agrees, "rank correlation: 0.99");
        check(&compared(2_000, 0, 2.0), &ranks, Differs, "rank correlation: 0.");
        check(&compared(900, 0, 0.05), &ranks, Hold, "rank correlation");
        let mut failing = compared(2_000, 0, 0.0);
        (0..100).for_each(|_| {
            failing.add_request(Reply::Answered { latency: Duration::ZERO }, Reply::Failed);
            // These are no reproach.
            failing.add_request(Reply::Failed, Reply::Failed);
        });
        let failures = options.with_max_failure_share(0.02);
        check(&failing, &failures, Differs, "answers that the shadow lacked: 4.762 %");
        check(&compared(2_000, 0, 0.0), &failures, Agrees, "0.000 %");
    }

    #[test]
    fn limits_that_mean_nothing_are_refused() {
        let refused = |options: AgreementOptions, words: &str| {
            let error = Comparison::new(Tolerance::default()).agreement(&options).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        let options = AgreementOptions::default;
        refused(options().with_alpha(0.0), "alpha");
        refused(options().with_max_flip_share(0.0), "max_flip_share: 0 is not between");
        refused(options().with_max_outside_share(f64::NAN), "max_outside_share");
        refused(options().with_max_failure_share(1.0), "max_failure_share");
        refused(options().with_min_rank_correlation(1.0), "min_rank_correlation");
        refused(options().with_max_latency_ratio(-1.0), "max_latency_ratio");
        let read: AgreementOptions = serde_json::from_str(r#"{"max_flip_share":0.01}"#).unwrap();
        assert_eq!(read, options().with_max_flip_share(0.01));
        assert!(serde_json::from_str::<AgreementOptions>(r#"{"flips":1}"#).is_err());
    }
}
