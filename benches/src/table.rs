//! One table per topic: ours, the peer's, how they compare, what was aimed at.

use std::fmt;

use crate::timing::{Spread, show};

/// Lines of cells under a title; columns are as wide as they need to be.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    lines: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let header = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { title: title.into(), lines: vec![header], notes: Vec::new() }
    }

    pub(crate) fn line(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.lines.push(cells.into_iter().map(Into::into).collect());
    }

    /// A sentence under the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title)?;
        let columns = self.lines.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.lines.iter().filter_map(|line| line.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for (position, line) in self.lines.iter().enumerate() {
            let mut shown = String::new();
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                // What is measured reads from the left, numbers from the right.
                shown += &if column == 0 { format!("{cell:width$}") } else { format!("  {cell:>width$}") };
            }
            writeln!(f, "  {}", shown.trim_end())?;
            if position == 0 {
                let total = widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1);
                writeln!(f, "  {}", "-".repeat(total))?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}

/// What a measurement should reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// No claim is made; it is shown for what it is.
    None,
    /// The peer takes at least this many times as long.
    Times(f64),
    /// Ours takes at most these seconds.
    Within(f64),
}

/// What ours may take more than the peer, which is a part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Adds {
    /// At most these seconds.
    Seconds(f64),
    /// At most this share of the peer's.
    Share(f64),
}

impl Adds {
    /// The cells `ours, peer, added, goal, reached`.
    pub(crate) fn judge(self, ours: &Spread, peer: &Spread) -> [String; 5] {
        let (added, goal, reached) = match self {
            Self::Seconds(most) => {
                let added = ours.beside(peer, |ours, peer| ours - peer);
                (format!("{:+.2} us", added * 1e6), format!("+ {}", show(most)), added < most)
            }
            Self::Share(most) => {
                let added = ours.beside(peer, |ours, peer| ours / peer - 1.0);
                (format!("{:+.1} %", added * 100.0), format!("+ {:.0} %", most * 100.0), added < most)
            }
        };
        [show(ours.median), show(peer.median), added, goal, verdict(Some(reached)).to_owned()]
    }
}

impl Goal {
    /// The cells `ours, peer, ratio, goal, reached`; the ratio says how many of ours fit into one of the peer's.
    pub(crate) fn judge(self, ours: f64, peer: Option<f64>) -> [String; 5] {
        let (goal, reached) = match self {
            Self::None => (String::new(), None),
            Self::Times(times) if times.fract() != 0.0 => {
                (format!("{times:.1}x"), peer.map(|peer| peer >= times * ours))
            }
            Self::Times(times) => (format!("{times:.0}x"), peer.map(|peer| peer >= times * ours)),
            Self::Within(seconds) => (format!("< {}", show(seconds)), Some(ours < seconds)),
        };
        let ratio = match peer {
            None => String::new(),
            Some(other) if other >= 9.95 * ours => format!("{:.0}x", other / ours),
            Some(other) => format!("{:.2}x", other / ours),
        };
        [show(ours), peer.map_or("-".to_owned(), show), ratio, goal, verdict(reached).to_owned()]
    }
}

/// How a table says whether a goal was reached.
pub(crate) fn verdict(reached: Option<bool>) -> &'static str {
    match reached {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_judged_and_columns_line_up() {
        let cells = |goal: Goal, ours, peer| goal.judge(ours, peer).join("|");
        assert_eq!(cells(Goal::Times(15.0), 1e-3, Some(0.02)), "1.00 ms|20.00 ms|20x|15x|met");
        assert_eq!(cells(Goal::Times(15.0), 1e-3, None), "1.00 ms|-||15x|");
        assert_eq!(cells(Goal::Times(0.9), 1e-3, Some(1e-3)), "1.00 ms|1.00 ms|1.00x|0.9x|met");
        let spread = |seconds: f64| Spread::of(vec![vec![seconds]]);
        let added = |adds: Adds, ours, peer| adds.judge(&spread(ours), &spread(peer)).join("|");
        assert_eq!(added(Adds::Seconds(3e-6), 9e-6, 5e-6), "9.00 us|5.00 us|+4.00 us|+ 3.00 us|MISSED");
        assert_eq!(added(Adds::Share(0.05), 1.04, 1.0), "1.04 s|1.00 s|+4.0 %|+ 5 %|met");
        assert_eq!(cells(Goal::Within(2e-6), 5e-7, None), "500 ns|-||< 2.00 us|met");
        let mut table = Table::new("Title", &["what", "a"]);
        table.line(["x", "12"]);
        table.note("note");
        assert_eq!(table.to_string(), "\nTitle\n  what   a\n  --------\n  x     12\n  note\n");
    }
}
