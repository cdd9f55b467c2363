//! Queries of a real PostgreSQL server as sources.

#[path = "../../../../mlcore/tests/postgres/server.rs"]
pub(crate) mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlcore::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array,
    Float64Array, Int16Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use mlcore::arrow::datatypes::{Float64Type, Int32Type, i256};
use mlcore::registry::PostgresOptions;
use mlcore::stats::SplitMix64;
use mlcore::{Error, interrupt};
use mlcore_features::pipeline::{Batches, ColumnTransformer};
use mlcore_features::store::offline::{PointInTimeJoin, PostgresQuery, Source, View};
use mlcore_features::transform::StandardScaler;

use self::server::Server;

/// All rows of a query in one batch.
fn collected(query: &PostgresQuery) -> RecordBatch {
    let batches: Vec<RecordBatch> = query.open(&|_| true).unwrap().map(Result::unwrap).collect();
    let schema = query.schema().unwrap();
    arrow_select::concat::concat_batches(&schema, &batches).unwrap()
}

fn text<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    answer.unwrap_err().to_string()
}

#[test]
fn what_a_server_sends_is_exact() {
    let Some(server) = Server::start() else { return };
    server.sql(
        "CREATE TYPE plan AS ENUM ('free', 'pro'); CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0);
         CREATE TABLE every (number int, b boolean, i2 smallint, i4 integer, i8 bigint, o oid, f4 real, f8 double precision,
           n numeric(12, 2), wide numeric(60, 20), t text, v varchar(9), c char(4), j json, jb jsonb, u uuid, bytes bytea, d date,
           tm time, ts timestamp, tz timestamptz, p plan, m cents, a4 integer[], a8 double precision[], an numeric(6, 3)[]);
         INSERT INTO every VALUES
           (0, true, -32768, 2147483647, -9223372036854775808, 4294967295, 'NaN', '-0', -12345.67,
            123456789012345678901234567890.00000000000000000001, 'Zoë', 'x', 'ab', '{\"a\": 1}', '{\"a\": 1}',
            '0f3c5a1e-0000-4000-8000-00000000beef', '\\x00ff', '0044-03-15 BC', '23:59:59.999999',
            '1969-12-31 23:59:59.999999', '2026-01-01 00:00:00+02', 'pro', 5, '{1,NULL,-3}', '{0.1,NaN}', '{1.5,-0.001}'),
           (1, false, 0, 0, 0, 0, 0.1, 0.1, 0, 0, '', '', '', 'null', 'null', '00000000-0000-0000-0000-000000000000', '', '2000-01-01',
            '00:00', '2000-01-01', '1677-01-01 00:00:00+00', 'free', 0, '{}', '{}', '{}'),
           (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL);",
    );
    let query =
        PostgresQuery::open(&server.url(), "SELECT * FROM every ORDER BY number -- all of it\n;").unwrap();
    let found = collected(&query);
    let i256_of = |text: &str| {
        text.bytes().fold(i256::ZERO, |number, digit| {
            number * i256::from_i128(10) + i256::from_i128(i128::from(digit - b'0'))
        })
    };
    let an = ListArray::new(
        Arc::new(mlcore::arrow::datatypes::Field::new_list_field(
            mlcore::arrow::datatypes::DataType::Decimal128(6, 3),
            true,
        )),
        mlcore::arrow::buffer::OffsetBuffer::new(vec![0, 2, 2, 2].into()),
        Arc::new(Decimal128Array::from(vec![1500, -1]).with_precision_and_scale(6, 3).unwrap()),
        Some(vec![true, true, false].into()),
    );
    let expected: Vec<(&str, ArrayRef)> = vec![
        ("number", Arc::new(Int32Array::from(vec![0, 1, 2]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("i2", Arc::new(Int16Array::from(vec![Some(i16::MIN), Some(0), None]))),
        ("i4", Arc::new(Int32Array::from(vec![Some(i32::MAX), Some(0), None]))),
        ("i8", Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(0), None]))),
        ("o", Arc::new(UInt32Array::from(vec![Some(u32::MAX), Some(0), None]))),
        ("f4", Arc::new(Float32Array::from(vec![Some(f32::NAN), Some(0.1), None]))),
        ("f8", Arc::new(Float64Array::from(vec![Some(-0.0), Some(0.1), None]))),
        (
            "n",
            Arc::new(
                Decimal128Array::from(vec![Some(-1_234_567), Some(0), None])
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
            ),
        ),
        (
            "wide",
            Arc::new(
                Decimal256Array::from(vec![
                    Some(i256_of("12345678901234567890123456789000000000000000000001")),
                    Some(i256::ZERO),
                    None,
                ])
                .with_precision_and_scale(60, 20)
                .unwrap(),
            ),
        ),
        ("t", Arc::new(StringArray::from(vec![Some("Zoë"), Some(""), None]))),
        ("v", Arc::new(StringArray::from(vec![Some("x"), Some(""), None]))),
        ("c", Arc::new(StringArray::from(vec![Some("ab  "), Some("    "), None]))),
        ("j", Arc::new(StringArray::from(vec![Some("{\"a\": 1}"), Some("null"), None]))),
        ("jb", Arc::new(StringArray::from(vec![Some("{\"a\": 1}"), Some("null"), None]))),
        (
            "u",
            Arc::new(StringArray::from(vec![
                Some("0f3c5a1e-0000-4000-8000-00000000beef"),
                Some("00000000-0000-0000-0000-000000000000"),
                None,
            ])),
        ),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(&[0_u8, 255][..]), Some(&[]), None]))),
        // Days before 1970 of the day that Caesar did not survive, by the calendar of today.
        ("d", Arc::new(Date32Array::from(vec![Some(-735_160), Some(10_957), None]))),
        ("tm", Arc::new(Time64MicrosecondArray::from(vec![Some(86_399_999_999), Some(0), None]))),
        ("ts", Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), Some(946_684_800_000_000), None]))),
        (
            "tz",
            Arc::new(
                TimestampMicrosecondArray::from(vec![
                    Some(1_767_218_400_000_000),
                    Some(-9_246_096_000_000_000),
                    None,
                ])
                .with_timezone("UTC"),
            ),
        ),
        ("p", Arc::new(StringArray::from(vec![Some("pro"), Some("free"), None]))),
        ("m", Arc::new(Int64Array::from(vec![Some(5), Some(0), None]))),
        (
            "a4",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
                Some(vec![Some(1), None, Some(-3)]),
                Some(vec![]),
                None,
            ])),
        ),
        (
            "a8",
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(vec![
                Some(vec![Some(0.1), Some(f64::NAN)]),
                Some(vec![]),
                None,
            ])),
        ),
        ("an", Arc::new(an)),
    ];
    assert_eq!(found.num_columns(), expected.len());
    for (name, expected) in expected {
        let found = &found[name];
        assert_eq!(found.data_type(), expected.data_type(), "{name}");
        // Compared as bytes: a NaN equals itself, and the zeros differ.
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{name}");
    }

    // A batch holds few rows where they are large, and as many as are asked for where they are not.
    let large = "SELECT number, repeat('x', 1000000) AS long FROM generate_series(1, 100) AS number";
    let large = PostgresQuery::open(&server.url(), large).unwrap();
    let rows: Vec<usize> = large.open(&|_| true).unwrap().map(|batch| batch.unwrap().num_rows()).collect();
    assert!(rows.iter().skip(1).all(|rows| *rows <= 8) && rows.iter().sum::<usize>() == 100, "{rows:?}");
    let small = PostgresQuery::open(&server.url(), "SELECT * FROM generate_series(1, 1000) AS n").unwrap();
    let rows: Vec<usize> =
        small.with_batch_rows(300).open(&|_| true).unwrap().map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(rows, [64, 300, 300, 300, 36]);

    // Rows that come while it is read are none of the snapshot.
    let query = PostgresQuery::open(&server.url(), "SELECT number FROM every").unwrap().with_batch_rows(1);
    let mut batches = query.open(&|_| true).unwrap();
    batches.next().unwrap().unwrap();
    server.sql("INSERT INTO every (number) VALUES (3)");
    assert_eq!(batches.count(), 2);

    // Fitting reads it, too.
    let scaler = ColumnTransformer::new().with("scale", StandardScaler::default(), ["n"]);
    let numbers =
        PostgresQuery::open(&server.url(), "SELECT n::float8, 'x' AS n2 FROM generate_series(1, 3) AS n")
            .unwrap();
    let plan = scaler.fit_batches(&numbers).unwrap();
    assert_eq!(plan.transform_rows::<f64, f64>(&[2.0]).unwrap(), [0.0]);

    // A server may listen at a socket in a folder.
    let port = server.url().rsplit_once(':').unwrap().1.split_once('/').unwrap().0.to_owned();
    let folder = server.folder().display().to_string().replace('/', "%2F");
    let socket = format!("postgresql://mlcore@{folder}:{port}/postgres");
    assert_eq!(collected(&PostgresQuery::open(&socket, "SELECT 1 AS one").unwrap()).num_rows(), 1);
}

#[test]
fn joins_are_those_of_the_same_rows_in_memory() {
    let Some(server) = Server::start() else { return };
    server.sql(
        "CREATE TABLE trips AS SELECT (random() * 40)::int AS driver, TIMESTAMPTZ '2026-01-01' + random() * INTERVAL '60 days' AS at,
           CASE WHEN random() < 0.1 THEN NULL ELSE TIMESTAMP '2026-01-01' + random() * INTERVAL '60 days' END AS created,
           DATE '2026-01-01' AS day, random() AS rating, (random() * 100)::numeric(8, 3) AS fare FROM generate_series(1, 5000);
         UPDATE trips SET day = at::date; UPDATE trips SET at = NULL WHERE rating < 0.02; CREATE INDEX ON trips (at);",
    );
    let sql = "SELECT driver, at, created, day, rating, fare, 1 / (driver - driver) AS broken FROM trips ORDER BY ctid";
    let query = PostgresQuery::open(&server.url(), sql).unwrap();
    let whole = "SELECT driver, at, created, day, rating, fare FROM trips ORDER BY ctid";
    let rows = collected(&PostgresQuery::open(&server.url(), whole).unwrap());
    let mut random = SplitMix64::new(7);
    let mut drivers = Vec::new();
    let mut times = Vec::new();
    for _ in 0..300 {
        drivers.push(random.below(45) as i64);
        // Within the 20 days from the 10th of January on.
        times.push(1_768_003_200_000_000 + random.below(20 * 86_400_000_000) as i64);
    }
    let entity_rows = RecordBatch::try_from_iter([
        ("driver", Arc::new(Int64Array::from(drivers)) as ArrayRef),
        ("asked", Arc::new(TimestampMicrosecondArray::from(times)) as ArrayRef),
    ])
    .unwrap();
    let view = |source: Box<dyn Source>| {
        View::new("trips", source, ["driver"], "at")
            .with_features(["rating", "fare"])
            .with_event_time("trips_at")
    };
    type Shape = fn(View<'static>) -> View<'static>;
    let shapes: [(Shape, u64); 4] = [
        (|view| view, 3000),
        (|view| view.with_ttl(Duration::from_secs(7200)), 2500),
        (|view| view.with_created_timestamp("created").with_ttl(Duration::from_secs(86_400)), 2500),
        (|view| view.with_created_timestamp("created").with_late_rows().with_date_partition("day"), 3000),
    ];
    for (number, (shape, most)) in shapes.into_iter().enumerate() {
        let join = |source: Box<dyn Source>| {
            PointInTimeJoin::new("asked").with(shape(view(source))).run(&entity_rows).unwrap()
        };
        let again = PostgresQuery::open(&server.url(), sql).unwrap().with_batch_rows(100);
        let (here, there) = (join(Box::new(rows.clone())), join(Box::new(again)));
        assert_eq!(here.table(), there.table(), "{number}");
        let report = &there.views()[0];
        assert!(report.present() > 0, "{number}");
        if number < 2 {
            assert_eq!(report.rows_without_time(), rows["at"].null_count() as u64);
        }
        // The server keeps what lies beyond the bounds.
        assert!(report.rows() < most, "{number}: {} rows came", report.rows());
    }
    let asked = view(Box::new(query)).with_features(["broken"]);
    let told = text(PointInTimeJoin::new("asked").with(asked).run(&entity_rows));
    assert!(told.contains("division by zero") && told.contains("query SELECT driver, at"), "{told}");
}

#[test]
fn what_cannot_be_read_is_told() {
    let Some(mut server) = Server::start() else { return };
    let url = server.url();
    let open = |query: &str| PostgresQuery::open(&url, query);
    server.sql(
        "CREATE TABLE t (x int, amount numeric, i interval, many int[]); INSERT INTO t VALUES (1, 2, '1 day', '{{1},{2}}');
         CREATE SCHEMA team; CREATE TABLE team.sole AS SELECT 7 AS x; CREATE ROLE reader LOGIN; CREATE SEQUENCE numbers;",
    );
    for (query, kind, words) in [
        ("SELECT x FROM missing", "not_found", "relation \"missing\" does not exist"),
        ("SELECT y FROM t", "invalid_input", "column \"y\" does not exist"),
        ("SELEC x FROM t", "invalid_input", "syntax error"),
        ("SELECT x, x FROM t", "invalid_input", "two columns of this name"),
        ("SELECT x FROM t; DROP TABLE t", "invalid_input", "syntax error"),
        ("SELECT 1 AS x) AS q; DROP TABLE t; SELECT * FROM (SELECT 1", "invalid_input", "multiple commands"),
        ("SELECT x FROM t WHERE x = $1", "invalid_input", "parameter"),
        ("INSERT INTO t VALUES (1) RETURNING x", "invalid_input", "syntax error"),
        ("", "invalid_input", "syntax error"),
    ] {
        let error = open(query).and_then(|query| query.open(&|_| true).map(drop)).unwrap_err();
        assert_eq!(error.kind(), kind, "{query}: {error}");
        assert!(error.to_string().contains(words), "{query}: {error}");
    }
    // A column that has no like is in nobody's way until it is asked for.
    let odd = open("SELECT * FROM t").unwrap();
    for (column, words) in [
        (
            "amount",
            "numeric says no digits, or more than 76, and Arrow's decimals have some; write CAST(amount AS numeric(18, 4))",
        ),
        ("i", "the type interval has no like in Arrow; cast it in the query, as in CAST(i AS text)"),
    ] {
        let told = text(Batches::open(&odd, &|name| name == column).map(drop));
        assert!(told.contains(words) && told.contains("query SELECT * FROM t"), "{told}");
    }
    // A value that Arrow has not: the query, the column and the row.
    for (query, words) in [
        (
            "SELECT * FROM (VALUES (DATE '2026-01-01'), ('infinity')) AS v (d)",
            "d: row 1 of the answer has an infinite date",
        ),
        ("SELECT TIMESTAMP '-infinity' AS at", "at: row 0 of the answer has an infinite time"),
        ("SELECT 'NaN'::numeric(4, 2) AS n", "n: row 0 of the answer has NaN"),
        ("SELECT TIME '24:00' AS t", "t: row 0 of the answer has the time 24:00"),
        ("SELECT many FROM t", "many: row 0 of the answer has an array of 2 dimensions"),
        (
            "SELECT array_agg(v) AS a FROM (VALUES (1), (2)) AS w, LATERAL (SELECT CASE WHEN column1 = 2 THEN DATE 'infinity' ELSE '2000-01-01' END) AS u (v)",
            "a: row 0 of the answer has an array whose element 1 has an infinite date",
        ),
        ("SELECT 1 / (x - x) AS y FROM generate_series(1, 1) AS x", "division by zero"),
    ] {
        let query = open(query).unwrap();
        let told = text(query.open(&|_| true).unwrap().collect::<Result<Vec<_>, _>>());
        assert!(told.contains(words) && told.contains("query SELECT"), "{told}");
    }
    // Nothing is written, whatever a query calls.
    let writes = open("SELECT nextval('numbers') AS n").unwrap();
    let told = text(writes.open(&|_| true).unwrap().collect::<Result<Vec<_>, _>>());
    assert!(told.contains("write a query that only reads"), "{told}");
    let reader = url.replace("mlcore@", "reader@");
    let told = PostgresQuery::open(&reader, "SELECT x FROM t")
        .and_then(|query| query.open(&|_| true).map(drop))
        .unwrap_err();
    assert!(
        matches!(told, Error::PermissionDenied(_)) && told.to_string().contains("grant the role SELECT"),
        "{told}"
    );
    // A schema is looked in first, and the role's own are looked in still.
    let both = PostgresQuery::open(&format!("{url}?schema=team"), "SELECT sole.x FROM sole, t").unwrap();
    assert_eq!(collected(&both)["x"].as_ref(), &Int32Array::from(vec![7]) as &dyn Array);
    // A table that was changed since the query was opened.
    let changed = open("SELECT x FROM team.sole").unwrap();
    server.sql("ALTER TABLE team.sole ALTER COLUMN x TYPE bigint");
    let told = text(changed.open(&|_| true).unwrap().collect::<Result<Vec<_>, _>>());
    assert!(told.contains("was of type int4 when the query was opened, and is of type int8"), "{told}");

    // Whoever waits may stop.
    let slow = open("SELECT pg_sleep(60)::text AS x FROM generate_series(1, 2)").unwrap();
    let started = Instant::now();
    let stopped = interrupt::scope(
        move || started.elapsed() > Duration::from_millis(200),
        || slow.open(&|_| true).and_then(|batches| batches.collect::<Result<Vec<_>, _>>()),
    );
    assert!(matches!(stopped, Err(Error::Interrupted(_))), "{stopped:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
    let options = PostgresOptions::from_url(&url).unwrap().with_statement_timeout(Duration::from_millis(100));
    let slow = PostgresQuery::open_with(&options, "SELECT pg_sleep(60)::text AS x").unwrap();
    let told = slow.open(&|_| true).unwrap().collect::<Result<Vec<_>, _>>().unwrap_err();
    assert!(matches!(told, Error::Timeout(_)), "{told}");

    // A server that dies in between, and one that is not there.
    let long = open("SELECT x FROM generate_series(1, 100000) AS x").unwrap().with_batch_rows(10);
    let mut batches = long.open(&|_| true).unwrap();
    batches.next().unwrap().unwrap();
    server.kill();
    let told = batches.find_map(Result::err).unwrap();
    assert!(matches!(told, Error::Unavailable(_)) && told.is_transient(), "{told}");
    assert!(batches.next().is_none(), "nothing comes behind an error");
    let told = open("SELECT 1 AS x").unwrap_err();
    assert!(matches!(told, Error::Unavailable(_)), "{told}");
}
