/// What a file that is no ONNX model looks like, as the end of a sentence that begins with "it".
pub(super) fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    const PICKLE: &str =
        "looks like a Python pickle, and a pickle is never loaded: it runs code of its author";
    const SAVED: &str = "looks like a zip archive (PyTorch's .pt, Keras' .keras and numpy's .npz are such)";
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let text = |word: &[u8]| {
        let begin = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        bytes.get(begin..begin + word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    Some(match bytes {
        [] => "is empty",
        [0x80, 2..=5, ..] => PICKLE,
        // What joblib and pickle.dump with protocol 0 begin with.
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            "is compressed by zlib, as joblib's pickles are, and a pickle is never loaded"
        }
        [b'(' | b'c', ..] if bytes.ends_with(b".") => PICKLE,
        _ if starts(b"PK\x03\x04") => SAVED,
        _ if starts(b"\x89HDF") => "looks like HDF5 (Keras' .h5)",
        _ if starts(b"\x1f\x8b") => "is compressed by gzip; decompress it first",
        _ if starts(b"\x93NUMPY") => "looks like a numpy array",
        _ if starts(b"\x7fELF") || starts(b"MZ") => "looks like a program or library",
        _ if starts(b"version https://git-lfs") => {
            "is a pointer of git LFS; run `git lfs pull` to fetch the model"
        }
        _ if bytes.get(4..8) == Some(b"ORTM") => {
            "is in ONNX Runtime's own .ort format, which is not taken; use the .onnx file"
        }
        _ if bytes.get(4..8) == Some(b"TFL3") => "looks like TensorFlow Lite",
        _ if bytes.get(8) == Some(&b'{') => "looks like safetensors, which holds weights and no graph",
        _ if text(b"<!doctype html") || text(b"<html") => {
            "is an HTML page, perhaps the error of a failed download"
        }
        _ if text(b"<?xml") => "is XML",
        _ if text(b"{") => "is JSON",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_taken_for_models_are_named() {
        for (bytes, expected) in [
            (&b""[..], "is empty"),
            (b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x07sklearn", "pickle"),
            (b"\x78\x9c\x01\x02", "joblib"),
            (b"(dp0\nS'a'\nI1\ns.", "pickle"),
            (b"PK\x03\x04\x14\0", "zip archive"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b" \n<!DOCTYPE html><html>404", "HTML page"),
            (b"{\"error\": 1}", "JSON"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git LFS"),
            (b"\0\0\0\0ORTM", ".ort format"),
            (b"\x40\0\0\0\0\0\0\0{\"a\":", "safetensors"),
        ] {
            assert!(looks_like(bytes).is_some_and(|told| told.contains(expected)), "{expected}");
        }
        assert_eq!(looks_like(&[0x08, 0x08, 0x12, 0x04]), None);
    }
}
