//! A pod whose image is ours: the binary under test with the arguments, variables and volumes of the pod's first
//! container, reaching the API server as the pod's service account. There is no container, so mounted paths are
//! translated wherever they are named.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::{Container, EnvVar, HTTPGetAction, Pod};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use serde_json::json;
use tokio::task::JoinHandle;

use super::body::{Place, Probe};
use super::pod;
use super::sources::Sources;
use super::volumes::Mounts;
use super::wire::Wire;
use crate::leash::Leashed;
use crate::plane::Access;

/// Where service account tokens are mounted in every pod.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What belongs to a running program beside its process.
pub struct Program {
    address: String,
    files: JoinHandle<()>,
    _wire: Wire,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.files.abort();
    }
}

/// Whether the pod's image is ours: its last name is `xtrinode`, or that of a chart of ours.
pub fn is_ours(pod: &Pod) -> bool {
    let image = pod::container(pod).and_then(|container| container.image.as_deref());
    let image = image.unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    let name = name.split([':', '@']).next().unwrap_or_default();
    matches!(name, "xtrinode" | "trino-buffer-exporter")
}

impl Program {
    /// Starts it; fails while a file or a variable is missing.
    pub async fn start(place: &Place, pod: &Pod) -> Result<(Leashed, Self)> {
        let Some(container) = pod::container(pod) else {
            bail!("the pod has no container");
        };
        let folder = place.folder(pod);
        let address = place.address.to_string();
        let client = place.shared.client.clone();
        let mut sources = Sources::new(client, &pod.namespace().unwrap_or_default());
        let mut mounts = Mounts::of(pod, &folder.join("root"), &address);
        mounts.sync(&mut sources, pod).await?;
        let mut variables = variables(container, pod, &sources, &mounts, &address).await?;
        let name = (pod.namespace().unwrap_or_default(), pod.name_any());
        let wire = place.shared.wires.lay(name, &place.shared.access.server);
        let wire = wire.await?;
        let kubeconfig = kubeconfig(place, pod, &mounts, &wire)?;
        variables.push(("KUBECONFIG".into(), kubeconfig));
        let arguments: Vec<String> = arguments(container)
            .map(|argument| mounts.translate(&expand(argument, &variables)))
            .collect();
        let binary = Path::new(env!("CARGO_BIN_EXE_xtrinode"));
        let process = Leashed::start_with(binary, arguments, &variables, &folder, &place.log(pod))?;
        let files = tokio::spawn(mounts.keep_up(sources, pod.clone()));
        let program = Self {
            address,
            files,
            _wire: wire,
        };
        Ok((process, program))
    }

    /// How the pod's readiness is asked for.
    pub fn probe(&self, pod: &Pod) -> Probe {
        let container = pod::container(pod);
        let probe = container.and_then(|container| container.readiness_probe.as_ref());
        let Some(get) = probe.and_then(|probe| probe.http_get.as_ref()) else {
            return Probe::Always;
        };
        let scheme = get.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
        let port = port(container, get);
        let path = get.path.as_deref().unwrap_or("/");
        Probe::Http(format!("{scheme}://{}:{port}{path}", self.address))
    }
}

/// The image's entry point is the program, so `command` names it again.
fn arguments(container: &Container) -> impl Iterator<Item = &str> {
    let command = container.command.iter().flatten().skip(1);
    let arguments = container.args.iter().flatten();
    command.chain(arguments).map(String::as_str)
}

async fn variables(
    container: &Container,
    pod: &Pod,
    sources: &Sources,
    mounts: &Mounts,
    address: &str,
) -> Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for variable in container.env.iter().flatten() {
        let value = value(variable, pod, sources, address).await?;
        let value = mounts.translate(&expand(&value, &variables));
        variables.push((variable.name.clone(), value));
    }
    Ok(variables)
}

async fn value(variable: &EnvVar, pod: &Pod, sources: &Sources, address: &str) -> Result<String> {
    let Some(from) = &variable.value_from else {
        return Ok(variable.value.clone().unwrap_or_default());
    };
    if let Some(field) = &from.field_ref {
        return pod::field(pod, &field.field_path, address);
    }
    if let Some(secret) = &from.secret_key_ref {
        return sources.secret_key(&secret.name, &secret.key).await;
    }
    if let Some(map) = &from.config_map_key_ref {
        return sources.config_map_key(&map.name, &map.key).await;
    }
    bail!("the node agent can't make the variable {}", variable.name)
}

/// `$(NAME)` becomes the variable's value.
fn expand(text: &str, variables: &[(String, String)]) -> String {
    variables
        .iter()
        .fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("$({name})"), value)
        })
}

/// A kubeconfig that stands for the service account's mounted token; a file that is not there when none is mounted, so
/// that the program never finds somebody else's.
fn kubeconfig(place: &Place, pod: &Pod, mounts: &Mounts, wire: &Wire) -> Result<String> {
    let path: PathBuf = place.folder(pod).join("kubeconfig");
    if let Some(folder) = mounts.folder(ACCOUNT) {
        let user = json!({"tokenFile": folder.join("token")});
        let namespace = pod.namespace().unwrap_or_default();
        let access = Access {
            server: format!("https://{}", wire.address),
            ..place.shared.access.clone()
        };
        access.write_kubeconfig(&path, &namespace, &user)?;
    }
    Ok(path.display().to_string())
}

fn port(container: Option<&Container>, get: &HTTPGetAction) -> i32 {
    match &get.port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let ports = container.and_then(|container| container.ports.as_ref());
            let mut ports = ports.into_iter().flatten();
            ports
                .find(|port| port.name.as_ref() == Some(name))
                .map_or(0, |port| port.container_port)
        }
    }
}
