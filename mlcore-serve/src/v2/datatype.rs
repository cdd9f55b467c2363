use mlcore::schema::DType;
use mlcore::{Error, Result};

/// The types of the protocol beside ours.
const DATATYPES: [(&str, DType); 13] = [
    ("BOOL", DType::Bool),
    ("UINT8", DType::UInt8),
    ("UINT16", DType::UInt16),
    ("UINT32", DType::UInt32),
    ("UINT64", DType::UInt64),
    ("INT8", DType::Int8),
    ("INT16", DType::Int16),
    ("INT32", DType::Int32),
    ("INT64", DType::Int64),
    ("FP16", DType::Float16),
    ("FP32", DType::Float32),
    ("FP64", DType::Float64),
    ("BYTES", DType::String),
];

/// What the protocol calls a type of tensors; dates and times, which no tensor holds, have no name there.
#[must_use]
pub fn datatype_of(dtype: DType) -> &'static str {
    DATATYPES.iter().find(|(_, own)| *own == dtype).map_or("", |(name, _)| name)
}

/// The type that the protocol calls by this name.
pub(super) fn dtype_of(datatype: &str) -> Result<DType> {
    match DATATYPES.iter().find(|(name, _)| *name == datatype) {
        Some((_, dtype)) => Ok(*dtype),
        None if datatype == "BF16" => {
            Err(Error::unsupported("read request", datatype, "no model here takes bfloat16")
                .remedy("send FP32, of which bfloat16 is the upper half"))
        }
        None => {
            let names: Vec<&str> = DATATYPES.iter().map(|(name, _)| *name).collect();
            let problem = format!("the protocol has no such datatype; it has {}", names.join(", "));
            Err(Error::invalid_input("read request", shortened(datatype), problem))
        }
    }
}

/// What of a text of a client's is repeated to it.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 64;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_one_name_and_strange_ones_are_told() {
        for (name, dtype) in DATATYPES {
            assert_eq!((datatype_of(dtype), dtype_of(name).unwrap()), (name, dtype));
        }
        assert_eq!(datatype_of(DType::Date), "");
        assert!(matches!(dtype_of("BF16"), Err(Error::Unsupported(_))));
        let told = dtype_of(&"FP32\n".repeat(100)).unwrap_err().to_string();
        assert!(told.contains("FP32\\n") && !told.contains('\n') && told.len() < 400, "{told}");
    }
}
