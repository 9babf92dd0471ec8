//! What our annotations say, and how they are written: refusals, drains, proofs, grants, break-glass. What does not
//! parse counts as absent, except break-glass, whose author must hear about it. What a later version writes beyond that is
//! read as far as we understand it: replicas of two versions work side by side during an upgrade. Decides nothing.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::api::keys;

use super::time::Time;

/// The annotations of one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The last refused removal.
    pub want: Option<Want>,
    /// The first refused removal; stays with the pod.
    pub blocked_since: Option<Time>,
    /// A drain that we began.
    pub drain: Option<Drain>,
    /// The proof that it is over.
    pub drained: Option<Drained>,
    /// Since when it is being taken back.
    pub returning: Option<Time>,
    /// A removal that was allowed.
    pub grant: Option<Grant>,
    /// Our hints to autoscalers.
    pub hints: Option<Hints>,
    /// The hints that stand on it, whoever set them.
    pub hinted: Vec<&'static str>,
    /// Break-glass.
    pub break_glass: Option<Override>,
}

/// Our hints to autoscalers on a busy worker. Without this record none is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hints {
    /// When they were set.
    pub at: Time,
    /// Whether they still stand, or were dropped because they stood for long enough.
    pub held: bool,
    /// The keys that we set: a person's own are never touched.
    #[serde(default)]
    pub ours: Vec<String>,
}

/// A removal that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// When it was refused last.
    pub at: Time,
    /// When this want began: the first refusal of an unbroken series.
    pub since: Time,
    /// The path that it came by.
    pub cause: Cause,
    /// The Kubernetes user that asked.
    pub by: String,
    /// The number that a scale asked for, which may have been refused before whatever else asks for the pod now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
}

/// A lower number of replicas that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// The replicas that were asked for.
    pub target: u32,
    /// The replicas before: above them somebody has raised the number since.
    pub from: u32,
    /// When it was refused last.
    pub at: Time,
}

/// The path that a refused removal came by. A word of a later version reads as `Delete`: somebody was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Eviction: kubectl drain, autoscalers, the descheduler.
    Evict,
    /// Deletion by a person or a tool.
    Delete,
    /// Deletion by a ReplicaSet or StatefulSet controller.
    Controller,
    /// Deletion by the taint-eviction controller, which does not come back.
    Taint,
    /// Deletion by the garbage collector, which does not look at pod updates.
    Collector,
    /// Deletion by the scheduler in favour of a pod of higher priority.
    Preemption,
    /// A lower number of replicas.
    Scale,
}

/// A drain that we began. Written before the worker is told, so that nobody forgets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// The container it was for: after a restart it means nothing.
    pub container: String,
    /// When.
    pub at: Time,
}

/// The proof that a drain is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// The container it is about.
    pub container: String,
    /// When whoever proved it began to ask: what was seen later is no part of it. Never later than its stamp says.
    pub at: Time,
    /// When it was written, by the clock of whoever reads it; `None` where the stamp says that.
    #[serde(skip)]
    pub written: Option<Time>,
}

/// A removal that was allowed. It justifies nothing; it keeps a second request from resting on the same pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The pod's UID: annotations can be copied.
    pub uid: String,
    /// The container that was judged; empty where none ran.
    pub container: String,
    /// What it was given for: [`GrantKey`]. A word of a later version reads as `Pod`: it is promised to somebody.
    #[serde(deserialize_with = "key")]
    pub key: GrantKey,
    /// When it was given.
    pub at: Time,
    /// When it ends.
    pub until: Time,
}

/// What a grant was given for. The same request again is the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantKey {
    /// This pod's own eviction or deletion.
    Pod,
    /// A lower number of replicas.
    Scale {
        /// The workload's UID.
        workload: String,
        /// The new number.
        replicas: u32,
    },
}

/// A break-glass annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Override {
    /// It reads well; whether it holds now is for `gate` to say.
    Until {
        /// Its end.
        end: Time,
        /// Why.
        reason: String,
    },
    /// What is wrong with it.
    Malformed(String),
}

/// The shortest reason that counts.
const REASON: usize = 10;

impl Notes {
    /// Reads the annotations of a pod with this UID.
    #[must_use]
    pub fn read(annotations: &BTreeMap<String, String>, uid: &str) -> Self {
        let time = |key| Time::parse(annotations.get(key)?);
        let grant: Option<Grant> = json(annotations, keys::GRANT);
        Self {
            want: json(annotations, keys::DRAIN_REQUESTED),
            blocked_since: time(keys::BLOCKED_SINCE),
            drain: json(annotations, keys::DRAIN),
            drained: json(annotations, keys::DRAINED_AT),
            returning: time(keys::RETURNING),
            grant: grant.filter(|grant| grant.uid == uid),
            hints: json(annotations, keys::HINTED),
            hinted: hinted(annotations),
            break_glass: annotations
                .get(keys::OVERRIDE)
                .map(|text| Override::read(text)),
        }
    }
}

impl Notes {
    /// When each was written.
    pub fn stamps(&self) -> impl Iterator<Item = Time> {
        let all = [
            self.blocked_since,
            self.returning,
            self.want.as_ref().map(|want| want.at),
            self.drain.as_ref().map(|drain| drain.at),
            self.drained.as_ref().map(|proof| proof.at),
            self.grant.as_ref().map(|grant| grant.at),
            self.hints.as_ref().map(|hints| hints.at),
        ];
        all.into_iter().flatten()
    }

    /// Dates each anew. What a record says beside when it was written moves with that. Break-glass is a person's word, and
    /// a proof is older than the record of it: it may become older by that, and never younger.
    pub fn redate(&mut self, date: impl Fn(Time) -> Time) {
        self.blocked_since = self.blocked_since.map(&date);
        self.returning = self.returning.map(&date);
        let drain = self.drain.iter_mut().map(|drain| &mut drain.at);
        if let Some(proof) = &mut self.drained {
            let written = date(proof.at);
            proof.written = Some(written);
            proof.at = proof.at.min(written);
        }
        let hints = self.hints.iter_mut().map(|hints| &mut hints.at);
        for stamp in drain.chain(hints) {
            *stamp = date(*stamp);
        }
        if let Some(want) = &mut self.want {
            let at = date(want.at);
            want.since = want.since.moved(want.at, at);
            if let Some(number) = &mut want.number {
                number.at = number.at.moved(want.at, at);
            }
            want.at = at;
        }
        if let Some(grant) = &mut self.grant {
            let at = date(grant.at);
            grant.until = grant.until.moved(grant.at, at);
            grant.at = at;
        }
    }
}

impl Override {
    /// Reads `RFC3339;reason`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let Some((end, reason)) = text.split_once(';') else {
            return Self::malformed("it has no ';' between its end and its reason");
        };
        let Some(end) = Time::parse(end.trim()) else {
            return Self::malformed("its end is not an RFC 3339 time such as 2026-01-31T18:00:00Z");
        };
        let reason = reason.trim();
        if reason.chars().count() < REASON {
            return Self::malformed("its reason has fewer than 10 characters");
        }
        let reason = reason.to_owned();
        Self::Until { end, reason }
    }

    fn malformed(what: &str) -> Self {
        Self::Malformed(what.to_owned())
    }
}

/// The value of an annotation that holds a record.
#[must_use]
pub fn write(record: &impl Serialize) -> String {
    // Records are plain structs with string keys: they always serialise.
    serde_json::to_string(record).unwrap_or_default()
}

fn key<'de, D: Deserializer<'de>>(from: D) -> Result<GrantKey, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(GrantKey::deserialize(value).unwrap_or(GrantKey::Pod))
}

fn hinted(annotations: &BTreeMap<String, String>) -> Vec<&'static str> {
    let mut keys = vec![keys::SAFE_TO_EVICT, keys::DO_NOT_DISRUPT];
    keys.retain(|key| annotations.contains_key(*key));
    keys
}

fn json<T: DeserializeOwned>(annotations: &BTreeMap<String, String>, key: &str) -> Option<T> {
    serde_json::from_str(annotations.get(key)?).ok()
}

impl Cause {
    const ALL: [Self; 7] = [
        Self::Evict,
        Self::Delete,
        Self::Controller,
        Self::Taint,
        Self::Collector,
        Self::Preemption,
        Self::Scale,
    ];
}

impl<'de> Deserialize<'de> for Cause {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        let known = Self::ALL
            .into_iter()
            .find(|cause| cause.to_string() == word);
        Ok(known.unwrap_or(Self::Delete))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evict => "evict",
            Self::Delete => "delete",
            Self::Controller => "controller",
            Self::Taint => "taint",
            Self::Collector => "collector",
            Self::Preemption => "preemption",
            Self::Scale => "scale",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(key: &str, value: &str) -> Notes {
        let annotations = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        Notes::read(&annotations, "u-1")
    }

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn records_survive_writing_and_reading() {
        let want = Want {
            at: at(7),
            since: at(5),
            cause: Cause::Scale,
            by: "admin".to_owned(),
            number: Some(Number {
                target: 2,
                from: 5,
                at: at(1_763_560_000),
            }),
        };
        let read = notes(keys::DRAIN_REQUESTED, &write(&want)).want;
        assert_eq!(read, Some(want));
        let drain = Drain {
            container: "c-1".to_owned(),
            at: at(5),
        };
        assert_eq!(notes(keys::DRAIN, &write(&drain)).drain, Some(drain));
    }

    #[test]
    fn causes_are_read_as_they_are_written() {
        for cause in Cause::ALL {
            let word = serde_json::to_string(&cause).expect("a word");
            assert_eq!(word, format!("\"{cause}\""));
            assert_eq!(serde_json::from_str::<Cause>(&word).ok(), Some(cause));
        }
    }

    #[test]
    fn what_a_later_version_adds_is_no_reason_to_forget_the_rest() {
        let time = "\"2026-01-31T18:00:00Z\"";
        let want = format!(r#"{{"at":{time},"since":{time},"cause":"later","by":"a","more":[1]}}"#);
        let want = notes(keys::DRAIN_REQUESTED, &want).want.expect("a want");
        assert_eq!(want.cause, Cause::Delete);
        let grant = format!(
            r#"{{"uid":"u-1","container":"c","key":{{"later":{{}}}},"at":{time},"until":{time},"more":0}}"#
        );
        let grant = notes(keys::GRANT, &grant).grant.expect("a grant");
        assert_eq!(grant.key, GrantKey::Pod);
        let record = format!(r#"{{"container":"c","at":{time},"more":{{}}}}"#);
        assert!(notes(keys::DRAIN, &record).drain.is_some());
        assert!(notes(keys::DRAINED_AT, &record).drained.is_some());
        let hints = format!(r#"{{"at":{time},"held":true,"more":null}}"#);
        assert!(notes(keys::HINTED, &hints).hints.is_some());
    }

    #[test]
    fn a_grant_of_another_pod_is_none() {
        let grant = |uid: &str| Grant {
            uid: uid.to_owned(),
            container: "c".to_owned(),
            key: GrantKey::Scale {
                workload: "w".to_owned(),
                replicas: 2,
            },
            at: at(1),
            until: at(121),
        };
        let own = grant("u-1");
        assert_eq!(notes(keys::GRANT, &write(&own)).grant, Some(own));
        assert_eq!(notes(keys::GRANT, &write(&grant("u-2"))).grant, None);
    }

    #[test]
    fn what_does_not_parse_is_absent() {
        for text in ["", "{}", "null", "[1", "{\"at\":1}"] {
            assert_eq!(notes(keys::DRAIN_REQUESTED, text), Notes::default());
            assert_eq!(notes(keys::BLOCKED_SINCE, text), Notes::default());
        }
    }

    #[test]
    fn break_glass_says_what_is_wrong() {
        let wrong = |text: &str| match Override::read(text) {
            Override::Malformed(what) => what,
            good @ Override::Until { .. } => panic!("{good:?}"),
        };
        assert!(wrong("2026-01-01T00:00:00Z").contains("';'"));
        assert!(wrong("tomorrow;node is on fire").contains("RFC 3339"));
        assert!(wrong("2026-01-01T00:00:00Z; short  ").contains("10 characters"));
        let good = Override::read("2026-01-01T00:00:00Z; node is on fire ");
        let reason = "node is on fire".to_owned();
        let end = Time::parse("2026-01-01T00:00:00Z").expect("a time");
        assert_eq!(good, Override::Until { end, reason });
    }
}
