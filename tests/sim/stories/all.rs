//! Every story, in words of the helpers beside it. Each comes out as its `end` says, on every seed.

use std::time::Duration;

use xtrinode::core::guard::facts::pod::Role;
use xtrinode::core::guard::facts::workload::Kind;
use xtrinode::core::guard::rows::Row;

use crate::callers::What;
use crate::guard::LAG;
use crate::kube::store::Pix;
use crate::params::Params;
use crate::sim::{Ambush, Sim};

use super::{
    LATE, Story, begin_another, came_back, cut_off, drain_a_worker, drain_gathered,
    everything_gone, evict_coordinator, evict_four, evict_who_is_found, gather, hasty, kill_leader,
    late, none_killed, nothing_killed, nothing_lost, nothing_removed, on_first, removed, scale,
    slow, workers_are,
};

/// Every story.
pub const ALL: &[Story] = &[
    Story {
        letter: 'a',
        title: "kubectl drain of a node with all 3 workers, 4 slow queries",
        params: || slow(3),
        script: &[(1, gather), (20, drain_gathered)],
        end: nothing_lost,
    },
    Story {
        letter: 'b',
        title: "the HPA from 5 to 2, without the clamp",
        params: || Params::plain(5),
        script: &[(20, |sim| scale(sim, What::Hpa, 2))],
        end: |sim| workers_are(sim, 2),
    },
    Story {
        letter: 'B',
        title: "the HPA from 5 to 2, with the clamp",
        params: || {
            let mut params = Params::plain(5);
            params.policy.clamp = true;
            params
        },
        script: &[(20, |sim| scale(sim, What::Hpa, 2))],
        end: |sim| workers_are(sim, 2),
    },
    Story {
        letter: 'c',
        title: "a rolling restart of 10 workers under load",
        params: || Params::plain(10),
        script: &[(20, |sim| sim.want_rollout(What::Rollout, Role::Worker))],
        end: |sim| workers_are(sim, 10),
    },
    Story {
        letter: 'd',
        title: "a person deletes one pod and walks away",
        params: || Params::plain(4),
        script: &[(20, |sim| on_first(sim, What::WalksAway))],
        end: nothing_removed,
    },
    Story {
        letter: 'e',
        title: "helm uninstall",
        params: || Params::plain(4),
        script: &[(60, |sim| sim.want_end(What::Uninstall))],
        end: everything_gone,
    },
    Story {
        letter: 'f',
        title: "deletion of the namespace",
        params: || Params::plain(4),
        script: &[(60, |sim| sim.want_end(What::Namespace))],
        end: everything_gone,
    },
    Story {
        letter: 'g',
        title: "the guard is upgraded in the middle of (a)",
        params: || slow(3),
        script: &[
            (1, gather),
            (20, drain_gathered),
            (40, |sim| sim.kill_replica(0)),
            (70, |sim| sim.kill_replica(1)),
        ],
        end: nothing_lost,
    },
    Story {
        letter: 'h',
        title: "the leader is lost between record and PUT, and another one after the PUT",
        params: || Params::plain(4),
        script: &[
            (20, |sim| {
                sim.ambush = Some(Ambush::BeforePut);
                on_first(sim, What::Insists);
            }),
            (600, |sim| {
                sim.ambush = Some(Ambush::AfterPut);
                on_first(sim, What::Insists);
            }),
        ],
        end: |sim| {
            nothing_lost(sim)?;
            match sim.ambushes {
                2 => removed(sim, 2),
                lost => Err(format!("{lost} leaders were lost and not 2")),
            }
        },
    },
    Story {
        letter: 'H',
        title: "the guard is cut off from Trino only, and somebody takes back the drain that it saw last",
        params: || Params::plain(4),
        script: &[
            (20, |sim| sim.foreign_drain(0)),
            (75, cut_off),
            (76, |sim| sim.put_state(0, 1, false)),
            (83, |sim| {
                sim.want_gone(What::Drain, &[0]);
            }),
        ],
        end: nothing_killed,
    },
    Story {
        letter: 't',
        title: "the leader is lost again and again during one drain",
        params: || Params::plain(4),
        script: &[
            (20, |sim| on_first(sim, What::Insists)),
            (22, kill_leader),
            (50, kill_leader),
            (75, kill_leader),
            (100, kill_leader),
        ],
        end: nothing_lost,
    },
    Story {
        letter: 'i',
        title: "the container restarts while DRAINING",
        params: || slow(4),
        script: &[
            (20, |sim| on_first(sim, What::Insists)),
            (32, |sim| sim.crash(0)),
        ],
        end: nothing_lost,
    },
    Story {
        letter: 'j',
        title: "a StatefulSet from 5 to 2, then a rolling update",
        params: || {
            let mut params = Params::plain(5);
            params.kind = Kind::StatefulSet;
            params
        },
        script: &[
            (20, |sim| scale(sim, What::Hpa, 2)),
            (600, |sim| sim.want_rollout(What::Rollout, Role::Worker)),
        ],
        end: |sim| workers_are(sim, 2),
    },
    Story {
        letter: 'k',
        title: "a cluster without drain permission",
        params: || {
            let mut params = Params::plain(4);
            params.drainable = false;
            params.query_every = 60_000;
            params.pods.pre_stop = true;
            params.pods.grace = Duration::from_secs(120);
            params
        },
        script: &[(20, |sim| on_first(sim, What::Insists))],
        end: nothing_killed,
    },
    Story {
        letter: 'K',
        title: "the same, always busy: a bound ends it",
        params: || {
            let mut params = slow(3);
            params.drainable = false;
            params.query_every = 500;
            params.query_limit = 40;
            params
        },
        script: &[(20, |sim| on_first(sim, What::Insists))],
        end: |sim| {
            nothing_killed(sim)?;
            match sim.tally.removed {
                1 => Ok(()),
                count => Err(format!("{count} pods were removed and not one")),
            }
        },
    },
    Story {
        letter: 'l',
        title: "2000 queries, cycles of 90 s",
        params: || {
            let mut params = Params::plain(12);
            params.query_every = 3000;
            params.query_long = 90_000;
            params.query_limit = 2000;
            params.cycle_every = 90_000;
            params.cycle_takes = 80_000;
            params
        },
        script: &[
            (10, |sim| (0..2000).for_each(|_| sim.submit_query())),
            (30, |sim| on_first(sim, What::Insists)),
            (60, drain_a_worker),
        ],
        end: nothing_lost,
    },
    Story {
        letter: 'm',
        title: "one worker only: an eviction, then demand",
        params: || {
            let mut params = Params::plain(1);
            params.query_every = 1_000_000;
            params
        },
        script: &[
            (60, |sim| sim.loaded = false),
            (300, |sim| on_first(sim, What::Autoscaler)),
            (315, Sim::submit_query),
        ],
        end: |sim| {
            nothing_killed(sim)?;
            match (sim.tally.returned, sim.tally.finished) {
                (0, _) => Err("no drain was taken back for the query".to_owned()),
                (_, 0) => Err("no query was served".to_owned()),
                _ => Ok(()),
            }
        },
    },
    Story {
        letter: 'n',
        title: "KEDA to zero, revoked by new demand",
        params: || {
            let mut params = Params::plain(3);
            params.query_every = 1_000_000;
            params
        },
        script: &[
            (60, |sim| sim.loaded = false),
            (300, |sim| scale(sim, What::Keda, 0)),
            (330, Sim::submit_query),
        ],
        end: |sim| came_back(sim, 3),
    },
    Story {
        letter: 'o',
        title: "containers restart DRAINED; somebody else drains the next ones, and a replica is new",
        params: || {
            let mut params = Params::plain(24);
            params.trino_grace = 500;
            params.query_every = 700;
            params.query_long = 2000;
            params.notice = 14_000;
            params.vetoes = 1000;
            params
        },
        script: &[
            (20, |sim| {
                sim.want_gone(What::Taint, &[0, 1, 2, 3, 4, 5]);
            }),
            (80, |sim| {
                (0..6).for_each(|pix| sim.crash(pix));
                cut_off(sim);
            }),
            (199, |sim| {
                sim.params.vetoes = 0;
                (0..6).for_each(|pix| sim.foreign_drain(pix));
                // Who begins now hears of them for the first time: they have served for long, and drain.
                begin_another(sim);
            }),
            (201, |sim| {
                sim.want_gone(What::Drain, &[0, 1, 2, 3, 4, 5]);
            }),
        ],
        end: nothing_killed,
    },
    Story {
        letter: 'p',
        title: "the coordinator is wanted gone while a transaction goes on",
        params: || {
            let mut params = Params::plain(3);
            params.transactions = 1000;
            params.query_every = 100;
            params.query_limit = 1;
            params
        },
        script: &[(20, evict_coordinator), (400, |sim| sim.loaded = false)],
        end: none_killed,
    },
    Story {
        letter: 'u',
        title: "the caches are behind and do not know the coordinator's new pod",
        params: || Params::plain(3),
        script: &[
            (20, |sim| {
                for replica in &mut sim.guard.replicas {
                    replica.cache.lag = 120_000;
                }
                let old: Vec<Pix> = sim.store.members(Role::Coordinator).collect();
                sim.delete_accepted(old[0], Some(Row::CoordinatorBreakGlass));
            }),
            (80, evict_coordinator),
            (400, |sim| {
                for replica in &mut sim.guard.replicas {
                    replica.cache.lag = LAG;
                }
            }),
            (1000, |sim| sim.loaded = false),
        ],
        end: none_killed,
    },
    Story {
        letter: 'q',
        title: "tasks of young processes have no pod, and come late to workers that are soon DRAINED",
        params: || {
            let mut params = late();
            params.unmapped = true;
            params
        },
        script: LATE,
        end: nothing_lost,
    },
    Story {
        letter: 'y',
        title: "the same, of long cycles that begin between a worker's DRAINED and its last task",
        params: || {
            let mut params = late();
            params.own = true;
            params.cycle_every = 16_000;
            params.cycle_takes = 15_000;
            params
        },
        script: LATE,
        end: nothing_lost,
    },
    Story {
        letter: 'Z',
        title: "a new coordinator has found one of two workers, and that one is wanted gone",
        params: || {
            let mut params = Params::plain(2);
            params.query_limit = 0;
            params.notice = 14_000;
            params
        },
        script: &[
            (20, |sim| {
                let old: Vec<Pix> = sim.store.members(Role::Coordinator).collect();
                sim.delete_accepted(old[0], Some(Row::CoordinatorIdle));
            }),
            (23, evict_who_is_found),
            (120, |sim| sim.loaded = false),
        ],
        end: nothing_lost,
    },
    Story {
        letter: 'z',
        title: "demand comes back while a removal of the only worker is on its way",
        params: || {
            let mut params = Params::plain(1);
            params.query_every = 1_000_000;
            params.vetoes = 1000;
            params
        },
        script: &[
            (60, |sim| sim.loaded = false),
            (300, |sim| on_first(sim, What::WalksAway)),
            (345, |sim| on_first(sim, What::WalksAway)),
            (350, Sim::submit_query),
        ],
        end: |sim| came_back(sim, 1),
    },
    Story {
        letter: 'r',
        title: "workers are DRAINED within a second, and their coordinator notices after many",
        params: hasty,
        script: &[(20, evict_four)],
        end: nothing_lost,
    },
    Story {
        letter: 'w',
        title: "the taint-eviction controller asks for a worker, and never again",
        params: || slow(4),
        script: &[(20, |sim| on_first(sim, What::Taint))],
        end: |sim| {
            nothing_lost(sim)?;
            removed(sim, 1)
        },
    },
    Story {
        letter: 'v',
        title: "nobody can reach Trino, and the coordinator is wanted gone",
        params: || Params::plain(3),
        script: &[
            (20, cut_off),
            (60, evict_coordinator),
            (200, |sim| sim.loaded = false),
        ],
        end: none_killed,
    },
    Story {
        letter: 'x',
        title: "somebody else drains the same workers in the same seconds",
        params: || {
            let mut params = hasty();
            params.query_every = 5000;
            params
        },
        script: &[
            (20, evict_four),
            (21, |sim| (0..2).for_each(|pix| sim.foreign_drain(pix))),
            (22, |sim| (2..4).for_each(|pix| sim.foreign_drain(pix))),
        ],
        end: nothing_killed,
    },
    Story {
        letter: 's',
        title: "the operator suspends the runtime",
        params: || Params::plain(3),
        script: &[
            (60, |sim| sim.loaded = false),
            (61, |sim| {
                sim.store
                    .edit_set(sim.now, 0, |workload| workload.tuning.suspending = true);
                sim.want_scale(What::Suspend, 1, 0);
            }),
            (400, |sim| scale(sim, What::Suspend, 0)),
        ],
        end: |sim| {
            everything_gone(sim)?;
            if sim.tally.drains == 0 {
                Ok(())
            } else {
                Err("a worker without a coordinator was drained".to_owned())
            }
        },
    },
];
