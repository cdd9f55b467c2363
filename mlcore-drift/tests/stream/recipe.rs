//! The streams of `testdata/golden/make_stream.py`, made again of their recipes.

use mlcore::stats::SplitMix64;
use serde::Deserialize;

/// A stream, described.
#[derive(Deserialize, Debug)]
pub(crate) struct Recipe {
    seed: u64,
    n: usize,
    shape: String,
    a: Vec<f64>,
    b: Vec<f64>,
}

impl Recipe {
    pub(crate) fn values(&self) -> Vec<f64> {
        let mut random = SplitMix64::new(self.seed);
        (0..self.n)
            .map(|i| {
                let segment = i * self.a.len() / self.n;
                let (a, b) = (self.a[segment], self.b[segment]);
                let along = i as f64 / self.n as f64;
                let between = || self.a[0] + (self.a[1] - self.a[0]) * along;
                match self.shape.as_str() {
                    "normal" => a + b * normal(&mut random),
                    "ramp" => between() + b * normal(&mut random),
                    "bits" => f64::from(u8::from(random.uniform() < a)),
                    "bits_ramp" => f64::from(u8::from(random.uniform() < between())),
                    "uniform" => a + b * random.uniform(),
                    "grid" => a + (b * random.uniform()).floor(),
                    "constant" => a + 0.0 * random.uniform(),
                    other => panic!("no shape is called {other}"),
                }
            })
            .collect()
    }
}

/// Twelve uniform numbers, added left to right.
fn normal(random: &mut SplitMix64) -> f64 {
    let first = random.uniform();
    (1..12).fold(first, |sum, _| sum + random.uniform()) - 6.0
}
