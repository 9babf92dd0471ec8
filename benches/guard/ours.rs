//! The serving process with the real handler: what `xtrinode guard run` answers reviews with, over facts that are put up here
//! in place of watches. Workers' answers are renewed as looks would renew them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use xtrinode::cluster::calendar::Calendar;
use xtrinode::config::ClientTls;
use xtrinode::core::guard::policy::Policy;
use xtrinode::core::guard::review::Identities;
use xtrinode::guard::config::{self, Drain, Overrides, OwnPod, Settings};
use xtrinode::guard::counters::Counters;
use xtrinode::guard::effects::Effects;
use xtrinode::guard::state::{Atlas, Fresh, State};
use xtrinode::guard::trino::lists::Lists;
use xtrinode::guard::trino::looks::Looks;
use xtrinode::guard::trino::workers::Workers;
use xtrinode::guard::webhook::{Trust, Webhook, router};
use xtrinode::web::limits::Limits;
use xtrinode::web::serve::Server;
use xtrinode::web::tls::Tls;

use super::address::{SECRET, announce};
use super::pen::MemoryPen;
use super::pki::Authority;
use super::process::pinned;
use super::scene::Scene;

/// Between two looks at a worker: so long that an allow has to look itself, so short that DRAINED is unbroken.
const LOOKS: Duration = Duration::from_secs(8);

/// Serves until it is stopped; `port` is where workers answer.
pub fn serve(folder: &Path, port: u16) -> anyhow::Result<()> {
    let runtime = pinned(super::process::SERVER)?;
    runtime.block_on(async {
        let clock = Calendar::start();
        let scene = Scene::large(port);
        let (state, world) = state(&scene, clock);
        let webhook = webhook(state.clone(), world, folder, port)?;
        tokio::spawn(renew(state, scene));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::bind(address, Limits::webhook()).await?;
        let server = server.with_tls(Some(tls(folder)?));
        announce(server.address());
        server.run(router(webhook), CancellationToken::new()).await
    })
}

fn state(
    scene: &Scene,
    clock: Calendar,
) -> (State, Arc<RwLock<xtrinode::core::guard::world::World>>) {
    let now = clock.now();
    let world = scene.world(now);
    let evidence = scene.evidence(&world, now);
    let world = Arc::new(RwLock::new(world));
    let state = State::new(Atlas::Held(world.clone()), Policy::default(), clock);
    state.learn(|known, _| *known = evidence);
    (state, world)
}

fn webhook(
    state: State,
    world: Arc<RwLock<xtrinode::core::guard::world::World>>,
    folder: &Path,
    port: u16,
) -> anyhow::Result<Arc<Webhook>> {
    let counters = Counters::default();
    let secret = folder.join("secret");
    fs::write(&secret, SECRET)?;
    let drain = Drain {
        user: "xtrinode-guard".to_owned(),
        password_file: None,
        https: false,
        server_name: None,
        tls: ClientTls::default(),
    };
    let looks = Looks {
        state: state.clone(),
        workers: Arc::new(Workers::new(drain)),
        port,
    };
    let pen = Arc::new(MemoryPen::new(world));
    let lists = Lists {
        state: state.clone(),
        settings: Arc::new(settings()?),
    };
    Ok(Arc::new(Webhook {
        looks,
        lists,
        seeker: None,
        effects: Effects::new(state.clone(), pen, counters.clone()),
        identities: Identities::default(),
        trust: Trust::load(Some(&secret), None)?,
        fresh: Arc::new(Always),
        deadline: Duration::from_secs(4),
        counters,
        state,
    }))
}

/// Defaults: the bench asks no coordinator.
fn settings() -> anyhow::Result<Settings> {
    let text = "namespace: xtrinode-system\nreplicaId: bench\ntls: {selfManaged: {}}\n";
    let parsed = config::parse(text, &Overrides::default(), &OwnPod::default());
    let parsed = parsed
        .map_err(|problems| anyhow::anyhow!("{}", problems.in_file("the bench's configuration")))?;
    Ok(parsed.settings)
}

/// A certificate of the folder's authority, ECDSA P-256.
fn tls(folder: &Path) -> anyhow::Result<Arc<Tls>> {
    let pair = Authority::load(folder)?.server()?;
    let tls = Tls::given("the bench", None)?;
    tls.replace(pair.cert.as_bytes(), pair.key.as_bytes())?;
    Ok(Arc::new(tls))
}

/// Takes in new looks at all workers that were seen, now and then.
async fn renew(state: State, scene: Scene) {
    loop {
        tokio::time::sleep(LOOKS).await;
        let now = state.calendar().now();
        state.learn(|evidence, _| scene.look(evidence, now));
    }
}

/// Facts that are put up do not grow old.
#[derive(Debug)]
struct Always;

impl Fresh for Always {
    fn stale(&self) -> Option<String> {
        None
    }
}
