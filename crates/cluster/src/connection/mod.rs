//! The way to the API server: address, proxy, TCP, TLS, and one HTTP/1.1 request on it.

mod certificate;
mod connector;
mod deadline;
mod dial;
mod error;
mod exchange;
mod gather;
mod http_connect;
mod journal;
mod low_water;
mod no_proxy;
mod proxy;
mod proxy_error;
mod read_ahead;
mod socks5;
mod stream;
mod tls;
mod tls_fault;
mod worth;

pub use error::ConnectError;
pub use journal::{Step, StepFound, WayPart};
pub use proxy_error::ProxyError;
pub use tls::unverified_tls;
pub use tls_fault::TlsFault;

pub use connector::{Trace, WayFailure};

pub(crate) use connector::Connector;
pub(crate) use error::causes;
pub(crate) use exchange::{Exchange, exchange};
pub(crate) use journal::Journal;
pub(crate) use proxy::{ProxyUrl, without_user};
pub(crate) use stream::Stream;
pub(crate) use tls::{Identity, Trust};
