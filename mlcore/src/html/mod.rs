//! Building blocks of pages that explain themselves: one file, no script, nothing loaded from anywhere.
//!
//! Everything that is shown passes through [`Markup`], which escapes text by construction: a column called
//! `<script>` is a column called `<script>`. A [`Page`] forbids scripts and remote content once more by its content
//! security policy, follows the reader's light or dark theme, and can be read without colours (plots have text
//! descriptions, judgements are words).
//!
//! ```
//! use mlcore::html::{KeyFigure, Page, key_figures, paragraph};
//!
//! let page = Page::new("Release 7")
//!     .section("What happened", [paragraph("The canary was promoted."), key_figures(&[KeyFigure::new("rows", "1,200")])]);
//! assert!(page.to_html().starts_with("<!DOCTYPE html>"));
//! assert!(page.to_fragment().starts_with("<div class=\"mlcore\">"));
//! ```

mod figure;
mod interval;
mod markup;
mod page;
mod parts;
mod plot;

#[doc(hidden)]
pub use self::figure::{Grouped, Percent};
pub use self::figure::{compact, count, percent};
pub use self::interval::{IntervalPlot, IntervalRow};
pub use self::markup::Markup;
pub use self::page::Page;
pub use self::parts::{
    Align, KeyFigure, Table, Tone, code, details, key_figures, list, paragraph, pill, subheading, text_block,
};
pub use self::plot::{BarPlot, BarRow, HistogramPlot, LinePlot, Series, legend_key};
