//! Why the store refuses.

use super::SETTLE_TIMEOUT;
use super::admission::Inadmissible;
use super::state::Conflict;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An object of the kind, namespace and name exists.
    #[error("the object exists already")]
    AlreadyExists,
    /// The store holds as many objects as it may.
    #[error("too many objects")]
    Full,
    /// The object breaks a rule of its kind.
    #[error("the object is not admissible: {0}")]
    Inadmissible(String),
    /// The JSON is not that of an object of its kind.
    #[error("the manifest is malformed")]
    Malformed(#[source] serde_json::Error),
    /// The object was changed or replaced meanwhile.
    #[error("the object was changed by another meanwhile")]
    Modified,
    /// There is no such object.
    #[error("there is no such object")]
    NotFound,
    /// The cluster did not get there in time.
    #[error("the cluster did not settle within {SETTLE_TIMEOUT:?}")]
    Timeout,
    /// `apiVersion` and `kind` name nothing that is served.
    #[error("the manifest's apiVersion and kind are unknown")]
    UnknownKind,
}

impl From<Conflict> for StoreError {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::AlreadyExists => Self::AlreadyExists,
            Conflict::Full => Self::Full,
            Conflict::Modified => Self::Modified,
            Conflict::NotFound => Self::NotFound,
        }
    }
}

impl From<Inadmissible> for StoreError {
    fn from(inadmissible: Inadmissible) -> Self {
        Self::Inadmissible(inadmissible.to_string())
    }
}
