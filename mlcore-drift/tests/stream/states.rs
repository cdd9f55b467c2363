//! Saved states of every listed detector, whole and damaged, and values that are none.

use mlcore::Error;
use mlcore::stats::SplitMix64;
use mlcore_drift::catalog::TestOptions;
use mlcore_drift::stream::{
    self, Adwin, Algorithm, Baseline, Betting, ConformalMartingale, DetectorState, Direction, Domain, Kswin,
    Signal, Stepd, Strangeness, StreamDetector, Watch,
};
use serde_json::Value;

fn each() -> impl Iterator<Item = Box<dyn StreamDetector>> {
    stream::NAMES.iter().map(|name| stream::start_named(name, &TestOptions::default()).unwrap())
}

/// A stream of what the detector takes, that changes half way.
fn changing(domain: Domain, n: usize) -> Vec<f64> {
    let mut random = SplitMix64::new(11);
    (0..n)
        .map(|i| {
            let later = i >= n / 2;
            match domain {
                Domain::Bits => f64::from(u8::from(random.uniform() < if later { 0.6 } else { 0.1 })),
                Domain::Between(low, high) => {
                    low + (high - low) * random.uniform() * if later { 1.0 } else { 0.3 }
                }
                _ => random.normal() + if later { 3.0 } else { 0.0 },
            }
        })
        .collect()
}

#[cfg(feature = "conformance")]
#[test]
fn every_listed_detector_keeps_the_contract() {
    for detector in each() {
        mlcore_drift::conformance::stream_detector(&*detector);
    }
    let betting = |betting| ConformalMartingale::default().with_betting(betting);
    for strangeness in Strangeness::ALL {
        let martingale = betting(Betting::PlugIn).with_strangeness(*strangeness).with_memory(50);
        mlcore_drift::conformance::stream_detector(&martingale.start().unwrap());
    }
    mlcore_drift::conformance::stream_detector(&betting(Betting::Power).start().unwrap());
    let watch = Watch::new(Baseline::between(4.0, 5.0)).with_range(0.0, 10.0).with_direction(Direction::Up);
    mlcore_drift::conformance::stream_detector(&watch.with_false_alarm_probability(0.01).start().unwrap());
    mlcore_drift::conformance::stream_detector(&Stepd::default().with_absolute(false).start().unwrap());
}

/// Every number and text of a state is replaced in turn; what is taken must go on without a panic.
#[test]
fn damaged_states_are_refused_or_go_on() {
    for mut detector in each() {
        let values = changing(detector.domain(), 300);
        detector.update_many(&values).unwrap();
        let state = serde_json::to_value(detector.save().unwrap()).unwrap();
        let mut places = Vec::new();
        leaves(&state, &mut String::new(), &mut places);
        let step = places.len().div_ceil(60);
        for place in places.iter().step_by(step).chain(places.iter().take(40)) {
            for other in [
                Value::Null,
                (-1).into(),
                0.into(),
                7.into(),
                (1_u64 << 60).into(),
                u64::MAX.into(),
                1e300.into(),
                "".into(),
                "111".into(),
            ] {
                let mut damaged = state.clone();
                *damaged.pointer_mut(place).unwrap() = other;
                let Ok(damaged) = serde_json::from_value::<DetectorState>(damaged) else { continue };
                if let Ok(mut again) = stream::restored(&damaged) {
                    again.update_many(&values).unwrap();
                    again.save().unwrap();
                }
            }
        }
    }
}

fn leaves(value: &Value, place: &mut String, found: &mut Vec<String>) {
    let length = place.len();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                *place += &format!("/{name}");
                leaves(field, place, found);
                place.truncate(length);
            }
        }
        Value::Array(items) => {
            found.push(place.clone());
            for (position, item) in items.iter().enumerate() {
                *place += &format!("/{position}");
                leaves(item, place, found);
                place.truncate(length);
            }
        }
        _ => found.push(place.clone()),
    }
}

#[test]
fn a_state_of_another_detector_or_of_other_parameters_is_refused_by_name() {
    let adwin = Adwin::default().start().unwrap().save().unwrap();
    for mut detector in each().skip(1) {
        let error = detector.restore(&adwin).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error}");
        let words = format!("it is the state of adwin, not of {}", detector.name());
        assert!(error.to_string().contains(&words), "{error}");
    }
    let error = Adwin::default().with_delta(0.5).start().unwrap().restore(&adwin).unwrap_err();
    assert!(
        error.to_string().contains("\"delta\":0.002") && error.to_string().contains("\"delta\":0.5"),
        "{error}"
    );
    let mut later = serde_json::to_value(&adwin).unwrap();
    later["version"] = 2.into();
    let later: DetectorState = serde_json::from_value(later).unwrap();
    assert!(matches!(stream::restored(&later), Err(Error::Unsupported(_))));
    let mut unknown = serde_json::to_value(&adwin).unwrap();
    unknown["detector"] = "oddity".into();
    let unknown: DetectorState = serde_json::from_value(unknown).unwrap();
    assert!(matches!(stream::restored(&unknown), Err(Error::NotFound(_))));
}

#[test]
fn parameters_out_of_range_are_refused_with_words() {
    let refused = |name: &str, parameters: &str| {
        let parameters: TestOptions = serde_json::from_str(parameters).unwrap();
        stream::start_named(name, &parameters).unwrap_err().to_string()
    };
    for (name, parameters, words) in [
        ("adwin", r#"{"delta": 0.0}"#, "make adwin delta: it is 0, and must be above 0 and below 1"),
        ("adwin", r#"{"clock": 0}"#, "clock: it is 0, and must be 1 or more"),
        ("adwin", r#"{"dleta": 0.1}"#, "unknown field `dleta`"),
        ("kswin", r#"{"stat_size": 60}"#, "at most half of window_size"),
        ("kswin", r#"{"window_size": 9999999}"#, "from 1 to 1048576"),
        ("page_hinkley", r#"{"mode": "sideways"}"#, "use one of up, down, both"),
        ("eddm", r#"{"alpha": 0.5}"#, "at least beta"),
        ("fhddm", r#"{"short_window_size": 101}"#, "from 1 to sliding_window_size"),
        ("stepd", r#"{"alpha_w": 0.001}"#, "above alpha_d"),
        ("ecdd", r#"{"average_run_length": 200}"#, "100, 400 or 1000"),
        ("bocd", r#"{"data_var": 0.0}"#, "data_var: it is 0"),
        (
            "watch",
            r#"{"baseline": [1.5, 1.5]}"#,
            "between 0.0 and 1.0, the bounds low and high of all values",
        ),
        (
            "watch",
            r#"{"one_false_alarm_in": 10, "false_alarm_probability": 0.1}"#,
            "a budget is one of the two",
        ),
        ("oddity", "{}", "the detectors are adwin, page_hinkley"),
    ] {
        let error = refused(name, parameters);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_is_no_number_is_ignored_and_what_does_not_belong_is_refused() {
    for mut detector in each() {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e101, -1e300] {
            assert_eq!(detector.update(odd).unwrap(), Signal::Ignored);
        }
        assert_eq!((detector.counts().ignored, detector.counts().values), (5, 0));
        if detector.domain() != Domain::Numbers {
            let before = detector.save().unwrap();
            let error = detector.update_many(&[1.0, 0.0, f64::NAN, 17.0]).unwrap_err().to_string();
            assert!(error.contains("value 3: it is 17, and") && error.contains(detector.name()), "{error}");
            assert_eq!(detector.save().unwrap(), before);
        }
    }
}

#[test]
fn kswin_begins_with_the_values_that_were_collected() {
    let values = changing(Domain::Numbers, 400);
    let mut whole = Kswin::default().with_seed(Some(3)).start().unwrap();
    let before: Vec<f64> = values.iter().take(99).copied().collect();
    let mut part = Kswin::default().with_seed(Some(3)).with_window(before).start().unwrap();
    let found = whole.update_many(&values).unwrap();
    let later = part.update_many(values.get(99..).unwrap()).unwrap();
    assert_eq!(found.drifts, later.drifts.iter().map(|at| at + 99).collect::<Vec<_>>());
}
