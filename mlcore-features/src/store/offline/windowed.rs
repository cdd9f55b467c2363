//! One pass of a view's rows past the windows of the entity rows.
//!
//! The windows that an event is in belong to entity rows that follow each other in order of time. Over the entity rows of a key lies a
//! binary tree: an event is added to the few nodes that make up its stretch of rows, and at the end each node is added to the two below
//! it. So an event costs the logarithm of the number of entity rows of its key, however many windows it is in.

use mlcore::arrow::array::{Array, ArrayRef};
use mlcore::arrow::datatypes::{Field, Schema};
use mlcore::{Error, Result, interrupt};
use smallvec::SmallVec;

use super::join::{Entities, bounds, known_values, read_columns};
use super::keys::{Finder, NOTHING};
use super::pass::checked_column;
use super::slots::Order;
use super::source::{Piece, Scan, Source};
use super::times::Times;
use super::{OPERATION, View, ViewReport};
use crate::program::missing_column;
use crate::store::window::{Aggregate, Item, State, Values, WindowPlan, arrow_field, column};

/// Rows whose keys are looked up together: few enough for the fastest cache.
const BLOCK_ROWS: usize = 4096;

/// Makes sure that a view with windows asks for nothing that only one row has.
pub(super) fn check(view: &View<'_>) -> Result<()> {
    if view.windows.is_none() {
        return Ok(());
    }
    let asked = [
        (!view.features.is_empty(), "columns of one row"),
        (view.event_time.is_some(), "the event time of one row"),
        (view.status.is_some(), "the status of one row"),
        (view.ttl.is_some(), "a time to live beside its windows"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        None => Ok(()),
        Some((_, what)) => {
            Err(Error::invalid_input(OPERATION, "windows", format!("the view has windows, and {what}"))
                .remedy("join a second view of the same source for it"))
        }
    }
}

/// The columns of a view with windows.
pub(super) fn join(
    view: &View<'_>,
    source: &dyn Source,
    plan: &WindowPlan,
    schema: &Schema,
    entities: Entities<'_>,
) -> Result<(Vec<(Field, ArrayRef)>, ViewReport)> {
    let Entities { keys, order, times, columns: own } = entities;
    let columns = read_columns(view, source);
    if let Some(missing) = columns.iter().find(|name| schema.fields().find(name).is_none()) {
        return Err(missing_column(schema.fields(), missing, OPERATION));
    }
    let mut windows = Windows::new(view, plan, order, times);
    let moments = || (0..times.ticks().len()).map(|row| times.nanoseconds(row));
    if let (Some(first), Some(last)) = (moments().min(), moments().max()) {
        let known = known_values(view, schema, own);
        let scan = Scan::new(&columns, bounds(view, first, last)).with_keys(&known);
        let mut keys = keys.finder();
        for piece in source.scan(&scan)? {
            windows.observe(&piece?, schema, &mut keys)?;
        }
    }
    windows.finish(times.ticks().len())
}

/// The windows of all entity rows while events pass.
struct Windows<'a> {
    view: &'a View<'a>,
    plan: &'a WindowPlan,
    /// For each place of the order the entity row; none at the head of a key's block.
    rows: Vec<Option<usize>>,
    /// For each place its time in nanoseconds; at a head, how many places follow.
    times: Vec<i128>,
    /// For each frame the nodes of all trees. The tree of a key with `n` entity rows, whose block begins at `head`, lies from
    /// `2 * head` on: node 1 is the top, those below node `i` are `2 * i` and the next one, and row `r` is node `n + r`.
    nodes: Vec<Vec<Option<Box<State>>>>,
    latest: i128,
    earliest: i128,
    report: ViewReport,
}

impl<'a> Windows<'a> {
    fn new(view: &'a View<'a>, plan: &'a WindowPlan, order: &Order, times: &Times) -> Self {
        let rows: Vec<Option<usize>> = order.rows().collect();
        let mut moments: Vec<i128> =
            rows.iter().map(|row| row.map_or(0, |row| times.nanoseconds(row))).collect();
        let own = || rows.iter().zip(&moments).filter(|(row, _)| row.is_some()).map(|(_, moment)| *moment);
        let (first, latest) = (own().min().unwrap_or(0), own().max().unwrap_or(i128::MIN));
        let earliest = plan.earliest_nanoseconds(first);
        let ends = order.heads().iter().skip(1).map(|head| *head as usize).chain([rows.len()]);
        for (head, end) in order.heads().iter().map(|head| *head as usize).zip(ends) {
            if let Some(count) = moments.get_mut(head) {
                *count = end.saturating_sub(head + 1) as i128;
            }
        }
        let nodes = plan.frames().iter().map(|_| vec![None; 2 * rows.len()]).collect();
        let report = ViewReport::new(&view.name);
        Self { view, plan, rows, times: moments, nodes, latest, earliest, report }
    }

    /// Lets the events of a piece pass.
    fn observe(&mut self, piece: &Piece, schema: &Schema, keys: &mut Finder<'_>) -> Result<()> {
        let (view, plan, batch) = (self.view, self.plan, piece.rows());
        let moment = |name: &str| {
            checked_column(view.decisive(), schema, batch, name)
                .and_then(|array| Times::read(OPERATION, name, &array))
        };
        let event = moment(&view.timestamp)?;
        let created = view.created.as_deref().map(moment).transpose()?;
        let key_arrays =
            view.keys.iter().map(|key| checked_column(view.decisive(), schema, batch, &key.source));
        let key_arrays = key_arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let arrays = plan.inputs().iter().map(|input| {
            Values::plain(
                &input.name,
                input.value_type,
                &checked_column(view.decisive(), schema, batch, &input.name)?,
            )
        });
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let values = plan
            .inputs()
            .iter()
            .zip(&arrays)
            .map(|(input, array)| Values::new(&input.name, input.value_type, array.as_ref()));
        let values = values.collect::<Result<Vec<Values<'_>>>>()?;
        let is_null = |times: &Times, row: usize| times.nulls().is_some_and(|nulls| nulls.is_null(row));
        let nulls = |times: &Times| times.nulls().map_or(0, |nulls| nulls.null_count()) as u64;
        self.report.rows += batch.num_rows() as u64;
        self.report.rows_without_time += nulls(&event);
        self.report.rows_without_created += created.as_ref().map_or(0, nulls);
        let mut numbers = Vec::new();
        for start in (0..batch.num_rows()).step_by(BLOCK_ROWS) {
            interrupt::check(OPERATION)?;
            let length = BLOCK_ROWS.min(batch.num_rows() - start);
            let cut: Vec<ArrayRef> = key_arrays.iter().map(|array| array.slice(start, length)).collect();
            keys.find(&cut, length, 0, &mut numbers)?;
            for (row, head) in (start..).zip(&numbers) {
                if *head == NOTHING || is_null(&event, row) {
                    continue;
                }
                let happened = event.nanoseconds(row);
                let known = match &created {
                    _ if !view.is_created_filtered => i128::MIN,
                    None => i128::MIN,
                    // Nobody can tell that such a row was known.
                    Some(created) if is_null(created, row) => continue,
                    Some(created) => created.nanoseconds(row),
                };
                if happened < self.earliest || happened > self.latest || known > self.latest {
                    continue;
                }
                self.add(*head as usize, happened, known, &values, row)?;
            }
        }
        Ok(())
    }

    /// Adds an event, known from a moment on, to the windows of the key whose block begins at `head`.
    #[inline]
    fn add(
        &mut self,
        head: usize,
        happened: i128,
        known: i128,
        values: &[Values<'_>],
        row: usize,
    ) -> Result<()> {
        let count = self.times.get(head).map_or(0, |count| *count as usize);
        let times = self.times.get(head + 1..head + 1 + count).unwrap_or_default();
        let Ok(event) = i64::try_from(happened.div_euclid(1000)) else { return Ok(()) };
        let mut items: Option<SmallVec<[Option<Item<'_>>; 8]>> = None;
        for (frame, nodes) in self.plan.frames().iter().zip(&mut self.nodes) {
            let (from, until) = frame.shown(event);
            let first = times.partition_point(|time| *time < from.max(known));
            let end = times.partition_point(|time| *time < until);
            if first >= end {
                continue;
            }
            let (least, greatest) = self.report.window_events.unwrap_or((event, event));
            self.report.window_events = Some((least.min(event), greatest.max(event)));
            let items = match &items {
                Some(items) => items,
                None => {
                    let own = values.iter().map(|column| column.item(row));
                    items.insert(own.collect::<Result<_>>()?)
                }
            };
            let (mut low, mut high) = (first + count, end + count);
            let mut put = |node: usize| {
                if let Some(place) = nodes.get_mut(2 * head + node) {
                    let state = place.get_or_insert_with(|| Box::new(State::new(values.len())));
                    state.add(event, items.iter().copied(), frame.parts.iter().copied());
                }
            };
            while low < high {
                if low % 2 == 1 {
                    put(low);
                    low += 1;
                }
                if high % 2 == 1 {
                    high -= 1;
                    put(high);
                }
                (low, high) = (low / 2, high / 2);
            }
        }
        Ok(())
    }

    /// The features of all entity rows, of which there are so many.
    fn finish(mut self, entity_rows: usize) -> Result<(Vec<(Field, ArrayRef)>, ViewReport)> {
        let plan = self.plan;
        let mut answers: Vec<Vec<Aggregate>> =
            plan.features().iter().map(|_| vec![WindowPlan::NULL; entity_rows]).collect();
        let empty = State::new(plan.inputs().len());
        let mut head = 0;
        while head < self.rows.len() {
            interrupt::check(OPERATION)?;
            let count = self.times.get(head).map_or(0, |count| *count as usize);
            for (frame, nodes) in plan.frames().iter().zip(&mut self.nodes) {
                let tree = nodes.get_mut(2 * head..2 * (head + count)).unwrap_or_default();
                for node in 1..count {
                    let Some(above) = tree.get_mut(node).and_then(Option::take) else { continue };
                    for below in tree.iter_mut().skip(2 * node).take(2) {
                        match below {
                            Some(below) => below.merge(&above, frame.parts.iter().copied()),
                            None => *below = Some(above.clone()),
                        }
                    }
                }
            }
            for place in head + 1..=head + count {
                let Some(row) = self.rows.get(place).copied().flatten() else { continue };
                let state = |frame: usize| {
                    let node = self.nodes.get(frame)?.get(head + count + place - 1)?;
                    node.as_deref()
                };
                let is_present = (0..plan.frames().len()).any(|frame| state(frame).is_some());
                self.report.present += u64::from(is_present);
                for (feature, answers) in answers.iter_mut().enumerate() {
                    let state = state(plan.frame_of(feature)).unwrap_or(&empty);
                    let answer = plan.aggregate(feature, state, &|| format!("of entity row {row}"))?;
                    if let Some(place) = answers.get_mut(row) {
                        *place = answer;
                    }
                }
            }
            head += count + 1;
        }
        let made = plan.features().iter().zip(&answers).enumerate().map(|(place, (feature, answers))| {
            let field = arrow_field(feature);
            let field = match self.view.window_names.get(place) {
                Some(name) => field.with_name(name),
                None => field,
            };
            Ok((field, column(feature, answers.iter())?))
        });
        Ok((made.collect::<Result<_>>()?, self.report))
    }
}
