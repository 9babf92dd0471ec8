//! `coordinators`: which Trino clusters to watch. Decides what an entry needs and that
//! releases are unique, since the documented gauges carry no other name of a cluster.

use std::collections::BTreeMap;

use super::reader::{Map, Reader};
use super::settings::Coordinator;
use super::values::{label, namespace};

const KEYS: [&str; 3] = ["url", "release", "namespace"];
const NEEDED: &str =
    "at least one is needed: coordinators: {NAME: {url: http://HOST:PORT, release: RELEASE}}";

/// The coordinators ordered by name. A name whose value is null is dropped: Helm merges
/// maps, so that is how a values file takes an entry of the defaults away.
pub(super) fn read(root: &Map<'_>, reader: &mut Reader) -> Vec<Coordinator> {
    let map = reader.map(root.get("coordinators"), "coordinators");
    let names = map.entries().iter().map(|entry| entry.key.as_str());
    let present: Vec<_> = names.filter(|name| map.get(name).is_some()).collect();
    if present.is_empty() && !reader.failed("coordinators") {
        reader.problem("coordinators", NEEDED);
    }
    let mut list: Vec<_> = present
        .iter()
        .filter_map(|name| one(&map, name, reader))
        .collect();
    list.sort_by(|a, b| a.name.cmp(&b.name));
    refuse_repeated_releases(&map, reader);
    list
}

fn one(map: &Map<'_>, name: &str, reader: &mut Reader) -> Option<Coordinator> {
    let path = map.key(name);
    let entry = reader.section(map.get(name), path.as_str(), &KEYS);
    if let Err(allowed) = label(name) {
        reader.problem(path.as_str(), format!("the name is not allowed; {allowed}"));
    }
    let url = reader.url(&entry, "url");
    let release = reader.value(&entry, "release", label);
    let namespace = reader.value(&entry, "namespace", namespace);
    if !reader.failed(&path) {
        require(
            &entry,
            "url",
            "for example http://trino.trino.svc:8080",
            reader,
        );
        require(&entry, "release", "the Helm release of this Trino", reader);
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

fn refuse_repeated_releases(map: &Map<'_>, reader: &mut Reader) {
    let mut owners = BTreeMap::new();
    for entry in map.entries() {
        let path = map.key(&entry.key);
        let section = Reader::default().map(Some(&entry.node), path.as_str());
        let Some(release) = Reader::default().text(&section, "release") else {
            continue;
        };
        if let Some(owner) = owners.insert(release, entry.key.as_str()) {
            let message =
                format!("{release:?} is already the release of {owner}; each needs its own");
            reader.problem(section.key("release"), message);
        }
    }
}
