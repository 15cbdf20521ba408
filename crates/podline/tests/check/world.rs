use std::time::Duration;

use podline::Check;
use podline::check::{Hop, Report, Stage, State};
use podline::cluster::Options;
use podline_minicluster::{Config, Minicluster, User};
use tempfile::NamedTempFile;
use tokio::time::timeout;

/// How long a walk may take; only a broken build ever waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster, and the kubeconfig of whoever walks.
pub(crate) struct World {
    pub(crate) minicluster: Minicluster,
    kubeconfig: NamedTempFile,
}

impl World {
    /// A cluster with the demo's content, for the administrator.
    pub(crate) async fn new() -> Self {
        Self::of(Config::default(), User::Admin).await
    }

    pub(crate) async fn of(config: Config, user: User) -> Self {
        let minicluster = Minicluster::start(config).await.unwrap();
        let kubeconfig = NamedTempFile::new().unwrap();
        std::fs::write(kubeconfig.path(), minicluster.kubeconfig(user)).unwrap();
        Self {
            minicluster,
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

    /// What a walk to a target and its ports finds.
    pub(crate) async fn check(&self, target: &str, ports: &[&str]) -> Report {
        run(self.walk(target, ports)).await
    }

    pub(crate) fn walk(&self, target: &str, ports: &[&str]) -> Check {
        let check = Check::new(self.options(), target.parse().unwrap());
        ports
            .iter()
            .fold(check, |check, port| check.port(port.parse().unwrap()))
    }

    /// The one pod whose name begins so.
    pub(crate) fn pod(&self, prefix: &str) -> String {
        let pods = self.minicluster.store().pods("default");
        let mut pods = pods.into_iter().filter(|pod| pod.name.starts_with(prefix));
        pods.next().unwrap().name
    }
}

/// Makes a walk. What it tells on the way has to be what it reports.
pub(crate) async fn run(check: Check) -> Report {
    let mut told = Vec::new();
    let walk = check.run(|hop| told.push(hop.stage));
    let report = timeout(PATIENCE, walk).await.expect("a walk comes to its end");
    let reported: Vec<Stage> = report.hops.iter().map(|hop| hop.stage).collect();
    assert_eq!(told, reported);
    report
}

/// The hop that failed; it has to be the last one, or one of several ports.
#[track_caller]
pub(crate) fn failed(report: &Report) -> &Hop {
    let failed = report
        .failed()
        .unwrap_or_else(|| panic!("nothing failed: {}", shown(report)));
    let last = report.hops.last().unwrap();
    assert_eq!(last.stage, failed.stage, "{}", shown(report));
    failed
}

/// The walk ended at `stage`, for a reason with `reason` in it.
#[track_caller]
pub(crate) fn ends_at(report: &Report, stage: Stage, reason: &str) {
    let failed = failed(report);
    assert_eq!(failed.stage, stage, "{}", shown(report));
    says(failed, reason);
}

/// The hop has a problem with `reason` in it.
#[track_caller]
pub(crate) fn says(hop: &Hop, reason: &str) {
    let reasons: Vec<String> = hop
        .problems
        .iter()
        .map(|problem| problem.reason.to_string())
        .collect();
    assert!(reasons.iter().any(|text| text.contains(reason)), "{reasons:?}");
}

/// The hops of a stage.
pub(crate) fn hops(report: &Report, stage: Stage) -> Vec<&Hop> {
    report.hops.iter().filter(|hop| hop.stage == stage).collect()
}

/// The one hop of a stage.
#[track_caller]
pub(crate) fn hop(report: &Report, stage: Stage) -> &Hop {
    match hops(report, stage)[..] {
        [hop] => hop,
        _ => panic!("{}", shown(report)),
    }
}

#[track_caller]
pub(crate) fn is(hop: &Hop, state: State) {
    assert_eq!(hop.state, state, "{hop:?}");
}

pub(crate) fn shown(report: &Report) -> String {
    let hops = report.hops.iter().map(|hop| {
        let finding = hop.finding.as_ref().map(ToString::to_string).unwrap_or_default();
        let problems: Vec<String> = hop
            .problems
            .iter()
            .map(|problem| problem.reason.to_string())
            .collect();
        format!("{:?} {}: {finding} {problems:?}", hop.state, hop.stage)
    });
    hops.collect::<Vec<_>>().join("\n")
}
