//! Every parameter of the guard's chart changes what it should in what Helm renders, by the table in
//! `parameters.yaml`.

use serde::Deserialize;
use serde_json::Value;

use crate::render::with_set;

use super::render::{look, render};

/// A change of values and where it must show; `parameters.yaml` says what the words mean.
#[derive(Deserialize)]
struct Effect {
    parameter: String,
    set: Vec<String>,
    at: String,
    is: Value,
}

#[derive(Deserialize)]
struct Parameters {
    own: Vec<Effect>,
}

#[test]
fn every_parameter_changes_what_it_should() {
    let table: Parameters = serde_saphyr::from_str(include_str!("parameters.yaml"))
        .expect("parameters.yaml is a table");
    let default = render(&[]);
    for Effect {
        parameter,
        set,
        at,
        is,
    } in &table.own
    {
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        assert_ne!(
            look(&default, at),
            *is,
            "{parameter} is tested with its default"
        );
        assert_eq!(
            look(&render(&with_set(&set)), at),
            *is,
            "{parameter} at {at}"
        );
    }
}
