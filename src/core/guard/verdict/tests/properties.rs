//! What holds whatever is known: more at risk never makes an allow, nor does time that brings no news; a grant alone allows
//! nothing, nor does garbage in annotations.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::api::keys;
use crate::core::guard::ask::{Ask, Caller, Outcome, Request};
use crate::core::guard::evidence::{DrainPower, Said, Supplier};
use crate::core::guard::facts::Name;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::notes::{GrantKey, Notes};
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::staging::{by, delete, evict, scale};
use crate::trino::words::NodeState;

/// One thing that happens in a scene.
#[derive(Clone, Debug)]
pub enum Step {
    Pass(u64),
    Says(usize, NodeState),
    Look(usize, Said),
    Cycle(Supplier, Vec<u64>),
    Incomplete(Supplier, Vec<u64>),
    List(u64),
    Unmapped,
    Power(DrainPower),
    Record(usize),
    Announce(usize),
    CannotProve(usize),
    Restart(usize),
    Unready(usize),
    Return(usize),
}

const WORKERS: [&str; 3] = ["w-0", "w-1", "w-2"];

impl Step {
    /// Lets it happen.
    pub fn happen(self, scene: &mut Scene) {
        match self {
            Self::Pass(seconds) => scene.pass(seconds),
            Self::Says(at, state) => scene.says(WORKERS[at], state),
            Self::Look(at, said) => scene.look(WORKERS[at], said),
            Self::Cycle(supplier, tasks) => {
                let now = Some(scene.now);
                scene.hear(supplier, now, &named(&tasks));
            }
            Self::Incomplete(supplier, tasks) => scene.hear(supplier, None, &named(&tasks)),
            Self::List(unfinished) => scene.list(unfinished),
            Self::Unmapped => scene.unmapped(),
            Self::Power(power) => scene.power(power),
            Self::Record(at) => scene.recorded(WORKERS[at], 0),
            Self::Announce(at) => scene.announced(WORKERS[at]),
            Self::CannotProve(at) => {
                let (uid, container) = (uid(at), format!("container-{}", WORKERS[at]));
                scene.evidence.cannot_prove(&uid, &container, scene.now);
            }
            Self::Restart(at) => scene.restart(WORKERS[at]),
            Self::Unready(at) => scene.unready(WORKERS[at]),
            Self::Return(at) => {
                let now = scene.now;
                scene.edit(WORKERS[at], |pod| pod.notes.returning = Some(now));
            }
        }
    }
}

fn uid(at: usize) -> String {
    format!("uid-{}", WORKERS[at])
}

fn named(tasks: &[u64]) -> Vec<(&'static str, u64)> {
    WORKERS.into_iter().zip(tasks.iter().copied()).collect()
}

/// A state that a worker tells.
pub fn state() -> impl Strategy<Value = NodeState> {
    prop_oneof![
        1 => Just(NodeState::Active),
        1 => Just(NodeState::Draining),
        4 => Just(NodeState::Drained),
        1 => Just(NodeState::ShuttingDown),
        1 => Just(NodeState::Unknown),
    ]
}

/// What a look brings that is no state.
pub fn said() -> impl Strategy<Value = Said> {
    let starts = Said::State {
        state: NodeState::Unknown,
        starting: true,
    };
    prop_oneof![Just(Said::Refused), Just(Said::Silent), Just(starts)]
}

fn supplier() -> impl Strategy<Value = Supplier> {
    prop_oneof![Just(Supplier::Exporter), Just(Supplier::Own)]
}

fn tasks() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(prop_oneof![3 => Just(0_u64), 1 => 1..4_u64], 3)
}

fn power() -> impl Strategy<Value = DrainPower> {
    prop_oneof![
        Just(DrainPower::Yes),
        Just(DrainPower::Forbidden),
        Just(DrainPower::TooOld)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..WORKERS.len();
    prop_oneof![
        6 => prop_oneof![Just(1_u64), Just(2), Just(5), Just(15), Just(61), Just(601)].prop_map(Step::Pass),
        6 => (at(), state()).prop_map(|(at, state)| Step::Says(at, state)),
        2 => (at(), said()).prop_map(|(at, said)| Step::Look(at, said)),
        4 => (supplier(), tasks()).prop_map(|(supplier, tasks)| Step::Cycle(supplier, tasks)),
        1 => (supplier(), tasks()).prop_map(|(supplier, tasks)| Step::Incomplete(supplier, tasks)),
        1 => (0..3_u64).prop_map(Step::List),
        1 => Just(Step::Unmapped),
        1 => power().prop_map(Step::Power),
        2 => at().prop_map(Step::Record),
        2 => at().prop_map(Step::Announce),
        1 => at().prop_map(Step::CannotProve),
        1 => at().prop_map(Step::Restart),
        1 => at().prop_map(Step::Unready),
        1 => at().prop_map(Step::Return),
    ]
}

/// Anything that may happen.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 0..40)
}

/// Three workers after these steps.
pub fn played(steps: Vec<Step>) -> Scene {
    let mut scene = Scene::deployment(3);
    for step in steps {
        step.happen(&mut scene);
    }
    scene
}

fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![
        4 => Just(Caller::Other),
        1 => Just(Caller::Operator),
        1 => Just(Caller::Scheduler),
        1 => Just(Caller::WorkloadController),
        1 => Just(Caller::GarbageCollector),
        1 => Just(Caller::TaintController),
        1 => Just(Caller::Guard),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let forced = Request::Delete {
        pod: Name::new(SPACE, "w-0"),
        uid: "uid-w-0".to_owned(),
        deleting: false,
        grace: Some(0),
    };
    prop_oneof![
        3 => Just(evict("w-0")),
        1 => Just(delete("w-0")),
        1 => Just(forced),
        2 => (0..3_u32).prop_map(|new| scale(Kind::Deployment, 3, new)),
        1 => Just(evict("c-0")),
        1 => Just(Request::DeleteNamespace { name: SPACE.to_owned() }),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    (caller(), request()).prop_map(|(caller, request)| by(caller, request))
}

fn pod_ask() -> impl Strategy<Value = Ask> {
    let pod = |ask: &Ask| matches!(ask.request, Request::Evict { .. } | Request::Delete { .. });
    ask().prop_filter("of one pod", pod)
}

fn allows(scene: &Scene, ask: &Ask) -> bool {
    scene.judge(ask).outcome == Outcome::Allow
}

/// Annotations as anybody might write them.
fn garbage() -> impl Strategy<Value = BTreeMap<String, String>> {
    let time = "20[0-9]{2}-0[1-9]-1[0-9]T0[0-9]:00:00Z";
    let value = prop_oneof![
        ".{0,40}".boxed(),
        "[\\[{]\"(at|container|uid|key|until|since|cause)\":.{0,20}[\\]}]".boxed(),
        time.boxed(),
        "(yes|true|null|[0-9]{1,30}|-1|\\{\\}|\\[\\])".boxed(),
        ";.{0,20}".boxed(),
    ];
    let ours = [
        keys::GRANT,
        keys::RETURNING,
        keys::DRAIN,
        keys::DRAINED_AT,
        keys::DRAIN_REQUESTED,
        keys::OVERRIDE,
    ];
    let key = proptest::sample::select(ours.to_vec());
    proptest::collection::btree_map(key.prop_map(str::to_owned), value, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Asked again, or as a dry-run, the answer and its effects are the same.
    #[test]
    fn repeats_and_dry_runs_get_the_same_verdict(steps in steps(), ask in ask()) {
        let scene = played(steps);
        let verdict = scene.judge(&ask);
        let dry = Ask { dry_run: true, ..ask.clone() };
        prop_assert_eq!(&scene.judge(&dry), &verdict);
        prop_assert_eq!(&scene.judge(&ask), &verdict);
    }

    /// A worker that is told to hold something more, by a cycle of now, is not let go because of that.
    #[test]
    fn more_at_risk_never_makes_an_allow(steps in steps(), ask in ask(), more in 1..5_u64) {
        let mut scene = played(steps);
        scene.pass(1);
        let before = allows(&scene, &ask);
        for supplier in [Supplier::Own, Supplier::Exporter] {
            let now = Some(scene.now);
            let tasks: Vec<_> = WORKERS.iter().map(|name| (*name, more)).collect();
            scene.hear(supplier, now, &tasks);
        }
        prop_assert!(before || !allows(&scene, &ask), "{:?}", scene.judge(&ask));
    }

    /// Of two things told of one worker the larger never lets it go where the smaller does not.
    #[test]
    fn a_larger_risk_is_never_safer(steps in steps(), ask in ask(), fewer in 0..3_u64, more in 1..5_u64) {
        let [mut less, mut greater] = [played(steps.clone()), played(steps)];
        for (scene, tasks) in [(&mut less, fewer), (&mut greater, fewer + more)] {
            scene.pass(1);
            let now = Some(scene.now);
            scene.hear(Supplier::Own, now, &[("w-0", tasks)]);
        }
        prop_assert!(allows(&less, &ask) || !allows(&greater, &ask), "{:?}", greater.judge(&ask));
    }

    /// Where no removal was refused before, time that brings no news makes no allow: only bounds do.
    #[test]
    fn staler_is_never_safer(steps in steps(), ask in ask(), seconds in 61..7200_u64) {
        let mut scene = played(steps);
        let before = allows(&scene, &ask);
        scene.now = scene.now + Duration::from_secs(seconds);
        prop_assert!(before || !allows(&scene, &ask), "{:?}", scene.judge(&ask));
    }

    /// A live grant changes no answer on one pod, and turns no refused number of replicas into an allowed one.
    #[test]
    fn a_grant_alone_never_allows(steps in steps(), ask in ask(), pod in pod_ask(), number in 0..3_u32) {
        let mut scene = played(steps);
        let (alone, before) = (scene.judge(&pod), allows(&scene, &ask));
        let key = GrantKey::Scale { workload: "uid-w".to_owned(), replicas: number };
        for key in [GrantKey::Pod, key] {
            for name in WORKERS.into_iter().chain(["c-0"]) {
                scene.granted(name, key.clone());
            }
            let with = scene.judge(&pod);
            prop_assert_eq!((with.row, with.outcome), (alone.row, alone.outcome.clone()));
            prop_assert!(before || !allows(&scene, &ask), "{:?}", scene.judge(&ask));
        }
    }

    /// Whatever the annotations of busy workers say that is neither break-glass in force nor an old first refusal, nobody goes.
    #[test]
    fn garbage_annotations_never_allow(annotations in garbage(), ask in ask()) {
        let mut scene = Scene::deployment(3);
        scene.list(2);
        scene.cycle(&[("w-0", 1), ("w-1", 1), ("w-2", 1)]);
        for name in WORKERS {
            let uid = scene.pod(name).uid;
            scene.edit(name, |pod| pod.notes = Notes::read(&annotations, &uid));
        }
        prop_assert!(!allows(&scene, &ask), "{:?}", scene.judge(&ask));
    }

    /// No state of a worker with a task at risk, as told now by a complete cycle, lets it go but by order or bound.
    #[test]
    fn what_is_busy_now_stays(steps in steps(), caller in caller()) {
        let mut scene = played(steps);
        scene.restart("w-0");
        scene.pass(1);
        scene.says("w-0", NodeState::Active);
        let now = Some(scene.now);
        scene.hear(Supplier::Own, now, &[("w-0", 1)]);
        prop_assert!(!allows(&scene, &by(caller, evict("w-0"))));
    }
}
