//! Tokens of an OpenID Connect provider.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::renewal::File;
use super::server::{Authority, TestServer, json};
use crate::credentials::jwt_for_tests as jwt;

async fn server() -> TestServer {
    TestServer::start(|_| json("404 Not Found", &json!({"code": 404, "message": "no such pod"}))).await
}

/// A provider that gives `token` to whoever has the refresh token, if the client's secret is in the header or not.
async fn provider(token: String, wants_header: bool) -> TestServer {
    let authority = Authority::new();
    let config = authority.server(&["localhost"], |_| {});
    TestServer::start_with(authority, config, move |request| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        if head.starts_with("get /tenant/.well-known/openid-configuration ") {
            let host = head
                .lines()
                .find_map(|line| line.strip_prefix("host: "))
                .unwrap()
                .to_owned();
            return json(
                "200 OK",
                &json!({"token_endpoint": format!("https://{host}/token"), "other": 1}),
            );
        }
        assert!(head.starts_with("post /token "), "{head}");
        let has_header = head.contains("authorization: basic ");
        if has_header != wants_header || !body.contains("refresh_token=r%2F1") {
            return json("401 Unauthorized", &json!({"error": "invalid_client"}));
        }
        json(
            "200 OK",
            &json!({"id_token": token, "refresh_token": "r2", "access_token": "a"}),
        )
    })
    .await
}

fn user(provider: &TestServer, token: &str) -> Value {
    json!({"auth-provider": {"name": "oidc", "config": {
        "client-id": "me",
        "client-secret": "s3cret",
        "id-token": token,
        "refresh-token": "r/1",
        "idp-issuer-url": format!("https://localhost:{}/tenant", provider.address.port()),
        "idp-certificate-authority-data": STANDARD.encode(&provider.authority.pem),
    }}})
}

#[tokio::test]
async fn a_good_token_is_used_and_an_expired_one_renewed() {
    let hour = Duration::from_secs(3600);
    let good = jwt(SystemTime::now() + hour);
    let expired = jwt(SystemTime::now() - hour);
    for (wants_header, token, asked) in [(true, &good, 0), (true, &expired, 2), (false, &expired, 3)] {
        let (server, provider) = (server().await, provider(good.clone(), wants_header).await);
        let cluster = server.cluster(&user(&provider, token)).await;
        let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), "no such pod");
        assert!(server.requests()[0].contains(&format!("Bearer {good}\r\n")));
        assert_eq!(provider.requests().len(), asked);
        assert!(cluster.credentials_expiry().unwrap() > SystemTime::now());
    }
}

#[tokio::test]
async fn renewed_tokens_are_written_where_the_old_ones_were() {
    let hour = Duration::from_secs(3600);
    let good = jwt(SystemTime::now() + hour);
    let expired = jwt(SystemTime::now() - hour);
    let (server, provider) = (server().await, provider(good.clone(), true).await);
    let before = server.kubeconfig(&user(&provider, &expired));
    let file = File::new(&before);
    let cluster = file.connect().await;
    let mut after = before.clone();
    after["users"][0]["user"]["auth-provider"]["config"]["id-token"] = good.into();
    after["users"][0]["user"]["auth-provider"]["config"]["refresh-token"] = "r2".into();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(file.path()).unwrap()).unwrap();
    assert_eq!(written, after);
    // Which is no news to whoever wrote it.
    let mut renewals = cluster.renewals();
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "no such pod");
    assert!(renewals.next().now_or_never().is_none());
    assert_eq!(provider.requests().len(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_though_nobody_asks() {
    let later = |seconds| jwt(SystemTime::now() + Duration::from_secs(seconds));
    let provider = provider(later(3600), true).await;
    let server = server().await;
    let cluster = server.cluster(&user(&provider, &later(33))).await;
    let mut renewals = cluster.renewals();
    let before = cluster.credentials_expiry().unwrap();
    timeout(Duration::from_secs(20), renewals.next()).await.unwrap();
    assert!(cluster.credentials_expiry().unwrap() > before);
    assert_eq!(provider.requests().len(), 2);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_token_that_kubectl_renewed_is_taken_from_the_kubeconfig() {
    let hour = Duration::from_secs(3600);
    let good = jwt(SystemTime::now() + hour);
    let expired = jwt(SystemTime::now() - hour);
    let provider = provider(String::new(), true).await;
    let server = server().await;
    let mut kubeconfig = server.kubeconfig(&user(&provider, &good));
    let file = File::new(&kubeconfig);
    let cluster = file.connect().await;
    let config = &mut kubeconfig["users"][0]["user"]["auth-provider"]["config"];
    config["id-token"] = expired.into();
    config["refresh-token"] = "used up".into();
    file.write(&kubeconfig.to_string());
    cluster.reread().await;
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    assert!(error.needs_login(), "{error:?}");
    kubeconfig["users"][0]["user"]["auth-provider"]["config"]["id-token"] = good.into();
    file.write(&kubeconfig.to_string());
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "no such pod");
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_an_error_that_says_why() {
    let expired = jwt(SystemTime::UNIX_EPOCH);
    let provider = provider(String::new(), true).await;
    for (key, value, problem) in [
        ("refresh-token", "", "there is no refresh token"),
        ("refresh-token", "wrong", "the provider answered 401 Unauthorized"),
        ("idp-issuer-url", "", "there is no idp-issuer-url"),
        (
            "idp-issuer-url",
            "http://localhost:1",
            "the provider's URL is not https",
        ),
        (
            "idp-certificate-authority-data",
            "!",
            "idp-certificate-authority-data is not base64",
        ),
        ("client-id", "", "there is no client-id"),
    ] {
        let server = server().await;
        let mut user = user(&provider, &expired);
        user["auth-provider"]["config"][key] = value.into();
        let error = super::server::connect(
            &server.kubeconfig(&user),
            &crate::environment::Environment::of(&[]),
        )
        .await
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the token cannot be renewed: {problem}")
        );
    }
}

#[tokio::test]
async fn other_providers_are_named_as_unsupported() {
    let server = server().await;
    let user = json!({"auth-provider": {"name": "gcp", "config": {"access-token": "s3cret"}}});
    let error = super::server::connect(
        &server.kubeconfig(&user),
        &crate::environment::Environment::of(&[]),
    )
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the auth provider 'gcp' is unusable: Kubernetes dropped it for an exec plugin"
    );
}
