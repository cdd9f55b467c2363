//! The report.

use mlcore::Error;
use mlcore::experiment::{
    Answer, Arm, Decision, Effect, EffectOptions, Estimate, Experiment, Inference, JointMoments, Metric,
    NoVerdict, PreferredDirection, Report, SequentialSrm, Warning,
};
use mlcore::stats::{Correction, Moments, multipletests};

fn arms(units: [u64; 2]) -> [Arm; 2] {
    [Arm::new("old", 1.0, units[0]), Arm::new("new", 1.0, units[1])]
}

fn conversion(name: &str, control: u64, treatment: u64) -> Metric {
    Metric::new(name, PreferredDirection::Increase).proportions([(control, 10_000), (treatment, 10_000)])
}

fn decisions(report: &Report) -> Vec<Decision> {
    report.findings.iter().map(|finding| finding.decision).collect()
}

#[test]
fn decisions_are_made_by_corrected_p_values() {
    let mut experiment = Experiment::new("prices", arms([10_000, 10_000])).unwrap();
    experiment.add(conversion("bought", 1_000, 1_150)).unwrap();
    experiment.add(conversion("came back", 1_000, 880)).unwrap();
    experiment.add(conversion("clicked", 1_000, 1_095).in_segment("country", "DE")).unwrap();
    experiment.add(conversion("complained", 1_000, 1_004).with_margin(0.2)).unwrap();
    experiment
        .add(
            Metric::new("waited", PreferredDirection::Decrease)
                .estimates([Estimate::new(10_000, 5.0, 4.0), Estimate::new(10_000, 4.5, 4.0)]),
        )
        .unwrap();
    experiment.add(conversion("shared", 1_000, 1_001)).unwrap();
    experiment.add(conversion("stayed", 10_000, 10_000)).unwrap();
    let report = experiment.report().unwrap();
    let pvalues: Vec<f64> =
        report.findings.iter().map(|f| f.effect.known().map_or(f64::NAN, |effect| effect.pvalue)).collect();
    let corrected = multipletests(&pvalues, 0.05, Correction::Holm).unwrap().pvals_corrected;
    for (finding, expected) in report.findings.iter().zip(corrected) {
        assert_eq!(finding.pvalue_corrected, (!expected.is_nan()).then_some(expected));
    }
    let expected = [
        Decision::Better,
        Decision::Worse,
        Decision::Inconclusive,
        Decision::NonInferior,
        Decision::Better,
        Decision::Inconclusive,
        Decision::NoVerdict,
    ];
    assert_eq!(decisions(&report), expected);
    // By itself the segment would have passed.
    let alone = experiment.clone().with_correction(Correction::None).report().unwrap();
    assert_eq!(alone.findings[2].decision, Decision::Better);
    assert_eq!(
        report.warnings,
        [Warning::NoVerdict { metric: "stayed".into(), arm: "new".into(), reason: NoVerdict::NoVariance }]
    );
    let text = report.to_text();
    assert!(text.contains("clicked (country: DE) of new: inconclusive; +9.50 %"), "{text}");
    assert!(text.contains("stayed of new: no verdict, because all units"), "{text}");
}

#[test]
fn a_mismatch_comes_first_and_blocks_every_decision() {
    let mut experiment = Experiment::new("banner", arms([10_000, 9_000])).unwrap();
    experiment.add(conversion("bought", 1_000, 1_300)).unwrap();
    experiment.add(conversion("stayed", 10_000, 10_000)).unwrap();
    let report = experiment.report().unwrap();
    assert!(matches!(report.warnings[0], Warning::SampleRatioMismatch { .. }));
    assert_eq!(decisions(&report), [Decision::SampleRatioMismatch, Decision::NoVerdict]);
    let (text, page) = (report.to_text(), report.to_html());
    let first = text.lines().nth(1).unwrap();
    assert!(first.starts_with("WARNING: Sample ratio mismatch") && page.contains("52.63 %"), "{text}");
    // A test that was looked at all along counts instead, where it is given.
    let quiet = SequentialSrm::new(&[1.0, 1.0]).unwrap();
    let report = experiment.clone().with_srm(&quiet).report().unwrap();
    assert_eq!(report.findings[0].decision, Decision::Better);
    let lenient = experiment.with_srm_alpha(0.0).report().unwrap();
    assert_eq!(lenient.findings[0].decision, Decision::Better);
}

#[test]
fn a_test_for_one_look_waits_for_the_planned_units_and_a_sequential_one_does_not() {
    let mut experiment =
        Experiment::new("banner", arms([10_000, 10_000])).unwrap().with_planned_units(50_000);
    experiment.add(conversion("bought", 1_000, 1_400)).unwrap();
    let early = experiment.report().unwrap();
    assert_eq!(decisions(&early), [Decision::TooEarly]);
    assert_eq!(early.warnings, [Warning::TooEarly { units: 20_000, planned: 50_000 }]);
    let options = EffectOptions::default().with_inference(Inference::sequential());
    let always = experiment.with_options(options).report().unwrap();
    assert_eq!((decisions(&always), always.warnings.len()), (vec![Decision::Better], 0));
}

#[test]
fn days_are_drawn_and_a_fading_effect_is_a_warning() {
    let day = |day: u32| {
        let control = Estimate::new(1_000, 10.0, 4.0);
        let treatment = Estimate::new(1_000, 12.0 - 0.3 * f64::from(day), 4.0);
        (f64::from(day), Effect::between(control, treatment, &EffectOptions::default()).unwrap())
    };
    let metric = conversion("bought", 1_000, 1_010).with_days((0..6).map(day));
    let mut experiment = Experiment::new("banner", arms([10_000, 10_000])).unwrap();
    experiment.add(metric).unwrap();
    let report = experiment.report().unwrap();
    assert!(matches!(&report.warnings[..], [Warning::Novelty { slope, .. }] if *slope < -0.02));
    assert!(report.to_html().contains("Effect on bought by day"));
    let few = conversion("bought", 1_000, 1_010).with_days((0..2).map(day));
    let mut experiment = Experiment::new("banner", arms([10_000, 10_000])).unwrap();
    experiment.add(few).unwrap();
    let report = experiment.report().unwrap();
    assert_eq!(report.days[0].trend, Answer::NoVerdict(NoVerdict::TooFewDays));
    assert!(report.to_html().contains("There is no trend, because there are too few days"));
}

#[test]
fn three_arms_of_means_ratios_and_adjusted_means_are_compared_with_the_control() {
    let moments = |more: f64| (0..300).map(|i| f64::from(i % 10) + more).collect::<Moments>();
    let joint = |more: f64| {
        (0..300).map(|i| (f64::from(i % 10) + more, f64::from(1 + i % 4))).collect::<JointMoments>()
    };
    let arms = ["a", "b", "c"].map(|name| Arm::new(name, 1.0, 300));
    let mut experiment = Experiment::new("three", arms).unwrap();
    let shifts = [0.0, 2.0, 0.0];
    experiment.add(Metric::new("mean", PreferredDirection::Increase).means(&shifts.map(moments))).unwrap();
    experiment.add(Metric::new("ratio", PreferredDirection::Increase).ratios(&shifts.map(joint))).unwrap();
    experiment.add(Metric::new("adjusted", PreferredDirection::Decrease).cuped(shifts.map(joint))).unwrap();
    let report = experiment.report().unwrap();
    let (better, worse, open) = (Decision::Better, Decision::Worse, Decision::Inconclusive);
    assert_eq!(decisions(&report), [better, open, better, open, worse, open]);
    assert_eq!(report.findings[1].arm, "c");
}

#[test]
fn what_is_no_experiment_is_refused() {
    assert!(Experiment::new("one", [Arm::new("a", 1.0, 10)]).is_err());
    assert!(Experiment::new("twice", [Arm::new("a", 1.0, 10), Arm::new("a", 1.0, 10)]).is_err());
    assert!(Experiment::new("weights", [Arm::new("a", 1.0, 10), Arm::new("b", 0.0, 10)]).is_err());
    let mut experiment = Experiment::new("two", arms([10, 10])).unwrap();
    let none = Metric::new("none", PreferredDirection::Increase);
    assert!(matches!(experiment.add(none), Err(Error::InvalidInput(_))));
    assert!(experiment.add(conversion("bought", 1, 2).with_margin(-0.1)).is_err());
    let bad = experiment.clone().with_options(EffectOptions::default().with_alpha(0.0));
    assert!(bad.report().is_err());
    // Without a metric there is nothing to find, and a report all the same.
    let report = experiment.report().unwrap();
    assert!(report.findings.is_empty() && report.to_html().contains("There is no effect to draw."));
}

#[test]
fn a_report_is_stored_without_loss_and_names_stay_names() {
    let name = "<script>alert(1)</script>\u{202e}\n\"&";
    let mut experiment =
        Experiment::new(name, [Arm::new(name, 1.0, 10_000), Arm::new("b\u{1b}[2J", 1.0, 10_000)]).unwrap();
    experiment.add(conversion(name, 1_000, 1_200).in_segment(name, name)).unwrap();
    experiment.add(conversion("nothing", 0, 0)).unwrap();
    experiment.add(conversion("one-sided", 1_000, 1_010).with_margin(0.1)).unwrap();
    let report = experiment.report().unwrap();
    let json = report.to_json().unwrap();
    assert_eq!(Report::from_json(&json).unwrap(), report);
    assert!(matches!(Report::from_json("{}"), Err(Error::Corrupt(_))));
    for page in [report.to_html(), report.to_fragment()] {
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{1b}'));
        assert!(page.contains("&lt;script&gt;") && page.contains("<svg") && !page.contains("NaN"));
        assert!(!page.contains("http://") && !page.contains("https://"));
    }
    let text = report.to_text();
    assert!(!text.contains('\u{1b}') && text.lines().count() == 7, "{text}");
}
