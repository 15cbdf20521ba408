//! The cluster's objects and the log of what happened to them, without clock or lock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::api::objects::{Object, Resource, Timestamp, Version};

/// How many changes are kept for watches that lag or resume; older ones are answered by 410 Gone.
pub(crate) const LOG_EVENTS: usize = 4096;

/// How many objects there may be at most.
pub(crate) const MAX_OBJECTS: usize = 10_000;

/// All objects, at one version.
#[derive(Debug, Default)]
pub(crate) struct State {
    version: Version,
    objects: BTreeMap<Key, Arc<Object>>,
    log: VecDeque<Change>,
    /// The version of the newest change that the log no longer has.
    compacted: Version,
}

impl State {
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn get(&self, resource: Resource, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.objects.get(&Key::new(resource, namespace, name))
    }

    /// The objects of one resource, by namespace and name; all namespaces if none is named.
    pub(crate) fn list(
        &self,
        resource: Resource,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Object>> {
        let namespace = namespace.map(str::to_owned);
        (self.objects.range(Key::new(resource, "", "")..))
            .take_while(move |(key, _)| key.resource == resource)
            .filter(move |(key, _)| {
                namespace
                    .as_ref()
                    .is_none_or(|namespace| key.namespace == *namespace)
            })
            .map(|(_, object)| object)
    }

    /// All objects of all kinds.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values()
    }

    /// Adds an object that has a name; gives it a uid, a version and a creation time.
    pub(crate) fn create(
        &mut self,
        mut object: Object,
        uid: String,
        now: Timestamp,
    ) -> Result<Arc<Object>, Conflict> {
        let key = Key::of(&object);
        if self.objects.contains_key(&key) {
            return Err(Conflict::AlreadyExists);
        }
        if self.objects.len() >= MAX_OBJECTS {
            return Err(Conflict::Full);
        }
        let generation = i64::from(object.resource().has_generation());
        let meta = object.meta_mut();
        meta.uid = uid;
        meta.creation_timestamp = Some(now);
        meta.deletion_timestamp = None;
        meta.deletion_grace_period_seconds = None;
        meta.generation = generation;
        Ok(self.put(key, object, ChangeKind::Added, None))
    }

    /// Replaces an object. Its uid and creation time stay; an equal object changes nothing.
    pub(crate) fn update(&mut self, mut object: Object) -> Result<Arc<Object>, Conflict> {
        let key = Key::of(&object);
        let Some(current) = self.objects.get(&key).cloned() else {
            return Err(Conflict::NotFound);
        };
        let wanted = object.meta().resource_version;
        if !wanted.is_zero() && wanted != current.meta().resource_version {
            return Err(Conflict::Modified);
        }
        let wanted_uid = &object.meta().uid;
        if !wanted_uid.is_empty() && *wanted_uid != current.meta().uid {
            return Err(Conflict::Modified);
        }
        let meta = object.meta_mut();
        meta.uid.clone_from(&current.meta().uid);
        meta.creation_timestamp = current.meta().creation_timestamp;
        meta.generation = current.meta().generation;
        meta.resource_version = current.meta().resource_version;
        if object == *current {
            return Ok(current);
        }
        if object.resource().has_generation() && current.to_json()["spec"] != object.to_json()["spec"] {
            object.meta_mut().generation += 1;
        }
        Ok(self.put(key, object, ChangeKind::Modified, Some(current)))
    }

    /// Takes an object away at once.
    pub(crate) fn remove(&mut self, resource: Resource, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let previous = self.objects.remove(&Key::new(resource, namespace, name))?;
        let mut last = Object::clone(&previous);
        last.meta_mut().resource_version = self.next_version();
        let last = Arc::new(last);
        self.record(ChangeKind::Deleted, Arc::clone(&last), Some(previous));
        Some(last)
    }

    /// The changes after `version`, oldest first, at most `limit`; `None` if the log does not reach back so far,
    /// or if the version is of another life of the cluster.
    pub(crate) fn changes_after(&self, version: Version, limit: usize) -> Option<Vec<Change>> {
        if version < self.compacted || version > self.version {
            return None;
        }
        let start = self.log.partition_point(|change| change.version() <= version);
        Some(self.log.range(start..).take(limit).cloned().collect())
    }

    /// Forgets the log, as a compaction of etcd does.
    pub(crate) fn compact(&mut self) {
        // A version of its own, so that even a watch that is up to date has to list again.
        self.compacted = self.next_version();
        self.log.clear();
    }

    fn put(
        &mut self,
        key: Key,
        mut object: Object,
        kind: ChangeKind,
        previous: Option<Arc<Object>>,
    ) -> Arc<Object> {
        object.meta_mut().resource_version = self.next_version();
        let object = Arc::new(object);
        self.objects.insert(key, Arc::clone(&object));
        self.record(kind, Arc::clone(&object), previous);
        object
    }

    fn record(&mut self, kind: ChangeKind, object: Arc<Object>, previous: Option<Arc<Object>>) {
        if self.log.len() == LOG_EVENTS
            && let Some(oldest) = self.log.pop_front()
        {
            self.compacted = oldest.version();
        }
        self.log.push_back(Change {
            kind,
            object,
            previous,
        });
    }

    fn next_version(&mut self) -> Version {
        self.version = Version(self.version.0 + 1);
        self.version
    }
}

/// Why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    AlreadyExists,
    Full,
    Modified,
    NotFound,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    /// As it is after the change; for a deletion as it was last.
    pub(crate) object: Arc<Object>,
    pub(crate) previous: Option<Arc<Object>>,
}

impl Change {
    pub(crate) fn version(&self) -> Version {
        self.object.meta().resource_version
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Deleted,
    Modified,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    resource: Resource,
    namespace: String,
    name: String,
}

impl Key {
    fn new(resource: Resource, namespace: &str, name: &str) -> Self {
        Self {
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn of(object: &Object) -> Self {
        let meta = object.meta();
        Self::new(object.resource(), &meta.namespace, &meta.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::api::objects::Pod;

    fn pod(name: &str) -> Object {
        let mut pod = Pod::default();
        pod.metadata.name = name.to_owned();
        pod.metadata.namespace = "default".to_owned();
        Object::Pod(pod)
    }

    fn create(state: &mut State, name: &str) -> Arc<Object> {
        state
            .create(pod(name), format!("uid-{name}"), Timestamp::now())
            .unwrap()
    }

    #[test]
    fn each_change_has_a_version_of_its_own() {
        let mut state = State::default();
        let one = create(&mut state, "a").meta().resource_version;
        let two = create(&mut state, "b").meta().resource_version;
        state.remove(Resource::Pods, "default", "a").unwrap();
        let kinds: Vec<_> = state
            .changes_after(one, 9)
            .unwrap()
            .iter()
            .map(|change| change.kind)
            .collect();
        assert!(one < two && two < state.version());
        assert_eq!(kinds, [ChangeKind::Added, ChangeKind::Deleted]);
    }

    #[test]
    fn an_equal_update_is_no_change() {
        let mut state = State::default();
        let object = create(&mut state, "a");
        let version = state.version();
        state.update(Object::clone(&object)).unwrap();
        assert_eq!(state.version(), version);
    }

    #[test]
    fn an_update_of_an_old_version_is_refused() {
        let mut state = State::default();
        let old = Object::clone(&create(&mut state, "a"));
        let mut new = old.clone();
        new.meta_mut().labels.insert("a".to_owned(), "b".to_owned());
        state.update(new).unwrap();
        assert_eq!(state.update(old).unwrap_err(), Conflict::Modified);
    }

    #[test]
    fn a_name_is_given_once() {
        let mut state = State::default();
        create(&mut state, "a");
        assert_eq!(
            state
                .create(pod("a"), String::new(), Timestamp::now())
                .unwrap_err(),
            Conflict::AlreadyExists
        );
    }

    #[test]
    fn the_log_is_bounded_and_says_so() {
        let mut state = State::default();
        for index in 0..=LOG_EVENTS {
            create(&mut state, &index.to_string());
        }
        assert!(state.changes_after(Version(0), 1).is_none());
        assert_eq!(
            state.changes_after(Version(1), LOG_EVENTS * 2).unwrap().len(),
            LOG_EVENTS
        );
    }

    #[test]
    fn a_compacted_log_answers_nothing_older_and_nothing_of_another_life() {
        let mut state = State::default();
        create(&mut state, "a");
        let before = state.version();
        state.compact();
        assert!(state.changes_after(before, 1).is_none());
        assert!(state.changes_after(state.version(), 1).unwrap().is_empty());
        assert!(state.changes_after(Version(1000), 1).is_none());
    }
}
