use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use super::{BOOL, DATE, END, EntityKey, NATURAL, NEGATIVE, TEXT, TIMESTAMP, push_text};

impl EntityKey {
    /// The key of these join keys alone, each of the type that its field has: of an entity with the keys of several views, that of
    /// one view. Nothing is allocated where the key is short.
    ///
    /// ```
    /// use mlcore::batch::Value;
    /// use mlcore::schema::{DType, Field, Schema};
    /// use mlcore_features::store::key::EntityKey;
    ///
    /// let both = EntityKey::new([("user", Value::Int(7)), ("shop", Value::Text("a"))])?;
    /// let of_user = Schema::new([Field::column("user", DType::Int64)])?;
    /// assert_eq!(both.select(&of_user)?, EntityKey::one("user", 7)?);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming a join key that the entity does not have, or whose value is of another type.
    pub fn select(&self, join_keys: &Schema) -> Result<Self> {
        let mut bytes = SmallVec::new();
        bytes.push(u8::try_from(join_keys.len()).unwrap_or(u8::MAX));
        let (mut rest, mut found) = (self.bytes.get(1..).unwrap_or_default(), 0);
        while let Some((name, value, after)) = split_part(rest) {
            let own = rest.get(..rest.len() - after.len()).unwrap_or_default();
            rest = after;
            let Some(field) = join_keys.fields().iter().find(|field| is_text(name, field.name())) else {
                continue;
            };
            if !is_of(value, field.dtype()) {
                let problem = format!("the entity {self} has a value of another type than {}", field.dtype());
                return Err(Error::invalid_input(SELECT, field.name(), problem)
                    .remedy("pass the join key in the type that it has in the feature store"));
            }
            found += 1;
            bytes.extend_from_slice(own);
        }
        if found == join_keys.len() {
            return Ok(Self { hash: xxh3_64(&bytes), bytes });
        }
        let parts = self.parts();
        let lacks = |name: &&str| parts.iter().all(|(own, _)| own != name);
        let name = join_keys.names().find(lacks).unwrap_or_default();
        Err(Error::invalid_input(SELECT, name, format!("the entity {self} does not have this join key"))
            .remedy("pass a value for each join key of the features that are looked up"))
    }
}

const SELECT: &str = "look up entity";

/// The escaped name and the value of the first part, and what follows; `None` at the end.
fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = bytes.split_at_checked(text_end(bytes)?)?;
    let length = match rest.first()? {
        &BOOL => 1,
        &NEGATIVE | &NATURAL => 8,
        &TEXT => text_end(rest.get(1..)?)?,
        &DATE => 4,
        &TIMESTAMP => 16,
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(1 + length)?;
    Some((name, value, rest))
}

/// Where the escaped text ends with which the bytes begin.
fn text_end(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let zero = start + bytes.get(start..)?.iter().position(|byte| *byte == 0)?;
        start = zero + 2;
        if *bytes.get(zero + 1)? == END {
            return Some(start);
        }
    }
}

fn is_text(escaped: &[u8], text: &str) -> bool {
    let mut own = SmallVec::new();
    push_text(&mut own, text);
    own.as_slice() == escaped
}

/// Says whether a part's value is of the type.
fn is_of(value: &[u8], dtype: DType) -> bool {
    match value.first() {
        Some(&BOOL) => dtype == DType::Bool,
        Some(&(NEGATIVE | NATURAL)) => dtype.is_integer(),
        Some(&TEXT) => dtype == DType::String,
        Some(&DATE) => dtype == DType::Date,
        Some(&TIMESTAMP) => matches!(dtype, DType::Timestamp(_, Some(_))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use mlcore::batch::Value;
    use mlcore::schema::Field;
    use mlcore::time::Date;

    use super::*;

    #[test]
    fn a_part_of_a_key_is_the_key_of_that_part() {
        let all = [
            ("a\0b", Value::Int(-3)),
            ("day", Value::Date(Date::from_days(9))),
            ("user", Value::Text("x\0y")),
        ];
        let types = [DType::Int32, DType::Date, DType::String];
        let key = EntityKey::new(all).unwrap();
        for chosen in [&[0][..], &[1], &[2], &[2, 0], &[0, 1, 2]] {
            let fields = chosen.iter().map(|place| Field::column(all[*place].0, types[*place]));
            let expected = EntityKey::new(chosen.iter().map(|place| all[*place])).unwrap();
            let own = key.select(&Schema::new(fields).unwrap()).unwrap();
            assert_eq!((own.as_bytes(), own.hash64()), (expected.as_bytes(), expected.hash64()));
        }
        for (name, dtype, expected) in [
            ("shop", DType::Int64, "shop: the entity"),
            ("user", DType::Int64, "a value of another type than int64"),
            ("day", DType::String, "a value of another type than string"),
        ] {
            let error = key.select(&Schema::new([Field::column(name, dtype)]).unwrap()).unwrap_err();
            assert!(error.kind() == "invalid_input" && error.to_string().contains(expected), "{error}");
        }
    }
}
