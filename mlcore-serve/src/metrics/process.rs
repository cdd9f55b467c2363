//! What the system knows of the process. Read from `/proc`, where there is one; nothing is told elsewhere.

use std::fs;
use std::sync::Mutex;

use super::names;

/// Tells it.
pub(crate) fn collect() {
    let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::read) else {
        return;
    };
    let memory = [(names::PROCESS_RESIDENT, "VmRSS:"), (names::PROCESS_VIRTUAL, "VmSize:")];
    for (metric, line) in memory {
        if let Some(kilobytes) = value_of("/proc/self/status", line) {
            metric.gauge(&[]).set(kilobytes * 1024.0);
        }
    }
    static TOLD: Mutex<u64> = Mutex::new(0);
    if let Ok(mut told) = TOLD.lock() {
        let now = (stat.cpu_ticks / TICKS_PER_SECOND) as u64;
        names::PROCESS_CPU.counter(&[]).increment(now.saturating_sub(*told));
        *told = now.max(*told);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Without the one that reads the folder.
        names::PROCESS_OPEN_FDS.gauge(&[]).set(open.count().saturating_sub(1) as f64);
    }
    if let Some(most) = value_of("/proc/self/limits", "Max open files") {
        names::PROCESS_MAX_FDS.gauge(&[]).set(most);
    }
    if let Some(boot) = value_of("/proc/stat", "btime") {
        names::PROCESS_START.gauge(&[]).set(boot + stat.start_ticks / TICKS_PER_SECOND);
    }
}

/// The fields of `/proc/self/stat` that are told.
#[derive(PartialEq, Debug)]
struct Stat {
    cpu_ticks: f64,
    start_ticks: f64,
}

impl Stat {
    fn read(line: &str) -> Option<Self> {
        // The name of the program is in parentheses, and may hold any character.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        // The fields are numbered from 1 in proc(5), and the first two are before the parenthesis.
        let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        Some(Self { cpu_ticks: number(14)? + number(15)?, start_ticks: number(22)? })
    }
}

/// The first number of the line that begins so.
pub(super) fn value_of(file: &str, begin: &str) -> Option<f64> {
    let text = fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(begin))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// What Linux tells every program, whatever the kernel's own clock does (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_whatever_the_program_is_called() {
        let line = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 4 0 1234 8192000 500 18446744073709551615";
        assert_eq!(Stat::read(line), Some(Stat { cpu_ticks: 300.0, start_ticks: 1234.0 }));
        assert_eq!(Stat::read("7 (a) S 1"), None);
    }
}
