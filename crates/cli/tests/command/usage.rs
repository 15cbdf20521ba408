use crate::podline::Podline;

#[test]
fn without_arguments_it_says_what_it_needs() {
    Podline::new().run().fails(
        "error: a target and its ports are required\n\
         hint: for example: `podline svc/web 8080:80`\n\
         hint: without a cluster: `podline demo`; all flags: `podline --help`\n",
    );
}

#[test]
fn as_a_plugin_it_answers_as_kubectl_podline() {
    let name = if cfg!(windows) {
        "kubectl-podline.exe"
    } else {
        "kubectl-podline"
    };
    Podline::named(name).run().fails(
        "error: a target and its ports are required\n\
         hint: for example: `kubectl podline svc/web 8080:80`\n\
         hint: without a cluster: `kubectl podline demo`; all flags: `kubectl podline --help`\n",
    );
    let help = Podline::named(name).args(["--help"]).run().succeeds();
    assert!(help.contains("Usage: kubectl podline [TYPE/]NAME"), "{help}");
}

#[test]
fn a_flag_that_is_none_is_named() {
    Podline::new()
        .args(["svc/web", "80", "--adress", "0.0.0.0"])
        .run()
        .fails(
            "error: unknown flag: --adress\n\
         hint: did you mean `--address`?\n\
         hint: `podline --help` lists all flags\n",
        );
}

#[test]
fn a_value_that_is_none_is_named() {
    Podline::new()
        .args(["svc/web", "80", "--transport", "tcp"])
        .run()
        .fails(
            "error: invalid value `tcp` for --transport\n\
         hint: one of: auto, spdy, websocket\n\
         hint: `podline --help` lists all flags\n",
        );
}

#[test]
fn a_capture_takes_no_file_that_is_there() {
    Podline::new()
        .args(["svc/web", "80", "--pcap", "web.pcapng"])
        .file("web.pcapng", "precious")
        .run()
        .fails(
            "error: --pcap: web.pcapng exists\n\
             hint: --pcap-overwrite replaces a file; to write into a pipe, use `--pcap -`\n",
        );
    Podline::new()
        .args(["svc/web", "80", "--pcap", ".", "--pcap-overwrite"])
        .run()
        .fails(
            "error: --pcap: . is not a regular file\n\
             hint: --pcap-overwrite replaces regular files and nothing else\n",
        );
    Podline::new()
        .args(["svc/web", "80", "--pcap-limit", "1GiB"])
        .run()
        .fails("error: missing: --pcap\nhint: `podline --help` lists all flags\n");
}

#[test]
fn a_port_of_three_parts_is_an_error() {
    Podline::new().args(["svc/web", "1:2:3"]).run().fails(
        "error: invalid port format '1:2:3'\n\
         hint: a port is REMOTE, LOCAL:REMOTE, or :REMOTE for any free local port; REMOTE is a number or a name\n",
    );
}

#[test]
fn a_place_for_a_port_that_is_not_forwarded_is_noticed() {
    Podline::new()
        .args(["web", "80", "--", "curl", "{addr2}"])
        .run()
        .fails(
            "error: no port belongs to `{addr2}`: one port is forwarded\n\
         hint: they are numbered from 1 in the order in which they are listed; `{{` is a brace\n",
        );
}

#[test]
fn a_forgotten_target_is_noticed() {
    Podline::new().args(["8080:80"]).run().fails(
        "error: '8080:80' is not a name that an object can have\n\
         hint: the first argument is the target, then its ports\n",
    );
}

#[test]
fn control_characters_of_the_command_line_do_not_reach_the_terminal() {
    Podline::new()
        .args(["svc/web\u{1b}[31m", "80"])
        .run()
        .fails("error: 'web\\u{1b}[31m' is not a name that an object can have\n");
}

#[test]
fn no_colours_go_into_a_pipe_unless_they_are_wanted() {
    Podline::new().args(["web"]).env("CLICOLOR_FORCE", "1").run().fails(
        "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m no port is given for pod/web\n\
         \u{1b}[1m\u{1b}[36mhint:\u{1b}[0m for example: `podline pod/web 8080:80`, or `podline pod/web --all-ports`\n",
    );
    Podline::new()
        .args(["web"])
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .run()
        .fails(
            "error: no port is given for pod/web\n\
         hint: for example: `podline pod/web 8080:80`, or `podline pod/web --all-ports`\n",
        );
}

#[test]
fn help_and_version_go_to_standard_output() {
    Podline::new()
        .args(["--version"])
        .run()
        .prints(concat!("podline ", env!("CARGO_PKG_VERSION"), "\n"));
    let short = Podline::new().args(["-h"]).run().succeeds();
    let long = Podline::new().args(["--help"]).run().succeeds();
    assert!(short.lines().count() < 50, "{short}");
    assert!(
        !short.contains("--cache-dir") && long.contains("--cache-dir"),
        "{short}\n{long}"
    );
    for help in [short, long] {
        assert!(help.contains("--pod-running-timeout"), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
}
