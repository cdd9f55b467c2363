//! Enums whose variants are words: written, read and stored alike.

/// Gives an enum without fields its words: `name`, `ALL`, [`Display`](std::fmt::Display),
/// [`FromStr`](std::str::FromStr), and serde's two traits, all from one list.
///
/// A variant that is missing from the list does not compile. A word that is read and not in the list is
/// [`Error::InvalidInput`](crate::Error::InvalidInput), which names all words there are.
///
/// ```
/// /// How fast.
/// #[derive(Clone, Copy, PartialEq, Debug)]
/// pub enum Pace {
///     Slow,
///     VeryFast,
/// }
///
/// mlcore::words! { Pace, "pace": Slow = "slow", VeryFast = "very_fast" }
///
/// assert_eq!(Pace::VeryFast.to_string(), "very_fast");
/// assert_eq!("slow".parse::<Pace>()?, Pace::Slow);
/// assert_eq!(serde_json::to_string(&Pace::ALL).unwrap(), r#"["slow","very_fast"]"#);
/// let error = "quick".parse::<Pace>().unwrap_err();
/// assert_eq!(error.to_string(), "read pace: \"quick\" is not known; use one of slow, very_fast");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[macro_export]
macro_rules! words {
    ($type:ident, $subject:literal: $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// All of them, in the order of their list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::Error;

            fn from_str(word: &str) -> $crate::Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    unknown => Err($crate::words::unknown($subject, unknown, &[$($word),+])),
                }
            }
        }

        impl $crate::words::serde::Serialize for $type {
            fn serialize<S: $crate::words::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> $crate::words::serde::Deserialize<'de> for $type {
            fn deserialize<D: $crate::words::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let word = <::std::borrow::Cow<'de, str> as $crate::words::serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err($crate::words::serde::de::Error::custom)
            }
        }
    };
}

#[doc(hidden)]
pub use serde;

use crate::error::Error;

/// The error for a word that is not in the list.
#[doc(hidden)]
#[must_use]
pub fn unknown(subject: &'static str, word: &str, known: &[&str]) -> Error {
    Error::invalid_input("read", subject, format!("{word:?} is not known"))
        .remedy(format!("use one of {}", known.join(", ")))
}
