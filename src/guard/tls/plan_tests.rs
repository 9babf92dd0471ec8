//! Every transition, whatever the clock does and wherever a leader stopped.

use super::super::issue::{Order, carry_out};
use super::*;
use crate::process::secret::Secret;

const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

/// A Secret, a clock and what the API server trusts.
#[derive(Clone)]
struct World {
    held: Held,
    names: Vec<String>,
    now: Timestamp,
    next_trusted: Option<Duration>,
}

impl World {
    fn empty() -> Self {
        Self {
            held: Held::default(),
            names: vec!["guard.trino.svc".to_owned(), "127.0.0.1".to_owned()],
            now: "2026-11-22T08:00:00Z".parse().unwrap(),
            next_trusted: None,
        }
    }

    /// With an authority and a certificate.
    fn begun() -> Self {
        let mut world = Self::empty();
        assert_eq!(world.go(), Step::Begin);
        world
    }

    /// With a next authority that nobody trusts yet, at the time when the first one became due.
    fn rotating() -> Self {
        let mut world = Self::begun();
        world.later(7 * YEAR);
        assert_eq!(world.go(), Step::Issue(Signer::Present));
        assert_eq!(world.go(), Step::AddNext);
        world
    }

    /// With a certificate of the next authority.
    fn switched() -> Self {
        let mut world = Self::rotating();
        world.next_trusted = Some(Duration::from_secs(60));
        assert_eq!(world.go(), Step::Issue(Signer::Next));
        world
    }

    fn view(&self) -> View<'_> {
        View {
            held: &self.held,
            names: &self.names,
            validity: Validity::default(),
            now: self.now,
            next_trusted: self.next_trusted,
        }
    }

    fn step(&self) -> Step {
        plan(self.view())
    }

    /// Takes the next step and says which.
    fn go(&mut self) -> Step {
        let step = self.step();
        let order = Order {
            names: &self.names,
            validity: Validity::default(),
            now: self.now,
        };
        self.held = carry_out(step, &self.held, order).unwrap();
        step
    }

    /// All steps until nothing is left to do.
    fn rest(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        while !matches!(self.step(), Step::Wait(_)) {
            steps.push(self.go());
            assert!(steps.len() < 5, "{steps:?}");
        }
        steps
    }

    fn later(&mut self, seconds: i64) {
        let seconds = self.now.as_second() + seconds;
        self.now = Timestamp::from_second(seconds).unwrap();
    }

    /// Whether a client that trusts what we publish accepts what we serve.
    fn is_trusted(&self) -> bool {
        let view = self.view();
        let pairs = [&self.held.authority, &self.held.next];
        let mut authorities = pairs
            .into_iter()
            .filter_map(|pair| view.authority(pair.as_ref()));
        authorities.any(|authority| view.leaf(&authority) != Leaf::Broken)
    }
}

fn without_key(pair: &mut Option<Pair>) {
    pair.as_mut().unwrap().key = None;
}

fn damaged(pair: &mut Option<Pair>) {
    pair.as_mut().unwrap().cert = "-----BEGIN CERTIFICATE-----\nAAAA\n".to_owned();
}

const DUE: Step = Step::Wait(Wait::Due);

#[test]
fn an_empty_secret_is_filled_and_then_left_alone() {
    let mut world = World::begun();
    assert_eq!(world.step(), DUE);
    assert!(world.is_trusted());
    world.later(YEAR * 2 / 3 - 3600);
    assert_eq!(world.step(), DUE);
}

#[test]
fn a_certificate_is_renewed_after_two_thirds_by_the_same_authority() {
    let mut world = World::begun();
    let authority = world.held.authority.as_ref().unwrap().cert.clone();
    world.later(YEAR * 2 / 3);
    assert_eq!(world.rest(), [Step::Issue(Signer::Present)]);
    assert_eq!(world.held.authority.as_ref().unwrap().cert, authority);
    assert_eq!(world.step(), DUE);
}

#[test]
fn a_rotation_waits_for_trust_and_then_for_the_last_replica() {
    let mut world = World::rotating();
    let next = world.held.next.as_ref().unwrap().cert.clone();
    for seconds in [None, Some(0), Some(59)] {
        world.next_trusted = seconds.map(Duration::from_secs);
        assert_eq!(world.step(), Step::Wait(Wait::Trust), "{seconds:?}");
    }
    world.next_trusted = Some(Duration::from_secs(60));
    assert_eq!(world.rest(), [Step::Issue(Signer::Next)]);
    assert_eq!(world.step(), Step::Wait(Wait::Replicas));
    assert_eq!(world.held.bundle().matches("BEGIN").count(), 2);
    world.later(DAY - 1);
    assert_eq!(world.step(), Step::Wait(Wait::Replicas));
    world.later(1);
    assert_eq!(world.rest(), [Step::Promote]);
    assert_eq!(world.held.authority.as_ref().unwrap().cert, next);
    assert_eq!(world.held.bundle().matches("BEGIN").count(), 1);
    assert!(world.step() == DUE && world.is_trusted());
}

/// A new leader knows nothing of what the last one saw.
#[test]
fn a_new_leader_goes_on_where_the_last_one_stopped() {
    let world = World::rotating();
    assert_eq!(world.step(), Step::Wait(Wait::Trust));
    let mut world = World::switched();
    world.next_trusted = None;
    assert_eq!(world.step(), Step::Wait(Wait::Replicas));
    world.later(DAY);
    assert_eq!(world.rest(), [Step::Promote]);
}

#[test]
fn certificates_are_renewed_in_the_middle_of_a_rotation_too() {
    let mut world = World::rotating();
    world.later(YEAR * 2 / 3);
    assert_eq!(world.rest(), [Step::Issue(Signer::Present)]);
    let mut world = World::switched();
    world.later(YEAR * 2 / 3);
    assert_eq!(world.step(), Step::Issue(Signer::Next));
}

#[test]
fn other_names_mean_another_certificate() {
    let mut world = World::begun();
    world.names.push("guard.example".to_owned());
    assert_eq!(world.rest(), [Step::Issue(Signer::Present)]);
    world.names.truncate(1);
    assert_eq!(world.rest(), [Step::Issue(Signer::Present)]);
    assert_eq!(world.step(), DUE);
}

#[test]
fn a_certificate_that_is_lost_or_damaged_is_issued_again() {
    let changes: [fn(&mut Held); 4] = [
        |held| held.serving = None,
        |held| without_key(&mut held.serving),
        |held| damaged(&mut held.serving),
        |held| {
            let other = World::begun().held.serving.unwrap().key;
            held.serving.as_mut().unwrap().key = other;
        },
    ];
    for change in changes {
        let mut world = World::begun();
        change(&mut world.held);
        assert_eq!(world.rest(), [Step::Issue(Signer::Present)]);
        assert!(world.is_trusted());
    }
}

#[test]
fn a_certificate_of_a_strangers_authority_is_issued_again() {
    let mut world = World::begun();
    world.held.serving = World::begun().held.serving;
    assert_eq!(world.rest(), [Step::Issue(Signer::Present)]);
}

/// The way to a rotation by hand.
#[test]
fn an_authority_without_its_key_is_rotated_without_a_gap() {
    let mut world = World::begun();
    without_key(&mut world.held.authority);
    assert_eq!(world.rest(), [Step::AddNext]);
    assert!(world.step() == Step::Wait(Wait::Trust) && world.is_trusted());
    world.next_trusted = Some(Duration::from_secs(60));
    assert_eq!(world.rest(), [Step::Issue(Signer::Next)]);
}

#[test]
fn with_nothing_to_serve_the_next_authority_does_not_wait() {
    let mut world = World::begun();
    without_key(&mut world.held.authority);
    world.held.serving = None;
    assert_eq!(world.rest(), [Step::AddNext, Step::Issue(Signer::Next)]);
    assert!(world.is_trusted());
}

#[test]
fn an_authority_that_is_none_means_a_new_beginning() {
    let changes: [fn(&mut Held); 3] = [
        |held| held.authority = None,
        |held| damaged(&mut held.authority),
        |held| held.authority = held.serving.clone(),
    ];
    for change in changes {
        let mut world = World::begun();
        change(&mut world.held);
        assert_eq!(world.rest(), [Step::Begin]);
        assert!(world.step() == DUE && world.is_trusted());
    }
}

#[test]
fn a_next_authority_that_can_not_sign_is_dropped_for_a_better_one() {
    for change in [without_key as fn(&mut Option<Pair>), damaged] {
        let mut world = World::rotating();
        change(&mut world.held.next);
        assert_eq!(world.rest(), [Step::DropNext, Step::AddNext]);
        assert!(world.is_trusted());
    }
}

#[test]
fn a_next_authority_takes_the_place_of_a_lost_one() {
    let mut world = World::rotating();
    world.held.authority = None;
    assert_eq!(world.rest(), [Step::Promote, Step::Issue(Signer::Present)]);
    let mut world = World::switched();
    damaged(&mut world.held.authority);
    assert_eq!(world.rest(), [Step::Promote]);
    assert!(world.is_trusted());
}

/// A cluster that slept: everything is over at once.
#[test]
fn what_has_expired_is_made_anew() {
    let mut world = World::begun();
    world.later(YEAR + 1);
    assert_eq!(world.rest(), [Step::Issue(Signer::Present)]);
    world.later(10 * YEAR);
    assert_eq!(world.rest(), [Step::Begin]);
    let mut world = World::rotating();
    world.later(4 * YEAR);
    assert_eq!(world.rest(), [Step::Promote, Step::Issue(Signer::Present)]);
}

#[test]
fn a_clock_that_jumps_and_comes_back_ends_well() {
    let mut world = World::begun();
    let before = world.held.bundle();
    for (jump, first) in [
        // Within what is dated back, and ahead of nothing that is due.
        (-1800, None),
        (2 * 3600, None),
        (-3 * YEAR, Some(Step::Begin)),
        (30 * YEAR, Some(Step::Begin)),
    ] {
        world.later(jump);
        assert_eq!(world.rest().first().copied(), first, "{jump}");
        assert!(world.is_trusted());
        assert!(first.is_some() || world.held.bundle() == before);
    }
    world.later(-27 * YEAR);
    world.rest();
    assert!(world.is_trusted());
}

/// A generator of the same numbers each time: <https://en.wikipedia.org/wiki/Xorshift>.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Time goes on or jumps, people take entries away, trust comes and goes: each time the plan comes to rest
/// with something served that is trusted.
#[test]
fn whatever_happens_the_plan_comes_to_rest_with_something_trusted() {
    let mut dice = Dice(0x5eed_0001);
    let mut world = World::empty();
    let mut met = std::collections::BTreeSet::new();
    for round in 0..2000 {
        world.next_trusted = (dice.below(2) == 0).then(|| Duration::from_secs(dice.below(120)));
        met.extend(world.rest().iter().map(|step| format!("{step:?}")));
        assert!(world.is_trusted(), "round {round}");
        let seconds = [DAY, YEAR / 3, YEAR, 3 * YEAR][usize::try_from(dice.below(4)).unwrap()];
        let sign = if dice.below(10) == 0 { -1 } else { 1 };
        let year = world.now.strftime("%Y").to_string().parse::<u64>().unwrap();
        world.later(if year > 2500 {
            -500 * YEAR
        } else {
            sign * seconds
        });
        let held = &mut world.held;
        let pairs = [&mut held.authority, &mut held.next, &mut held.serving];
        for pair in pairs {
            match (dice.below(12), pair.as_mut()) {
                (0, _) => *pair = None,
                (1, Some(_)) => without_key(pair),
                (2, Some(_)) => damaged(pair),
                (3, Some(found)) => found.key = Some(Secret::new("nonsense")),
                _ => {}
            }
        }
    }
    assert_eq!(met.len(), 6, "{met:?}");
}
