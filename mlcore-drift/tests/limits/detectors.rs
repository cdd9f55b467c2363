//! The parameters of stream detectors.

use mlcore::Result;
use mlcore_drift::catalog::TestOptions;
use mlcore_drift::stream::*;

use crate::{NO_NUMBERS, answers, each, names, with_float};

/// A stream of what the detector takes.
fn watched(detector: &mut dyn StreamDetector) -> Result<()> {
    let value = |i: u32| match detector.domain() {
        Domain::Bits => f64::from(i % 3 % 2),
        Domain::Between(low, high) => low + (high - low) * f64::from(i * 37 % 101) / 101.0,
        _ => f64::from(i * 37 % 101) / 8.0,
    };
    let values: Vec<f64> = (0..1500).map(value).collect();
    detector.update_many(&values)?;
    let statistics = detector.statistics();
    assert!(statistics.iter().all(|(_, number)| !number.is_nan()), "{} {statistics:?}", detector.name());
    let state = serde_json::to_string(&detector.save()?).unwrap();
    let again = restored(&serde_json::from_str(&state).unwrap())?;
    assert_eq!(again.counts(), detector.counts());
    Ok(())
}

#[test]
fn every_parameter_of_every_detector_is_refused_by_name_or_taken() {
    for name in NAMES {
        let parameters = start_named(name, &TestOptions::default()).unwrap().parameters().unwrap();
        for (parameter, one) in each(&parameters) {
            answers(name, &parameter, &one, || watched(&mut *start_named(name, &one)?));
        }
    }
}

#[test]
fn no_parameter_of_a_detector_takes_what_is_no_number() {
    let mut tried = Vec::new();
    macro_rules! try_each {
        ($($detector:ident)+) => {
            $(
                let default = $detector::default();
                tried.push($detector::NAME);
                for parameter in names(&default.start().unwrap().parameters().unwrap()) {
                    for float in NO_NUMBERS {
                        let Some(detector) = with_float::<$detector>(&parameter, float) else { continue };
                        answers($detector::NAME, &parameter, &float, || watched(&mut detector.start()?));
                    }
                }
            )+
        };
    }
    try_each! {
        Adwin PageHinkley Kswin Ddm Eddm HddmA HddmW Fhddm Cusum GeometricMovingAverage Stepd Rddm EcddWt Bocd
        ConformalMartingale Watch
    }
    assert_eq!(tried, NAMES);
}

#[test]
fn a_watch_takes_no_range_that_ends_before_it_starts() {
    for (low, high, delta) in
        [(1.0, 0.0, 0.05), (0.5, 0.5, 0.05), (f64::NAN, 1.0, 0.05), (-1e308, 1e308, 0.05), (0.0, 1.0, -0.05)]
    {
        let watch = Watch::new(Baseline::fixed(0.5)).with_range(low, high).with_delta(delta);
        let error = watch.start().unwrap_err().to_string();
        assert!(error.contains("low") || error.contains("delta"), "{error}");
    }
    for baseline in [Baseline::between(0.7, 0.3), Baseline::fixed(f64::NAN), Baseline::fixed(-3.0)] {
        let error = Watch::new(baseline).start().unwrap_err().to_string();
        assert!(error.contains("baseline"), "{error}");
    }
}
