//! The agent's side of the telemetry stream: keeps what is not acknowledged, comes back after a cut.

mod unacknowledged;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};
use tonic::{
    Request, Streaming,
    metadata::{Ascii, MetadataValue},
    transport::Endpoint,
};
use weir_model::{
    health::{StateChange, Target},
    observation::Rows,
};

use super::{
    MESSAGE_BYTES_MAX, ipc,
    proto::{
        AgentMessage, Batch, DaemonMessage, HealthChange, Hello, agent_message, daemon_message,
        telemetry_client::TelemetryClient,
    },
    spool::{Spool, SpoolError},
};
use unacknowledged::Unacknowledged;

/// First wait before coming back; doubled each time.
const RETRY_MIN: Duration = Duration::from_millis(50);
/// Longest wait before coming back.
const RETRY_MAX: Duration = Duration::from_secs(2);
/// How long the daemon may be silent on a connection before it counts as gone: a cut cable sends no
/// reset. Far above what a busy daemon takes to answer a ping: to leave it then and send everything
/// again would make it busier, and there is no other to go to.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Messages handed to the connection and not yet on the wire.
const UNDER_WAY_MAX: usize = 16;
/// Inputs waiting for the uplink: a probe result each at 10 ms from 100 targets for a second.
const INPUTS_MAX: usize = 10_000;

/// How an agent reaches its daemon.
#[derive(Clone, Debug)]
pub struct UplinkConfig {
    /// The agent's name, which is its vantage.
    pub agent: String,
    /// Where batches go while the daemon is away.
    pub spool: PathBuf,
    /// Bytes the spool may take.
    pub spool_bytes_max: u64,
    /// A token of the daemon, when it asks for one.
    pub token: Option<String>,
}

/// What the uplink did, for `/metrics`.
#[derive(Debug, Default)]
pub struct UplinkCounters {
    /// The highest sequence number acknowledged.
    pub acknowledged: AtomicU64,
    /// Batches spooled to disk.
    pub spooled: AtomicU64,
    /// Inputs dropped because the uplink was behind, and batches because the disk took none for long.
    pub dropped: AtomicU64,
    /// Rows the daemon refused for good.
    pub refused_rows: AtomicU64,
}

#[derive(Debug)]
enum Input {
    Rows(Vec<Rows>),
    Change(StateChange),
}

/// Handle to the uplink of this agent.
#[derive(Clone, Debug)]
pub struct Uplink {
    inputs: mpsc::Sender<Input>,
    counters: Arc<UplinkCounters>,
}

impl Uplink {
    /// Sends rows. Never waits: when the uplink is behind, they are dropped and counted.
    pub fn rows(&self, rows: Vec<Rows>) {
        self.send(Input::Rows(rows));
    }

    /// Tells a change of health, ahead of any rows that wait.
    pub fn change(&self, change: StateChange) {
        self.send(Input::Change(change));
    }

    /// What it did.
    pub fn counters(&self) -> &UplinkCounters {
        &self.counters
    }

    fn send(&self, input: Input) {
        if self.inputs.try_send(input).is_err() {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The uplink's handle, and the future that keeps it running until the handles are gone; it then
/// spools what is not acknowledged.
///
/// # Errors
/// When the spool cannot be opened.
pub fn uplink(
    config: UplinkConfig,
    endpoint: Endpoint,
) -> Result<(Uplink, impl Future<Output = ()> + Send), SpoolError> {
    let (inputs, received) = mpsc::channel(INPUTS_MAX);
    let counters = Arc::<UplinkCounters>::default();
    let spool = Spool::open(&config.spool, config.spool_bytes_max)?;
    let endpoint = endpoint
        .connect_timeout(RETRY_MAX)
        .http2_keep_alive_interval(SILENCE_MAX)
        .keep_alive_timeout(SILENCE_MAX)
        .keep_alive_while_idle(true);
    let state = State {
        agent: config.agent,
        authorization: config.token.map(|token| format!("Bearer {token}").parse()).transpose().ok().flatten(),
        batches: Unacknowledged::new(spool, Arc::clone(&counters)),
        health: BTreeMap::new(),
        counters: Arc::clone(&counters),
        is_away: false,
    };
    Ok((Uplink { inputs, counters }, state.run(endpoint, received)))
}

#[derive(Debug)]
struct State {
    agent: String,
    authorization: Option<MetadataValue<Ascii>>,
    batches: Unacknowledged,
    /// What is thought of each target, told anew whenever a connection is made.
    health: BTreeMap<Target, StateChange>,
    counters: Arc<UplinkCounters>,
    /// The daemon was last said to be away.
    is_away: bool,
}

/// Why a connection ended.
#[derive(Debug)]
enum Ended {
    /// All handles are gone.
    Closed,
    /// The daemon is away.
    Away,
}

impl State {
    async fn run(mut self, endpoint: Endpoint, mut inputs: mpsc::Receiver<Input>) {
        let mut wait = RETRY_MIN;
        loop {
            let acknowledged = self.counters.acknowledged.load(Ordering::Relaxed);
            let ended = self.connected(&endpoint, &mut inputs).await;
            if matches!(ended, Ended::Closed) || self.away(wait, &mut inputs).await {
                self.batches.spool_all();
                return;
            }
            let progressed = self.counters.acknowledged.load(Ordering::Relaxed) > acknowledged;
            wait = if progressed { RETRY_MIN } else { (wait * 2).min(RETRY_MAX) };
        }
    }

    /// Takes inputs while waiting to come back. Whether all handles are gone.
    async fn away(&mut self, wait: Duration, inputs: &mut mpsc::Receiver<Input>) -> bool {
        let back = tokio::time::sleep(wait);
        tokio::pin!(back);
        loop {
            tokio::select! {
                () = &mut back => return false,
                input = inputs.recv() => match input {
                    Some(input) => drop(self.take(input)),
                    None => return true,
                },
            }
        }
    }

    async fn connected(&mut self, endpoint: &Endpoint, inputs: &mut mpsc::Receiver<Input>) -> Ended {
        let (say, said) = mpsc::channel(UNDER_WAY_MAX);
        let mut answers = match self.open(endpoint, &say, said).await {
            Ok(answers) => answers,
            Err(cause) => return self.lost(&cause),
        };
        if std::mem::take(&mut self.is_away) {
            tracing::info!(daemon = %endpoint.uri(), "the daemon takes this agent's telemetry again");
        }
        for change in self.health.values() {
            if say.send(wire_change(change)).await.is_err() {
                return Ended::Away;
            }
        }
        // From here on `sent` is the last batch handed to this connection. After a refusal nothing is
        // sent for a while: what was under way is refused too, each time anew.
        let mut sent = 0;
        let mut held_until = Instant::now();
        loop {
            let is_held = held_until > Instant::now();
            let next = self.batches.has_after(sent) && !is_held;
            tokio::select! {
                // Health first: it must not wait for batches.
                biased;
                input = inputs.recv() => match input {
                    None => return Ended::Closed,
                    Some(input) => if let Some(message) = self.take(input)
                        && say.send(message).await.is_err() { return Ended::Away },
                },
                answer = answers.message() => match answer {
                    Ok(Some(answer)) => {
                        if let Some(daemon_message::Message::Busy(busy)) = &answer.message {
                            held_until = Instant::now() + Duration::from_millis(busy.retry_after_millis).min(RETRY_MAX);
                        }
                        sent = self.heed(answer, sent);
                    }
                    Ok(None) => return self.lost("it ended the stream"),
                    Err(status) => return self.lost(&describe(&status)),
                },
                () = tokio::time::sleep_until(held_until), if is_held => {}
                place = say.reserve(), if next => match (place, self.batches.after(sent)) {
                    (Err(_), _) => return Ended::Away,
                    (Ok(_), None) => {}
                    (Ok(place), Some(mut batch)) => {
                        batch.after = Some(sent);
                        sent = batch.sequence;
                        place.send(wire(agent_message::Message::Batch(batch)));
                    }
                },
            }
        }
    }

    /// Says why the daemon is away, once until it is back: it is tried again every two seconds.
    fn lost(&mut self, cause: &str) -> Ended {
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!(cause, "the daemon does not take this agent's telemetry: it is kept, and sent later");
        }
        Ended::Away
    }

    async fn open(
        &self,
        endpoint: &Endpoint,
        say: &mpsc::Sender<AgentMessage>,
        said: mpsc::Receiver<AgentMessage>,
    ) -> Result<Streaming<DaemonMessage>, String> {
        let hello = Hello { agent: self.agent.clone(), version: env!("CARGO_PKG_VERSION").to_owned() };
        // There is room for it, and `said` is here.
        drop(say.send(wire(agent_message::Message::Hello(hello))).await);
        let channel = endpoint.connect().await.map_err(|error| describe(&error))?;
        let mut client = TelemetryClient::new(channel).max_encoding_message_size(MESSAGE_BYTES_MAX);
        let said = futures::stream::unfold(said, |mut said| async move { said.recv().await.map(|s| (s, said)) });
        let mut request = Request::new(said);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        Ok(client.stream(request).await.map_err(|status| describe(&status))?.into_inner())
    }

    /// Keeps an input; a change of health is also to be said at once.
    fn take(&mut self, input: Input) -> Option<AgentMessage> {
        match input {
            Input::Change(change) => {
                let message = wire_change(&change);
                self.health.insert(change.target.clone(), change);
                Some(message)
            }
            Input::Rows(rows) => {
                let tables = rows.iter().filter_map(|rows| match ipc::encode(rows) {
                    Ok(bytes) => Some(bytes),
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "rows that cannot be encoded");
                        None
                    }
                });
                self.batches.push(tables.collect());
                None
            }
        }
    }

    /// What the daemon said of batches; the last batch that need not be sent again.
    fn heed(&mut self, answer: DaemonMessage, sent: u64) -> u64 {
        match answer.message {
            Some(daemon_message::Message::Acknowledged(sequence)) => {
                self.batches.acknowledge(sequence);
                sent
            }
            Some(daemon_message::Message::Busy(busy)) => sent.min(busy.sequence.saturating_sub(1)),
            Some(daemon_message::Message::Refused(refused)) => {
                self.counters.refused_rows.fetch_add(refused.rows, Ordering::Relaxed);
                tracing::warn!(refused.rows, refused.reason, "the daemon refused rows for good");
                sent
            }
            None => sent,
        }
    }
}

/// An error with its causes, each once: what gRPC says ends with what the socket or TLS said.
fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes
        .map(ToString::to_string)
        .fold(error.to_string(), |text, cause| if text.ends_with(&cause) { text } else { format!("{text}: {cause}") })
}

fn wire(message: agent_message::Message) -> AgentMessage {
    AgentMessage { message: Some(message) }
}

fn wire_change(change: &StateChange) -> AgentMessage {
    wire(agent_message::Message::Change(HealthChange {
        target_kind: change.target.kind().to_owned(),
        target: change.target.id().to_owned(),
        from: change.from.as_str().to_owned(),
        to: change.to.as_str().to_owned(),
        reason: change.reason.clone(),
        at_unix_nanos: change.at.0,
    }))
}
