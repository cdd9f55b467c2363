//! A bandit on real data: which one question tells best who will see a doctor within the year? Each person is asked one, and whether
//! its answer was right is known a year later, when hundreds of others have been asked. Then the log of the bandit says, off-policy, what
//! each question by itself would have earned; and as the table knows everything, it is said how near that is.
//! `cargo run -p screening` leaves `target/screening/report.html`.
#![expect(clippy::print_stdout, reason = "the example tells its story")]

mod page;
mod people;

use std::collections::VecDeque;
use std::path::PathBuf;

use doctor_visit::data::Rows;
use doctor_visit::release::testdata;
use mlcore::bandit::{Bandit, BanditOptions, Reward, ThompsonBeta};
use mlcore::evaluate::{
    LoggedRewards, OffPolicyEstimate, OffPolicyEstimator, OffPolicyOptions, off_policy_value,
};
use mlcore::name::Arm;
use mlcore::rollout::Draw;
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};

use crate::people::{Person, QUESTIONS, people};

/// So many people are asked within a year.
const DELAY: usize = 400;

/// What the bandit did, person after person.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) question: Vec<usize>,
    pub(crate) propensity: Vec<f64>,
    pub(crate) reward: Vec<f64>,
    /// The probability of the best question before each person.
    pub(crate) best: Vec<f64>,
}

/// What a question is worth by the log, and in truth.
pub(crate) struct Worth {
    pub(crate) question: &'static str,
    pub(crate) truth: f64,
    pub(crate) ips: OffPolicyEstimate,
    pub(crate) snips: OffPolicyEstimate,
}

fn main() -> Result<()> {
    let people = people(&Rows::read(&testdata("datasets/randhie.parquet"))?, 1)?;
    let truth: Vec<f64> =
        (0..QUESTIONS.len()).map(|question| mean(&people, |person| person.reward(question))).collect();
    let best = (0..QUESTIONS.len()).max_by(|a, b| truth[*a].total_cmp(&truth[*b])).unwrap_or(0);

    let log = learn(&people, best)?;
    let (earned, evenly) =
        (log.reward.iter().sum::<f64>(), truth.iter().sum::<f64>() / QUESTIONS.len() as f64);
    let count = people.len() as f64;
    println!(
        "{} people were asked one question each; {DELAY} others were asked before its reward came.",
        people.len()
    );
    println!(
        "The bandit foretold {:.1} % of the years. Asking the best question always: {:.1} %; one by lot: {:.1} %.",
        earned / count * 100.0,
        truth[best] * 100.0,
        evenly * 100.0
    );
    println!(
        "Its regret is {:.0} people, and by lot it would have been {:.0}.",
        truth[best] * count - earned,
        (truth[best] - evenly) * count
    );

    println!("What each question earns, by the bandit's own log (95 % intervals), and in truth:");
    let worth = (0..QUESTIONS.len())
        .map(|question| evaluate(&log, question, truth[question]))
        .collect::<Result<Vec<_>>>()?;
    for Worth { question, truth, ips, snips } in &worth {
        println!(
            "{question:>20}: IPS {:.3} [{:.3}, {:.3}], SNIPS {:.3} [{:.3}, {:.3}] by {:.0} effective rows; truth {truth:.3}",
            ips.value,
            ips.interval.0,
            ips.interval.1,
            snips.value,
            snips.interval.0,
            snips.interval.1,
            snips.effective_sample_size
        );
    }

    let folder = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
        .join("screening");
    let path = folder.join("report.html");
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, page::page(&log, &worth, QUESTIONS[best])));
    written.map_err(|cause| Error::from_io("write report", path.display().to_string(), cause))?;
    println!("The page: {}", path.display());
    Ok(())
}

/// Asks everybody. Thompson's policy keeps a floor of exploration, so that the log can say something of every question.
fn learn(people: &[Person], best: usize) -> Result<Log> {
    let arms = QUESTIONS.map(Arm::new).into_iter().collect::<Result<Vec<_>>>()?;
    let options = BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.05);
    let mut bandit = Bandit::new(options, arms.clone())?;
    // The allocation has its arms in the order of their names.
    let order: Vec<usize> =
        bandit.allocation().arms().iter().filter_map(|arm| arms.iter().position(|own| own == arm)).collect();
    let (mut random, mut log, mut due) = (SplitMix64::new(2), Log::default(), VecDeque::new());
    for person in people {
        log.best.push(bandit.allocation().probability(&arms[best]));
        let (position, propensity) = bandit.allocation().draw(Draw::new(random.next_u64()));
        let question = order[position];
        let reward = person.reward(question);
        log.question.push(question);
        log.propensity.push(propensity);
        log.reward.push(reward);
        due.push_back((question, propensity, reward));
        // The year of who was asked so long ago is over.
        if due.len() > DELAY
            && let Some((question, propensity, reward)) = due.pop_front()
        {
            bandit.update(&Reward::new(&arms[question], reward).with_propensity(propensity))?;
        }
    }
    Ok(log)
}

/// What asking one question always would have earned, by the log of the bandit.
fn evaluate(log: &Log, question: usize, truth: f64) -> Result<Worth> {
    let always: Vec<f64> = (0..log.question.len() * QUESTIONS.len())
        .map(|cell| f64::from(u8::from(cell % QUESTIONS.len() == question)))
        .collect();
    let logged = LoggedRewards::new(QUESTIONS.len(), &log.question, &log.propensity, &log.reward, &always);
    let options = OffPolicyOptions::default().with_reward_range(0.0, 1.0);
    Ok(Worth {
        question: QUESTIONS[question],
        truth,
        ips: off_policy_value(&logged, OffPolicyEstimator::Ips, &options)?,
        snips: off_policy_value(&logged, OffPolicyEstimator::Snips, &options)?,
    })
}

fn mean(people: &[Person], of: impl Fn(&Person) -> f64) -> f64 {
    people.iter().map(of).sum::<f64>() / people.len() as f64
}
