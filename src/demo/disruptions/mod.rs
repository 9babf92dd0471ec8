//! Voluntary disruptions, as users ask for them all day: node drains, scale-downs, rolling restarts, deleted pods. Decides
//! what is asked for and in which order, by a seed; each is asked again until it is let through, as its tool would.

mod acts;
pub mod board;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::acts::Acts;
use self::board::Board;
use super::kubernetes::api::Api;
use super::simulator::random::Random;

/// Pause between the end of a disruption and the next.
const PAUSE: Duration = Duration::from_millis(1500);

/// The kinds of disruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kubectl drain` of a node.
    Drain,
    /// A scale-down, taken back later.
    Scale,
    /// `kubectl rollout restart`.
    Restart,
    /// `kubectl delete pod`.
    Delete,
}

/// Somebody who disrupts.
#[derive(Debug)]
pub struct Disruptions {
    acts: Acts,
    board: Arc<Board>,
    random: Random,
    deck: Vec<Kind>,
    workers: u16,
}

impl Disruptions {
    /// Disrupts a cluster of so many workers in the order that belongs to `seed`.
    #[must_use]
    pub fn new(api: &Api, workers: u16, seed: u64) -> Self {
        let board = Arc::new(Board::default());
        Self {
            acts: Acts::new(api.clone(), Arc::clone(&board)),
            board,
            random: Random::new(seed),
            deck: Vec::new(),
            workers,
        }
    }

    /// What is told of it while it goes on.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Disrupts until `stop`, at most `limit` times where there is one.
    pub async fn run(mut self, limit: Option<u32>, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            let mut count = 0;
            while limit.is_none_or(|limit| count < limit) {
                tokio::time::sleep(PAUSE).await;
                self.one().await;
                count += 1;
            }
        })
        .await;
    }

    async fn one(&mut self) {
        let all = u32::from(self.workers);
        match self.draw() {
            Kind::Drain => self.acts.drain(&mut self.random).await,
            Kind::Scale => self.acts.scale(&mut self.random, all).await,
            Kind::Restart => self.acts.restart(all).await,
            Kind::Delete => self.acts.delete(&mut self.random).await,
        }
    }

    /// The next kind: each comes once in every round, so that a short demo shows all.
    fn draw(&mut self) -> Kind {
        if self.deck.is_empty() {
            self.deck = kinds(self.workers);
        }
        let at = self.random.index(self.deck.len());
        self.deck.remove(at)
    }
}

/// What can be done to so many workers: without another one that serves, only a restart brings one before it takes one.
fn kinds(workers: u16) -> Vec<Kind> {
    match workers {
        0 | 1 => vec![Kind::Restart],
        _ => vec![Kind::Drain, Kind::Scale, Kind::Restart, Kind::Delete],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::calendar::Calendar;
    use crate::demo::kubernetes::store::Store;

    fn round(seed: u64) -> Vec<Kind> {
        let api = Api::new(Store::new(seed, Calendar::start()));
        let mut disruptions = Disruptions::new(&api, 4, seed);
        (0..8).map(|_| disruptions.draw()).collect()
    }

    #[test]
    fn a_round_has_each_kind_and_a_seed_its_order() {
        let eight = round(1);
        for half in eight.chunks(4) {
            let mut kinds = half.to_vec();
            kinds.sort_unstable();
            assert_eq!(
                kinds,
                [Kind::Drain, Kind::Scale, Kind::Restart, Kind::Delete]
            );
        }
        assert_eq!(eight, round(1));
        assert!((2..9).any(|seed| round(seed) != eight));
    }

    #[test]
    fn a_single_worker_is_only_restarted() {
        assert_eq!(kinds(1), [Kind::Restart]);
    }
}
