//! All cases, by theme.

mod bytes;
mod demo;
mod ends;
mod errors;
mod flags;
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
        demo::cases(),
        ends::cases(),
        errors::cases(),
        flags::cases(),
        listening::cases(),
        output::cases(),
        rights::cases(),
        targets::cases(),
        transports::cases(),
        troubles::cases(),
    ]
    .concat()
}
