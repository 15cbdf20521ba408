//! kubectl's `--request-timeout`.

use std::time::Duration;

/// How long one request may take where the user does not say.
pub(crate) const DEFAULT: Duration = Duration::from_secs(30);

/// Parses `30` (seconds), or a duration as Go writes it, such as `1m30s` or `500ms`; `0` is no limit.
/// `None` if it is neither.
pub(crate) fn parse(text: &str) -> Option<Option<Duration>> {
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => go_duration(text)?,
    };
    Some(Some(duration).filter(|duration| !duration.is_zero()))
}

fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        rest = &rest[end..];
        sum = sum.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_and_plain_seconds_are_understood() {
        let millis = |millis| Some(Some(Duration::from_millis(millis)));
        for (text, timeout) in [
            ("0", Some(None)),
            ("0s", Some(None)),
            ("30", millis(30_000)),
            ("500ms", millis(500)),
            ("1m30s", millis(90_000)),
            ("1.5h", millis(5_400_000)),
            ("", None),
            ("s", None),
            ("1", millis(1_000)),
            ("1 s", None),
            ("-1s", None),
            ("1d", None),
            ("1e9h", None),
            (".s", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(parse(text), timeout, "{text}");
        }
    }
}
