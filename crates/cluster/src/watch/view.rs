//! What is known of a target. Pure: what was listed and told goes in, what the target comes to goes out.

use std::collections::{BTreeMap, HashMap};

use super::follow::Told;
use crate::find::{Listed, PODS_MAX, SLICES_MAX};
use crate::object::Object;
use crate::target::{Conditions, Found, Pod, Slice, Target, sort};

/// What is known of a target.
#[derive(Debug)]
pub(super) struct View {
    /// With its namespace.
    target: Target,
    pub(super) object: Option<Object>,
    pods: Known<Pod>,
    /// `None` where they are not to be had.
    slices: Option<Known<Slice>>,
}

/// What is known of one resource, by name.
#[derive(Debug)]
struct Known<T> {
    items: BTreeMap<String, T>,
    /// Up to here all is known; what a watch tells of earlier versions is old.
    floor: Option<u64>,
    /// What was told last of each while a look is under way, which may not have seen it.
    meanwhile: Option<BTreeMap<String, Told<T>>>,
    most: usize,
}

impl View {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            object: None,
            pods: Known::new(PODS_MAX),
            slices: None,
        }
    }

    /// A look begins. What is told from now on may be newer than what it sees.
    pub(super) fn begin_look(&mut self) {
        self.pods.begin_look();
        if let Some(slices) = &mut self.slices {
            slices.begin_look();
        }
    }

    /// The look has come to its end.
    pub(super) fn end_look(&mut self) {
        self.pods.meanwhile = None;
        if let Some(slices) = &mut self.slices {
            slices.meanwhile = None;
        }
    }

    /// These are all pods that there are, as a look has seen them.
    pub(super) fn set_pods(&mut self, listed: Listed<Pod>) {
        self.pods.set(listed, |pod| &pod.name);
    }

    /// The pods are not those of the target any more.
    pub(super) fn forget_pods(&mut self) {
        self.pods = Known::new(PODS_MAX);
    }

    /// These are all slices that there are, as a look has seen them.
    pub(super) fn set_slices(&mut self, listed: Listed<Slice>) {
        let slices = self.slices.get_or_insert_with(|| Known::new(SLICES_MAX));
        slices.set(listed, |slice| &slice.name);
    }

    /// Slices are not to be had.
    pub(super) fn forget_slices(&mut self) {
        self.slices = None;
    }

    /// Takes in one pod as a look has seen it, and the version of that.
    pub(super) fn set_pod(&mut self, name: &str, pod: Option<(Pod, String)>) {
        let (pod, version) = pod.unzip();
        if self.pods.was_told_later(name, version.as_deref()) {
            return;
        }
        match pod {
            Some(pod) => drop(self.pods.items.insert(name.to_owned(), pod)),
            None => drop(self.pods.items.remove(name)),
        }
    }

    /// Takes in what a watch of the pods told; says whether that is news.
    pub(super) fn handle_pod(&mut self, told: Told<Pod>) -> bool {
        self.pods.handle(told, |pod| &pod.name)
    }

    /// Takes in what a watch of the slices told; says whether that is news.
    pub(super) fn handle_slice(&mut self, told: Told<Slice>) -> bool {
        self.slices
            .as_mut()
            .is_some_and(|slices| slices.handle(told, |slice| &slice.name))
    }

    /// The names of the pods, the best one first, `most` of them at most.
    pub(super) fn best_pods(&self, most: usize) -> Vec<String> {
        let pods = self.found().pods.into_iter();
        pods.map(|pod| pod.name).take(most).collect()
    }

    /// What the target comes to.
    pub(super) fn found(&self) -> Found {
        let mut found = Found {
            target: self.target.clone(),
            pods: self.pods.items.values().cloned().collect(),
            service: self.object.as_ref().and_then(|object| object.service.clone()),
        };
        found.publish_not_ready();
        let conditions = self.conditions();
        for pod in &mut found.pods {
            // A pod that no slice names may be too new for them.
            if let Some((uid, conditions)) = conditions.get(&*pod.name)
                && (uid.is_empty() || **uid == pod.uid)
            {
                conditions.apply_to(pod);
            }
        }
        sort(&mut found.pods);
        found
    }

    /// How pods stand by the slices: identity and conditions, by name.
    fn conditions(&self) -> HashMap<&str, (&str, Conditions)> {
        let mut all = HashMap::new();
        let slices = self.slices.iter().flat_map(|slices| slices.items.values());
        for endpoint in slices.flat_map(|slice| &slice.endpoints) {
            let (uid, conditions) = (endpoint.uid(), endpoint.conditions());
            let known = all.entry(endpoint.pod()).or_insert((uid, conditions));
            let is_living = self
                .pods
                .items
                .get(endpoint.pod())
                .is_some_and(|pod| pod.uid == uid);
            *known = match *known {
                (same, other) if same == uid => (uid, other.or(conditions)),
                // A pod and its predecessor of the same name: the one that there is counts.
                _ if is_living => (uid, conditions),
                other => other,
            };
        }
        all
    }
}

impl<T: Clone> Known<T> {
    fn new(most: usize) -> Self {
        Self {
            items: BTreeMap::new(),
            floor: None,
            meanwhile: None,
            most,
        }
    }

    fn begin_look(&mut self) {
        self.meanwhile = Some(BTreeMap::new());
    }

    fn set(&mut self, listed: Listed<T>, name: fn(&T) -> &String) {
        self.floor = number(&listed.version);
        let items = listed.items.into_iter().take(self.most);
        self.items = items.map(|item| (name(&item).clone(), item)).collect();
        for (_, told) in self.meanwhile.take().into_iter().flatten() {
            self.handle(told, name);
        }
    }

    /// Whether a watch told of `name` since the look began, and not of the `version` that was seen or one before. Where they
    /// cannot be compared, the watch will tell of what is newer.
    fn was_told_later(&self, name: &str, version: Option<&str>) -> bool {
        let told = self.meanwhile.as_ref().and_then(|told| told.get(name));
        told.is_some_and(|told| {
            let (told, seen) = (number(told.version()), version.and_then(number));
            told.zip(seen).is_none_or(|(told, seen)| told > seen)
        })
    }

    fn handle(&mut self, told: Told<T>, name: fn(&T) -> &String) -> bool {
        let (Told::Gone(item, version) | Told::Is(item, version)) = &told else {
            return false;
        };
        let (key, version) = (name(item).clone(), number(version));
        if version
            .zip(self.floor)
            .is_some_and(|(version, floor)| version <= floor)
        {
            return false;
        }
        if let Some(meanwhile) = &mut self.meanwhile
            && (meanwhile.len() < self.most || meanwhile.contains_key(&key))
        {
            meanwhile.insert(key.clone(), told.clone());
        }
        match told {
            Told::Gone(..) => self.items.remove(&key).is_some(),
            Told::Is(item, _) => {
                let is_room = self.items.len() < self.most || self.items.contains_key(&key);
                if is_room {
                    self.items.insert(key, item);
                }
                is_room
            }
            Told::Mark(_) | Told::Open => false,
        }
    }
}

/// A version as a number, which it is by convention. What cannot be compared is taken in.
fn number(version: &str) -> Option<u64> {
    version.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;
    use crate::raw;

    fn pod(name: &str, uid: &str, ready: bool) -> Pod {
        let pod: raw::Pod = serde_json::from_value(json!({
            "metadata": {"name": name, "uid": uid},
            "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": if ready { "True" } else { "False" }},
            ]},
        }))
        .unwrap();
        Pod::new(&pod)
    }

    fn slice(name: &str, endpoints: &[(&str, &str, Value)]) -> Slice {
        let endpoints: Vec<Value> = endpoints
            .iter()
            .map(|(pod, uid, conditions)| {
                json!({"addresses": ["10.0.0.1"], "conditions": conditions,
                       "targetRef": {"kind": "Pod", "name": pod, "uid": uid}})
            })
            .collect();
        let slice: raw::Slice = serde_json::from_value(
            json!({"metadata": {"name": name}, "addressType": "IPv4", "endpoints": endpoints}),
        )
        .unwrap();
        Slice::new(&slice)
    }

    fn listed<T>(version: &str, items: Vec<T>) -> Listed<T> {
        Listed {
            items,
            version: version.into(),
        }
    }

    fn view(pods: Vec<Pod>) -> View {
        let mut view = View::new("svc/web".parse().unwrap());
        view.set_pods(listed("10", pods));
        view
    }

    /// Name, readiness, and whether it is being deleted.
    fn stand(view: &View) -> Vec<(String, bool, bool)> {
        let found = view.found();
        let stand = found
            .pods
            .into_iter()
            .map(|pod| (pod.name, pod.ready, pod.deleting));
        let mut stand: Vec<_> = stand.collect();
        stand.sort();
        stand
    }

    #[test]
    fn what_is_told_is_taken_in_and_what_is_old_is_not() {
        let mut view = view(vec![pod("a", "1", true)]);
        assert!(!view.handle_pod(Told::Gone(pod("a", "1", true), "9".into())));
        assert!(!view.handle_pod(Told::Is(pod("old", "0", true), "10".into())));
        assert!(!view.handle_pod(Told::Mark("11".into())));
        assert!(view.handle_pod(Told::Is(pod("b", "2", true), "12".into())));
        assert!(view.handle_pod(Told::Gone(pod("a", "1", true), "13".into())));
        assert!(!view.handle_pod(Told::Gone(pod("a", "1", true), "14".into())));
        assert_eq!(stand(&view), [("b".into(), true, false)]);
        // Versions are opaque; what cannot be compared is taken in.
        assert!(view.handle_pod(Told::Is(pod("c", "3", true), "x1".into())));
        assert_eq!(view.best_pods(1), ["b"]);
    }

    #[test]
    fn what_is_told_while_a_look_is_under_way_is_newer_than_what_it_sees() {
        let mut view = view(vec![pod("a", "1", true), pod("b", "2", true)]);
        view.begin_look();
        assert!(view.handle_pod(Told::Gone(pod("a", "1", true), "13".into())));
        assert!(view.handle_pod(Told::Is(pod("b", "2", false), "12".into())));
        assert!(view.handle_pod(Told::Is(pod("c", "3", false), "14".into())));
        // It was answered behind the change of `b`, and before the other two.
        view.set_pods(listed(
            "12",
            vec![pod("a", "1", true), pod("b", "2", true), pod("d", "4", true)],
        ));
        let now = [
            ("b".into(), true, false),
            ("c".into(), false, false),
            ("d".into(), true, false),
        ];
        assert_eq!(stand(&view), now);
        view.end_look();
        // What was told before a look began is in what it sees, or is not there any more.
        view.begin_look();
        view.set_pods(listed("20", vec![]));
        assert_eq!(stand(&view), []);
    }

    #[test]
    fn a_pod_that_was_asked_for_by_itself_may_be_older_than_what_was_told_meanwhile() {
        let mut view = view(vec![pod("a", "1", true), pod("b", "2", true)]);
        view.begin_look();
        assert!(view.handle_pod(Told::Gone(pod("a", "1", true), "13".into())));
        assert!(view.handle_pod(Told::Is(pod("b", "2", false), "14".into())));
        view.set_pod("a", Some((pod("a", "1", true), "12".into())));
        assert_eq!(stand(&view), [("b".into(), false, false)]);
        view.set_pod("b", None);
        assert_eq!(stand(&view), [("b".into(), false, false)]);
        view.set_pod("b", Some((pod("b", "2", true), "15".into())));
        assert_eq!(stand(&view), [("b".into(), true, false)]);
        view.end_look();
        view.set_pod("b", None);
        assert_eq!(stand(&view), []);
    }

    #[test]
    fn no_more_is_kept_than_is_allowed() {
        let mut known: Known<String> = Known::new(2);
        known.set(listed("1", vec!["a".into(), "b".into(), "c".into()]), |name| name);
        assert_eq!(known.items.len(), 2);
        assert!(!known.handle(Told::Is("d".into(), "2".into()), |name| name));
        assert!(known.handle(Told::Is("a".into(), "3".into()), |name| name));
        assert_eq!(known.items.len(), 2);
    }

    #[test]
    fn a_service_says_who_is_ready_where_its_slices_are_known() {
        let pods = || {
            vec![
                pod("early", "1", false),
                pod("late", "2", true),
                pod("leaving", "3", true),
                pod("new", "4", true),
            ]
        };
        let own = [
            ("early".into(), false, false),
            ("late".into(), true, false),
            ("leaving".into(), true, false),
            ("new".into(), true, false),
        ];
        let mut view = view(pods());
        assert_eq!(stand(&view), own);
        view.set_slices(listed(
            "10",
            vec![slice(
                "web-1",
                &[
                    ("early", "1", json!({"ready": true, "serving": false})),
                    ("late", "2", json!({"ready": false, "serving": false})),
                    (
                        "leaving",
                        "3",
                        json!({"ready": false, "serving": true, "terminating": true}),
                    ),
                ],
            )],
        ));
        let by_slices = [
            ("early".into(), true, false),
            ("late".into(), false, false),
            ("leaving".into(), true, true),
            ("new".into(), true, false),
        ];
        assert_eq!(stand(&view), by_slices);
        view.forget_slices();
        assert_eq!(stand(&view), own);
    }

    #[test]
    fn slices_of_both_families_and_of_a_predecessor_come_together() {
        let ready = || json!({"ready": true});
        let unready = || json!({"ready": false});
        let mut view = view(vec![pod("web-0", "new", true)]);
        view.set_slices(listed("10", vec![slice("v4", &[("web-0", "new", unready())])]));
        assert!(view.handle_slice(Told::Is(slice("v6", &[("web-0", "new", ready())]), "11".into())));
        assert_eq!(stand(&view), [("web-0".into(), true, false)]);
        assert!(view.handle_slice(Told::Gone(slice("v6", &[]), "12".into())));
        assert_eq!(stand(&view), [("web-0".into(), false, false)]);
        for order in [["old", "new"], ["new", "old"]] {
            let conditions = |uid| if uid == "new" { json!({}) } else { unready() };
            let endpoints = order.map(|uid| ("web-0", uid, conditions(uid)));
            view.set_slices(listed("13", vec![slice("v4", &endpoints)]));
            assert_eq!(stand(&view), [("web-0".into(), true, false)], "{order:?}");
        }
        // A slice of the predecessor alone says nothing.
        view.set_slices(listed("14", vec![slice("v4", &[("web-0", "old", unready())])]));
        assert_eq!(stand(&view), [("web-0".into(), true, false)]);
    }
}
