//! All cases, by theme.

mod bytes;
mod ends;
mod errors;
mod listening;
mod output;
mod rights;
mod targets;
mod transports;
mod troubles;

use crate::harness::Case;

pub(crate) fn all() -> Vec<Case> {
    [
        bytes::cases(),
        ends::cases(),
        errors::cases(),
        listening::cases(),
        output::cases(),
        rights::cases(),
        targets::cases(),
        transports::cases(),
        troubles::cases(),
    ]
    .concat()
}
