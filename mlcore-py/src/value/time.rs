//! Dates, times of day and moments of Python's `datetime`, of numpy and of pandas.

use mlcore::batch::OwnedValue;
use mlcore::time::{Date, DateTime, Time, TimeUnit, TimeZone, Timestamp};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDate, PyDateTime, PyDelta, PyDeltaAccess, PyString, PyTime, PyTimeAccess, PyTzInfo};

use super::Place;
use crate::door::is_of;
use crate::error::{raise, wrong_type};

/// The value of a date, a time of day or a moment, null for `NaT`; `None` for any other object. Durations are refused.
pub(super) fn read(object: &Bound<'_, PyAny>, place: Place<'_>) -> PyResult<Option<OwnedValue>> {
    let py = object.py();
    if object.is_instance_of::<PyDateTime>() {
        return moment(object, place).map(Some);
    }
    if object.is_instance_of::<PyDate>() {
        let ordinal: i32 = object.call_method0("toordinal")?.extract()?;
        return Ok(Some(Date::from_days(ordinal - ORDINAL_OF_1970).into()));
    }
    if let Ok(time) = object.cast::<PyTime>() {
        if !time.getattr("tzinfo")?.is_none() {
            let what = "a time of day with a time zone";
            return Err(place.refused(py, what, "pass the time without a zone, or a datetime"));
        }
        let seconds = (i64::from(time.get_hour()) * 60 + i64::from(time.get_minute())) * 60;
        let seconds = seconds + i64::from(time.get_second());
        let count = seconds * MICROSECONDS_PER_SECOND + i64::from(time.get_microsecond());
        let time = Time::new(count, TimeUnit::Microsecond).map_err(|error| raise(py, &error))?;
        return Ok(Some(time.into()));
    }
    if object.is_instance_of::<PyDelta>() || is_of(object, "numpy", &["timedelta64"]) {
        return Err(place.refused(py, "a duration", "pass its number of seconds"));
    }
    if is_of(object, "numpy", &["datetime64"]) {
        return numpy_moment(object, place).map(Some);
    }
    Ok(None)
}

/// The day 1970-01-01, counted as `datetime.date.toordinal` counts.
const ORDINAL_OF_1970: i32 = 719_163;
const MICROSECONDS_PER_SECOND: i64 = 1_000_000;

/// The moment of a datetime, of which pandas has two kinds of its own: one with nanoseconds, and `NaT`.
fn moment(object: &Bound<'_, PyAny>, place: Place<'_>) -> PyResult<OwnedValue> {
    let is_plain = object.is_exact_instance_of::<PyDateTime>();
    if !is_plain && is_of(object, "pandas", &["NaTType"]) {
        return Ok(OwnedValue::Null);
    }
    let is_aware = !object.call_method0("utcoffset")?.is_none();
    let shown = if !is_plain && is_of(object, "pandas", &["Timestamp"]) {
        // In UTC, where it has a zone.
        numpy_moment(&object.call_method0("to_datetime64")?, place)?
    } else {
        DateTime::from_micros(microseconds(object, is_aware)?).into()
    };
    Ok(match shown {
        OwnedValue::DateTime(shown) if is_aware => Timestamp::new(shown.count(), shown.unit()).into(),
        other => other,
    })
}

/// The microseconds since 1970 began, in UTC for one that is aware.
fn microseconds(object: &Bound<'_, PyAny>, is_aware: bool) -> PyResult<i64> {
    static NAIVE: PyOnceLock<Py<PyDateTime>> = PyOnceLock::new();
    static AWARE: PyOnceLock<Py<PyDateTime>> = PyOnceLock::new();
    let py = object.py();
    let begin = |zone: Option<&Bound<'_, PyTzInfo>>| {
        PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, zone).map(Bound::unbind)
    };
    let epoch = if is_aware {
        AWARE.get_or_try_init(py, || begin(Some(&PyTzInfo::utc(py)?.to_owned())))?
    } else {
        NAIVE.get_or_try_init(py, || begin(None))?
    };
    // Subclasses have differences of their own.
    let elapsed = py.get_type::<PyDateTime>().call_method1("__sub__", (object, epoch))?;
    let elapsed = elapsed.cast::<PyDelta>()?;
    let seconds = i64::from(elapsed.get_days()) * SECONDS_PER_DAY + i64::from(elapsed.get_seconds());
    Ok(seconds * MICROSECONDS_PER_SECOND + i64::from(elapsed.get_microseconds()))
}

const SECONDS_PER_DAY: i64 = 86_400;

/// A `numpy.datetime64`: a date where it counts days or more, a date and time where it counts less.
fn numpy_moment(object: &Bound<'_, PyAny>, place: Place<'_>) -> PyResult<OwnedValue> {
    let (counted, counts) = counts(object, place)?;
    let count: i64 = counts.extract()?;
    if count == NOT_A_TIME {
        return Ok(OwnedValue::Null);
    }
    match counted {
        Counted::Units(unit) => Ok(DateTime::new(count, unit).into()),
        Counted::Days => match i32::try_from(count) {
            Ok(days) => Ok(Date::from_days(days).into()),
            Err(_) => Err(place.refused(object.py(), "a date beyond the calendar", "replace it by None")),
        },
    }
}

/// What numpy counts in a `datetime64`, as far as Arrow counts it too.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counted {
    /// Days since 1970-01-01.
    Days,
    /// Units since 1970 began.
    Units(TimeUnit),
}

/// numpy's `NaT`.
pub(crate) const NOT_A_TIME: i64 = i64::MIN;

/// A scalar or an array of `datetime64` as `int64`. numpy's years, months and weeks are days, its hours and minutes seconds.
pub(crate) fn counts<'py>(
    object: &Bound<'py, PyAny>,
    place: Place<'_>,
) -> PyResult<(Counted, Bound<'py, PyAny>)> {
    let numpy = object.py().import("numpy")?;
    let dtype = object.getattr("dtype")?;
    let (unit, of): (String, i64) = numpy.call_method1("datetime_data", (&dtype,))?.extract()?;
    let (counted, own) = match unit.as_str() {
        "Y" | "M" | "W" | "D" => (Counted::Days, "D"),
        "h" | "m" | "s" => (Counted::Units(TimeUnit::Second), "s"),
        "ms" => (Counted::Units(TimeUnit::Millisecond), "ms"),
        "us" => (Counted::Units(TimeUnit::Microsecond), "us"),
        // What is finer may count whole nanoseconds; what has no unit is NaT.
        _ => (Counted::Units(TimeUnit::Nanosecond), "ns"),
    };
    let as_counts = |object: &Bound<'py, PyAny>| object.call_method1("view", ("int64",));
    if (unit.as_str(), of) == (own, 1) {
        return Ok((counted, as_counts(object)?));
    }
    let refused = || {
        let what = format!("a {dtype} that falls between two {own}");
        place.refused(object.py(), &what, "round it to datetime64[us]")
    };
    let cast = object.call_method1("astype", (format!("datetime64[{own}]"),)).map_err(|_| refused())?;
    let back = cast.call_method1("astype", (&dtype,)).map_err(|_| refused())?;
    if !numpy.call_method1("array_equal", (as_counts(&back)?, as_counts(object)?))?.extract::<bool>()? {
        return Err(refused());
    }
    Ok((counted, as_counts(&cast)?))
}

/// The time zone of an aware datetime or of a column, by the name that Arrow gives it: that of the IANA database, or an
/// offset such as `+05:30`. One that has neither is UTC, which changes no moment.
pub(crate) fn zone(tzinfo: &Bound<'_, PyAny>) -> PyResult<TimeZone> {
    let py = tzinfo.py();
    // Those of `zoneinfo`, and of `pytz`.
    for attribute in ["key", "zone"] {
        if let Some(name) = tzinfo.getattr_opt(attribute)?
            && let Ok(name) = name.cast::<PyString>()
        {
            return TimeZone::new(name.to_str()?).map_err(|error| raise(py, &error));
        }
    }
    let offset = tzinfo.call_method1("utcoffset", (py.None(),))?;
    let Ok(offset) = offset.cast::<PyDelta>() else { return Ok(TimeZone::UTC) };
    let seconds = i64::from(offset.get_days()) * SECONDS_PER_DAY + i64::from(offset.get_seconds());
    if seconds == 0 || seconds % 60 != 0 || offset.get_microseconds() != 0 {
        return Ok(TimeZone::UTC);
    }
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    TimeZone::new(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
        .map_err(|error| raise(py, &error))
}

/// The date of a midnight; `None` for any other time of day.
pub(crate) fn date_of(shown: DateTime) -> Option<Date> {
    let nanoseconds = shown.nanoseconds();
    if nanoseconds % NANOSECONDS_PER_DAY != 0 {
        return None;
    }
    i32::try_from(nanoseconds / NANOSECONDS_PER_DAY).ok().map(Date::from_days)
}

const NANOSECONDS_PER_DAY: i128 = 86_400_000_000_000;

/// The unit as numpy and pandas write it.
pub(crate) fn symbol(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// A `datetime.date`.
pub(super) fn write_date(py: Python<'_>, date: Date) -> PyResult<Bound<'_, PyAny>> {
    match date.year_month_day() {
        (year @ 1..=9999, month, day) => Ok(PyDate::new(py, year, month, day)?.into_any()),
        _ => datetime64(py, date.days().into(), "D"),
    }
}

/// A `datetime.time`.
pub(super) fn write_time(py: Python<'_>, time: Time) -> PyResult<Bound<'_, PyAny>> {
    let Some(count) = time.count_in(TimeUnit::Microsecond) else {
        let problem = format!("{time} has nanoseconds, which datetime.time has not");
        let remedy = "read the table by polars or pyarrow: set_output(transform=\"polars\")";
        return Err(wrong_type(py, "read value", "time of day", problem, remedy));
    };
    let (seconds, microsecond) = (count / MICROSECONDS_PER_SECOND, count % MICROSECONDS_PER_SECOND);
    let part = |part: i64| u8::try_from(part).unwrap_or_default();
    let (hour, minute, second) = (part(seconds / 3600), part(seconds / 60 % 60), part(seconds % 60));
    let microsecond = u32::try_from(microsecond).unwrap_or_default();
    Ok(PyTime::new(py, hour, minute, second, microsecond, None)?.into_any())
}

/// A `datetime.datetime`, in UTC if it is a moment.
pub(super) fn write_moment(
    py: Python<'_>,
    count: i64,
    unit: TimeUnit,
    is_aware: bool,
) -> PyResult<Bound<'_, PyAny>> {
    let shown = DateTime::new(count, unit);
    let Some(micros) = shown.count_in(TimeUnit::Microsecond).filter(|micros| PYTHONS_YEARS.contains(micros))
    else {
        return datetime64(py, count, symbol(unit));
    };
    let (seconds, microsecond) =
        (micros.div_euclid(MICROSECONDS_PER_SECOND), micros.rem_euclid(MICROSECONDS_PER_SECOND));
    let (days, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
    let (year, month, day) = Date::from_days(i32::try_from(days).unwrap_or_default()).year_month_day();
    let part = |part: i64| u8::try_from(part).unwrap_or_default();
    let (hour, minute, second) = (part(second / 3600), part(second / 60 % 60), part(second % 60));
    let microsecond = u32::try_from(microsecond).unwrap_or_default();
    let utc = PyTzInfo::utc(py)?.to_owned();
    let zone = is_aware.then_some(&utc);
    Ok(PyDateTime::new(py, year, month, day, hour, minute, second, microsecond, zone)?.into_any())
}

/// From 0001-01-01 to the end of 9999, in microseconds.
const PYTHONS_YEARS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

fn datetime64<'py>(py: Python<'py>, count: i64, unit: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("numpy")?.call_method1("datetime64", (count, unit))
}
