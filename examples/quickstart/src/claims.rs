//! What the quickstart says, and whether it is so: a claim that fails ends the run with an error.

use std::fmt::Display;

use mlcore::{Error, Result};

/// The steps of the story with what was measured in each, printed as they come and kept for the page.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
}

impl Story {
    /// Begins a step.
    pub(crate) fn step(&mut self, title: &str) {
        let number = self.steps.len() + 1;
        println!("\n{number}. {title}");
        self.steps.push(Step { title: title.to_owned(), lines: Vec::new() });
    }

    /// States a fact that was measured.
    pub(crate) fn say(&mut self, line: impl Display) {
        let line = line.to_string();
        println!("   {}", line.replace('\n', "\n   "));
        if let Some(step) = self.steps.last_mut() {
            step.lines.push(line);
        }
    }

    /// States a fact that must hold.
    pub(crate) fn claim(&mut self, holds: bool, line: impl Display) -> Result<()> {
        if holds {
            self.say(format!("ok: {line}"));
            return Ok(());
        }
        let step = self.steps.last().map(|step| step.title.clone()).unwrap_or_default();
        Err(Error::internal("show the loop", step, format!("this should hold and does not: {line}")))
    }
}

/// A count with thousands separated: `20,190`.
pub(crate) fn count(number: usize) -> String {
    mlcore_drift::html::count(number as u64)
}
