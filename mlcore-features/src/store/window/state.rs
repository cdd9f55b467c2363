//! What is kept of the events of a window or a tile: numbers that add up, in whatever order events come.

use smallvec::SmallVec;

use super::bytes::{Reader, put_count, put_u64};
use super::distinct::Distinct;
use super::exact::{Sum, SumOfSquares};
use super::last::Last;
use super::quantiles::Buckets;
use super::value::{Class, Item};

/// What is kept of a column beside the number of its values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Parts {
    pub(super) sums: bool,
    pub(super) squares: bool,
    pub(super) extremes: bool,
    pub(super) distinct: bool,
    pub(super) quantiles: bool,
    /// How many last values.
    pub(super) last: u32,
}

impl Parts {
    /// What either of two needs.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            sums: self.sums | other.sums,
            squares: self.squares | other.squares,
            extremes: self.extremes | other.extremes,
            distinct: self.distinct | other.distinct,
            quantiles: self.quantiles | other.quantiles,
            last: self.last.max(other.last),
        }
    }

    /// One number that tells them apart.
    pub(super) fn code(self) -> u64 {
        let bits = [self.sums, self.squares, self.extremes, self.distinct, self.quantiles];
        bits.into_iter().fold(u64::from(self.last), |code, bit| code << 1 | u64::from(bit))
    }
}

/// What is kept of the values of one column. Nulls and NaN are no values.
#[derive(Clone, Debug, Default)]
pub(crate) struct ColumnState {
    pub(super) count: u64,
    /// Infinities, the positive ones first; the sums are those of all other values.
    pub(super) infinities: [u64; 2],
    pub(super) sum: Sum,
    pub(super) squares: SumOfSquares,
    /// The least and the greatest value, as ordered bits.
    pub(super) extremes: Option<(u64, u64)>,
    /// What few columns need.
    pub(super) rare: Option<Box<Rare>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    pub(super) last: Last,
    pub(super) distinct: Distinct,
    pub(super) buckets: Buckets,
}

impl ColumnState {
    /// Adds a value.
    #[inline]
    pub(super) fn add(&mut self, item: Item<'_>, event: i64, parts: Parts) {
        self.count += 1;
        if parts.sums {
            match item {
                Item::Float(number) if number.is_infinite() => {
                    let [positive, negative] = &mut self.infinities;
                    *(if number > 0.0 { positive } else { negative }) += 1;
                }
                Item::Float(number) => {
                    self.sum.add(number);
                    if parts.squares {
                        self.squares.add(number);
                    }
                }
                Item::Signed(_) | Item::Unsigned(_) => {
                    let number = match item {
                        Item::Signed(number) => i128::from(number),
                        Item::Unsigned(number) => i128::from(number),
                        Item::Float(_) | Item::Text(_) | Item::Opaque => 0,
                    };
                    self.sum.add_integer(number);
                    if parts.squares {
                        self.squares.add_integer(number);
                    }
                }
                Item::Text(_) | Item::Opaque => {}
            }
        }
        if parts.extremes
            && let Some(bits) = item.ordered()
        {
            self.extend(bits, bits);
        }
        if parts.last > 0 || parts.distinct || parts.quantiles {
            let rare = self.rare.get_or_insert_default();
            if let Some(word) = item.word().filter(|_| parts.last > 0) {
                rare.last.add(event, word, parts.last as usize);
            }
            if parts.distinct {
                rare.distinct.add(item.hash());
            }
            if parts.quantiles {
                match item {
                    Item::Float(number) => rare.buckets.add(number),
                    Item::Signed(number) => rare.buckets.add(number as f64),
                    Item::Unsigned(number) => rare.buckets.add(number as f64),
                    Item::Text(_) | Item::Opaque => {}
                }
            }
        }
    }

    fn extend(&mut self, least: u64, greatest: u64) {
        let (low, high) = self.extremes.unwrap_or((least, greatest));
        self.extremes = Some((low.min(least), high.max(greatest)));
    }

    fn merge(&mut self, other: &Self, parts: Parts) {
        if other.count == 0 {
            return;
        }
        self.count = self.count.saturating_add(other.count);
        for (own, other) in self.infinities.iter_mut().zip(other.infinities) {
            *own = own.saturating_add(other);
        }
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        if let Some((least, greatest)) = other.extremes {
            self.extend(least, greatest);
        }
        if let Some(rare) = &other.rare {
            let own = self.rare.get_or_insert_default();
            own.last.merge(&rare.last, parts.last as usize);
            own.distinct.merge(&rare.distinct);
            own.buckets.merge(&rare.buckets);
        }
    }

    fn write(&self, bytes: &mut Vec<u8>, parts: Parts, class: Class) {
        put_count(bytes, self.count);
        if self.count == 0 {
            return;
        }
        if parts.sums {
            if class == Class::Float {
                self.infinities.iter().for_each(|count| put_count(bytes, *count));
            }
            self.sum.write(bytes);
        }
        if parts.squares {
            self.squares.write(bytes);
        }
        if parts.extremes {
            let (least, greatest) = self.extremes.unwrap_or_default();
            put_u64(bytes, least);
            put_u64(bytes, greatest);
        }
        let none = Rare::default();
        let rare = self.rare.as_deref().unwrap_or(&none);
        if parts.last > 0 {
            rare.last.write(bytes);
        }
        if parts.distinct {
            rare.distinct.write(bytes);
        }
        if parts.quantiles {
            rare.buckets.write(bytes);
        }
    }

    /// Adds what [`write`](Self::write) wrote of `stored` parts, as far as it is `wanted`.
    #[inline]
    fn absorb(&mut self, reader: &mut Reader<'_>, stored: Parts, wanted: Parts, class: Class) -> Option<()> {
        let count = reader.count()?;
        if count == 0 {
            return Some(());
        }
        self.count = self.count.saturating_add(count);
        if stored.sums {
            if class == Class::Float {
                for own in &mut self.infinities {
                    *own = own.saturating_add(reader.count()?);
                }
            }
            if wanted.sums { self.sum.absorb(reader)? } else { Sum::skip(reader)? }
        }
        if stored.squares {
            if wanted.squares { self.squares.absorb(reader)? } else { SumOfSquares::skip(reader)? }
        }
        if stored.extremes {
            let (least, greatest) = (reader.u64()?, reader.u64()?);
            if least > greatest {
                return None;
            }
            if wanted.extremes {
                self.extend(least, greatest);
            }
        }
        if stored.last == 0 && !stored.distinct && !stored.quantiles {
            return Some(());
        }
        self.absorb_rare(reader, stored, wanted, class)
    }

    fn absorb_rare(
        &mut self,
        reader: &mut Reader<'_>,
        stored: Parts,
        wanted: Parts,
        class: Class,
    ) -> Option<()> {
        let rare = self.rare.get_or_insert_default();
        if stored.last > 0 {
            let is_text = class == Class::Text;
            if wanted.last > 0 {
                rare.last.absorb(reader, is_text, wanted.last as usize)?;
            } else {
                Last::skip(reader, is_text)?;
            }
        }
        if stored.distinct {
            if wanted.distinct { rare.distinct.absorb(reader)? } else { Distinct::skip(reader)? }
        }
        if stored.quantiles {
            if wanted.quantiles { rare.buckets.absorb(reader)? } else { Buckets::skip(reader)? }
        }
        Some(())
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A column as tiles keep it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub(super) class: Class,
    pub(super) parts: Parts,
}

/// What is kept of some events: how many there are, and the state of each column.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(super) rows: u64,
    pub(super) columns: SmallVec<[ColumnState; 2]>,
}

impl State {
    /// Of no events, with so many columns.
    pub(crate) fn new(columns: usize) -> Self {
        let mut state = Self::default();
        state.columns.resize_with(columns, ColumnState::default);
        state
    }

    /// Adds an event with the values of its columns; `parts` says what is kept of each.
    #[inline]
    pub(crate) fn add<'a>(
        &mut self,
        event: i64,
        items: impl Iterator<Item = Option<Item<'a>>>,
        parts: impl Iterator<Item = Option<Parts>>,
    ) {
        self.rows += 1;
        for ((column, item), parts) in self.columns.iter_mut().zip(items).zip(parts) {
            if let (Some(item), Some(parts)) = (item, parts) {
                column.add(item, event, parts);
            }
        }
    }

    /// Adds the events of another state.
    pub(crate) fn merge(&mut self, other: &Self, parts: impl Iterator<Item = Option<Parts>>) {
        self.rows = self.rows.saturating_add(other.rows);
        for ((column, other), parts) in self.columns.iter_mut().zip(&other.columns).zip(parts) {
            if let Some(parts) = parts {
                column.merge(other, parts);
            }
        }
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>, shapes: &[Shape]) {
        put_count(bytes, self.rows);
        for (column, shape) in self.columns.iter().zip(shapes) {
            column.write(bytes, shape.parts, shape.class);
        }
    }

    /// Adds what [`write`](Self::write) wrote, of each column what is wanted of it; the bytes are read to their end.
    #[inline]
    pub(super) fn absorb(
        &mut self,
        mut reader: Reader<'_>,
        shapes: &[Shape],
        wanted: impl Iterator<Item = Option<Parts>>,
    ) -> Option<()> {
        let rows = reader.count()?;
        self.rows = self.rows.saturating_add(rows);
        for ((column, shape), wanted) in self.columns.iter_mut().zip(shapes).zip(wanted) {
            let wanted = wanted.unwrap_or_default();
            column.absorb(&mut reader, shape.parts, wanted, shape.class)?;
        }
        reader.is_empty().then_some(())
    }

    /// Makes it that of no events.
    pub(super) fn clear(&mut self) {
        self.rows = 0;
        self.columns.iter_mut().for_each(ColumnState::clear);
    }
}
