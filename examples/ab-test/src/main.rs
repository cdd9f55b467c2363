//! An A/B test from its design to a decision, on a real one: the RAND Health Insurance Experiment gave families, by lot, care that was
//! free or of which they paid a share. `cargo run -p ab-test` plans it from one site, looks at it while people of the others come in,
//! decides, and leaves `target/ab-test/report.html` and `report.json`.
#![expect(clippy::print_stdout, reason = "the example tells its story")]

mod people;

use std::path::PathBuf;

use doctor_visit::data::Rows;
use doctor_visit::release::testdata;
use mlcore::experiment::{
    Answer, Arm, Design, Effect, EffectOptions, Estimate, Experiment, Inference, JointMoments, Metric,
    PowerAnalysis, PreferredDirection, Report, SequentialSrm,
};
use mlcore::stats::Moments;
use mlcore::{Error, Result};

use crate::people::{Cover, Person, people, shuffled};

/// The smallest change of visits that is worth knowing.
const EFFECT: f64 = 0.15;
const POWER: f64 = 0.8;
const COVERS: [Cover; 2] = [Cover::Free, Cover::Shared];

fn main() -> Result<()> {
    let rows = Rows::read(&testdata("datasets/randhie.parquet"))?;

    // Who was enrolled, and who stayed for three years: the experiment's units.
    let enrolled = counts(&people(&rows, &[2, 3, 4, 5, 6], &[1])?);
    let stayed =
        people(&rows, &[2, 3, 4, 5, 6], &[1, 2, 3])?.into_iter().filter(|person| person.visits.len() == 3);
    let stayed = shuffled(stayed.collect(), 1);

    let planned = plan(&people(&rows, &[1], &[1])?, enrolled)?;
    let srm = look(&stayed, enrolled, planned)?;
    let report = decide(&stayed, enrolled, planned, &srm)?;
    println!("\n{}", report.to_text());

    let folder = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
        .join("ab-test");
    let write = |name: &str, text: String| -> Result<PathBuf> {
        let path = folder.join(name);
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, text));
        written.map_err(|cause| Error::from_io("write report", path.display().to_string(), cause))?;
        Ok(path)
    };
    write("report.json", report.to_json()?)?;
    println!("The page: {}", write("report.html", report.to_html())?.display());
    Ok(())
}

/// How many people have each cover.
fn counts(people: &[Person]) -> [u64; 2] {
    COVERS.map(|cover| people.iter().filter(|person| person.cover == cover).count() as u64)
}

/// A number of the people of one cover.
fn moments(people: &[Person], cover: Cover, of: impl Fn(&Person) -> f64) -> Moments {
    let own = people.iter().filter(|person| person.cover == cover);
    Moments::from_slice(&own.map(of).collect::<Vec<_>>())
}

/// How many people the experiment needs, by what people of the first site did whose care was free.
fn plan(pilot: &[Person], [free, shared]: [u64; 2]) -> Result<u64> {
    let visits = moments(pilot, Cover::Free, Person::visits_per_year);
    let Answer::Known(estimate) = Estimate::of_mean(&visits) else {
        return Err(Error::invalid_input("plan experiment", "site 1", "it has too few people"));
    };
    let design =
        Design::new(estimate).with_analysis(PowerAnalysis::default().with_ratio(shared as f64 / free as f64));
    let size = design.sample_size(EFFECT, POWER)?;
    println!(
        "The plan: {} people of site 1 saw a doctor {:.2} times a year. To find a change by {:.0} % with a power of {:.0} %, {} people \
         with free care are needed and {} who pay a share.",
        visits.count(),
        visits.mean(),
        EFFECT * 100.0,
        POWER * 100.0,
        size.control,
        size.treatment,
    );
    let seen = design.minimum_detectable_effect(free as f64, POWER)?;
    println!("The {free} and {shared} who were enrolled elsewhere show a change by {:.1} %.", seen * 100.0);
    Ok(size.control + size.treatment)
}

/// Looks at the experiment after each 500 people, by an inference that may be looked at always, and tests all along whether as many stayed
/// with one cover as with the other.
fn look(people: &[Person], enrolled: [u64; 2], planned: u64) -> Result<SequentialSrm> {
    let mut srm = SequentialSrm::new(&enrolled.map(|units| units as f64))?;
    let options =
        EffectOptions::default().with_inference(Inference::Sequential { tuning_parameter: planned as f64 });
    let mut seen = 0;
    for wave in people.chunks(500) {
        seen += wave.len();
        srm.update(&counts(wave))?;
        let arms =
            COVERS.map(|cover| Estimate::of_mean(&moments(&people[..seen], cover, Person::visits_per_year)));
        if let Answer::Known(effect) = Effect::between(arms[0], arms[1], &options)? {
            println!(
                "{seen} people: {:+.1} % visits [{:+.1} %, {:+.1} %], always valid p = {:.1e}; sample ratio p = {:.2}",
                effect.estimate * 100.0,
                effect.low * 100.0,
                effect.high * 100.0,
                effect.pvalue,
                srm.pvalue(),
            );
        }
    }
    Ok(srm)
}

/// What came out, in all metrics and for women and men.
fn decide(people: &[Person], enrolled: [u64; 2], planned: u64, srm: &SequentialSrm) -> Result<Report> {
    let arms = ["free", "shared"].into_iter().zip(enrolled).zip(counts(people));
    let arms = arms.map(|((name, weight), units)| Arm::new(name, weight as f64, units));
    let mut experiment =
        Experiment::new("A share of the cost of care", arms)?.with_planned_units(planned).with_srm(srm);

    // An insurer wants fewer visits.
    let visits = || Metric::new("visits a year", PreferredDirection::Decrease);
    let in_year = |year: usize| COVERS.map(|cover| moments(people, cover, |person| person.visits[year]));
    let years = (0..3).map(|year| {
        let [free, shared] = in_year(year).map(|own| Estimate::of_mean(&own));
        Ok((year as f64 + 1.0, Effect::between(free, shared, &EffectOptions::default())?))
    });
    let means = COVERS.map(|cover| moments(people, cover, Person::visits_per_year));
    experiment.add(visits().means(&means).with_days(years.collect::<Result<Vec<_>>>()?))?;

    // Who was ill before sees doctors more often, whatever they cost: so much of the variance is not the experiment's.
    let with_diseases = COVERS.map(|cover| {
        let own = people.iter().filter(|person| person.cover == cover);
        own.map(|person| (person.visits_per_year(), person.chronic_diseases)).collect::<JointMoments>()
    });
    experiment.add(
        Metric::new("visits a year, by diseases before", PreferredDirection::Decrease).cuped(with_diseases),
    )?;

    // Nobody is to be kept from a doctor altogether: at most one in twenty of those who go.
    let went = COVERS.map(|cover| {
        let own = people.iter().filter(|person| person.cover == cover);
        let went = own.clone().filter(|person| person.visits[0] > 0.0).count();
        (went as u64, own.count() as u64)
    });
    experiment.add(
        Metric::new("saw a doctor in the first year", PreferredDirection::Increase)
            .proportions(went)
            .with_margin(0.05),
    )?;

    for (name, is_female) in [("female", true), ("male", false)] {
        let own: Vec<Person> =
            people.iter().filter(|person| person.is_female == is_female).cloned().collect();
        let means = COVERS.map(|cover| moments(&own, cover, Person::visits_per_year));
        experiment.add(visits().means(&means).in_segment("sex", name))?;
    }
    experiment.report()
}
