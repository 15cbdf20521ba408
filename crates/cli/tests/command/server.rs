//! Servers that are not what they should be, each told apart from the others.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
};

use crate::podline::{Finished, Podline};

/// A server that answers with this status and this `metav1.Status`.
fn refusing(line: &str, status: &str) -> SocketAddr {
    let length = status.len();
    answering(&format!(
        "HTTP/1.1 {line}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{status}"
    ))
}

/// A server that gives this answer to whoever sends something.
fn answering(answer: &str) -> SocketAddr {
    let answer = answer.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    address
}

fn ask(scheme: &str, address: SocketAddr) -> Finished {
    Podline::new()
        .args(["svc/web", "80", "--server", &format!("{scheme}://{address}")])
        .run()
}

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = ask("https", address).error();
    assert!(
        error.starts_with(&format!("error: cannot connect to {address}: ")),
        "{error}"
    );
    assert!(
        error.ends_with("\nhint: is the API server running, and is this its port?\n"),
        "{error}"
    );
}

#[test]
fn a_name_has_no_address() {
    let error = Podline::new()
        .args(["svc/web", "80", "--server=https://nowhere.invalid"])
        .run()
        .error();
    assert!(
        error.starts_with("error: cannot find the address of nowhere.invalid: "),
        "{error}"
    );
    assert!(
        error.contains("\nhint: check the server's name in the kubeconfig"),
        "{error}"
    );
}

#[test]
fn a_server_speaks_no_tls() {
    let address = answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    let error = ask("https", address).error();
    assert!(
        error.starts_with(&format!("error: no TLS session with https://{address}: ")),
        "{error}"
    );
}

#[test]
fn a_server_speaks_no_http() {
    let address = answering("220 mail.example ESMTP\r\n");
    let error = ask("http", address).error();
    assert!(
        error.starts_with("error: the API server did not answer the request: "),
        "{error}"
    );
}

#[test]
fn a_server_hangs_up() {
    let address = answering("");
    let error = ask("http", address).error();
    assert!(
        error.starts_with("error: the API server did not answer the request: "),
        "{error}"
    );
}

#[test]
fn a_server_does_not_know_the_user() {
    let address = refusing(
        "401 Unauthorized",
        r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#,
    );
    ask("http", address).fails(
        "error: Unauthorized\n\
         hint: the credentials are missing, wrong or expired; log in again\n",
    );
}

#[test]
fn what_a_server_says_does_nothing_to_the_terminal() {
    let address = refusing(
        "500 Oops",
        r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"\u001b[31mred\nline\u202e","reason":"X","code":500}"#,
    );
    let error = ask("http", address).error();
    assert!(
        error.starts_with("error: \\u{1b}[31mred\\nline\\u{202e}"),
        "{error}"
    );
}

#[test]
fn a_proxy_that_is_down_is_told_from_a_server_that_is() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["http", "socks5"] {
        let proxy = format!("{scheme}://{address}");
        let command =
            Podline::new().args(["web", "80", "--server=https://k8s.invalid", "--proxy-url", &proxy]);
        let error = command.run().error();
        assert!(error.starts_with(&format!("error: the proxy {proxy}")), "{error}");
        assert!(
            error.contains(" did not connect to k8s.invalid:443: it cannot be reached: "),
            "{error}"
        );
        assert!(error.contains("\nhint: is the proxy running? "), "{error}");
        assert_eq!(error.lines().count(), 2, "{error}");
    }
}
