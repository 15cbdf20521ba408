//! What the app's sockets need beyond reading and writing.

mod app_closed;
pub(crate) use app_closed::{AppSocket, app_socket};

mod reset;
pub(crate) use reset::{reset, reset_when_sent};

mod send_queue;
pub(crate) use send_queue::send_queue;

#[cfg(target_os = "linux")]
mod sock_diag;
