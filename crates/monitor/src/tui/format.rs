//! Numbers as people read them, in few characters.

use std::time::Duration;

/// A number of bytes in at most six characters: `999 B`, `1.5 kB`, `12 MB`.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number < 1000 {
        return format!("{number} B");
    }
    #[allow(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut scaled = number as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    // Where rounding would show four digits, the next unit does with one.
    while scaled >= 999.5 {
        scaled /= 1000.0;
        unit = units.next();
    }
    let unit = unit.unwrap_or(&"EB");
    if scaled < 9.95 {
        format!("{scaled:.1} {unit}")
    } else {
        format!("{scaled:.0} {unit}")
    }
}

/// A time that has passed, in at most six characters: `12 ms`, `1.2 s`, `59 s`, `3m12s`, `5h02m`, `12d`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..=9 => format!("{:.1} s", time.as_secs_f64()),
        10..=59 => format!("{seconds} s"),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        let shown = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1549, "1.5 kB"),
            (9949, "9.9 kB"),
            (9960, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (12_345_678, "12 MB"),
            (u64::MAX, "18 EB"),
        ];
        for (number, text) in shown {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn spans_are_short() {
        let shown = [
            (12, "12 ms"),
            (999, "999 ms"),
            (1200, "1.2 s"),
            (59_900, "59 s"),
            (192_000, "3m12s"),
            (18_120_000, "5h02m"),
            (1_036_800_000, "12d"),
        ];
        for (time, text) in shown {
            assert_eq!(span(Duration::from_millis(time)), text);
        }
    }
}
