//! The files and flags of one Trino node. Writes them; starts nothing.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};

/// The environment's name. Nodes without a shared secret derive their internal key from it.
pub const ENVIRONMENT: &str = "xtrinodetest";

/// May see all queries and read or change a node's state.
pub const ADMIN: &str = "xtrinode";
/// May see all queries, but not the nodes' metrics or states.
pub const VIEWER: &str = "viewer";
/// May read metrics, but sees only its own queries.
pub const BLIND: &str = "blind";

/// What is the same for all nodes of a cluster.
pub struct Shared<'a> {
    pub coordinator: Ipv4Addr,
    pub port: u16,
    pub heap_mb: u32,
    /// Where queries that are retried task by task spool; without it a node starts in a fifth less of a processor's time.
    pub exchange: Option<&'a Path>,
    /// Whether anybody may change a node's state, which takes an access control that says so.
    pub may_drain: bool,
    /// More lines of `config.properties`.
    pub extra: &'a [(String, String)],
}

/// Writes `etc/` below `directory` for a coordinator or a worker.
pub fn write(directory: &Path, is_coordinator: bool, shared: &Shared<'_>) -> Result<()> {
    let etc = directory.join("etc");
    std::fs::create_dir_all(etc.join("catalog"))?;
    let files = [
        ("config.properties", config(is_coordinator, shared)),
        ("catalog/tpch.properties", "connector.name=tpch\n".into()),
        ("log.properties", "io.trino=INFO\n".into()),
        (
            "access-control.properties",
            "access-control.name=file\nsecurity.config-file=etc/rules.json\n".into(),
        ),
        ("rules.json", rules()),
    ];
    if let Some(spool) = shared.exchange {
        let exchange = format!(
            "exchange-manager.name=filesystem\nexchange.base-directories={}\n",
            spool.display()
        );
        std::fs::write(etc.join("exchange-manager.properties"), exchange)?;
    }
    // Without the last two, which are the access control, nobody may.
    let count = files.len() - if shared.may_drain { 0 } else { 2 };
    for (name, content) in files.into_iter().take(count) {
        let path = etc.join(name);
        std::fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// The options of the virtual machine that every node gets.
pub fn java_options(heap_mb: u32) -> Vec<String> {
    let mut options = vec![format!("-Xmx{heap_mb}M")];
    options.extend(
        [
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:TieredStopAtLevel=1",
            "-Djdk.attach.allowAttachSelf=true",
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Dconfig=etc/config.properties",
            "-Dlog.levels-file=etc/log.properties",
            "-Dlog.enable-console=true",
        ]
        .map(str::to_owned),
    );
    options.push(format!("-Dnode.environment={ENVIRONMENT}"));
    options
}

fn config(is_coordinator: bool, shared: &Shared<'_>) -> String {
    let mut lines = format!(
        "coordinator={is_coordinator}\n\
         http-server.http.port={port}\n\
         discovery.uri=http://{coordinator}:{port}\n\
         query.max-memory=1GB\n\
         query.max-memory-per-node={per_node}MB\n\
         query.client.timeout=90s\n\
         shutdown.grace-period=5s\n",
        port = shared.port,
        coordinator = shared.coordinator,
        // So low that a greedy query fails before a node runs out of memory.
        per_node = shared.heap_mb * 2 / 5,
    );
    if is_coordinator {
        lines.push_str("node-scheduler.include-coordinator=false\n");
    }
    for (key, value) in shared.extra {
        let _ = writeln!(lines, "{key}={value}");
    }
    lines
}

fn rules() -> String {
    serde_json::json!({
        "queries": [
            {"user": BLIND, "allow": ["execute"]},
            {"allow": ["execute", "view", "kill"]},
        ],
        "system_information": [
            {"user": ADMIN, "allow": ["read", "write"]},
            {"user": BLIND, "allow": ["read"]},
        ],
    })
    .to_string()
}
