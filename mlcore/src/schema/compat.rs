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
    /// shape they may send, and gives at least the outputs they read, in the same types and in no new shape. Missing values
    /// count as shapes do: what callers may send must be taken, and what they do not expect must not be given.
    ///
    /// The unit and the time zone of a timestamp are parts of its type. `timestamp[ns, tz=UTC]` is another type than
    /// `timestamp[us, tz=UTC]`, because one that falls between two microseconds does not fit there; and another than
    /// `timestamp[ns]`, which is no moment. A feature plan before the model takes the units and zones that lose nothing.
    #[must_use]
    pub fn incompatibilities(&self, replacement: &Self) -> Vec<Incompatibility> {
        let mut found = Vec::new();
        for field in replacement.inputs.fields() {
            match self.inputs.field(field.name()) {
                None => found.push(Incompatibility::NewInput(field.name().to_owned())),
                Some(sent) => found.extend(differs(sent, field, sent, field)),
            }
        }
        let unknown = missing(&self.inputs, &replacement.inputs);
        let unknown = unknown.filter(|name| replacement.optional.field(name).is_none());
        found.extend(unknown.map(Incompatibility::UnknownInput));
        for field in self.outputs.fields() {
            match replacement.outputs.field(field.name()) {
                None => found.push(Incompatibility::LostOutput(field.name().to_owned())),
                Some(given) => found.extend(differs(field, given, given, field)),
            }
        }
        found
    }
}

/// How `used` and `offered` differ, unless `narrow` fits wherever `wide` is accepted.
fn differs(used: &Field, offered: &Field, narrow: &Field, wide: &Field) -> Option<Incompatibility> {
    let axes_fit = narrow.shape().len() == wide.shape().len()
        && narrow
            .shape()
            .iter()
            .zip(wide.shape())
            .all(|(narrow, wide)| *wide == Dim::Dynamic || narrow == wide);
    let shapes_fit = wide.is_of_any_shape() || axes_fit && !narrow.is_of_any_shape();
    let nulls_fit = !narrow.is_nullable() || wide.is_nullable();
    if used.dtype() == offered.dtype() && shapes_fit && nulls_fit {
        return None;
    }
    let show = |field: &Field| {
        let optional = if field.is_nullable() { "?" } else { "" };
        format!("{}{optional} {}", field.dtype(), DisplayShape(field))
    };
    Some(Incompatibility::Differs(used.name().to_owned(), show(used), show(offered)))
}

fn missing<'a>(from: &'a Schema, within: &'a Schema) -> impl Iterator<Item = String> + 'a {
    from.names().filter(|name| within.field(name).is_none()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::DType;
    use crate::time::{TimeUnit, TimeZone};

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
    fn any_shape_takes_every_shape_and_is_none_of_them() {
        let of = |sent: Field| Signature::new(Schema::new([sent]).unwrap(), Schema::default());
        let (any, row) = (of(Field::of_any_shape("x", DType::Bool)), of(Field::column("x", DType::Bool)));
        assert_eq!(row.incompatibilities(&any), []);
        assert_eq!(row.incompatibilities(&row), []);
        assert_eq!(any.incompatibilities(&any), []);
        assert_eq!(any.incompatibilities(&row)[0].to_string(), "x was bool of any shape and is bool [?]");
    }

    #[test]
    fn units_and_zones_are_parts_of_a_type() {
        let (utc, berlin) = (Some(TimeZone::UTC), Some(TimeZone::new("Europe/Berlin").unwrap()));
        let dtypes = [
            DType::Date,
            DType::Time(TimeUnit::Microsecond),
            DType::Time(TimeUnit::Nanosecond),
            DType::Timestamp(TimeUnit::Microsecond, None),
            DType::Timestamp(TimeUnit::Microsecond, utc),
            DType::Timestamp(TimeUnit::Microsecond, berlin),
            DType::Timestamp(TimeUnit::Nanosecond, utc),
        ];
        let of = |dtype| {
            let schema = |name: &str| Schema::new([Field::column(name, dtype)]).unwrap();
            Signature::new(schema("at"), schema("next"))
        };
        for used in dtypes {
            for offered in dtypes {
                let differs = |name: &str| {
                    Incompatibility::Differs(name.into(), format!("{used} [?]"), format!("{offered} [?]"))
                };
                let expected = if used == offered { vec![] } else { vec![differs("at"), differs("next")] };
                assert_eq!(of(used).incompatibilities(&of(offered)), expected);
            }
        }
        let told = of(dtypes[4]).incompatibilities(&of(dtypes[3]))[0].to_string();
        assert_eq!(told, "at was timestamp[us, tz=UTC] [?] and is timestamp[us] [?]");
    }

    #[test]
    fn missing_values_must_be_taken_and_not_be_given() {
        let of = |sent: Field, read: Field| {
            Signature::new(Schema::new([sent]).unwrap(), Schema::new([read]).unwrap())
        };
        let (age, risk) = (Field::column("age", DType::Float64), Field::column("risk", DType::Float64));
        let strict = of(age.clone(), risk.clone());
        let takes = of(age.clone().nullable(), risk.clone());
        let gives = of(age, risk.nullable());
        assert_eq!(strict.incompatibilities(&takes), []);
        assert_eq!(gives.incompatibilities(&strict), []);
        let told = |found: Vec<Incompatibility>| found.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(takes.incompatibilities(&strict)), ["age was float64? [?] and is float64 [?]"]);
        assert_eq!(told(strict.incompatibilities(&gives)), ["risk was float64 [?] and is float64? [?]"]);
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
