//! How a call is timed here; `peers/timing.py` does the same in Python.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::Result;

/// What many calls took, block after block.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    /// Half of the calls took at most these seconds.
    pub(crate) median: f64,
    /// 99 of 100 calls took at most these seconds.
    pub(crate) p99: f64,
    /// The median of each block.
    blocks: Vec<f64>,
}

impl Spread {
    /// Of the seconds of each call, block by block.
    pub(crate) fn of(blocks: Vec<Vec<f64>>) -> Self {
        let mut seconds = blocks.concat();
        let (median, p99) = (percentile(&mut seconds, 0.5), percentile(&mut seconds, 0.99));
        let blocks = blocks.into_iter().map(|mut block| percentile(&mut block, 0.5)).collect();
        Self { median, p99, blocks }
    }

    /// How a call compares with one of `other`, by `compare(ours, theirs)`: the median over the blocks, because the speed of
    /// a machine that others use too changes between blocks.
    pub(crate) fn beside(&self, other: &Self, compare: fn(f64, f64) -> f64) -> f64 {
        let pairs = self.blocks.iter().zip(&other.blocks);
        percentile(&mut pairs.map(|(ours, theirs)| compare(*ours, *theirs)).collect::<Vec<_>>(), 0.5)
    }
}

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

/// Times calls of microseconds in turn, `calls` of each in a block, `blocks` times over, so that a change of the machine's
/// speed meets all of them. A call gets its number. The first block warms up and is not counted; a failure ends it all.
pub(crate) fn interleaved<const N: usize>(
    (blocks, calls): (usize, usize),
    mut contenders: [&mut dyn FnMut(usize) -> Result<()>; N],
) -> Result<[Spread; N]> {
    let mut all = [(); N].map(|()| Vec::with_capacity(blocks));
    for block in 0..=blocks {
        for (call, all) in contenders.iter_mut().zip(&mut all) {
            let mut seconds = Vec::with_capacity(calls);
            for number in 0..calls {
                let start = Instant::now();
                call(block * calls + number)?;
                seconds.push(start.elapsed().as_secs_f64());
            }
            if block > 0 {
                all.push(seconds);
            }
        }
    }
    Ok(all.map(Spread::of))
}

/// The value below which `share` of `seconds` lie; the list is left sorted.
pub(crate) fn percentile(seconds: &mut [f64], share: f64) -> f64 {
    seconds.sort_unstable_by(f64::total_cmp);
    let position = (share * seconds.len().saturating_sub(1) as f64).round() as usize;
    seconds.get(position).copied().unwrap_or(f64::NAN)
}

/// Seconds as a reader wants them: `5.10 us`.
pub(crate) fn show(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() => "-".to_owned(),
        s if s.abs() < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s.abs() < 1e-3 => format!("{:.2} us", s * 1e6),
        s if s.abs() < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_compared_pair_by_pair() {
        // Two speeds of the machine: medians over all would compare a slow call with a fast one.
        let ours = Spread::of(vec![vec![2.0; 9], vec![2.0; 9], vec![4.0; 9]]);
        let theirs = Spread::of(vec![vec![1.0; 9], vec![1.0; 9], vec![3.0; 9]]);
        assert_eq!(ours.beside(&theirs, |ours, theirs| ours - theirs), 1.0);
        assert_eq!(theirs.beside(&ours, |ours, theirs| ours / theirs), 0.5);
        assert_eq!((ours.median, ours.p99), (2.0, 4.0));
    }
}
