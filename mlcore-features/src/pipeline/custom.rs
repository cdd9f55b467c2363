//! The functions of the host in a plan: which there are, how they are found, and how two of them differ.

use mlcore::Result;
use serde_json::Value;

use super::FittedStep;
use crate::transform::custom::{FittedCustomTransformer, Functions, State};

impl FittedStep {
    /// Shows every function of the host inside, in the order of the steps.
    pub(super) fn each_function<'a>(&'a self, see: &mut dyn FnMut(&'a FittedCustomTransformer)) {
        match self {
            Self::Function(function) => see(function),
            Self::Pipeline(steps) => steps.iter().for_each(|(_, step)| step.each_function(see)),
            Self::ColumnTransformer(columns) => {
                columns.iter().for_each(|(_, step, _)| step.each_function(see));
            }
            Self::FeatureUnion(union) => union.iter().for_each(|(_, step, _)| step.each_function(see)),
            Self::Passthrough(_) | Self::Drop | Self::Transformer(_) => {}
        }
    }

    /// Finds every function of the host that the steps name.
    ///
    /// # Errors
    /// One error for all that are not there; and what a function says about what a plan stores of it.
    pub(super) fn bind_functions(&mut self, functions: &Functions) -> Result<()> {
        let mut lacking = Vec::new();
        self.each_function(&mut |step| {
            let named = (step.name().to_owned(), step.version());
            if step.function().is_none()
                && functions.get(&named.0, named.1).is_none()
                && !lacking.contains(&named)
            {
                lacking.push(named);
            }
        });
        if lacking.is_empty() { self.bind_each(functions) } else { Err(functions.lacks(&lacking)) }
    }

    fn bind_each(&mut self, functions: &Functions) -> Result<()> {
        match self {
            Self::Function(function) => function.bind(functions),
            Self::Pipeline(steps) => steps.steps_mut().try_for_each(|step| step.bind_each(functions)),
            Self::ColumnTransformer(columns) => {
                columns.steps_mut().try_for_each(|step| step.bind_each(functions))
            }
            Self::FeatureUnion(union) => union.steps_mut().try_for_each(|step| step.bind_each(functions)),
            Self::Passthrough(_) | Self::Drop | Self::Transformer(_) => Ok(()),
        }
    }
}

/// Tells in which places what two functions learnt differs.
pub(super) fn compare_states(told: &mut Vec<String>, old: &State, new: &State) {
    compare(told, "state", old.value(), new.value());
}

fn compare(told: &mut Vec<String>, place: &str, old: &Value, new: &Value) {
    match (old, new) {
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (position, (old, new)) in old.iter().zip(new).enumerate() {
                compare(told, &format!("{place}[{position}]"), old, new);
            }
        }
        (Value::Object(old), Value::Object(new)) => {
            for (name, before) in old {
                match new.get(name) {
                    Some(now) => compare(told, &format!("{place}.{name}"), before, now),
                    None => told.push(format!("{place} lost {name}")),
                }
            }
            let added = new.keys().filter(|name| !old.contains_key(*name));
            told.extend(added.map(|name| format!("{place} got {name}")));
        }
        (old, new) if old == new => {}
        (old, new) => told.push(format!("{place} was {}, is {}", size(old), size(new))),
    }
}

/// A value in few words.
fn size(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("a list of {}", values.len()),
        Value::Object(entries) => format!("an object of {}", entries.len()),
        single => single.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_differ_by_their_places() {
        let state = |text| State::from_json(text).unwrap();
        let mut told = Vec::new();
        let (old, new) = (r#"{"b":[1,2.5],"a":null,"c":1}"#, r#"{"b":[1,3],"a":[4],"d":"x"}"#);
        compare_states(&mut told, &state(old), &state(new));
        let expected =
            ["state.a was null, is a list of 1", "state.b[1] was 2.5, is 3", "state lost c", "state got d"];
        assert_eq!(told, expected);
        told.clear();
        compare_states(&mut told, &state(old), &state(old));
        assert!(told.is_empty(), "{told:?}");
    }
}
