//! Watches: the changes of a resource as a stream of JSON lines.
//!
//! A watch keeps a place in the store's log, not a queue of its own, so a slow client costs no memory: it falls out
//! of the log at last and is told 410 Gone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::accept::Form;
use super::objects::{Object, Resource, Timestamp, Version};
use super::status::Status;
use super::store::{Change, ChangeKind, Selectors, Store};
use super::table::{RowObject, partial_metadata, table};

/// How many changes are rendered at once.
const BATCH: usize = 64;

/// How often a client that asked for bookmarks gets one while nothing else happens, as the real server does.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// What a watch shows, and from where on.
#[derive(Debug)]
pub(crate) struct WatchOptions {
    pub(crate) resource: Resource,
    /// `None` for all namespaces.
    pub(crate) namespace: Option<String>,
    pub(crate) selectors: Selectors,
    pub(crate) form: Form,
    pub(crate) row_object: RowObject,
    pub(crate) start: WatchStart,
    pub(crate) bookmarks: bool,
    pub(crate) timeout: Duration,
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchStart {
    /// With the changes after a version.
    After(Version),
    /// With all objects there are, as if they were new.
    Now,
    /// As `Now`, and a bookmark tells where they end.
    NowWithBookmark,
}

/// The lines of a watch; ends after its timeout, with `shutdown`, or with an error line.
pub(crate) fn watch(
    store: &Store,
    options: WatchOptions,
    shutdown: CancellationToken,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let now = Instant::now();
    let watch = Watch {
        versions: store.versions(),
        store: store.clone(),
        cursor: Version(0),
        started: false,
        columns_sent: false,
        ended: false,
        deadline: now + options.timeout,
        bookmark_at: now + BOOKMARK_INTERVAL,
        options,
        shutdown,
        _permit: permit,
    };
    stream::unfold(watch, |mut watch| async move {
        watch.next().await.map(|lines| (lines, watch))
    })
}

struct Watch {
    store: Store,
    versions: watch::Receiver<Version>,
    options: WatchOptions,
    /// Everything up to here was shown, or is not to be shown.
    cursor: Version,
    started: bool,
    columns_sent: bool,
    ended: bool,
    deadline: Instant,
    bookmark_at: Instant,
    shutdown: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.started {
            self.started = true;
            let lines = self.start();
            if !lines.is_empty() {
                return Some(lines.into());
            }
        }
        while !self.ended {
            self.versions.mark_unchanged();
            let changes = self.store.read().changes_after(self.cursor, BATCH);
            let Some(changes) = changes else {
                self.ended = true;
                return Some(self.gone().into());
            };
            if let Some(last) = changes.last() {
                self.cursor = last.version();
                let lines: String = changes.iter().filter_map(|change| self.change(change)).collect();
                if !lines.is_empty() {
                    return Some(lines.into());
                }
                continue;
            }
            tokio::select! {
                changed = self.versions.changed() => self.ended = changed.is_err(),
                () = sleep_until(self.deadline) => self.ended = true,
                () = self.shutdown.cancelled() => self.ended = true,
                () = sleep_until(self.bookmark_at), if self.options.bookmarks => {
                    self.bookmark_at = Instant::now() + BOOKMARK_INTERVAL;
                    return Some(self.bookmark(false).into());
                }
            }
        }
        None
    }

    fn start(&mut self) -> String {
        if let WatchStart::After(version) = self.options.start {
            self.cursor = version;
            return String::new();
        }
        let (objects, version) = {
            let state = self.store.read();
            let objects = state.list(self.options.resource, self.options.namespace.as_deref());
            let objects = objects.filter(|object| self.options.selectors.matches(object));
            (objects.cloned().collect::<Vec<Arc<Object>>>(), state.version())
        };
        self.cursor = version;
        let mut lines: String = objects.iter().map(|object| self.event("ADDED", object)).collect();
        if self.options.start == WatchStart::NowWithBookmark {
            lines.push_str(&self.bookmark(true));
        }
        lines
    }

    /// How the watch shows a change: an object that begins or ends to match is added or deleted for it.
    fn change(&mut self, change: &Change) -> Option<String> {
        let shown = |object: &Object| {
            object.resource() == self.options.resource
                && self
                    .options
                    .namespace
                    .as_ref()
                    .is_none_or(|namespace| object.meta().namespace == *namespace)
                && self.options.selectors.matches(object)
        };
        let before = change.previous.as_ref().is_some_and(|object| shown(object));
        let after = change.kind != ChangeKind::Deleted && shown(&change.object);
        let kind = match (before, after) {
            (false, false) => return None,
            (false, true) => "ADDED",
            (true, false) => "DELETED",
            (true, true) => "MODIFIED",
        };
        Some(self.event(kind, &change.object))
    }

    fn event(&mut self, kind: &str, object: &Object) -> String {
        let json = match self.options.form {
            Form::Objects => object.to_json(),
            Form::Metadata => partial_metadata(object),
            Form::Table => {
                let columns = !std::mem::replace(&mut self.columns_sent, true);
                let version = object.meta().resource_version;
                let row_object = self.options.row_object;
                table(
                    self.options.resource,
                    [object],
                    version,
                    columns,
                    row_object,
                    Timestamp::now(),
                )
            }
        };
        line(kind, &json)
    }

    /// Tells how far the watch has come, so that the client may go on from there.
    fn bookmark(&self, ends_initial_events: bool) -> String {
        let info = self.options.resource.info();
        let mut metadata = json!({"resourceVersion": self.cursor.to_string()});
        if ends_initial_events {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let json = match self.options.form {
            Form::Objects => {
                json!({"kind": info.kind, "apiVersion": info.group.api_version(), "metadata": metadata})
            }
            Form::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
            }
            Form::Table => json!({
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "columnDefinitions": null,
                "rows": [],
            }),
        };
        line("BOOKMARK", &json)
    }

    fn gone(&self) -> String {
        let current = self.store.read().version();
        line("ERROR", &Status::expired(self.cursor, current).to_json())
    }
}

fn line(kind: &str, object: &Value) -> String {
    let mut line = json!({"type": kind, "object": object}).to_string();
    line.push('\n');
    line
}
