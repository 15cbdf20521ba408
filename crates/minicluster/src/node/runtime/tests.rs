//! The facts of the real runtime that are emulated, each over a byte script.

mod ending;
mod failures;
mod flavors;
mod jam;
mod lanes;
mod pairing;
mod peer;
mod properties;
mod replay;

use peer::Peer;

/// Every number of a list of frames that matters here stands in its text, for instance `DATA 3 FIN`.
fn frames(expected: &[&str]) -> Vec<String> {
    expected.iter().map(ToString::to_string).collect()
}
