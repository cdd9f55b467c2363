//! Fewer points that look the same.

/// What one column of pixels shows: first, lowest, highest and last of its points, so that no extreme is lost. Points are in the
/// order of their columns.
pub(super) fn reduced(points: &[(f64, f64)], columns: f64, at: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    // Four points of each column are no fewer.
    if points.len() as f64 <= columns * 4.0 {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(columns as usize * 4);
    let mut rest = points;
    while let Some(first) = rest.first() {
        let column = at(first.0).floor();
        let count = rest.iter().take_while(|(x, _)| at(*x).floor() == column).count().max(1);
        let (of_column, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = after;
        keep(of_column, &mut kept);
    }
    kept
}

fn keep(points: &[(f64, f64)], kept: &mut Vec<(f64, f64)>) {
    let (mut low, mut high) = (0, 0);
    let value = |place: usize| points.get(place).map_or(f64::NAN, |(_, y)| *y);
    for place in 0..points.len() {
        if value(place) < value(low) {
            low = place;
        }
        if value(place) > value(high) {
            high = place;
        }
    }
    let mut places = [0, low.min(high), low.max(high), points.len().saturating_sub(1)];
    places.sort_unstable();
    let mut last = None;
    for place in places {
        if last != Some(place) {
            kept.extend(points.get(place));
        }
        last = Some(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_ends_and_order_stay() {
        let mut points: Vec<(f64, f64)> =
            (0..100_000).map(|x| (f64::from(x), (f64::from(x) / 700.0).sin())).collect();
        points[41_237].1 = 9.0;
        points[77_001].1 = -9.0;
        let kept = reduced(&points, 400.0, |x| x * 400.0 / 100_000.0);
        assert!(kept.len() <= 1604, "{}", kept.len());
        assert!(kept.contains(&points[41_237]) && kept.contains(&points[77_001]));
        assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn few_points_stay_as_they_are() {
        let points = [(0.0, 1.0), (0.0, 2.0), (1.0, 0.0)];
        assert_eq!(reduced(&points, 400.0, |x| x), points);
        assert!(reduced(&[], 400.0, |x| x).is_empty());
        // All at one place.
        let same: Vec<_> = (0..5000).map(|y| (0.0, f64::from(y))).collect();
        assert_eq!(reduced(&same, 400.0, |x| x), [(0.0, 0.0), (0.0, 4999.0)]);
    }
}
