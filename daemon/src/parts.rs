//! The parts of a daemon: tasks that run until it stops, each with a name. One that ends by itself ends
//! the daemon: its supervisor starts a whole one, where half a one would be silent for ever.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinHandle, JoinSet};

/// Parts, running; they end when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Parts {
    /// Starts a part.
    pub(crate) fn spawn(&mut self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        let id = self.running.spawn(part).id();
        self.names.insert(id, name);
    }

    /// Where what has no name of its own is started.
    pub(crate) fn unnamed(&mut self) -> &mut JoinSet<()> {
        &mut self.running
    }

    /// Waits until a part ends, which none should: which, and why.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        let ended = match self.running.join_next_with_id().await {
            None => return std::future::pending().await,
            Some(ended) => ended.map(|(id, ())| id),
        };
        let id = ended.as_ref().map_or_else(JoinError::id, |id| *id);
        let name = self.names.get(&id).copied().unwrap_or("a part");
        match ended {
            Ok(_) => anyhow::anyhow!("{name} ended"),
            Err(error) => anyhow::anyhow!("{name} failed: {}", reason(error)),
        }
    }

    /// Ends all parts.
    pub(crate) async fn shutdown(&mut self) {
        self.running.shutdown().await;
    }
}

/// The task to its end, as a part: its panic is the part's.
pub(crate) async fn joined(task: JoinHandle<()>) {
    if let Err(error) = task.await
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

/// What a panic said.
pub(crate) fn reason(error: JoinError) -> String {
    let panic = match error.try_into_panic() {
        Ok(panic) => panic,
        Err(stopped) => return stopped.to_string(),
    };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_or_panics_is_named_with_the_cause() {
        let mut parts = Parts::default();
        parts.spawn("the rest", std::future::pending());
        parts.spawn("gRPC", async {});
        assert_eq!(parts.ended().await.to_string(), "gRPC ended");
        parts.spawn("the controller", async { panic!("no node {}", 7) });
        assert_eq!(parts.ended().await.to_string(), "the controller failed: no node 7");
        parts.unnamed().spawn(async { panic!("at all") });
        assert_eq!(parts.ended().await.to_string(), "a part failed: at all");
    }
}
