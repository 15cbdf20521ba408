//! Performs podline-wire on tokio: an upgraded connection to one pod, and the pool of them.
