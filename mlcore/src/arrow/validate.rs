use arrow_data::{ArrayData, BufferSpec, layout};
use arrow_schema::{ArrowError, DataType};

use crate::error::{Error, Result};
use crate::memory;

/// Makes sure that data of another library is what Arrow's arrays take for granted: that text is UTF-8, that offsets and codes
/// lie within what they refer to, and that as many rows are null as it says.
///
/// Arrow's C interface hands data over as it is, and nothing looks at it on the way (`arrow::ffi::from_ffi`,
/// `ArrayDataBuilder::build_unchecked`): text that is not UTF-8 is undefined behaviour as soon as it is read. Arrays that
/// Arrow's safe constructors made need no check. How long a buffer of another library really is, nobody can check: the
/// interface does not say it.
///
/// `column` is what an error calls the data, and `first_row` the row that its first one is in the column, where it is one
/// chunk of several. Numbers take constant time; text and everything with offsets or codes is read once.
///
/// ```
/// use mlcore::arrow::array::{Array, BinaryArray, StringArray};
/// use mlcore::arrow::datatypes::DataType;
/// use mlcore::arrow::validate;
///
/// validate("read table", "word", &StringArray::from(vec!["ok"]).to_data(), 0)?;
/// let bytes = BinaryArray::from_vec(vec![b"ok", b"\xff"]).to_data().into_builder();
/// // SAFETY: it is looked at before it is read.
/// let unchecked = unsafe { bytes.data_type(DataType::Utf8).build_unchecked() };
/// let error = validate("read table", "word", &unchecked, 0).unwrap_err();
/// assert!(error.to_string().starts_with("read table word: row 1 holds text that is not UTF-8"));
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidInput`] that names the column, and the first row whose text is not UTF-8; [`Error::Unsupported`] for more rows
/// than memory has numbers for, where they take none themselves.
pub fn validate(operation: &'static str, column: &str, data: &ArrayData, first_row: usize) -> Result<()> {
    let sound = check_sizes(data).and_then(|()| match refers(data.data_type()) {
        true => data.validate_full(),
        false => data.validate().and_then(|()| data.validate_nulls()),
    });
    let Err(cause) = sound else { return require_memory(operation, column, data) };
    Err(match first_not_utf8(data) {
        Some(row) => {
            let problem = format!("row {} holds text that is not UTF-8", first_row + row);
            Error::invalid_input(operation, column, problem).remedy(
                "decode its bytes with the encoding that they have, such as bytes.decode(\"latin-1\")",
            )
        }
        None => Error::invalid_input(operation, column, format!("its Arrow data is damaged: {cause}"))
            .remedy("write it again with the library that made it"),
    }
    .caused_by(cause))
}

/// Rows of some types take no memory, so that a few bytes are as many as they say. What reads them needs a number for each.
fn require_memory(operation: &'static str, column: &str, data: &ArrayData) -> Result<()> {
    if let DataType::Null | DataType::FixedSizeList(..) | DataType::Struct(_) | DataType::RunEndEncoded(..) =
        data.data_type()
    {
        memory::require::<f64>(operation, column, &[data.len()])?;
    }
    // Those inside, too: a dictionary's words may be so many nulls.
    data.child_data().iter().try_for_each(|inside| require_memory(operation, column, inside))
}

/// What Arrow's own check takes for granted, and would panic without: rows that can be counted and are in the columns inside, and
/// offsets and codes that are whole numbers.
pub(super) fn check_sizes(data: &ArrayData) -> Result<(), ArrowError> {
    // From the innermost on: what is said about a type takes for granted that the types inside are some.
    data.child_data().iter().try_for_each(check_sizes)?;
    let end = data.len().checked_add(data.offset()).filter(|end| isize::try_from(*end).is_ok());
    let holds = |size: usize| {
        let rows = end.and_then(|end| end.checked_mul(size));
        rows.is_some_and(|rows| data.child_data().iter().all(|inside| rows <= inside.len()))
    };
    let is_countable = match data.data_type() {
        DataType::FixedSizeList(_, size) => usize::try_from(*size).is_ok_and(holds),
        DataType::Struct(_) => holds(1),
        DataType::FixedSizeBinary(size) => *size >= 0 && end.is_some(),
        _ => end.is_some(),
    };
    if !is_countable {
        let (rows, offset) = (data.len(), data.offset());
        let problem = format!("{rows} rows after {offset} others are more than it holds");
        return Err(ArrowError::InvalidArgumentError(problem));
    }
    // What is no offset or code is read without a look at the bytes behind its last row, which padding may be.
    let is_read_whole = |data: &ArrayData| refers(data.data_type()) && !is_fixed_size_binary(data);
    let run_ends =
        data.child_data().first().filter(|_| matches!(data.data_type(), DataType::RunEndEncoded(..)));
    for part in run_ends.into_iter().chain(is_read_whole(data).then_some(data)) {
        let widths = layout(part.data_type()).buffers;
        for (buffer, spec) in part.buffers().iter().zip(&widths) {
            if let BufferSpec::FixedWidth { byte_width, .. } = spec
                && !buffer.len().is_multiple_of(*byte_width)
            {
                let problem =
                    format!("a buffer of {} bytes holds no numbers of {byte_width} bytes", buffer.len());
                return Err(ArrowError::InvalidArgumentError(problem));
            }
        }
    }
    Ok(())
}

fn is_fixed_size_binary(data: &ArrayData) -> bool {
    matches!(data.data_type(), DataType::FixedSizeBinary(_))
}

/// Whether values of the type lie elsewhere: text, and all that has offsets, codes or columns inside.
fn refers(data_type: &DataType) -> bool {
    !(data_type.is_primitive() || matches!(data_type, DataType::Null | DataType::Boolean))
}

/// The first row whose text is not UTF-8, or whose word in a dictionary is not; none where something else is damaged before it.
/// The data was found unsound, so that nothing of it is taken for granted here.
fn first_not_utf8(data: &ArrayData) -> Option<usize> {
    let is_wrong = |text: &[u8]| std::str::from_utf8(text).is_err();
    (0..data.len()).map_while(|row| text(data, row)).position(is_wrong)
}

/// The bytes of a row of text.
fn text(data: &ArrayData, row: usize) -> Option<&[u8]> {
    let between = |width: usize| {
        let (start, end) = (number(data, row, width)?, number(data, row.checked_add(1)?, width)?);
        data.buffers().get(1)?.get(start..end)
    };
    match data.data_type() {
        DataType::Utf8 => between(4),
        DataType::LargeUtf8 => between(8),
        DataType::Utf8View => {
            let view = fixed(data, row, 16)?;
            let part = |from: usize| view.get(from..from + 4).and_then(unsigned);
            match part(0)? {
                short @ 0..=12 => view.get(4..4 + short),
                long => {
                    let (buffer, start) = (part(8)?, part(12)?);
                    data.buffers().get(buffer.checked_add(1)?)?.get(start..start.checked_add(long)?)
                }
            }
        }
        DataType::Dictionary(code, _) => {
            // The code of a null is arbitrary.
            if data.nulls().is_some_and(|nulls| row < nulls.len() && nulls.is_null(row)) {
                return Some(&[]);
            }
            text(data.child_data().first()?, number(data, row, code.primitive_width()?)?)
        }
        _ => None,
    }
}

/// An offset or a code: the number of this row in the first buffer.
fn number(data: &ArrayData, row: usize, width: usize) -> Option<usize> {
    unsigned(fixed(data, row, width)?)
}

/// The bytes of this row in the first buffer, where each takes `width` of them.
fn fixed(data: &ArrayData, row: usize, width: usize) -> Option<&[u8]> {
    let start = data.offset().checked_add(row)?.checked_mul(width)?;
    data.buffers().first()?.get(start..start.checked_add(width)?)
}

/// The number in 1, 2, 4 or 8 bytes. One below zero is too large for anything.
fn unsigned(bytes: &[u8]) -> Option<usize> {
    Some(match bytes.len() {
        1 => usize::from(*bytes.first()?),
        2 => u16::from_ne_bytes(bytes.try_into().ok()?).into(),
        4 => usize::try_from(u32::from_ne_bytes(bytes.try_into().ok()?)).ok()?,
        8 => usize::try_from(u64::from_ne_bytes(bytes.try_into().ok()?)).ok()?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        Array, BinaryArray, BinaryViewArray, Int8Array, Int64Array, LargeBinaryArray, StringArray,
        UInt16Array,
    };
    use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
    use arrow_schema::Field;

    use super::*;

    /// The same buffers under another type.
    fn as_type(data: ArrayData, data_type: DataType) -> ArrayData {
        // SAFETY: nothing but `validate` looks at it.
        #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
        unsafe {
            data.into_builder().data_type(data_type).build_unchecked()
        }
    }

    fn dictionary(codes: &dyn Array, words: ArrayData) -> ArrayData {
        let code = Box::new(codes.data_type().clone());
        let data_type = DataType::Dictionary(code, Box::new(words.data_type().clone()));
        let data = codes.to_data().into_builder().data_type(data_type).child_data(vec![words]);
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
        unsafe {
            data.build_unchecked()
        }
    }

    #[track_caller]
    fn check(data: &ArrayData, problem: &str) {
        match validate("read table", "word", data, 10) {
            Ok(()) => assert_eq!(problem, ""),
            Err(error) => {
                let text = error.to_string();
                assert!(!problem.is_empty() && text.contains(problem), "{text}");
                assert!(matches!(error, Error::InvalidInput(_)) && text.starts_with("read table word: "));
            }
        }
    }

    #[test]
    fn text_that_is_no_utf8_is_found_by_row_in_every_layout() {
        let rows = [Some(&b"ok"[..]), None, Some("a longer word, beyond twelve bytes: é".as_bytes())];
        let wrong = [&rows[..], &[Some(b"a\xe9t\xe9"), Some(b"\xff and more than twelve bytes")]].concat();
        let words =
            |rows: &[Option<&[u8]>]| as_type(BinaryArray::from(rows.to_vec()).to_data(), DataType::Utf8);
        let layouts = |rows: &[Option<&[u8]>]| {
            let codes: Vec<Option<u16>> = (0..rows.len() as u16).map(Some).collect();
            [
                words(rows),
                as_type(LargeBinaryArray::from(rows.to_vec()).to_data(), DataType::LargeUtf8),
                as_type(rows.iter().collect::<BinaryViewArray>().to_data(), DataType::Utf8View),
                dictionary(&UInt16Array::from(codes), words(rows)),
            ]
        };
        for (sound, unsound) in layouts(&rows).into_iter().zip(layouts(&wrong)) {
            check(&sound, "");
            check(&unsound, "row 13 holds text that is not UTF-8");
            check(&unsound.slice(4, 1), "row 10 holds");
            check(&sound.slice(1, 2), "");
        }
        let last = &wrong[4..];
        check(
            &as_type(last.iter().collect::<BinaryViewArray>().to_data(), DataType::Utf8View),
            "row 10 holds",
        );
        // Half of a letter in one row, the other half in the next.
        let halves = as_type(BinaryArray::from_vec(vec![b"a\xc3", b"\xa9"]).to_data(), DataType::Utf8);
        check(&halves, "row 10 holds text that is not UTF-8");
    }

    #[test]
    fn offsets_and_codes_that_lead_elsewhere_are_damage() {
        let text = |offsets: Vec<i32>, bytes: &str| {
            let data = StringArray::from(vec!["ab"; 2]).to_data().into_builder();
            let buffers = vec![Buffer::from_vec(offsets), Buffer::from(bytes.as_bytes())];
            // SAFETY: as above.
            #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
            unsafe {
                data.buffers(buffers).build_unchecked()
            }
        };
        check(&text(vec![0, 2, 4], "abcd"), "");
        for offsets in [vec![0, 3, 2], vec![0, 2, 9], vec![-1, 2, 4], vec![0, 2], vec![]] {
            check(&text(offsets, "abcd"), "its Arrow data is damaged");
        }
        for codes in [vec![0, 7], vec![-1, 0]] {
            check(
                &dictionary(&Int8Array::from(codes), StringArray::from(vec!["a", "b"]).to_data()),
                "damaged",
            );
        }
        check(
            &dictionary(&Int8Array::from(vec![None, Some(1)]), StringArray::from(vec!["a", "b"]).to_data()),
            "",
        );
    }

    #[test]
    fn what_arrow_itself_would_panic_at_is_damage() {
        let item = Arc::new(Field::new("item", DataType::Int64, true));
        let cases = [
            (2, 0, 1, ""),
            (2, 0, usize::MAX / 2 + 1, "damaged"),
            (-1, 0, 1, "damaged"),
            (2, 1, 1, "1 rows after 1"),
        ];
        for (size, offset, rows, problem) in cases {
            let numbers = Int64Array::from(vec![1, 2]).to_data();
            let lists =
                ArrayData::builder(DataType::FixedSizeList(item.clone(), size)).len(rows).offset(offset);
            // SAFETY: as above.
            #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
            let lists = unsafe { lists.add_child_data(numbers).build_unchecked() };
            check(&lists, problem);
        }
        let text = |data_type, offsets: &[u8]| {
            let data =
                ArrayData::builder(data_type).add_buffer(Buffer::from(offsets)).add_buffer(Buffer::from(b""));
            // SAFETY: as above.
            #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
            unsafe {
                data.build_unchecked()
            }
        };
        check(&text(DataType::Utf8, &[0; 5]), "no numbers of 4 bytes");
        check(&text(DataType::Utf8View, &[0; 17]), "no numbers of 16 bytes");
        let words = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Null));
        let nothing = ArrayData::new_null(&DataType::Null, 1 << 63);
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
        unsafe {
            check(
                &ArrayData::builder(words)
                    .add_buffer(Buffer::from(b""))
                    .add_child_data(nothing)
                    .build_unchecked(),
                "damaged",
            );
            let negative = ArrayData::builder(DataType::FixedSizeBinary(-1)).add_buffer(Buffer::from(b""));
            check(&negative.build_unchecked(), "damaged");
        }
    }

    #[test]
    fn rows_that_take_no_memory_are_not_more_than_it_holds() {
        let rows = ArrayData::new_null(&DataType::Null, 1 << 50);
        let error = validate("read table", "word", &rows, 0).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)) && error.to_string().contains("GB"), "{error}");
        check(&rows.slice(0, 1000), "");
    }

    #[test]
    fn numbers_are_counted_and_not_read() {
        let numbers = Int64Array::from(vec![Some(1), None]).to_data();
        check(&numbers, "");
        let flags = BooleanBuffer::from(vec![true, false]);
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
        let (wrong, short) = unsafe {
            let nulls = NullBuffer::new_unchecked(flags, 2);
            let data = || Int64Array::from(vec![1, 2]).to_data().into_builder();
            (data().nulls(Some(nulls)).build_unchecked(), data().len(3).build_unchecked())
        };
        check(&wrong, "null_count");
        check(&short, "Need at least 24 bytes");
    }
}
