//! What a kubelet writes into a pod's status, as JSON for a merge patch. Pure: times and facts come from outside.

use jiff::Timestamp;
use serde_json::{Value, json};

/// What is true of a pod's process.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The pod's own address.
    pub address: String,
    /// Names and images of the pod's containers; the first one is the process.
    pub containers: Vec<(String, String)>,
    /// `xtrinode-test://…`, new for every start of the process.
    pub container_id: String,
    pub restarts: u32,
    /// When the pod came to its node.
    pub begun: Timestamp,
    /// What the process does.
    pub state: State,
    /// Exit code of the process before this one.
    pub last_exit: Option<i32>,
}

/// The first container's state.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Not started yet, with a reason.
    Waiting(String),
    /// Running since a time, ready since another or not.
    Running {
        since: Timestamp,
        ready: Result<Timestamp, Timestamp>,
    },
    /// Ended for good at a time, with this code.
    Ended { code: i32, at: Timestamp },
}

impl Facts {
    /// The status as a merge patch; the pod's uid makes it fail on a successor of the same name.
    pub fn patch(&self, uid: &str) -> Value {
        json!({"metadata": {"uid": uid}, "status": self.status()})
    }

    fn status(&self) -> Value {
        let (ready, since) = self.ready();
        let begun = time(self.begun);
        let condition = |kind: &str, met: bool, since: &str| {
            let status = if met { "True" } else { "False" };
            json!({"type": kind, "status": status, "lastTransitionTime": since})
        };
        let statuses: Vec<Value> = self.containers.iter().map(|c| self.container(c)).collect();
        json!({
            "phase": self.phase(),
            "hostIP": "127.0.0.1",
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": begun,
            "conditions": [
                condition("PodScheduled", true, &begun),
                condition("Initialized", true, &begun),
                condition("ContainersReady", ready, &since),
                condition("Ready", ready, &since),
            ],
            "containerStatuses": statuses,
        })
    }

    fn phase(&self) -> &'static str {
        match self.state {
            State::Waiting(_) if self.restarts == 0 => "Pending",
            State::Waiting(_) | State::Running { .. } => "Running",
            State::Ended { code: 0, .. } => "Succeeded",
            State::Ended { .. } => "Failed",
        }
    }

    fn ready(&self) -> (bool, String) {
        match &self.state {
            State::Running { ready, .. } => match ready {
                Ok(since) => (true, time(*since)),
                Err(since) => (false, time(*since)),
            },
            State::Ended { at, .. } => (false, time(*at)),
            State::Waiting(_) => (false, time(self.begun)),
        }
    }

    fn container(&self, (name, image): &(String, String)) -> Value {
        let (ready, _) = self.ready();
        let state = match &self.state {
            State::Waiting(reason) => json!({"waiting": {"reason": reason}}),
            State::Running { since, .. } => json!({"running": {"startedAt": time(*since)}}),
            State::Ended { code, at } => json!({"terminated": self.terminated(*code, Some(*at))}),
        };
        let last = self.last_exit.map(|code| self.terminated(code, None));
        json!({
            "name": name,
            "image": image,
            "imageID": image,
            "containerID": format!("{}/{name}", self.container_id),
            "ready": ready,
            "started": ready,
            "restartCount": self.restarts,
            "state": state,
            "lastState": last.map_or(json!({}), |last| json!({"terminated": last})),
        })
    }

    fn terminated(&self, code: i32, at: Option<Timestamp>) -> Value {
        let reason = if code == 0 { "Completed" } else { "Error" };
        json!({
            "exitCode": code,
            "reason": reason,
            "finishedAt": at.map(time),
            "containerID": self.container_id,
        })
    }
}

/// As Kubernetes writes times.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
