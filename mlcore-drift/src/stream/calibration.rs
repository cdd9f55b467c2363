//! How often detectors speak where nothing changes: measured, beside what they promise.

use mlcore::Result;
use mlcore::stats::SplitMix64;

use super::{Domain, FalseAlarms, StreamDetector};

/// What [`calibrate`] found about one detector.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Calibration {
    /// The detector.
    pub detector: String,
    /// False alarms in 1,000 values, over all streams.
    pub per_thousand: f64,
    /// The share of streams with a false alarm.
    pub alarmed: f64,
    /// What it promises.
    pub promised: FalseAlarms,
}

impl Calibration {
    /// What is promised as false alarms in 1,000 values, where a rate is.
    #[must_use]
    pub fn promised_per_thousand(&self) -> Option<f64> {
        match self.promised {
            FalseAlarms::PerValue(rate) => Some(1000.0 * rate),
            FalseAlarms::Ever(_) | FalseAlarms::NotPromised => None,
        }
    }

    /// Whether the promise held, up to `margin` standard errors of the simulation; `None` where there is none.
    #[must_use]
    pub fn holds(&self, streams: usize, values: usize, margin: f64) -> Option<bool> {
        let (measured, promised, draws) = match self.promised {
            FalseAlarms::PerValue(rate) => (self.per_thousand / 1000.0, rate, streams as f64 * values as f64),
            FalseAlarms::Ever(probability) => (self.alarmed, probability, streams as f64),
            FalseAlarms::NotPromised => return None,
        };
        Some(measured <= promised + margin * (promised * (1.0 - promised).max(0.0) / draws).sqrt())
    }
}

/// Feeds `streams` unchanged streams of `values` values each to a detector, which begins each of them anew; `draw` makes a value.
///
/// Streams are seeded by their number and `seed`: the same call gives the same numbers.
///
/// # Errors
/// Those of [`StreamDetector::update_many`].
///
/// ```
/// use mlcore::stats::SplitMix64;
/// use mlcore_drift::stream::{Algorithm, Kswin, calibration};
///
/// let kswin = Kswin::default().start()?;
/// let found = calibration::calibrate(&kswin, (20, 1000), 1, SplitMix64::normal)?;
/// assert!(found.per_thousand > 0.2 && found.per_thousand < 4.0, "{found:?}");
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn calibrate(
    detector: &dyn StreamDetector,
    (streams, values): (usize, usize),
    seed: u64,
    mut draw: impl FnMut(&mut SplitMix64) -> f64,
) -> Result<Calibration> {
    let (mut alarms, mut alarmed) = (0, 0_u32);
    for stream in 0..streams {
        let mut random = SplitMix64::new(seed ^ (stream as u64).wrapping_mul(SPREAD));
        let drawn: Vec<f64> = (0..values).map(|_| draw(&mut random)).collect();
        let mut detector = detector.boxed_clone();
        detector.reset();
        let found = detector.update_many(&drawn)?.drifts.len();
        alarms += found;
        alarmed += u32::from(found > 0);
    }
    let all = (streams * values).max(1) as f64;
    Ok(Calibration {
        detector: detector.name().to_owned(),
        per_thousand: 1000.0 * alarms as f64 / all,
        alarmed: f64::from(alarmed) / streams.max(1) as f64,
        promised: detector.false_alarms(),
    })
}

/// An unchanged value that every detector takes: normal for numbers, an error rate of 0.1 for bits (right answers of 0.9 where
/// `ones_are_right`), uniform in a range.
pub fn unchanged(domain: Domain, ones_are_right: bool) -> impl FnMut(&mut SplitMix64) -> f64 {
    move |random| match domain {
        Domain::Numbers => random.normal(),
        Domain::Bits => {
            let rate = if ones_are_right { 0.9 } else { 0.1 };
            f64::from(u8::from(random.uniform() < rate))
        }
        Domain::Between(low, high) => low + (high - low) * random.uniform(),
    }
}

/// An odd multiplier, so that streams of neighbouring numbers have seeds far apart.
const SPREAD: u64 = 0x2545_f491_4f6c_dd1d;
