//! What a server and the processes that it started take, as Linux tells it.

use std::collections::HashMap;
use std::fs;

/// Processor time and memory of a tree of processes.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Usage {
    /// Seconds, of all threads.
    pub(super) cpu: f64,
    /// Resident bytes.
    pub(super) memory: u64,
}

impl Usage {
    /// Of the process and its descendants that live.
    pub(super) fn of(process: u32) -> Self {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        for id in processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
            if let Some(parent) = stat(id).and_then(|stat| stat.get(1)?.parse().ok()) {
                children.entry(parent).or_default().push(id);
            }
        }
        let mut total = Self::default();
        let mut waiting = vec![process];
        while let Some(id) = waiting.pop() {
            waiting.extend(children.remove(&id).unwrap_or_default());
            let Some(stat) = stat(id) else { continue };
            let number =
                |place: usize| stat.get(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            // User and system time in hundredths of a second, and resident pages.
            total.cpu += (number(11) + number(12)) as f64 / 100.0;
            total.memory += number(21) * PAGE_BYTES;
        }
        total
    }
}

/// The fields of a process's `stat` behind its name: the state is the first.
fn stat(process: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

const PAGE_BYTES: u64 = 4096;
