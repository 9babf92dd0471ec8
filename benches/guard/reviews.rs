//! Reviews as an API server sends them: a recorded eviction with other names.

use anyhow::Context;
use bytes::Bytes;
use serde_json::Value;
use xtrinode::core::guard::facts::Name;

const RECORDED: &str = include_str!("../../tests/data/admission-1.36/eviction.json");

/// The review of each pod's eviction.
pub fn evictions(pods: &[Name]) -> anyhow::Result<Vec<Bytes>> {
    let recorded: Value = serde_json::from_str(RECORDED)?;
    let reviews = pods.iter().map(|pod| eviction(recorded.clone(), pod));
    reviews.collect()
}

fn eviction(mut review: Value, pod: &Name) -> anyhow::Result<Bytes> {
    for place in ["/request", "/request/object/metadata"] {
        let place = review.pointer_mut(place).context("no such object")?;
        place["name"] = pod.name.as_str().into();
        place["namespace"] = pod.namespace.as_str().into();
    }
    Ok(serde_json::to_vec(&review)?.into())
}
