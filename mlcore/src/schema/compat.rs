use std::fmt;

use super::{Dim, DisplayShape, Field, Schema, Signature};

/// One reason why a model must not take another's place under the same callers.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incompatibility {
    /// The replacement needs an input that callers do not send.
    NewInput(String),
    /// Callers send an input that the replacement does not take.
    UnknownInput(String),
    /// Callers read an output that the replacement does not give.
    LostOutput(String),
    /// Both have it, in types or shapes that do not fit: the name, what callers use, what the replacement has.
    Differs(String, String, String),
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewInput(name) => write!(f, "needs the input {name}, which callers do not send"),
            Self::UnknownInput(name) => write!(f, "does not take the input {name}, which callers send"),
            Self::LostOutput(name) => write!(f, "does not give the output {name}, which callers read"),
            Self::Differs(name, used, offered) => write!(f, "{name} was {used} and is {offered}"),
        }
    }
}

impl Signature {
    /// Why `replacement` may not answer the callers of this model: empty when it may.
    ///
    /// Callers keep working when the replacement takes exactly the inputs they send, in the same types and in every
    /// shape they may send, and gives at least the outputs they read, in the same types and in no new shape.
    #[must_use]
    pub fn incompatibilities(&self, replacement: &Self) -> Vec<Incompatibility> {
        let mut found = Vec::new();
        for field in replacement.inputs.fields() {
            match self.inputs.field(field.name()) {
                None => found.push(Incompatibility::NewInput(field.name().to_owned())),
                Some(sent) => found.extend(differs(sent, field, sent, field)),
            }
        }
        found.extend(missing(&self.inputs, &replacement.inputs).map(Incompatibility::UnknownInput));
        for field in self.outputs.fields() {
            match replacement.outputs.field(field.name()) {
                None => found.push(Incompatibility::LostOutput(field.name().to_owned())),
                Some(given) => found.extend(differs(field, given, given, field)),
            }
        }
        found
    }
}

/// Does `narrow` fit wherever `wide` is accepted? If not, how `used` and `offered` differ.
fn differs(used: &Field, offered: &Field, narrow: &Field, wide: &Field) -> Option<Incompatibility> {
    let shapes_fit = narrow.shape().len() == wide.shape().len()
        && narrow
            .shape()
            .iter()
            .zip(wide.shape())
            .all(|(narrow, wide)| *wide == Dim::Dynamic || narrow == wide);
    if used.dtype() == offered.dtype() && shapes_fit {
        return None;
    }
    let show = |field: &Field| format!("{} {}", field.dtype(), DisplayShape(field.shape()));
    Some(Incompatibility::Differs(used.name().to_owned(), show(used), show(offered)))
}

fn missing<'a>(from: &'a Schema, within: &'a Schema) -> impl Iterator<Item = String> + 'a {
    from.names().filter(|name| within.field(name).is_none()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::DType;

    fn signature(input: [Dim; 2], outputs: &[(&str, DType)]) -> Signature {
        let outputs = outputs.iter().map(|(name, dtype)| Field::column(*name, *dtype));
        Signature::new(
            Schema::new([Field::tensor("x", DType::Float32, input)]).unwrap(),
            Schema::new(outputs).unwrap(),
        )
    }

    #[test]
    fn a_replacement_may_take_more_shapes_and_give_more_outputs() {
        let old = signature([Dim::Fixed(1), Dim::Fixed(3)], &[("y", DType::Int64)]);
        let new = signature([Dim::Dynamic, Dim::Fixed(3)], &[("y", DType::Int64), ("p", DType::Float32)]);
        assert_eq!(old.incompatibilities(&new), []);
        let found = new.incompatibilities(&old);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&Incompatibility::LostOutput("p".into())));
    }

    #[test]
    fn another_type_or_name_is_told() {
        let old = signature([Dim::Dynamic, Dim::Fixed(3)], &[("y", DType::Int64)]);
        let mut new = signature([Dim::Dynamic, Dim::Fixed(3)], &[("y", DType::Float32)]);
        assert_eq!(old.incompatibilities(&new)[0].to_string(), "y was int64 [?] and is float32 [?]");
        new.inputs = Schema::new([Field::column("z", DType::Float32)]).unwrap();
        let shown: Vec<String> = old.incompatibilities(&new).iter().map(ToString::to_string).collect();
        assert!(
            shown[0].starts_with("needs the input z") && shown[1].starts_with("does not take the input x")
        );
    }
}
