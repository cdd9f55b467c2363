//! Categories and dictionaries: as they lie where that is little, and only those that rows have where it is not.

use std::time::Instant;

use mlcore::arrow::array::{Array, AsArray};
use mlcore::arrow::datatypes::{DataType as ArrowType, UInt32Type};
use mlcore_features::offline::polars::prelude::*;
use mlcore_features::offline::{from_table, to_batches, to_table};
use mlcore_features::pipeline::ColumnTransformer;
use mlcore_features::transform::{OneHotEncoder, OrdinalEncoder};

/// Categories that no other test adds words to.
fn own(name: &str) -> DataType {
    DataType::from_categories(Categories::new(name.into(), "offline".into(), CategoricalPhysical::U32))
}

fn framed(series: &Series) -> DataFrame {
    DataFrame::new(series.len(), vec![series.clone().into_column()]).unwrap()
}

#[test]
fn few_categories_stay_where_they_lie() {
    let words = Series::new("x".into(), [Some("b"), None, Some("a"), Some("b")]);
    let coded = words.cast(&own("few")).unwrap();
    let table = to_table(&framed(&coded)).unwrap();
    let dictionary = table.column(0).as_dictionary::<UInt32Type>();
    let codes = coded.to_physical_repr();
    let codes = codes.u32().unwrap().downcast_iter().next().unwrap().values().as_ptr();
    assert_eq!(dictionary.keys().values().as_ptr(), codes);
    let known: Vec<&str> = dictionary.values().as_string_view().iter().flatten().collect();
    assert_eq!(known, ["b", "a"]);
    // A piece that is shorter than its categories takes those that it has.
    let table = to_table(&framed(&coded.slice(2, 1))).unwrap();
    let dictionary = table.column(0).as_dictionary::<UInt32Type>();
    assert_eq!(dictionary.values().as_string_view().iter().flatten().collect::<Vec<_>>(), ["a"]);
    assert_eq!(dictionary.keys().values(), &[0]);
}

#[test]
fn enums_and_categories_are_words_to_a_plan() {
    let words = Series::new("x".into(), [Some("b"), None, Some("a"), Some("b")]);
    let days = FrozenCategories::new(["unused", "a", "b"]).unwrap();
    let plan = ColumnTransformer::new().with("cat", OneHotEncoder::default(), ["x"]);
    let plan = plan.fit(&to_table(&framed(&words)).unwrap()).unwrap();
    let expected = plan.transform_frame(&framed(&words)).unwrap();
    assert_eq!(expected.get_column_names(), ["cat__x_a", "cat__x_b", "cat__x_nan"]);
    for dtype in [own("plan"), DataType::from_frozen_categories(days)] {
        let coded = framed(&words.cast(&dtype).unwrap());
        assert!(plan.transform_frame(&coded).unwrap().equals(&expected));
        let fitted =
            ColumnTransformer::new().with("cat", OneHotEncoder::default(), ["x"]).fit_batches(&coded);
        assert_eq!(fitted.unwrap().digest(), plan.digest());
    }
}

#[test]
fn a_million_categories_cross_in_time_and_memory_of_their_rows() {
    const MANY: u32 = 1_000_000;
    let words = (0..MANY).map(|number| Some(format!("category {number}")));
    let words = StringChunked::from_iter_options("x".into(), words).into_series();
    let coded = words.cast(&own("million")).unwrap();
    let whole = to_table(&framed(&coded)).unwrap();
    assert_eq!(whole.column(0).as_dictionary::<UInt32Type>().values().len(), 1_000_000);
    let back = from_table(&whole).unwrap();
    assert!(back.columns()[0].cast(&DataType::String).unwrap().as_materialized_series().equals(&words));

    // A thousand short chunks cost their rows, and not a thousand times a million words.
    let mut chunks = framed(&coded.slice(0, 7));
    for start in 1..1000 {
        chunks.vstack_mut(&framed(&coded.slice(start * 7, 7))).unwrap();
    }
    let begun = Instant::now();
    let batches = to_batches(&chunks).unwrap();
    assert_eq!(batches.len(), 1000);
    for batch in &batches {
        assert_eq!(batch.column(0).as_dictionary::<UInt32Type>().values().len(), 7);
    }
    // The whole is some hundred million words where each chunk takes all of them: minutes.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());

    let encoder = ColumnTransformer::new().with("ordinal", OrdinalEncoder::default(), ["x"]);
    let some = framed(&coded.slice(0, 20_000));
    let plan = encoder.fit_batches(&some).unwrap();
    let features = plan.transform_frame(&some).unwrap();
    assert_eq!(features.columns()[0].n_unique().unwrap(), 20_000);
    let texts = framed(&words.slice(0, 20_000));
    assert!(plan.transform_frame(&texts).unwrap().equals(&features));
}

#[test]
fn dictionaries_come_back_as_global_categories() {
    let coded = Series::new("x".into(), ["a", "b"]).cast(&own("global")).unwrap();
    let back = from_table(&to_table(&framed(&coded)).unwrap()).unwrap();
    assert_eq!(back.columns()[0].dtype(), &super::categorical());
    let again = to_table(&back).unwrap();
    let ArrowType::Dictionary(_, words) = again.column(0).data_type() else { panic!("a dictionary") };
    assert_eq!(words.as_ref(), &ArrowType::Utf8View);
}
