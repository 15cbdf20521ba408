use crate::podline::Podline;

const CONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: work
contexts:
- name: work
  context: {cluster: work, user: me}
- name: broken
  context: {cluster: gone, user: me}
clusters:
- name: work
  cluster: {server: "http://127.0.0.1:1"}
users:
- name: me
  user: {token: secret}
"#;

#[test]
fn without_a_kubeconfig_it_says_where_it_looked() {
    Podline::new().args(["svc/web", "80"]).run().fails(
        "error: no kubeconfig found at $HOME/.kube/config\n\
         hint: name one with --kubeconfig or KUBECONFIG, or write ~/.kube/config\n",
    );
}

#[test]
fn a_context_that_does_not_exist_is_named_with_those_that_do() {
    Podline::new()
        .file(".kube/config", CONFIG)
        .args(["svc/web", "80", "--context", "home"])
        .run()
        .fails(
            "error: context 'home' does not exist\n\
         hint: it has the contexts broken, work\n",
        );
}

#[test]
fn what_is_missing_in_a_kubeconfig_is_named() {
    Podline::new()
        .file(".kube/config", CONFIG)
        .args(["svc/web", "80", "--context", "broken"])
        .run()
        .fails(
            "error: the kubeconfig has no cluster 'gone'\n\
         hint: it has the clusters work\n",
        );
}

#[test]
fn a_kubeconfig_that_is_none_is_named_with_the_place() {
    Podline::new()
        .file("config", "contexts: [\n")
        .args(["svc/web", "80", "--kubeconfig", "config"])
        .run()
        .fails("error: kubeconfig config cannot be understood at line 1, column 11: unclosed bracket '['\n");
}

#[test]
fn the_kubeconfigs_of_the_variable_are_read() {
    let error = Podline::new()
        .file("a", CONFIG)
        .env("KUBECONFIG", if cfg!(windows) { "b;a" } else { "b:a" })
        .args(["svc/web", "80"])
        .run()
        .error();
    assert!(
        error.starts_with("error: cannot connect to 127.0.0.1:1: "),
        "{error}"
    );
}
