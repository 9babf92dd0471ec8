//! Names as Kubernetes takes them: objects, labels, users. Each error says what is allowed,
//! to stand after "is not allowed;". Pure.

use crate::api::dns::{self, MAX_LABEL_CHARS, MAX_OBJECT_CHARS};

use super::values::Allowed;

/// The name of a Secret, a Lease or a webhook configuration: an RFC 1123 subdomain.
pub(crate) fn object_name(text: &str) -> Result<String, Allowed> {
    if dns::is_subdomain(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "give a Kubernetes name: 1 to {MAX_OBJECT_CHARS} of a-z, 0-9, - and ., each part between dots beginning and ending with a letter or digit"
    ))
}

/// The name of a Service: an RFC 1035 label.
pub(crate) fn service_name(text: &str) -> Result<String, Allowed> {
    if dns::is_service(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "give the name of a Service: 1 to {MAX_LABEL_CHARS} of a-z, 0-9 and -, beginning with a letter and not ending with -"
    ))
}

/// A host's name, as a certificate carries it.
pub(crate) fn host_name(text: &str) -> Result<String, Allowed> {
    object_name(&text.to_ascii_lowercase())
        .map_err(|_| "give a host name, for example trino-worker.trino.svc".to_owned())
}

/// The key of a label, with or without a prefix.
pub(crate) fn label_key(text: &str) -> Result<String, Allowed> {
    let (prefix, name) = text.rsplit_once('/').unwrap_or(("", text));
    let prefixed = text.len() == name.len() || object_name(prefix).is_ok();
    if prefixed && is_label_part(name) {
        return Ok(text.to_owned());
    }
    Err("give the key of a label, for example app.kubernetes.io/component".to_owned())
}

/// The value of a label; may be empty.
pub(crate) fn label_value(text: &str) -> Result<String, Allowed> {
    if text.is_empty() || is_label_part(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "give the value of a label: at most {MAX_LABEL_CHARS} letters, digits, -, _ and ., beginning and ending with a letter or digit"
    ))
}

/// The user name under which a ServiceAccount's requests arrive.
pub(crate) fn service_account(text: &str) -> Result<String, Allowed> {
    let account = text.strip_prefix("system:serviceaccount:");
    let parts = account.and_then(|account| account.split_once(':'));
    let whole = |(namespace, name)| dns::is_label(namespace) && object_name(name).is_ok();
    if parts.is_some_and(whole) {
        return Ok(text.to_owned());
    }
    Err("give the user name of a ServiceAccount: system:serviceaccount:NAMESPACE:NAME".to_owned())
}

fn is_label_part(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: char| c.is_ascii_alphanumeric();
    (1..=MAX_LABEL_CHARS).contains(&text.len())
        && text.chars().all(inner)
        && text.starts_with(edge)
        && text.ends_with(edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn takes(read: fn(&str) -> Result<String, Allowed>, fine: &[&str], wrong: &[&str]) {
        for text in fine {
            assert_eq!(read(text), Ok((*text).to_owned()));
        }
        for text in wrong {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn objects_and_services_are_named_by_dns() {
        let long = "x".repeat(64);
        let wrong = ["", "A", "-a", "a-", "a b", "a..b", ".a", "a/b", "ä"];
        takes(object_name, &["a", "0", "a.b-c", &long], &wrong);
        let wrong = ["", "A", "0a", "-a", "a-", "a.b", &long];
        takes(service_name, &["a", "guard-0"], &wrong);
    }

    #[test]
    fn hosts_are_named_in_any_case() {
        assert_eq!(host_name("Worker.Trino"), Ok("worker.trino".to_owned()));
        for wrong in ["", "a_b", "*.trino", "a:1", "::1"] {
            assert!(host_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_have_a_grammar_of_their_own() {
        let wrong = ["", "/a", "a/", "A/b/c", "a b", "-a", "a_", "x/é"];
        takes(label_key, &["app", "App_1", "example.com/Name.x"], &wrong);
        let long = "x".repeat(64);
        takes(
            label_value,
            &["", "a", "Blue_1.x-y"],
            &["-a", "a.", "a b", &long],
        );
    }

    #[test]
    fn service_accounts_are_given_in_full() {
        let wrong = [
            "",
            "operator",
            "xtrinode-system:operator",
            "system:serviceaccount:a",
            "system:serviceaccount::b",
            "system:serviceaccount:A:b",
            "system:serviceaccount:a:",
        ];
        takes(service_account, &["system:serviceaccount:a-1:b.c"], &wrong);
    }
}
