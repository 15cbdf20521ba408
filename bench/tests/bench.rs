//! Runs the bench itself, on the cluster in a process and with the one contender that needs no other program.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_podline-bench"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the bench can be run")
}

fn report(arguments: &[&str]) -> Value {
    let output = bench(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("the report is JSON")
}

#[test]
fn a_round_trip_is_as_long_as_the_emulated_link_at_least() {
    let report = report(&[
        "--quick",
        "--json",
        "--contenders=pipe",
        "--only=round-trip",
        "--rtt=20ms",
    ]);
    let figure = &report["figures"][0];
    assert_eq!(figure["figure"], "round-trip");
    let values = figure["contenders"]["pipe"]["values"].as_array().unwrap();
    assert_eq!(values.len(), 20);
    assert!(
        values.iter().all(|value| value.as_f64().unwrap() >= 20.0),
        "{values:?}"
    );
}

#[test]
fn what_is_not_there_is_said_and_not_invented() {
    let report = report(&[
        "--quick",
        "--json",
        "--only=first-byte",
        "--only=throughput",
        "--podline=/nowhere/podline",
        "--kubectl=/nowhere/kubectl",
    ]);
    let figures = report["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 5);
    for figure in figures {
        let podline = &figure["contenders"]["podline"];
        assert_eq!(
            podline["not_measured"], "there is no /nowhere/podline",
            "{figure}"
        );
        assert_eq!(podline["values"], Value::Array(Vec::new()));
    }
    let pipe = &figures[1]["contenders"]["pipe"]["not_measured"];
    assert_eq!(
        pipe,
        "no records could be noted: neither podline nor kubectl is there to be recorded"
    );
}

#[cfg(unix)]
#[test]
fn a_podline_that_ends_makes_the_run_fail_with_its_last_words() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("podline");
    std::fs::write(&program, "#!/bin/sh\necho 'error: no such pod' >&2\nexit 1\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, executable).unwrap();
    let program = format!("--podline={}", program.display());
    let output = bench(&["--quick", "--contenders=podline", "--only=greeting", &program]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        report.contains("1 × ended before it forwarded: error: no such pod"),
        "{report}"
    );
}

#[test]
fn a_kubeconfig_that_is_not_there_is_named() {
    let output = bench(&["--kubeconfig=/nowhere/config", "--contenders=pipe"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.starts_with("error: /nowhere/config cannot be read: "),
        "{errors}"
    );
}
