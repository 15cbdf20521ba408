//! What is known of forwards and their connections, from taps and events, and where it is told.

mod connection;
use connection::Observed;
pub use connection::{ConnectionState, ConnectionView};

mod fact;
pub use fact::{Closed, Exchanged, Fact, ForwardName, What};

mod first_bytes;
pub use first_bytes::FirstBytes;

mod forward;
pub use forward::{ForwardMonitor, ForwardSnapshot};

mod monitor;
pub use monitor::Monitor;

mod rates;
pub use rates::{Rates, Sample};

mod stream;
use stream::Teller;
pub use stream::{Facts, Next};

mod tap;
use tap::ConnectionTap;

mod totals;
pub use totals::Totals;
