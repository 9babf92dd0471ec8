//! Real kubectl and real Helm against a plane, and what a test does with them at every turn: apply, namespaces.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::Plane;
use crate::story::say;
use crate::tool::{self, Said};
use crate::{parts, wait};

/// Whoever insists asks so often, and this far apart.
const TRIES: usize = 150;
const PAUSE: Duration = Duration::from_secs(2);

/// Lines that begin the same are the same message again.
const SAME: usize = 70;

impl Plane {
    /// A command of kubectl as the administrator, for those who want to watch it run.
    pub fn kubectl_command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Command> {
        let mut command = Command::new(parts::command("kube", "kubectl")?);
        command
            .args(arguments)
            .env("KUBECONFIG", &self.access.kubeconfig)
            // Discovery is cached in the home folder otherwise, under a port that the next plane may have.
            .env("KUBECACHEDIR", self.folder().join("kubectl"));
        Ok(command)
    }

    /// Runs kubectl to its end, in a thread of its own since it may take minutes.
    pub async fn kubectl<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Said> {
        let command = self.kubectl_command(arguments)?;
        tokio::task::spawn_blocking(move || tool::run(command, "")).await?
    }

    /// `kubectl apply` of these manifests.
    pub async fn apply(&self, manifests: &str) -> Result<()> {
        let command = self.kubectl_command(&["apply", "-f", "-"])?;
        let input = manifests.to_owned();
        let said = tokio::task::spawn_blocking(move || tool::run(command, &input)).await??;
        said.ok().map(drop).context("kubectl apply")
    }

    /// Runs kubectl and prints what was asked and what it said. Fails when it failed.
    pub async fn show<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<()> {
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.as_ref().to_string_lossy())
            .collect();
        say!("  $ kubectl {}", words.join(" "));
        let said = self.kubectl(arguments).await?;
        digest(&said);
        said.ok().map(drop)
    }

    /// Runs kubectl again and again until it is not refused any more, as a person or a script does. Gives what it said
    /// at each refusal.
    pub async fn insist<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Vec<String>> {
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.as_ref().to_string_lossy())
            .collect();
        say!("  $ until kubectl {}; do sleep 2; done", words.join(" "));
        let mut refusals = Vec::new();
        for _ in 0..TRIES {
            let said = self.kubectl(arguments).await?;
            if said.success {
                if let Some(first) = refusals.first() {
                    say!("    refused {} times, at first: {first}", refusals.len());
                }
                digest(&said);
                return Ok(refusals);
            }
            refusals.push(said.stderr.trim().to_owned());
            tokio::time::sleep(PAUSE).await;
        }
        bail!("refused {TRIES} times, last: {:?}", refusals.last())
    }

    /// Real Helm against this plane.
    pub async fn helm<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Said> {
        let mut command = Command::new(parts::command("helm", "helm")?);
        command
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("KUBECONFIG", &self.access.kubeconfig);
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(variable, self.folder().join("helm"));
        }
        tokio::task::spawn_blocking(move || tool::run(command, "")).await?
    }

    /// Creates a namespace with these labels and waits for its service account, without which no pod is admitted.
    pub async fn namespace(&self, name: &str, labels: &[(&str, &str)]) -> Result<()> {
        let labels: std::collections::BTreeMap<_, _> = labels.iter().copied().collect();
        let wanted = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
        });
        Api::<Namespace>::all(self.client.clone())
            .patch(name, &PatchParams::apply("tests"), &Patch::Apply(wanted))
            .await?;
        let accounts = Api::<ServiceAccount>::namespaced(self.client.clone(), name);
        wait::until("the namespace's service account", 60, async || {
            Ok(accounts.get_opt("default").await?.map(drop))
        })
        .await
    }
}

/// Prints what was said; a message that comes again and again only once, with its count.
fn digest(said: &Said) {
    let start = |line: &str| line.chars().take(SAME).collect::<String>();
    let mut times: HashMap<String, usize> = HashMap::new();
    let lines = || said.stdout.lines().chain(said.stderr.lines());
    for line in lines() {
        *times.entry(start(line)).or_default() += 1;
    }
    for line in lines() {
        match times.remove(&start(line)) {
            Some(1) => say!("    {line}"),
            Some(count) => say!("    {line}\n      … {count} times in all"),
            None => {}
        }
    }
}
