//! `coordinators`: Trino clusters by name. Decides what an entry needs; what entries mean
//! together, and whether there must be any, is each component's own.

use super::client::Coordinator;
use super::reader::{Map, Reader};
use super::values::{label, namespace};

/// The keys of every entry.
pub(crate) const KEYS: [&str; 3] = ["url", "release", "namespace"];

/// The coordinators ordered by name. A name whose value is null is dropped: Helm merges
/// maps, so that is how a values file takes an entry of the defaults away. `keys` are all
/// that an entry may have; `more` reads those beyond [`KEYS`].
pub(crate) fn read<'doc, T>(
    map: &Map<'doc>,
    keys: &[&str],
    reader: &mut Reader,
    more: impl Fn(&Map<'doc>, &mut Reader) -> T,
) -> Vec<(Coordinator, T)> {
    let mut list = Vec::new();
    for name in present(map) {
        let path = map.key(name);
        let entry = reader.section(map.get(name), path.as_str(), keys);
        let coordinator = one(name, &path, &entry, reader);
        let rest = more(&entry, reader);
        list.extend(coordinator.map(|coordinator| (coordinator, rest)));
    }
    list.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    list
}

/// The names whose value is not null, in the order of the file.
pub(crate) fn present<'doc>(map: &Map<'doc>) -> Vec<&'doc str> {
    let names = map.entries().iter().map(|entry| entry.key.as_str());
    names.filter(|name| map.get(name).is_some()).collect()
}

fn one(name: &str, path: &str, entry: &Map<'_>, reader: &mut Reader) -> Option<Coordinator> {
    if let Err(allowed) = label(name) {
        reader.problem(path, format!("the name is not allowed; {allowed}"));
    }
    let url = reader.url(entry, "url");
    let release = reader.value(entry, "release", label);
    let namespace = reader.value(entry, "namespace", namespace);
    if !reader.failed(path) {
        require(
            entry,
            "url",
            "for example http://trino.trino.svc:8080",
            reader,
        );
        require(entry, "release", "the Helm release of this Trino", reader);
    }
    Some(Coordinator {
        name: name.to_owned(),
        url: url?,
        release: release?,
        namespace,
    })
}

fn require(entry: &Map<'_>, key: &str, what: &str, reader: &mut Reader) {
    if entry.get(key).is_none() {
        reader.problem(entry.key(key), format!("missing; give {what}"));
    }
}
