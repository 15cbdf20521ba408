use crate::{arguments::MonitorArguments, output::Failure};

/// How HTTP requests are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HttpPlan {
    /// Whether the values of queries are shown.
    pub show_query: bool,
}

impl HttpPlan {
    /// What was asked for, if anything was.
    ///
    /// # Errors
    ///
    /// Something is to be shown of requests that are not shown.
    pub(super) fn new(typed: &MonitorArguments) -> Result<Option<Self>, Failure> {
        if typed.http_show_query && !typed.http {
            return Err(Failure::new("--http-show-query shows nothing without --http"));
        }
        Ok(typed.http.then_some(Self {
            show_query: typed.http_show_query,
        }))
    }
}
