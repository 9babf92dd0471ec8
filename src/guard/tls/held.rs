//! The content of the Secret. Moves it between the API's form and ours; judges nothing. Keys of authorities and of
//! the certificate never show in `Debug`.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;

use crate::process::secret::Secret;

/// The names of the entries: certificate and key.
const AUTHORITY: (&str, &str) = ("ca.crt", "ca.key");
const NEXT: (&str, &str) = ("next-ca.crt", "next-ca.key");
const SERVING: (&str, &str) = ("tls.crt", "tls.key");

/// What the Secret holds; anything may be absent or damaged.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// The authority that is trusted.
    pub(super) authority: Option<Pair>,
    /// The one that will be.
    pub(super) next: Option<Pair>,
    /// What is served.
    pub(super) serving: Option<Pair>,
}

/// A certificate and its key, PEM.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) cert: String,
    /// Absent when somebody took it away: what the certificate signed stays good.
    pub(super) key: Option<Secret>,
}

/// Entries of a Secret.
pub(super) type Data = BTreeMap<String, ByteString>;

impl Held {
    pub(super) fn read(data: &Data) -> Self {
        Self {
            authority: pair(data, AUTHORITY),
            next: pair(data, NEXT),
            serving: pair(data, SERVING),
        }
    }

    /// Puts our entries into `data`; those of others stay.
    pub(super) fn write(&self, data: &mut Data) {
        let pairs = [
            (AUTHORITY, &self.authority),
            (NEXT, &self.next),
            (SERVING, &self.serving),
        ];
        for ((cert, key), pair) in pairs {
            let pair = pair.as_ref();
            put(data, cert, pair.map(|pair| pair.cert.as_str()));
            let secret = pair.and_then(|pair| pair.key.as_ref());
            put(data, key, secret.map(Secret::expose));
        }
    }

    /// Whom the API server should trust, PEM: the authority and the next one.
    pub(super) fn bundle(&self) -> String {
        let authorities = [&self.authority, &self.next];
        let certs = authorities.into_iter().flatten();
        certs
            .map(|pair| pair.cert.trim().to_owned() + "\n")
            .collect()
    }
}

/// What isn't text is no PEM: as good as absent.
fn pair(data: &Data, (cert, key): (&str, &str)) -> Option<Pair> {
    let text = |name| String::from_utf8(data.get(name)?.0.clone()).ok();
    Some(Pair {
        cert: text(cert)?,
        key: text(key).map(Secret::new),
    })
}

fn put(data: &mut Data, name: &str, text: Option<&str>) {
    match text {
        Some(text) => drop(data.insert(name.to_owned(), ByteString(text.as_bytes().to_vec()))),
        None => drop(data.remove(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(entries: &[(&str, &str)]) -> Data {
        let entry = |(name, text): &(&str, &str)| {
            ((*name).to_owned(), ByteString(text.as_bytes().to_vec()))
        };
        entries.iter().map(entry).collect()
    }

    #[test]
    fn what_is_written_is_read_again_and_others_entries_stay() {
        let before = data(&[
            ("ca.crt", "A"),
            ("ca.key", "a"),
            ("tls.crt", "C"),
            ("mine", "x"),
        ]);
        let mut held = Held::read(&before);
        held.next = Some(Pair {
            cert: "N\n".to_owned(),
            key: None,
        });
        held.serving = None;
        let mut after = before;
        held.write(&mut after);
        let expected = data(&[
            ("ca.crt", "A"),
            ("ca.key", "a"),
            ("next-ca.crt", "N\n"),
            ("mine", "x"),
        ]);
        assert_eq!(after, expected);
        assert_eq!(Held::read(&after).bundle(), "A\nN\n");
    }

    #[test]
    fn keys_do_not_show() {
        let held = Held::read(&data(&[("ca.crt", "A"), ("ca.key", "hunter2")]));
        let shown = format!("{held:?}");
        assert!(
            !shown.contains("hunter2") && shown.contains("[redacted]"),
            "{shown}"
        );
    }
}
