//! How times of the file relate: a bound that another one makes pointless is a problem.
//! Pure. A rule is silent where one of its keys already has a problem.

use std::time::Duration;

use super::serving::SELF_MANAGED;
use super::settings::{Certificate, Settings};
use crate::config::Notice;
use crate::config::reader::Reader;

/// A PUT to a worker may take so long; the Lease must outlive it.
const PUT_TIMEOUT: Duration = Duration::from_secs(2);

/// A time and the key that it came from.
type Timed<'a> = (&'a str, Duration);

const FRESH: &str = "bounds.freshSeconds";
const LOST: &str = "bounds.lostSeconds";
const NOTICE: &str = "bounds.drain.noticeTimeSeconds";
const EXPECTED: &str = "bounds.drain.expectedSeconds";
const MAX_BLOCK: &str = "bounds.maxBlockSeconds";
const PREEMPTION: &str = "bounds.preemption.maxBlockSeconds";
const UNKNOWN_MAX: &str = "bounds.unknownMaxSeconds";
const LEAK_AFTER: &str = "bounds.leakAfterSeconds";
const TIMEOUT: &str = "bounds.webhook.timeoutSeconds";
const DEADLINE: &str = "bounds.webhook.deadlineSeconds";
const POLL: &str = "trino.pollIntervalSeconds";

/// Contradictions.
pub(super) fn check(settings: &Settings, reader: &mut Reader) {
    let bounds = &settings.policy.bounds;
    let serving = &settings.serving;
    above((LOST, bounds.lost), (FRESH, bounds.fresh), reader);
    above(
        (TIMEOUT, serving.webhook_timeout),
        (DEADLINE, serving.deadline),
        reader,
    );
    at_least(
        (EXPECTED, bounds.drain_expected),
        (NOTICE, bounds.notice),
        reader,
    );
    at_least(
        (MAX_BLOCK, bounds.max_block),
        (PREEMPTION, bounds.preemption_max_block),
        reader,
    );
    at_least(
        (UNKNOWN_MAX, bounds.unknown_max),
        (LOST, bounds.lost),
        reader,
    );
    two_snapshots_before_a_leak(settings, reader);
    lease_outlives_a_put(settings, reader);
    if let Certificate::SelfManaged(own) = &serving.certificate {
        let key = |name| format!("{SELF_MANAGED}.{name}");
        let authority = key("authorityValiditySeconds");
        let certificate = key("certificateValiditySeconds");
        let authority = (authority.as_str(), own.authority_validity);
        at_least(authority, (&certificate, own.certificate_validity), reader);
    }
}

/// What is allowed and may surprise.
pub(super) fn notices(settings: &Settings) -> Vec<Notice> {
    let bounds = &settings.policy.bounds;
    let mut notices = Vec::new();
    if bounds.max_block < bounds.drain_expected {
        let message = format!(
            "below {EXPECTED}, which is {}: workers are let go before their drain usually ends, and their queries fail",
            bounds.drain_expected.as_secs_f64()
        );
        notices.push(Notice::new(MAX_BLOCK, message));
    }
    if settings.trino.poll_interval > bounds.fresh {
        let message = format!(
            "above {FRESH}, which is {}: between two cycles no worker counts as idle",
            bounds.fresh.as_secs_f64()
        );
        notices.push(Notice::new(POLL, message));
    }
    notices
}

/// A leak needs two complete snapshots.
fn two_snapshots_before_a_leak(settings: &Settings, reader: &mut Reader) {
    let (leak, poll) = (
        settings.policy.bounds.leak_after,
        settings.trino.poll_interval,
    );
    if leak < poll * 2 && told_nothing([LEAK_AFTER, POLL], reader) {
        let (leak, least) = (leak.as_secs_f64(), (poll * 2).as_secs_f64());
        let message =
            format!("{leak} is not allowed; give at least twice {POLL}, which is {least}");
        reader.problem(LEAK_AFTER, message);
    }
}

/// A leader whose renewal failed once may still be within a PUT when it is tried again.
fn lease_outlives_a_put(settings: &Settings, reader: &mut Reader) {
    let lease = &settings.installation.lease;
    let keys = [
        "leaderElection.leaseDurationSeconds",
        "leaderElection.renewIntervalSeconds",
    ];
    let shortest = lease.renew_interval * 2 + PUT_TIMEOUT;
    if lease.duration < shortest && told_nothing(keys, reader) {
        let message = format!(
            "{} is not allowed; give at least {}: twice {}, and the 2 s that a worker may take to answer",
            lease.duration.as_secs_f64(),
            shortest.as_secs_f64(),
            keys[1]
        );
        reader.problem(keys[0], message);
    }
}

fn above(one: Timed<'_>, other: Timed<'_>, reader: &mut Reader) {
    if one.1 <= other.1 {
        relate(one, "more than", other, reader);
    }
}

fn at_least(one: Timed<'_>, other: Timed<'_>, reader: &mut Reader) {
    if one.1 < other.1 {
        relate(one, "at least", other, reader);
    }
}

fn relate(one: Timed<'_>, how: &str, other: Timed<'_>, reader: &mut Reader) {
    if told_nothing([one.0, other.0], reader) {
        let (value, limit) = (one.1.as_secs_f64(), other.1.as_secs_f64());
        let message = format!(
            "{value} is not allowed; give {how} {}, which is {limit}",
            other.0
        );
        reader.problem(one.0, message);
    }
}

fn told_nothing(keys: [&str; 2], reader: &Reader) -> bool {
    !keys.iter().any(|key| reader.failed(key))
}
