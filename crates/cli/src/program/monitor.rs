//! Shows what goes through, in the ways that were asked for.

use podline_monitor::{Monitor, WebError, WebServer, pcap::Capture};

use super::http_log::HttpLogPrinter;
use crate::{
    output::{Failure, Output},
    plan::ForwardPlan,
};

/// What watches the forwards, and shows what it sees until it is dropped.
pub(crate) struct Watch {
    pub(crate) monitor: Monitor,
    http_log: Option<HttpLogPrinter>,
    _web: Option<WebServer>,
}

impl Watch {
    /// Begins to show what is asked for; nothing is watched where nothing is.
    pub(crate) async fn start(
        plan: &ForwardPlan,
        capture: Option<&Capture>,
        output: &Output,
    ) -> Result<Option<Self>, Failure> {
        if plan.http.is_none() && plan.web.is_none() && plan.tui.is_none() && capture.is_none() {
            return Ok(None);
        }
        let monitor = Monitor::start();
        // Before the web page, which looks into HTTP too and asks for no values of queries: the first to ask decides.
        if plan.http.is_some() || plan.tui.is_some() {
            monitor.look_into_http(plan.http.is_some_and(|http| http.show_query));
        }
        let web = match plan.web {
            Some(options) => {
                let server = WebServer::start(monitor.clone(), capture.cloned(), options).await;
                Some(server.map_err(|error| Failure::of(&error).hinted(hint(&error)))?)
            }
            None => None,
        };
        if let Some(web) = &web {
            output.web_page(web.link());
            if web.is_remote() {
                output.warning(
                    "other machines can reach the web page; who has its link, or listens on the way, sees the traffic",
                );
            }
        }
        // On a terminal that shows everything, lines would be in the way.
        let http_log = (plan.http.is_some() && plan.tui.is_none())
            .then(|| HttpLogPrinter::start(&monitor, output, plan.targets.len() > 1));
        Ok(Some(Self {
            monitor,
            http_log,
            _web: web,
        }))
    }

    /// Shows what has happened until now, and ends.
    pub(crate) async fn finish(self) {
        if let Some(http_log) = self.http_log {
            http_log.finish().await;
        }
    }
}

fn hint(error: &WebError) -> Option<String> {
    matches!(error, WebError::Remote(_)).then(|| "--web-allow-remote allows it".to_owned())
}
