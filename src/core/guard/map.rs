//! The hash table of decisions: keys are UIDs and names that Kubernetes gave out, looked up many times for each verdict and
//! each plan, so the hash is a fast one, seeded anew in each process. Holds nothing itself.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A table.
pub type Map<K, V> = HashMap<K, V, RandomState>;
