//! Many callers at once, while versions come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use mlcore_serve::batching::{BatchOptions, Batcher, Call};
use mlcore_serve::endpoint::Request;

use crate::support::{Place, begin, end, occupy, rows, unit};

/// Every caller asks for numbers that nobody else asks for, and says whether each answer is its own.
fn ask(batcher: &Batcher, thread: u64, number: u64) -> (u64, u64) {
    let count = 1 + (thread + number) % 3;
    let values: Vec<f32> =
        (0..count).map(|row| (thread * 100_000 + number * 10 + row) as f32 + 100.0).collect();
    let prediction = batcher.predict(Request::tensors(&unit(), &rows(&values)), Call::default()).unwrap();
    assert_eq!(prediction.outputs.tensor("x_out").unwrap().values::<f32>().unwrap(), values);
    let versions = prediction.outputs.tensor("version").unwrap().values::<f64>().unwrap().to_vec();
    // Of one version, which is the one that the prediction names.
    assert_eq!(versions, vec![prediction.version.get() as f64; values.len()]);
    (prediction.version.get(), count)
}

#[test]
fn callers_get_their_own_rows_of_one_version_through_hot_swaps() {
    let place = Arc::new(Place::new());
    let options = BatchOptions::default().with_max_batch_size(8);
    let batcher = Batcher::new(&place.endpoint, options).unwrap();
    let (is_over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let seen = thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|thread| {
                let (batcher, is_over, asked) = (&batcher, &is_over, &asked);
                scope.spawn(move || {
                    let mut seen = [0_u64; 3];
                    for number in 0.. {
                        if is_over.load(Ordering::Relaxed) {
                            break;
                        }
                        let (version, _) = ask(batcher, thread, number % 5_000);
                        seen[version as usize] += 1;
                        asked.fetch_add(1, Ordering::Relaxed);
                        if number % 256 == 0 {
                            thread::yield_now();
                        }
                    }
                    seen
                })
            })
            .collect();
        for swap in 0..40_u64 {
            place.swap(1 + swap % 2);
            place.endpoint.process();
            thread::sleep(Duration::from_millis(5));
        }
        is_over.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .fold([0; 3], |sum, own| [sum[0] + own[0], sum[1] + own[1], sum[2] + own[2]])
    });
    assert!(seen[1] > 0 && seen[2] > 0, "{seen:?}");
    place.endpoint.process();
    let counts = place.endpoint.counts();
    assert_eq!(counts.records + counts.dropped_records, asked.load(Ordering::Relaxed));
    assert_eq!((counts.failures, counts.abandoned), (0, 0));
    assert!(place.watched.rows().iter().all(|rows| *rows <= 8));
}

#[test]
fn a_swap_while_requests_wait_leaves_each_its_version() {
    let place = Place::new();
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default()).unwrap();
    let first = occupy(&place, &batcher);
    let before = [1.0, 2.0].map(|value| begin(&place, &batcher, rows(&[value]), Call::default()));
    place.swap(2);
    let after = [3.0, 4.0].map(|value| begin(&place, &batcher, rows(&[value]), Call::default()));
    place.watched.open();
    end(&place, first).unwrap();
    for (begun, version) in
        before.into_iter().map(|begun| (begun, 1)).chain(after.into_iter().map(|begun| (begun, 2)))
    {
        let prediction = end(&place, begun).unwrap();
        assert_eq!(prediction.version.get(), version);
        let own = prediction.outputs.tensor("version").unwrap().values::<f64>().unwrap();
        assert_eq!(own, [version as f64]);
    }
}

#[test]
fn futures_share_runs_on_any_runtime() {
    let place = Arc::new(Place::new());
    let batcher = Arc::new(Batcher::new(&place.endpoint, BatchOptions::default()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    place.watched.shut();
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let batcher = batcher.clone();
            runtime.spawn(async move {
                let (unit, inputs) = (unit(), rows(&[number as f32 + 100.0]));
                let call = Call::default().with_elsewhere(true);
                batcher.predict_async(Request::tensors(&unit, &inputs), call).await
            })
        })
        .collect();
    place.watched.until(1);
    // Neither of the two threads of the runtime is held.
    runtime.block_on(async { tokio::task::yield_now().await });
    thread::sleep(Duration::from_millis(20));
    place.watched.open();
    for (number, task) in tasks.into_iter().enumerate() {
        let prediction = runtime.block_on(task).unwrap().unwrap();
        let own = prediction.outputs.tensor("x_out").unwrap().values::<f32>().unwrap();
        assert_eq!(own, [number as f32 + 100.0]);
    }
    assert!(place.watched.rows().len() < 20, "{:?}", place.watched.rows());
}
