//! The few values of `pod-deletion-cost` that we write. Uneven numbers, so that a value that a person chose is not taken
//! for ours: only these are ever changed or removed outside a kick. Small ones, since Karpenter adds them up per node.
//!
//! Of coordinators only a kick writes one: nobody ranks them against anything.

use crate::core::guard::class::Class;

/// May go. Two values: a kick writes the one that does not stand there.
pub const DRAINED: [i32; 2] = [-107, -108];

/// Is being drained.
pub const DRAINING: i32 = -57;

/// Nothing was at risk on it for a while.
pub const IDLE: i32 = -17;

/// Something is at risk on it, or nothing is known.
pub const BUSY: i32 = 17;

/// Whether a value is one of ours.
#[must_use]
pub const fn is_ours(cost: i32) -> bool {
    is_drained(cost) || matches!(cost, DRAINING | IDLE | BUSY)
}

/// Whether a value says that its pod may go.
#[must_use]
pub const fn is_drained(cost: i32) -> bool {
    cost == DRAINED[0] || cost == DRAINED[1]
}

/// What a kick writes over a value.
#[must_use]
pub const fn kick(over: i32) -> i32 {
    if over == DRAINED[0] {
        DRAINED[1]
    } else {
        DRAINED[0]
    }
}

/// The band of a worker that may not go. What is unknown counts as busy; what has not begun to work, or ended, needs no
/// band, since its phase ranks it first.
#[must_use]
pub const fn of(class: Class, leaving: bool) -> Option<i32> {
    match class {
        Class::Dead | Class::Starting => None,
        _ if leaving => Some(DRAINING),
        Class::Idle => Some(IDLE),
        _ => Some(BUSY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_in_the_order_of_removal_around_what_has_none() {
        let order = [DRAINED[0], DRAINING, IDLE, 0, BUSY];
        assert!(order.is_sorted() && order.iter().all(|cost| *cost == 0 || is_ours(*cost)));
        assert!(!is_ours(0) && !is_ours(-100) && !is_ours(100));
    }

    #[test]
    fn a_kick_always_changes_the_value() {
        for cost in [0, 5, BUSY, DRAINING, DRAINED[0], DRAINED[1]] {
            assert_ne!(kick(cost), cost);
            assert!(is_drained(kick(cost)));
        }
    }

    #[test]
    fn the_unknown_counts_as_busy() {
        assert_eq!(of(Class::Unknown, false), Some(BUSY));
        assert_eq!(of(Class::Unknown, true), Some(DRAINING));
        assert_eq!(of(Class::Dead, true), None);
    }
}
