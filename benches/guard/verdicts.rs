//! A verdict alone, without HTTP: what it costs by the number of workers of its cluster that are in state; and one plan of
//! the leader when every worker was refused.

use std::time::{Duration, Instant};

use xtrinode::core::guard::ask::{Ask, Caller, Outcome, Request};
use xtrinode::core::guard::class::View;
use xtrinode::core::guard::evidence::Evidence;
use xtrinode::core::guard::notes::{Cause, Want};
use xtrinode::core::guard::plan::{Memory, plan};
use xtrinode::core::guard::policy::Policy;
use xtrinode::core::guard::time::Time;
use xtrinode::core::guard::verdict::judge;
use xtrinode::core::guard::world::World;

use super::goals::Goals;
use super::load::median;
use super::scene::{Doing, Scene};

const SIZES: [usize; 3] = [100, 1000, 10_000];
const ROUNDS: usize = 5;
const VERDICTS: usize = 20_000;

/// A scene and what is known at one time.
struct Stage {
    world: World,
    evidence: Evidence,
    policy: Policy,
    now: Time,
}

impl Stage {
    fn new(scene: &Scene) -> Self {
        let now = Time::from_millis(1_800_000_000_000);
        let world = scene.world(now);
        let evidence = scene.evidence(&world, now);
        let policy = Policy::default();
        Self {
            world,
            evidence,
            policy,
            now,
        }
    }

    fn view(&self) -> View<'_> {
        View {
            world: &self.world,
            evidence: &self.evidence,
            policy: &self.policy,
            now: self.now,
        }
    }
}

/// By size; then the plan.
pub fn sizes(goals: &mut Goals) -> anyhow::Result<()> {
    println!(
        "\na verdict on an eviction that is refused, by workers of one cluster in state; of {ROUNDS} rounds"
    );
    let stages: Vec<_> = SIZES.map(Scene::one).into_iter().collect();
    let mut costs = Vec::new();
    for scene in &stages {
        let (stage, asks) = (Stage::new(scene), asks(scene));
        let rounds = (0..ROUNDS).map(|_| verdicts(&stage, &asks));
        let cost = median(rounds.collect::<anyhow::Result<_>>()?);
        println!("  {:>6} workers: {cost:>6.3} microseconds", scene.seen);
        costs.push(cost);
    }
    let ratio = costs[costs.len() - 1] / costs[0];
    // Not 1: what is touched of 100 workers fits into the processor's caches, what is touched of 10 000 does not. Anything
    // that walks through the cluster would be near 100.
    goals.at_most(
        "cost of a verdict, 10 000 / 100 workers".to_owned(),
        ratio,
        4.0,
    );
    plans();
    Ok(())
}

fn asks(scene: &Scene) -> Vec<Ask> {
    let names = scene.names(Doing::Work).into_iter();
    let asks = names.map(|pod| Ask {
        request: Request::Evict {
            pod,
            precondition: None,
        },
        caller: Caller::Other,
        user: "admin".to_owned(),
        dry_run: false,
    });
    asks.collect()
}

/// Microseconds for one.
fn verdicts(stage: &Stage, asks: &[Ask]) -> anyhow::Result<f64> {
    let view = stage.view();
    let started = Instant::now();
    // A step that visits pods in no order that a cache could foresee.
    let order = (0..VERDICTS).map(|turn| &asks[turn * 7919 % asks.len()]);
    let mut waits = 0;
    for ask in order {
        waits += usize::from(judge(&view, ask).outcome == Outcome::Wait);
    }
    let took = started.elapsed();
    anyhow::ensure!(waits == VERDICTS, "only {waits} were refused");
    Ok(took.as_secs_f64() * 1e6 / VERDICTS as f64)
}

/// 2000 workers of one cluster, all refused: a moment ago, and for longer than any bound but the last.
fn plans() {
    println!("\none plan of the leader, 2000 workers of one cluster, all refused");
    for (what, minutes) in [("a moment ago", 0), ("35 minutes ago", 35)] {
        let mut stage = Stage::new(&Scene::one(2000));
        refuse(&mut stage, Duration::from_secs(minutes * 60));
        let mut memory = Memory::default();
        let times = (0..ROUNDS).map(|_| {
            let started = Instant::now();
            let actions = plan(&stage.view(), &mut memory);
            (started.elapsed().as_secs_f64() * 1e3, actions.len())
        });
        let times: Vec<_> = times.collect();
        let first = times.first().copied().unwrap_or_default();
        let rest = median(times.iter().skip(1).map(|(time, _)| *time).collect());
        println!(
            "  {what}: first {:.1} ms with {} actions, then {rest:.1} ms",
            first.0, first.1
        );
    }
}

fn refuse(stage: &mut Stage, ago: Duration) {
    let since = stage.now.before(ago);
    let pods: Vec<_> = stage.world.pods().cloned().collect();
    for mut pod in pods {
        pod.notes.want = Some(Want {
            at: stage.now,
            since,
            cause: Cause::Evict,
            by: "admin".to_owned(),
            number: None,
        });
        pod.notes.blocked_since = Some(since);
        stage.world.put_pod(pod);
    }
}
