//! Every parameter of the chart changes what it should in what Helm renders, by the table in `parameters.yaml`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::render::{look, render, with_set};

/// The table of parameters, and what each must change.
const PARAMETERS: &str = include_str!("parameters.yaml");

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
    documented: Vec<Effect>,
    own: Vec<Effect>,
}

fn parameters() -> Parameters {
    serde_saphyr::from_str(PARAMETERS).expect("parameters.yaml is a table")
}

fn check(effects: &[Effect]) {
    let default = render(&[]);
    for Effect {
        parameter,
        set,
        at,
        is,
    } in effects
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

#[test]
fn every_documented_parameter_changes_what_it_should() {
    let effects = parameters().documented;
    let names: BTreeSet<&str> = effects
        .iter()
        .map(|effect| effect.parameter.as_str())
        .collect();
    assert_eq!(names.len(), 32);
    check(&effects);
}

#[test]
fn every_parameter_of_the_chart_changes_what_it_should() {
    check(&parameters().own);
}
