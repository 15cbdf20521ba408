use std::fs;
use std::io;
use std::time::Duration;

use thiserror::Error;

/// Why something could not be read about a process.
#[derive(Debug, Error)]
pub(crate) enum ProcessError {
    #[error("/proc/{id}/{file} is not in the form that Linux documents")]
    Form { id: u32, file: &'static str },
    #[error("process {id} cannot be read")]
    Unreadable { id: u32, source: io::Error },
}

/// Why a figure is missing on systems that do not tell it.
pub(crate) const NOT_TOLD: &str = "not measured here: only Linux has /proc";

/// User and system time that a process and its ended threads have used so far, to one clock tick (10 ms); `None` where the
/// system does not tell it.
pub(crate) fn processor_time(id: u32) -> Result<Option<Duration>, ProcessError> {
    let Some(stat) = read(id, "stat")? else {
        return Ok(None);
    };
    let ticks = ticks_in_stat(&stat).ok_or(ProcessError::Form { id, file: "stat" })?;
    let per_second = fs::read("/proc/self/auxv")
        .ok()
        .as_deref()
        .and_then(ticks_per_second)
        .unwrap_or(100);
    Ok(Some(Duration::from_secs_f64(ticks as f64 / per_second as f64)))
}

/// Resident memory of a process in KiB; `None` where the system does not tell it.
pub(crate) fn resident_memory(id: u32) -> Result<Option<u64>, ProcessError> {
    let Some(status) = read(id, "status")? else {
        return Ok(None);
    };
    resident_in_status(&status)
        .map(Some)
        .ok_or(ProcessError::Form { id, file: "status" })
}

fn read(id: u32, file: &'static str) -> Result<Option<String>, ProcessError> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let text = fs::read_to_string(format!("/proc/{id}/{file}"));
    text.map(Some)
        .map_err(|source| ProcessError::Unreadable { id, source })
}

/// The fields 14 (utime) and 15 (stime) of proc_pid_stat(5), added up.
fn ticks_in_stat(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses, which may hold spaces and parentheses itself.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

/// `VmRSS` of proc_pid_status(5) in KiB.
fn resident_in_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

/// `AT_CLKTCK` of getauxval(3): the only place that tells it without a call into the C library.
fn ticks_per_second(vector: &[u8]) -> Option<u64> {
    const AT_CLKTCK: usize = 17;
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).ok();
    vector
        .chunks_exact(2 * WORD)
        .find(|entry| word(&entry[..WORD]) == Some(AT_CLKTCK))
        .and_then(|entry| word(&entry[WORD..]))
        .filter(|&ticks| ticks > 0)
        .map(|ticks| ticks as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_ticks_are_added() {
        let stat = "4711 (a) b (c) S 1 4711 4711 0 -1 4194304 100 0 0 0 123 45 6 7 20 0 9 0 1000 2000 300";
        assert_eq!(ticks_in_stat(stat), Some(168));
    }

    #[test]
    fn a_short_stat_has_no_ticks() {
        assert_eq!(ticks_in_stat("4711 (a) S 1 2 3"), None);
        assert_eq!(ticks_in_stat(""), None);
    }

    #[test]
    fn resident_memory_is_read_in_kibibytes() {
        assert_eq!(
            resident_in_status("Name:\tx\nVmHWM:\t  99 kB\nVmRSS:\t   58368 kB\n"),
            Some(58368)
        );
        assert_eq!(resident_in_status("Name:\tx\n"), None);
    }

    #[test]
    fn clock_ticks_are_found_in_the_auxiliary_vector() {
        let vector: Vec<u8> = [6_usize, 4096, 17, 250, 0, 0]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        assert_eq!(ticks_per_second(&vector), Some(250));
        assert_eq!(ticks_per_second(&vector[..2 * size_of::<usize>()]), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    #[allow(clippy::unwrap_used, reason = "a test")]
    fn this_process_can_be_read() {
        let id = std::process::id();
        processor_time(id).unwrap().unwrap();
        assert!(resident_memory(id).unwrap().unwrap() > 0);
    }
}
