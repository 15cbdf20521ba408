//! The page of `--web`, in a browser.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};

use crate::{browser::Browser, forwarding::Forwarding, harness::cases, tshark, world::World};

cases! {
    a_page_of_somebody_else_can_neither_read_nor_change_nor_frame_it [Chromium];
    a_capture_is_downloaded_by_its_button_while_it_is_made [Chromium, Tshark];
    an_address_that_others_reach_has_to_be_allowed;
    the_link_is_printed_and_its_token_nowhere_else;
    text_of_the_traffic_is_shown_and_never_run [Chromium];
    the_page_is_told_of_events_and_ends_a_connection_by_keyboard [Chromium];
    the_page_shows_real_traffic_and_hides_its_token [Chromium];
    without_its_token_the_page_shows_nothing [Chromium];
}

/// How long a download may take to have everything.
const PATIENCE: Duration = Duration::from_secs(120);

/// What an app says.
const SAID: &[u8] = b"this is recorded";

/// The rows of connections from this address.
fn row(peer: &str) -> String {
    format!(
        "[...document.querySelectorAll('#connection-table tbody tr')].find((row) => row.textContent.includes('{peer}'))"
    )
}

/// The link that a forward printed.
async fn link(forwarding: &Forwarding) -> String {
    let line = forwarding.warns("Web page at ").await;
    line.strip_prefix("Web page at ").unwrap().to_owned()
}

async fn the_link_is_printed_and_its_token_nowhere_else(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["-v", "9", "--web", "tools", ":7"]).await;
    let link = link(&forwarding).await;
    let (place, token) = link.split_once("/#token=").unwrap();
    assert!(place.starts_with("http://127.0.0.1:"), "{place}");
    forwarding.connect(7).await.is_echoed(b"hello").await;
    is_refused_without_token(place).await;
    forwarding.signal("INT").await;
    let said = forwarding.end().await;
    let lines = said.stderr.iter().chain(&said.stdout);
    assert_eq!(lines.filter(|line| line.contains(token)).count(), 1);
}

/// A request without a token, which is refused and told of in the log.
async fn is_refused_without_token(place: &str) {
    let authority = place.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    let request = format!("GET /api/live HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

async fn an_address_that_others_reach_has_to_be_allowed(world: Arc<World>) {
    let said = Forwarding::run(&world, &["--web=0.0.0.0:0", "tools", ":7"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr[0].starts_with("error: the web page would be served to other machines"));
    assert_eq!(said.stderr[1], "hint: --web-allow-remote allows it");
    let forwarding =
        Forwarding::start(&world, &["--web=0.0.0.0:0", "--web-allow-remote", "tools", ":7"]).await;
    forwarding
        .warns("warning: other machines can reach the web page")
        .await;
    assert!(link(&forwarding).await.starts_with("http://127.0.0.1:"));
}

async fn the_page_shows_real_traffic_and_hides_its_token(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--web", "tools", ":7"]).await;
    let link = link(&forwarding).await;
    let (place, token) = link.split_once("/#token=").unwrap();
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"hello").await;
    let stream = app.into_stream();
    let peer = stream.local_addr().unwrap().to_string();

    let mut browser = Browser::start();
    let page = browser.open(&link).await;
    browser
        .until(
            &page,
            "document.querySelector('#status').dataset.state === 'live'",
        )
        .await;
    assert_eq!(
        browser.evaluate(&page, "location.href").await,
        json!(format!("{place}/"))
    );
    let pod = "document.querySelector('.pod[data-state=ready]')?.textContent.includes('tools')";
    browser.until(&page, pod).await;
    let target = "document.querySelector('.forward .target')?.textContent === 'pod/tools'";
    browser.until(&page, target).await;
    let row = row(&peer);
    browser
        .until(
            &page,
            &format!("{row}?.querySelector('.tone').textContent === 'open'"),
        )
        .await;
    drop(stream);
    browser
        .until(&page, &format!("{row}?.dataset.tone === 'faint'"))
        .await;

    // What the browser remembers of where it was, and what it sends elsewhere.
    let history = browser
        .command(Some(&page), "Page.getNavigationHistory", json!({}))
        .await;
    for entry in history["entries"].as_array().unwrap() {
        let url = entry["url"].as_str().unwrap();
        assert!(!url.contains(token), "{url}");
    }
    let elsewhere = "document.documentElement.outerHTML + document.cookie + JSON.stringify(localStorage)";
    let text = browser.evaluate(&page, elsewhere).await;
    assert!(!text.as_str().unwrap().contains(token));

    // A page that is loaded again still has the token.
    browser.go(&page, &format!("{place}/")).await;
    browser
        .until(
            &page,
            "document.querySelector('#status').dataset.state === 'live'",
        )
        .await;
}

async fn the_page_is_told_of_events_and_ends_a_connection_by_keyboard(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--web", "tools", ":7", ":83"]).await;
    let mut browser = Browser::start();
    let page = browser.open(&link(&forwarding).await).await;
    // Nothing listens there.
    forwarding.is_reset(83).await;
    let event =
        "document.querySelector('#events li[data-weight=warning]')?.textContent.includes('was reset')";
    browser.until(&page, event).await;

    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"hello").await;
    let mut stream = app.into_stream();
    let peer = stream.local_addr().unwrap().to_string();
    let row = row(&peer);
    browser.press(&page, "/").await;
    browser
        .until(&page, "document.activeElement?.id === 'filter'")
        .await;
    let command = json!({"text": peer});
    browser.command(Some(&page), "Input.insertText", command).await;
    browser
        .until(
            &page,
            &format!(
                "document.querySelectorAll('#connection-table tbody tr').length === 1 && {row} !== undefined"
            ),
        )
        .await;
    browser.press(&page, "Enter").await;
    browser
        .until(&page, &format!("document.activeElement === {row}"))
        .await;
    browser.press(&page, "Enter").await;
    browser
        .until(&page, "document.activeElement?.id === 'detail-close'")
        .await;
    let text = browser
        .evaluate(&page, "document.querySelector('#detail-list').textContent")
        .await;
    assert!(text.as_str().unwrap().contains(&peer), "{text}");
    browser
        .evaluate(&page, "document.querySelector('#end').focus()")
        .await;
    browser.press(&page, "Enter").await;
    browser
        .until(
            &page,
            "document.querySelector('#end').textContent.includes('again')",
        )
        .await;
    browser.press(&page, "Enter").await;
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    browser
        .until(
            &page,
            "document.querySelector('#detail-list').textContent.includes('ended on request')",
        )
        .await;
    browser.press(&page, "Escape").await;
    browser
        .until(&page, "document.querySelector('#detail').hidden")
        .await;
}

async fn a_capture_is_downloaded_by_its_button_while_it_is_made(world: Arc<World>) {
    let file = world.folder().join("downloaded.pcapng");
    let arguments = [
        "--web",
        "--pcap",
        file.to_str().unwrap(),
        "--address=127.0.0.1",
        "tools",
        ":7",
    ];
    let forwarding = Forwarding::start(&world, &arguments).await;
    let mut browser = Browser::start();
    let folder = TempDir::new().unwrap();
    browser.download_into(folder.path()).await;
    let page = browser.open(&link(&forwarding).await).await;
    let button = "document.querySelector('#capture')";
    let mut app = forwarding.connect(7).await;
    app.is_echoed(SAID).await;
    let shown = format!("/^Download capture so far \\([1-9]/.test({button}.textContent) && !{button}.hidden");
    browser.until(&page, &shown).await;
    let downloaded = async {
        loop {
            browser
                .until(&page, &format!("!{button}.disabled && ({button}.click(), true)"))
                .await;
            let path = folder.path().join(browser.downloaded().await);
            // What is written a moment later is in the next one.
            if tshark::fields(&path, "tcp.len > 0", &["tcp.len"]).await.len() == 2 {
                return path;
            }
        }
    };
    let path = timeout(PATIENCE, downloaded)
        .await
        .expect("all of it comes in time");
    tshark::finds_no_fault(&path, 1).await;
    assert_eq!(tshark::follow(&path, "0").await, (SAID.to_vec(), SAID.to_vec()));
    let downloaded = std::fs::read(&path).unwrap();
    assert!(std::fs::read(&file).unwrap().starts_with(&downloaded));
    // And the connection goes on.
    app.is_echoed(b"still here").await;
}

async fn text_of_the_traffic_is_shown_and_never_run(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--web", "svc/web", ":80"]).await;
    let mut browser = Browser::start();
    let page = browser.open(&link(&forwarding).await).await;
    browser.evaluate(&page, "window.ran = 0").await;
    let path = "/<img/src=x/onerror=ran++><script>ran++</script>\"'><svg/onload=ran++>";
    let mut stream = forwarding.connect(8080).await.into_stream();
    let request = format!("GET {path} HTTP/1.1\r\nHost: <b/onclick=ran++>\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    // It is no request that a server likes: the answer may end with a reset.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    let row = "document.querySelector('#request-table tbody tr')";
    let text = browser
        .until(&page, &format!("{row}?.querySelector('.path').textContent"))
        .await;
    assert_eq!(text, json!(path));
    browser.evaluate(&page, &format!("{row}.click()")).await;
    let headers = "document.querySelector('#detail-list').textContent.includes('→ host')";
    browser.until(&page, headers).await;
    let elements =
        "document.querySelectorAll('img, main svg svg, main script, td *, #detail dl > * > *').length";
    assert_eq!(browser.evaluate(&page, elements).await, json!(0));
    assert_eq!(browser.evaluate(&page, "window.ran").await, json!(0));
}

async fn without_its_token_the_page_shows_nothing(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--web", "tools", ":7"]).await;
    let link = link(&forwarding).await;
    let (place, _) = link.split_once("/#token=").unwrap();
    let mut browser = Browser::start();
    for (link, notice) in [
        (format!("{place}/"), "Open the link"),
        (format!("{place}/#token=AAAA"), "another run"),
    ] {
        let page = browser.open(&link).await;
        let says = format!("document.querySelector('#notice').textContent.includes('{notice}')");
        browser.until(&page, &says).await;
        let shown = browser
            .evaluate(
                &page,
                "document.querySelectorAll('.forward, tbody tr, #events li').length",
            )
            .await;
        assert_eq!(shown, json!(0));
    }
}

async fn a_page_of_somebody_else_can_neither_read_nor_change_nor_frame_it(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--web", "tools", ":7"]).await;
    let link = link(&forwarding).await;
    let (place, token) = link.split_once("/#token=").unwrap();
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"hello").await;

    let mut browser = Browser::start();
    let page = browser.open(&attacker().await).await;
    // The worst case: somebody has the token, and no way to get at the page but a browser of its user.
    let attempts = format!(
        "(async () => {{
            const headers = {{ Authorization: 'Bearer {token}', 'Content-Type': 'application/json' }};
            const body = JSON.stringify({{ forward: 0, id: 1 }});
            const outcome = (promise) => promise.then((answer) => answer.type + answer.status, () => 'refused');
            return [
                await outcome(fetch('{place}/')),
                await outcome(fetch('{place}/api/live', {{ method: 'POST', headers, body: '{{}}' }})),
                await outcome(fetch('{place}/api/end', {{ method: 'POST', headers, body }})),
                await outcome(fetch('{place}/api/end', {{ method: 'POST', mode: 'no-cors', body }})),
                await new Promise((resolve) => {{
                    const script = document.createElement('script');
                    script.onload = () => resolve('run');
                    script.onerror = () => resolve('refused');
                    script.src = '{place}/page.js';
                    document.head.append(script);
                }}),
                await new Promise((resolve) => {{
                    const frame = document.createElement('iframe');
                    frame.onload = () => {{
                        try {{
                            resolve(frame.contentDocument ? 'blank' : 'refused');
                        }} catch {{ resolve('refused'); }}
                    }};
                    frame.src = '{place}/';
                    document.body.append(frame);
                }}),
            ];
        }})()"
    );
    let outcomes = browser.evaluate(&page, &attempts).await;
    assert_eq!(
        outcomes,
        json!(["refused", "refused", "refused", "refused", "refused", "refused"])
    );
    // No frame of the page ran: what is framed is the browser's own error page.
    let frames = browser.command(Some(&page), "Page.getFrameTree", json!({})).await;
    let frame = &frames["frameTree"]["childFrames"][0]["frame"];
    assert_eq!(frame["url"], "chrome-error://chromewebdata/", "{frames}");
    // And the connection that it wanted to end goes on.
    app.is_echoed(b"still here").await;
}

/// Serves an empty page at another origin until the case ends.
async fn attacker() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // One read has the whole head of such a request, and what it asks for does not matter.
                let _ = stream.read(&mut [0; 4096]).await;
                let body = "<!doctype html><title>attacker</title><body></body>";
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\
                     Connection: close\r\n\r\n{body}"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    url
}
