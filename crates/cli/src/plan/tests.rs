#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::ffi::OsString;

use super::*;
use crate::arguments::Arguments;

fn plan_in(environment: &Environment, words: &[&str]) -> Result<ForwardPlan, Failure> {
    let words = std::iter::once("podline")
        .chain(words.iter().copied())
        .map(OsString::from);
    let (typed, name) = Arguments::read(words).unwrap();
    ForwardPlan::new(
        &typed.forward,
        &typed.monitor,
        &typed.capture,
        typed.kubectl,
        environment,
        name,
    )
}

fn plan(words: &[&str]) -> Result<ForwardPlan, Failure> {
    plan_in(&Environment::default(), words)
}

/// The targets and their ports as text: `ns:svc/web[8080:80 5000]`.
fn targets(words: &[&str]) -> String {
    let plan = plan(words).unwrap();
    let target = |target: &TargetPlan| {
        let namespace = target
            .target
            .namespace
            .as_ref()
            .map(|name| format!("{name}:"))
            .unwrap_or_default();
        let ports: Vec<String> = target.ports.iter().map(ToString::to_string).collect();
        let all = if target.all_ports { " and all" } else { "" };
        format!("{namespace}{}[{}]{all}", target.target, ports.join(" "))
    };
    plan.targets.iter().map(target).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_argument_with_a_slash_begins_the_next_target() {
    let table = [
        (&["web", "8080:80", "443"][..], "pod/web[8080:80 443]"),
        (
            &["svc/web", "https", "deploy/api", ":80"],
            "svc/web[https] deployment/api[0:80]",
        ),
        (
            &["svc/web", "80", "db/svc/pg", "5432"],
            "svc/web[80] db:svc/pg[5432]",
        ),
        (
            &["svc/a", "svc/b", "--all-ports"],
            "svc/a[] and all svc/b[] and all",
        ),
        (&["svc/a", "9000:80", "--all-ports"], "svc/a[9000:80] and all"),
        (&["80", "80"], "pod/80[80]"),
    ];
    for (words, expected) in table {
        assert_eq!(targets(words), expected, "{words:?}");
    }
}

#[test]
fn what_cannot_be_planned_is_said() {
    let table = [
        (&[][..], "a target and its ports are required"),
        (&["svc/web"], "no port is given for svc/web"),
        (&["svc/web", "80", "svc/api"], "no port is given for svc/api"),
        (&["web", "1:2:3"], "invalid port format '1:2:3'"),
        (&["web", "8080:"], "invalid port format '8080:'"),
        (&["web", "8080:80", "--address=here"], "here is not a valid IP"),
        (
            &["web", "80", "80"],
            "local port 80 is asked for twice: pod/web 80 and pod/web 80",
        ),
        (
            &["svc/a", "8080:80", "svc/b", "8080:http"],
            "local port 8080 is asked for twice: svc/a 8080:80 and svc/b 8080:http",
        ),
        (
            &["cm/web", "80"],
            "'cm' is not a resource type that a port can be forwarded to",
        ),
    ];
    for (words, sentence) in table {
        assert_eq!(plan(words).unwrap_err().sentence(), sentence, "{words:?}");
    }
}

#[test]
fn a_capture_goes_where_it_was_asked_to() {
    let capture = |words: &[&str]| plan(&[&["web", "80"], words].concat()).unwrap().capture;
    assert!(capture(&[]).is_none());
    let file = capture(&["--pcap", "web.pcapng"]).unwrap();
    assert_eq!(file.destination, Destination::File("web.pcapng".into()));
    assert_eq!((file.limit, file.snaplen, file.overwrite), (1 << 30, None, false));
    let all = [
        "--pcap=-",
        "--pcap-limit=2MiB",
        "--pcap-snaplen=96",
        "--pcap-overwrite",
    ];
    let all = capture(&all).unwrap();
    assert_eq!(all.destination, Destination::StandardOutput);
    assert_eq!((all.limit, all.snaplen, all.overwrite), (2 << 20, Some(96), true));
    let nowhere = plan(&["web", "80", "--pcap="]).unwrap_err();
    assert_eq!(nowhere.sentence(), "--pcap needs the name of a file");
}

#[test]
fn a_capture_and_a_command_do_not_share_standard_output() {
    assert_eq!(plan(&["web", "80"]).unwrap().stdout, StdoutOwner::Lines);
    assert_eq!(
        plan(&["web", "80", "--pcap", "-"]).unwrap().stdout,
        StdoutOwner::Pcap
    );
    assert_eq!(
        plan(&["web", "80", "--pcap", "file", "--", "true"])
            .unwrap()
            .stdout,
        StdoutOwner::Command
    );
    assert_eq!(
        plan(&["web", "80", "--pcap", "-", "--", "true"])
            .unwrap_err()
            .sentence(),
        "standard output can belong to the program behind `--` or to `--pcap -`, not to both"
    );
}

#[test]
fn ports_that_only_the_cluster_knows_are_no_clash() {
    assert_eq!(
        targets(&["svc/a", "http", "svc/b", "http", ":80", "0:80"]),
        "svc/a[http] svc/b[http 0:80 0:80]"
    );
}

#[test]
fn each_address_counts_once() {
    let addresses = plan(&[
        "web",
        "80",
        "--address",
        "localhost,0.0.0.0",
        "--address=localhost",
    ])
    .unwrap()
    .addresses;
    assert_eq!(addresses, [Address::Localhost, Address::Ip([0, 0, 0, 0].into())]);
}

#[test]
fn the_flag_is_stronger_than_the_environment() {
    let disabled = Environment {
        websockets_are_disabled: true,
        ..Environment::default()
    };
    let transport =
        |environment: &Environment, words: &[&str]| plan_in(environment, words).unwrap().transport;
    assert_eq!(
        transport(&Environment::default(), &["web", "80"]),
        TransportChoice::Auto
    );
    assert_eq!(transport(&disabled, &["web", "80"]), TransportChoice::Spdy);
    assert_eq!(
        transport(&disabled, &["web", "80", "--transport=websocket"]),
        TransportChoice::Websocket
    );
    assert_eq!(
        transport(&disabled, &["web", "80", "--transport", "auto"]),
        TransportChoice::Auto
    );
}

#[test]
fn an_empty_value_is_none() {
    let options = plan(&["web", "80", "--context=", "--kubeconfig=", "-n="])
        .unwrap()
        .cluster;
    assert_eq!(options.context, None);
    assert_eq!(options.kubeconfig, None);
    assert_eq!(options.namespace, None);
}

#[test]
fn what_is_asked_of_a_forward_is_planned() {
    let left_alone = plan(&["web", "80"]).unwrap();
    assert_eq!(left_alone.balance, None);
    assert_eq!(left_alone.max_sessions, 64);
    assert!(!left_alone.require_ready);
    assert_eq!(left_alone.stalled_reader, Duration::from_secs(5));
    let asked = plan(&[
        "svc/web",
        "80",
        "--balance=least",
        "--max-sessions=8",
        "--require-ready",
        "--stalled-reader=1m",
    ])
    .unwrap();
    assert_eq!(asked.balance, Some(Balance::Least));
    assert_eq!(asked.max_sessions, 8);
    assert!(asked.require_ready);
    assert_eq!(asked.stalled_reader, Duration::from_secs(60));
}

#[test]
fn the_terminal_view_needs_a_terminal_of_its_own() {
    let terminal = Environment {
        is_terminal: true,
        ..Environment::default()
    };
    let plan = plan_in(&terminal, &["web", "80", "--tui"]).unwrap();
    assert_eq!((plan.tui, plan.stdout), (Some(Look::Plain), StdoutOwner::Tui));
    let sentence = |environment: &Environment, words: &[&str]| {
        plan_in(environment, words).unwrap_err().sentence().to_owned()
    };
    assert_eq!(
        sentence(&Environment::default(), &["web", "80", "--tui"]),
        "`--tui` needs a terminal on standard input and standard output"
    );
    let both = sentence(&terminal, &["web", "80", "--tui", "--", "true"]);
    assert!(both.contains("not to both"), "{both}");
}

#[test]
fn a_web_page_is_served_where_and_to_whom_it_was_typed() {
    assert!(plan(&["web", "80"]).unwrap().web.is_none());
    let web = plan(&["--web", "web", "80"]).unwrap().web.unwrap();
    assert_eq!(web.address.to_string(), "127.0.0.1:0");
    assert!(!web.allow_remote);
    let plan = plan(&["web", "80", "--web=0.0.0.0:9000", "--web-allow-remote"]).unwrap();
    let web = plan.web.unwrap();
    assert_eq!(web.address.to_string(), "0.0.0.0:9000");
    assert!(web.allow_remote);
}

#[test]
fn http_is_shown_where_it_is_asked_for() {
    let http = |flags: &[&str]| plan(&[&["web", "80"], flags].concat()).map(|plan| plan.http);
    let show = |show_query| Ok(Some(HttpPlan { show_query }));
    assert_eq!(http(&[]), Ok(None));
    assert_eq!(http(&["--http"]), show(false));
    assert_eq!(http(&["--http", "--http-show-query"]), show(true));
    assert_eq!(http(&["--http=false"]), Ok(None));
    assert!(http(&["--http-show-query"]).is_err());
}

#[test]
fn events_and_a_command_do_not_share_standard_output() {
    assert_eq!(
        plan(&["web", "80", "-o", "json"]).unwrap().stdout,
        StdoutOwner::Json
    );
    let both = plan(&["web", "80", "-ojson", "--", "true"]).unwrap_err();
    assert_eq!(
        both.sentence(),
        "standard output can belong to the program behind `--` or to `--output json`, not to both"
    );
}

#[test]
fn ports_are_waited_for_only_where_that_is_asked() {
    assert_eq!(plan(&["web", "80"]).unwrap().wait, None);
    let seconds = |words: &[&str]| {
        plan(&[&["web", "80"], words].concat())
            .unwrap()
            .wait
            .unwrap()
            .as_secs()
    };
    assert_eq!(seconds(&["--wait"]), 30);
    assert_eq!(seconds(&["--wait", "--timeout=2m"]), 120);
}
