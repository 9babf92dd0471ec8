//! Plain HTTP for tests: one client, answers as status, headers and text. No retries, no redirects.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A whole answer.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// The body as JSON, when the status is 200.
    pub fn json(&self) -> Result<Value> {
        ensure!(
            self.status == 200,
            "answered {}: {}",
            self.status,
            self.body
        );
        serde_json::from_str(&self.body).context("parse the answer as JSON")
    }
}

/// The client that all tests share.
pub fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        // An error means that the program under test, in this process, was faster: as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client without special options can be built")
    })
}

/// GET with these headers.
pub async fn get(url: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    send(client().get(url), headers).await
}

/// Sends a request with these headers and reads the whole answer.
pub async fn send(request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> Result<Answer> {
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let response = request.send().await?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.text().await?,
    })
}
