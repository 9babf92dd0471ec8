//! What the callers of each kind do, and how a cluster is made whole after it.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, EvictParams, ListParams, Patch, PatchParams,
    PostParams,
};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::act::{Act, Answer, answer};
use super::kind::Kind;
use crate::node_agent::RESERVED;
use crate::trino_on_plane::Owner;

const WORKLOAD: &str = "trino-worker";

impl Act<'_> {
    /// Does it.
    pub(super) async fn perform(&self, chance: &mut fastrand::Rng) -> Result<()> {
        let mut workers = self.member.pods.of("worker");
        ensure!(!workers.is_empty(), "there is no worker");
        chance.shuffle(&mut workers);
        match self.kind {
            Kind::Eviction => self.evict(&workers[0]).await,
            Kind::Deletion => self.delete(&workers[0], &[], DeleteParams::default()).await,
            Kind::ForcedDeletion => {
                let options = ["--force", "--grace-period=0"];
                let now = DeleteParams::default().grace_period(0);
                self.delete(&workers[0], &options, now).await
            }
            Kind::Collection => self.collection(&workers[..2.min(workers.len())]).await,
            Kind::Drain => self.drain(&workers, 1).await,
            Kind::DrainOfTwo => self.drain(&workers, 2).await,
            Kind::Scale | Kind::ScaleByHpa | Kind::Edit => self.fewer(&workers, chance).await,
            Kind::Rollout => self.rollout(&workers).await,
            Kind::Taint => self.taint(&workers).await,
            Kind::Coordinator => {
                let pod = self.member.pods.of("coordinator");
                self.evict(pod.first().context("a coordinator")?).await
            }
            Kind::Recreation => self.recreation(&workers).await,
            Kind::Uninstall => self.uninstall(workers).await,
        }
    }

    /// Makes the cluster what it was: nodes in use, all replicas.
    pub(super) async fn restore(&self) -> Result<()> {
        let spec = &self.member.cluster.spec;
        match self.kind {
            Kind::Drain | Kind::DrainOfTwo => {
                for number in 1..=3 {
                    self.member.world.uncordon(&spec.node(number)).await?;
                }
                Ok(())
            }
            Kind::Taint => {
                for number in 1..=3 {
                    self.set_taints(&spec.node(number), false).await?;
                }
                Ok(())
            }
            Kind::Scale | Kind::ScaleByHpa | Kind::Edit => {
                let replicas = spec.workers;
                self.insist(async || self.patch_scale(replicas).await).await
            }
            _ => Ok(()),
        }
    }

    async fn evict(&self, pod: &Pod) -> Result<()> {
        let api = self.api();
        let name = pod.name_any();
        self.insist(async || answer(api.evict(&name, &EvictParams::default()).await))
            .await?;
        self.gone(std::slice::from_ref(pod)).await
    }

    async fn delete(&self, pod: &Pod, options: &[&str], parameters: DeleteParams) -> Result<()> {
        let (api, name, space) = (self.api(), pod.name_any(), self.space());
        let arguments = [
            ["delete", "pod", &space, &name, "--wait=false"].as_slice(),
            options,
        ]
        .concat();
        self.insist(async || {
            if self.member.cluster.spec.simulated {
                answer(api.delete(&name, &parameters).await)
            } else {
                self.kubectl(&arguments).await
            }
        })
        .await?;
        self.gone(std::slice::from_ref(pod)).await
    }

    async fn collection(&self, pods: &[Pod]) -> Result<()> {
        self.expect(pods.len());
        let api = self.api();
        // Only those that are there now: their replacements don't have it.
        let mark = json!({"metadata": {"labels": {"tests/old": "yes"}}});
        for pod in pods {
            let patch = Patch::Merge(&mark);
            api.patch(&pod.name_any(), &PatchParams::default(), &patch)
                .await?;
        }
        let old = ListParams::default().labels("tests/old=yes");
        self.insist(async || {
            let deletion = answer(api.delete_collection(&DeleteParams::default(), &old).await)?;
            let is_left = |pod: &Pod| {
                pod.uid()
                    .is_none_or(|uid| self.member.pods.removed(&uid).is_none())
            };
            Ok(match deletion {
                Answer::Allowed if pods.iter().any(is_left) => {
                    Answer::Refused("some are left".into())
                }
                other => other,
            })
        })
        .await
    }

    /// One real `kubectl drain`, which asks again every 5 s by itself.
    async fn drain(&self, workers: &[Pod], count: usize) -> Result<()> {
        let mut nodes: Vec<&str> = workers.iter().filter_map(node).collect();
        let mut seen = std::collections::BTreeSet::new();
        nodes.retain(|node| seen.insert(*node));
        nodes.truncate(count);
        let victims = on(workers, &nodes);
        self.expect(victims.len());
        let arguments = [&["drain", "--timeout=900s"], nodes.as_slice()].concat();
        let said = self.member.world.plane.kubectl(&arguments).await?;
        for line in said
            .stderr
            .lines()
            .filter(|line| line.contains("will retry"))
        {
            self.refusals.set(self.refusals.get() + 1);
            self.tell(line);
        }
        ensure!(said.success, "kubectl drain failed: {}", said.stderr);
        self.check("kubectl drain")?;
        self.gone(&victims).await
    }

    /// One or two fewer.
    async fn fewer(&self, workers: &[Pod], chance: &mut fastrand::Rng) -> Result<()> {
        let count = chance.usize(1..=2.min(workers.len() - 1));
        self.expect(count);
        let replicas = workers.len() - count;
        self.insist(async || match self.kind {
            Kind::ScaleByHpa => self.scale_as_hpa(replicas).await,
            Kind::Edit => self.edit(json!({"spec": {"replicas": replicas}})).await,
            _ if self.member.cluster.spec.simulated => self.patch_scale(replicas).await,
            _ => {
                let replicas = format!("--replicas={replicas}");
                let workload = self.member.cluster.spec.workload();
                self.kubectl(&["scale", &self.space(), workload, &replicas])
                    .await
            }
        })
        .await?;
        self.until("too many are there", || self.removed(workers) >= count)
            .await
    }

    async fn rollout(&self, workers: &[Pod]) -> Result<()> {
        self.expect(workers.len());
        let at = jiff::Timestamp::now().to_string();
        let restart = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": at}}}}});
        self.insist(async || self.edit(restart.clone()).await)
            .await?;
        self.gone(workers).await
    }

    async fn taint(&self, workers: &[Pod]) -> Result<()> {
        let node = node(&workers[0]).context("the worker's node")?;
        let victims = on(workers, &[node]);
        self.expect(victims.len());
        self.set_taints(node, true).await?;
        self.gone(&victims).await
    }

    /// Deleted and at once made again, as by a tool that replaces what it may not change.
    async fn recreation(&self, workers: &[Pod]) -> Result<()> {
        self.expect(workers.len());
        self.insist(async || {
            let workload = self.workload(&self.member.world.plane.once);
            answer(workload.delete(WORKLOAD, &DeleteParams::background()).await)
        })
        .await?;
        self.make().await?;
        self.gone(workers).await
    }

    /// Helm's order: Services first, then workloads; it does not wait for pods.
    async fn uninstall(&self, mut pods: Vec<Pod>) -> Result<()> {
        pods.extend(self.member.pods.of("coordinator"));
        self.expect(pods.len());
        let client = self.member.world.plane.once.clone();
        let namespace = self.member.name();
        let services = Api::<Service>::namespaced(client.clone(), namespace);
        let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);
        let now = DeleteParams::background();
        self.insist(async || answer(services.delete("trino", &now).await))
            .await?;
        self.insist(async || answer(deployments.delete("trino-coordinator", &now).await))
            .await?;
        self.insist(async || answer(self.workload(&client).delete(WORKLOAD, &now).await))
            .await?;
        self.gone(&pods).await?;
        // A new coordinator would find workers that are still ending, and give them work that no webhook knew of.
        let stands = |pod: &Pod| pod.uid().is_some_and(|uid| self.member.pods.stands(&uid));
        self.until("some are still ending", || !pods.iter().any(stands))
            .await?;
        self.make().await
    }

    async fn make(&self) -> Result<()> {
        let items = self.member.cluster.spec.items();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        self.member.world.plane.apply(&list.to_string()).await
    }

    async fn patch_scale(&self, replicas: usize) -> Result<Answer> {
        let workload = self.workload(&self.member.world.plane.once);
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        answer(
            workload
                .patch_scale(WORKLOAD, &PatchParams::default(), &patch)
                .await,
        )
    }

    async fn scale_as_hpa(&self, replicas: usize) -> Result<Answer> {
        let workload = self.workload(&self.member.hpa);
        let mut scale = workload.get_scale(WORKLOAD).await?;
        let spec = scale.spec.as_mut().context("a scale has a spec")?;
        spec.replicas = Some(i32::try_from(replicas)?);
        answer(
            workload
                .replace_scale(WORKLOAD, &PostParams::default(), &scale)
                .await,
        )
    }

    async fn edit(&self, patch: Value) -> Result<Answer> {
        let workload = self.workload(&self.member.world.plane.once);
        answer(
            workload
                .patch(WORKLOAD, &PatchParams::default(), &Patch::Merge(patch))
                .await,
        )
    }

    async fn set_taints(&self, node: &str, leaving: bool) -> Result<()> {
        let mut taints =
            vec![json!({"key": RESERVED, "value": self.member.name(), "effect": "NoSchedule"})];
        if leaving {
            taints.push(json!({"key": "tests/leaving", "value": "soon", "effect": "NoExecute"}));
        }
        let api = Api::<Node>::all(self.member.world.plane.client.clone());
        let patch = Patch::Merge(json!({"spec": {"taints": taints}}));
        api.patch(node, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// How many of these were allowed to go.
    fn removed(&self, pods: &[Pod]) -> usize {
        let uids = pods.iter().filter_map(ResourceExt::uid);
        uids.filter(|uid| self.member.pods.removed(uid).is_some())
            .count()
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.member.world.plane.once.clone(), self.member.name())
    }

    fn workload(&self, client: &Client) -> Api<DynamicObject> {
        let resource = match self.member.cluster.spec.owner {
            Owner::Deployment => ApiResource::erase::<Deployment>(&()),
            Owner::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        };
        Api::namespaced_with(client.clone(), self.member.name(), &resource)
    }

    fn space(&self) -> String {
        format!("--namespace={}", self.member.name())
    }
}

fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

fn on(pods: &[Pod], nodes: &[&str]) -> Vec<Pod> {
    let is_there = |pod: &&Pod| node(pod).is_some_and(|node| nodes.contains(&node));
    pods.iter().filter(is_there).cloned().collect()
}
