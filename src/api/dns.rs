//! How Kubernetes spells names: DNS labels, subdomains, Services. Says only whether a text is one; what to tell whoever
//! wrote something else is its reader's.

/// The longest DNS label.
pub const MAX_LABEL_CHARS: usize = 63;

/// The longest name of an object that is not a DNS label.
pub const MAX_OBJECT_CHARS: usize = 253;

/// An RFC 1123 label, such as the name of a namespace.
#[must_use]
pub fn is_label(text: &str) -> bool {
    text.len() <= MAX_LABEL_CHARS && is_part(text)
}

/// An RFC 1123 subdomain, such as the name of a pod.
#[must_use]
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= MAX_OBJECT_CHARS && text.split('.').all(is_part)
}

/// An RFC 1035 label: the name of a Service.
#[must_use]
pub fn is_service(text: &str) -> bool {
    is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_part(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = !text.starts_with('-') && !text.ends_with('-');
    !text.is_empty() && edges && text.chars().all(inner)
}
