//! What a file is, by its name, for the headers of an answer.

use std::fmt::Write as _;

/// The media type. What a browser would run or show as a page is text, so that no artifact acts in the server's name.
pub(crate) fn media_type(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end).to_ascii_lowercase();
    match name {
        "MLmodel" | "MLproject" => return TEXT,
        _ => {}
    }
    match &*end {
        "txt" | "log" | "err" | "cfg" | "conf" | "cnf" | "ini" | "properties" | "yaml" | "yml" | "json"
        | "js" | "py" | "md" | "rst" | "html" | "htm" | "css" | "csv" | "tsv" | "xml" | "sh" | "r"
        | "scala" | "java" | "sql" | "toml" | "ipynb" | "text" | "mjs" => TEXT,
        "png" => "image/png",
        "jpg" | "jpeg" | "jpe" => "image/jpeg",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "ico" => "image/vnd.microsoft.icon",
        "tif" | "tiff" => "image/tiff",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "tar" => "application/x-tar",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mpeg" | "mpg" => "video/mpeg",
        "mp3" => "audio/mpeg",
        "wav" => "audio/x-wav",
        _ => "application/octet-stream",
    }
}

/// `Content-Disposition`: a browser keeps the file instead of showing it.
pub(crate) fn disposition(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~');
    if !name.is_empty() && name.chars().all(is_plain) {
        return format!("attachment; filename={name}");
    }
    let ascii: String =
        name.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\') || *c == ' ').collect();
    let ascii = if ascii.is_empty() { "download".to_owned() } else { ascii };
    let mut header = format!("attachment; filename=\"{ascii}\"");
    if !name.is_ascii() {
        header.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            match char::from(byte) {
                c if is_plain(c) => header.push(c),
                // Writing into a text cannot fail.
                _ => drop(write!(header, "%{byte:02X}")),
            }
        }
    }
    header
}

const TEXT: &str = "text/plain";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_artifact_is_a_page() {
        for name in ["a.html", "a.js", "a.HTM", "a.json", "MLmodel", "a.xml"] {
            assert_eq!(media_type(name), "text/plain", "{name}");
        }
        assert_eq!(media_type("a.bin"), "application/octet-stream");
        assert_eq!(disposition("a.txt"), "attachment; filename=a.txt");
        assert_eq!(
            disposition("ü \"n.json"),
            "attachment; filename=\" n.json\"; filename*=UTF-8''%C3%BC%20%22n.json"
        );
    }
}
