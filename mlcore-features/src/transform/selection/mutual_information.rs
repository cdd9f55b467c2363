use mlcore::batch::OwnedValue;
use mlcore::{Error, Result};

use super::select_k_best::OPERATION;
use crate::transform::Parameter;

/// How [`ScoreFunction::MutualInfoClassif`] and [`ScoreFunction::MutualInfoRegression`] estimate what a column tells of the
/// target.
///
/// Defaults are scikit-learn's: every column is continuous, three neighbours, no seed.
///
/// [`ScoreFunction::MutualInfoClassif`]: crate::transform::ScoreFunction::MutualInfoClassif
/// [`ScoreFunction::MutualInfoRegression`]: crate::transform::ScoreFunction::MutualInfoRegression
///
/// ```
/// use mlcore_features::transform::{DiscreteFeatures, MutualInformation, Parameter, ScoreFunction};
///
/// let options = MutualInformation::default().discrete_features(DiscreteFeatures::Positions(vec![0])).random_state(7);
/// assert_eq!(
///     Parameter::from(ScoreFunction::MutualInfoClassif(options)).to_string(),
///     r#"["mutual_info_classif", ["discrete_features", [0]], ["random_state", 7]]"#
/// );
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MutualInformation {
    discrete_features: DiscreteFeatures,
    n_neighbors: u64,
    random_state: Option<u32>,
}

/// Which columns hold classes, and no points of a scale.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum DiscreteFeatures {
    /// None of them: what scikit-learn answers to tables that are not sparse.
    #[default]
    Auto,
    /// All of them, or none.
    All(bool),
    /// Those at these positions; from the last where they are negative.
    Positions(Vec<i64>),
    /// Those with `true`, one for each column.
    Mask(Vec<bool>),
}

impl Default for MutualInformation {
    fn default() -> Self {
        Self { discrete_features: DiscreteFeatures::Auto, n_neighbors: 3, random_state: None }
    }
}

impl MutualInformation {
    /// Which columns hold classes. Default: none.
    #[must_use]
    pub fn discrete_features(mut self, discrete_features: DiscreteFeatures) -> Self {
        self.discrete_features = discrete_features;
        self
    }

    /// How many neighbours of a value tell how dense its surroundings are, at least 1. Default 3.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: u64) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }

    /// The seed of the small noise that sets equal values of continuous columns apart; equal seeds give the noise that
    /// scikit-learn adds for this `random_state`. Without one the seed is 0, where scikit-learn draws anew each time.
    #[must_use]
    pub fn random_state(mut self, random_state: u32) -> Self {
        self.random_state = Some(random_state);
        self
    }

    /// The seed of the noise.
    pub(super) fn seed(&self) -> u32 {
        self.random_state.unwrap_or(0)
    }

    /// How many neighbours are counted.
    pub(super) fn neighbors(&self) -> Result<usize> {
        match usize::try_from(self.n_neighbors) {
            Ok(0) => {
                let error = Error::invalid_input(OPERATION, "score_func", "n_neighbors is 0");
                Err(error.remedy("count at least one neighbour"))
            }
            Ok(count) => Ok(count),
            Err(_) => Ok(usize::MAX),
        }
    }

    /// Whether each of so many columns holds classes.
    pub(super) fn mask(&self, columns: usize) -> Result<Vec<bool>> {
        let refused = |problem: String| {
            Error::invalid_input(OPERATION, "score_func", problem)
                .remedy(format!("name positions of the {columns} columns, or give one truth value for each"))
        };
        match &self.discrete_features {
            DiscreteFeatures::Auto => Ok(vec![false; columns]),
            DiscreteFeatures::All(all) => Ok(vec![*all; columns]),
            DiscreteFeatures::Mask(mask) if mask.len() == columns => Ok(mask.clone()),
            DiscreteFeatures::Mask(mask) => Err(refused(format!(
                "discrete_features has {} truth values, and there are {columns} columns",
                mask.len()
            ))),
            DiscreteFeatures::Positions(positions) => {
                let mut mask = vec![false; columns];
                for position in positions {
                    let from_end = usize::try_from(position.unsigned_abs()).ok();
                    let place = match position {
                        0.. => from_end,
                        _ => from_end.and_then(|back| columns.checked_sub(back)),
                    };
                    let column = place.and_then(|place| mask.get_mut(place));
                    *column.ok_or_else(|| {
                        refused(format!(
                            "discrete_features names column {position}, and there are {columns} columns"
                        ))
                    })? = true;
                }
                Ok(mask)
            }
        }
    }

    /// From the pairs of a name and a value that follow the name of a score function.
    pub(super) fn read(options: Vec<Parameter>) -> Result<Self, String> {
        let mut own = Self::default();
        for option in options {
            let (name, value) = pair(option)?;
            match name.as_str() {
                "discrete_features" => own.discrete_features = value.try_into()?,
                "n_neighbors" => {
                    own.n_neighbors = value
                        .as_count()
                        .filter(|count| *count > 0)
                        .ok_or_else(|| value.is_not("n_neighbors: a whole number of at least 1"))?;
                }
                "random_state" => own.random_state = seed(&value)?,
                // The table is never written to, and columns are scored one after another.
                "copy" | "n_jobs" => {}
                _ => {
                    return Err(format!(
                        "there is no option {name:?}; use discrete_features, n_neighbors or random_state"
                    ));
                }
            }
        }
        Ok(own)
    }

    /// The name of a score function with the options that are not at their defaults.
    pub(super) fn write(self, name: &str) -> Parameter {
        let default = Self::default();
        let mut words: Vec<Parameter> = vec![name.into()];
        let mut say = |name: &str, value: Parameter| words.push(Parameter::List(vec![name.into(), value]));
        if self.discrete_features != default.discrete_features {
            say("discrete_features", self.discrete_features.into());
        }
        if self.n_neighbors != default.n_neighbors {
            say("n_neighbors", self.n_neighbors.into());
        }
        if self.random_state.is_some() {
            say("random_state", self.random_state.into());
        }
        match words.len() {
            1 => name.into(),
            _ => Parameter::List(words),
        }
    }
}

fn pair(option: Parameter) -> Result<(String, Parameter), String> {
    let Parameter::List(pair) = option else {
        return Err(option.is_not("a pair of an option and its value"));
    };
    let [name, value] = <[Parameter; 2]>::try_from(pair)
        .map_err(|pair| Parameter::List(pair).is_not("a pair of an option and its value"))?;
    let name = name.as_text().map(str::to_owned).ok_or_else(|| name.is_not("the name of an option"))?;
    Ok((name, value))
}

fn seed(value: &Parameter) -> Result<Option<u32>, String> {
    if *value == Parameter::from(None::<bool>) {
        return Ok(None);
    }
    let seed = value.as_count().and_then(|seed| u32::try_from(seed).ok());
    seed.map(Some).ok_or_else(|| value.is_not("random_state: a seed below 2^32, or None,"))
}

fn truth(value: &Parameter) -> Option<bool> {
    match value {
        Parameter::Value(OwnedValue::Bool(value)) => Some(*value),
        _ => None,
    }
}

fn whole(value: &Parameter) -> Option<i64> {
    match value {
        Parameter::Value(OwnedValue::Int(value)) => Some(*value),
        _ => None,
    }
}

impl TryFrom<Parameter> for DiscreteFeatures {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        const EXPECTED: &str = "discrete_features: \"auto\", a bool, or a list of positions or of bools";
        if value.as_text() == Some("auto") {
            return Ok(Self::Auto);
        }
        if let Some(all) = truth(&value) {
            return Ok(Self::All(all));
        }
        let Parameter::List(values) = &value else {
            return Err(value.is_not(EXPECTED));
        };
        let mask: Option<Vec<bool>> = values.iter().map(truth).collect();
        if let Some(mask) = mask.filter(|mask| !mask.is_empty()) {
            return Ok(Self::Mask(mask));
        }
        let positions: Option<Vec<i64>> = values.iter().map(whole).collect();
        positions.map(Self::Positions).ok_or_else(|| value.is_not(EXPECTED))
    }
}

impl From<DiscreteFeatures> for Parameter {
    fn from(own: DiscreteFeatures) -> Self {
        match own {
            DiscreteFeatures::Auto => "auto".into(),
            DiscreteFeatures::All(all) => all.into(),
            DiscreteFeatures::Positions(positions) => positions.into(),
            DiscreteFeatures::Mask(mask) => mask.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{Parameters, ScoreFunction, SelectKBest, Transformer};

    fn spoken(options: &[(&str, Parameter)]) -> Parameter {
        let pair = |(name, value): &(&str, Parameter)| Parameter::List(vec![(*name).into(), value.clone()]);
        let words = std::iter::once("mutual_info_classif".into()).chain(options.iter().map(pair));
        Parameter::List(words.collect())
    }

    #[test]
    fn options_come_back_as_they_were_said() {
        for options in [
            MutualInformation::default(),
            MutualInformation::default().n_neighbors(7),
            MutualInformation::default().discrete_features(DiscreteFeatures::All(true)).random_state(0),
            MutualInformation::default().discrete_features(DiscreteFeatures::Mask(vec![true, false])),
            MutualInformation::default().discrete_features(DiscreteFeatures::Positions(vec![-1, 0])),
        ] {
            for own in [
                ScoreFunction::MutualInfoClassif(options.clone()),
                ScoreFunction::MutualInfoRegression(options.clone()),
            ] {
                let specification = Transformer::from(SelectKBest::default().score_func(own.clone()).k(3));
                let parameters = specification.parameters().unwrap();
                assert_eq!(Transformer::new("SelectKBest", &parameters).unwrap(), specification, "{own:?}");
            }
        }
    }

    #[test]
    fn what_has_no_effect_is_taken() {
        let said = spoken(&[("copy", false.into()), ("n_jobs", None::<bool>.into())]);
        let own = ScoreFunction::try_from(said).unwrap();
        assert_eq!(own, ScoreFunction::MutualInfoClassif(MutualInformation::default()));
    }

    #[test]
    fn impossible_options_are_refused_by_name() {
        let cases: [(Vec<(&str, Parameter)>, &str); 7] = [
            (vec![("neighbors", 3.into())], "there is no option \"neighbors\""),
            (vec![("n_neighbors", 0.into())], "n_neighbors: a whole number of at least 1 is expected, got 0"),
            (vec![("n_neighbors", 1.5.into())], "got 1.5"),
            (vec![("random_state", (-1).into())], "random_state: a seed below 2^32"),
            (vec![("random_state", (1_u64 << 32).into())], "random_state: a seed below 2^32"),
            (vec![("discrete_features", "some".into())], "got \"some\""),
            (vec![("discrete_features", vec!["a"].into())], "got [\"a\"]"),
        ];
        for (options, words) in cases {
            let parameters = Parameters::from_iter([("score_func", spoken(&options))]);
            let error = Transformer::new("SelectKBest", &parameters).unwrap_err().to_string();
            assert!(
                error.starts_with("configure SelectKBest score_func: ") && error.contains(words),
                "{error}"
            );
        }
        let alone = Parameter::List(vec!["mutual_info_classif".into(), "n_neighbors".into()]);
        for (value, words) in [
            (alone, "a pair of an option and its value is expected"),
            (Parameter::List(Vec::new()), "\"f_classif\", \"f_regression\""),
            (Parameter::List(vec!["chi2".into(), 1.into()]), "chi2 has no options"),
            ("f_oneway".into(), "got \"f_oneway\""),
        ] {
            let error = ScoreFunction::try_from(value).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn columns_are_named_by_position_or_by_a_mask() {
        let mask =
            |discrete: DiscreteFeatures| MutualInformation::default().discrete_features(discrete).mask(3);
        assert_eq!(mask(DiscreteFeatures::Positions(vec![0, -1])).unwrap(), [true, false, true]);
        assert_eq!(mask(DiscreteFeatures::All(true)).unwrap(), [true; 3]);
        for (discrete, words) in [
            (DiscreteFeatures::Positions(vec![3]), "names column 3, and there are 3 columns"),
            (DiscreteFeatures::Positions(vec![-4]), "names column -4"),
            (DiscreteFeatures::Positions(vec![i64::MIN]), "there are 3 columns"),
            (DiscreteFeatures::Mask(vec![true]), "1 truth values"),
        ] {
            let error = mask(discrete).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        assert!(MutualInformation::default().n_neighbors(0).neighbors().is_err());
    }
}
