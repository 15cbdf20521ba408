use http::Request;

use super::*;

const HERE: &str = "127.0.0.1:4711";

/// A request with these headers, as somebody sends it to `127.0.0.1:4711`.
fn check(guard: &Guard, target: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
    let mut request = Request::builder().uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    guard.check(&head, Reached::new(HERE.parse().unwrap()))
}

fn guard() -> (Guard, String) {
    let token = Token::random().unwrap();
    let bearer = format!("Bearer {}", token.expose());
    (Guard::new(token), bearer)
}

#[test]
fn the_pages_files_need_no_token_and_all_else_does() {
    let (guard, bearer) = guard();
    for file in ["/", "/page.js", "/page.css", "/icon.svg"] {
        assert_eq!(check(&guard, file, &[("host", HERE)]), Ok(()), "{file}");
    }
    for path in ["/api/live", "/api/end", "/nothing", "//", "/page.js/", "/api/../"] {
        let without = check(&guard, path, &[("host", HERE)]);
        assert_eq!(without, Err(Refusal::NoToken), "{path}");
        let with = check(&guard, path, &[("host", HERE), ("authorization", &bearer)]);
        assert_eq!(with, Ok(()), "{path}");
    }
}

#[test]
fn a_token_counts_in_the_authorization_header_alone() {
    let (guard, bearer) = guard();
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let refused = |target: &str, headers: &[(&str, &str)]| {
        let headers: Vec<(&str, &str)> = [("host", HERE)].iter().chain(headers).copied().collect();
        assert_eq!(
            check(&guard, target, &headers),
            Err(Refusal::NoToken),
            "{target} {headers:?}"
        );
    };
    refused(&format!("/api/live?token={token}"), &[]);
    refused("/api/live", &[("cookie", &format!("token={token}"))]);
    refused("/api/live", &[("x-token", token)]);
    refused("/api/live", &[("authorization", token)]);
    refused("/api/live", &[("authorization", &format!("Basic {token}"))]);
    refused("/api/live", &[("authorization", "Bearer ")]);
    refused("/api/live", &[("authorization", &bearer[..bearer.len() - 1])]);
    refused("/api/live", &[("authorization", &format!("{bearer}A"))]);
    let other = Token::random().unwrap();
    let wrong = format!("Bearer {}", other.expose());
    refused("/api/live", &[("authorization", &wrong)]);
    // Which of two would count is nobody's guess.
    refused(
        "/api/live",
        &[("authorization", &bearer), ("authorization", &wrong)],
    );
}

#[test]
fn a_name_that_leads_here_is_refused_with_the_right_token_too() {
    let (guard, bearer) = guard();
    for host in [
        "attacker.example:4711",
        "localhost:4711",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.2:4711",
        "127.0.0.1:4711.attacker.example",
        "[::ffff:127.0.0.1]:4711",
        "",
    ] {
        for path in ["/", "/api/live"] {
            assert_eq!(
                check(&guard, path, &[("host", host), ("authorization", &bearer)]),
                Err(Refusal::WrongHost),
                "{host} {path}"
            );
        }
    }
    assert_eq!(check(&guard, "/", &[]), Err(Refusal::WrongHost));
    assert_eq!(
        check(&guard, "/", &[("host", HERE), ("host", "attacker.example")]),
        Err(Refusal::WrongHost)
    );
    // Of the two places that name a host, the one in the request line is what proxies go by.
    let absolute = "http://attacker.example/api/live";
    assert_eq!(
        check(&guard, absolute, &[("host", HERE), ("authorization", &bearer)]),
        Err(Refusal::WrongHost)
    );
}

#[test]
fn a_page_of_another_origin_is_refused_with_the_right_token_too() {
    let (guard, bearer) = guard();
    let with = |name: &str, value: &str| {
        check(
            &guard,
            "/api/end",
            &[("host", HERE), ("authorization", &bearer), (name, value)],
        )
    };
    assert_eq!(with("origin", "http://127.0.0.1:4711"), Ok(()));
    for origin in [
        "http://127.0.0.1:8080",
        "https://127.0.0.1:4711",
        "http://localhost:4711",
        "http://attacker.example",
        "http://127.0.0.1:4711.attacker.example",
        "null",
        "",
    ] {
        assert_eq!(with("origin", origin), Err(Refusal::ForeignOrigin), "{origin}");
    }
    for site in ["same-origin", "none"] {
        assert_eq!(with("sec-fetch-site", site), Ok(()), "{site}");
    }
    for site in ["cross-site", "same-site", "other"] {
        assert_eq!(
            with("sec-fetch-site", site),
            Err(Refusal::ForeignOrigin),
            "{site}"
        );
    }
}

#[test]
fn an_address_is_named_as_browsers_name_it() {
    let authority = |address: &str| Reached::new(address.parse().unwrap()).authority();
    assert_eq!(authority("127.0.0.1:4711"), "127.0.0.1:4711");
    assert_eq!(authority("[::1]:4711"), "[::1]:4711");
    assert_eq!(authority("[::ffff:192.0.2.1]:4711"), "192.0.2.1:4711");
    assert_eq!(authority("192.0.2.1:80"), "192.0.2.1");
    assert_eq!(authority("[::1]:80"), "[::1]");
}

#[test]
fn every_answer_forbids_to_frame_run_read_or_keep_it() {
    for refusal in [Refusal::NoToken, Refusal::WrongHost, Refusal::NotFound] {
        let answer = protect(refusal.into_response());
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "script-src 'self';",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{part}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"));
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        let names = answer.headers().keys();
        assert!(
            names
                .map(HeaderName::as_str)
                .all(|name| !name.starts_with("access-control-") && name != "set-cookie")
        );
    }
}
