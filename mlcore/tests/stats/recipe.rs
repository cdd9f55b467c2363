//! Samples made from a description, the same doubles here and in `testdata/golden/make_stats.py`.

use mlcore::stats::SplitMix64;
use serde_json::Value;

/// The upper 53 bits of splitmix64 as doubles in `[0, 1)`.
pub(crate) fn uniform(seed: u64, n: usize) -> impl Iterator<Item = f64> {
    let mut random = SplitMix64::new(seed);
    (0..n).map(move |_| random.uniform())
}

/// The sample that a recipe in a golden file describes.
pub(crate) fn sample(recipe: &Value) -> Vec<f64> {
    let float = |key: &str| recipe[key].as_f64().expect(key);
    let (scale, offset, levels) = (float("scale"), float("offset"), float("levels"));
    let shape: fn(f64, f64) -> f64 = match recipe["shape"].as_str().expect("shape") {
        "uniform" => |u, _| u,
        "cube" => |u, _| u * u * u,
        "reciprocal" => |u, _| 1.0 / (1.0 - u),
        "grid" => |u, levels| (u * levels).floor(),
        "spike" => |u, _| if u < 0.6 { 0.0 } else { u },
        "constant" => |_, _| 0.0,
        other => panic!("no shape {other}"),
    };
    let (seed, n) = (recipe["seed"].as_u64().expect("seed"), recipe["n"].as_u64().expect("n"));
    uniform(seed, n as usize).map(|u| offset + scale * shape(u, levels)).collect()
}

/// How many kinds of [`hostile`] samples there are.
pub(crate) const HOSTILE_SHAPES: usize = 14;

/// Samples on which a histogram goes wrong: point masses, heavy tails, clusters at the ends of the doubles, ties.
pub(crate) fn hostile(kind: usize, seed: u64, n: usize) -> Vec<f64> {
    let shape: fn(usize, f64) -> f64 = match kind {
        0 => |_, u| u,
        1 => |_, u| (u * 10.0).floor(),
        2 => |_, u| if u < 0.7 { 0.0 } else { u },
        3 => |_, u| 1.0 / (1.0 - u).powi(6),
        4 => |_, u| if u < 0.5 { 1e300 + u * 1e299 } else { -1e300 - u * 1e299 },
        5 => |_, u| 5e-324 * (u * 5000.0).floor(),
        6 => |i, u| if i % 1000 == 0 { f64::MAX * (u - 0.5) } else { u },
        7 => |i, u| {
            if i % 3 == 0 {
                f64::INFINITY
            } else if i % 3 == 1 {
                f64::NEG_INFINITY
            } else {
                u
            }
        },
        8 => |_, _| 7.5,
        9 => |i, _| if i == 17 { 8.0 } else { 7.5 },
        10 => |_, u| (10.0f64).powi((u * 600.0) as i32 - 300),
        11 => |i, _| i as f64,
        // Everything in one bucket of any linear scale that reaches the outliers.
        12 => |i, u| if i % 64 == 0 { 1e15 * (u - 0.5) } else { 1.0 + u * 1e-9 },
        _ => |i, u| if i % 2 == 0 { -0.0 } else { (u * 3.0).floor() * 0.0 },
    };
    uniform(seed, n).enumerate().map(|(i, u)| shape(i, u)).collect()
}
