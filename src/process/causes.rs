//! An error and its causes as one line for people. Libraries often repeat their cause in their own words and name it as the
//! cause as well; what was said once is not said again.

/// Joins an error and its causes by `: `, without those that the text before them contains.
#[must_use]
pub fn causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let words = cause.to_string();
        if text.contains(&words) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&words);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no kubeconfig ({0})")]
    struct Repeats(#[source] std::io::Error);

    #[test]
    fn every_cause_is_said_once() {
        let missing = std::io::Error::other("no such file");
        let error = anyhow::Error::new(Repeats(missing)).context("cannot ask");
        assert_eq!(format!("{error:#}").matches("no such file").count(), 2);
        assert_eq!(causes(&error), "cannot ask: no kubeconfig (no such file)");
    }

    #[test]
    fn causes_that_say_more_are_all_told() {
        let error = anyhow::anyhow!("refused").context("cannot reach the guard");
        assert_eq!(causes(&error), "cannot reach the guard: refused");
    }
}
