//! What must always hold, by name, so that a broken rule can be told by what noticed it.

/// Something that must always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// No query is lost to a removal that no bound and no order forced.
    NoQueryKilled,
    /// No query is lost because no worker was left to run it.
    NobodyLeft,
    /// A drained worker goes only when its coordinator has noticed, and while it still is what it was taken for.
    NoticedFirst,
    /// A bound lets nothing go before it is over.
    NoEarlyForce,
    /// Nothing is refused beyond its bound, and nobody who asks again and again waits for longer.
    NoLongWait,
    /// Enough workers go on serving.
    FloorKept,
    /// A lower number is allowed only while all pods that go may go.
    VictimsFree,
    /// A list by which a coordinator goes is one of now.
    FreshList,
    /// No drain is taken back while a removal that rests on it is on its way.
    NoLateReturn,
    /// A worker is told nothing that it can't do.
    NoBlindPut,
    /// When everybody has what they want or has gone, nothing of ours is left.
    NothingLeft,
    /// Everything that is asked for again and again ends.
    Progress,
    /// A story comes out as it must.
    Story,
}

/// Something that must not happen did.
pub struct Violation {
    /// What did not hold.
    pub invariant: Invariant,
    /// How.
    pub text: String,
}

impl Violation {
    /// That did not hold.
    pub fn of(invariant: Invariant, text: impl Into<String>) -> Self {
        Self {
            invariant,
            text: text.into(),
        }
    }
}
