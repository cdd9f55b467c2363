//! The detectors of streams.

use mlcore_drift::catalog::TestOptions;
use mlcore_drift::stream::{self, FalseAlarms, calibration};

use crate::Result;
use crate::table::Table;

/// Values of a stream.
const VALUES: usize = 1000;

pub(super) fn tables(windows: u64) -> Result<Vec<Table>> {
    let title = format!("False alarms of detectors, {windows} streams of {VALUES} values that do not change");
    let mut table =
        Table::new(title, &["detector", "alarms per 1,000", "streams with one", "promised", "kept"]);
    for name in stream::NAMES {
        let detector = stream::start_named(name, &TestOptions::default())?;
        let draw = calibration::unchanged(detector.domain(), false);
        let found = calibration::calibrate(&*detector, (windows as usize, VALUES), 11, draw)?;
        let promised = match found.promised {
            FalseAlarms::PerValue(rate) => format!("{:.2} per 1,000", 1000.0 * rate),
            FalseAlarms::Ever(probability) => format!("{:.1} % ever", 100.0 * probability),
            FalseAlarms::NotPromised => "-".to_owned(),
            _ => "?".to_owned(),
        };
        let kept = found.holds(windows as usize, VALUES, 3.0);
        table.line([
            (*name).to_owned(),
            format!("{:.2}", found.per_thousand),
            format!("{:.1} %", 100.0 * found.alarmed),
            promised,
            kept.map_or("-", |kept| if kept { "yes" } else { "NO" }).to_owned(),
        ]);
    }
    table.note("numbers are normal, bits are errors of a rate of 0.1; \"-\": no rate is promised, as the detector's documentation says");
    Ok(vec![table])
}
