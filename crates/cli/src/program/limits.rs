//! What the system lets one process have.

/// Raises the number of files that may be open to what the system allows: each forwarded connection takes one, and the
/// usual default is 1024 of them. Where that cannot be done, the default has to be enough.
#[cfg(unix)]
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// What macOS takes where its limit says infinity: `OPEN_MAX` of its limits.h.
    const OPEN_MAX: u64 = 10_240;

    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = |current| {
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current,
                maximum: limit.maximum,
            },
        )
    };
    if raised(limit.maximum).is_err() && limit.current.is_some_and(|current| current < OPEN_MAX) {
        // The limit stays as it was if this is refused as well.
        let _ = raised(Some(OPEN_MAX));
    }
}

/// There is no such limit here.
#[cfg(not(unix))]
pub(crate) fn raise_open_files() {}
