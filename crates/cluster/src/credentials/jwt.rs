//! How long a token is good.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// When a JSON web token (RFC 7519) expires; `None` if it does not say or is none.
pub(crate) fn expiry(token: &str) -> Option<SystemTime> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let claims = BASE64.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(claims.exp).ok()?)
}

#[cfg(test)]
pub(crate) fn token(expiry: SystemTime) -> String {
    let seconds = expiry
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    format!(
        "e30.{}.sig",
        BASE64.encode(format!(r#"{{"sub":"me","exp":{seconds}}}"#))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_is_found_where_there_is_one() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert_eq!(expiry(&token(time)), Some(time));
        for bad in [
            "",
            "a.b",
            "a.!.c",
            "e30.e30.x",
            "e30.eyJleHAiOi0xfQ.x",
            "e30.eyJleHAiOjFlOTl9.x",
        ] {
            assert_eq!(expiry(bad), None, "{bad}");
        }
    }
}
