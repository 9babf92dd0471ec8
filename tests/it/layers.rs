//! Holds the line between the layers of `src/`: a lower one never names a higher one, and
//! what decides does no I/O and reads no clock. Reads the sources as text, tests excepted.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A layer: the folders (or root files) in it and what their code may not name.
struct Layer {
    modules: &'static [&'static str],
    /// Modules of this crate.
    above: &'static [&'static str],
    /// Whether it is pure: no I/O, no clock, no runtime.
    pure: bool,
}

const LAYERS: [Layer; 7] = [
    Layer {
        modules: &["api", "trino"],
        above: &[
            "core", "cluster", "collect", "config", "web", "process", "exporter", "guard", "demo",
            "probe", "cli",
        ],
        pure: true,
    },
    Layer {
        modules: &["core"],
        above: &[
            "cluster", "collect", "config", "web", "process", "exporter", "guard", "demo", "probe",
            "cli",
        ],
        pure: true,
    },
    Layer {
        modules: &["cluster", "collect", "config", "web", "process"],
        above: &["exporter", "guard", "demo", "probe", "cli"],
        pure: false,
    },
    // Plain flags: components read them, so it may not read components.
    Layer {
        modules: &["cli"],
        above: &[
            "exporter", "guard", "demo", "probe", "collect", "cluster", "config", "web",
        ],
        pure: false,
    },
    Layer {
        modules: &["exporter"],
        above: &["guard", "demo", "probe"],
        pure: false,
    },
    Layer {
        modules: &["guard"],
        above: &["exporter", "demo", "probe"],
        pure: false,
    },
    Layer {
        modules: &["probe"],
        above: &["demo", "exporter", "guard"],
        pure: false,
    },
];

/// Paths that a pure layer may not name. `std::net` is absent: addresses are data.
const IMPURE: [&str; 25] = [
    "tokio",
    "tokio_util",
    "reqwest",
    "hyper",
    "hyper_util",
    "axum",
    "tower",
    "tower_http",
    "rustls",
    "kube::Client",
    "kube::Api",
    "kube::client",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "println",
    "eprintln",
    "dbg",
];

#[test]
fn layers_depend_downwards_only() {
    let mut found = String::new();
    let mut files = 0;
    each_source(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &[],
        &mut |module, text| {
            files += 1;
            for offence in offences(module, text) {
                writeln!(found, "{}: {offence}", module.join("::")).unwrap();
            }
        },
    );
    assert!(files > 20, "only {files} files were read");
    assert!(found.is_empty(), "\n{found}");
}

/// A new folder is in no layer until somebody decides in which.
#[test]
fn every_module_has_its_layer() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut unknown = Vec::new();
    each_source(&src, &[], &mut |module, _| {
        let Some(first) = module.first() else { return };
        let listed = LAYERS
            .iter()
            .any(|layer| layer.modules.contains(&first.as_str()));
        if !listed && first != "demo" {
            unknown.push(first.clone());
        }
    });
    assert!(unknown.is_empty(), "in no layer: {unknown:?}");
}

/// Calls `visit` with the module path and text of every source below `folder`.
fn each_source(folder: &Path, module: &[String], visit: &mut impl FnMut(&[String], &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let inner = [module, std::slice::from_ref(&stem)].concat();
        if path.is_dir() {
            each_source(&path, &inner, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = if ["mod", "lib", "main"].contains(&stem.as_str()) {
                module
            } else {
                &inner
            };
            visit(module, &fs::read_to_string(&path).unwrap());
        }
    }
}

/// What the code of a module names although its layer may not.
fn offences(module: &[String], text: &str) -> Vec<String> {
    let layer = LAYERS.iter().find(|layer| {
        module
            .first()
            .is_some_and(|m| layer.modules.contains(&m.as_str()))
    });
    // The root files and `demo` stand above everything.
    let (Some(layer), false) = (layer, module.last().is_some_and(|last| last == "tests")) else {
        return Vec::new();
    };
    let code = without_tests(&code_only(text));
    let mut offences = Vec::new();
    for name in crate_paths(&code, module.len()) {
        if layer.above.contains(&name.as_str()) {
            offences.push(format!("names crate::{name}, which is above it"));
        }
    }
    for path in IMPURE
        .iter()
        .filter(|path| layer.pure && names_path(&code, path))
    {
        offences.push(format!("names {path}, but decides without I/O and clock"));
    }
    offences
}

/// Takes inline test modules out: they may use anything. A test module in a file of its own
/// (`mod name;`) hides nothing here.
fn without_tests(code: &str) -> String {
    const TESTS: &str = "#[cfg(test)] mod ";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(TESTS) {
        let (before, module) = rest.split_at(at + TESTS.len());
        let body = module[identifier(module).len()..].strip_prefix(" {");
        kept.push_str(before);
        rest = body.map_or(module, |body| &body[block(body)..]);
    }
    kept + rest
}

/// The length of a block up to and with its closing brace; the opening one is behind us.
fn block(code: &str) -> usize {
    let mut depth = 1;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The code without comments and without the content of literals; white space is one space.
fn code_only(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match skipped(rest) {
            0 => {
                code.push(if first.is_whitespace() { ' ' } else { first });
                first.len_utf8()
            }
            length => {
                code.push(' ');
                length
            }
        };
        rest = &rest[length..];
    }
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The length of the comment or literal at the start of `text`, or 0.
fn skipped(text: &str) -> usize {
    let to = |end: &str, from: usize| {
        text[from..]
            .find(end)
            .map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with("//") {
        to("\n", 2)
    } else if text.starts_with("/*") {
        to("*/", 2)
    } else if text.starts_with("r#\"") {
        to("\"#", 3)
    } else if text.starts_with('"') {
        string(text)
    } else if text.starts_with('\'') {
        character(text)
    } else {
        0
    }
}

/// `'x'` and `'\\n'`, not the lifetime `'x`.
fn character(text: &str) -> usize {
    let mut characters = text.chars().skip(1);
    match (characters.next(), characters.next()) {
        (Some('\\'), _) => text[3..].find('\'').map_or(0, |at| at + 4),
        (Some(inner), Some('\'')) => inner.len_utf8() + 2,
        _ => 0,
    }
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The first segment of every path from the crate's root: `crate::web`, each of
/// `crate::{core::x, web}`, and as many `super::` as lead out of the module.
fn crate_paths(code: &str, depth: usize) -> Vec<String> {
    let root = "super::".repeat(depth);
    let mut names = Vec::new();
    for start in ["crate::", "xtrinode::", root.as_str()] {
        let ends = code
            .match_indices(start)
            .filter(|(at, _)| at_boundary(code, *at));
        for (at, found) in ends {
            names.extend(first_segments(&code[at + found.len()..]));
        }
    }
    names
}

fn first_segments(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![identifier(rest)];
    };
    let (mut depth, mut expects, mut names) = (0, true, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => expects = true,
            _ if expects && depth == 0 && !character.is_whitespace() => {
                names.push(identifier(&group[at..]));
                expects = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// Whether `path` is named as a whole: `tokio` in `tokio::time`, not in `tokio_util`.
/// `use std::{fs, io}` counts for `std::fs`.
fn names_path(code: &str, path: &str) -> bool {
    let ends =
        |at: usize| !code[at + path.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let begins = |at: usize| code[..at].ends_with(':') || at_boundary(code, at);
    let direct = code
        .match_indices(path)
        .any(|(at, _)| begins(at) && ends(at));
    let Some((first, second)) = path.split_once("::") else {
        return direct;
    };
    let group = format!("{first}::{{");
    let grouped = code.match_indices(&group).any(|(at, found)| {
        let names = first_segments(&code[at + found.len() - 1..]);
        at_boundary(code, at) && names.iter().any(|name| name == second)
    });
    direct || grouped
}

fn at_boundary(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

/// The offences of a module given as `core::buffers`, with this text.
fn told(module: &str, text: &str) -> Vec<String> {
    let module: Vec<_> = module.split("::").map(str::to_owned).collect();
    offences(&module, text)
}

#[test]
fn the_test_itself_can_fail() {
    for (module, text) in [
        ("core::buffers", "use crate::web::serve;"),
        ("core::buffers", "use crate::{trino::task::Task, collect};"),
        (
            "core::buffers::fold",
            "let x = super::super::super::process::logs::init();",
        ),
        ("trino::task", "use crate::core;"),
        ("trino", "async fn f() { tokio::time::sleep(d).await }"),
        ("core::age", "let now = std::time::Instant::now();"),
        (
            "core::age",
            "use std::time::Instant; fn f() { Instant::now(); }",
        ),
        ("core::age", "use std::{io, fs};"),
        ("core::age", "let s = \"// no comment\"; std::fs::read(p)"),
        ("core::age", "use kube::{Client, Resource};"),
        ("web::serve", "use crate::exporter::config::Settings;"),
        ("process", "use super::cli;"),
        ("config::files", "use crate::exporter::config;"),
        ("guard::config", "use crate::exporter::config;"),
        ("exporter::run", "use crate::guard::config;"),
        ("exporter::run", "use crate::demo;"),
        ("cli", "use crate::exporter;"),
        ("core::age", "#[cfg(test)] mod tests; use std::fs;"),
        ("core::age", "fn f() { println!() }"),
        (
            "core::age",
            "#[cfg(test)] mod tests { const C: char = '}'; fn f() {} } use std::fs;",
        ),
        (
            "core::age",
            "const QUOTE: char = '\\''; use std::fs; const Q: char = '\"';",
        ),
        ("core::age", "fn f<'a>(a: &'a str) { std::fs::read(a); }"),
    ] {
        assert_eq!(told(module, text).len(), 1, "{module}: {text}");
    }
}

#[test]
fn what_is_allowed_is_not_told() {
    for (module, text) in [
        (
            "core::buffers",
            "use crate::trino::task::Task; // crate::web is above",
        ),
        (
            "core::buffers",
            "/* tokio */ const TEXT: &str = \"tokio and std::fs\";",
        ),
        (
            "core::buffers",
            "use std::net::IpAddr; use std::time::Duration; use std::io::Read;",
        ),
        ("core::buffers::fold", "use super::super::process_name;"),
        (
            "core::buffers",
            "fn f() {} #[cfg(test)]\nmod tests { use std::fs; }",
        ),
        ("core::buffers::tests", "use std::fs;"),
        (
            "collect::poll",
            "use crate::{core, web, process}; use tokio::time::Instant;",
        ),
        ("exporter", "use crate::cli::ExporterArgs;"),
        ("demo", "use crate::exporter;"),
        ("", "use xtrinode::exporter;"),
    ] {
        assert_eq!(told(module, text), Vec::<String>::new(), "{module}: {text}");
    }
}
