//! Denials: how much processor each takes when the server is given all it can take, and how long it takes at two rates. Ours
//! and the peer in turn, round after round; medians.

use std::path::Path;
use std::time::Duration;

use super::client::{Client, Door, Http};
use super::goals::Goals;
use super::load::{Reviews, flood, median, steady};
use super::process::{LOAD, Running, alone};
use super::reviews::evictions;
use super::scene::{Doing, Scene};

const ROUNDS: usize = 5;
const FLOOD: Duration = Duration::from_millis(800);
const STEADY: Duration = Duration::from_secs(1);
const RATES: [u32; 2] = [10_000, 1000];

/// What was measured of one server with one protocol.
#[derive(Default)]
struct Column {
    /// Microseconds of processor time for each denial.
    cost: Vec<f64>,
    /// Denials a second, as far as the load's own processor gets.
    rate: Vec<f64>,
    /// p50 and p99 in milliseconds at each of [`RATES`].
    times: [(Vec<f64>, Vec<f64>); 2],
    /// Share of its time that the server waited for its processor.
    disturbed: Vec<f64>,
}

/// A server under load.
struct Lane {
    name: &'static str,
    http: Http,
    server: Running,
    column: Column,
}

/// Both servers, both protocols, as many rounds as medians take.
pub fn denials(goals: &mut Goals) -> anyhow::Result<()> {
    rounds(goals, ROUNDS)
}

/// The same once: short enough to be run with a priority that stops all other work on the machine.
pub fn once(goals: &mut Goals) -> anyhow::Result<()> {
    rounds(goals, 1)
}

fn rounds(goals: &mut Goals, rounds: usize) -> anyhow::Result<()> {
    println!(
        "\ndenials of evictions, 10 000 pods, 2000 workers in state; server on one processor, load on another"
    );
    let folder = tempfile::tempdir()?;
    super::pki::Authority::write(folder.path())?;
    let reviews = evictions(&Scene::large(0).names(Doing::Work))?;
    let reviews = Reviews::new(reviews, false);
    let mut lanes = Vec::new();
    for http in [Http::Two, Http::One] {
        for name in ["ours", "peer"] {
            lanes.push(Lane::start(name, http, folder.path())?);
        }
    }
    for round in 0..rounds {
        println!("round {} of {rounds}", round + 1);
        lanes.rotate_left(1);
        for lane in &mut lanes {
            lane.round(folder.path(), &reviews)?;
        }
    }
    report(&lanes, goals);
    Ok(())
}

impl Lane {
    fn start(name: &'static str, http: Http, folder: &Path) -> anyhow::Result<Self> {
        // No worker is asked on a denial.
        let more = if name == "ours" {
            vec!["9".to_owned()]
        } else {
            Vec::new()
        };
        let server = Running::start(name, folder, &more)?;
        Ok(Self {
            name,
            http,
            server,
            column: Column::default(),
        })
    }

    fn round(&mut self, folder: &Path, reviews: &Reviews) -> anyhow::Result<()> {
        let door = Door::new(self.server.address, folder, self.http)?;
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let runtime = alone(LOAD)?;
                runtime.block_on(self.load(door, reviews.clone()))
            });
            work.join()
                .map_err(|_| anyhow::anyhow!("the load panicked"))?
        })
    }

    async fn load(&mut self, door: Door, mut reviews: Reviews) -> anyhow::Result<()> {
        let client = Client::new(door).await?;
        // Connections, caches and predictors are warm in an API server that calls all day.
        flood(&client, &reviews, FLOOD / 5).await?;
        let before = self.server.spent()?;
        let answered = flood(&client, &reviews, FLOOD).await? as f64;
        let spent = self.server.spent()? - before;
        self.column.cost.push(spent.running * 1e6 / answered);
        self.column.rate.push(answered / FLOOD.as_secs_f64());
        self.column
            .disturbed
            .push(spent.waiting / (spent.waiting + spent.running));
        for (rate, (p50, p99)) in RATES.iter().zip(&mut self.column.times) {
            let times = steady(&client, &mut reviews, *rate, STEADY).await?;
            p50.push(times.within(50)?);
            p99.push(times.within(99)?);
        }
        Ok(())
    }
}

fn report(lanes: &[Lane], goals: &mut Goals) {
    for http in [Http::Two, Http::One] {
        let of = |name: &str| {
            let mut lanes = lanes.iter();
            let found = lanes.find(|lane| lane.http == http && lane.name == name);
            found.map(|lane| lane.column.medians())
        };
        let (Some(ours), Some(peer)) = (of("ours"), of("peer")) else {
            continue;
        };
        let word = http.word();
        println!("{word:<44} {:>8} {:>8} {:>8}", "ours", "peer", "ratio");
        for ((what, ours), (_, peer)) in ours.iter().zip(&peer) {
            println!("  {what:<42} {ours:>8.3} {peer:>8.3} {:>8.2}", ours / peer);
        }
        let most = [100.0, f64::INFINITY, f64::INFINITY, 2.0, f64::INFINITY, 0.5];
        for ((what, ours), most) in ours.iter().zip(most) {
            if most.is_finite() {
                goals.at_most(format!("{what}, {word}"), *ours, most);
            }
        }
    }
}

impl Column {
    fn medians(&self) -> Vec<(&'static str, f64)> {
        let [(fast50, fast99), (slow50, slow99)] = &self.times;
        let rows = [
            ("CPU microseconds a denial", &self.cost),
            ("denials a second that the load achieved", &self.rate),
            ("p50 ms at 10 000 a second", fast50),
            ("p99 ms at 10 000 a second", fast99),
            ("p50 ms at 1000 a second", slow50),
            ("p99 ms at 1000 a second", slow99),
            ("share of time it waited for its processor", &self.disturbed),
        ];
        rows.map(|(what, values)| (what, median(values.clone())))
            .into()
    }
}
