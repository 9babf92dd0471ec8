//! Objects of the API as far as the guard reads them. Whatever else an object says is skipped while it is decoded, so
//! that no whole pod is ever in memory. What is missing or odd becomes the harmless reading, never a failure.

pub mod place;
pub mod pod;
pub mod tuning;
pub mod workload;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::Owner;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::time::Time;

/// `metadata`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Its name.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Its namespace; empty for what has none.
    #[serde(deserialize_with = "or_default")]
    pub namespace: String,
    /// Its UID.
    #[serde(deserialize_with = "or_default")]
    pub uid: String,
    /// Its version.
    #[serde(deserialize_with = "or_default")]
    pub resource_version: String,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<String>,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// Its annotations; `None` where it has none at all.
    pub annotations: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "or_default")]
    owner_references: Vec<Reference>,
    #[serde(deserialize_with = "or_default")]
    finalizers: Vec<String>,
}

/// Anything that has `metadata`.
pub trait Object {
    /// Its `metadata`.
    fn meta(&self) -> &Meta;
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reference {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
    controller: Option<bool>,
}

impl Meta {
    /// Its namespace and name.
    #[must_use]
    pub fn full_name(&self) -> Name {
        Name::new(self.namespace.clone(), self.name.clone())
    }

    /// When it was made; the epoch where that is not said.
    #[must_use]
    pub fn created(&self) -> Time {
        time(self.creation_timestamp.as_deref()).unwrap_or_default()
    }

    /// Its deletionTimestamp. One that can't be read still says that the object is being deleted.
    #[must_use]
    pub fn deleting(&self) -> Option<Time> {
        let text = self.deletion_timestamp.as_deref()?;
        Some(Time::parse(text).unwrap_or_default())
    }

    /// Whether its deletion waits until what it owns has become nobody's.
    #[must_use]
    pub fn is_orphaning(&self) -> bool {
        self.finalizers.iter().any(|one| one == "orphan")
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// What controls it.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        let mut references = self.owner_references.iter();
        let found = references.find(|reference| reference.controller == Some(true))?;
        let kind = if found.api_version.starts_with("apps/") {
            Kind::from_word(&found.kind)
        } else {
            Kind::Other
        };
        Some(Owner {
            kind,
            name: found.name.clone(),
            uid: found.uid.clone(),
        })
    }
}

/// Reads a time that may be missing.
fn time(text: Option<&str>) -> Option<Time> {
    Time::parse(text?)
}

/// Reads `null` like an absent field: Go writes empty lists and maps as either.
pub(super) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The object of a recorded review, as the API server sent it.
#[cfg(test)]
fn reviewed<T: serde::de::DeserializeOwned>(review: &str) -> T {
    let mut review: serde_json::Value = serde_json::from_str(review).expect("a review");
    let object = review["request"]["oldObject"].take();
    serde_json::from_value(object).expect("an object")
}
