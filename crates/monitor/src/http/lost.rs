/// The connection cannot be followed any further: its bytes make no sense, or are too much to remember.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Lost;
