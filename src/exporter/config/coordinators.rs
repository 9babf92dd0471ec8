//! `coordinators`: which Trino clusters to watch. Decides that there is one at least and that
//! releases are unique, since the documented gauges carry no other name of a cluster.

use std::collections::BTreeMap;

use crate::config::Coordinator;
use crate::config::coordinators::{KEYS, present, read as entries};
use crate::config::reader::{Map, Reader};

const NEEDED: &str =
    "at least one is needed: coordinators: {NAME: {url: http://HOST:PORT, release: RELEASE}}";

/// The coordinators ordered by name.
pub(super) fn read(root: &Map<'_>, reader: &mut Reader) -> Vec<Coordinator> {
    let map = reader.map(root.get("coordinators"), "coordinators");
    if present(&map).is_empty() && !reader.failed("coordinators") {
        reader.problem("coordinators", NEEDED);
    }
    let list = entries(&map, &KEYS, reader, |_, _| ());
    refuse_repeated_releases(&map, reader);
    list.into_iter().map(|(one, ())| one).collect()
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
