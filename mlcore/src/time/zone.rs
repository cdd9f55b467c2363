use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use super::as_text;
use crate::error::{Error, Result};

/// The time zone in which a column's timestamps are read by people: a name of the IANA database (`Europe/Berlin`, `UTC`) or
/// an offset (`+05:30`), as Arrow writes it.
///
/// It is part of the column's type and changes no value: two zones are the same when their names are. Whether the database
/// knows the name, is found out where its rules are needed.
///
/// ```
/// use mlcore::time::TimeZone;
///
/// let zone: TimeZone = "Europe/Berlin".parse()?;
/// assert_eq!((zone.name(), TimeZone::UTC.name()), ("Europe/Berlin", "UTC"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeZone(NonZeroU16);

/// The names of all zones but UTC that this process has met, by number: so a zone takes two bytes, and a type that holds one
/// is copied like any other. They are never let go of, which is why there is a limit.
static NAMES: RwLock<Vec<&'static str>> = RwLock::new(Vec::new());

const MOST_NAMES: usize = 4096;
const LONGEST_NAME: usize = 64;

impl TimeZone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(NonZeroU16::MIN);

    /// The zone of this name.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name of another form; [`Error::Overloaded`] after 4,096 different ones, of which the
    /// database has a seventh.
    pub fn new(name: &str) -> Result<Self> {
        if name == UTC {
            return Ok(Self::UTC);
        }
        let known =
            |names: &[&'static str]| names.iter().position(|own| *own == name).and_then(Self::numbered);
        if let Some(zone) = known(&NAMES.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(zone);
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-:".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) {
            let shown: String = name.chars().take(LONGEST_NAME).collect();
            return Err(Error::invalid_input(
                "read time zone",
                format!("{shown:?}"),
                "it is no name of a zone",
            )
            .remedy("write a name such as Europe/Berlin or UTC, or an offset such as +05:30"));
        }
        let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been quicker.
        if let Some(zone) = known(&names) {
            return Ok(zone);
        }
        let number = (names.len() < MOST_NAMES).then_some(names.len());
        let zone = number.and_then(Self::numbered).ok_or_else(|| {
            let problem = format!("this process has met {MOST_NAMES} different names of zones");
            Error::overloaded("read time zone", name, problem)
                .remedy("use the names of the IANA database, of which there are fewer")
        })?;
        names.push(Box::leak(name.into()));
        Ok(zone)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
        let position = usize::from(self.0.get()).checked_sub(FIRST_NUMBER);
        position.and_then(|position| names.get(position)).copied().unwrap_or(UTC)
    }

    fn numbered(position: usize) -> Option<Self> {
        u16::try_from(position + FIRST_NUMBER).ok().and_then(NonZeroU16::new).map(Self)
    }
}

const UTC: &str = "UTC";
/// The number of the first name behind UTC, which is 1.
const FIRST_NUMBER: usize = 2;

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TimeZone {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

as_text!(TimeZone, "a time zone such as Europe/Berlin");

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_name_is_one_zone_on_every_thread() {
        let names: Vec<String> = (0..40).map(|number| format!("Test/Zone_{number}")).collect();
        let read = || names.iter().map(|name| TimeZone::new(name).unwrap()).collect::<Vec<_>>();
        let zones = thread::scope(|scope| {
            let readers: Vec<_> = (0..4).map(|_| scope.spawn(read)).collect();
            readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(zones.windows(2).all(|pair| pair[0] == pair[1]));
        assert!(zones[0].iter().zip(&names).all(|(zone, name)| zone.name() == name));
        assert_eq!(TimeZone::new("UTC").unwrap(), TimeZone::UTC);
        assert_ne!(TimeZone::new("+00:00").unwrap(), TimeZone::UTC);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "Europe Berlin", "UTC]", "Zoné", &"x".repeat(65), "a\nb"] {
            let error = TimeZone::new(name).unwrap_err().to_string();
            assert!(error.contains("Europe/Berlin"), "{error}");
        }
    }
}
