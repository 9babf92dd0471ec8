//! Who may talk to the API server and how: tokens, kubeconfig files, clients that act as somebody else.

use std::path::{Path, PathBuf};

use anyhow::Result;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;

use super::certs::Certs;

/// The API server's list of tokens, in the plane's folder.
pub const TOKENS: &str = "tokens.csv";

const ADMIN_TOKEN: &str = "admintoken";

/// How to reach one API server.
#[derive(Clone)]
pub struct Access {
    /// `https://127.0.0.1:PORT`
    pub server: String,
    /// The file that certifies it.
    pub authority: String,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
}

impl Access {
    /// Writes the list of tokens and the administrator's kubeconfig into `folder`.
    pub fn write(folder: &Path, port: u16, certs: &Certs) -> Result<Self> {
        let tokens = format!("{ADMIN_TOKEN},admin,admin,system:masters\n");
        std::fs::write(folder.join(TOKENS), tokens)?;
        let access = Self {
            server: format!("https://127.0.0.1:{port}"),
            authority: certs.path("ca.crt"),
            kubeconfig: folder.join("admin.kubeconfig"),
        };
        access.write_kubeconfig(
            &access.kubeconfig,
            "default",
            &json!({"token": ADMIN_TOKEN}),
        )?;
        Ok(access)
    }

    /// Writes a kubeconfig whose user is `user`, for example `{"tokenFile": …}`.
    pub fn write_kubeconfig(
        &self,
        path: &Path,
        namespace: &str,
        user: &serde_json::Value,
    ) -> Result<()> {
        let content = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.server, "certificate-authority": self.authority}}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        });
        Ok(std::fs::write(path, content.to_string())?)
    }

    /// Writes a kubeconfig whose user acts as `user` and may do everything.
    pub fn write_acting_as(&self, path: &Path, user: &str) -> Result<()> {
        let user = json!({"token": ADMIN_TOKEN, "as": user, "as-groups": ["system:masters"]});
        self.write_kubeconfig(path, "default", &user)
    }

    /// A client of the administrator.
    pub async fn admin(&self) -> Result<Client> {
        self.client(&json!({"token": ADMIN_TOKEN})).await
    }

    /// A client of the administrator that takes each answer as it is, where others ask again after 429 and 503 themselves.
    pub async fn asking_once(&self) -> Result<Client> {
        let mut config = self.config(&json!({"token": ADMIN_TOKEN})).await?;
        config.default_retry = false;
        Ok(Client::try_from(config)?)
    }

    /// A client that acts as `user` with these groups and takes each answer as it is.
    pub async fn acting_once_as(&self, user: &str, groups: &[&str]) -> Result<Client> {
        let user = json!({"token": ADMIN_TOKEN, "as": user, "as-groups": groups});
        let mut config = self.config(&user).await?;
        config.default_retry = false;
        Ok(Client::try_from(config)?)
    }

    /// A client that acts as `user` with these groups.
    pub async fn acting_as(&self, user: &str, groups: &[&str]) -> Result<Client> {
        self.client(&json!({"token": ADMIN_TOKEN, "as": user, "as-groups": groups}))
            .await
    }

    /// A client that acts as the kubelet of a node.
    pub async fn acting_as_node(&self, node: &str) -> Result<Client> {
        self.acting_as(&format!("system:node:{node}"), &["system:nodes"])
            .await
    }

    async fn client(&self, user: &serde_json::Value) -> Result<Client> {
        Ok(Client::try_from(self.config(user).await?)?)
    }

    async fn config(&self, user: &serde_json::Value) -> Result<kube::Config> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("kubeconfig");
        self.write_kubeconfig(&path, "default", user)?;
        let kubeconfig = Kubeconfig::read_from(path)?;
        Ok(kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
    }
}
