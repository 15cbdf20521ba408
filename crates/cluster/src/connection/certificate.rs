//! How long a certificate is good and for which names (RFC 5280, sections 4.1 and 4.2.1.6).

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Tags of DER (X.690) that lead to the end of a certificate.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Tags that lead to the names that a certificate is for, and the identifier of the extension that has them (2.5.29.17).
const EXTENSIONS: u8 = 0xa3;
const OCTET_STRING: u8 = 0x04;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
const SUBJECT_ALTERNATIVE_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// When a certificate in DER expires; `None` if that cannot be made out.
pub(super) fn expiry(certificate: &[u8]) -> Option<SystemTime> {
    let (_, validity, _) = value(from_validity(certificate)?).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, _, rest) = value(validity)?;
    let (tag, time, _) = value(rest)?;
    moment(tag, std::str::from_utf8(time).ok()?)
}

/// The DNS names and addresses that a certificate in DER is for, as far as they can be made out.
pub(super) fn names(certificate: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = alternative_names(certificate).unwrap_or_default();
    while let Some((tag, content, behind)) = value(rest) {
        match tag {
            DNS_NAME => names.push(String::from_utf8_lossy(content).into_owned()),
            IP_ADDRESS => names.extend(address(content).map(|address| address.to_string())),
            _ => {}
        }
        rest = behind;
    }
    names
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// The content of the extension with the names.
fn alternative_names(certificate: &[u8]) -> Option<&[u8]> {
    let mut rest = from_validity(certificate)?;
    let extensions = loop {
        let (tag, content, behind) = value(rest)?;
        if tag == EXTENSIONS {
            break content;
        }
        rest = behind;
    };
    let (_, mut rest, _) = value(extensions)?;
    loop {
        let (_, extension, behind) = value(rest)?;
        let (_, identifier, mut parts) = value(extension)?;
        if identifier == SUBJECT_ALTERNATIVE_NAME {
            // Before its value it may say whether it is critical.
            return loop {
                let (tag, content, behind) = value(parts)?;
                if tag == OCTET_STRING {
                    break Some(value(content)?.1);
                }
                parts = behind;
            };
        }
        rest = behind;
    }
}

/// What follows the issuer in a certificate: its validity, and the rest of what is signed.
fn from_validity(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = value(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut rest, _) = value(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = value(rest)?.2;
    }
    // The serial number, the algorithm of the signature, and the issuer.
    for _ in 0..3 {
        rest = value(rest)?.2;
    }
    Some(rest)
}

/// The tag of the first value, its content, and what follows.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if length.len() > 4 {
            return None;
        }
        let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &str) -> Option<SystemTime> {
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + part(4)? * 3_600 + part(6)? * 60 + part(8)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// Days of the Gregorian calendar, counted in years that begin in March so that a leap day is the last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_years = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From the first of March of the year 0 to the first of January 1970.
    of_years + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["me".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn at(seconds: u64) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn the_end_of_a_certificate_is_found() {
        for (year, month, day, seconds) in [
            (1970, 1, 1, 0),
            (1999, 12, 31, 946_598_400),
            (2000, 2, 29, 951_782_400),
            (2026, 11, 27, 1_795_737_600),
            (2049, 12, 31, 2_524_521_600),
            (2050, 1, 1, 2_524_608_000),
            (2400, 3, 1, 13_574_649_600),
        ] {
            let certificate = certificate(year, month, day);
            assert_eq!(expiry(&certificate), at(seconds), "{year}-{month}-{day}");
        }
        assert_eq!(moment(UTC_TIME, "260101000005Z"), at(1_767_225_605));
    }

    #[test]
    fn the_names_of_a_certificate_are_found() {
        let all = ["kubernetes.default", "*.example.org", "10.96.0.1", "fd00::1"].map(str::to_owned);
        let params = CertificateParams::new(all.to_vec()).unwrap();
        let key = KeyPair::generate().unwrap();
        assert_eq!(names(params.self_signed(&key).unwrap().der()), all);
        let none = CertificateParams::new(Vec::new()).unwrap();
        assert_eq!(names(none.self_signed(&key).unwrap().der()), [""; 0]);
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let good = certificate(2030, 1, 1);
        for length in 0..good.len() {
            assert_eq!(expiry(&good[..length]), None);
            assert_eq!(names(&good[..length]), [""; 0]);
        }
        for index in 0..good.len() {
            for byte in [0x00, 0x30, 0x80, 0x84, 0xff] {
                let mut bad = good.clone();
                bad[index] = byte;
                // It may be understood or not, but it does no harm.
                let _ = (expiry(&bad), names(&bad));
            }
        }
        for text in [
            "",
            "Z",
            "2601010000Z",
            "261301000000Z",
            "260100000000Z",
            "26010100000xZ",
            "ä60101000000Z",
        ] {
            assert_eq!(moment(UTC_TIME, text), None, "{text}");
        }
    }
}
