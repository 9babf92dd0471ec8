//! Workers of one cluster that one request would take together. The pod gate judges each alone; what only its bound lets go
//! has to leave enough of the others serving, and those that go before it are none of these.

use super::class::{Class, View};
use super::facts::pod::{ClusterId, Pod};
use super::fleet::Serving;
use super::gate::{Gate, Patience, Why};

/// The workers that may go, one after the other.
#[derive(Clone, Debug)]
pub struct Leaving<'a> {
    view: View<'a>,
    serving: Serving<'a>,
    going: Vec<&'a Pod>,
}

impl<'a> Leaving<'a> {
    /// None of this cluster yet.
    #[must_use]
    pub const fn new(view: View<'a>, cluster: &'a ClusterId) -> Self {
        Self {
            view,
            serving: Serving::new(view, cluster),
            going: Vec::new(),
        }
    }

    /// Whether one more may be removed; it is counted as gone if so.
    pub fn gate(&mut self, pod: &'a Pod, class: Class, patience: Patience) -> Gate {
        let gate = self.view.gate_among(pod, class, patience, &self.serving);
        if matches!(gate, Gate::Shut(_)) {
            return gate;
        }
        self.going.push(pod);
        let floor = || self.view.floor(&pod.cluster, true);
        if gate == Gate::Open(Why::MaxBlock) && !self.serving.has_without_all(&self.going, floor())
        {
            self.going.pop();
            return Gate::Shut(self.view.barrier(pod, class));
        }
        gate
    }
}
