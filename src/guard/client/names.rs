//! How people name pods and workloads on the command line.

use anyhow::bail;

/// `NAMESPACE/POD`.
pub fn pod_name(text: &str) -> anyhow::Result<(&str, &str)> {
    match text.split('/').collect::<Vec<_>>()[..] {
        [namespace, name] if !namespace.is_empty() && !name.is_empty() => Ok((namespace, name)),
        _ => bail!("{text:?} does not name a pod: give NAMESPACE/POD"),
    }
}

/// `NAMESPACE/KIND/NAME`, kinds as kubectl abbreviates them.
pub fn workload_name(text: &str) -> anyhow::Result<(&str, &str, &str)> {
    match text.split('/').collect::<Vec<_>>()[..] {
        [namespace, kind, name] if !namespace.is_empty() && !name.is_empty() => {
            let kind = match kind {
                "deploy" | "deployment" | "deployments" => "deployment",
                "sts" | "statefulset" | "statefulsets" => "statefulset",
                "rs" | "replicaset" | "replicasets" => "replicaset",
                other => bail!(
                    "{other:?} is no kind of workload: give deployment, statefulset or replicaset"
                ),
            };
            Ok((namespace, kind, name))
        }
        _ => bail!("{text:?} does not name a workload: give NAMESPACE/deployment/NAME"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_or_explained() {
        assert_eq!(pod_name("trino/w-1").expect("a pod"), ("trino", "w-1"));
        for wrong in ["w-1", "/w", "a/b/c", "trino/"] {
            assert!(
                pod_name(wrong)
                    .expect_err(wrong)
                    .to_string()
                    .contains("NAMESPACE/POD")
            );
        }
        assert_eq!(
            workload_name("trino/deploy/w").expect("one"),
            ("trino", "deployment", "w")
        );
        assert!(
            workload_name("trino/pod/w")
                .expect_err("a pod")
                .to_string()
                .contains("statefulset")
        );
    }
}
