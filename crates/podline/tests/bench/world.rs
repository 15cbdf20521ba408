use std::future::pending;
use std::time::Duration;

use podline::Bench;
use podline::bench::{Kind, Measure, Report, Service, Times, Value};
use podline::cluster::Options;
use podline_minicluster::{Config, Minicluster, User};
use tempfile::NamedTempFile;
use tokio::time::timeout;

/// How long a bench may take; only a broken build ever waits so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a measure takes; the next one is tried where a busy machine came to nothing in that time.
const DURATIONS: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(3),
    Duration::from_secs(20),
];

/// A cluster, and the kubeconfig of whoever measures.
pub(crate) struct World {
    _minicluster: Minicluster,
    kubeconfig: NamedTempFile,
}

impl World {
    /// A cluster with the demo's content, for the administrator.
    pub(crate) async fn new() -> Self {
        Self::of(Config::default()).await
    }

    pub(crate) async fn of(config: Config) -> Self {
        let minicluster = Minicluster::start(config).await.unwrap();
        let kubeconfig = NamedTempFile::new().unwrap();
        std::fs::write(kubeconfig.path(), minicluster.kubeconfig(User::Admin)).unwrap();
        Self {
            _minicluster: minicluster,
            kubeconfig,
        }
    }

    /// The options of the kubeconfig, and nothing of the environment's.
    pub(crate) fn options(&self) -> Options {
        Options {
            kubeconfig: Some(self.kubeconfig.path().to_owned()),
            ..Options::default()
        }
    }

    /// A short one, with few connections.
    pub(crate) fn bench(&self, target: &str, port: &str) -> Bench {
        Bench::new(self.options(), target.parse().unwrap(), port.parse().unwrap())
            .duration(DURATIONS[0])
            .connections(4)
    }
}

pub(crate) fn http(path: &str) -> Service {
    Service::Http(path.parse().unwrap())
}

/// Takes the measures. What is told on the way has to be what is reported.
pub(crate) async fn run(bench: Bench) -> Report {
    let mut told = Vec::new();
    let measured = bench.run(pending(), |measure| {
        told.push((measure.kind, measure.connections));
    });
    let report = timeout(PATIENCE, measured)
        .await
        .expect("a bench comes to its end");
    assert_eq!(told, kinds(&report));
    report
}

/// Takes the measures, and takes more time for them until there is enough in each.
pub(crate) async fn run_until(bench: Bench, is_enough: impl Fn(&Report) -> bool) -> Report {
    let mut last = None;
    for duration in DURATIONS {
        let report = run(bench.clone().duration(duration)).await;
        if is_enough(&report) {
            return report;
        }
        last = Some(report);
    }
    panic!("it never comes to anything: {last:?}");
}

/// Whether something was counted in each measure.
pub(crate) fn has_numbers(report: &Report) -> bool {
    report.failed.is_some()
        || report
            .measures
            .iter()
            .all(|measure| measure.per_second().is_none_or(|rate| rate > 0.0))
}

/// What was measured, each with the number of connections.
pub(crate) fn kinds(report: &Report) -> Vec<(Kind, usize)> {
    let measures = report.measures.iter();
    measures
        .map(|measure| (measure.kind, measure.connections))
        .collect()
}

/// What was not measured.
pub(crate) fn not_measured(report: &Report) -> Vec<Kind> {
    let not_measured = report.not_measured.iter();
    not_measured.flat_map(|not| not.kinds.clone()).collect()
}

/// The measures of a kind, none of which failed in anything.
#[track_caller]
pub(crate) fn good(report: &Report, kind: Kind) -> Vec<&Measure> {
    let measures = report.measures.iter().filter(|measure| measure.kind == kind);
    let measures: Vec<&Measure> = measures.collect();
    assert!(!measures.is_empty(), "{kind}: {report:?}");
    for measure in &measures {
        assert_eq!(measure.failures.total(), 0, "{measure:?}");
    }
    measures
}

/// The times of the one measure of a kind.
#[track_caller]
pub(crate) fn times(report: &Report, kind: Kind) -> Times {
    match good(report, kind)[..] {
        [
            Measure {
                value: Value::Times(Some(times)),
                ..
            },
        ] => {
            let order = [times.least, times.median, times.p90, times.p99, times.most];
            assert!(
                order.is_sorted() && times.count > 0 && times.least > Duration::ZERO,
                "{times:?}"
            );
            *times
        }
        _ => panic!("{report:?}"),
    }
}

/// The numbers counted by the measures of a kind, none of them zero.
#[track_caller]
pub(crate) fn numbers(report: &Report, kind: Kind) -> Vec<u64> {
    let numbers = good(report, kind).into_iter().map(|measure| match measure.value {
        Value::Bytes { bytes: number, .. } | Value::Connections { done: number, .. } => {
            assert!(
                number > 0 && measure.per_second().is_some_and(|rate| rate > 0.0),
                "{measure:?}"
            );
            number
        }
        _ => panic!("{measure:?}"),
    });
    numbers.collect()
}
