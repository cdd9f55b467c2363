use std::fmt;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use http::HeaderMap;
use http::header::{self, HeaderValue};
use mlcore::artifact::Digest;

/// What a request shows to say who sends it.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Bearer KEY`: the key's bytes.
    Bearer(Vec<u8>),
    /// `Authorization: Basic ...`: a name and a password.
    Basic {
        /// The name, in UTF-8.
        user: String,
        /// The password's bytes.
        password: Vec<u8>,
    },
    /// The certificate of a client, which the listener has verified: the SHA-256 of its DER form.
    Certificate(Digest),
}

impl Credentials {
    /// What the header `Authorization` shows. `None` where there is none, or more than one, or one of another form: all are told the
    /// same.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        let value = HeaderValue::as_bytes(value).trim_ascii();
        if value.len() > MOST_BYTES {
            return None;
        }
        let (scheme, shown) = value.split_at(value.iter().position(|byte| *byte == b' ')?);
        let shown = shown.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return Some(Self::Bearer(shown.to_vec()));
        }
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return None;
        }
        let pair = decoded(shown)?;
        let (user, password) = pair.split_at(pair.iter().position(|byte| *byte == b':')?);
        let user = String::from_utf8(user.to_vec()).ok()?;
        Some(Self::Basic { user, password: password.get(1..)?.to_vec() })
    }
}

/// Shows no secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer(_) => f.write_str("Bearer"),
            Self::Basic { user, .. } => f.debug_struct("Basic").field("user", user).finish_non_exhaustive(),
            Self::Certificate(digest) => f.debug_tuple("Certificate").field(digest).finish(),
        }
    }
}

/// The bytes of a text in base 64, as RFC 4648 writes it, with its padding or without.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    const EITHER: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    EITHER.decode(text).ok()
}

/// The longest header that is looked at.
const MOST_BYTES: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Option<Credentials> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        Credentials::read(&headers)
    }

    #[test]
    fn headers_show_a_key_or_a_name_and_a_password() {
        assert_eq!(read(&[b"Bearer abc"]), Some(Credentials::Bearer(b"abc".to_vec())));
        assert_eq!(read(&[b"bEARER   abc "]), Some(Credentials::Bearer(b"abc".to_vec())));
        let basic = |user: &str, password: &[u8]| {
            Some(Credentials::Basic { user: user.to_owned(), password: password.to_vec() })
        };
        // RFC 7617's own example, and its second one, in UTF-8.
        assert_eq!(read(&[b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]), basic("Aladdin", b"open sesame"));
        assert_eq!(read(&[b"Basic dGVzdDoxMjPCow=="]), basic("test", "123\u{a3}".as_bytes()));
        assert_eq!(read(&[b"Basic OmE6Yg"]), basic("", b"a:b"));
        let long = [b"Bearer ".to_vec(), vec![b'a'; MOST_BYTES]].concat();
        let wrong: [&[&[u8]]; 14] = [
            &[],
            &[b""],
            &[b"Bearer"],
            &[b"Basic"],
            &[b"Basic QWxhZGRpbg=="],
            &[b"Basic Q"],
            &[b"Basic QW=hZGRpbjo="],
            &[b"Basic \xff\xff"],
            &[b"Basic /zph"],
            &[b"Basic OmF="],
            &[b"Digest username=\"ana\""],
            &[b"abc"],
            &[b"Bearer a", b"Bearer b"],
            &[&long],
        ];
        for wrong in wrong {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let shown =
            format!("{:?} {:?}", read(&[b"Bearer abc"]), read(&[b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]));
        assert!(!shown.contains("abc") && !shown.contains("sesame") && shown.contains("Aladdin"), "{shown}");
    }
}
