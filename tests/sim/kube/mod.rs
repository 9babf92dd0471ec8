//! A model of Kubernetes: a store with watches, a kubelet, controllers that retry as the real ones do.

pub mod cache;
pub mod kubelet;
pub mod rollout;
pub mod sets;
pub mod store;
