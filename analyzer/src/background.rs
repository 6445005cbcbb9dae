//! Threads that leave the cores to queries and writers.

use thread_priority::{
    NormalThreadSchedulePolicy::Idle, ThreadPriority, ThreadSchedulePolicy::Normal, set_thread_priority_and_policy,
    thread_native_id,
};

/// How much less of a core a thread gets beside others: about a ninth (`sched(7)`: a step is a factor of 1.25).
const NICE: i32 = 10;

/// How much of a core a thread takes from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Nothing, and it gives way at once (`SCHED_IDLE`). A thread that is only nicer than others is let finish its
    /// slice first, which some milliseconds are for a query of two.
    Idle,
    /// A ninth, for what must get on.
    Nice,
}

impl Pace {
    /// Of the thread that calls this, for good. Where it is refused, it takes its share of the cores like all others.
    pub(crate) fn keep(self) {
        let kept = match self {
            Self::Idle => set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, Normal(Idle))
                .map_err(|error| format!("{error:?}")),
            Self::Nice => rustix::process::nice(NICE).map(drop).map_err(|error| error.to_string()),
        };
        if let Err(error) = kept {
            tracing::debug!(error, "a thread in the background has the priority of queries");
        }
    }
}
