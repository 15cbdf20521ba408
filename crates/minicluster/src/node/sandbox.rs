use crate::workload::Workload;

/// A pod as the node is told to run it.
#[derive(Clone, Debug)]
pub(crate) struct Sandbox {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    /// Container port and what it serves. A port that is not named here refuses.
    pub(crate) ports: Vec<(u16, Workload)>,
}
