//! The endpoints that every component has: `/metrics`, `/livez` (alias `/healthz`),
//! `/readyz`, `/version` and an index at `/`. Reads what the process knows of itself.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use super::problem::Problem;
use crate::process::build::{BUILD, Build};
use crate::process::exposition::Exposition;
use crate::process::metrics::Metrics;
use crate::process::readiness::Readiness;

/// What the endpoints answer from.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The component's name, for the index.
    pub component: &'static str,
    /// Everything registered, complete by now.
    pub metrics: Arc<Metrics>,
    /// The holds of this process.
    pub readiness: Readiness,
    /// Further lines of the index: path and what it is.
    pub index: Vec<(&'static str, &'static str)>,
}

/// What `/readyz` answers from.
#[derive(Clone)]
struct Probed {
    readiness: Readiness,
    stop: CancellationToken,
}

const ENDPOINTS: [(&str, &str); 4] = [
    (
        "/metrics",
        "metrics for Prometheus; OpenMetrics when asked for",
    ),
    ("/livez", "200 while this process runs"),
    (
        "/readyz",
        "200 once ready, else 503 with what it waits for; ?verbose lists all",
    ),
    ("/version", "version, commit and target of this build"),
];

/// The routes. The answer at `/metrics` is compressed for who accepts gzip.
pub fn router(admin: Admin) -> Router {
    router_until(admin, CancellationToken::new())
}

/// As [`router`], and `/readyz` is 503 from the moment that `stop` is cancelled: for a
/// process that serves on for a while after it was asked to leave.
pub fn router_until(admin: Admin, stop: CancellationToken) -> Router {
    let probed = Probed {
        readiness: admin.readiness.clone(),
        stop,
    };
    let metrics = get(metrics).layer(CompressionLayer::new());
    Router::new()
        .route("/", get(index))
        .route("/metrics", metrics)
        .route("/livez", get(live))
        .route("/healthz", get(live))
        .route("/readyz", get(ready).with_state(probed))
        .route("/version", get(version))
        .with_state(Arc::new(admin))
}

async fn index(State(admin): State<Arc<Admin>>) -> String {
    let mut text = format!("xtrinode {} {}\n\n", admin.component, BUILD.version);
    for (path, what) in admin.index.iter().chain(&ENDPOINTS) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{path:<14} {what}");
    }
    text
}

async fn metrics(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    let accept = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let exposition = Exposition::negotiate(&accept.collect::<Vec<_>>().join(","));
    match admin.metrics.render(exposition) {
        Ok(text) => (
            [(CONTENT_TYPE, exposition.content_type()), (VARY, "accept")],
            text,
        )
            .into_response(),
        Err(_) => {
            tracing::error!("Metrics could not be written");
            let detail = "the metrics could not be written as text";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
        }
    }
}

/// Says less than readiness on purpose: restarting us cures nothing that we wait for.
async fn live() -> &'static str {
    "ok\n"
}

async fn ready(State(probed): State<Probed>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    let waiting = probed.readiness.waiting();
    let leaving = probed.stop.is_cancelled();
    let status = if waiting.is_empty() && !leaving {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    if query.is_some_and(|query| query.split('&').any(is_verbose)) {
        return (status, verbose(&probed, status));
    }
    let text = if leaving {
        "shutting down".to_owned()
    } else if waiting.is_empty() {
        "ok".to_owned()
    } else {
        format!("waiting for {}", waiting.join(", "))
    };
    (status, text + "\n")
}

fn is_verbose(pair: &str) -> bool {
    pair == "verbose" || pair.starts_with("verbose=")
}

/// The form that Kubernetes' own servers use.
fn verbose(probed: &Probed, status: StatusCode) -> String {
    let mut text = String::new();
    if probed.stop.is_cancelled() {
        text.push_str("[-]shutdown began\n");
    }
    for entry in probed.readiness.entries() {
        let line = if entry.released {
            ("+", "ok")
        } else {
            ("-", "waiting")
        };
        let _ = writeln!(text, "[{}]{} {}", line.0, entry.name, line.1);
    }
    let outcome = if status == StatusCode::OK {
        "passed"
    } else {
        "failed"
    };
    text + "readyz check " + outcome + "\n"
}

async fn version() -> Json<Build> {
    Json(BUILD)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use prometheus_client::metrics::gauge::Gauge;
    use tower::ServiceExt as _;

    use super::*;

    struct Answer {
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
    }

    impl Answer {
        fn text(&self) -> &str {
            std::str::from_utf8(&self.body).unwrap()
        }
    }

    fn admin() -> Admin {
        let mut metrics = Metrics::default();
        metrics.register(
            "demo_queries",
            &"Queries ".repeat(10),
            Gauge::<i64>::default(),
        );
        Admin {
            component: "exporter",
            metrics: Arc::new(metrics),
            readiness: Readiness::default(),
            index: vec![("/v1/snapshot", "what each worker holds")],
        }
    }

    async fn answer(admin: &Admin, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = router(admin.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    #[tokio::test]
    async fn metrics_follow_the_accept_header() {
        let admin = admin();
        let plain = answer(&admin, "/metrics", &[]).await;
        assert_eq!(
            plain.headers[CONTENT_TYPE],
            "text/plain; version=0.0.4; charset=utf-8"
        );
        assert!(plain.text().ends_with("demo_queries 0\n"));
        let accept = [("accept", "application/openmetrics-text; version=1.0.0")];
        let open = answer(&admin, "/metrics", &accept).await;
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(open.headers[CONTENT_TYPE], content_type);
        assert!(open.text().ends_with("# EOF\n"));
    }

    #[tokio::test]
    async fn metrics_are_compressed_for_who_accepts_it() {
        let packed = answer(&admin(), "/metrics", &[("accept-encoding", "gzip")]).await;
        assert_eq!(packed.headers["content-encoding"], "gzip");
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.body.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        assert!(text.ends_with("demo_queries 0\n"), "{text}");
    }

    #[tokio::test]
    async fn readiness_names_what_it_waits_for() {
        let admin = admin();
        let (blue, green) = (admin.readiness.hold("blue"), admin.readiness.hold("green"));
        green.release();
        let waiting = answer(&admin, "/readyz", &[]).await;
        assert_eq!(
            (waiting.status, waiting.text()),
            (503, "waiting for blue\n")
        );
        let verbose = answer(&admin, "/readyz?verbose", &[]).await;
        let expected = "[-]blue waiting\n[+]green ok\nreadyz check failed\n";
        assert_eq!((verbose.status, verbose.text()), (503, expected));
        blue.release();
        let ready = answer(&admin, "/readyz", &[]).await;
        assert_eq!((ready.status, ready.text()), (200, "ok\n"));
        let verbose = answer(&admin, "/readyz?verbose=1", &[]).await;
        assert!(verbose.status == 200 && verbose.text().ends_with("readyz check passed\n"));
    }

    #[tokio::test]
    async fn a_process_that_leaves_is_unready_at_once() {
        let stop = CancellationToken::new();
        let router = router_until(admin(), stop.clone());
        let probe = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(probe("/readyz").await, (200, "ok\n".to_owned()));
        stop.cancel();
        assert_eq!(probe("/readyz").await, (503, "shutting down\n".to_owned()));
        let verbose = probe("/readyz?verbose").await;
        assert_eq!(
            verbose,
            (503, "[-]shutdown began\nreadyz check failed\n".to_owned())
        );
        assert_eq!(probe("/livez").await.0, 200);
    }

    #[tokio::test]
    async fn liveness_does_not_wait() {
        let admin = admin();
        let _hold = admin.readiness.hold("blue");
        for path in ["/livez", "/healthz"] {
            assert_eq!(answer(&admin, path, &[]).await.text(), "ok\n");
        }
    }

    #[tokio::test]
    async fn the_build_and_the_index_are_there() {
        let version = answer(&admin(), "/version", &[]).await;
        let version: serde_json::Value = serde_json::from_slice(&version.body).unwrap();
        assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
        assert!(version["commit"].is_string() && version["target"].is_string());
        let index = answer(&admin(), "/", &[]).await;
        for path in ["/v1/snapshot ", "/metrics ", "/readyz "] {
            assert!(index.text().contains(path), "{path} in {}", index.text());
        }
    }
}
