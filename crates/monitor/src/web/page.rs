//! The files that the page is made of. They are the same for everybody, and hold nothing of a cluster or its traffic.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const FILES: [File; 7] = [
    File {
        path: "/",
        content_type: "text/html; charset=utf-8",
        content: include_str!("page/index.html"),
    },
    File {
        path: "/chart.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("page/chart.js"),
    },
    File {
        path: "/draw.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("page/draw.js"),
    },
    File {
        path: "/icon.svg",
        content_type: "image/svg+xml",
        content: include_str!("page/icon.svg"),
    },
    File {
        path: "/page.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("page/page.css"),
    },
    File {
        path: "/page.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("page/page.js"),
    },
    File {
        path: "/server.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("page/server.js"),
    },
];

/// Whether there is a file of this path.
pub(super) fn is_file(path: &str) -> bool {
    FILES.iter().any(|file| file.path == path)
}

/// Serves the files.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(|| async { file.answer() }))
    })
}

impl File {
    fn answer(&self) -> Response {
        let content_type = HeaderValue::from_static(self.content_type);
        ([(CONTENT_TYPE, content_type)], self.content).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the policy forbids anyway is not even tried.
    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_runs_no_text() {
        for file in FILES {
            let content = file.content.replace("http://www.w3.org/2000/svg", "");
            for forbidden in ["http://", "https://", "src=\"//", "@import", "url("] {
                assert!(!content.contains(forbidden), "{} has {forbidden}", file.path);
            }
        }
        let html = include_str!("page/index.html");
        for forbidden in [" on", "style=", "javascript:", "<iframe", "<form"] {
            let found = html.match_indices(forbidden).find(|(at, _)| {
                // ` on` only where it begins the name of an attribute that would be run.
                let rest = &html[at + forbidden.len()..];
                let name: &str = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap();
                forbidden != " on" || rest[name.len()..].starts_with('=')
            });
            assert_eq!(found, None);
        }
        let scripts: Vec<&File> = FILES.iter().filter(|file| file.path.ends_with(".js")).collect();
        assert_eq!(scripts.len(), 4);
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
            "createContextualFragment",
            "setTimeout(\"",
            "localStorage",
            "document.cookie",
            "EventSource",
        ] {
            for script in &scripts {
                assert!(
                    !script.content.contains(forbidden),
                    "{} has {forbidden}",
                    script.path
                );
            }
        }
    }
}
