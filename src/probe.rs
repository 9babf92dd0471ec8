//! `xtrinode probe URL`: asks one URL and says whether it answered well. For images without a shell, where a
//! `helm test` pod or an exec probe has nothing else to ask with. Sends no credentials, follows no redirect.

use std::process::ExitCode;
use std::time::Duration;

use reqwest::redirect::Policy;

use crate::cli::ProbeArgs;
use crate::process::runtime;

/// Long enough for a slow pod, short enough for a person who waits.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Text of an answer that is shown.
const SHOWN: usize = 500;

/// 0 for an answer with a 2xx status, else 1.
pub fn run(args: &ProbeArgs) -> ExitCode {
    match runtime::block_on(ask(args)) {
        Ok(Ok((status, text))) => {
            println!("{status}\n{text}");
            if status.is_success() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Ok(Err(error)) => {
            eprintln!("xtrinode: no answer: {error:#}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("xtrinode: cannot start the runtime: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn ask(args: &ProbeArgs) -> anyhow::Result<(reqwest::StatusCode, String)> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .tls_danger_accept_invalid_certs(args.insecure_skip_verify)
        .build()?;
    let mut response = client.get(args.url.clone()).send().await?;
    let mut body = Vec::new();
    while body.len() < SHOWN {
        match response.chunk().await? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    body.truncate(SHOWN);
    let text = String::from_utf8_lossy(&body).trim_end().to_owned();
    Ok((response.status(), text))
}
