//! The decision tables, row by row: one named case for each row and for each way to reach it. Numbers are those of
//! docs/verdicts.md.

mod bounded;
mod coordinator;
mod deletion;
mod eviction;
mod grants;
mod messages;
mod properties;
mod scale;
mod workload;

use std::collections::BTreeSet;

use crate::core::guard::ask::{Ask, Effect, Outcome, Verdict};
use crate::core::guard::class::View;
use crate::core::guard::notes::{Cause, GrantKey};
use crate::core::guard::plan::scene::Scene;
use crate::core::guard::rows::Row;
use crate::core::guard::staging::USER;

/// One case: what is, what is asked, what must come of it.
pub struct Case {
    scene: Scene,
    ask: Ask,
    after: After,
    row: Row,
    outcome: Outcome,
    effects: Vec<Effect>,
    tells: Vec<(String, Row)>,
    warnings: Vec<&'static str>,
    says: Vec<&'static str>,
}

/// What becomes of a verdict whose grants were not written.
type After = fn(&View, &Ask, Verdict) -> Verdict;

impl Case {
    fn new(scene: Scene, ask: Ask, row: Row, outcome: Outcome) -> Self {
        Self {
            scene,
            ask,
            after: |_, _, verdict| verdict,
            row,
            outcome,
            effects: Vec::new(),
            tells: Vec::new(),
            warnings: Vec::new(),
            says: Vec::new(),
        }
    }

    /// It is allowed.
    pub fn allowed(scene: Scene, ask: Ask, row: Row) -> Self {
        Self::new(scene, ask, row, Outcome::Allow)
    }

    /// It has to wait.
    pub fn waits(scene: Scene, ask: Ask, row: Row) -> Self {
        Self::new(scene, ask, row, Outcome::Wait)
    }

    /// It is refused as asked.
    pub fn forbidden(scene: Scene, ask: Ask, row: Row) -> Self {
        Self::new(scene, ask, row, Outcome::Forbid)
    }

    /// Pods have to be looked at.
    pub fn looks(scene: Scene, ask: Ask, row: Row, pods: &[&str]) -> Self {
        let uids = pods.iter().map(|pod| format!("uid-{pod}")).collect();
        Self::new(scene, ask, row, Outcome::Look(uids))
    }

    /// Its grants were not written.
    pub fn after(mut self, after: After) -> Self {
        self.after = after;
        self
    }

    /// A want is written, and the pod's clock starts.
    pub fn want(self, pod: &str, cause: Cause) -> Self {
        self.wanting(pod, cause, None, true)
    }

    /// A want is written.
    pub fn wanting(mut self, pod: &str, cause: Cause, target: Option<u32>, clock: bool) -> Self {
        self.effects.push(Effect::Want {
            uid: format!("uid-{pod}"),
            cause,
            target,
            clock,
        });
        self
    }

    /// A grant is written.
    pub fn grant(mut self, pod: &str, key: GrantKey, required: bool) -> Self {
        let uid = format!("uid-{pod}");
        self.effects.push(Effect::Grant {
            uid,
            version: "1".to_owned(),
            key,
            required,
        });
        self
    }

    /// People are told of a pod, by the verdict's own rule.
    pub fn tells(self, pod: &str) -> Self {
        let row = self.row;
        self.tells_as(pod, row)
    }

    /// People are told of a pod, by this rule.
    pub fn tells_as(mut self, pod: &str, row: Row) -> Self {
        self.tells.push((format!("uid-{pod}"), row));
        self
    }

    /// A warning has these words.
    pub fn warns(mut self, words: &'static str) -> Self {
        self.warnings.push(words);
        self
    }

    /// The message has these words.
    pub fn says(mut self, words: &[&'static str]) -> Self {
        self.says.extend(words);
        self
    }

    fn verdict(&self) -> Verdict {
        self.answer(&self.ask)
    }

    fn answer(&self, ask: &Ask) -> Verdict {
        (self.after)(&self.scene.view(), ask, self.scene.judge(ask))
    }

    fn check(&self, name: &str) {
        let verdict = self.verdict();
        assert_eq!(verdict.row, self.row, "{name}: {verdict:?}");
        assert_eq!(verdict.outcome, self.outcome, "{name}: {verdict:?}");
        self.check_effects(name, &verdict);
        let code = match self.outcome {
            Outcome::Allow => 200,
            Outcome::Look(_) | Outcome::Wait => 429,
            Outcome::Forbid => 403,
        };
        assert_eq!(verdict.outcome.code(), code, "{name}");
        self.check_words(name, &verdict);
        self.check_repeats(name, &verdict);
    }

    fn check_effects(&self, name: &str, verdict: &Verdict) {
        let (mut told, mut others) = (Vec::new(), Vec::new());
        for effect in verdict.effects.clone() {
            match effect {
                Effect::Tell { uid, row, text } => {
                    assert!(verdict.warnings.contains(&text), "{name}: {text:?}");
                    told.push((uid, row));
                }
                other => others.push(other),
            }
        }
        assert_eq!(others, self.effects, "{name}: {verdict:?}");
        assert_eq!(told, self.tells, "{name}: {verdict:?}");
    }

    fn check_words(&self, name: &str, verdict: &Verdict) {
        let message = &verdict.message;
        let refused = self.outcome != Outcome::Allow;
        assert_eq!(!message.is_empty(), refused, "{name}: {message:?}");
        assert!(!refused || !self.says.is_empty(), "{name}: {message:?}");
        for words in &self.says {
            assert!(message.contains(words), "{name}: {words:?} in {message:?}");
        }
        let warnings = &verdict.warnings;
        assert_eq!(warnings.len(), self.warnings.len(), "{name}: {warnings:?}");
        for (warning, words) in warnings.iter().zip(&self.warnings) {
            assert!(warning.contains(words), "{name}: {words:?} in {warning:?}");
        }
        for text in warnings.iter().chain([message]) {
            assert!(!text.contains(USER), "{name}: {text:?} names who asks");
            let kinds = ["Deployment ", "ReplicaSet ", "StatefulSet "];
            let named = kinds.iter().any(|kind| text.starts_with(kind));
            let upper = text.starts_with(char::is_uppercase);
            assert!(named || !upper, "{name}: {text:?}");
            assert!(!text.ends_with('.'), "{name}: {text:?}");
        }
    }

    /// E16, S12: a dry-run, a real request and a repetition get the same.
    fn check_repeats(&self, name: &str, verdict: &Verdict) {
        for dry_run in [true, false] {
            let asked = Ask {
                dry_run,
                ..self.ask.clone()
            };
            assert_eq!(&self.answer(&asked), verdict, "{name}: dry-run {dry_run}");
        }
        assert_eq!(&self.verdict(), verdict, "{name}: again");
    }
}

/// Defines cases, each a test of its own, and lists them.
macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $case:expr;)*) => {
        /// Every case of this table.
        pub const CASES: &[(&str, fn() -> super::Case)] = &[$((stringify!($name), $name::case),)*];

        $($(#[$doc])* mod $name {
            #[allow(unused_imports, reason = "a case uses what it needs")]
            use super::*;

            pub fn case() -> crate::core::guard::verdict::tests::Case { $case }

            #[test]
            fn holds() { case().check(stringify!($name)); }
        })*
    };
}
use table;

fn cases() -> impl Iterator<Item = (&'static str, Case)> {
    let tables = [
        eviction::CASES,
        deletion::CASES,
        scale::CASES,
        coordinator::CASES,
        workload::CASES,
        grants::CASES,
    ];
    let all = tables.into_iter().flatten();
    all.map(|(name, case)| (*name, case()))
}

#[test]
fn every_row_is_reached() {
    let reached: BTreeSet<_> = cases().map(|(_, case)| case.verdict().row).collect();
    let missing: Vec<_> = Row::ALL
        .iter()
        .filter(|row| !reached.contains(row))
        .collect();
    assert!(missing.is_empty(), "no case reaches {missing:?}");
}

/// Each number of the matrices has a case: E6 and E7 are dropped rows, whose cases show that nothing rests on them.
#[test]
fn every_number_has_a_case() {
    let names: Vec<_> = cases().map(|(name, _)| name).collect();
    let numbers = |letter: char, last: u32| (1..=last).map(move |n| format!("{letter}{n}_"));
    let all = numbers('e', 16)
        .chain(numbers('d', 7))
        .chain(numbers('s', 13))
        .chain(["s8b_".to_owned()])
        .chain(numbers('k', 6))
        .chain(numbers('w', 2))
        .chain(numbers('n', 2))
        .chain(numbers('g', 3));
    let missing: Vec<_> = all
        .filter(|number| !names.iter().any(|name| name.starts_with(number)))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}
