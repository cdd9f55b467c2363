//! Lines over steps or time, drawn on the server as SVG: what a metric did, and how runs differ.

mod draw;
mod gaps;
mod reduce;
mod scale;

use self::draw::Frame;
use self::gaps::Gaps;
use self::scale::Scale;
use super::html::Html;
use super::shown;

/// What points are laid out along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Along {
    Step,
    /// Milliseconds since 1970.
    Time,
}

impl Along {
    fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Time => "time (UTC)",
        }
    }

    /// A place on the axis in words.
    pub(super) fn place(self, x: f64) -> String {
        match self {
            Self::Step => format!("step {}", shown::exact(x)),
            Self::Time => shown::moment((x / 1000.0).floor() as i64, ' '),
        }
    }
}

/// One line: points by rising places, and where its name leads.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) link: Option<String>,
    pub(super) points: Vec<(f64, f64)>,
}

/// How large a chart is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Size {
    /// One of several.
    Small,
    /// Alone on its page.
    Large,
}

/// A chart of lines.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    /// Where the title leads.
    pub(super) link: Option<String>,
    pub(super) along: Along,
    /// Whether values are laid out by their logarithm.
    pub(super) log: bool,
    /// Whether a value holds until the next one.
    pub(super) holds: bool,
    pub(super) size: Size,
    pub(super) series: Vec<Series>,
    /// What else is to be said of it.
    pub(super) notes: Vec<String>,
}

impl Chart {
    pub(super) fn new(title: impl Into<String>, along: Along, series: Vec<Series>) -> Self {
        let (title, size) = (title.into(), Size::Small);
        Self { title, link: None, along, log: false, holds: false, size, series, notes: Vec::new() }
    }

    /// Writes the figure: title, drawing, legend where there are several lines, and in words what cannot be drawn.
    pub(super) fn write(&self, html: &mut Html) {
        let large = self.size == Size::Large;
        html.raw(if large { "<figure class=\"chart large\">" } else { "<figure class=\"chart\">" })
            .raw("<figcaption>");
        match &self.link {
            Some(link) => html.raw("<a href=\"").text(link).raw("\">").text(&self.title).raw("</a>"),
            None => html.text(&self.title),
        };
        html.raw("</figcaption>");
        let mut gaps = Gaps::default();
        for series in &self.series {
            series.points.iter().for_each(|(x, y)| gaps.see(*x, *y, self.log));
        }
        match self.frame() {
            Some(frame) => {
                html.raw_if(
                    large,
                    "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Chart\">",
                );
                frame.write(html, self);
                html.raw_if(large, "</div>");
            }
            None => {
                html.raw("<p class=\"nothing\">Nothing that can be drawn.</p>");
            }
        }
        if self.series.len() > 1 {
            self.legend(html);
        }
        for note in gaps.words(self.along).iter().chain(&self.notes) {
            html.raw("<p class=\"note\">").text(note).raw("</p>");
        }
        html.raw("</figure>");
    }

    fn legend(&self, html: &mut Html) {
        html.raw("<ul class=\"legend\">");
        for (place, series) in self.series.iter().enumerate() {
            html.raw("<li><svg class=\"key\" viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"");
            html.text(style(place)).raw("\" d=\"M1 4h26\"/></svg>");
            match &series.link {
                Some(link) => html.raw("<a href=\"").text(link).raw("\">").text(&series.name).raw("</a>"),
                None => html.text(&series.name),
            };
            html.raw("</li>");
        }
        html.raw("</ul>");
    }

    /// The drawing's scales; none where no point can be drawn.
    fn frame(&self) -> Option<Frame> {
        let drawn = |(x, y): &&(f64, f64)| x.is_finite() && y.is_finite() && !(self.log && *y <= 0.0);
        let points = || self.series.iter().flat_map(|series| series.points.iter()).filter(drawn);
        let (width, height) = match self.size {
            Size::Small => (440.0, 230.0),
            Size::Large => (900.0, 380.0),
        };
        let x = span(points().map(|(x, _)| *x))?;
        // What holds goes on beyond the last change.
        let x = if self.holds { (x.0, x.1 + ((x.1 - x.0) * 0.04).max(1.0)) } else { x };
        let y = span(points().map(|(_, y)| *y))?;
        let x = Scale::new(x, (draw::LEFT, width - draw::RIGHT), false);
        let y = Scale::new(y, (height - draw::BOTTOM, draw::TOP), self.log).widened();
        Some(Frame { width, height, x, y })
    }

    /// What is shown, for readers who do not see it.
    fn description(&self) -> String {
        let mut text = format!("{} over {}. ", self.title, self.along.name());
        for series in self.series.iter().take(MOST_DESCRIBED) {
            if self.series.len() > 1 {
                text.push_str(&series.name);
                text.push_str(": ");
            }
            text.push_str(&self.summary(series));
            text.push(' ');
        }
        if self.series.len() > MOST_DESCRIBED {
            text.push_str(&format!("And {} more lines.", self.series.len() - MOST_DESCRIBED));
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn summary(&self, series: &Series) -> String {
        let mut finite = series.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
        let Some(first) = finite.next() else { return "no number.".to_owned() };
        let (mut low, mut high, mut last, mut count) = (first, first, first, 1);
        for point in finite {
            if point.1 < low.1 {
                low = point;
            }
            if point.1 > high.1 {
                high = point;
            }
            (last, count) = (point, count + 1);
        }
        let at = |point: &(f64, f64)| format!("{} at {}", shown::number(point.1), self.along.place(point.0));
        match count {
            1 => format!("one point, {}.", at(first)),
            _ => format!(
                "{}, from {} to {}; lowest {}, highest {}.",
                shown::counted(count, "point", "points"),
                at(first),
                at(last),
                at(low),
                at(high)
            ),
        }
    }
}

/// The smallest and the largest; none of nothing.
fn span(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |span, value| match span {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// The classes of the line at this place: its colour, and a pattern for those who do not tell colours apart.
fn style(place: usize) -> &'static str {
    STYLES.get(place % STYLES.len()).copied().unwrap_or_default()
}

const STYLES: [&str; 24] = [
    "line c0 d0",
    "line c1 d1",
    "line c2 d2",
    "line c3 d3",
    "line c4 d0",
    "line c5 d1",
    "line c6 d2",
    "line c7 d3",
    "line c0 d1",
    "line c1 d2",
    "line c2 d3",
    "line c3 d0",
    "line c4 d1",
    "line c5 d2",
    "line c6 d3",
    "line c7 d0",
    "line c0 d2",
    "line c1 d3",
    "line c2 d0",
    "line c3 d1",
    "line c4 d2",
    "line c5 d3",
    "line c6 d0",
    "line c7 d1",
];
/// More lines than a listener keeps apart.
const MOST_DESCRIBED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: Vec<(f64, f64)>, log: bool) -> String {
        let series = vec![Series { name: "a".into(), link: None, points }];
        let mut html = Html::new();
        Chart { log, ..Chart::new("loss", Along::Step, series) }.write(&mut html);
        html.into_string()
    }

    #[test]
    fn odd_points_are_said_in_words_and_never_drawn() {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, f64::MAX, f64::MIN, 5e-324];
        for log in [false, true] {
            for first in odd {
                for second in odd {
                    let text = drawn(vec![(0.0, first), (1.0, second), (2.0, 1.0)], log);
                    let lines = text.split(" d=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
                    for line in lines {
                        assert!(!line.contains("NaN") && !line.contains("inf"), "{first} {second}: {line}");
                    }
                }
            }
        }
        let text = drawn(vec![(0.0, f64::NAN), (1.0, 2.0), (2.0, f64::INFINITY)], false);
        assert!(text.contains("1 point is not a number (step 0)"), "{text}");
        assert!(text.contains("1 point is infinite (step 2)"), "{text}");
        assert!(drawn(vec![(0.0, -1.0), (1.0, 1.0)], true).contains("no logarithm"));
        assert!(drawn(vec![(0.0, f64::NAN)], false).contains("Nothing that can be drawn"));
        assert!(drawn(Vec::new(), true).contains("Nothing that can be drawn"));
    }

    #[test]
    fn a_chart_says_what_it_shows() {
        let text = drawn(vec![(0.0, 3.0), (1.0, 1.0), (2.0, 2.0)], false);
        let words = "loss over step. 3 points, from 3 at step 0 to 2 at step 2; lowest 1 at step 1, highest 3 at step 0.";
        assert!(text.contains(words), "{text}");
        assert_eq!(Along::Time.place(1_700_000_000_000.0), "2023-11-14 22:13:20");
    }

    #[test]
    fn lines_differ_in_more_than_colour() {
        let distinct: std::collections::BTreeSet<_> = (0..24).map(style).collect();
        assert_eq!(distinct.len(), 24);
        let patterns: std::collections::BTreeSet<_> = (0..4).map(|place| &style(place)[8..]).collect();
        assert_eq!(patterns.len(), 4);
    }
}
