use std::time::Duration;

use thiserror::Error;

/// Why a duration or a size on the command line was not understood.
#[derive(Debug, Error, PartialEq)]
pub(crate) enum QuantityError {
    #[error("`{0}` does not begin with a number")]
    Number(String),
    #[error("`{0}` is not a unit of size: B, KiB, MiB or GiB")]
    SizeUnit(String),
    #[error("`{0}` is not a unit of time: us, ms, s or min")]
    TimeUnit(String),
    #[error("`{0}` is too large")]
    TooLarge(String),
}

/// Reads `50ms`, `1.5s`, `0`; a bare number counts milliseconds.
pub(crate) fn duration(text: &str) -> Result<Duration, QuantityError> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "us" => 1e-6,
        "" | "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        other => return Err(QuantityError::TimeUnit(other.to_owned())),
    };
    Duration::try_from_secs_f64(number * seconds).map_err(|_| QuantityError::TooLarge(text.to_owned()))
}

/// Reads `4GiB`, `256MiB`; a bare number counts bytes.
pub(crate) fn size(text: &str) -> Result<u64, QuantityError> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "" | "B" => 1_u64,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        other => return Err(QuantityError::SizeUnit(other.to_owned())),
    };
    let total = number * bytes as f64;
    // Beyond 2^53 a float no longer tells neighbouring integers apart.
    if total > (1_u64 << 53) as f64 {
        return Err(QuantityError::TooLarge(text.to_owned()));
    }
    Ok(total as u64)
}

fn split(text: &str) -> Result<(f64, &str), QuantityError> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number
        .parse()
        .map_err(|_| QuantityError::Number(text.to_owned()))?;
    Ok((number, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(duration("50"), Ok(Duration::from_millis(50)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250 us"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn sizes() {
        assert_eq!(size("4GiB"), Ok(4 << 30));
        assert_eq!(size("0.5 MiB"), Ok(512 << 10));
        assert_eq!(size("12"), Ok(12));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(duration("soon"), Err(QuantityError::Number("soon".to_owned())));
        assert_eq!(duration("-1s"), Err(QuantityError::Number("-1s".to_owned())));
        assert_eq!(
            duration("1.2.3s"),
            Err(QuantityError::Number("1.2.3s".to_owned()))
        );
        assert_eq!(
            duration("5 weeks"),
            Err(QuantityError::TimeUnit("weeks".to_owned()))
        );
        assert_eq!(size("4GB"), Err(QuantityError::SizeUnit("GB".to_owned())));
        assert_eq!(
            size("9999999999GiB"),
            Err(QuantityError::TooLarge("9999999999GiB".to_owned()))
        );
        assert!(matches!(
            duration(&"9".repeat(400)),
            Err(QuantityError::TooLarge(_))
        ));
    }
}
