//! Neither the order of keys nor the shape of the stages changes what a document means.

use serde_json::{Map, Value, json};

use super::facts::CAPTURES;
use super::support::{Fact, read, read_strictly};

/// Writes a value with the keys of each object in the order that `before` gives.
fn write(value: &Value, before: &dyn Fn(&str) -> String, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_by_key(|key| before(key));
            out.push('{');
            for (number, key) in keys.into_iter().enumerate() {
                let comma = if number > 0 { "," } else { "" };
                out.push_str(comma);
                out.push_str(&json!(key).to_string());
                out.push(':');
                write(&members[key], before, out);
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (number, element) in elements.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                write(element, before, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn sorted(mut tasks: Vec<Fact>) -> Vec<Fact> {
    tasks.sort_by(|a, b| a.id.cmp(&b.id));
    tasks
}

#[test]
fn any_order_of_keys_means_the_same() {
    let backwards = |key: &str| key.bytes().map(|byte| char::from(255 - byte)).collect();
    let by_tail = |key: &str| key.chars().rev().collect::<String>();
    let orders: [&dyn Fn(&str) -> String; 3] = [&str::to_owned, &backwards, &by_tail];
    for capture in CAPTURES {
        let (head, tasks) = read(capture.body).unwrap();
        let document: Value = serde_json::from_slice(capture.body).unwrap();
        for order in orders {
            let mut body = String::new();
            write(&document, order, &mut body);
            let (again, shuffled) = read(body.as_bytes()).unwrap();
            assert_eq!(again, head, "{}", capture.file);
            assert_eq!(sorted(shuffled), sorted(tasks.clone()), "{}", capture.file);
        }
    }
}

/// Takes the stages out of each other; `subStages` becomes a list of ids.
fn flatten(stage: &Value, flat: &mut Vec<Value>) {
    let mut own = stage.as_object().unwrap().clone();
    let below = own["subStages"].as_array().unwrap().clone();
    let ids = below.iter().map(|stage| stage["stageId"].clone());
    own.insert("subStages".to_owned(), ids.collect());
    flat.push(Value::Object(own));
    for stage in &below {
        flatten(stage, flat);
    }
}

#[test]
fn both_shapes_mean_the_same() {
    let mut compared = 0;
    for capture in CAPTURES {
        let mut document: Map<String, Value> = serde_json::from_slice(capture.body).unwrap();
        let Some(stage) = document.remove("outputStage") else {
            continue;
        };
        let mut flat = Vec::new();
        flatten(&stage, &mut flat);
        document.insert(
            "stages".to_owned(),
            json!({"outputStageId": "x", "stages": flat}),
        );
        let (head, tasks) = read(capture.body).unwrap();
        let body = serde_json::to_vec(&document).unwrap();
        for (again, moved) in [read(&body).unwrap(), read_strictly(&body).unwrap()] {
            assert_eq!(again, head, "{}", capture.file);
            assert_eq!(sorted(moved), sorted(tasks.clone()), "{}", capture.file);
        }
        compared += 1;
    }
    assert_eq!(compared, 9);
}

/// Each wanted path, alone in a document, with a value that only it can bring.
#[test]
fn nothing_on_a_wanted_path_is_jumped_over() {
    let task = |inner: &str| format!(r#"{{"outputStage":{{"tasks":[{{{inner}}}]}}}}"#);
    let nested = r#"{"outputStage":{"subStages":[{"subStages":[{"tasks":[{}]}]}]}}"#;
    for (body, seen) in [
        (r#"{"queryId":"mark"}"#.to_owned(), "mark"),
        (r#"{"state":"PLANNING"}"#.to_owned(), "Planning"),
        (r#"{"self":"mark"}"#.to_owned(), "mark"),
        (r#"{"retryPolicy":"TASK"}"#.to_owned(), "Some(Task)"),
        (r#"{"pruned":true}"#.to_owned(), "pruned: Some(true)"),
        (
            r#"{"finalQueryInfo":true}"#.to_owned(),
            "is_final: Some(true)",
        ),
        (
            r#"{"queryStats":{"totalTasks":77}}"#.to_owned(),
            "total_tasks: Some(77)",
        ),
        (nested.to_owned(), "tasks_found: 1"),
        (
            r#"{"stages":{"stages":[{"tasks":[{}]}]}}"#.to_owned(),
            "tasks_found: 1",
        ),
        (task(r#""taskStatus":{"taskId":"mark"}"#), r#"id: "mark""#),
        (
            task(r#""taskStatus":{"self":"mark"}"#),
            r#"self_uri: "mark""#,
        ),
        (
            task(r#""taskStatus":{"nodeId":"mark"}"#),
            r#"node_id: "mark""#,
        ),
        (task(r#""taskStatus":{"state":"ABORTING"}"#), "Aborting"),
        (task(r#""outputBuffers":{"type":"BROADCAST"}"#), "Broadcast"),
        (task(r#""outputBuffers":{"state":"OPEN"}"#), "Open"),
        (
            task(r#""outputBuffers":{"totalBufferedBytes":77}"#),
            " bytes: 77",
        ),
        (
            task(r#""outputBuffers":{"totalBufferedPages":77}"#),
            " pages: 77",
        ),
        (
            task(r#""outputBuffers":{"totalPagesSent":77}"#),
            "pages_sent: 77",
        ),
    ] {
        for outcome in [read(body.as_bytes()), read_strictly(body.as_bytes())] {
            let text = format!("{:?}", outcome.unwrap());
            assert!(text.contains(seen), "{body}: {text}");
        }
    }
}
