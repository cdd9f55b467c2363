//! How do the answers of a shadow compare with those that callers got? A sum that replicas add up.

mod agreement;
mod labels;
mod report;
mod sample;
mod share;
mod spread;
mod tolerance;

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};

pub use self::agreement::{Agreement, AgreementOptions, AgreementVerdict};
pub use self::labels::LabelPair;
pub use self::report::{ComparisonReport, RankCorrelation};
pub use self::share::BoundedShare;
pub use self::spread::Spreads;
pub use self::tolerance::Tolerance;

use self::labels::Labels;
use self::sample::Sample;
use self::spread::Spread;
use super::Draw;
use crate::error::{Error, Result};

/// How a shadow's answers compare with those of the arm that answered.
///
/// Pure and in bounded memory, whatever comes: counts, three profiles of numbers (32 KB each of few distinct ones; some 100 KB, and 8 KB
/// more for each doubling, of many) and a sample of 1,024 rows for the rank correlation. The whole is written as JSON by serde and read
/// back, and comparisons of replicas [add up](Self::merge): counts, means and the sample in any order to the same, quantiles within
/// the bounds that they state.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::rollout::{AgreementOptions, AgreementVerdict, Comparison, Draw, Reply, Tolerance};
/// use mlcore::stats::SplitMix64;
///
/// let mut comparison = Comparison::new(Tolerance::new(0.02, 0.0)?.with_threshold(0.5)?);
/// let mut random = SplitMix64::new(1);
/// for _ in 0..2_000 {
///     let (score, draw) = (random.uniform(), Draw::new(random.next_u64()));
///     let (live, shadow) = (Duration::from_millis(3), Duration::from_millis(2));
///     comparison.add_request(Reply::Answered { latency: live }, Reply::Answered { latency: shadow });
///     comparison.add_scores(&[score], &[score + 0.001], 1, draw)?;
/// }
/// let report = comparison.report();
/// assert_eq!((report.rows, report.within_tolerance), (2_000, 2_000));
/// assert!(report.rank_correlation.is_some_and(|found| found.value > 0.999));
/// let options = AgreementOptions::default().with_max_flip_share(0.02).with_min_rank_correlation(0.95);
/// assert_eq!(comparison.agreement(&options)?.verdict, AgreementVerdict::Agrees);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(transparent)]
pub struct Comparison {
    counted: Counted,
}

/// What came of one request at one of the two.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// An answer.
    Answered {
        /// The time that it took.
        latency: Duration,
    },
    /// No answer, or one that is none, such as NaN.
    Failed,
}

/// The sums, as they are written.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counted {
    tolerance: Tolerance,
    requests: u64,
    live_failures: u64,
    shadow_failures: u64,
    both_failures: u64,
    mismatches: u64,
    rows: u64,
    close: u64,
    not_finite: u64,
    labelled: u64,
    flips: u64,
    labels: Labels,
    differences: Spread,
    live_latency: Spread,
    shadow_latency: Spread,
    sample: Sample,
}

impl Comparison {
    /// Of nothing yet.
    #[must_use]
    pub fn new(tolerance: Tolerance) -> Self {
        Self { counted: Counted { tolerance, ..Counted::default() } }
    }

    /// Counts a request that both were asked, with their latencies. What they answered is added by
    /// [`add_scores`](Self::add_scores), [`add_labels`](Self::add_labels) or [`add_mismatch`](Self::add_mismatch).
    pub fn add_request(&mut self, live: Reply, shadow: Reply) {
        let counted = &mut self.counted;
        add(&mut counted.requests, true);
        add(&mut counted.live_failures, live == Reply::Failed);
        add(&mut counted.shadow_failures, shadow == Reply::Failed);
        add(&mut counted.both_failures, live == Reply::Failed && shadow == Reply::Failed);
        for (reply, spread) in [(live, &mut counted.live_latency), (shadow, &mut counted.shadow_latency)] {
            if let Reply::Answered { latency } = reply {
                spread.add(&[latency.as_secs_f64()]);
            }
        }
    }

    /// Counts a request whose two answers cannot be compared: other outputs, another shape.
    pub fn add_mismatch(&mut self) {
        add(&mut self.counted.mismatches, true);
    }

    /// Compares scores, `width` of each row, row by row.
    ///
    /// A row is within tolerance when all of its scores are; its difference is the largest of its scores. Rows with a score that is not
    /// finite have no difference. Its label, by the [tolerance's](Tolerance::with_threshold) rule, may flip. Ranks are those of the only
    /// score of a row, of the second of two, and, of more classes, of the score of the class that the arm chose which answered.
    ///
    /// `draw` is one of this request, and says whether its rows are in the sample.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for different lengths, and for a width that does not divide them. Nothing is added then.
    pub fn add_scores(&mut self, live: &[f64], shadow: &[f64], width: usize, draw: Draw) -> Result<()> {
        check_lengths(live.len(), shadow.len())?;
        if width == 0 || !live.len().is_multiple_of(width) {
            let problem = format!("{} scores are no rows of {width}", live.len());
            return Err(Error::invalid_input(OPERATION, "width", problem));
        }
        let mut differences = Vec::with_capacity(live.len() / width);
        for (row, (live, shadow)) in live.chunks(width).zip(shadow.chunks(width)).enumerate() {
            self.add_row(live, shadow);
            let scores = || live.iter().zip(shadow);
            if !scores().all(|(live, shadow)| live.is_finite() && shadow.is_finite()) {
                add(&mut self.counted.not_finite, true);
                continue;
            }
            // The difference of two finite numbers may be infinite, and no mean is told of such.
            let differs = |(live, shadow): (&f64, &f64)| (shadow - live).abs().min(f64::MAX);
            differences.push(scores().map(differs).fold(0.0, f64::max));
            let chosen = match width {
                1 | 2 => width - 1,
                _ => tolerance::largest(live).and_then(|label| usize::try_from(label).ok()).unwrap_or(0),
            };
            if let (Some(live), Some(shadow)) = (live.get(chosen), shadow.get(chosen)) {
                self.counted.sample.add(draw, row, *live, *shadow);
            }
        }
        self.counted.differences.add(&differences);
        Ok(())
    }

    /// Counts a row of scores, whether it is within tolerance, and its labels.
    fn add_row(&mut self, live: &[f64], shadow: &[f64]) {
        let counted = &mut self.counted;
        let tolerance = counted.tolerance;
        add(&mut counted.rows, true);
        let mut scores = live.iter().zip(shadow);
        add(&mut counted.close, scores.all(|(live, shadow)| tolerance.is_close(*live, *shadow)));
        if let (Some(live), Some(shadow)) = (tolerance.label(live), tolerance.label(shadow)) {
            self.add_label(live, shadow);
        }
    }

    fn add_label(&mut self, live: i64, shadow: i64) {
        let counted = &mut self.counted;
        add(&mut counted.labelled, true);
        add(&mut counted.flips, live != shadow);
        counted.labels.add(live, shadow, 1);
    }

    /// Compares labels, one of each row: a row is within tolerance when they are the same.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for different lengths. Nothing is added then.
    pub fn add_labels(&mut self, live: &[i64], shadow: &[i64]) -> Result<()> {
        check_lengths(live.len(), shadow.len())?;
        for (live, shadow) in live.iter().zip(shadow) {
            add(&mut self.counted.rows, true);
            add(&mut self.counted.close, live == shadow);
            self.add_label(*live, *shadow);
        }
        Ok(())
    }

    /// Adds what another replica compared; what is merged twice counts twice.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for one of another tolerance, and for more rows than a profile counts. Nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let (mut merged, other) = (self.counted.clone(), &other.counted);
        if merged.tolerance != other.tolerance {
            let problem = "the two were compared under different tolerances";
            return Err(Error::invalid_input("merge comparisons", "tolerance", problem)
                .remedy("give all replicas the same tolerance, or look at their reports one by one"));
        }
        for (own, more) in merged.counts().into_iter().zip(other.clone().counts()) {
            *own = own.saturating_add(*more);
        }
        merged.labels.merge(&other.labels);
        merged.differences.merge(&other.differences)?;
        merged.live_latency.merge(&other.live_latency)?;
        merged.shadow_latency.merge(&other.shadow_latency)?;
        merged.sample.merge(&other.sample);
        self.counted = merged;
        Ok(())
    }

    /// When two scores counted as alike.
    #[must_use]
    pub fn tolerance(&self) -> Tolerance {
        self.counted.tolerance
    }

    /// The requests that both were asked.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.counted.requests
    }

    /// The rows that were compared.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counted.rows
    }

    /// What it found, in numbers.
    #[must_use]
    pub fn report(&self) -> ComparisonReport {
        ComparisonReport::of(&self.counted)
    }

    /// Whether the shadow's answers are those that callers got, by these limits.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for limits that mean nothing, as [`AgreementOptions`] says.
    pub fn agreement(&self, options: &AgreementOptions) -> Result<Agreement> {
        options.judge(&self.counted)
    }
}

impl<'de> Deserialize<'de> for Comparison {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let counted = Counted::deserialize(deserializer)?;
        if counted.is_valid() { Ok(Self { counted }) } else { Err(de::Error::custom(NOT_COUNTED)) }
    }
}

impl Counted {
    fn counts(&mut self) -> [&mut u64; 10] {
        [
            &mut self.requests,
            &mut self.live_failures,
            &mut self.shadow_failures,
            &mut self.both_failures,
            &mut self.mismatches,
            &mut self.rows,
            &mut self.close,
            &mut self.not_finite,
            &mut self.labelled,
            &mut self.flips,
        ]
    }

    /// Whether it could have been counted: for what was read from somewhere.
    fn is_valid(&self) -> bool {
        let failures = [self.live_failures, self.shadow_failures];
        failures.iter().all(|failures| *failures <= self.requests && self.both_failures <= *failures)
            && [self.close, self.not_finite, self.labelled].iter().all(|count| *count <= self.rows)
            && self.flips <= self.labelled
            && self.labels.is_valid(self.labelled)
            && self.differences.count() <= self.rows
            && self.sample.len() as u64 <= self.differences.count()
            && self.live_latency.count() == self.requests - self.live_failures
            && self.shadow_latency.count() == self.requests - self.shadow_failures
    }
}

fn add(count: &mut u64, is_one: bool) {
    *count = count.saturating_add(u64::from(is_one));
}

fn check_lengths(live: usize, shadow: usize) -> Result<()> {
    if live == shadow {
        return Ok(());
    }
    let problem = format!("there are {shadow}, and {live} were given");
    Err(Error::invalid_input(OPERATION, "answers of the shadow", problem)
        .remedy("count answers of another shape as a mismatch"))
}

const OPERATION: &str = "compare answers";
const NOT_COUNTED: &str = "the counts of the comparison contradict each other";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    fn answered(micros: u64) -> Reply {
        Reply::Answered { latency: Duration::from_micros(micros) }
    }

    /// Requests of three rows of three classes, of which every tenth flips; every 20th request fails at the shadow.
    fn compared(seed: u64, requests: u64) -> Comparison {
        let mut comparison = Comparison::new(Tolerance::new(0.05, 0.0).unwrap());
        let mut random = SplitMix64::new(seed);
        for request in 0..requests {
            let fails = request % 20 == 0;
            comparison.add_request(answered(100), if fails { Reply::Failed } else { answered(200) });
            let live: Vec<f64> = (0..9).map(|_| random.uniform()).collect();
            let mut shadow: Vec<f64> = live.iter().map(|score| score + 0.01).collect();
            if request % 10 == 1 {
                shadow.rotate_left(1);
            }
            if !fails {
                comparison.add_scores(&live, &shadow, 3, Draw::new(random.next_u64())).unwrap();
            }
        }
        comparison
    }

    #[test]
    fn every_count_is_the_one_of_a_plain_loop() {
        let mut comparison = Comparison::new(Tolerance::new(0.1, 0.0).unwrap());
        comparison.add_request(answered(10), answered(30));
        comparison.add_request(answered(20), Reply::Failed);
        comparison.add_request(Reply::Failed, answered(40));
        comparison.add_request(Reply::Failed, Reply::Failed);
        comparison.add_mismatch();
        let live = [0.2, 0.8, 0.5, 0.5, 0.3, 0.7, f64::NAN, 0.0];
        let shadow = [0.8, 0.2, 0.45, 0.55, 0.3, 0.7, f64::NAN, 0.0];
        comparison.add_scores(&live, &shadow, 2, Draw::new(1)).unwrap();
        let report = comparison.report();
        assert_eq!((report.requests, report.live_failures, report.shadow_failures), (4, 2, 2));
        assert_eq!((report.both_failures, report.mismatches), (1, 1));
        assert_eq!((report.rows, report.within_tolerance, report.not_finite), (4, 2, 1));
        // The row of two equal scores is labelled 0 by the arm that answered, and 1 by the shadow.
        assert_eq!((report.labelled, report.flips), (3, 2));
        let pair = |live, shadow, rows| LabelPair { live: Some(live), shadow: Some(shadow), rows };
        assert_eq!(report.confusion, [pair(0, 1, 1), pair(1, 0, 1), pair(1, 1, 1)]);
        let differences = report.differences.unwrap();
        assert_eq!((differences.count, differences.greatest), (3, 0.8 - 0.2));
        assert!((differences.mean - 0.65 / 3.0).abs() < 1e-15 && (differences.median - 0.05).abs() < 1e-15);
        let latencies = [report.live_latency, report.shadow_latency].map(|spread| spread.unwrap().greatest);
        assert_eq!(latencies, [20e-6, 40e-6]);
        // Ranks of 0.8, 0.5 and 0.7 beside those of 0.2, 0.55 and 0.7.
        let correlation = report.rank_correlation.unwrap();
        assert!((correlation.value - -0.5).abs() < 1e-15 && correlation.pairs == 3);
    }

    #[test]
    fn labels_alone_are_compared_too() {
        let mut comparison = Comparison::new(Tolerance::default());
        comparison.add_labels(&[1, -7, 40], &[1, 7, 40]).unwrap();
        let report = comparison.report();
        assert_eq!((report.rows, report.within_tolerance, report.flips, report.labelled), (3, 2, 1, 3));
        assert!(report.differences.is_none() && report.rank_correlation.is_none());
    }

    #[test]
    fn parts_add_up_to_the_whole_in_any_order() {
        let parts: Vec<Comparison> = (0..5).map(|seed| compared(seed, 400)).collect();
        let sum = |order: &[usize]| {
            let mut sum = Comparison::new(Tolerance::new(0.05, 0.0).unwrap());
            order.iter().for_each(|part| sum.merge(&parts[*part]).unwrap());
            sum.report()
        };
        let (forth, back) = (sum(&[0, 1, 2, 3, 4]), sum(&[3, 4, 2, 0, 1]));
        assert_eq!((forth.rows, forth.requests, forth.shadow_failures), (5_700, 2_000, 100));
        assert_eq!(
            (&forth.confusion, forth.flips, forth.within_tolerance, forth.rank_correlation),
            (&back.confusion, back.flips, back.within_tolerance, back.rank_correlation)
        );
        let means = [&forth, &back].map(|report| report.differences.unwrap().mean);
        assert_eq!(means[0], means[1]);
        let other = Comparison::new(Tolerance::default());
        let (mut own, before) = (parts[0].clone(), parts[0].clone());
        assert!(own.merge(&other).unwrap_err().to_string().contains("different tolerances"));
        assert_eq!(own, before);
    }

    #[test]
    fn it_is_read_back_and_contradictions_are_refused() {
        let comparison = compared(7, 300);
        let text = serde_json::to_string(&comparison).unwrap();
        let back: Comparison = serde_json::from_str(&text).unwrap();
        assert_eq!(back, comparison);
        assert_eq!(back.report(), comparison.report());
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (name, value) in
            [("flips", 1_u64 << 40), ("requests", 3), ("rows", 0), ("labelled", 5), ("both_failures", 299)]
        {
            let mut forged = json.clone();
            forged[name] = value.into();
            let error = serde_json::from_value::<Comparison>(forged).unwrap_err().to_string();
            assert!(error.contains("contradict"), "{name}: {error}");
        }
        let mut forged = json;
        forged["more"] = 1.into();
        assert!(serde_json::from_value::<Comparison>(forged).is_err());
    }

    #[test]
    fn memory_is_bounded_and_hostile_scores_are_taken() {
        let size = |requests| serde_json::to_string(&compared(1, requests)).unwrap().len();
        // A million rows and more are a few doublings beyond these.
        assert!(size(20_000) < 2 * size(5_000) && size(20_000) < 700_000, "{} {}", size(5_000), size(20_000));
        let mut comparison = Comparison::new(Tolerance::default());
        let hostile = [f64::MAX, -f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, 0.0, -0.0];
        for width in [1, 2, 4, 8] {
            let mut others = hostile;
            for _ in 0..8 {
                others.rotate_left(1);
                comparison.add_scores(&hostile, &others, width, Draw::new(3)).unwrap();
            }
        }
        let report = comparison.report();
        assert_eq!(report.rows, 8 * (8 + 4 + 2 + 1));
        assert_eq!(report.differences.unwrap().greatest, f64::MAX);
        assert!(comparison.add_scores(&[1.0], &[], 1, Draw::new(0)).is_err());
        assert!(comparison.add_scores(&[1.0; 3], &[1.0; 3], 2, Draw::new(0)).is_err());
        assert!(comparison.add_scores(&[1.0], &[1.0], 0, Draw::new(0)).is_err());
        assert!(comparison.add_labels(&[1], &[]).is_err());
        assert_eq!(comparison.rows(), report.rows);
    }
}
