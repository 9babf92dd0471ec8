//! What the administrator chose: bounds, the floor, switches. Plain data.

use std::time::Duration;

use super::bounds::Bounds;

/// Everything that configuration says about decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long anything may last.
    pub bounds: Bounds,
    /// How many workers must go on serving.
    pub floor: Floor,
    /// Begin to drain workers of a cordoned node before anybody asks. Default true.
    pub drain_on_cordon: bool,
    /// Treat the cluster autoscaler's DeletionCandidate taint as a want. Default false.
    pub deletion_candidate: bool,
    /// Lower a scale-down to what is safe instead of refusing it. Default false.
    pub clamp: bool,
    /// Keep autoscalers' hints on busy workers, for at most so long. Default off.
    pub hints: Option<Duration>,
    /// `system:serviceaccount:NAMESPACE:NAME` of the operator, whose requests wait without bound.
    pub operator: Option<String>,
}

/// How many workers of a coordinator must go on serving while others are drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// So many percent of the target may be drained at once. Default 25.
    pub share: u32,
    /// So many always serve while a query is unfinished. Default 1.
    pub min_active: u32,
}

impl Default for Floor {
    fn default() -> Self {
        Self {
            share: 25,
            min_active: 1,
        }
    }
}

impl Floor {
    /// The fewest serving workers that a new drain may leave, of `target` wanted ones: `waived` leaves out the share.
    #[must_use]
    pub fn of(&self, target: u32, waived: bool) -> u32 {
        let part = u64::from(target) * u64::from(self.share) / 100;
        let part = u32::try_from(part).unwrap_or(u32::MAX).max(1);
        let by_share = if waived {
            0
        } else {
            target.saturating_sub(part)
        };
        by_share.max(self.min_active)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            bounds: Bounds::default(),
            floor: Floor::default(),
            drain_on_cordon: true,
            deletion_candidate: false,
            clamp: false,
            hints: None,
            operator: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_leaves_a_quarter_but_at_least_one_to_drain() {
        let floor = Floor::default();
        let of = |target| floor.of(target, false);
        assert_eq!((of(0), of(1), of(2), of(3)), (1, 1, 1, 2));
        assert_eq!((of(4), of(8), of(10), of(100)), (3, 6, 8, 75));
        assert_eq!(floor.of(10, true), 1);
    }
}
