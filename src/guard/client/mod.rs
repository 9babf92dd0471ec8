//! What people ask a running guard: `explain`, `guard status`, `guard release`. Decides exit codes.

mod ask;
mod names;
mod release;
mod show;

use std::process::ExitCode;

use anyhow::Context as _;
use url::form_urlencoded::Serializer;

use crate::cli::{
    ExplainArgs, ExplainCommand, GuardReleaseArgs, GuardStatusArgs, Output, ReachArgs,
};
use crate::core::guard::status::Status;
use crate::process::causes::causes;
use crate::process::runtime;

use super::api::{Explanation, Question};
use ask::ask;
use names::{pod_name, workload_name};
use show::{explanation, table};

/// `xtrinode explain`: 0 it would be allowed, 1 not, or nobody could be asked.
pub fn explain(args: &ExplainArgs) -> ExitCode {
    let asked = question(args).map(|(question, reach, output)| {
        let asked = form(&question);
        block(async move { ask::<Explanation>(reach, "/v1/explain", &asked).await })
            .map(|told| (told, output))
    });
    match asked.and_then(|asked| asked) {
        Ok((told, output)) => {
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

fn question(args: &ExplainArgs) -> anyhow::Result<(Question, &ReachArgs, Output)> {
    let of = |action: &str, namespace: &str, name: &str| Question {
        action: action.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        kind: None,
        to: None,
    };
    match &args.command {
        ExplainCommand::Evict(pod) => {
            let (namespace, name) = pod_name(&pod.pod)?;
            Ok((of("evict", namespace, name), &pod.reach, pod.output))
        }
        ExplainCommand::Delete(pod) => {
            let (namespace, name) = pod_name(&pod.pod)?;
            Ok((of("delete", namespace, name), &pod.reach, pod.output))
        }
        ExplainCommand::Scale(scale) => {
            let (namespace, kind, name) = workload_name(&scale.workload)?;
            let question = Question {
                kind: Some(kind.to_owned()),
                to: Some(scale.to),
                ..of("scale", namespace, name)
            };
            Ok((question, &scale.reach, scale.output))
        }
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
