//! What a coordinator says about itself, and what gives away that it is not one coordinator: a worker's answer,
//! an uptime that fell, query ids of two starts in turn.

use std::collections::VecDeque;

use crate::core::buffers::snapshot::Problem;
use crate::trino::ids::coordinator_suffix;

use super::api::TrinoApi;
use super::failure::Failure;

/// Starts that are remembered to recognise one that comes back.
const STARTS: usize = 8;

/// Lists of one and the same start that it takes to end the suspicion of a gateway.
const TRUST_AFTER: u32 = 10;

/// What is known of one coordinator.
#[derive(Debug, Default)]
pub struct Acquaintance {
    /// Trino's version.
    pub version: Option<String>,
    /// The coordinator's node id.
    pub node_id: Option<String>,
    uptime: Option<f64>,
    coordinator_id: Option<String>,
    starts: VecDeque<String>,
    suspicion: u32,
}

impl Acquaintance {
    /// Asks the coordinator who it is. True when it was restarted since the last time.
    ///
    /// # Errors
    /// When it can't be reached, still starts, or is no coordinator. An answer that is merely strange
    /// (an older release, a proxy without `/v1/info`) is no error: the query list decides.
    pub async fn meet(&mut self, api: &TrinoApi) -> Result<bool, Problem> {
        let info = match api.info().await {
            Ok(info) => info,
            Err(failure @ (Failure::Connect(_) | Failure::Timeout(_))) => {
                return Err(failure.problem("reaching the coordinator"));
            }
            Err(failure) => {
                tracing::debug!(error = %failure, "No /v1/info");
                return Ok(false);
            }
        };
        refuse_strangers(info.coordinator, info.starting)?;
        let uptime = info.uptime.as_deref().and_then(seconds);
        let restarted = self.was_restarted(uptime, info.coordinator_id.as_deref());
        self.uptime = uptime;
        self.coordinator_id = info.coordinator_id;
        self.version = Some(info.node_version.version);
        if restarted || self.node_id.is_none() {
            self.node_id = match info.node_id {
                Some(id) => Some(id),
                None => api.status().await.ok().map(|status| status.node_id),
            };
        }
        Ok(restarted)
    }

    fn was_restarted(&self, uptime: Option<f64>, coordinator_id: Option<&str>) -> bool {
        let younger = matches!((uptime, self.uptime), (Some(now), Some(before)) if now < before);
        let renamed = matches!(
            (coordinator_id, self.coordinator_id.as_deref()),
            (Some(now), Some(before)) if now != before
        );
        younger || renamed
    }

    /// Drops what another start of the coordinator may answer differently.
    pub fn forget(&mut self) {
        self.node_id = None;
        self.version = None;
    }

    /// Notes which start of the coordinator made the newest query.
    ///
    /// # Errors
    /// When a start comes back after another: several coordinators answer in turn.
    pub fn began(&mut self, newest: Option<&str>) -> Result<(), Problem> {
        let Some(start) = newest.and_then(coordinator_suffix) else {
            return Ok(());
        };
        if self.starts.back().is_none_or(|last| last != start) {
            self.remember(start);
        }
        if self.suspicion == 0 {
            return Ok(());
        }
        self.suspicion -= 1;
        Err(Problem {
            reason: "several_coordinators",
            detail: "several coordinators answer in turn at this url: it leads to a gateway or \
                     load balancer, and must lead to one coordinator"
                .to_owned(),
        })
    }

    fn remember(&mut self, start: &str) {
        if self.starts.iter().any(|known| known == start) {
            self.suspicion = TRUST_AFTER;
        }
        self.starts.push_back(start.to_owned());
        if self.starts.len() > STARTS {
            self.starts.pop_front();
        }
    }
}

fn refuse_strangers(coordinator: bool, starting: bool) -> Result<(), Problem> {
    if !coordinator {
        return Err(Problem {
            reason: "not_a_coordinator",
            detail: "this is a Trino worker; the url must lead to the coordinator".to_owned(),
        });
    }
    if starting {
        return Err(Problem {
            reason: "starting",
            detail: "the coordinator is still starting".to_owned(),
        });
    }
    Ok(())
}

/// Seconds of a duration in Trino's notation (`5.82m`).
fn seconds(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let factor = match &text[unit..] {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    text[..unit].parse::<f64>().ok().map(|value| value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let close = |text, expected: f64| {
            seconds(text).is_some_and(|found| (found - expected).abs() < 1e-9)
        };
        assert!(close("5.50m", 330.0));
        assert!(close("12.00s", 12.0));
        assert!(close("1.00d", 86_400.0));
        assert!(close("250.00ms", 0.25));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("12"), None);
    }

    #[test]
    fn a_fallen_uptime_or_another_id_is_a_restart() {
        let known = Acquaintance {
            uptime: Some(100.0),
            coordinator_id: Some("aaaaa".into()),
            ..Acquaintance::default()
        };
        assert!(known.was_restarted(Some(5.0), None));
        assert!(known.was_restarted(Some(200.0), Some("bbbbb")));
        assert!(!known.was_restarted(Some(100.0), Some("aaaaa")));
        assert!(!known.was_restarted(None, None));
    }

    #[test]
    fn a_start_that_comes_back_is_a_gateway() {
        let mut known = Acquaintance::default();
        let one = Some("20261122_000000_00001_aaaaa");
        let two = Some("20261122_000000_00001_bbbbb");
        assert!(known.began(one).is_ok());
        assert!(known.began(one).is_ok());
        assert!(known.began(two).is_ok(), "an ordinary restart");
        let problem = known.began(one).expect_err("the first start again");
        assert_eq!(problem.reason, "several_coordinators");
        assert!(known.began(None).is_ok());
        for _ in 1..TRUST_AFTER {
            assert!(known.began(one).is_err(), "chance, not proof");
        }
        assert!(known.began(one).is_ok());
    }

    #[test]
    fn workers_and_newborns_are_refused() {
        assert_eq!(
            refuse_strangers(false, false).map_err(|p| p.reason),
            Err("not_a_coordinator")
        );
        assert_eq!(
            refuse_strangers(true, true).map_err(|p| p.reason),
            Err("starting")
        );
        assert!(refuse_strangers(true, false).is_ok());
    }
}
