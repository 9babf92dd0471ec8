//! The captured parts of a document, and how their placeholders are filled.

use super::random::Random;

pub const SESSION: &str = include_str!("templates/session.txt");
pub const QUERY_STATS: &str = include_str!("templates/query_stats.txt");
pub const BETWEEN: &str = include_str!("templates/between.txt");
pub const TAIL: &str = include_str!("templates/tail.txt");
pub const PLAN: &str = include_str!("templates/plan.txt");
pub const STAGE_STATS: &str = include_str!("templates/stage_stats.txt");
pub const FINISHED_STAGE_STATS: &str = include_str!("templates/finished_stage_stats.txt");
pub const STATUS: &str = include_str!("templates/status.txt");
pub const RUNNING_STATS: &str = include_str!("templates/running_stats.txt");
pub const FINISHED_STATS: &str = include_str!("templates/finished_stats.txt");
pub const UTILIZATION: &str = include_str!("templates/utilization.txt");
pub const PIPELINE: &str = include_str!("templates/pipeline.txt");
pub const OPERATOR: &str = include_str!("templates/operator.txt");
pub const EXCHANGE_OPERATOR: &str = include_str!("templates/exchange_operator.txt");

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends a template without its final line break; digits are never 0, so that none leads.
pub fn fill(out: &mut Vec<u8>, template: &str, random: &mut Random) {
    for byte in template.trim_end().bytes() {
        out.push(match byte {
            b'#' => random.one_of(b"123456789"),
            b'?' => random.one_of(BASE64),
            other => other,
        });
    }
}
