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
