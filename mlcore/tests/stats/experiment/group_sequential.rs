//! Bounds of planned looks.

use super::{cases, check, check_to, number, numbers};
use mlcore::Error;
use mlcore::experiment::{Boundary, GroupSequentialBounds, GroupSequentialOptions, Sides, SpendingFunction};
use serde_json::Value;

fn options(case: &Value, boundary: Boundary) -> GroupSequentialOptions {
    let sides = if case["sides"] == 1 { Sides::One } else { Sides::Two };
    GroupSequentialOptions::default()
        .with_alpha(number(&case["alpha"]))
        .with_sides(sides)
        .with_boundary(boundary)
}

#[test]
fn spending_bounds_as_a_dense_integration() {
    for case in cases("group_sequential.json") {
        let function = match case["function"].as_str().expect("function") {
            "o_brien_fleming" => SpendingFunction::OBrienFleming,
            "pocock" => SpendingFunction::Pocock,
            "power" => SpendingFunction::Power { rho: number(&case["parameter"]) },
            _ => SpendingFunction::HwangShihDeCani { gamma: number(&case["parameter"]) },
        };
        let options = options(&case, Boundary::Spending(function));
        let bounds = GroupSequentialBounds::of(&numbers(&case["information"]), &options).expect("bounds");
        for (z, expected) in bounds.z.iter().zip(case["z"].as_array().expect("bounds")) {
            check("bound", &case, *z, expected);
        }
        let last = numbers(&case["information"]).last().copied().unwrap_or(1.0);
        if last == 1.0 {
            check_to("spent", &case, *bounds.spent.last().unwrap(), options.alpha, 1e-9);
        }
    }
}

#[test]
fn constant_bounds_as_a_dense_integration() {
    for case in cases("constant_bounds.json") {
        let boundary = if case["form"] == "pocock" { Boundary::Pocock } else { Boundary::OBrienFleming };
        let options = options(&case, boundary);
        let bounds = GroupSequentialBounds::of(&numbers(&case["information"]), &options).expect("bounds");
        for (z, expected) in bounds.z.iter().zip(case["z"].as_array().expect("bounds")) {
            check("bound", &case, *z, expected);
        }
    }
}

/// spotify-confidence's bounds are rougher than these: a grid of 0.05 standard deviations, and 1e-7 of the error.
#[test]
fn bounds_as_spotify_confidence_to_its_tolerance() {
    for case in cases("spotify_bounds.json") {
        let mut options = options(&case, Boundary::Spending(SpendingFunction::Power { rho: 2.0 }));
        // It bounds each side by itself, with half of the error.
        if options.sides == Sides::Two {
            options = options.with_sides(Sides::One).with_alpha(options.alpha / 2.0);
        }
        let bounds = GroupSequentialBounds::of(&numbers(&case["information"]), &options).expect("bounds");
        for (z, expected) in bounds.z.iter().zip(case["z"].as_array().expect("bounds")) {
            let expected = number(expected);
            assert!((z - expected).abs() < 2e-4, "{z} is not {expected} in {case}");
        }
    }
}

/// C. Jennison and B. W. Turnbull, "Group Sequential Methods" (2000), tables 2.1 and 2.3; gsDesign's `sfLDOF`.
#[test]
fn bounds_as_published() {
    let equal = |looks: u32| (1..=looks).map(|look| f64::from(look) / f64::from(looks)).collect::<Vec<f64>>();
    let last = |looks: u32, alpha: f64, boundary: Boundary| {
        let options = GroupSequentialOptions::default().with_alpha(alpha).with_boundary(boundary);
        *GroupSequentialBounds::of(&equal(looks), &options).unwrap().z.last().unwrap()
    };
    for (looks, alpha, pocock, o_brien_fleming) in [
        (1, 0.05, 1.960, 1.960),
        (2, 0.05, 2.178, 1.977),
        (3, 0.05, 2.289, 2.004),
        (4, 0.05, 2.361, 2.024),
        (5, 0.05, 2.413, 2.040),
        (10, 0.05, 2.555, 2.087),
        (20, 0.05, 2.672, 2.126),
        (5, 0.01, 2.986, 2.621),
    ] {
        assert!((last(looks, alpha, Boundary::Pocock) - pocock).abs() < 6e-4, "{looks} {alpha}");
        let bound = last(looks, alpha, Boundary::OBrienFleming);
        assert!((bound - o_brien_fleming).abs() < 6e-4, "{looks} {alpha}: {bound}");
    }
    // Printed to three digits: programs that search a bound to 1e-7 of the error differ in the fourth.
    let options = GroupSequentialOptions::default().with_sides(Sides::One).with_alpha(0.025);
    let bounds = GroupSequentialBounds::of(&equal(5), &options).unwrap();
    for (z, published) in bounds.z.iter().zip([4.877, 3.357, 2.680, 2.290, 2.031]) {
        assert!((z - published).abs() < 5.1e-4, "{z} is not {published}");
    }
}

#[test]
fn many_looks_and_looks_with_nothing_to_spend_have_bounds() {
    let information: Vec<f64> = (1..=60).map(|look| f64::from(look) / 60.0).collect();
    let bounds = GroupSequentialBounds::of(&information, &GroupSequentialOptions::default()).unwrap();
    assert!(bounds.z.windows(2).all(|pair| pair[0] >= pair[1]));
    assert!((bounds.spent.last().unwrap() - 0.05).abs() < 1e-10);
    // So early that the function spends less than any float can tell.
    let early = GroupSequentialBounds::of(&[0.001, 0.5, 1.0], &GroupSequentialOptions::default()).unwrap();
    assert_eq!((early.z[0], early.nominal_alpha[0], early.spent[0]), (f64::INFINITY, 0.0, 0.0));
    assert!(early.z[1].is_finite() && (early.spent[2] - 0.05).abs() < 1e-10);
    let stored = serde_json::to_string(&early).unwrap();
    assert_eq!(serde_json::from_str::<GroupSequentialBounds>(&stored).unwrap(), early);
}

#[test]
fn looks_that_cannot_be_meant_are_refused() {
    let options = GroupSequentialOptions::default();
    let hundreds = vec![0.5; 2000];
    for information in [
        &[][..],
        &[0.0, 1.0],
        &[0.5, 0.5],
        &[0.6, 0.5],
        &[0.5, 1.1],
        &[f64::NAN],
        &[0.5, f64::NAN],
        &hundreds,
    ] {
        let refused = GroupSequentialBounds::of(information, &options);
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{refused:?}");
    }
    for bad in [
        options.with_alpha(0.0),
        options.with_alpha(0.7),
        options.with_boundary(Boundary::Spending(SpendingFunction::Power { rho: 0.0 })),
        options.with_boundary(Boundary::Spending(SpendingFunction::HwangShihDeCani { gamma: 0.0 })),
    ] {
        assert!(matches!(GroupSequentialBounds::of(&[0.5, 1.0], &bad), Err(Error::InvalidInput(_))));
    }
}
