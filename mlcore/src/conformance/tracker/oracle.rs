use super::*;
use crate::stats::SplitMix64;
use crate::tracking::{Edit, MemoryTracker, NewLoggedModel, RunStatus};

const STEPS: usize = 400;

/// Random edits, and searches between them, are answered as by the reference.
pub(super) fn agrees(places: &Places<'_, dyn Tracker>) {
    let mut place = places.fresh();
    let oracle = MemoryTracker::new();
    let mut random = SplitMix64::new(29);
    let mut refused = 0;
    for step in 0..STEPS {
        let edits: Vec<Edit> = (0..=random.below(3)).map(|_| edit(&mut random, step)).collect();
        let kind = |written: Result<()>| written.map_err(|error| error.kind());
        let due = kind(oracle.write(&edits));
        refused += usize::from(due.is_err());
        assert_eq!(kind(place.write(&edits)), due, "{edits:?}");
        let search = search(&mut random);
        let found = |tracker: &dyn Tracker| format!("{:?}", tracker.search_runs(&search).unwrap());
        assert_eq!(found(&*place), found(&oracle), "{search:?}");
    }
    assert!((STEPS / 10..STEPS * 9 / 10).contains(&refused), "{refused} refused");
    same(&told(&*place), &told(&oracle), "it tells otherwise than the reference");
    place.is_kept(told);
}

fn edit(random: &mut SplitMix64, step: usize) -> Edit {
    let time = at(i64::try_from(step).unwrap());
    let experiment = experiment(&format!("{}", 1 + random.below(3)));
    let run = run(&format!("r{}", random.below(24)));
    let model = model(&format!("m-{}", random.below(3)));
    match random.below(14) {
        0 => {
            Edit::CreateExperiment(NewExperiment::new(experiment, format!("name {}", random.below(4)), time))
        }
        1 => Edit::RenameExperiment { experiment, name: format!("name {}", random.below(4)), at: time },
        2 if random.below(6) == 0 => Edit::DeleteExperiment { experiment, at: time },
        2 => Edit::RestoreExperiment { experiment, at: time },
        3..6 => Edit::CreateRun(Box::new(NewRun::new(run, experiment, at(random.below(9) as i64)))),
        6 if random.below(3) == 0 => Edit::DeleteRun { run, at: time },
        6 => Edit::RestoreRun { run },
        7 => {
            let status = Some(RunStatus::ALL[random.below(RunStatus::ALL.len())]);
            Edit::UpdateRun { run, status, end_time: (random.below(2) == 0).then_some(time), name: None }
        }
        8 if random.below(4) == 0 => Edit::DeleteTag { run, key: "t".to_owned() },
        8 => Edit::CreateLoggedModel(Box::new(NewLoggedModel::new(model, experiment, "forest", time))),
        _ => {
            let value = [0.5, 1.5, -1.0, f64::NAN, f64::INFINITY][random.below(5)];
            let mut metric = Metric::new(["m", "n"][random.below(2)], value, random.below(4) as i64);
            metric = metric.at_step(random.below(3) as i64);
            if random.below(4) == 0 {
                metric = metric.of_model(model).on_dataset("d", "1");
            }
            let batch = Batch::new(run).with_metric(metric).with_tag("t", format!("{}", random.below(3)));
            let chosen = random.below(3);
            let batch = if chosen > 0 { batch.with_param("p", format!("{chosen}")) } else { batch };
            Edit::Log(Box::new(batch))
        }
    }
}

fn search(random: &mut SplitMix64) -> RunSearch {
    const FILTERS: [&str; 8] = [
        "",
        "metrics.m > 0",
        "metrics.m != 0.5 AND params.p IS NULL",
        "metrics.m <= 1.5 AND metrics.n >= 0.5",
        "params.p = '1'",
        "tags.t LIKE '_' AND status != 'FAILED'",
        "run_id NOT IN ('r1', 'r2') AND start_time < 5",
        "end_time >= 0 AND run_id ILIKE 'R1%'",
    ];
    const ORDERS: [&[&str]; 6] = [
        &[],
        &["metrics.m DESC"],
        &["metrics.n", "metrics.m DESC"],
        &["params.p DESC", "end_time"],
        &["status", "tags.t"],
        &["run_id DESC"],
    ];
    let mut search = RunSearch::new((1..=random.below(4)).map(|id| experiment(&id.to_string())));
    search = search.with_filter(FILTERS[random.below(FILTERS.len())]).with_limit(1 + random.below(8));
    search.order_by = ORDERS[random.below(ORDERS.len())].iter().map(|column| (*column).to_owned()).collect();
    search.with_view(ViewType::ALL[random.below(3)])
}
