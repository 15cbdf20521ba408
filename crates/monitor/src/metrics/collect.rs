use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::{ForwardSnapshot, Monitor};

/// No exemplar is ever given.
type NoExemplar<'a> = Option<&'a prometheus_client::metrics::exemplar::Exemplar<Vec<(String, String)>, f64>>;

/// Makes metrics of what the monitor knows when it is asked. The labels are what was named on the command line and the names
/// of ends, so they are few.
#[derive(Debug)]
pub(super) struct ForwardCollector {
    monitor: Monitor,
}

/// Which of the forwards.
type Labels = Vec<(&'static str, String)>;

impl ForwardCollector {
    pub(super) fn new(monitor: Monitor) -> Self {
        Self { monitor }
    }
}

impl Collector for ForwardCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        Page {
            encoder,
            forwards: self
                .monitor
                .forwards()
                .into_iter()
                .map(|forward| (labels(&forward), forward))
                .collect(),
        }
        .encode()
    }
}

/// One answer.
struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
    forwards: Vec<(Labels, ForwardSnapshot)>,
}

impl Page<'_> {
    fn encode(&mut self) -> fmt::Result {
        self.counter(
            "podline_connections",
            "Connections that were accepted",
            None,
            |forward| forward.totals.accepted,
        )?;
        self.ends()?;
        self.gauge(
            "podline_open_connections",
            "Connections that are open, those that are held included",
            |forward| forward.connections.len(),
        )?;
        self.gauge(
            "podline_held_connections",
            "Connections that wait for a pod",
            |forward| forward.held,
        )?;
        self.counter("podline_sent", "What apps sent", Some(&Unit::Bytes), |forward| {
            forward.totals.sent
        })?;
        self.counter(
            "podline_received",
            "What apps received",
            Some(&Unit::Bytes),
            |forward| forward.totals.received,
        )?;
        self.first_bytes()?;
        self.gauge("podline_sessions", "Sessions that are ready", |forward| {
            forward.pods.iter().map(|pod| pod.sessions).sum()
        })?;
        self.counter(
            "podline_sessions_made",
            "Sessions that became ready",
            None,
            |forward| forward.made_sessions,
        )?;
        self.counter(
            "podline_sessions_lost",
            "Sessions that were lost, or could not be made",
            None,
            |forward| forward.lost_sessions,
        )?;
        self.gauge(
            "podline_pods",
            "Pods that connections go to, or still have some",
            |forward| forward.pods.len(),
        )
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl Fn(&ForwardSnapshot) -> u64,
    ) -> fmt::Result {
        let mut family = self
            .encoder
            .encode_descriptor(name, help, unit, MetricType::Counter)?;
        for (labels, forward) in &self.forwards {
            count(&mut family, labels, value(forward))?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Fn(&ForwardSnapshot) -> usize) -> fmt::Result {
        let mut family = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, forward) in &self.forwards {
            let value = i64::try_from(value(forward)).unwrap_or(i64::MAX);
            family.encode_family(labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn ends(&mut self) -> fmt::Result {
        let help = "Connections that are over, by how they ended";
        let mut family =
            self.encoder
                .encode_descriptor("podline_ended_connections", help, None, MetricType::Counter)?;
        for (labels, forward) in &self.forwards {
            for (end, number) in &forward.totals.ended {
                let mut labels = labels.clone();
                labels.push(("end", (*end).to_owned()));
                count(&mut family, &labels, *number)?;
            }
        }
        Ok(())
    }

    fn first_bytes(&mut self) -> fmt::Result {
        let help = "From a connection's acceptance to the pod's first byte, of those that are over";
        let mut family = self.encoder.encode_descriptor(
            "podline_first_byte",
            help,
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (labels, forward) in &self.forwards {
            let waits = &forward.totals.first_bytes;
            let classes: Vec<(f64, u64)> = waits
                .classes()
                .map(|(bound, number)| (bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64()), number))
                .collect();
            family.encode_family(labels)?.encode_histogram::<Labels>(
                waits.sum().as_secs_f64(),
                waits.count(),
                &classes,
                None,
            )?;
        }
        Ok(())
    }
}

fn count(family: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, number: u64) -> fmt::Result {
    let none: NoExemplar<'_> = None;
    family.encode_family(labels)?.encode_counter(&number, none)
}

fn labels(forward: &ForwardSnapshot) -> Labels {
    vec![
        ("forward", forward.name.index.to_string()),
        ("target", forward.name.target.typed()),
    ]
}
