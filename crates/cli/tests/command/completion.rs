use crate::podline::Podline;

#[test]
fn every_shell_gets_its_script() {
    for (shell, sign) in [
        ("bash", "complete -F _podline"),
        ("elvish", "set edit:completion:arg-completer[podline]"),
        ("fish", "complete -c podline"),
        (
            "powershell",
            "Register-ArgumentCompleter -Native -CommandName 'podline'",
        ),
        ("zsh", "#compdef podline"),
    ] {
        let script = Podline::new().args(["completion", shell]).run().succeeds();
        assert!(
            script.contains(sign) && script.contains("pod-running-timeout"),
            "{shell}: {script}"
        );
    }
}

#[test]
fn a_shell_that_is_not_known_is_named() {
    Podline::new().args(["completion", "tcsh"]).run().fails(
        "error: invalid value `tcsh` for SHELL\n\
         hint: did you mean `zsh`?\n\
         hint: one of: bash, elvish, fish, powershell, zsh\n\
         hint: `podline --help` lists all flags\n",
    );
}
