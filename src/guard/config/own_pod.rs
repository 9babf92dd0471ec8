//! What the pod that we run in says about itself. Stands in where the file says nothing;
//! reads the environment and one file, decides nothing.

use std::fs;
use std::path::Path;

/// Where Kubernetes puts the namespace of a pod's ServiceAccount.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Name and namespace of our own pod; `None` outside one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OwnPod {
    /// `POD_NAME`. The host's name would not do: with `hostNetwork` replicas share it.
    pub name: Option<String>,
    /// `POD_NAMESPACE`, else the ServiceAccount's.
    pub namespace: Option<String>,
}

impl OwnPod {
    /// Looks at this process's environment.
    pub fn find() -> Self {
        Self::seen(|name| std::env::var(name).ok(), Path::new(NAMESPACE_FILE))
    }

    fn seen(variable: impl Fn(&str) -> Option<String>, mounted: &Path) -> Self {
        let namespace = variable("POD_NAMESPACE").and_then(|text| said(&text));
        let mounted = || said(&fs::read_to_string(mounted).ok()?);
        Self {
            name: variable("POD_NAME").and_then(|text| said(&text)),
            namespace: namespace.or_else(mounted),
        }
    }
}

fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_beat_the_service_account() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("namespace");
        let none = |_: &str| None;
        let empty = |_: &str| Some(" ".to_owned());
        assert_eq!(OwnPod::seen(none, &file), OwnPod::default());
        fs::write(&file, "mounted\n").unwrap();
        let mounted = OwnPod {
            name: None,
            namespace: Some("mounted".to_owned()),
        };
        assert_eq!(OwnPod::seen(none, &file), mounted);
        assert_eq!(OwnPod::seen(empty, &file), mounted);
        let both = OwnPod {
            name: Some("POD_NAME".to_owned()),
            namespace: Some("POD_NAMESPACE".to_owned()),
        };
        assert_eq!(OwnPod::seen(|name| Some(name.to_owned()), &file), both);
    }
}
