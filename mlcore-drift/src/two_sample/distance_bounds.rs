//! Between which bounds the largest difference of two distribution functions lies where only a summary is left of one or both.

use crate::sample::Sketch;

/// The least and the largest difference of the distribution functions `F` of the reference and `G` of the summary that
/// the summary allows.
///
/// `F` is constant between two neighbouring values of the reference and `G` only grows, so that the largest differences
/// lie where such a stretch begins (`F` above `G`) or just before it ends (`G` above `F`).
pub(super) fn statistic_between(sorted: &[f64], sketch: &dyn Sketch) -> (f64, f64) {
    let (n, m) = (sorted.len() as f64, sketch.len() as f64);
    let (mut least, mut most, mut before) = (0.0_f64, 0.0_f64, 0);
    for group in sorted.chunk_by(|a, b| a == b) {
        let Some(value) = group.first() else { continue };
        let (f_before, f_after) = (before as f64 / n, (before + group.len()) as f64 / n);
        let (g_before, g_after) = (sketch.below(*value), sketch.at_or_below(*value));
        let share = |count: u64| count as f64 / m;
        least = least.max(f_after - share(g_after.high)).max(share(g_before.low) - f_before);
        most = most.max(f_after - share(g_after.low)).max(share(g_before.high) - f_before);
        before += group.len();
    }
    (least, most.min(1.0))
}

/// The same of two summaries.
///
/// The least is what some place demands, and every place demands only what is true. Between two neighbouring landmarks neither
/// function is above its bound at the second nor below its bound at the first.
pub(super) fn statistic_between_summaries(reference: &dyn Sketch, current: &dyn Sketch) -> (f64, f64) {
    let mut places = reference.landmarks();
    places.extend(current.landmarks());
    places.sort_unstable_by(f64::total_cmp);
    places.dedup();
    let share = |count: u64, of: &dyn Sketch| count as f64 / of.len() as f64;
    let (mut least, mut most) = (0.0_f64, 0.0_f64);
    // The lower bounds of both up to the place before.
    let mut floor = (0.0, 0.0);
    for place in places {
        let sides = [
            (reference.below(place), current.below(place)),
            (reference.at_or_below(place), current.at_or_below(place)),
        ];
        for (f, g) in sides {
            let (f_low, f_high) = (share(f.low, reference), share(f.high, reference));
            let (g_low, g_high) = (share(g.low, current), share(g.high, current));
            least = least.max(f_low - g_high).max(g_low - f_high);
            most = most.max(f_high - floor.1).max(g_high - floor.0);
            floor = (f_low, g_low);
        }
    }
    (least, most.min(1.0))
}
