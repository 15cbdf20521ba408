//! What the system says of a process. Only Linux says it; elsewhere nothing is known and nothing is judged.

use std::{fs, time::Duration};

/// Figures of a process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Resident memory in KiB.
    pub(crate) memory: u64,
    /// Open files, sockets among them.
    pub(crate) files: u64,
    pub(crate) threads: u64,
}

/// The figures of a process now.
pub(crate) fn figures(id: u32) -> Option<Figures> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some(Figures {
        memory: field("VmRSS:")?,
        files: fs::read_dir(format!("/proc/{id}/fd")).ok()?.count() as u64,
        threads: field("Threads:")?,
    })
}

/// The processor time that a process has used so far, all its threads together.
pub(crate) fn processor_time(id: u32) -> Option<Duration> {
    /// `USER_HZ`, which is 100 on every architecture that Linux runs on nowadays.
    const TICK: Duration = Duration::from_millis(10);

    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it may contain anything; proc(5) counts the state behind it as the third field, utime is the 14th.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks: Option<Vec<u32>> = ticks.map(|field| field.parse().ok()).collect();
    Some(TICK * ticks?.iter().sum())
}

impl std::fmt::Display for Figures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:.1} MiB, {} files, {} threads",
            self.memory as f64 / 1024.0,
            self.files,
            self.threads
        )
    }
}

/// How many files a process may open at most; it may raise its own limit up to that.
pub(crate) fn file_limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}
