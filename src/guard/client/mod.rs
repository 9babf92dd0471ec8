//! What people ask a running guard: `explain`, `guard status`, `guard release`. Decides exit codes.

mod ask;
mod release;
mod show;

use std::process::ExitCode;

use anyhow::Context as _;
use url::form_urlencoded::Serializer;

use crate::cli::{
    ExplainArgs, ExplainCommand, GuardReleaseArgs, GuardStatusArgs, Output, PodName, ReachArgs,
};
use crate::core::guard::status::Status;
use crate::process::causes::causes;
use crate::process::runtime;

use super::api::{Explanation, Question};
use ask::ask;
use show::{explanation, table};

/// `xtrinode explain`: 0 it would be allowed, 1 not, or nobody could be asked.
pub fn explain(args: &ExplainArgs) -> ExitCode {
    let (question, reach, output) = question(args);
    match block(ask::<Explanation>(reach, "/v1/explain", &form(&question))) {
        Ok(told) => {
            print(&told, output, explanation);
            ExitCode::from(u8::from(!told.allowed))
        }
        Err(error) => fail(&error),
    }
}

/// `xtrinode guard status`.
pub fn status(args: &GuardStatusArgs) -> ExitCode {
    match block(ask::<Status>(&args.reach, "/v1/status", "")) {
        Ok(told) => {
            print(&told, args.output, table);
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

/// `xtrinode guard release`.
pub fn release(args: &GuardReleaseArgs) -> ExitCode {
    match block(release::annotate(args)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn block<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    runtime::block_on(work).context("cannot start the runtime")?
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("xtrinode: {}", causes(error));
    ExitCode::FAILURE
}

fn print<T: serde::Serialize>(told: &T, output: Output, text: impl Fn(&T) -> String) {
    match output {
        Output::Table => print!("{}", text(told)),
        Output::Json => println!("{}", serde_json::to_string_pretty(told).unwrap_or_default()),
    }
}

fn question(args: &ExplainArgs) -> (Question, &ReachArgs, Output) {
    match &args.command {
        ExplainCommand::Evict(pod) => (of_pod("evict", &pod.pod), &pod.reach, pod.output),
        ExplainCommand::Delete(pod) => (of_pod("delete", &pod.pod), &pod.reach, pod.output),
        ExplainCommand::Scale(scale) => {
            let workload = &scale.workload;
            let question = Question {
                action: "scale".to_owned(),
                namespace: workload.namespace.clone(),
                name: workload.name.clone(),
                kind: Some(workload.kind.to_owned()),
                to: Some(scale.to),
            };
            (question, &scale.reach, scale.output)
        }
    }
}

fn of_pod(action: &str, pod: &PodName) -> Question {
    Question {
        action: action.to_owned(),
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        kind: None,
        to: None,
    }
}

/// The question as a query string.
fn form(question: &Question) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("action", &question.action);
    query.append_pair("namespace", &question.namespace);
    query.append_pair("name", &question.name);
    if let Some(kind) = &question.kind {
        query.append_pair("kind", kind);
    }
    if let Some(to) = question.to {
        query.append_pair("to", &to.to_string());
    }
    query.finish()
}
