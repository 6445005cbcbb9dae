//! What every command sets up before it does anything: logs, the TLS provider, the runtime.

use std::{io::IsTerminal, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long tasks may take to end once the main one has: they hold nothing that is not on disk.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// Sends logs to standard error as text, `WEIR_LOG` choosing what.
pub(crate) fn log_to_stderr(default: &str) {
    log(false, default);
}

/// Sends logs to standard error as text or JSON, `WEIR_LOG` choosing what.
pub(crate) fn log(json: bool, default: &str) {
    let filter = EnvFilter::try_from_env("WEIR_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Already set in tests that run several commands in one process: the first wins.
    drop(if json { logs.json().try_init() } else { logs.with_ansi(std::io::stderr().is_terminal()).try_init() });
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn asked_to_stop() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

/// SIGHUP from now on, which then ends the process no more: asked for before anything else is done, as a
/// reload may come at any time.
pub(crate) fn hangups() -> anyhow::Result<Signal> {
    Ok(signal(SignalKind::hangup())?)
}

/// Says at each SIGHUP that this process has nothing to read anew.
pub(crate) async fn pass_over(mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        tracing::warn!("SIGHUP is passed over: nothing is read anew here, restart for a changed configuration");
    }
}

/// Makes ring the TLS provider of this process.
pub(crate) fn choose_tls_provider() {
    // Already chosen: the same one.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Runs `main` on a multi-threaded runtime and ends the rest within [`SHUTDOWN_MAX`].
pub(crate) fn block_on<T>(main: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    choose_tls_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(main);
    runtime.shutdown_timeout(SHUTDOWN_MAX);
    result
}
