//! A real browser without a window, told what to do by its debugging protocol over a pair of pipes.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// How long anything in the browser may take: to start on a busy machine, most of all.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the browser is called, by distribution.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Puts its pipes where the browser looks for them.
const PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"#;

/// A browser; ends with this.
pub(crate) struct Browser {
    _child: Child,
    commands: ChildStdin,
    messages: BufReader<ChildStdout>,
    last: u64,
    /// What happened while an answer was waited for.
    events: VecDeque<Value>,
    _profile: TempDir,
}

/// One page of it.
#[derive(Clone)]
pub(crate) struct Page {
    session: String,
}

impl Browser {
    /// Where a browser is, if there is one.
    pub(crate) fn find() -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        let mut candidates =
            std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
        candidates.find(|candidate| candidate.is_file())
    }

    pub(crate) fn start() -> Self {
        let profile = TempDir::new().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", PIPES])
            .arg(Self::find().unwrap())
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-extensions",
                "--no-first-run",
                "--remote-debugging-pipe",
                "--window-size=1280,900",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            commands: child.stdin.take().unwrap(),
            messages: BufReader::new(child.stdout.take().unwrap()),
            _child: child,
            last: 0,
            events: VecDeque::new(),
            _profile: profile,
        }
    }

    /// Opens a page, and waits until all of it is there.
    pub(crate) async fn open(&mut self, url: &str) -> Page {
        let target = self
            .command(None, "Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.command(None, "Target.attachToTarget", attach).await;
        let page = Page {
            session: session["sessionId"].as_str().unwrap().to_owned(),
        };
        self.command(Some(&page), "Page.enable", json!({})).await;
        self.command(Some(&page), "Runtime.enable", json!({})).await;
        self.go(&page, url).await;
        page
    }

    /// Leads a page elsewhere.
    pub(crate) async fn go(&mut self, page: &Page, url: &str) {
        self.events.clear();
        self.command(Some(page), "Page.navigate", json!({"url": url}))
            .await;
        self.event(page, "Page.loadEventFired").await;
    }

    /// What an expression comes to in a page; of a promise, what it is kept with.
    pub(crate) async fn evaluate(&mut self, page: &Page, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.command(Some(page), "Runtime.evaluate", parameters).await;
        let exception = &answer["exceptionDetails"];
        assert!(exception.is_null(), "{expression}: {exception}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true, whenever the page changes, and gives what it comes to then.
    pub(crate) async fn until(&mut self, page: &Page, expression: &str) -> Value {
        let wait = format!(
            "new Promise((resolve) => {{
                const watcher = new MutationObserver(() => check());
                const check = () => {{
                    const value = ({expression});
                    if (value) {{ watcher.disconnect(); resolve(value); }}
                    return value;
                }};
                if (!check()) watcher.observe(document, {{
                    attributes: true, characterData: true, childList: true, subtree: true,
                }});
            }})"
        );
        let Ok(value) = timeout(PATIENCE, self.evaluate(page, &wait)).await else {
            panic!("never true on the page: {expression}");
        };
        value
    }

    /// Presses a key, as `j` or `Enter`.
    pub(crate) async fn press(&mut self, page: &Page, key: &str) {
        let text = if key == "Enter" { "\r" } else { key };
        let is_text = key == "Enter" || key.chars().count() == 1;
        let down = if is_text {
            json!({"type": "keyDown", "key": key, "text": text})
        } else {
            json!({"type": "rawKeyDown", "key": key})
        };
        self.command(Some(page), "Input.dispatchKeyEvent", down).await;
        let up = json!({"type": "keyUp", "key": key});
        self.command(Some(page), "Input.dispatchKeyEvent", up).await;
    }

    /// Tells the browser something, and gives its answer.
    pub(crate) async fn command(&mut self, page: Option<&Page>, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let id = self.last;
        let mut command = json!({"id": id, "method": method, "params": parameters});
        if let Some(page) = page {
            command["sessionId"] = json!(page.session);
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).await.unwrap();
        loop {
            let message = self.message(method).await;
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push_back(message);
        }
    }

    /// Lets pages download into this folder.
    pub(crate) async fn download_into(&mut self, folder: &Path) {
        // Each file has the name of its number.
        let behaviour = json!({"behavior": "allowAndName", "downloadPath": folder, "eventsEnabled": true});
        self.command(None, "Browser.setDownloadBehavior", behaviour).await;
    }

    /// Waits until a download is whole, and gives its number.
    pub(crate) async fn downloaded(&mut self) -> String {
        let is_it = |event: &Value| {
            let state = &event["params"]["state"];
            assert_ne!(state, "canceled", "{event}");
            event["method"] == "Browser.downloadProgress" && state == "completed"
        };
        let event = self.first_event("the end of a download", is_it).await;
        event["params"]["guid"].as_str().unwrap().to_owned()
    }

    /// Waits for something to happen in a page.
    async fn event(&mut self, page: &Page, name: &str) {
        let is_it = |event: &Value| event["method"] == name && event["sessionId"] == page.session;
        self.first_event(name, is_it).await;
    }

    async fn first_event(&mut self, awaited: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        while let Some(event) = self.events.pop_front() {
            if is_it(&event) {
                return event;
            }
        }
        loop {
            let event = self.message(awaited).await;
            if is_it(&event) {
                return event;
            }
        }
    }

    async fn message(&mut self, awaited: &str) -> Value {
        let mut bytes = Vec::new();
        match timeout(PATIENCE, self.messages.read_until(0, &mut bytes)).await {
            Ok(Ok(1..)) => serde_json::from_slice(&bytes[..bytes.len() - 1]).unwrap(),
            Ok(end) => panic!("the browser has ended before {awaited}: {end:?}"),
            Err(_) => panic!("the browser does not come to {awaited}"),
        }
    }
}
