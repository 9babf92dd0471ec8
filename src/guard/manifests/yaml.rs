//! Configurations as YAML documents, for people and for `kubectl apply`. Decides nothing but the text.

use serde::Serialize;
use serde_saphyr::ser::Error;

use super::webhooks::Webhooks;

/// One document for each configuration.
pub(super) fn text(webhooks: &Webhooks) -> Result<String, Error> {
    let mut text = String::new();
    for configuration in &webhooks.validating {
        document(configuration, &mut text)?;
    }
    if let Some(configuration) = &webhooks.mutating {
        document(configuration, &mut text)?;
    }
    Ok(text)
}

fn document(object: &impl Serialize, text: &mut String) -> Result<(), Error> {
    text.push_str("---\n");
    text.push_str(&serde_saphyr::to_string(object)?);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(())
}
