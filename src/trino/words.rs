//! The state words of Trino's wire format, each with an `Unknown` that keeps decisions safe:
//! a word that a newer Trino invents is never read as "finished".

/// Builds an enum whose variants are Trino's upper-case words, plus `Unknown` for every other word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = concat!("Trino's `", $word, "`.")] $(#[doc = ""] #[$vdoc])* $variant,)+
            /// A word that this version does not know; never treated as terminal.
            Unknown,
        }

        impl $name {
            /// Reads Trino's word; anything unexpected is [`Self::Unknown`].
            #[must_use]
            pub fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    _ => Self::Unknown,
                }
            }

            /// Trino's word, `UNKNOWN` for [`Self::Unknown`].
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Unknown => "UNKNOWN",
                }
            }
        }
    };
}

words! {
    /// State of a query (`state` of `BasicQueryInfo` and `QueryInfo`).
    QueryState {
        Queued = "QUEUED",
        WaitingForResources = "WAITING_FOR_RESOURCES",
        Dispatching = "DISPATCHING",
        Planning = "PLANNING",
        Starting = "STARTING",
        Running = "RUNNING",
        Finishing = "FINISHING",
        Finished = "FINISHED",
        Failed = "FAILED",
    }
}

words! {
    /// State of a task (`taskStatus.state`).
    TaskState {
        Planned = "PLANNED",
        Running = "RUNNING",
        /// All drivers are done, output waits for its consumers.
        Flushing = "FLUSHING",
        Finished = "FINISHED",
        Canceling = "CANCELING",
        Canceled = "CANCELED",
        Aborting = "ABORTING",
        Aborted = "ABORTED",
        Failing = "FAILING",
        Failed = "FAILED",
    }
}

words! {
    /// State of an output buffer (`outputBuffers.state`).
    BufferState {
        Open = "OPEN",
        NoMoreBuffers = "NO_MORE_BUFFERS",
        NoMorePages = "NO_MORE_PAGES",
        Flushing = "FLUSHING",
        Finished = "FINISHED",
        Aborted = "ABORTED",
        /// Only older servers have it.
        Failed = "FAILED",
    }
}

words! {
    /// Kind of an output buffer (`outputBuffers.type`).
    BufferType {
        Partitioned = "PARTITIONED",
        Broadcast = "BROADCAST",
        Arbitrary = "ARBITRARY",
        /// The spooling exchange of fault-tolerant execution: the data outlives the worker.
        External = "EXTERNAL",
        /// Another name for [`Self::External`] in third-party documents.
        Spooling = "SPOOLING",
        Uninitialized = "UNINITIALIZED",
    }
}

words! {
    /// A query's `retryPolicy`.
    RetryPolicy {
        None = "NONE",
        Query = "QUERY",
        Task = "TASK",
    }
}

words! {
    /// State of a node (`/v1/info/state`).
    NodeState {
        Active = "ACTIVE",
        Inactive = "INACTIVE",
        Draining = "DRAINING",
        Drained = "DRAINED",
        ShuttingDown = "SHUTTING_DOWN",
        Gone = "GONE",
    }
}

impl QueryState {
    /// Whether the query can still have tasks whose output somebody needs. Unknown words count.
    #[must_use]
    pub const fn may_hold_tasks(self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Running | Self::Finishing | Self::Unknown
        )
    }

    /// Whether the query has ended, well or badly.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Failed)
    }
}

impl TaskState {
    /// Whether the task has ended and will never produce or serve another page.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(
            self,
            Self::Finished | Self::Canceled | Self::Aborted | Self::Failed
        )
    }
}

impl BufferState {
    /// Whether the buffer has nothing left that a consumer could fetch.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Aborted | Self::Failed)
    }
}

impl BufferType {
    /// Whether the data lies outside the worker and survives its loss.
    #[must_use]
    pub const fn is_external(self) -> bool {
        matches!(self, Self::External | Self::Spooling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_word_is_unknown_and_never_terminal() {
        assert!(!TaskState::from_word("EVAPORATED").is_done());
        assert!(!BufferState::from_word("EVAPORATED").is_terminal());
        assert!(!BufferType::from_word("EVAPORATED").is_external());
        assert!(QueryState::from_word("EVAPORATED").may_hold_tasks());
        assert!(!QueryState::from_word("EVAPORATED").is_terminal());
    }

    #[test]
    fn words_survive_the_round_trip() {
        for word in ["PLANNED", "FLUSHING", "CANCELING", "FAILED"] {
            assert_eq!(TaskState::from_word(word).word(), word);
        }
        assert_eq!(TaskState::from_word("finished").word(), "UNKNOWN");
    }

    #[test]
    fn flushing_is_alive() {
        assert!(!TaskState::Flushing.is_done());
        assert!(!BufferState::Flushing.is_terminal());
        assert!(!TaskState::Failing.is_done());
    }
}
