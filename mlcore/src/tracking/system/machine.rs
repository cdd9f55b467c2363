//! Processors, memory, disk and network of a Linux machine: `man 5 proc`.
#![expect(unsafe_code, reason = "a foreign interface")]

use std::fs;

/// What was read when sampling began, and at the sample before.
#[derive(Debug)]
pub(super) struct Machine {
    processors: Option<Processors>,
    /// Bytes received and sent.
    network: Option<(f64, f64)>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Processors {
    busy: f64,
    all: f64,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self { processors: read("/proc/stat", processors), network: read("/proc/net/dev", network) }
    }

    /// Names and values; what cannot be read is left out.
    pub(super) fn sample(&mut self) -> Vec<(&'static str, f64)> {
        let mut found = Vec::with_capacity(8);
        let now = read("/proc/stat", processors);
        if let (Some(before), Some(now)) = (std::mem::replace(&mut self.processors, now), now) {
            found.extend(use_between(before, now).map(|share| ("cpu_utilization_percentage", share)));
        }
        if let Some((used, total)) = read("/proc/meminfo", memory) {
            found.push(("system_memory_usage_megabytes", used / MEGA));
            found.push(("system_memory_usage_percentage", used / total * 100.0));
        }
        if let Some((used, free)) = disk() {
            found.push(("disk_usage_percentage", used / (used + free) * 100.0));
            found.push(("disk_usage_megabytes", used / MEGA));
            found.push(("disk_available_megabytes", free / MEGA));
        }
        if let (Some(first), Some(now)) = (self.network, read("/proc/net/dev", network)) {
            found.push(("network_receive_megabytes", (now.0 - first.0) / MEGA));
            found.push(("network_transmit_megabytes", (now.1 - first.1) / MEGA));
        }
        found.retain(|(_, value)| value.is_finite());
        found
    }
}

const MEGA: f64 = 1e6;

fn read<T>(path: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    parse(&fs::read_to_string(path).ok()?)
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal, and two that are in the first ones.
fn processors(text: &str) -> Option<Processors> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let ticks: Vec<f64> = fields.take(8).map(|field| field.parse().ok()).collect::<Option<_>>()?;
    let [_, _, _, idle, wait, ..] = ticks[..] else { return None };
    let all: f64 = ticks.iter().sum();
    Some(Processors { busy: all - idle - wait, all })
}

/// In percent; none where no time has passed.
fn use_between(before: Processors, now: Processors) -> Option<f64> {
    let all = now.all - before.all;
    (all > 0.0).then(|| ((now.busy - before.busy) / all * 100.0).clamp(0.0, 100.0))
}

/// Bytes in use and in all. In use is what is not free and holds no cache, as `psutil` counts.
fn memory(text: &str) -> Option<(f64, f64)> {
    let of = |name: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
    };
    let (total, free) = (of("MemTotal")?, of("MemFree")?);
    let cached = of("Cached").unwrap_or(0.0) + of("SReclaimable").unwrap_or(0.0);
    let used = total - free - cached - of("Buffers").unwrap_or(0.0);
    Some((if used < 0.0 { total - free } else { used }, total))
}

/// Bytes received and sent by all interfaces.
fn network(text: &str) -> Option<(f64, f64)> {
    let mut sum = (0.0, 0.0);
    for line in text.lines().skip(2) {
        let (_, counters) = line.rsplit_once(':')?;
        let counters: Vec<&str> = counters.split_whitespace().collect();
        sum.0 += counters.first()?.parse::<f64>().ok()?;
        sum.1 += counters.get(8)?.parse::<f64>().ok()?;
    }
    Some(sum)
}

/// Bytes of the disk of `/` that are in use, and free for users.
#[expect(clippy::cast_precision_loss, reason = "of megabytes no one counts the bytes")]
fn disk() -> Option<(f64, f64)> {
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends in a NUL, and the call fills the whole structure where it answers 0.
    let found = unsafe {
        if libc::statvfs(c"/".as_ptr(), found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    let bytes = |blocks: u64| blocks as f64 * found.f_frsize as f64;
    Some((bytes(found.f_blocks.saturating_sub(found.f_bfree)), bytes(found.f_bavail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_system_are_read() {
        let before = processors("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1\n").unwrap();
        let now = processors("cpu  160 0 60 820 60 0 0 0 0 0\n").unwrap();
        assert_eq!(use_between(before, now), Some(70.0));
        assert_eq!(use_between(now, now), None);
        let text =
            "MemTotal:  1000 kB\nMemFree:  200 kB\nBuffers: 50 kB\nCached: 150 kB\nSReclaimable: 100 kB\n";
        assert_eq!(memory(text), Some((500.0 * 1024.0, 1000.0 * 1024.0)));
        let text = "a\nb\n    lo: 10 0 0 0 0 0 0 0 10 0 0\n  eth0:5 0 0 0 0 0 0 0 7 0 0\n";
        assert_eq!(network(text), Some((15.0, 17.0)));
        for bad in ["", "cpu", "cpu  a b", "cpu  1 2 3", "MemTotal: x", "\n\nno colon"] {
            assert_eq!((processors(bad), memory(bad)), (None, None), "{bad:?}");
        }
        assert_eq!(network("\n\nno colon"), None);
    }

    #[test]
    fn this_machine_is_sampled() {
        let mut machine = Machine::new();
        std::thread::sleep(std::time::Duration::from_millis(100));
        let found: std::collections::BTreeMap<_, _> = machine.sample().into_iter().collect();
        assert!((0.0..=100.0).contains(&found["system_memory_usage_percentage"]));
        assert!(
            found["disk_usage_megabytes"] > 0.0 && found["network_receive_megabytes"] >= 0.0,
            "{found:?}"
        );
    }
}
