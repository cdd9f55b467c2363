//! Whatever is asked together, each caller gets exactly its rows, in their order.

use std::time::Duration;

use mlcore::batch::{Batch, Tensor};
use mlcore::schema::{DType, Field};
use mlcore_serve::batching::{Arrival, BatchOptions, Batcher, Call, Next, Schedule};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{Place, any, begin, echoes, end};

const DTYPES: [DType; 13] = [
    DType::Bool,
    DType::Int8,
    DType::Int16,
    DType::Int32,
    DType::Int64,
    DType::UInt8,
    DType::UInt16,
    DType::UInt32,
    DType::UInt64,
    DType::Float16,
    DType::Float32,
    DType::Float64,
    DType::String,
];

fn field(dtype: DType) -> Field {
    any(&format!("in_{dtype}"), dtype)
}

/// Rows of every type, of elements that follow from `seed`.
fn tensor(dtype: DType, rows: usize, width: usize, seed: u64) -> Tensor {
    let numbers = (0..(rows * width) as u64).map(|place| (seed * 31 + place) % 251);
    let texts = || numbers.clone().map(|number| "ü".repeat(number as usize % 5) + &number.to_string());
    match dtype {
        DType::String => Tensor::strings([rows, width], texts().collect::<Vec<_>>()).unwrap(),
        DType::Bool => Tensor::new([rows, width], numbers.map(|number| number % 3 == 0).collect()).unwrap(),
        _ => {
            let size = Tensor::zeros(dtype, [1]).unwrap().as_bytes().unwrap().len();
            // Bytes below 0x3c are no NaN in any of the types of floats.
            let bytes: Vec<u8> = numbers
                .flat_map(|number| (0..size as u64).map(move |byte| ((number + byte) % 0x3c) as u8))
                .collect();
            Tensor::from_bytes(dtype, [rows, width], &bytes).unwrap()
        }
    }
}

/// The inputs of a request of so many rows.
fn inputs(rows: usize, width: usize, seed: u64) -> Batch {
    let of = |dtype: DType| (format!("in_{dtype}"), tensor(dtype, rows, width, seed));
    Batch::new(
        [("x".to_owned(), Tensor::new([rows, 1], vec![0.0_f32; rows]).unwrap())]
            .into_iter()
            .chain(DTYPES.map(of)),
    )
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_caller_gets_exactly_its_rows(
        most in 1..12_usize,
        preferred in proptest::bool::ANY,
        asked in vec((0..5_usize, 1..3_usize, 0..4_u32, 0..20_u8), 1..24),
    ) {
        let place = Place::of(echoes([any("x", DType::Float32)].into_iter().chain(DTYPES.map(field))), |builder| builder);
        let sizes = if preferred { vec![1.max(most / 2)] } else { Vec::new() };
        let options = BatchOptions::default()
            .with_max_batch_size(most)
            .with_preferred_batch_size(sizes)
            .with_priority_levels(3, 2);
        let batcher = Batcher::new(&place.endpoint, options).unwrap();
        place.watched.shut();
        let first = begin(&place, &batcher, inputs(1, 1, 7), Call::default());
        place.watched.until(1);
        let mut begun = Vec::new();
        for (number, (rows, width, priority, leaves)) in asked.iter().copied().enumerate() {
            let own = inputs(rows, width, number as u64);
            let waits = begin(&place, &batcher, own.clone(), Call::default().with_priority(priority));
            // One in twenty goes before it is answered.
            if leaves == 0 { drop(waits) } else { begun.push((own, waits)) }
        }
        place.watched.open();
        end(&place, first).unwrap();
        let largest = begun.iter().map(|(own, _)| own.rows().unwrap()).max().unwrap_or(0);
        let total: usize = begun.iter().map(|(own, _)| own.rows().unwrap()).sum();
        for (own, waits) in begun {
            let outputs = end(&place, waits).unwrap().outputs;
            prop_assert_eq!(outputs.len(), own.len() + 1);
            for (name, tensor) in own.iter() {
                prop_assert_eq!(outputs.tensor(&format!("{name}_out")).unwrap(), tensor, "{}", name);
            }
            prop_assert_eq!(outputs.rows(), own.rows());
        }
        let runs = place.watched.rows();
        prop_assert!(runs.iter().all(|rows| *rows <= most.max(largest)), "{:?}", runs);
        prop_assert_eq!(runs.iter().sum::<usize>(), total + 1);
    }

    #[test]
    fn a_log_of_traffic_replays_to_the_same_batches(
        most in 1..10_usize,
        delay in 0..60_u64,
        instances in 1..3_usize,
        log in vec((0..30_u64, 0..4_usize, 0..3_u32, 0..3_u128, 0..80_u64), 1..80),
    ) {
        let options = BatchOptions::default()
            .with_max_batch_size(most)
            .with_max_queue_delay(Duration::from_micros(delay))
            .with_instance_count(instances)
            .with_priority_levels(2, 1);
        let (batches, expired) = replay(&options, &log);
        prop_assert_eq!((&batches, &expired), (&replay(&options, &log).0, &expired));
        // Everything runs or expires, once.
        let mut all: Vec<usize> = batches.iter().flatten().chain(&expired).copied().collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..log.len()).collect::<Vec<_>>());
        for batch in &batches {
            let rows: usize = batch.iter().map(|number| log[*number].1.max(1)).sum();
            prop_assert!(rows <= most || batch.len() == 1);
            prop_assert!(batch.iter().all(|number| log[*number].3 == log[batch[0]].3), "one kind");
            let order: Vec<_> = batch.iter().map(|number| (log[*number].2.max(1), *number)).collect();
            prop_assert!(order.is_sorted(), "{:?}", order);
        }
    }
}

/// The batches of a log, and the requests that expired, where a run takes 20 microseconds and one more for each request.
fn replay(options: &BatchOptions, log: &[(u64, usize, u32, u128, u64)]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut schedule = Schedule::new(options.clone()).unwrap();
    let (mut batches, mut expired) = (Vec::new(), Vec::new());
    let mut runs: Vec<(Duration, Duration)> = Vec::new();
    let mut now = Duration::ZERO;
    let mut arrivals = log.iter().enumerate().peekable();
    let mut next_arrival = Duration::from_micros(log[0].0);
    loop {
        while next_arrival <= now
            && let Some((number, (_, rows, priority, kind, patience))) = arrivals.next()
        {
            let expires = (*patience > 40).then(|| now + Duration::from_micros(*patience));
            let arrival = Arrival::new(*rows).with_kind(*kind).with_priority(*priority).with_expiry(expires);
            schedule.push(now, arrival, number).unwrap();
            next_arrival =
                arrivals.peek().map_or(Duration::MAX, |(_, next)| now + Duration::from_micros(next.0));
        }
        runs.retain(|(end, took)| {
            let is_over = *end <= now;
            if is_over {
                schedule.ended(*took);
            }
            !is_over
        });
        expired.extend(schedule.expired(now));
        let due = loop {
            match schedule.next(now) {
                Next::Run(batch) => {
                    let took = Duration::from_micros(20 + batch.len() as u64);
                    runs.push((now + took, took));
                    batches.push(batch);
                }
                Next::Wait(due) => break due,
            }
        };
        let arrival = arrivals.peek().map(|_| next_arrival);
        let soonest = [arrival, due, runs.iter().map(|(end, _)| *end).min()].into_iter().flatten().min();
        match soonest {
            Some(soonest) => now = soonest.max(now),
            None => return (batches, expired),
        }
    }
}

#[test]
fn a_batch_of_no_rows_is_answered() {
    let place =
        Place::of(echoes([any("x", DType::Float32)].into_iter().chain(DTYPES.map(field))), |builder| builder);
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default()).unwrap();
    place.watched.shut();
    let first = begin(&place, &batcher, inputs(0, 1, 1), Call::default());
    place.watched.until(1);
    let others = [0, 0].map(|rows| begin(&place, &batcher, inputs(rows, 1, 1), Call::default()));
    place.watched.open();
    for begun in others.into_iter().chain([first]) {
        assert_eq!(end(&place, begun).unwrap().outputs.rows(), Some(0));
    }
}
