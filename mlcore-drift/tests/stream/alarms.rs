//! How often do the detectors with a promise speak when nothing changed, and how soon when something did?

use mlcore::stats::SplitMix64;
use mlcore_drift::stream::calibration::calibrate;
use mlcore_drift::stream::{
    Algorithm, Baseline, Betting, ConformalMartingale, Direction, Stream, StreamDetector, Watch,
};

type Draw = fn(&mut SplitMix64) -> f64;

fn bit(random: &mut SplitMix64, rate: f64) -> f64 {
    f64::from(u8::from(random.uniform() < rate))
}

/// The number of values until the first detection, at most `most`.
fn run_length(detector: &Stream<impl Algorithm>, most: usize, random: &mut SplitMix64, draw: Draw) -> usize {
    let mut detector = detector.clone();
    for values in 1..=most {
        if detector.update(draw(random)).unwrap().is_drift() {
            return values;
        }
    }
    most
}

#[test]
fn the_false_alarms_of_a_watch_are_as_far_apart_as_promised() {
    let draws: [(&str, f64, Draw); 4] = [
        ("an error rate of 0.1", 0.1, |random| bit(random, 0.1)),
        ("a rate of one half", 0.5, |random| bit(random, 0.5)),
        ("scores around 0.7", 0.7, |random| (0.7 + 0.1 * random.normal()).clamp(0.4, 1.0)),
        ("a skewed score", 0.25, |random| {
            let u = random.uniform();
            u * u * u
        }),
    ];
    for (what, mean, draw) in draws {
        for direction in Direction::ALL {
            let watch =
                Watch::new(Baseline::fixed(mean)).with_direction(*direction).with_one_false_alarm_in(200.0);
            let detector = watch.start().unwrap();
            let mut random = SplitMix64::new(5);
            // Runs are cut at 2,000 values, which makes the mean smaller and the test harder.
            let runs: Vec<usize> =
                (0..300).map(|_| run_length(&detector, 2_000, &mut random, draw)).collect();
            let average = runs.iter().sum::<usize>() as f64 / runs.len() as f64;
            println!(
                "{what}, {direction}: a false alarm after {average:.0} values on average, at least 200 promised"
            );
            assert!(average >= 200.0, "{what}, {direction}: {average}");
        }
    }
}

#[test]
fn a_watch_with_a_probability_keeps_it() {
    let watch = Watch::new(Baseline::fixed(0.1)).with_false_alarm_probability(0.1).start().unwrap();
    let found = calibrate(&watch, (400, 3_000), 9, |random| bit(random, 0.1)).unwrap();
    println!("watch, 0.1 ever: {:.3}", found.alarmed);
    assert_eq!(found.holds(400, 3_000, 3.0), Some(true), "{found:?}");
}

#[test]
fn a_watch_tells_changes_as_soon_as_its_documentation_says() {
    let watch = Watch::new(Baseline::fixed(0.1)).with_delta(0.05).start().unwrap();
    let shifts: [(f64, Draw); 3] = [
        (0.15, |random| bit(random, 0.15)),
        (0.2, |random| bit(random, 0.2)),
        (0.3, |random| bit(random, 0.3)),
    ];
    for ((rate, draw), (least, most)) in shifts.into_iter().zip(DELAYS) {
        let mut random = SplitMix64::new(21);
        let delays = (0..200).map(|_| {
            let mut detector = watch.clone();
            for _ in 0..1_000 {
                if detector.update(bit(&mut random, 0.1)).unwrap().is_drift() {
                    detector.reset();
                }
            }
            run_length(&detector, 20_000, &mut random, draw)
        });
        let average = delays.sum::<usize>() as f64 / 200.0;
        println!("an error rate of 0.1 that becomes {rate} is told after {average:.0} values");
        assert!((least..most).contains(&average), "{rate}: {average}");
    }
}

/// Around the delays in the documentation.
const DELAYS: [(f64, f64); 3] = [(150.0, 500.0), (50.0, 160.0), (20.0, 60.0)];

#[test]
fn a_conformal_martingale_keeps_its_probability_for_every_bet() {
    for betting in Betting::ALL {
        let martingale = ConformalMartingale::default()
            .with_betting(*betting)
            .with_alpha(0.1)
            .with_epsilon(0.8)
            .with_memory(100);
        let martingale = martingale.start().unwrap();
        for (what, draw) in [
            ("normal", SplitMix64::normal as Draw),
            ("ties", |random| (3.0 * random.uniform()).floor()),
            ("heavy tails", |random| 1.0 / (1.0 - random.uniform())),
        ] {
            let found = calibrate(&martingale, (300, 1_000), 4, draw).unwrap();
            println!("martingale, {betting}, {what}: {:.3} alarmed of 0.1 promised", found.alarmed);
            assert_eq!(found.holds(300, 1_000, 3.0), Some(true), "{betting}, {what}: {found:?}");
        }
        let changed = ConformalMartingale::default().with_betting(*betting).with_epsilon(0.8);
        let mut changed = changed.start().unwrap();
        let mut random = SplitMix64::new(8);
        let values: Vec<f64> =
            (0..1_000).map(|i| random.normal() + if i < 300 { 0.0 } else { 4.0 }).collect();
        let found = changed.update_many(&values).unwrap();
        assert!(found.drifts.first().is_some_and(|first| (300..400).contains(first)), "{betting}: {found:?}");
    }
}
