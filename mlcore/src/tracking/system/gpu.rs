//! NVIDIA's graphics processors, by the program that comes with their driver.

use std::process::{Command, Stdio};

/// Whether the program answered when it was asked first: where it did not, it is not asked again.
#[derive(Debug)]
pub(super) struct Gpus {
    are_there: bool,
}

impl Gpus {
    pub(super) fn new() -> Self {
        Self { are_there: ask().is_some_and(|answer| !parse(&answer).is_empty()) }
    }

    /// Names and values, counted from 0.
    pub(super) fn sample(&mut self) -> Vec<(String, f64)> {
        if self.are_there { ask().map(|answer| parse(&answer)).unwrap_or_default() } else { Vec::new() }
    }
}

fn ask() -> Option<String> {
    let mut program = Command::new("nvidia-smi");
    program.args([
        "--query-gpu=memory.used,memory.total,utilization.gpu,power.draw,enforced.power.limit",
        "--format=csv,noheader,nounits",
    ]);
    let answer = program.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
}

/// A line for each processor. The program tells memory in mebibytes; what it does not know is no number.
fn parse(answer: &str) -> Vec<(String, f64)> {
    const MEGABYTES: f64 = 1.048_576;
    let mut found = Vec::new();
    for (place, line) in answer.lines().enumerate() {
        let numbers: Vec<Option<f64>> = line.split(',').map(|field| field.trim().parse().ok()).collect();
        let [used, total, utilization, power, limit] = numbers[..] else { continue };
        let share =
            |part: Option<f64>, whole: Option<f64>| Some(part? / whole.filter(|whole| *whole > 0.0)? * 100.0);
        for (name, value) in [
            ("memory_usage_percentage", share(used, total)),
            ("memory_usage_megabytes", used.map(|used| used * MEGABYTES)),
            ("utilization_percentage", utilization),
            ("power_usage_watts", power),
            ("power_usage_percentage", share(power, limit)),
        ] {
            found.extend(value.map(|value| (format!("gpu_{place}_{name}"), value)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let found = parse("1024, 4096, 37, 100.5, 402\n0, 0, [N/A], [Not Supported], 300.00\n\nerror\n");
        let due = [
            ("gpu_0_memory_usage_percentage", 25.0),
            ("gpu_0_memory_usage_megabytes", 1_073.741_824),
            ("gpu_0_utilization_percentage", 37.0),
            ("gpu_0_power_usage_watts", 100.5),
            ("gpu_0_power_usage_percentage", 25.0),
            ("gpu_1_memory_usage_megabytes", 0.0),
        ];
        assert_eq!(found, due.map(|(name, value)| (name.to_owned(), value)));
    }
}
