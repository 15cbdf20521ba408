//! The values of flags as Go's flag packages read them, so that a command line written for kubectl means the same here.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{
    Arg, ArgAction,
    builder::{OsStringValueParser, TypedValueParser},
};
use podline::Bench;
use podline_monitor::pcap::CaptureOptions;

/// What the value of a flag is called that is on or off, by which such a flag is known.
pub(crate) const BOOLEAN: &str = "BOOL";

/// What all flags have. kubectl takes an underscore for every hyphen in a name, and a flag that is on or off without its value.
pub(crate) fn completed(argument: Arg) -> Arg {
    let argument = match argument.get_long().filter(|long| long.contains('-')) {
        Some(long) => {
            let underscored = long.replace('-', "_");
            argument.alias(underscored)
        }
        None => argument,
    };
    let is_boolean = argument.get_value_names().is_some_and(|names| names == [BOOLEAN]);
    if is_boolean { switch(argument) } else { argument }
}

/// On where it stands alone. One that cannot be told from one that was not typed is off where it is not there.
fn switch(argument: Arg) -> Arg {
    let argument = argument
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(boolean);
    match argument.get_action() {
        ArgAction::SetTrue => argument
            .default_value("false")
            .hide_default_value(true)
            .hide_possible_values(true),
        _ => argument,
    }
}

/// A truth value in any of the spellings that Go's `strconv.ParseBool` knows.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("neither `true` nor `false`".to_owned()),
    }
}

/// A path, which may be empty: to kubectl that is none.
pub(crate) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// A span of time as Go's `time.ParseDuration` reads it: `1m30s`, `1.5h`, `250ms`; a bare `0` needs no unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const ADVICE: &str = "a time needs a number and a unit, as in `30s`, `2m` or `1h30m`";
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(ADVICE.to_owned());
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or(ADVICE)?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        total = total.saturating_add(nanoseconds(number, unit).ok_or(ADVICE)?);
        rest = after;
    }
    if negative && total > 0 {
        return Err("a time cannot be negative".to_owned());
    }
    match i64::try_from(total) {
        Ok(total) => Ok(Duration::from_nanos(total.unsigned_abs())),
        Err(_) => Err("longer than 290 years".to_owned()),
    }
}

/// The time a pod may take to run, which kubectl wants to be more than nothing.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be higher than zero".to_owned()),
        duration => Ok(duration),
    }
}

/// An address to listen on: an IP address (`localhost` is 127.0.0.1) and a port, or one of the two. Where no port is
/// given, any that is free will do; where no address is, 127.0.0.1.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let text = match text.strip_prefix("localhost") {
        Some(port) if port.is_empty() || port.starts_with(':') => &format!("127.0.0.1{port}"),
        _ => text,
    };
    let address = text.parse::<SocketAddr>();
    address
        .or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, 0).into()))
        .map_err(|_| "an address is `IP:PORT`, an IP address, or a port".to_owned())
}

/// A number of sessions: one at least, and no more than a pod is ever given.
pub(crate) fn sessions(text: &str) -> Result<usize, String> {
    const MOST: usize = 512;
    match text.parse() {
        Ok(number @ 1..=MOST) => Ok(number),
        _ => Err(format!("must be a number from 1 to {MOST}")),
    }
}

/// How many connections a bench makes at once.
pub(crate) fn bench_connections(text: &str) -> Result<usize, String> {
    const MOST: usize = Bench::MOST_CONNECTIONS;
    match text.parse() {
        Ok(number @ 1..=MOST) => Ok(number),
        _ => Err(format!("must be a number from 1 to {MOST}")),
    }
}

/// How long a measure of a bench takes.
pub(crate) fn bench_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if (Bench::LEAST_DURATION..=Bench::MOST_DURATION).contains(&time) => Ok(time),
        _ => Err("must be from 100ms to 10m".to_owned()),
    }
}

/// The most bytes of a capture.
pub(crate) fn capture_limit(text: &str) -> Result<u64, String> {
    match size(text)? {
        CaptureOptions::LIMIT_LEAST.. => size(text),
        _ => Err(format!(
            "must be at least {} KiB",
            CaptureOptions::LIMIT_LEAST / 1024
        )),
    }
}

/// The most bytes of a recorded packet.
pub(crate) fn snaplen(text: &str) -> Result<u32, String> {
    const LEAST: u32 = CaptureOptions::SNAPLEN_LEAST;
    const MOST: u32 = CaptureOptions::SNAPLEN_MOST;
    match text.parse() {
        Ok(bytes @ LEAST..=MOST) => Ok(bytes),
        _ => Err(format!("must be a number from {LEAST} to {MOST}")),
    }
}

/// A number of bytes, alone or with a unit: `512MiB` is 2^29, `512MB` is 512,000,000.
fn size(text: &str) -> Result<u64, String> {
    const ADVICE: &str = "a size needs a whole number and a unit, as in `64KiB`, `512MiB` or `2GB`";
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "TiB" => 1 << 40,
        _ => return Err(ADVICE.to_owned()),
    };
    let number: u64 = match number.parse() {
        Ok(number) => number,
        Err(_) if number.is_empty() => return Err(ADVICE.to_owned()),
        Err(_) => u64::MAX,
    };
    Ok(number.saturating_mul(unit))
}

/// One `number` and `unit` of a span of time, in nanoseconds; what is below a nanosecond is cut off.
fn nanoseconds(number: &str, unit: &str) -> Option<u128> {
    let unit: u128 = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // An hour has 3.6e12 nanoseconds: digits behind the fifteenth change nothing.
    let digits = &fraction[..fraction.len().min(15)];
    let scale = 10_u128.pow(u32::try_from(digits.len()).ok()?);
    let fraction: u128 = if digits.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    whole.checked_mul(unit)?.checked_add(fraction * unit / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let table = [
            ("0", 0),
            ("+0", 0),
            ("-0", 0),
            ("0s", 0),
            ("5s", 5_000_000_000),
            ("1m0s", 60_000_000_000),
            ("1h15m30.918s", 4_530_918_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("250ms", 250_000_000),
            ("3us", 3_000),
            ("3\u{b5}s", 3_000),
            ("3\u{3bc}s", 3_000),
            ("7ns", 7),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("9223372036854775807ns", i64::MAX.unsigned_abs()),
        ];
        for (text, nanoseconds) in table {
            assert_eq!(duration(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "",
            "-",
            "s",
            "3",
            "1",
            ".s",
            "..5s",
            "1.2.3s",
            "1d",
            "1 s",
            "1s ",
            "-1s",
            "9223372036854775808ns",
            "é",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wait_must_be_positive() {
        assert!(positive_duration("30").is_err());
        assert_eq!(
            positive_duration("0s"),
            Err("must be higher than zero".to_owned())
        );
    }

    #[test]
    fn sessions_are_a_number_that_a_pod_can_have() {
        assert_eq!(sessions("1"), Ok(1));
        assert_eq!(sessions("512"), Ok(512));
        for text in ["", "0", "-1", "513", "many", "99999999999999999999"] {
            assert!(sessions(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_to_listen_on_may_be_given_in_part() {
        for (text, address) in [
            ("9000", "127.0.0.1:9000"),
            ("127.0.0.2", "127.0.0.2:0"),
            ("127.0.0.2:9000", "127.0.0.2:9000"),
            ("::1", "[::1]:0"),
            ("[::1]:9000", "[::1]:9000"),
            ("localhost", "127.0.0.1:0"),
            ("localhost:9000", "127.0.0.1:9000"),
        ] {
            assert_eq!(listen_address(text), Ok(address.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            "svc/web",
            "70000",
            "localhost9",
            "localhost:",
            "example.org:80",
            ":80",
        ] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_units_of_a_thousand_and_of_1024() {
        let table = [
            ("65536", 65_536),
            ("65536B", 65_536),
            ("64KiB", 65_536),
            ("100kB", 100_000),
            ("512MiB", 1 << 29),
            ("512MB", 512_000_000),
            ("1GiB", 1 << 30),
            ("2TB", 2_000_000_000_000),
            ("99999999999999999999", u64::MAX),
            ("99999999999TiB", u64::MAX),
        ];
        for (text, bytes) in table {
            assert_eq!(capture_limit(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "1.5GiB", "1 GiB", "-1", "1gib", "1Gi", "63KiB", "0"] {
            assert!(capture_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_packet_keeps_its_headers() {
        assert_eq!(snaplen("68"), Ok(68));
        assert_eq!(snaplen("65535"), Ok(65_535));
        for text in ["", "67", "65536", "1KiB", "-1"] {
            assert!(snaplen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn booleans_have_the_spellings_of_go() {
        assert_eq!(boolean("T"), Ok(true));
        assert_eq!(boolean("False"), Ok(false));
        assert!(boolean("yes").is_err());
        assert!(boolean("").is_err());
    }
}
