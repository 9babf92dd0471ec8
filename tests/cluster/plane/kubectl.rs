//! Real kubectl and real Helm against a plane, and what a test does with them at every turn: apply, namespaces.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::Plane;
use crate::tool::{self, Said};
use crate::{parts, wait};

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
        println!("  $ kubectl {}", words.join(" "));
        let said = self.kubectl(arguments).await?;
        for line in said.stdout.lines().chain(said.stderr.lines()) {
            println!("    {line}");
        }
        said.ok().map(drop)
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
