/// Why there is no connection into the pod.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DialFailure {
    /// The sandbox's network namespace is gone: the pod was deleted.
    NamespaceClosed,
    /// The runtime does not know the sandbox.
    NoSandbox,
    /// Any other, in the system's words.
    Other(String),
    /// Nothing listens.
    Refused,
    /// Accepted and reset before it could be used.
    Reset,
    /// No answer.
    TimedOut,
}
