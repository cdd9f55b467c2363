//! Reading records allocates nothing once the memory is there: counted, not claimed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use mlcore::batch::{RecordReader, RowBuffer, RowScratch, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::time::{Date, TimeUnit, TimeZone};

/// Counts what the current thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.with(|allocations| allocations.set(allocations.get() + 1));
}

#[expect(
    unsafe_code,
    reason = "the trait of allocators is unsafe; every call goes to the system's unchanged"
)]
// SAFETY: each method forwards its arguments to `System`, which upholds the contract of `GlobalAlloc`; the counter is a
// plain thread-local number without a destructor, so that touching it allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

#[derive(serde::Serialize)]
struct Customer {
    plan: &'static str,
    age: f64,
    since: Date,
}

#[test]
fn the_second_record_allocates_nothing() {
    let schema = Schema::new([
        Field::column("age", DType::Float64),
        Field::column("plan", DType::String),
        Field::column("since", DType::Date).nullable(),
        Field::column("seen", DType::Timestamp(TimeUnit::Microsecond, Some(TimeZone::UTC))).nullable(),
    ])
    .unwrap();
    let mut records = RecordReader::new(&schema).unwrap();
    let (mut buffer, mut scratch) = (RowBuffer::default(), RowScratch::default());
    let json = br#"{"age": 41.5, "id": 7, "plan": "premium", "since": "2024-02-29", "seen": "2024-02-29T12:00:00Z"}"#;
    let customer = Customer { age: 41.5, plan: "premium", since: Date::from_days(1) };
    let mut read = || {
        let copied = records.read_json(json, |row| {
            buffer.copy(row);
            Ok(row.values().len())
        });
        let plan = scratch.with(&buffer, |row| row.values()[1] == Value::Text("premium"));
        let date = records.read(&customer, |row| Ok(row.values()[2] == Value::from(customer.since)));
        assert!(copied.unwrap() == 4 && plan && date.unwrap());
        records.read_pairs([("plan", Value::Text("premium")), ("age", 1.into())], |_| Ok(())).unwrap();
    };
    read();
    assert_eq!(allocations(read), 0);
}
