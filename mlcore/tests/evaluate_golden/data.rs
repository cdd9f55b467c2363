//! The data that `testdata/golden/make_evaluate.py` describes, made again bit for bit.

use mlcore::stats::SplitMix64;
use serde_json::Value;

/// One case of a golden file.
pub(crate) struct Spec {
    pub(crate) seed: u64,
    pub(crate) n: usize,
    case: Value,
}

/// The cases of one kind, at least twelve.
pub(crate) fn cases(kind: &str) -> Vec<Spec> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/golden/evaluate.json");
    let mut golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let Value::Array(cases) = golden[kind].take() else { panic!("no cases of {kind}") };
    assert!(cases.len() >= 12);
    let spec = |case: Value| Spec {
        seed: case["seed"].as_u64().unwrap(),
        n: usize::try_from(case["n"].as_u64().unwrap()).unwrap(),
        case,
    };
    cases.into_iter().map(spec).collect()
}

impl Spec {
    pub(crate) fn expected(&self, what: &str) -> f64 {
        self.case["expected"][what].as_f64().unwrap()
    }

    /// The names of the metrics that have one expected number.
    pub(crate) fn expected_metrics(&self) -> Vec<&str> {
        let all = self.case["expected"].as_object().unwrap();
        let mut names: Vec<&str> =
            all.iter().filter(|(_, value)| value.is_number()).map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn expected_list(&self, what: &str) -> Vec<f64> {
        let list = self.case["expected"][what].as_array().unwrap();
        list.iter().map(|value| value.as_f64().unwrap()).collect()
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.case[key].as_str().unwrap()
    }

    pub(crate) fn shape(&self) -> &str {
        self.text("shape")
    }

    pub(crate) fn number(&self, key: &str) -> f64 {
        self.case[key].as_f64().unwrap()
    }

    /// SplitMix64 of seed + (8 i + stream + 1) golden ratios, as floats in `[0, 1)`.
    pub(crate) fn uniforms(&self, stream: u64) -> Vec<f64> {
        let uniform = |row: usize| SplitMix64::at(self.seed, row as u64 * 8 + stream).uniform();
        (0..self.n).map(uniform).collect()
    }

    pub(crate) fn labels(&self) -> Vec<bool> {
        let prevalence = self.number("prevalence");
        let mut truth: Vec<bool> = self.uniforms(0).into_iter().map(|u| u < prevalence).collect();
        truth[0] = true;
        truth[self.n - 1] = false;
        truth
    }

    pub(crate) fn probabilities(&self, shape: &str, truth: &[bool], stream: u64) -> Vec<f64> {
        let value = |(u, truth): (f64, &bool)| {
            let t = f64::from(*truth);
            match shape {
                "noise" => u,
                "good" => t * 0.5 + u * 0.5,
                "useful" => t * 0.25 + u * 0.75,
                "reversed" => (1.0 - t) * 0.25 + u * 0.75,
                "tied" => ((t * 0.25 + u * 0.75) * 5.0).floor() / 5.0,
                "two_valued" if t * 0.25 + u * 0.75 < 0.5 => 0.25,
                "two_valued" => 0.75,
                "constant" => 0.25,
                "extreme" if u < 0.1 => 0.0,
                "extreme" if u > 0.9 => 1.0,
                "extreme" => u,
                "tiny" => u * 2.0_f64.powi(-60),
                other => panic!("no shape {other}"),
            }
        };
        self.uniforms(stream).into_iter().zip(truth).map(value).collect()
    }

    pub(crate) fn weights(&self) -> Option<Vec<f64>> {
        let u = self.uniforms(5).into_iter();
        match self.text("weights") {
            "none" => None,
            "uniform" => Some(u.map(|u| u + 0.01).collect()),
            "with_zeros" => Some(u.map(|u| (u * 3.0).floor()).collect()),
            "wide" => Some(u.map(|u| 1.0 / (u + 1e-6)).collect()),
            other => panic!("no weights {other}"),
        }
    }

    pub(crate) fn classes(&self, stream: u64) -> Vec<i64> {
        let classes = self.number("classes");
        self.uniforms(stream).into_iter().map(|u| (u * classes).floor() as i64).collect()
    }

    /// A row of probabilities for each label, row after row, a column for each class.
    pub(crate) fn class_scores(&self, truth: &[i64]) -> Vec<f64> {
        let (classes, is_tied) = (self.number("classes") as i64, self.shape() == "tied");
        let columns: Vec<Vec<f64>> = (0..classes)
            .map(|class| {
                let u = (0..self.n).map(|row| {
                    SplitMix64::at(self.seed + 1000 * (1 + class as u64), row as u64 * 8 + 1).uniform()
                });
                let u = u.map(|u| if is_tied { (u * 4.0).floor() / 4.0 } else { u });
                u.zip(truth).map(|(u, label)| u + 0.125 + 0.5 * f64::from(*label == class)).collect()
            })
            .collect();
        let row = |row: usize| {
            let total = columns.iter().fold(0.0, |total, column| total + column[row]);
            columns.iter().map(move |column| column[row] / total)
        };
        (0..self.n).flat_map(row).collect()
    }

    /// The truth and what is predicted.
    pub(crate) fn numbers(&self) -> (Vec<f64>, Vec<f64>) {
        let (scale, shift, noise) = (self.number("scale"), self.number("shift"), self.number("noise"));
        let terms = self.uniforms(0).into_iter().zip(self.uniforms(1));
        let truth: Vec<f64> = terms.map(|(a, b)| ((a + b) - 1.0) * scale + shift).collect();
        let pred = truth.iter().zip(self.uniforms(2)).map(|(y, u)| y + (u - 0.5) * noise).collect();
        (truth, pred)
    }
}
