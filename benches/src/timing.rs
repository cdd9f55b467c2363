//! How a call is timed here; `peers/timing.py` does the same in Python.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Median seconds per call: one warm-up call, then repeats for two seconds, at least 3 and at most 200 of them.
pub(crate) fn median_seconds<T>(mut call: impl FnMut() -> T) -> f64 {
    black_box(call());
    let end = Instant::now() + Duration::from_secs(2);
    let mut seconds = Vec::new();
    while seconds.len() < 3 || (seconds.len() < 200 && Instant::now() < end) {
        let start = Instant::now();
        black_box(call());
        seconds.push(start.elapsed().as_secs_f64());
    }
    percentile(&mut seconds, 0.5)
}

/// Times two calls of microseconds in turn, block by block, so that a change of the machine's speed meets both:
/// for each the median over all calls, in seconds.
pub(crate) fn paired<A, B>(mut first: impl FnMut() -> A, mut second: impl FnMut() -> B) -> (f64, f64) {
    const BLOCKS: usize = 400;
    const CALLS: usize = 100;
    let (mut a, mut b) = (Vec::with_capacity(BLOCKS * CALLS), Vec::with_capacity(BLOCKS * CALLS));
    for block in 0..=BLOCKS {
        for (seconds, call) in [
            (&mut a, &mut (|| drop(black_box(first()))) as &mut dyn FnMut()),
            (&mut b, &mut || drop(black_box(second()))),
        ] {
            for _ in 0..CALLS {
                let start = Instant::now();
                call();
                let elapsed = start.elapsed().as_secs_f64();
                // The first block warms up.
                if block > 0 {
                    seconds.push(elapsed);
                }
            }
        }
    }
    (percentile(&mut a, 0.5), percentile(&mut b, 0.5))
}

/// The value below which `share` of `seconds` lie; the list is left sorted.
pub(crate) fn percentile(seconds: &mut [f64], share: f64) -> f64 {
    seconds.sort_unstable_by(f64::total_cmp);
    let position = (share * seconds.len().saturating_sub(1) as f64).round() as usize;
    seconds.get(position).copied().unwrap_or(f64::NAN)
}

/// Seconds as a reader wants them: `5.1 us`.
pub(crate) fn show(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() => "-".to_owned(),
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.2} us", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}
