//! Categories of a program as lookups of a graph.

use mlcore::{Error, Result};

use super::OPERATION;
use super::lower::Lowering;
use crate::graph::proto::{Attribute, Element};
use crate::graph::search::Keys;
use crate::graph::{Graph, MACHINE_LEARNING, Number, Tensor};
use crate::program::encoder::{BitTable, Codes, Encoder, NumberTable, REFUSED, TextTable, Writes, ZEROS};
use crate::program::instruction::{Reading, Source};

/// The greatest integer below which a `double` stands for one integer.
const LARGEST_EXACT: u64 = 1 << 53;

/// Where codes point: to a column that is 1, or to a row of numbers. Behind the last row stand one of NaN, for codes that there
/// are not, and one for rows that are refused.
#[derive(Clone, Copy, Debug)]
enum Target {
    Column { width: usize },
    Row { rows: usize },
}

impl Target {
    fn of(writes: &Writes) -> Self {
        match writes {
            Writes::OneHot { width } => Self::Column { width: *width },
            Writes::Ordinal { values } => Self::Row { rows: values.len() },
            Writes::Rows { width, values } => Self::Row { rows: values.len() / (*width).max(1) },
        }
    }

    const fn refused(self) -> i64 {
        match self {
            Self::Column { .. } => -2,
            Self::Row { rows } => rows as i64 + 1,
        }
    }

    fn place(self, code: u32) -> i64 {
        match self {
            _ if code == REFUSED => self.refused(),
            Self::Column { width } if code != ZEROS && (code as usize) < width => i64::from(code),
            Self::Column { .. } => -1,
            Self::Row { rows } if (code as usize) < rows => i64::from(code),
            Self::Row { rows } => rows as i64,
        }
    }
}

impl Lowering<'_> {
    pub(super) fn encode_number(&mut self, from: &Reading, encoder: &Encoder<NumberTable>) -> Result<()> {
        let mut value = self.reading(from)?;
        let (missing, unknown) = encoder.codes_of_others();
        let target = Target::of(&encoder.output.writes);
        let codes = match encoder.table() {
            NumberTable::Bits(BitTable(lookup)) => {
                let mut pairs: Vec<(f64, i64)> = lookup
                    .all_bits()
                    .map(|(bits, slot)| (f64::from_bits(bits), target.place(slot)))
                    .collect();
                if let Source::Input(slot) = from.source
                    && self.inputs.is_rounded(slot)
                {
                    let narrow = self.graph.cast(value, Element::Float32);
                    value = self.graph.cast(narrow, Element::Float64);
                    pairs.iter_mut().for_each(|(number, _)| *number = f64::from(*number as f32));
                }
                pairs.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
                let twice =
                    |pair: &[(f64, i64)]| pair.first().map(|key| key.0) == pair.last().map(|key| key.0);
                if let Some([(twice, _), ..]) = pairs.windows(2).find(|pair| twice(pair)) {
                    let column = self.site_column(encoder.output.site);
                    let problem = format!("two of its categories are {twice} as float32");
                    return Err(Error::unsupported(OPERATION, column, problem)
                        .remedy("take float64 inputs, by float_inputs"));
                }
                let (keys, places): (Vec<f64>, Vec<i64>) = pairs.into_iter().unzip();
                self.graph.looked_up(value, Keys::Numbers(&keys), &places, target.place(unknown))
            }
            NumberTable::Index => self.index(value, target),
        };
        let is_missing = self.graph.is_missing(value);
        let missing_place = self.graph.integer(target.place(missing));
        let codes = self.graph.choose(is_missing, missing_place, codes);
        self.codes(codes, missing == REFUSED || unknown == REFUSED, &encoder.output)
    }

    /// The number as its own code.
    fn index(&mut self, value: Tensor, target: Target) -> Tensor {
        let graph = &mut self.graph;
        let (zero, most) = (graph.number(0.0), graph.number(f64::from(u32::MAX)));
        let present = graph.impute(value, zero);
        let within = graph.clip(present, zero, most);
        let code = graph.cast(within, Element::Int64);
        match target {
            Target::Column { .. } => code,
            Target::Row { rows } => {
                let last = graph.integer(rows as i64);
                graph.node("Min", &[code, last])
            }
        }
    }

    pub(super) fn encode_exact(
        &mut self,
        slot: usize,
        fill: Option<u64>,
        encoder: &Encoder<BitTable>,
    ) -> Result<()> {
        let BitTable(lookup) = encoder.table();
        let (missing, unknown) = encoder.codes_of_others();
        let target = Target::of(&encoder.output.writes);
        let element = self.inputs.element(slot)?;
        let is_signed = self.inputs.slot(slot)?.dtype.is_signed();
        let is_wide = |bits: u64| {
            let size = if is_signed { bits.cast_signed().unsigned_abs() } else { bits };
            element == Element::Float64 && size > LARGEST_EXACT
        };
        if lookup.all_bits().any(|(bits, _)| is_wide(bits)) {
            let problem =
                "a category is an integer beyond 2^53, and with missing values the column is one of floats";
            return Err(Error::unsupported(OPERATION, self.inputs.name(slot), problem)
                .remedy("say that integers are present, by integers_are_present"));
        }
        let raw = self.inputs.raw(&mut self.graph, slot)?;
        let mut pairs: Vec<(i64, i64)> =
            lookup.all_bits().map(|(bits, slot)| (bits.cast_signed(), target.place(slot))).collect();
        pairs.sort_unstable();
        let (keys, places): (Vec<i64>, Vec<i64>) = pairs.into_iter().unzip();
        let graph = &mut self.graph;
        let value = match element {
            Element::Int64 => raw,
            Element::Float64 => {
                let zero = graph.number(0.0);
                let present = graph.impute(raw, zero);
                let end = graph.number(LARGEST_EXACT as f64);
                let start = graph.number(-(LARGEST_EXACT as f64));
                let within = graph.clip(present, start, end);
                graph.cast(within, Element::Int64)
            }
            _ => graph.cast(raw, Element::Int64),
        };
        let codes = graph.looked_up(value, Keys::Integers(&keys), &places, target.place(unknown));
        let codes = if element == Element::Float64 {
            let missing = fill.map_or(missing, |fill| lookup.bits(fill).unwrap_or(unknown));
            let (is_missing, place) = (graph.is_missing(raw), graph.integer(target.place(missing)));
            graph.choose(is_missing, place, codes)
        } else {
            codes
        };
        self.codes(codes, missing == REFUSED || unknown == REFUSED, &encoder.output)
    }

    pub(super) fn encode_text(
        &mut self,
        slot: usize,
        fill: Option<&str>,
        encoder: &Encoder<TextTable>,
    ) -> Result<()> {
        let TextTable(lookup) = encoder.table();
        let (missing, unknown) = encoder.codes_of_others();
        let target = Target::of(&encoder.output.writes);
        let mut pairs: Vec<(String, i64)> =
            lookup.all_texts().map(|(text, slot)| (text, target.place(slot))).collect();
        if self.inputs.slot(slot)?.nullable {
            let absent = &self.options.missing_text;
            if pairs.iter().any(|(text, _)| text == absent) {
                let problem = format!("{absent:?} is one of its categories, and stands for a missing text");
                return Err(Error::unsupported(OPERATION, self.inputs.name(slot), problem)
                    .remedy("let another text stand for a missing one, by missing_text"));
            }
            let code = fill.map_or(missing, |fill| lookup.text(fill).unwrap_or(unknown));
            pairs.push((absent.clone(), target.place(code)));
        }
        pairs.sort_unstable();
        let raw = self.inputs.raw(&mut self.graph, slot)?;
        let codes = self.graph.labels(raw, &pairs, target.place(unknown));
        self.codes(codes, missing == REFUSED || unknown == REFUSED, &encoder.output)
    }

    /// 1 where a text is missing, else 0; always 0 where something is put in its place.
    pub(super) fn missing_text(&mut self, slot: usize, is_filled: bool) -> Result<Tensor> {
        let is_missing = i64::from(self.inputs.slot(slot)?.nullable && !is_filled);
        let raw = self.inputs.raw(&mut self.graph, slot)?;
        let flags = self.graph.labels(raw, &[(self.options.missing_text.clone(), is_missing)], 0);
        Ok(self.graph.cast(flags, Element::Float64))
    }

    /// Writes what the places `[N, 1]` point to; whether any may be that of a row that is refused.
    fn codes(&mut self, places: Tensor, refuses: bool, output: &Codes) -> Result<()> {
        let graph = &mut self.graph;
        let target = Target::of(&output.writes);
        if refuses {
            let refused = graph.integer(target.refused());
            let is_refused = graph.equal(places, refused);
            graph.refuse(is_refused, 1);
        }
        let padded = |values: &[f64], rows: usize, width: usize| {
            let mut padded: Vec<f64> = values.iter().copied().take(rows * width).collect();
            padded.resize((rows + 2) * width, f64::NAN);
            padded
        };
        let (block, width) = match (&output.writes, target) {
            (Writes::OneHot { width }, _) => {
                let columns: Vec<i64> = (0..*width as i64).collect();
                let columns = graph.integers(&columns, &[1, *width]);
                let is_own = graph.equal(places, columns);
                (graph.flag(is_own), *width)
            }
            (Writes::Ordinal { values }, _) => {
                let rows = graph.matrix(&padded(values, values.len(), 1), &[values.len() + 2]);
                (graph.gather(rows, places, 0), 1)
            }
            (Writes::Rows { width, values }, target) => {
                let rows = if let Target::Row { rows } = target { rows } else { 0 };
                let table = graph.matrix(&padded(values, rows, *width), &[rows + 2, *width]);
                let place = graph.flat(places);
                (graph.gather(table, place, 0), *width)
            }
        };
        for (column, number) in Number::all(block, width).into_iter().enumerate() {
            self.write(output.to.further(column), number)?;
        }
        Ok(())
    }

    fn site_column(&self, site: u32) -> &str {
        self.program.sites.get(site as usize).map_or("", |site| site.column.as_str())
    }
}

impl Graph {
    /// The integer of each text, and `otherwise` of all others: `[N, 1]`.
    fn labels(&mut self, texts: Tensor, pairs: &[(String, i64)], otherwise: i64) -> Tensor {
        // The operator wants a text.
        let nothing = [(String::new(), otherwise)];
        let pairs = if pairs.is_empty() { &nothing } else { pairs };
        let keys: Vec<&str> = pairs.iter().map(|(text, _)| text.as_str()).collect();
        let integers: Vec<i64> = pairs.iter().map(|(_, integer)| *integer).collect();
        let operator = (MACHINE_LEARNING, "LabelEncoder");
        if self.opsets().machine_learning > 1 {
            return self.node_with(
                operator,
                &[texts],
                &[
                    ("keys_strings", Attribute::Texts(&keys)),
                    ("values_int64s", Attribute::Ints(&integers)),
                    ("default_int64", Attribute::Int(otherwise)),
                ],
            );
        }
        // Its first version only counts the texts.
        let attributes =
            [("classes_strings", Attribute::Texts(&keys)), ("default_int64", Attribute::Int(-1))];
        let position = self.node_with(operator, &[texts], &attributes);
        let one = self.integer(1);
        let position = self.add(position, one);
        let integers: Vec<i64> = std::iter::once(otherwise).chain(integers).collect();
        let table = self.integers(&integers, &[integers.len()]);
        self.gather(table, position, 0)
    }
}
