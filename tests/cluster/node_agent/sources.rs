//! What volumes are made of, read from the API: keys of Secrets and ConfigMaps, service account tokens, fields of the
//! pod. Reads only; `volumes` writes the files.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{
    ConfigMap, KeyToPath, Pod, Secret, ServiceAccount, ServiceAccountTokenProjection, Volume,
    VolumeProjection,
};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt as _};

use super::pod;

/// After a failure.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Tokens are asked for an hour and renewed well before.
const TOKEN_AGE: Duration = Duration::from_secs(1800);

/// Content by file name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Reads for one pod.
pub struct Sources {
    client: Client,
    namespace: String,
    token: Option<(Instant, String)>,
}

impl Sources {
    /// Reads in this namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            token: None,
        }
    }

    /// A volume's files at this moment.
    pub async fn read(&mut self, volume: &Volume, pod: &Pod) -> Result<Files> {
        if let Some(secret) = &volume.secret {
            let name = secret.secret_name.as_deref().unwrap_or_default();
            let keys = self
                .secret(name, secret.optional.unwrap_or_default())
                .await?;
            return pick(keys, secret.items.as_deref());
        }
        if let Some(map) = &volume.config_map {
            let keys = self
                .config_map(&map.name, map.optional.unwrap_or_default())
                .await?;
            return pick(keys, map.items.as_deref());
        }
        let projected = volume.projected.as_ref();
        let sources = projected.and_then(|projected| projected.sources.as_ref());
        let mut files = Files::new();
        for source in sources.into_iter().flatten() {
            files.append(&mut self.projection(source, pod).await?);
        }
        if projected.is_none() && volume.empty_dir.is_none() {
            bail!("volumes of this kind are not made here");
        }
        Ok(files)
    }

    /// One key of a Secret, for an environment variable.
    pub async fn secret_key(&self, name: &str, key: &str) -> Result<String> {
        let value = self.secret(name, false).await?.remove(key);
        let value = value.with_context(|| format!("Secret {name} has no key {key}"))?;
        Ok(String::from_utf8(value)?)
    }

    /// One key of a ConfigMap, for an environment variable.
    pub async fn config_map_key(&self, name: &str, key: &str) -> Result<String> {
        let value = self.config_map(name, false).await?.remove(key);
        let value = value.with_context(|| format!("ConfigMap {name} has no key {key}"))?;
        Ok(String::from_utf8(value)?)
    }

    async fn projection(&mut self, source: &VolumeProjection, pod: &Pod) -> Result<Files> {
        if let Some(token) = &source.service_account_token {
            let content = self.token(token, pod).await?.into_bytes();
            return Ok(Files::from([(token.path.clone(), content)]));
        }
        if let Some(map) = &source.config_map {
            let keys = self
                .config_map(&map.name, map.optional.unwrap_or_default())
                .await?;
            return pick(keys, map.items.as_deref());
        }
        if let Some(secret) = &source.secret {
            let keys = self
                .secret(&secret.name, secret.optional.unwrap_or_default())
                .await?;
            return pick(keys, secret.items.as_deref());
        }
        let fields = source
            .downward_api
            .as_ref()
            .and_then(|api| api.items.as_ref());
        let mut files = Files::new();
        for item in fields.into_iter().flatten() {
            let path = item
                .field_ref
                .as_ref()
                .map(|field| field.field_path.as_str());
            let value = pod::field(pod, path.unwrap_or_default(), "")?;
            files.insert(item.path.clone(), value.into_bytes());
        }
        Ok(files)
    }

    async fn token(&mut self, wanted: &ServiceAccountTokenProjection, pod: &Pod) -> Result<String> {
        if let Some((made, token)) = &self.token
            && made.elapsed() < TOKEN_AGE
        {
            return Ok(token.clone());
        }
        let account = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.service_account_name.as_deref());
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: wanted.audience.iter().cloned().collect(),
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".into()),
                    kind: Some("Pod".into()),
                    name: Some(pod.name_any()),
                    uid: pod.uid(),
                }),
                expiration_seconds: wanted.expiration_seconds,
            },
            ..TokenRequest::default()
        };
        let made = Api::<ServiceAccount>::namespaced(self.client.clone(), &self.namespace)
            .create_token_request(
                account.unwrap_or("default"),
                &PostParams::default(),
                &request,
            )
            .await?;
        let token = made.status.context("a token request's status")?.token;
        self.token = Some((Instant::now(), token.clone()));
        Ok(token)
    }

    async fn secret(&self, name: &str, optional: bool) -> Result<Files> {
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.namespace);
        let found = api.get_opt(name).await?;
        if found.is_none() && !optional {
            bail!("Secret {name} is missing");
        }
        let data = found.and_then(|secret| secret.data).unwrap_or_default();
        Ok(data
            .into_iter()
            .map(|(key, value)| (key, value.0))
            .collect())
    }

    async fn config_map(&self, name: &str, optional: bool) -> Result<Files> {
        let api = Api::<ConfigMap>::namespaced(self.client.clone(), &self.namespace);
        let found = api.get_opt(name).await?;
        if found.is_none() && !optional {
            bail!("ConfigMap {name} is missing");
        }
        let data = found.and_then(|map| map.data).unwrap_or_default();
        let bytes = |(key, value): (String, String)| (key, value.into_bytes());
        Ok(data.into_iter().map(bytes).collect())
    }
}

/// All keys, or those that `items` names under the names that it gives them.
fn pick(mut keys: Files, items: Option<&[KeyToPath]>) -> Result<Files> {
    let Some(items) = items else {
        return Ok(keys);
    };
    let one = |item: &KeyToPath| {
        let value = keys.remove(&item.key);
        let value = value.with_context(|| format!("there is no key {}", item.key))?;
        Ok((item.path.clone(), value))
    };
    items.iter().map(one).collect()
}
