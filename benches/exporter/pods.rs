//! What a Kubernetes API server answers to a list of pods: one for each worker, as long as real ones.

use std::fmt::Write as _;

use super::mixes::WORKERS;

/// Bytes of managed fields, environment and volumes that a real worker's pod brings along.
const BALLAST: usize = 6_000;

/// The list. There is no second page.
pub fn list() -> String {
    let ballast = "v".repeat(BALLAST);
    let mut list = String::from(
        r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1000"},"items":["#,
    );
    for worker in 0..WORKERS {
        let comma = if worker > 0 { "," } else { "" };
        let ip = format!("10.0.{}.{}", worker / 250 + 1, worker % 250 + 2);
        let _ = write!(
            list,
            r#"{comma}{{"metadata":{{"name":"trino-worker-{worker}","namespace":"trino","uid":"{worker}","resourceVersion":"{worker}","creationTimestamp":"2026-11-22T00:00:00Z","labels":{{"app.kubernetes.io/instance":"c0","app.kubernetes.io/component":"worker"}},"annotations":{{"ballast":"{ballast}"}}}},"spec":{{"containers":[{{"name":"trino-worker","image":"trino:476"}}]}},"status":{{"phase":"Running","podIP":"{ip}","podIPs":[{{"ip":"{ip}"}}]}}}}"#
        );
    }
    list.push_str("]}");
    list
}
