//! What the system lets one process have.

#[cfg(unix)]
mod open_files {
    use std::sync::OnceLock;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// What macOS takes where its limit says infinity: `OPEN_MAX` of its limits.h.
    const OPEN_MAX: u64 = 10_240;

    /// The limit as it was before it was raised.
    static FOUND: OnceLock<Rlimit> = OnceLock::new();

    /// Raises the number of files that may be open to what the system allows: each forwarded connection takes one, and
    /// the usual default is 1024 of them. Where that cannot be done, the default has to be enough.
    pub(crate) fn raise_open_files() {
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
        let done = raised(limit.maximum).or_else(|refused| {
            if limit.current.is_some_and(|current| current < OPEN_MAX) {
                raised(Some(OPEN_MAX))
            } else {
                Err(refused)
            }
        });
        // The limit stays as it was where both are refused.
        if done.is_ok() {
            FOUND.get_or_init(|| limit);
        }
    }

    /// Does something with the limit as the program found it: a command that is started inherits it, and some are slow, or
    /// wrong, with one that they do not expect.
    pub(crate) fn as_found<T>(act: impl FnOnce() -> T) -> T {
        let Some(found) = FOUND.get() else {
            return act();
        };
        let raised = getrlimit(Resource::Nofile);
        // Both directions are allowed below the maximum, which is not touched.
        let _ = setrlimit(Resource::Nofile, *found);
        let result = act();
        let _ = setrlimit(Resource::Nofile, raised);
        result
    }
}

/// There is no such limit here.
#[cfg(not(unix))]
mod open_files {
    pub(crate) fn raise_open_files() {}

    pub(crate) fn as_found<T>(act: impl FnOnce() -> T) -> T {
        act()
    }
}

pub(crate) use open_files::{as_found, raise_open_files};
