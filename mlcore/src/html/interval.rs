//! Estimates with their intervals, one under the other.

use super::plot::{WIDTH, label, path, rounded, share, shortened, svg, ticks};
use super::{Markup, compact, percent};

/// One estimate of an [`IntervalPlot`].
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct IntervalRow<'a> {
    /// What was estimated.
    pub label: &'a str,
    /// The lower end; minus infinity is drawn to the edge.
    pub low: f64,
    /// The estimate.
    pub estimate: f64,
    /// The upper end; infinity is drawn to the edge.
    pub high: f64,
}

impl<'a> IntervalRow<'a> {
    /// An estimate between two ends.
    #[must_use]
    pub fn new(label: &'a str, low: f64, estimate: f64, high: f64) -> Self {
        Self { label, low, estimate, high }
    }
}

/// Estimates with their intervals over a common axis, with lines at numbers that matter, such as 0.
///
/// ```
/// use mlcore::html::{IntervalPlot, IntervalRow};
///
/// let plot = IntervalPlot::new("lift by metric", [IntervalRow::new("clicks", -0.01, 0.02, 0.05)])
///     .mark(0.0)
///     .percentages();
/// assert!(plot.markup().as_str().starts_with("<svg"));
/// ```
#[derive(Clone, Debug)]
pub struct IntervalPlot<'a> {
    description: String,
    rows: Vec<IntervalRow<'a>>,
    marks: Vec<f64>,
    shares: bool,
}

impl<'a> IntervalPlot<'a> {
    /// The intervals of these rows, from the top; `description` says what is shown.
    #[must_use]
    pub fn new(description: impl Into<String>, rows: impl IntoIterator<Item = IntervalRow<'a>>) -> Self {
        Self {
            description: description.into(),
            rows: rows.into_iter().collect(),
            marks: Vec::new(),
            shares: false,
        }
    }

    /// Draws a line upright at a number.
    #[must_use]
    pub fn mark(mut self, at: f64) -> Self {
        self.marks.push(at);
        self
    }

    /// Writes the axis as percentages.
    #[must_use]
    pub fn percentages(mut self) -> Self {
        self.shares = true;
        self
    }

    /// The plot; what is not finite is left out, or drawn to the edge.
    #[must_use]
    pub fn markup(&self) -> Markup {
        const ROW: f64 = 24.0;
        const CHARACTER: f64 = 6.1;
        const AXIS: f64 = 22.0;
        let widest = self.rows.iter().map(|row| shortened(row.label).chars().count()).max().unwrap_or(0);
        let left = widest as f64 * CHARACTER + 14.0;
        let right = WIDTH - 10.0;
        let span = self.span();
        let at = |value: f64| left + share(value, span) * (right - left);
        let base = self.rows.len() as f64 * ROW + 4.0;
        let mut content = Markup::new();
        for tick in ticks(span, 5) {
            let x = at(tick);
            content.push(path("grid", &format!("M{x:.1} 0V{base:.1}")));
            let written = if self.shares { signed_percent(tick) } else { compact(tick) };
            content.push(label(x, base + 14.0, "middle", "tick", &written));
        }
        for mark in self.marks.iter().filter(|mark| mark.is_finite()) {
            let x = at(*mark);
            content.push(path("threshold", &format!("M{x:.1} 0V{base:.1}")));
        }
        content.push(path("axis", &format!("M{left:.1} {base:.1}H{right:.1}")));
        for (position, row) in self.rows.iter().enumerate() {
            let y = position as f64 * ROW + 14.0;
            content.push(label(left - 8.0, y + 4.0, "end", "label", &shortened(row.label)));
            if !row.estimate.is_finite() || row.low.is_nan() || row.high.is_nan() {
                continue;
            }
            let (low, high) = (at(row.low.max(span.0)), at(row.high.min(span.1)));
            content.push(path("line line0", &format!("M{low:.1} {y:.1}H{high:.1}")));
            let [x, y] = rounded(&[at(row.estimate), y]);
            let circle = [("class", "ml-line ml-line0"), ("cx", x.as_str()), ("cy", y.as_str()), ("r", "3")];
            content.push(Markup::empty_element("circle", &circle));
        }
        svg(&self.description, base + AXIS, content)
    }

    fn span(&self) -> (f64, f64) {
        let ends = self.rows.iter().flat_map(|row| [row.low, row.estimate, row.high]);
        let numbers = ends.chain(self.marks.iter().copied()).filter(|number| number.is_finite());
        let (low, high) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| {
            (low.min(number), high.max(number))
        });
        if low < high {
            let room = 0.05 * (high / 2.0 - low / 2.0);
            (low - room, high + room)
        } else if low == high {
            (low - 0.5, high + 0.5)
        } else {
            (0.0, 1.0)
        }
    }
}

/// A percentage whose rounding keeps its sign.
fn signed_percent(share: f64) -> String {
    if share < 0.0 { format!("-{}", percent(-share)) } else { percent(share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_without_ends_and_without_numbers_are_drawn_without_nan() {
        let nan = f64::NAN;
        let infinity = f64::INFINITY;
        for rows in [
            vec![],
            vec![
                IntervalRow::new("open", -infinity, 0.5, infinity),
                IntervalRow::new("<none>", nan, nan, nan),
            ],
            vec![
                IntervalRow::new("huge", -f64::MAX, 0.0, f64::MAX),
                IntervalRow::new("point", 1.0, 1.0, 1.0),
            ],
        ] {
            let plot = IntervalPlot::new("odd <numbers>", rows).mark(0.0).mark(nan).percentages().markup();
            let plot = plot.as_str();
            assert!(!plot.contains("NaN") && !plot.contains("inf") && !plot.contains("<none>"), "{plot}");
        }
    }
}
