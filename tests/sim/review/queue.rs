//! Reviews on their way. Keeps; decides nothing.

use xtrinode::core::guard::ask::Outcome;
use xtrinode::core::guard::rows::Row;

use crate::kube::store::Pix;

use super::Review;

/// Reviews on their way, in places that are used again.
#[derive(Default)]
pub struct Reviews {
    all: Vec<Option<Review>>,
    free: Vec<usize>,
}

impl Reviews {
    /// Puts a review in, and answers its place.
    pub fn insert(&mut self, review: Review) -> usize {
        match self.free.pop() {
            Some(at) => {
                self.all[at] = Some(review);
                at
            }
            None => {
                self.all.push(Some(review));
                self.all.len() - 1
            }
        }
    }

    /// The review at a place.
    pub fn get(&mut self, at: usize) -> &mut Review {
        self.all[at].as_mut().expect("a review on its way")
    }

    /// Whether an allow of this pod's removal is on its way.
    pub fn committing(&self, pod: Pix) -> bool {
        let mut open = self.all.iter().flatten();
        open.any(|review| {
            let allowed = review
                .verdict
                .as_ref()
                .filter(|verdict| verdict.row != Row::NotGuarded)
                .is_some_and(|verdict| verdict.outcome == Outcome::Allow);
            allowed && review.pod == Some(pod) && review.granted
        })
    }

    /// Takes a review out.
    pub fn remove(&mut self, at: usize) -> Review {
        self.free.push(at);
        self.all[at].take().expect("a review on its way")
    }
}
