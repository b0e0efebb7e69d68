//! What the figures were measured on.

use std::{fs, io::Write};

use crate::clock::Stopwatch;

/// Describes processor, cores and memory, as the system tells them.
pub(super) fn describe() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&processors, "model name").unwrap_or("unknown processor");
    let cores = processors
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = field(&memory, "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(0);
    format!("{cores} cores ({model}), {} GiB", kib.div_ceil(1024 * 1024))
}

/// Measures how long the disk takes to make 4 KiB durable; the median of fifty. *Units*: milliseconds.
pub(super) fn fdatasync_ms() -> std::io::Result<f64> {
    let path = std::env::temp_dir().join(format!("provost-bench-{}.sync", std::process::id()));
    let mut file = fs::File::create(&path)?;
    let mut millis = Vec::with_capacity(50);
    for _ in 0..50 {
        let watch = Stopwatch::start();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        millis.push(watch.elapsed().as_secs_f64() * 1_000.0);
    }
    fs::remove_file(path)?;
    millis.sort_by(f64::total_cmp);
    Ok(millis[millis.len() / 2])
}

/// Gives the resident memory of a process and its peak. *Units*: MiB.
pub(super) fn memory_mib(process: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mib = |name| {
        let kib: Option<u64> =
            field(&status, name).and_then(|text| text.split(' ').next()?.parse().ok());
        kib.unwrap_or(0) / 1024
    };
    (mib("VmRSS"), mib("VmHWM"))
}

/// How many ticks a second the kernel counts for programs.
const TICKS: f64 = 100.0;

/// Gives how long a process has computed. *Units*: seconds of one core.
pub(super) fn cpu_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in brackets, may hold spaces; time for itself and in the kernel come 11 words after it.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}
