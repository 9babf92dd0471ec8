//! What a worker itself says about its tasks: `/v1/task?summarize`, asked as another node of the
//! cluster would. The tests' measure of what the exporter publishes; shares no code with it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::http;
use crate::trino::{Node, Version};
use crate::trino_config::ENVIRONMENT;

/// One task as its worker reports it.
#[derive(Clone, Debug)]
pub struct Task {
    pub query: String,
    pub state: String,
    pub buffer_type: String,
    pub buffer_state: String,
    pub bytes: u64,
    pub pages: u64,
    pub pages_sent: u64,
    pub overutilized: bool,
}

/// Sums over the tasks of one worker whose output somebody can still lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtRisk {
    pub active: u64,
    pub bytes: u64,
    pub pages: u64,
}

impl Task {
    /// The definition of the README: a live task with a live buffer that is not spooled outside.
    pub fn is_at_risk(&self) -> bool {
        let done = ["FINISHED", "CANCELED", "ABORTED", "FAILED"];
        let over = ["FINISHED", "ABORTED", "FAILED"];
        !done.contains(&self.state.as_str())
            && !over.contains(&self.buffer_state.as_str())
            && !self.is_external()
    }

    /// Whether the output lives outside of the worker.
    pub fn is_external(&self) -> bool {
        ["EXTERNAL", "SPOOLING"].contains(&self.buffer_type.as_str())
    }

    fn read(info: &Value) -> Result<Self> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (status, buffers) = (&info["taskStatus"], &info["outputBuffers"]);
        let id = status["taskId"].as_str().context("a task has an id")?;
        let number = |key: &str| {
            buffers[key]
                .as_u64()
                .with_context(|| format!("{id} has no {key}"))
        };
        Ok(Self {
            query: id.split('.').next().unwrap_or_default().to_owned(),
            state: word(&status["state"]),
            buffer_type: word(&buffers["type"]),
            buffer_state: word(&buffers["state"]),
            bytes: number("totalBufferedBytes")?,
            pages: number("totalBufferedPages")?,
            pages_sent: number("totalPagesSent")?,
            overutilized: status["outputBufferStatus"]["overutilized"] == true,
        })
    }
}

/// All tasks that a worker still knows, ended ones included.
pub async fn tasks(worker: &Node) -> Result<Vec<Task>> {
    tasks_at(&worker.url(), worker.version, &worker.name).await
}

/// The same of the worker behind this URL, whose node id is `name`.
pub async fn tasks_at(url: &str, version: Version, name: &str) -> Result<Vec<Task>> {
    let url = format!("{url}/v1/task?summarize");
    let bearer = bearer(version, ENVIRONMENT, name)?;
    let list = http::get(&url, &[("X-Trino-Internal-Bearer", &bearer)])
        .await?
        .json()?;
    let list = list.as_array().context("a list of tasks")?;
    list.iter().map(Task::read).collect()
}

/// The sums of one worker over all queries.
pub async fn at_risk(worker: &Node) -> Result<AtRisk> {
    let mut sums = AtRisk::default();
    for task in tasks(worker).await?.iter().filter(|task| task.is_at_risk()) {
        sums.active += 1;
        sums.bytes += task.bytes;
        sums.pages += task.pages;
    }
    Ok(sums)
}

/// Pages ever added to buffers that are not external, by query.
pub async fn pages_sent(worker: &Node) -> Result<BTreeMap<String, u64>> {
    let mut sums = BTreeMap::new();
    for task in tasks(worker)
        .await?
        .iter()
        .filter(|task| !task.is_external())
    {
        *sums.entry(task.query.clone()).or_default() += task.pages_sent;
    }
    Ok(sums)
}

/// The token by which Trino's nodes know each other: HS256 with a key made of the shared secret,
/// which is the environment's name where none is configured.
fn bearer(version: Version, secret: &str, subject: &str) -> Result<String> {
    let expiry = SystemTime::now() + Duration::from_secs(300);
    let expiry = expiry.duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256"}).to_string());
    let claims = URL_SAFE_NO_PAD.encode(json!({"sub": subject, "exp": expiry}).to_string());
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(sign(&key(version, secret), signed.as_bytes()));
    Ok(format!("{signed}.{signature}"))
}

/// 476 hashes the secret; 482 derives the key from it (HKDF with SHA-256, no salt, 32 bytes).
fn key(version: Version, secret: &str) -> Vec<u8> {
    match version {
        Version::Nested => digest::digest(&digest::SHA256, secret.as_bytes())
            .as_ref()
            .to_vec(),
        Version::Flat => sign(
            &sign(&[0; 32], secret.as_bytes()),
            b"internal-communication\x01",
        ),
    }
}

fn sign(key: &[u8], content: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), content)
        .as_ref()
        .to_vec()
}
