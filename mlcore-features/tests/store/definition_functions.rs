//! Functions of on-demand views and windows that do not fit what they read.

use std::time::Duration;

use mlcore::Result;
use mlcore::schema::DType;
use mlcore_features::expression::{Expression, col};
use mlcore_features::store::definition::{
    Aggregation, AggregationFunction, Definition, FeatureReference, FeatureView, Field, OnDemandFeatureView,
    OnDemandFeatureViewBuilder, Repository, ResolveOptions, Source, ValueType,
};

use crate::support::{driver, file, refused, together, view};

fn computed(name: &str) -> OnDemandFeatureViewBuilder {
    OnDemandFeatureView::builder(name).schema([Field::new("out", DType::Float64)])
}

fn on_demand(views: impl IntoIterator<Item = OnDemandFeatureViewBuilder>) -> Result<Repository> {
    let other = FeatureView::builder("other", ["driver"])
        .schema([Field::new("a", DType::Int64), Field::new("t", DType::String)]);
    let request = Source::request(
        "vals",
        [Field::new("val", DType::Int64), Field::new("many", ValueType::List(DType::Int64))],
    );
    let first: [Definition; 5] = [
        driver(),
        file().build()?.into(),
        view(&[("a", DType::Int64)]).build()?.into(),
        other.build()?.into(),
        request.build()?.into(),
    ];
    let views = views.into_iter().map(|own| own.build().map(Definition::from)).collect::<Result<Vec<_>>>()?;
    Repository::new("rides", first.into_iter().chain(views))
}

#[test]
fn functions_fit_their_inputs() {
    let formula =
        |own: OnDemandFeatureViewBuilder, text: &str| own.expression("out", Expression::parse(text).unwrap());
    let one = || computed("c").view("stats_view").request_source("vals");
    on_demand([formula(one(), "a + val")]).unwrap();
    on_demand([formula(computed("c").view("stats_view").view("other"), "stats_view__a + other__a")]).unwrap();
    refused(
        on_demand([formula(computed("c").view("stats_view").view("other"), "a + 1")]),
        "invalid_input",
        &["view c, feature out", "stats_view__a, other__a"],
    );
    refused(
        on_demand([formula(one(), "b + 1")]),
        "not_found",
        &["view c, feature out", "column b", "a, val"],
    );
    refused(on_demand([formula(one(), "many + 1")]), "unsupported", &["many", "list"]);
    refused(
        on_demand([formula(computed("c").view("other"), "t + 1")]),
        "schema_mismatch",
        &["view c, feature out", "line 1"],
    );
    refused(
        on_demand([formula(computed("c").view("other"), "t")]),
        "schema_mismatch",
        &["feature out", "string", "float64"],
    );
    refused(
        on_demand([formula(computed("c").view("nobody"), "a")]),
        "not_found",
        &["view c, nobody", "no such feature view"],
    );
    refused(
        on_demand([formula(computed("c").request_source("stats"), "a")]),
        "invalid_input",
        &["view c, source stats", "request source"],
    );
    refused(formula(computed("c"), "1").build(), "invalid_input", &["c, inputs"]);
    refused(one().build(), "invalid_input", &["c, expressions", "nothing"]);
    refused(one().expression("x", col("a")).build(), "invalid_input", &["c, feature"]);
    let key = OnDemandFeatureView::builder("c")
        .view("stats_view")
        .schema([Field::new("driver_id", DType::Float64)]);
    refused(
        on_demand([key.expression("driver_id", col("a") * 2.0)]),
        "invalid_input",
        &["field driver_id", "join key"],
    );
}

#[test]
fn views_do_not_read_each_other_in_a_circle() {
    let reads = |name: &str, other: &str| computed(name).view(other).expression("out", col("out") + 1.0);
    refused(on_demand([reads("a", "a")]), "invalid_input", &["view a", "a reads a"]);
    refused(
        on_demand([reads("a", "b"), reads("b", "c"), reads("c", "a")]),
        "invalid_input",
        &["a reads b reads c reads a"],
    );
    let first = computed("v0").view("stats_view").expression("out", col("a") + 1.0);
    let chain = |length: usize| (1..length).map(|own| reads(&format!("v{own}"), &format!("v{}", own - 1)));
    let few = on_demand([first.clone()].into_iter().chain(chain(16))).unwrap();
    let last = few.resolve(&[FeatureReference::new("v15", "out")], &ResolveOptions::default()).unwrap();
    assert_eq!((last.on_demand.len(), last.reads.len()), (16, 1));
    assert_eq!(last.on_demand[0].name_to_use, "v0", "each finds its inputs");
    // Many more are an error, and no overflow of the stack.
    refused(
        on_demand([first].into_iter().chain(chain(5_000))),
        "invalid_input",
        &["16 views read each other"],
    );
}

#[test]
fn windows_are_multiples_of_their_slides() {
    let hour = Duration::from_secs(3600);
    let of = |own: Aggregation| {
        view(&[("n", DType::Int64), ("t", DType::String), ("f", DType::Float32)]).aggregations([own]).build()
    };
    let mean = |window| Aggregation::new(AggregationFunction::Mean, "n", window);
    refused(of(mean(Duration::ZERO)), "invalid_input", &["stats_view, mean_n_0s", "zero"]);
    refused(of(mean(hour).with_slide_interval(Duration::ZERO)), "invalid_input", &["zero"]);
    refused(of(mean(hour).with_slide_interval(Duration::from_secs(7))), "invalid_input", &["1h", "7s"]);
    refused(of(mean(hour).with_slide_interval(Duration::from_nanos(1))), "invalid_input", &["slides"]);
    refused(of(mean(hour).with_slide_interval(hour * 2)), "invalid_input", &["multiple"]);
    refused(
        of(Aggregation::new(AggregationFunction::Mean, "t", hour)),
        "schema_mismatch",
        &["mean_t_3600s", "string"],
    );
    refused(of(Aggregation::new(AggregationFunction::Sum, "", hour)), "schema_mismatch", &["no column"]);
    refused(
        of(Aggregation::new(AggregationFunction::Mean, "nobody", hour)),
        "invalid_input",
        &["no column nobody"],
    );
    refused(
        of(Aggregation::new(AggregationFunction::ApproxQuantile(1.5), "n", hour)),
        "invalid_input",
        &["1.5"],
    );
    refused(
        of(Aggregation::new(AggregationFunction::ApproxQuantile(f64::NAN), "n", hour)),
        "invalid_input",
        &["NaN"],
    );
    refused(of(Aggregation::new(AggregationFunction::LastN(0), "n", hour)), "invalid_input", &["no value"]);
    for text in [
        "",
        "median",
        "last_n",
        "last_n()",
        "last_n(-1)",
        "approx_quantile(2)",
        "mean()",
        "count(1)",
        "last_n(5",
    ] {
        refused(text.parse::<AggregationFunction>(), "invalid_input", &["define aggregation"]);
    }
    let key = Aggregation::new(AggregationFunction::Count, "n", hour).with_name("driver_id");
    refused(
        together(view(&[("n", DType::Int64)]).aggregations([key])),
        "invalid_input",
        &["feature driver_id", "join key"],
    );
    let types = [
        (AggregationFunction::Count, "t", ValueType::Scalar(DType::Int64)),
        (AggregationFunction::Sum, "n", ValueType::Scalar(DType::Int64)),
        (AggregationFunction::Sum, "f", ValueType::Scalar(DType::Float64)),
        (AggregationFunction::Max, "f", ValueType::Scalar(DType::Float32)),
        (AggregationFunction::LastN(3), "t", ValueType::List(DType::String)),
        (AggregationFunction::Std, "n", ValueType::Scalar(DType::Float64)),
    ];
    for (function, column, expected) in types {
        let own = together(
            view(&[("n", DType::Int64), ("t", DType::String), ("f", DType::Float32)])
                .aggregations([Aggregation::new(function, column, hour)]),
        );
        let features = own.unwrap().view("stats_view").unwrap().features().to_vec();
        assert_eq!((features.len(), features[0].dtype), (1, expected), "{function}");
    }
}
