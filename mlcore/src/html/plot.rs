//! Plots as inline SVG, with a description in words.

use std::fmt::Write;

use super::markup::prefixed;
use super::{Markup, compact, percent};

pub(super) const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 22.0;
/// The most characters of a label, so that it stays inside of its plot.
const LONGEST_LABEL: usize = 22;

/// Two histograms over the same bins, one on the other.
///
/// ```
/// use mlcore::html::HistogramPlot;
///
/// let plot = HistogramPlot::new("age, before and now", &[18.0, 40.0, 65.0], &[0.5, 0.5], &[0.2, 0.8]);
/// assert!(plot.markup().as_str().starts_with("<svg"));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct HistogramPlot<'a> {
    /// What is shown, for readers who do not see it.
    pub description: String,
    /// The edges of the bins, one more than there are bins, in ascending order.
    pub edges: &'a [f64],
    /// The share of the reference in each bin.
    pub reference: &'a [f64],
    /// The current share in each bin.
    pub current: &'a [f64],
}

impl<'a> HistogramPlot<'a> {
    /// The histograms of the reference and of now, over the bins between `edges`; `description` says what is shown.
    #[must_use]
    pub fn new(
        description: impl Into<String>,
        edges: &'a [f64],
        reference: &'a [f64],
        current: &'a [f64],
    ) -> Self {
        Self { description: description.into(), edges, reference, current }
    }

    /// The plot.
    #[must_use]
    pub fn markup(&self) -> Markup {
        let (Some(low), Some(high)) = (self.edges.first(), self.edges.last()) else { return Markup::new() };
        let tallest = self.reference.iter().chain(self.current).copied().fold(0.0, f64::max);
        let frame = Frame::new((*low, *high), (0.0, if tallest > 0.0 { tallest * 1.08 } else { 1.0 }));
        let mut content = frame.axes(percent, &[]);
        content.push(frame.steps("reference", self.edges, self.reference));
        content.push(frame.steps("current", self.edges, self.current));
        svg(&self.description, HEIGHT, content)
    }
}

/// One series of a [`LinePlot`].
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points, in the order they are joined.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// The series of this name in the legend, whose points are joined in their order.
    #[must_use]
    pub fn new(name: impl Into<String>, points: impl Into<Vec<(f64, f64)>>) -> Self {
        Self { name: name.into(), points: points.into() }
    }
}

/// Lines over a common axis, with thresholds across and events along it.
///
/// ```
/// use mlcore::html::{LinePlot, Series};
///
/// let plot = LinePlot::new("Error rate per window", "window")
///     .series(Series::new("canary", [(0.0, 0.01), (1.0, 0.04)]))
///     .threshold(0.03, "guardrail")
///     .event(1.0, "rolled back");
/// assert!(plot.markup().as_str().starts_with("<div class=\"ml-figure\" role=\"figure\""));
/// ```
#[derive(Clone, Debug)]
pub struct LinePlot {
    description: String,
    x_label: String,
    series: Vec<Series>,
    thresholds: Vec<(f64, String)>,
    events: Vec<(f64, String)>,
    shares: bool,
}

impl LinePlot {
    /// An empty plot.
    #[must_use]
    pub fn new(description: impl Into<String>, x_label: impl Into<String>) -> Self {
        Self {
            description: description.into(),
            x_label: x_label.into(),
            series: Vec::new(),
            thresholds: Vec::new(),
            events: Vec::new(),
            shares: false,
        }
    }

    /// Adds a line.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Draws a dashed line across at `y`.
    #[must_use]
    pub fn threshold(mut self, y: f64, label: impl Into<String>) -> Self {
        self.thresholds.push((y, label.into()));
        self
    }

    /// Draws a numbered line upright at `x`; the legend has the names.
    #[must_use]
    pub fn event(mut self, x: f64, label: impl Into<String>) -> Self {
        self.events.push((x, label.into()));
        self
    }

    /// Writes the upright axis as percentages.
    #[must_use]
    pub fn percentages(mut self) -> Self {
        self.shares = true;
        self
    }

    /// The plot with its legend.
    #[must_use]
    pub fn markup(&self) -> Markup {
        let points = || self.series.iter().flat_map(|series| series.points.iter().copied());
        let finite = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        let span = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) =
                values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
            if low < high {
                (low, high)
            } else if low == high {
                (low - 0.5, high + 0.5)
            } else {
                (0.0, 1.0)
            }
        };
        let events = self.events.iter().map(|(x, _)| *x);
        let x_span =
            span(&mut points().filter(finite).map(|(x, _)| x).chain(events).filter(|x| x.is_finite()));
        let thresholds = self.thresholds.iter().map(|(y, _)| *y);
        let (low, high) =
            span(&mut points().filter(finite).map(|(_, y)| y).chain(thresholds).filter(|y| y.is_finite()));
        let low = if low > 0.0 && low < high / 2.0 { 0.0 } else { low };
        // The numbers of the events stand above all lines.
        let headroom = if self.events.is_empty() { 0.12 } else { 0.26 };
        let frame = Frame::new(x_span, (low, high + (high - low) * headroom));
        let written: fn(f64) -> String = if self.shares { percent } else { |value| compact(value) };
        let mut content = frame.axes(written, std::slice::from_ref(&self.x_label));
        for (y, label) in self.thresholds.iter().filter(|(y, _)| y.is_finite()) {
            content.push(frame.across(*y, label));
        }
        let events: Vec<_> = self.events.iter().filter(|(x, _)| x.is_finite()).collect();
        for (position, (x, _)) in events.iter().enumerate() {
            content.push(frame.upright(*x, position));
        }
        for (position, series) in self.series.iter().enumerate() {
            let points: Vec<(f64, f64)> = series.points.iter().copied().filter(finite).collect();
            content.push(frame.line(position, &points));
        }
        let plot = svg(&self.description, HEIGHT, content);
        let names: Vec<&str> = self.series.iter().map(|series| series.name.as_str()).collect();
        let keys = names
            .iter()
            .enumerate()
            .map(|(position, name)| legend_key(&format!("line{}", position % 4), name));
        let numbered = events.iter().enumerate().map(|(position, (_, name))| {
            Markup::styled("span", "number", &[], format!("{} {name}", position + 1).as_str())
        });
        let legend = Markup::block("legend", &[], keys.chain(numbered).collect::<Markup>());
        let caption = Markup::block("caption", &[], self.description.as_str());
        let figure = [("role", "figure"), ("aria-label", self.description.as_str())];
        Markup::block("figure", &figure, [caption, plot, legend])
    }
}

/// One category of a [`BarPlot`].
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BarRow<'a> {
    /// The category.
    pub label: &'a str,
    /// Its share of the reference.
    pub reference: f64,
    /// Its current share.
    pub current: f64,
}

impl<'a> BarRow<'a> {
    /// The category with its share of the reference and its current share.
    #[must_use]
    pub fn new(label: &'a str, reference: f64, current: f64) -> Self {
        Self { label, reference, current }
    }
}

/// Two bars per category, one under the other.
///
/// ```
/// use mlcore::html::{BarPlot, BarRow};
///
/// let plot = BarPlot::new("plan, before and now", [BarRow::new("free", 0.7, 0.4), BarRow::new("pro", 0.3, 0.6)]);
/// assert!(plot.markup().as_str().starts_with("<svg"));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct BarPlot<'a> {
    /// What is shown, for readers who do not see it.
    pub description: String,
    /// The categories, from the top.
    pub rows: Vec<BarRow<'a>>,
}

impl<'a> BarPlot<'a> {
    /// The bars of these categories, from the top; `description` says what is shown.
    #[must_use]
    pub fn new(description: impl Into<String>, rows: impl IntoIterator<Item = BarRow<'a>>) -> Self {
        Self { description: description.into(), rows: rows.into_iter().collect() }
    }

    /// The plot.
    #[must_use]
    pub fn markup(&self) -> Markup {
        const ROW: f64 = 24.0;
        const CHARACTER: f64 = 6.1;
        let widest = self.rows.iter().map(|row| shortened(row.label).chars().count()).max().unwrap_or(0);
        let labels = widest as f64 * CHARACTER + 10.0;
        const FIGURES: f64 = 92.0;
        let longest = self.rows.iter().flat_map(|row| [row.reference, row.current]).fold(0.0, f64::max);
        let scale = (WIDTH - labels - FIGURES) / if longest > 0.0 { longest } else { 1.0 };
        let mut content = Markup::new();
        for (position, row) in self.rows.iter().enumerate() {
            let y = position as f64 * ROW + 4.0;
            content.push(label(labels - 6.0, y + 12.0, "end", "label", &shortened(row.label)));
            for (offset, class, share) in [(0.0, "reference", row.reference), (8.0, "current", row.current)] {
                let bar = rounded(&[labels, y + offset, (share * scale).max(0.5), 7.0]);
                let [x, y, width, height] = bar.each_ref().map(String::as_str);
                let class = prefixed(class);
                let place =
                    [("class", class.as_str()), ("x", x), ("y", y), ("width", width), ("height", height)];
                content.push(Markup::empty_element("rect", &place));
            }
            let end = labels + row.reference.max(row.current) * scale + 5.0;
            let figures = format!("{} / {}", percent(row.reference), percent(row.current));
            content.push(label(end, y + 12.0, "start", "tick", &figures));
        }
        svg(&self.description, self.rows.len() as f64 * ROW + 6.0, content)
    }
}

/// A legend's entry: the colour of `reference`, `current` or `line0` to `line3`, and a name.
#[must_use]
pub fn legend_key(class: &str, name: &str) -> Markup {
    let swatch = Markup::styled("span", &format!("swatch {class}"), &[], "");
    Markup::styled("span", "key", &[], [swatch, Markup::text(name)])
}

/// The mapping from data to the drawing.
struct Frame {
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    fn new(x: (f64, f64), y: (f64, f64)) -> Self {
        Self { x, y }
    }

    fn at_x(&self, x: f64) -> f64 {
        LEFT + share(x, self.x) * (WIDTH - LEFT - RIGHT)
    }

    fn at_y(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - share(y, self.y) * (HEIGHT - TOP - BOTTOM)
    }

    fn axes(&self, written: impl Fn(f64) -> String, x_label: &[String]) -> Markup {
        let mut axes = Markup::new();
        for tick in ticks(self.y, 4) {
            let y = self.at_y(tick);
            axes.push(path("grid", &format!("M{LEFT} {y:.1}H{}", WIDTH - RIGHT)));
            axes.push(label(LEFT - 5.0, y + 3.5, "end", "tick", &written(tick)));
        }
        for tick in ticks(self.x, 5) {
            let x = self.at_x(tick);
            let base = HEIGHT - BOTTOM;
            axes.push(path("axis", &format!("M{x:.1} {base}v4")));
            axes.push(label(x, HEIGHT - 6.0, "middle", "tick", &compact(tick)));
        }
        for text in x_label {
            axes.push(label(WIDTH - RIGHT, HEIGHT - BOTTOM - 4.0, "end", "tick", text));
        }
        axes.push(path("axis", &format!("M{LEFT} {}H{}", HEIGHT - BOTTOM, WIDTH - RIGHT)));
        axes
    }

    /// The outline of a histogram, closed at the base line.
    fn steps(&self, class: &'static str, edges: &[f64], shares: &[f64]) -> Markup {
        let base = HEIGHT - BOTTOM;
        let mut line = String::new();
        for (pair, share) in edges.windows(2).zip(shares) {
            let start = if line.is_empty() { "M" } else { "L" };
            let (x0, x1, y) = (self.at_x(pair[0]), self.at_x(pair[1]), self.at_y(*share));
            if line.is_empty() {
                let _ = write!(line, "{start}{x0:.1} {base}");
            }
            let _ = write!(line, "V{y:.1}H{x1:.1}");
        }
        let _ = write!(line, "V{base}");
        path(class, &line)
    }

    fn line(&self, position: usize, points: &[(f64, f64)]) -> Markup {
        let class = ["line line0", "line line1", "line line2", "line line3"][position % 4];
        let mut line = String::new();
        for (x, y) in points {
            let command = if line.is_empty() { 'M' } else { 'L' };
            let _ = write!(line, "{command}{:.1} {:.1}", self.at_x(*x), self.at_y(*y));
        }
        if let [(x, y)] = points {
            let [x, y] = rounded(&[self.at_x(*x), self.at_y(*y)]);
            return Markup::empty_element(
                "circle",
                &[("class", &prefixed(class)), ("cx", &x), ("cy", &y), ("r", "2.5")],
            );
        }
        path(class, &line)
    }

    fn across(&self, y: f64, text: &str) -> Markup {
        let at = self.at_y(y);
        let line = path("threshold", &format!("M{LEFT} {at:.1}H{}", WIDTH - RIGHT));
        [line, label(LEFT + 4.0, at - 3.0, "start", "note", text)].into()
    }

    /// A numbered line: names would run into each other, so the legend has them. Neighbours stand on two heights.
    fn upright(&self, x: f64, position: usize) -> Markup {
        let at = self.at_x(x);
        let line = path("event", &format!("M{at:.1} {TOP}V{}", HEIGHT - BOTTOM));
        let height = TOP + 8.0 + 11.0 * (position % 2) as f64;
        [line, label(at + 3.0, height, "start", "note", &(position + 1).to_string())].into()
    }
}

/// Where `value` lies between the ends, from 0 to 1.
pub(super) fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    let share = if (high - low).is_finite() {
        (value - low) / (high - low)
    } else {
        // Halves: the range of a column may exceed the range of floats.
        (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
    };
    if share.is_nan() { 0.5 } else { share.clamp(0.0, 1.0) }
}

/// At most about `most` round numbers within `span`.
pub(super) fn ticks((low, high): (f64, f64), most: usize) -> Vec<f64> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let rough = span / most as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough * 0.999);
    let Some(step) = step.filter(|step| step.is_normal()) else { return Vec::new() };
    let first = (low / step).ceil();
    (0..=2 * most)
        .map(|i| (first + i as f64) * step)
        .take_while(|tick| *tick <= high + step * 1e-9)
        // Multiples of 0.1 carry rounding errors that no axis should show.
        .map(|tick| if tick.abs() < step * 1e-9 { 0.0 } else { tick })
        .collect()
}

pub(super) fn svg(description: &str, height: f64, content: Markup) -> Markup {
    let view = format!("0 0 {WIDTH} {height}");
    let title = Markup::element("title", &[], description);
    let attributes = [("viewBox", view.as_str()), ("role", "img"), ("aria-label", description)];
    Markup::styled("svg", "plot", &attributes, [title, content])
}

pub(super) fn path(class: &'static str, line: &str) -> Markup {
    Markup::empty_element("path", &[("class", &prefixed(class)), ("d", line)])
}

pub(super) fn label(x: f64, y: f64, anchor: &'static str, class: &'static str, text: &str) -> Markup {
    let [x, y] = rounded(&[x, y]);
    Markup::styled("text", class, &[("x", &x), ("y", &y), ("text-anchor", anchor)], text)
}

pub(super) fn rounded<const N: usize>(values: &[f64; N]) -> [String; N] {
    values.map(|value| format!("{value:.1}"))
}

pub(super) fn shortened(name: &str) -> String {
    match name.char_indices().nth(LONGEST_LABEL) {
        Some((end, _)) => format!("{}\u{2026}", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks((0.0, 1.0), 4), [0.0, 0.5, 1.0]);
        assert_eq!(ticks((-3.2, 7.9), 5), [0.0, 5.0]);
        assert_eq!(ticks((0.0, 0.23), 4).len(), 3);
        for odd in [(0.0, 0.0), (1.0, 0.0), (f64::NEG_INFINITY, 1.0), (0.0, f64::NAN), (0.0, 5e-324)] {
            assert!(ticks(odd, 4).len() < 9);
        }
    }

    #[test]
    fn plots_of_odd_data_are_drawn_without_nan() {
        let huge = HistogramPlot {
            description: "huge".into(),
            edges: &[-f64::MAX, 0.0, f64::MAX],
            reference: &[0.0, 0.0],
            current: &[1.0, 0.0],
        };
        let line = LinePlot::new("odd", "x")
            .series(Series {
                name: "a".into(),
                points: vec![(f64::NAN, 1.0), (0.0, f64::INFINITY), (2.0, 1.0)],
            })
            .series(Series { name: "none".into(), points: Vec::new() })
            .threshold(f64::NAN, "never");
        for plot in [huge.markup(), line.markup(), LinePlot::new("empty", "").markup()] {
            assert!(!plot.as_str().contains("NaN") && !plot.as_str().contains("inf"), "{plot:?}");
        }
    }
    #[test]
    fn the_numbers_of_events_stand_above_all_lines() {
        let points = vec![(0.0, 1.0), (1.0, 2.5), (2.0, -4.0)];
        let plot = LinePlot::new("loss", "request")
            .series(Series { name: "a".into(), points })
            .event(0.5, "on trial")
            .event(1.0, "promoted")
            .markup();
        let numbers = |text: &str| -> Vec<f64> {
            let parts = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
            parts.filter_map(|part| part.parse().ok()).collect()
        };
        let line = plot.as_str().split("<path class=\"ml-line ml-line0\" d=\"").nth(1).unwrap();
        let highest =
            numbers(line.split('"').next().unwrap()).chunks(2).map(|point| point[1]).fold(1e9, f64::min);
        let labels: Vec<f64> =
            (plot.as_str().split("<text").filter(|text| text.contains("class=\"ml-note\"")))
                .filter(|text| text.contains(">1<") || text.contains(">2<"))
                .map(|text| numbers(text.split("y=\"").nth(1).unwrap())[0])
                .collect();
        assert_eq!(labels.len(), 2, "{plot:?}");
        assert!(labels.iter().all(|baseline| *baseline < highest), "{labels:?} {highest}");
    }
}
