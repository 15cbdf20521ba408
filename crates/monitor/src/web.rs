//! A page for the browser that shows what goes through forwards, and the server that gives it to nobody else.
//!
//! Who has the link that [`WebServer::link`] gives sees and may end connections; who does not gets the page's files, which
//! hold nothing of the cluster or the traffic, and no more. The link's fragment is a token, which a browser sends to no
//! server; the page takes it out of the address bar and puts it into an `Authorization` header. There is no cookie, for
//! every app that is forwarded to the same host would be sent it.

mod guard;
use guard::{Guard, Reached, Refusal};

mod live;
use live::Live;

mod log;
use log::{EventLine, Log};

mod page;

mod query;
use query::Query;

mod request;
use request::{Request, RequestRow};

mod routes;
use routes::Shared;

mod server;
pub use server::{WebError, WebOptions, WebServer};

mod speeds;
use speeds::{Speed, Speeds};

mod token;
use token::Token;

mod view;
