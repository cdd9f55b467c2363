//! Samples made from a description, the same doubles here and in `testdata/golden/make_stats.py`.

use serde_json::Value;

/// The upper 53 bits of splitmix64 as doubles in `[0, 1)`.
pub(crate) fn uniform(seed: u64, n: usize) -> impl Iterator<Item = f64> {
    (1..=n as u64).map(move |i| {
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(i));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 * (0.5f64).powi(53)
    })
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
