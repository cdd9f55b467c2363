//! The contract of [`StreamDetector`].

use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};

use crate::stream::{DetectorState, Domain, Found, LARGEST, Signal, StreamDetector};

/// Checks every promise of [`StreamDetector`] on copies of a detector, which are reset.
///
/// # Panics
/// At the first promise that `detector` breaks.
pub fn stream_detector(detector: &dyn StreamDetector) {
    let suite = Suite { detector };
    assert!(
        !detector.name().is_empty() && !detector.legend().is_empty(),
        "a detector has a name and a legend"
    );
    suite.a_slice_is_its_values();
    suite.no_numbers_are_ignored();
    suite.foreign_numbers_are_refused();
    suite.what_is_restored_goes_on();
    suite.reset_is_before_the_first_value();
    suite.memory_is_bounded();
    suite.odd_streams_are_answered();
}

struct Suite<'a> {
    detector: &'a dyn StreamDetector,
}

impl Suite<'_> {
    fn fresh(&self) -> Box<dyn StreamDetector> {
        let mut detector = self.detector.boxed_clone();
        detector.reset();
        detector
    }

    fn answered<T>(&self, answer: Result<T>) -> T {
        answer.unwrap_or_else(|error| panic!("{}: no answer: {error}", self.detector.name()))
    }

    fn state(&self, detector: &dyn StreamDetector) -> DetectorState {
        self.answered(detector.save())
    }

    /// Values of the domain that change twice.
    fn stream(&self, n: usize) -> Vec<f64> {
        let mut random = SplitMix64::new(0x57);
        let draw = |i: usize| {
            let changed = (n / 3..2 * n / 3).contains(&i);
            match self.detector.domain() {
                Domain::Bits => f64::from(u8::from(random.uniform() < if changed { 0.7 } else { 0.1 })),
                Domain::Between(low, high) => {
                    let share = random.uniform();
                    low + (high - low) * if changed { 0.5 + 0.5 * share } else { 0.3 * share }
                }
                Domain::Numbers => random.normal() + if changed { 5.0 } else { 0.0 },
            }
        };
        (0..n).map(draw).collect()
    }

    /// What updates say, value by value.
    fn one_by_one(&self, detector: &mut dyn StreamDetector, values: &[f64]) -> Found {
        let name = self.detector.name();
        let mut found = Found::default();
        for (position, value) in values.iter().enumerate() {
            let signal = self.answered(detector.update(*value));
            let (drift, warning) = (detector.drift_detected(), detector.warning_detected());
            assert_eq!(signal == Signal::Drift, drift, "{name}: the signal and the flag differ");
            assert!(signal != Signal::Warning || warning, "{name}: a warning without its flag");
            found.drifts.extend(drift.then_some(position));
            found.warnings.extend(warning.then_some(position));
            found.ignored += u64::from(signal == Signal::Ignored);
        }
        found
    }

    fn a_slice_is_its_values(&self) {
        let (name, mut values) = (self.detector.name(), self.stream(3_000));
        for position in [10, 11, 2_000] {
            values.insert(position, f64::NAN);
        }
        let (mut whole, mut single) = (self.fresh(), self.fresh());
        let found = self.answered(whole.update_many(&values));
        assert_eq!(found, self.one_by_one(&mut *single, &values), "{name}: a slice is not its values");
        assert_eq!(self.state(&*whole), self.state(&*single), "{name}: a slice leaves another state");
        let counts = whole.counts();
        assert_eq!((counts.values, counts.ignored), (3_000, 3), "{name}: counts of values");
        assert_eq!(counts.detections, found.drifts.len() as u64, "{name}: the count of detections");
        let (mut parts, mut drifts) = (self.fresh(), Vec::new());
        for (number, part) in values.chunks(7).enumerate() {
            drifts.extend(self.answered(parts.update_many(part)).drifts.iter().map(|at| 7 * number + at));
        }
        assert_eq!(drifts, found.drifts, "{name}: slices of another length");
    }

    fn no_numbers_are_ignored(&self) {
        let (name, values) = (self.detector.name(), self.stream(600));
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, LARGEST * 2.0];
        let (mut plain, mut mixed) = (self.fresh(), self.fresh());
        for (position, value) in values.iter().enumerate() {
            let signal = self.answered(plain.update(*value));
            assert_eq!(
                self.answered(mixed.update(*value)),
                signal,
                "{name}: what is ignored changes an answer"
            );
            let odd = odd.get(position % 5).copied();
            if let Some(odd) = odd {
                assert_eq!(self.answered(mixed.update(odd)), Signal::Ignored, "{name}: {odd} is not ignored");
                let flags = (mixed.drift_detected(), mixed.warning_detected());
                assert_eq!(flags, (false, false), "{name}: flags after {odd}");
            }
        }
        assert_eq!(mixed.counts().ignored, 480, "{name}: the count of what is ignored");
    }

    fn foreign_numbers_are_refused(&self) {
        let foreign = match self.detector.domain() {
            Domain::Numbers => return,
            Domain::Bits => 0.5,
            Domain::Between(_, high) => high + 1.0,
        };
        let (name, mut values) = (self.detector.name(), self.stream(50));
        let mut detector = self.fresh();
        self.answered(detector.update_many(&values));
        let before = self.state(&*detector);
        values.push(foreign);
        for answer in [detector.update(foreign).map(drop), detector.update_many(&values).map(drop)] {
            match answer {
                Err(Error::InvalidInput(_)) => {}
                other => panic!("{name}: {foreign} is answered {other:?}"),
            }
        }
        assert_eq!(self.state(&*detector), before, "{name}: what is refused changes the state");
    }

    fn what_is_restored_goes_on(&self) {
        let (name, values) = (self.detector.name(), self.stream(2_000));
        for cut in [0, 1, 700, 1_400] {
            let (before, after) = values.split_at(cut);
            let mut detector = self.fresh();
            self.answered(detector.update_many(before));
            let json = serde_json::to_string(&self.state(&*detector));
            let json = json.unwrap_or_else(|error| panic!("{name}: the state is not written: {error}"));
            let state: DetectorState = serde_json::from_str(&json)
                .unwrap_or_else(|error| panic!("{name}: the state is not read: {error}"));
            assert_eq!(state, self.state(&*detector), "{name}: the state changes as text");
            let mut again = self.fresh();
            self.answered(again.restore(&state));
            let found = self.answered(detector.update_many(after));
            assert_eq!(
                self.answered(again.update_many(after)),
                found,
                "{name}: restored, it detects otherwise"
            );
            assert_eq!(self.state(&*again), self.state(&*detector), "{name}: restored, it ends otherwise");
        }
    }

    fn reset_is_before_the_first_value(&self) {
        let (name, values) = (self.detector.name(), self.stream(900));
        let (mut used, mut new) = (self.fresh(), self.fresh());
        self.answered(used.update_many(&values));
        used.reset();
        assert_eq!(used.counts(), new.counts(), "{name}: counts after a reset");
        let found = self.answered(new.update_many(&values));
        assert_eq!(self.answered(used.update_many(&values)), found, "{name}: a reset leaves something");
    }

    fn memory_is_bounded(&self) {
        let size = |n: usize| {
            let mut detector = self.fresh();
            self.answered(detector.update_many(&self.stream(n)));
            serde_json::to_string(&self.state(&*detector)).map_or(0, |json| json.len())
        };
        let (short, long) = (size(8_000), size(80_000));
        assert!(long <= 2 * short + 50_000, "{}: {short} bytes of state become {long}", self.detector.name());
    }

    fn odd_streams_are_answered(&self) {
        let name = self.detector.name();
        let streams: Vec<Vec<f64>> = match self.detector.domain() {
            Domain::Bits => vec![vec![0.0; 500], vec![1.0; 500], vec![1.0], vec![-0.0; 3]],
            Domain::Between(low, high) => {
                vec![vec![low; 500], vec![high; 500], vec![low], [low, high].repeat(100)]
            }
            Domain::Numbers => vec![
                vec![0.0; 500],
                vec![-7.25; 500],
                vec![LARGEST; 300],
                [LARGEST, -LARGEST].repeat(200),
                [f64::MIN_POSITIVE, 0.0, -0.0].repeat(100),
                [1.0, 1.0, 2.0].repeat(200),
                vec![3.0],
            ],
        };
        for values in streams {
            let mut detector = self.fresh();
            self.answered(detector.update_many(&values));
            for (statistic, number) in detector.statistics() {
                assert!(!number.is_nan(), "{name}: {statistic} is NaN after {values:?}");
            }
            let state = self.state(&*detector);
            self.answered(self.fresh().restore(&state));
        }
    }
}
