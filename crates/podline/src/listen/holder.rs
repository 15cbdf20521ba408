use std::fmt;
use std::net::SocketAddr;

use podline_wire::Untrusted;

/// The process that listens where a forward wanted to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Holder {
    /// Its process id.
    pub process: u32,
    /// The name of its program, cut to 15 bytes by the kernel.
    pub name: Untrusted,
}

impl Holder {
    /// Who holds `socket`, if this system tells. Reads files of `/proc`, so it blocks for some milliseconds.
    pub(crate) fn of(socket: SocketAddr) -> Option<Self> {
        #[cfg(target_os = "linux")]
        return super::proc::holder(socket);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = socket;
            None
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.process == std::process::id() {
            f.write_str("this process")
        } else {
            write!(f, "{} (process {})", self.name, self.process)
        }
    }
}
