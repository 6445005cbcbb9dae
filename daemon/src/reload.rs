//! Reading the configuration anew: checked whole, then applied, or nothing changes.

use std::{path::PathBuf, sync::Arc};

use axum::http::StatusCode;
use tokio::sync::Mutex;

use crate::{
    api::Act,
    config::Config,
    control::{Control, Input},
    services::ServicesConfig,
    store::Store,
    work::Work,
};

/// Goes over from one configuration to the next.
#[derive(Debug)]
pub(crate) struct Reloader {
    file: PathBuf,
    control: Control,
    store: Store,
    running: Mutex<(Config, Work)>,
}

impl Reloader {
    /// Of a daemon that runs by `config`, read from `file`.
    pub(crate) fn new(file: PathBuf, config: Config, work: Work, control: Control, store: Store) -> Self {
        Self { file, control, store, running: Mutex::new((config, work)) }
    }

    /// As [`Self::reload`], asked for by a signal: what came of it is logged, and audited as an act by hand.
    pub(crate) async fn reload_on_signal(&self) {
        let (status, result) = match self.reload().await {
            Ok(done) => (StatusCode::OK, done),
            Err(error) => {
                tracing::error!(error = &*error, "not reloaded: nothing was changed");
                (StatusCode::UNPROCESSABLE_ENTITY, format!("nothing was changed: {error:#}"))
            }
        };
        let act = Act { action: "reload", path: "", who: "SIGHUP", from: "", status, result: &result };
        self.running.lock().await.1.records().push(vec![act.into_rows()]);
    }

    /// Reads the file anew and applies it; says what was done.
    ///
    /// # Errors
    /// When something in it, or in what it names, is wrong: then nothing was changed.
    pub(crate) async fn reload(&self) -> anyhow::Result<String> {
        let mut running = self.running.lock().await;
        let (before, work) = &mut *running;
        let config = Config::load(&self.file)?;
        let services = ServicesConfig::of(&config, true)?;
        let prepared = work.prepare(services.wanted.clone()).await?;
        self.store.show_estate(&services.wanted.estate)?;
        work.apply(prepared);
        self.control.tell(Input::Estate(Arc::clone(&services.wanted.estate))).await;
        self.control.tell(Input::Policy(Box::new(services.policy))).await;
        let waiting = config.needs_restart_after(before);
        tracing::info!(file = %self.file.display(), ?waiting, "reloaded");
        // What waits for a restart is compared with what runs, also at the next reload.
        *before = config.with_what_runs(before);
        Ok(match waiting.as_slice() {
            [] => "reloaded".to_owned(),
            keys => format!("reloaded; changed, but not before a restart: {}", keys.join(", ")),
        })
    }
}
