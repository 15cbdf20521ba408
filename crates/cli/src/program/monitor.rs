//! Shows what goes through, in the ways that were asked for.

use std::cell::RefCell;

use podline::{Probed, Target};
use podline_monitor::{ForwardMonitor, MetricsServer, Monitor, WebError, WebServer, pcap::Capture};

use super::{event_writer::EventWriter, http_log::HttpLogPrinter};
use crate::{
    output::{Failure, Output},
    plan::{ForwardPlan, StdoutOwner},
};

/// What watches the forwards, and shows what it sees until it is dropped.
pub(crate) struct Watch {
    monitor: Monitor,
    watched: RefCell<Vec<ForwardMonitor>>,
    events: Option<EventWriter>,
    http_log: Option<HttpLogPrinter>,
    _metrics: Option<MetricsServer>,
    _web: Option<WebServer>,
}

impl Watch {
    /// Begins to show what is asked for; nothing is watched where nothing is.
    pub(crate) async fn start(
        plan: &ForwardPlan,
        capture: Option<&Capture>,
        output: &Output,
    ) -> Result<Option<Self>, Failure> {
        let is_json = plan.stdout == StdoutOwner::Json;
        let is_shown = plan.http.is_some() || plan.web.is_some() || plan.tui.is_some();
        if !is_json && !is_shown && plan.metrics.is_none() && capture.is_none() {
            return Ok(None);
        }
        let monitor = Monitor::start();
        // Before the web page, which looks into HTTP too and asks for no values of queries: the first to ask decides.
        if plan.http.is_some() || plan.tui.is_some() {
            monitor.look_into_http(plan.http.is_some_and(|http| http.show_query));
        }
        let metrics =
            match plan.metrics {
                Some(address) => {
                    let server = MetricsServer::start(&monitor, address).await;
                    Some(server.map_err(|error| {
                        Failure::of(&error).hinted(["port 0 is any that is free".to_owned()])
                    })?)
                }
                None => None,
            };
        if let Some(metrics) = &metrics {
            output.note(&format!("metrics are at http://{}/metrics", metrics.address()));
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
            events: is_json.then(|| EventWriter::start(&monitor, output)),
            monitor,
            watched: RefCell::default(),
            http_log,
            _metrics: metrics,
            _web: web,
        }))
    }

    /// What is known of the forwards.
    pub(crate) fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Watches the next forward of the plan, which is to take its taps from what this gives.
    pub(crate) fn forward(&self, target: &Target) -> ForwardMonitor {
        let watched = self.monitor.forward(target);
        self.watched.borrow_mut().push(watched.clone());
        watched
    }

    /// Says what was found of a port of the forward of this number.
    pub(crate) fn probed(&self, forward: usize, probed: &Probed) {
        if let Some(watched) = self.watched.borrow().get(forward) {
            watched.probed(probed);
        }
    }

    /// Says that all forwards take connections now.
    pub(crate) fn ready(&self) {
        for watched in &*self.watched.borrow() {
            watched.ready();
        }
    }

    /// Ends what has an end of its own.
    pub(crate) async fn finish(self) {
        if let Some(events) = self.events {
            events.finish().await;
        }
        if let Some(http_log) = self.http_log {
            http_log.finish().await;
        }
    }
}

fn hint(error: &WebError) -> Option<String> {
    matches!(error, WebError::Remote(_)).then(|| "--web-allow-remote allows it".to_owned())
}
