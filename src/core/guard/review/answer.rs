//! The answer's JSON. A refusal carries its own status: left to the server, it would be a 400 that no drain retries.
//! `details.retryAfterSeconds` stays out: clients would sleep inside the call.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::core::guard::ask::{Outcome, Verdict};

/// An answer, to be serialised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Status<'a> {
    #[serde(rename = "status")]
    outcome: &'static str,
    code: u16,
    reason: &'static str,
    message: &'a str,
    details: Details<'a>,
}

#[derive(Debug, Serialize)]
struct Details<'a> {
    causes: [Cause<'a>; 1],
}

#[derive(Debug, Serialize)]
struct Cause<'a> {
    reason: &'static str,
    message: &'a str,
    field: &'static str,
}

/// A change of a Scale's replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The number that is given.
    pub replicas: u32,
}

/// What an audit log shows of a dry-run.
const DRY_RUN: &str = "true";

impl<'a> Answer<'a> {
    /// The answer that a verdict asks for.
    #[must_use]
    pub fn enforced(uid: &'a str, verdict: &'a Verdict, dry_run: bool) -> Self {
        let allowed = verdict.outcome == Outcome::Allow;
        let mut answer = Self::allowed(uid);
        answer.response.allowed = allowed;
        answer.response.status = (!allowed).then(|| status(verdict));
        let warnings = verdict.warnings.iter().map(|text| plain(text));
        answer.response.warnings = warnings.collect();
        answer.audit("enforce", verdict, dry_run);
        answer
    }

    /// The answer of audit mode: allowed, and what would have been said.
    #[must_use]
    pub fn audited(uid: &'a str, verdict: &'a Verdict, dry_run: bool) -> Self {
        let mut answer = Self::allowed(uid);
        let mut warnings: Vec<_> = verdict.warnings.iter().map(|text| plain(text)).collect();
        if verdict.outcome != Outcome::Allow {
            let text = format!("audit: would be refused: {}", verdict.message);
            warnings.insert(0, Cow::Owned(plain(&text).into_owned()));
        }
        answer.response.warnings = warnings;
        answer.audit("audit", verdict, dry_run);
        answer
    }

    /// An allow that nothing needs to be said about.
    #[must_use]
    pub const fn allowed(uid: &'a str) -> Self {
        Self {
            api_version: "admission.k8s.io/v1",
            kind: "AdmissionReview",
            response: Response {
                uid,
                allowed: true,
                status: None,
                warnings: Vec::new(),
                audit_annotations: BTreeMap::new(),
                patch: None,
                patch_type: None,
            },
        }
    }

    /// An allow that changes the number of replicas. `add`, since the server leaves 0 out.
    #[must_use]
    pub fn patched(uid: &'a str, patch: Patch, warning: &'a str, dry_run: bool) -> Self {
        let mut answer = Self::allowed(uid);
        let number = patch.replicas;
        let text = format!(r#"[{{"op":"add","path":"/spec/replicas","value":{number}}}]"#);
        answer.response.patch = Some(STANDARD.encode(text));
        answer.response.patch_type = Some("JSONPatch");
        answer.response.warnings = vec![plain(warning)];
        let notes = &mut answer.response.audit_annotations;
        notes.extend([
            ("mode", "enforce"),
            ("reason", "Clamped"),
            ("message", warning),
        ]);
        if dry_run {
            notes.insert("dry-run", DRY_RUN);
        }
        answer
    }

    fn audit(&mut self, mode: &'static str, verdict: &'a Verdict, dry_run: bool) {
        let notes = &mut self.response.audit_annotations;
        notes.insert("mode", mode);
        notes.insert("row", verdict.row.number());
        notes.insert("reason", verdict.row.reason());
        if dry_run {
            notes.insert("dry-run", DRY_RUN);
        }
        if !verdict.message.is_empty() {
            notes.insert("message", &verdict.message);
        }
    }
}

fn status(verdict: &Verdict) -> Status<'_> {
    let code = verdict.outcome.code();
    Status {
        outcome: "Failure",
        code,
        reason: if code == 403 {
            "Forbidden"
        } else {
            "TooManyRequests"
        },
        message: &verdict.message,
        details: Details {
            causes: [Cause {
                reason: verdict.row.reason(),
                message: &verdict.message,
                field: "metadata.name",
            }],
        },
    }
}

/// Warnings travel in an HTTP header: one line of printable ASCII.
fn plain(text: &str) -> Cow<'_, str> {
    let good = |c: char| c == ' ' || c.is_ascii_graphic();
    if text.chars().all(good) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .map(|c| if good(c) { c } else { '?' })
            .collect(),
    )
}
