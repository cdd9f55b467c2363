//! One replay: events in the order of their times, a policy that is asked and told, and what is counted on the way.

use std::sync::Arc;

use mlcore::name::Arm;
use mlcore::rollout::{
    Ask, Assignment, Candidate, Candidates, Decision, Observation, Outcome, RolloutPolicy,
};
use mlcore::time::Timestamp;
use mlcore::{Result, interrupt};

use super::log::Logged;
use super::queue::{Event, Queue, Seen, between, later};
use super::report::{ReplayDecision, ReplayMode, ReplayReport};
use super::value::{Target, logged_values, simulated_values};
use super::{Matching, REPLAY, ReplayLog, ReplayOptions, SimulatedAnswer, SimulatedRequest};
use crate::endpoint::ServedBy;

/// What says what an arm does with a request.
type Simulate<'a> = &'a mut dyn FnMut(&SimulatedRequest<'_>, &Arm) -> SimulatedAnswer;

impl ReplayLog {
    /// Runs `policy` over the log, with what the log knows of the arm that answered as evidence.
    ///
    /// The policy is changed by it: hand in one that has learnt nothing, or a state from which it is to go on.
    /// A promotion gives the default arm the version and the behaviour of the arm that was promoted, and a rollback withdraws the arm; then
    /// the policy goes on with what [`settled`](RolloutPolicy::settled) answers, as in an endpoint.
    ///
    /// An answer that a run of the model did not give (a cache's, a fallback, none) says nothing of an arm, unless it is invalid; nor
    /// does an error that the caller made.
    ///
    /// # Errors
    /// As [`ReplayOptions::check`]; [`Error::InvalidInput`](mlcore::Error::InvalidInput) for rewards that are no numbers;
    /// [`Error::Interrupted`](mlcore::Error::Interrupted).
    pub fn replay(&self, policy: Arc<dyn RolloutPolicy>, options: &ReplayOptions) -> Result<ReplayReport> {
        Run::new(self, policy, options)?.play(None)
    }

    /// Runs `policy` over the requests of the log, with what `arms` says that an arm does with a request as evidence: the traffic is that of
    /// the log, and the arms are not. The function is asked about every arm for every request, so that regret is known.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use mlcore::name::Arm;
    /// use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions};
    /// use mlcore_serve::log::LogReader;
    /// use mlcore_serve::replay::{ReplayLog, ReplayOptions, SimulatedAnswer};
    ///
    /// let (champion, canary) = (Arm::new("champion")?, Arm::new("canary")?);
    /// let options = ReplayOptions::default().with_arms([champion.clone(), canary.clone()]);
    /// let log = ReplayLog::read(&LogReader::new("log"), &options)?;
    /// let ramp = RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.01)?]);
    /// let policy = Canary::new(CanaryOptions::new(champion, canary.clone(), "release-8", ramp))?;
    /// // How soon would one failure in twenty be found on this traffic?
    /// let report = log.simulate(Arc::new(policy), &options, |request, arm| {
    ///     let rate = if *arm == canary { 0.05 } else { 0.01 };
    ///     let fails = request.draw.unit_interval() < rate;
    ///     let latency = Duration::from_millis(2);
    ///     if fails { SimulatedAnswer::failed(latency) } else { SimulatedAnswer::answered(latency) }
    /// })?;
    /// print!("{report}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub fn simulate(
        &self,
        policy: Arc<dyn RolloutPolicy>,
        options: &ReplayOptions,
        mut arms: impl FnMut(&SimulatedRequest<'_>, &Arm) -> SimulatedAnswer,
    ) -> Result<ReplayReport> {
        Run::new(self, policy, options)?.play(Some(&mut arms))
    }
}

/// What is counted of an arm.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) matched: u64,
    pub(super) failures: u64,
    pub(super) losses: u64,
    pub(super) loss: f64,
    /// What all requests would have earned with it, where arms are simulated.
    pub(super) earned: f64,
}

/// A replay on its way, and what it has counted.
pub(super) struct Run<'a> {
    pub(super) log: &'a ReplayLog,
    pub(super) options: &'a ReplayOptions,
    policy: Arc<dyn RolloutPolicy>,
    candidates: Candidates,
    /// For each candidate the arm of the log that it behaves as.
    behaviours: Vec<usize>,
    queue: Queue,
    pub(super) start: i64,
    pub(super) now: i64,
    next_decision: i64,
    pub(super) asked: u64,
    pub(super) tallies: Vec<Tally>,
    pub(super) decisions: Vec<ReplayDecision>,
    pub(super) waits_for: String,
    /// For each part of the requests, how many each arm got; and when the part began.
    pub(super) parts: Vec<(i64, Vec<u64>)>,
    /// Requests of the arm that is known to be worse, since it is.
    pub(super) harmed: u64,
    pub(super) since_harm: u64,
    /// The sum of the weights, and of their squares.
    pub(super) weights: [f64; 2],
    pub(super) target: Target,
    /// What the chosen arms earned together, and of how many requests it is known.
    pub(super) earned: (f64, u64),
}

impl<'a> Run<'a> {
    fn new(log: &'a ReplayLog, policy: Arc<dyn RolloutPolicy>, options: &'a ReplayOptions) -> Result<Self> {
        options.check()?;
        let arms = log.arms.len();
        let start = log.requests.first().map_or(0, |first| first.decided);
        policy.follow(&log.candidates);
        Ok(Self {
            log,
            options,
            policy,
            candidates: log.candidates.clone(),
            behaviours: (0..arms).collect(),
            queue: Queue::default(),
            start,
            now: start,
            next_decision: start,
            asked: 0,
            tallies: vec![Tally::default(); arms],
            decisions: Vec::new(),
            waits_for: String::new(),
            parts: Vec::new(),
            harmed: 0,
            since_harm: 0,
            weights: [0.0; 2],
            target: Target::default(),
            earned: (0.0, 0),
        })
    }

    fn play(mut self, mut simulate: Option<Simulate<'_>>) -> Result<ReplayReport> {
        for (number, logged) in self.log.requests.iter().enumerate() {
            self.queue.push(logged.decided, Event::Asked(number));
        }
        let mut pace = interrupt::Pace::default();
        while let Some((time, event)) = self.queue.pop() {
            pace.check(REPLAY, 1)?;
            self.decide_until(time);
            self.now = self.now.max(time);
            match event {
                Event::Asked(number) => {
                    if let Some(logged) = self.log.requests.get(number) {
                        self.ask(number, logged, simulate.as_mut());
                    }
                }
                Event::Seen(seen) => self.see(&seen),
            }
            if self.options.decide_interval.is_zero() || self.queue.is_empty() {
                self.decide(self.now);
            }
        }
        let values = match simulate {
            None => logged_values(&self)?,
            Some(_) => simulated_values(&self),
        };
        let mode = if simulate.is_some() { ReplayMode::SimulatedArms } else { ReplayMode::LoggedArms };
        Ok(ReplayReport::of(self, mode, &values))
    }

    /// Asks for the decisions that are due before `time`.
    fn decide_until(&mut self, time: i64) {
        let interval = i64::try_from(self.options.decide_interval.as_micros()).unwrap_or(i64::MAX);
        if interval == 0 {
            return;
        }
        let step = interval.max(time.saturating_sub(self.next_decision) / MOST_IN_A_GAP);
        while self.next_decision <= time {
            self.decide(self.next_decision);
            self.next_decision = self.next_decision.saturating_add(step);
            if self.next_decision == i64::MAX {
                return;
            }
        }
    }

    fn decide(&mut self, time: i64) {
        let decision = self.policy.decide(between(self.start, time));
        let settles = match &decision {
            Decision::Hold { reason, .. } => {
                self.waits_for.clone_from(reason);
                return;
            }
            Decision::Step { .. } => None,
            Decision::Promote { arm, .. } => Some((arm.clone(), true)),
            Decision::RollBack { arm, .. } => Some((arm.clone(), false)),
            // What a later version decides is told and not carried out.
            _ => None,
        };
        let position = settles.as_ref().and_then(|(arm, _)| self.candidates.position(arm));
        // A policy repeats what it wants; what was carried out once, or cannot be, is no news.
        if settles.is_some() && position.is_none_or(|position| position == 0) {
            return;
        }
        let behaviour = position.and_then(|position| self.behaviours.get(position)).copied();
        let arm = decision.arm().and_then(|arm| self.log.arms.iter().position(|own| own == arm));
        self.decisions.push(ReplayDecision {
            at: Timestamp::from_micros(time),
            elapsed: between(self.start, time),
            requests: self.asked,
            arm_requests: behaviour
                .or(arm)
                .and_then(|arm| self.tallies.get(arm))
                .map_or(0, |own| own.requests),
            since_harm: self.since_harm,
            decision: decision.clone(),
        });
        if let (Some((_, is_promoted)), Some(position)) = (settles, position) {
            self.settle(&decision, position, is_promoted);
        }
    }

    /// Carries a promotion or a rollback out.
    fn settle(&mut self, decision: &Decision, position: usize, is_promoted: bool) {
        let mut list: Vec<Candidate> = self.candidates.as_slice().to_vec();
        let (candidate, behaviour) = (list.remove(position), self.behaviours.remove(position));
        if is_promoted {
            if let Some(default) = list.first_mut() {
                default.version = candidate.version;
            }
            if let Some(default) = self.behaviours.first_mut() {
                *default = behaviour;
            }
        }
        // Fewer of the same arms, and at least the default.
        let Ok(left) = Candidates::new(list) else { return };
        if let Some(next) = self.policy.settled(decision, &self.candidates) {
            self.policy = next;
        }
        self.candidates = left;
        self.policy.follow(&self.candidates);
    }

    fn ask(&mut self, number: usize, logged: &Logged, simulate: Option<&mut Simulate<'_>>) {
        let draw = logged.draw(self.options.seed);
        let arms = self.log.arms.len();
        let (assignment, target) = logged.prediction.context.with(|context| {
            let ask = Ask::new(&logged.unit, &self.candidates, draw).with_context(context);
            let assignment = self.policy.assign(&ask);
            let told = |position| self.policy.probability(&ask, position);
            let told: Option<Vec<f64>> = (0..self.candidates.as_slice().len()).map(told).collect();
            let mut target = vec![0.0; arms];
            let is_whole = |told: &Vec<f64>| (told.iter().sum::<f64>() - 1.0).abs() < 1e-6;
            match told.filter(is_whole) {
                Some(told) => {
                    for (share, behaviour) in told.into_iter().zip(&self.behaviours) {
                        target[*behaviour] += share;
                    }
                }
                // Who cannot tell its probabilities is judged by the arm that it chose.
                None => target[self.behaviour(assignment)] = 1.0,
            }
            (assignment, target)
        });
        let behaviour = self.behaviour(assignment);
        self.count(behaviour, logged);
        let seen = Seen {
            request: number,
            arm: self.candidates.at(assignment.position).arm.clone(),
            propensity: assignment.propensity,
            epoch: assignment.epoch,
            observation: Observation::Failed,
        };
        match simulate {
            Some(simulate) => self.simulate(&seen, behaviour, logged, simulate),
            None => self.match_logged(&seen, behaviour, logged, &target),
        }
    }

    /// The arm of the log that answers.
    fn behaviour(&self, assignment: Assignment) -> usize {
        self.behaviours.get(assignment.position).or(self.behaviours.first()).copied().unwrap_or(0)
    }

    /// Counts an assignment.
    fn count(&mut self, behaviour: usize, logged: &Logged) {
        let part =
            self.asked as u128 * self.options.share_points as u128 / self.log.requests.len().max(1) as u128;
        if self.parts.len() as u128 <= part {
            self.parts.push((logged.decided, vec![0; self.log.arms.len()]));
        }
        if let Some(count) = self.parts.last_mut().and_then(|(_, counts)| counts.get_mut(behaviour)) {
            *count += 1;
        }
        self.asked += 1;
        if let Some(tally) = self.tallies.get_mut(behaviour) {
            tally.requests += 1;
        }
        if let super::Truth::Worse { arm, since } = &self.options.truth
            && logged.decided >= since.as_micros()
        {
            self.since_harm += 1;
            self.harmed += u64::from(self.log.arms.get(behaviour) == Some(arm));
        }
    }

    /// Takes what the log knows, where the policy chose the arm that it knows something of.
    fn match_logged(&mut self, seen: &Seen, behaviour: usize, logged: &Logged, target: &[f64]) {
        let propensity = logged.prediction.propensity;
        let weight = target.get(logged.arm).copied().unwrap_or(0.0) / propensity;
        self.weights[0] += weight;
        self.weights[1] += weight * weight;
        let (answer, outcomes) = observations(logged);
        if let Some(rule) = self.options.reward {
            let all = answer.iter().chain(outcomes.iter().map(|(_, observation)| observation));
            let rewards: Vec<f64> = all.filter_map(|observation| rule.reward(observation)).collect();
            if !rewards.is_empty() {
                let reward = rewards.iter().sum::<f64>() / rewards.len() as f64;
                self.target.push(logged.arm, propensity, reward, target);
            }
        }
        let accepted = match self.options.matching {
            Matching::Every => true,
            // Another draw than that of the assignment, or the arms would not be accepted alike.
            Matching::Rejection => {
                logged.draw(self.options.seed).another().another().unit_interval()
                    < self.log.floor / propensity
            }
        };
        if behaviour != logged.arm || !accepted {
            return;
        }
        if let Some(tally) = self.tallies.get_mut(behaviour) {
            tally.matched += 1;
        }
        let observed = |observation| Event::Seen(Box::new(Seen { observation, ..seen.clone() }));
        if let Some(answer) = answer {
            self.queue.push(logged.answered, observed(answer));
        }
        for (time, observation) in outcomes {
            self.queue.push(time.max(logged.answered), observed(observation));
        }
    }

    /// Takes what the function says of the chosen arm, and adds up what every arm would have earned.
    fn simulate(&mut self, seen: &Seen, behaviour: usize, logged: &Logged, simulate: &mut Simulate<'_>) {
        let request = SimulatedRequest {
            number: seen.request as u64,
            elapsed: between(self.start, logged.decided),
            logged: &logged.prediction,
            // The draw of the assignment is another one.
            draw: logged.draw(self.options.seed).another(),
        };
        for (position, arm) in self.log.arms.iter().enumerate() {
            let answer = simulate(&request, arm);
            let first =
                if answer.has_failed { Observation::Failed } else { Observation::answered(answer.latency) };
            let loss = answer.loss.filter(|_| !answer.has_failed);
            let then = loss.map(|(loss, delay)| (Observation::scored(loss), delay));
            let earned = self.options.reward.and_then(|rule| {
                rule.reward(&first).or_else(|| then.as_ref().and_then(|(then, _)| rule.reward(then)))
            });
            if let (Some(earned), Some(tally)) = (earned, self.tallies.get_mut(position)) {
                tally.earned += earned;
            }
            if position != behaviour {
                continue;
            }
            if let Some(tally) = self.tallies.get_mut(position) {
                tally.matched += 1;
            }
            if let Some(earned) = earned {
                self.earned = (self.earned.0 + earned, self.earned.1 + 1);
            }
            let answered = later(logged.decided, answer.latency);
            self.queue.push(answered, Event::Seen(Box::new(Seen { observation: first, ..seen.clone() })));
            if let Some((observation, delay)) = then {
                let seen = Seen { observation, ..seen.clone() };
                self.queue.push(later(answered, delay), Event::Seen(Box::new(seen)));
            }
        }
    }

    /// Tells the policy what was seen.
    fn see(&mut self, seen: &Seen) {
        let Some(logged) = self.log.requests.get(seen.request) else { return };
        let arm = self.log.arms.iter().position(|own| *own == seen.arm);
        if let Some(tally) = arm.and_then(|arm| self.tallies.get_mut(arm)) {
            match &seen.observation {
                Observation::Failed => tally.failures += 1,
                Observation::Scored { loss, .. } if loss.is_finite() => {
                    tally.losses += 1;
                    tally.loss += loss;
                }
                Observation::Scored { .. } => tally.failures += 1,
                // Others are not in a log.
                _ => {}
            }
        }
        logged.prediction.context.with(|context| {
            let outcome = Outcome::new(&seen.arm, seen.observation.clone());
            let outcome = outcome.with_propensity(seen.propensity).with_epoch(seen.epoch);
            self.policy.observe(&outcome.with_context(context));
        });
    }
}

/// What the log knows of a request: of the answer, and of what came later.
fn observations(logged: &Logged) -> (Option<Observation>, Vec<(i64, Observation)>) {
    let prediction = &logged.prediction;
    let is_arms_own = match prediction.served_by {
        ServedBy::Model | ServedBy::Batch => {
            !prediction.error.as_deref().is_some_and(|kind| CALLERS.contains(&kind))
        }
        ServedBy::Cache | ServedBy::Nobody | ServedBy::Fallback => false,
    };
    let has_failed = prediction.error.is_some() || prediction.invalid.is_some();
    let answer = (is_arms_own || prediction.invalid.is_some())
        .then(|| if has_failed { Observation::Failed } else { Observation::answered(prediction.latency) });
    let outcomes = prediction
        .outcomes
        .iter()
        .filter_map(|outcome| Some((outcome.time.as_micros(), Observation::scored(outcome.loss?))));
    (answer, outcomes.collect())
}

/// Errors of runs that say nothing of the arm, as in the endpoint.
const CALLERS: [&str; 2] = ["schema_mismatch", "interrupted"];
/// So often a policy is asked while nothing happens: a step that lasts too long ends on time, to within a hundredth of the gap.
const MOST_IN_A_GAP: i64 = 100;
