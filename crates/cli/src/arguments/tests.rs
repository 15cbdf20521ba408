#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use super::*;

fn read(words: &[&str]) -> Result<Arguments, String> {
    let arguments = std::iter::once("podline")
        .chain(words.iter().copied())
        .map(OsString::from);
    match Arguments::read(arguments) {
        Ok((arguments, _)) => Ok(arguments),
        Err(UsageError::Wrong { sentence, .. }) => Err(sentence),
        Err(UsageError::Asked(text)) => Err(format!(
            "asked: {}",
            text.to_string().lines().next().unwrap_or_default()
        )),
    }
}

#[test]
fn the_definitions_hold_together() {
    Arguments::command(ProgramName::Podline).debug_assert();
}

#[test]
fn flags_may_stand_anywhere() {
    for words in [
        &["-n", "prod", "svc/web", "8080:80", "--address", "127.0.0.1"][..],
        &["svc/web", "-nprod", "--address=127.0.0.1", "8080:80"],
        &["svc/web", "8080:80", "--address", "127.0.0.1", "--namespace=prod"],
        &[
            "--namespace",
            "prod",
            "--address=127.0.0.1",
            "--",
            "svc/web",
            "8080:80",
        ],
    ] {
        let typed = read(words).unwrap();
        assert_eq!(typed.forward.words, ["svc/web", "8080:80"], "{words:?}");
        assert_eq!(typed.forward.address, ["127.0.0.1"], "{words:?}");
        assert_eq!(typed.kubectl.namespace.as_deref(), Some("prod"), "{words:?}");
    }
}

#[test]
fn a_command_stands_behind_the_targets() {
    let table = [
        (
            &["svc/web", "80", "--", "curl", "-s", "{addr}"][..],
            &["svc/web", "80"][..],
            &["curl", "-s", "{addr}"][..],
        ),
        (
            &["svc/web", "80", "--", "env", "--", "true"],
            &["svc/web", "80"],
            &["env", "--", "true"],
        ),
        (
            &["--", "svc/web", "80", "--", "env", "--", "true"],
            &["svc/web", "80"],
            &["env", "--", "true"],
        ),
        (&["--", "svc/web", "80"], &["svc/web", "80"], &[]),
        (&["svc/web", "80", "--"], &["svc/web", "80"], &[]),
        (&["svc/web", "80", "--", "demo"], &["svc/web", "80"], &["demo"]),
        (&["--"], &[], &[]),
    ];
    for (words, before, command) in table {
        let typed = read(words).unwrap().forward;
        assert_eq!(typed.words, before, "{words:?}");
        assert_eq!(typed.command, command, "{words:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_command_need_not_be_text_and_a_target_must() {
    use std::os::unix::ffi::OsStringExt as _;

    let odd = OsString::from_vec(vec![b'a', 0xff]);
    let read = |words: &[&str]| {
        let words = ["podline"].iter().chain(words).map(OsString::from);
        Arguments::read(words.chain([odd.clone()]))
    };
    let (typed, _) = read(&["web", "80", "--", "cat"]).unwrap();
    assert_eq!(typed.forward.command, [OsString::from("cat"), odd.clone()]);
    for words in [&["web"][..], &["--", "web"]] {
        let Err(UsageError::Wrong { sentence, .. }) = read(words) else {
            panic!("{words:?} was taken");
        };
        assert_eq!(sentence, "an argument is not UTF-8");
    }
}

#[test]
fn the_last_of_a_repeated_flag_counts_and_lists_grow() {
    let typed = read(&[
        "-n",
        "a",
        "--namespace",
        "b",
        "--as-group",
        "x,y",
        "--as-group=z",
        "--address",
        "::1,127.0.0.1",
        "--address",
        "localhost",
        "--v=1",
        "-v",
        "7",
        "web",
        "80",
    ])
    .unwrap();
    assert_eq!(typed.kubectl.namespace.as_deref(), Some("b"));
    assert_eq!(typed.kubectl.impersonate_groups, ["x,y", "z"]);
    assert_eq!(typed.forward.address, ["::1", "127.0.0.1", "localhost"]);
    assert_eq!(typed.logging.verbosity, 7);
}

#[test]
fn verbosity_is_written_as_for_kubectl() {
    for words in [&["-v4"][..], &["-v=4"], &["-v", "4"], &["--v=4"], &["--v", "4"]] {
        let words: Vec<&str> = words.iter().copied().chain(["web", "80"]).collect();
        assert_eq!(read(&words).unwrap().logging.verbosity, 4, "{words:?}");
    }
    assert_eq!(
        read(&["--v", "web"]).unwrap_err(),
        "invalid value `web` for --v: invalid digit found in string"
    );
}

#[test]
fn truth_values_need_an_equals_sign_as_in_go() {
    let typed = read(&["--insecure-skip-tls-verify", "web", "80"]).unwrap();
    assert_eq!(typed.kubectl.insecure_skip_tls_verify, Some(true));
    assert_eq!(typed.forward.words, ["web", "80"]);
    let typed = read(&["--insecure-skip-tls-verify=F", "--all-ports=1", "web"]).unwrap();
    assert_eq!(typed.kubectl.insecure_skip_tls_verify, Some(false));
    assert!(typed.forward.all_ports);
    assert_eq!(
        read(&["--all-ports=perhaps", "web"]).unwrap_err(),
        "invalid value `perhaps` for --all-ports: neither `true` nor `false`"
    );
}

#[test]
fn every_global_flag_of_kubectl_is_taken() {
    let typed = read(&[
        "--as=a",
        "--as-group=b",
        "--as-uid=c",
        "--as-user-extra=d=e",
        "--cache-dir=f",
        "--certificate-authority=g",
        "--client-certificate=h",
        "--client-key=i",
        "--cluster=j",
        "--context=k",
        "--disable-compression",
        "--insecure-skip-tls-verify",
        "--kubeconfig=l",
        "--kuberc=m",
        "--log-flush-frequency=5s",
        "--match-server-version",
        "-n=n",
        "--password=o",
        "--profile=none",
        "--profile-output=p",
        "--proxy-url=http://q",
        "--request-timeout=30",
        "-s=https://r",
        "--tls-server-name=s",
        "--token=-t",
        "--user=u",
        "--username=v",
        "-v=0",
        "--vmodule=w=1",
        "--warnings-as-errors",
        "web",
        "80",
    ])
    .unwrap();
    assert_eq!(typed.kubectl.namespace.as_deref(), Some("n"));
    assert_eq!(typed.kubectl.server.as_deref(), Some("https://r"));
    assert_eq!(typed.kubectl.token.as_deref(), Some("-t"));
    assert_eq!(typed.kubectl.request_timeout.as_deref(), Some("30"));
    assert_eq!(typed.kubectl.without_meaning.typed().len(), 9);
}

#[test]
fn an_underscore_stands_for_a_hyphen_as_in_kubectl() {
    let typed = read(&["--pod_running_timeout=5s", "--as_group=x", "web", "80"]).unwrap();
    assert_eq!(
        typed.forward.pod_running_timeout,
        std::time::Duration::from_secs(5)
    );
    assert_eq!(typed.kubectl.impersonate_groups, ["x"]);
}

#[test]
fn the_first_word_is_a_command_if_it_is_one() {
    assert!(matches!(
        read(&["demo"]).unwrap().subcommand,
        Some(Subcommand::Demo(_))
    ));
    assert!(matches!(
        read(&["-v", "4", "demo", "--check"]).unwrap().subcommand,
        Some(Subcommand::Demo(_))
    ));
    assert!(matches!(
        read(&["completion", "bash"]).unwrap().subcommand,
        Some(Subcommand::Completion(_))
    ));
    assert!(matches!(
        read(&["check", "svc/web", "80", "-n", "shop"])
            .unwrap()
            .subcommand,
        Some(Subcommand::Check(_))
    ));
    assert!(matches!(
        read(&["bench", "svc/web", "80", "--http_path=/", "-c", "4"])
            .unwrap()
            .subcommand,
        Some(Subcommand::Bench(_))
    ));
    let typed = read(&["pod/check", "80"]).unwrap();
    assert!(typed.subcommand.is_none());
    assert_eq!(typed.forward.words, ["pod/check", "80"]);
    let typed = read(&["pod/demo", "80"]).unwrap();
    assert!(typed.subcommand.is_none());
    assert_eq!(typed.forward.words, ["pod/demo", "80"]);
    let typed = read(&["--", "demo", "80"]).unwrap();
    assert_eq!(typed.forward.words, ["demo", "80"]);
    let typed = read(&["web", "demo"]).unwrap();
    assert_eq!(typed.forward.words, ["web", "demo"]);
}

#[test]
fn a_command_takes_no_flags_of_the_forward() {
    assert_eq!(
        read(&["--context", "x", "demo"]).unwrap_err(),
        "--context means nothing to `podline demo`"
    );
    assert_eq!(read(&["demo", "80"]).unwrap_err(), "unexpected argument: 80");
    assert_eq!(
        read(&["demo", "--context", "x"]).unwrap_err(),
        "unknown flag: --context"
    );
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    let table = [
        (&["--adress", "x"][..], "unknown flag: --adress"),
        (&["-z"], "unknown flag: -z"),
        (&["web", "80", "-n"], "flag needs a value: --namespace"),
        (
            &["--pod-running-timeout", "60"],
            "invalid value `60` for --pod-running-timeout: a time needs a number and a unit, as in `30s`, `2m` or `1h30m`",
        ),
        (
            &["--pod-running-timeout=0s"],
            "invalid value `0s` for --pod-running-timeout: must be higher than zero",
        ),
        (&["--transport=tcp"], "invalid value `tcp` for --transport"),
        (&["completion", "tcsh"], "invalid value `tcsh` for SHELL"),
        (&["completion"], "missing: SHELL"),
    ];
    for (words, sentence) in table {
        assert_eq!(read(words).unwrap_err(), sentence, "{words:?}");
    }
}

#[test]
fn the_name_of_the_file_makes_it_a_plugin() {
    let table = [
        ("podline", ProgramName::Podline),
        ("/usr/bin/podline", ProgramName::Podline),
        ("/home/a/.krew/bin/kubectl-podline", ProgramName::KubectlPlugin),
        ("kubectl-podline", ProgramName::KubectlPlugin),
        ("", ProgramName::Podline),
    ];
    for (path, name) in table {
        assert_eq!(ProgramName::of(Some(&OsString::from(path))), name, "{path}");
    }
    assert_eq!(ProgramName::of(None), ProgramName::Podline);
}
