//! Changes inside messages of protocol buffers, with the lengths around them put right.

use mlcore::stats::SplitMix64;

/// A field: the number of its tag, and what stands behind the tag.
#[derive(Clone)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
    Fixed64(Vec<u8>),
    Fixed32(Vec<u8>),
}

/// Messages inside messages that are taken apart; the innermost are bytes.
const DEEPEST: usize = 40;

/// The message with one place changed; none where it is no message.
pub(crate) fn changed(message: &[u8], random: &mut SplitMix64, depth: usize) -> Option<Vec<u8>> {
    let mut fields = fields(message)?;
    if fields.is_empty() || depth > DEEPEST {
        return None;
    }
    let (one, other) = (random.below(fields.len()), random.below(fields.len()));
    match random.below(12) {
        0 => drop(fields.remove(one)),
        1 => fields.swap(one, other),
        2 => fields.insert(other, fields[one].clone()),
        3 => fields[one].number = 1 + random.below(32) as u64,
        // What one field holds, in another, which is how graphs come into graphs.
        4 => fields[one].value = fields[other].value.clone(),
        5 => {
            let whole = Field { number: fields[one].number, value: Value::Bytes(message.to_vec()) };
            fields.insert(other, whole);
        }
        _ => fields[one].value = changed_value(&fields[one].value, random, depth),
    }
    Some(fields.iter().flat_map(written).collect())
}

fn changed_value(value: &Value, random: &mut SplitMix64, depth: usize) -> Value {
    match value {
        Value::Number(number) => Value::Number(match random.below(5) {
            0 => number.wrapping_add(1),
            1 => number.wrapping_sub(1),
            2 => 1 << random.below(64),
            3 => u64::MAX - random.below(4) as u64,
            _ => random.below(20) as u64,
        }),
        Value::Bytes(bytes) => {
            let inside = (random.below(8) > 0).then(|| changed(bytes, random, depth + 1)).flatten();
            Value::Bytes(inside.unwrap_or_else(|| mutated(bytes)))
        }
        Value::Fixed64(bytes) => Value::Fixed64(same_length(bytes)),
        Value::Fixed32(bytes) => Value::Fixed32(same_length(bytes)),
    }
}

/// As libFuzzer changes bytes, which knows the dictionary.
fn mutated(bytes: &[u8]) -> Vec<u8> {
    let mut longer = bytes.to_vec();
    longer.resize(bytes.len() + 64, 0);
    let most = longer.len();
    let length = libfuzzer_sys::fuzzer_mutate(&mut longer, bytes.len(), most);
    longer.truncate(length);
    longer
}

fn same_length(bytes: &[u8]) -> Vec<u8> {
    let mut changed = mutated(bytes);
    changed.resize(bytes.len(), 0);
    changed
}

fn fields(mut message: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut message)?),
            1 => Value::Fixed64(take(&mut message, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                Value::Bytes(take(&mut message, length)?)
            }
            5 => Value::Fixed32(take(&mut message, 4)?),
            _ => return None,
        };
        fields.push(Field { number: tag >> 3, value });
    }
    Some(fields)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take(message: &mut &[u8], length: usize) -> Option<Vec<u8>> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken.to_vec())
}

fn written(field: &Field) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |mut number: u64| {
        while number >= 0x80 {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    };
    let tag = |wire: u64| field.number << 3 | wire;
    let tail: &[u8] = match &field.value {
        Value::Number(number) => {
            put(tag(0));
            put(*number);
            &[]
        }
        Value::Bytes(inside) => {
            put(tag(2));
            put(inside.len() as u64);
            inside
        }
        Value::Fixed64(inside) => {
            put(tag(1));
            inside
        }
        Value::Fixed32(inside) => {
            put(tag(5));
            inside
        }
    };
    bytes.extend_from_slice(tail);
    bytes
}
