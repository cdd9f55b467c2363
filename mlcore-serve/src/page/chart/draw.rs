//! The drawing: axes, and a path for each line.

use std::fmt::Write as _;

use super::reduce::reduced;
use super::scale::Scale;
use super::{Along, Chart, Series, Size, style};
use crate::page::html::Html;

/// A drawing of this size with its scales.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Frame {
    pub(super) fn write(&self, html: &mut Html, chart: &Chart) {
        let description = chart.description();
        html.raw("<svg class=\"plot\" viewBox=\"0 0 ").show(self.width).raw(" ").show(self.height);
        html.raw("\" role=\"img\" aria-label=\"").text(&description);
        html.raw("\" data-along=\"").raw(if chart.along == Along::Time { "time" } else { "step" });
        html.raw("\" data-x=\"").text(self.x.told()).raw("\" data-y=\"").text(self.y.told()).raw("\">");
        self.axes(html, chart);
        for (place, series) in chart.series.iter().enumerate() {
            let line = self.line(chart, series);
            html.raw("<path class=\"").text(style(place)).raw("\" data-name=\"").text(&series.name);
            html.raw("\" d=\"").text(line).raw("\"/>");
        }
        html.raw("</svg>");
    }

    fn axes(&self, html: &mut Html, chart: &Chart) {
        let (left, right, base) = (LEFT, self.width - RIGHT, self.height - BOTTOM);
        let (many, few) = if chart.size == Size::Large { (8, 6) } else { (4, 4) };
        let values = if chart.holds { self.y.whole_ticks(few) } else { self.y.ticks(few) };
        for (value, text) in values {
            let y = self.y.at(value);
            html.raw("<path class=\"grid\" d=\"").text(format!("M{left} {y:.1}H{right}")).raw("\"/>");
            label(html, left - 6.0, y + 4.0, "end", &text);
        }
        let marks = match chart.along {
            Along::Step => self.x.whole_ticks(many),
            Along::Time => self.x.moments(if chart.size == Size::Large { 7 } else { 3 }),
        };
        for (value, text) in marks {
            let x = self.x.at(value);
            html.raw("<path class=\"axis\" d=\"").text(format!("M{x:.1} {base}v4")).raw("\"/>");
            label(html, x, base + 16.0, "middle", &text);
        }
        html.raw("<path class=\"axis\" d=\"").text(format!("M{left} {base}H{right}")).raw("\"/>");
        let name = chart.along.name();
        label(html, right, self.height - 4.0, "end", name);
        if chart.log {
            label(html, left, self.height - 4.0, "start", "logarithmic");
        }
    }

    /// The line, which breaks where a value cannot be drawn.
    fn line(&self, chart: &Chart, series: &Series) -> String {
        let mut path = String::new();
        let is_drawn = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite() && !(chart.log && *y <= 0.0);
        for piece in series.points.split(|point| !is_drawn(point)) {
            let piece = match chart.holds {
                true => piece.to_vec(),
                false => reduced(piece, self.x.pixels(), |x| self.x.at(x)),
            };
            let mut held = None;
            for (place, (x, y)) in piece.iter().enumerate() {
                let (x, y) = (self.x.at(*x), self.y.at(*y));
                if let Some(before) = held.filter(|_| chart.holds) {
                    let _ = write!(path, "L{x:.1} {before:.1}");
                }
                let _ = write!(path, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
                held = Some(y);
            }
            if chart.holds && piece.last() == series.points.last() {
                let _ = write!(path, "H{:.1}", self.width - RIGHT);
            }
            // The round ends of a line of no length are a dot.
            if piece.len() == 1 {
                path.push_str("h0");
            }
        }
        path
    }
}

fn label(html: &mut Html, x: f64, y: f64, anchor: &'static str, text: &str) {
    html.raw("<text x=\"").text(format!("{x:.1}")).raw("\" y=\"").text(format!("{y:.1}"));
    html.raw("\" text-anchor=\"").raw(anchor).raw("\">").text(text).raw("</text>");
}

pub(super) const LEFT: f64 = 64.0;
pub(super) const RIGHT: f64 = 16.0;
pub(super) const TOP: f64 = 10.0;
pub(super) const BOTTOM: f64 = 38.0;
