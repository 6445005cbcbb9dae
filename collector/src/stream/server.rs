//! The daemon's side of the telemetry stream.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};
use weir_model::{
    health::{Health, StateChange, Target},
    id::{LinkId, NodeId, VantageId},
    observation::Rows,
    time::UnixNanos,
    yaml::Scalar,
};

use super::{
    MESSAGE_BYTES_MAX, ipc,
    proto::{
        AgentMessage, Batch, Busy, DaemonMessage, HealthChange, Refused, agent_message, daemon_message,
        telemetry_server::{self, TelemetryServer},
    },
};
use crate::sink::{Sink, SinkError};

/// Batches of one agent waiting to be written: at 1 MiB a batch, 64 MiB an agent. More are
/// refused as busy, so that changes of health behind them are not held up.
const WAITING_MAX: usize = 64;
/// When a refused batch may come again.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// What is heard of agents apart from rows.
#[derive(Clone, Debug)]
pub enum Heard {
    /// An agent came; its vantage is counted from now on.
    Came(VantageId),
    /// A vantage changed its mind.
    Change(StateChange),
    /// Rows of it arrived, so it is alive.
    Alive(VantageId),
    /// An agent's stream ended.
    Went(VantageId),
}

/// Receives telemetry: rows go into the sink, changes of health into the channel.
#[derive(Clone, Debug)]
pub struct Telemetry {
    sink: Arc<dyn Sink>,
    heard: mpsc::Sender<Heard>,
}

impl Telemetry {
    /// Over `sink`, telling `heard`.
    pub fn new(sink: Arc<dyn Sink>, heard: mpsc::Sender<Heard>) -> Self {
        Self { sink, heard }
    }
}

/// The gRPC service.
pub fn service(telemetry: Telemetry) -> TelemetryServer<Telemetry> {
    TelemetryServer::new(telemetry).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

#[tonic::async_trait]
impl telemetry_server::Telemetry for Telemetry {
    type StreamStream = std::pin::Pin<Box<dyn Stream<Item = Result<DaemonMessage, Status>> + Send>>;

    async fn stream(&self, request: Request<Streaming<AgentMessage>>) -> Result<Response<Self::StreamStream>, Status> {
        let mut messages = request.into_inner();
        let first = messages.message().await?.and_then(|message| message.message);
        let Some(agent_message::Message::Hello(hello)) = first else {
            return Err(Status::invalid_argument("an agent says hello first"));
        };
        if <VantageId as Scalar>::parse(&hello.agent).is_none() {
            return Err(Status::invalid_argument(format!("`{}` is no name of an agent", hello.agent)));
        }
        let vantage = VantageId::from(hello.agent.as_str());
        let (answer, answers) = mpsc::channel(WAITING_MAX);
        let (queue, queued) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write_batches(Arc::clone(&self.sink), queued, answer.clone()));
        tokio::spawn(listen(vantage, messages, self.heard.clone(), queue, answer));
        let answers = stream::unfold(answers, |mut answers| async move { answers.recv().await.map(|a| (a, answers)) });
        Ok(Response::new(answers.map(Ok).boxed()))
    }
}

/// Reads one agent's messages: health at once, batches into the queue.
async fn listen(
    vantage: VantageId,
    mut messages: Streaming<AgentMessage>,
    heard: mpsc::Sender<Heard>,
    queue: mpsc::Sender<Batch>,
    answer: mpsc::Sender<DaemonMessage>,
) {
    // The receivers of `heard` and `answer` live as long as the daemon and the stream: when a send
    // fails, there is nobody left to tell.
    drop(heard.send(Heard::Came(vantage.clone())).await);
    let mut order = Order::default();
    while let Ok(Some(message)) = messages.message().await {
        match message.message {
            Some(agent_message::Message::Change(change)) => {
                if let Some(change) = read_change(&vantage, change) {
                    drop(heard.send(Heard::Change(change)).await);
                }
            }
            Some(agent_message::Message::Batch(batch)) => {
                drop(heard.try_send(Heard::Alive(vantage.clone())));
                let sequence = batch.sequence;
                let is_next = order.is_next(&batch);
                let is_taken = is_next && queue.try_send(batch).is_ok();
                if is_next {
                    order.refused = (!is_taken).then_some(sequence);
                }
                if !is_taken {
                    drop(answer.send(busy(sequence, RETRY_AFTER)).await);
                }
            }
            Some(agent_message::Message::Hello(_)) | None => {}
        }
    }
    drop(heard.send(Heard::Went(vantage)).await);
}

/// Batches are written in order, so after a refusal what comes behind the refused one is refused too.
#[derive(Debug, Default)]
struct Order {
    /// The batch that was refused and has not come again.
    refused: Option<u64>,
}

impl Order {
    /// Whether the batch is that one, or comes in its place because the agent no longer has it: an
    /// agent whose disk is full loses its oldest.
    fn is_next(&self, batch: &Batch) -> bool {
        let after = batch.after.unwrap_or(batch.sequence.saturating_sub(1));
        self.refused.is_none_or(|refused| batch.sequence <= refused || after < refused)
    }
}

/// Writes batches in order and acknowledges what is durable, until the agent is gone: it keeps the others.
async fn write_batches(sink: Arc<dyn Sink>, mut queued: mpsc::Receiver<Batch>, answer: mpsc::Sender<DaemonMessage>) {
    while let Some(batch) = queued.recv().await {
        for said in write_batch(&*sink, batch, &answer).await {
            if answer.send(said).await.is_err() {
                return;
            }
        }
        if answer.is_closed() {
            return;
        }
    }
}

async fn write_batch(sink: &dyn Sink, batch: Batch, answer: &mpsc::Sender<DaemonMessage>) -> Vec<DaemonMessage> {
    let sequence = batch.sequence;
    let acknowledged = say(daemon_message::Message::Acknowledged(sequence));
    let rows = match read_tables(&batch) {
        Ok(rows) => rows,
        Err(error) => return vec![refused(sequence, 0, &error.to_string()), acknowledged],
    };
    loop {
        let retry_after = match sink.write(rows.clone().into()).await {
            Ok(written) => {
                let refusals =
                    written.rejected.iter().map(|rejection| refused(sequence, rejection.rows, &rejection.reason));
                return refusals.chain([acknowledged]).collect();
            }
            Err(SinkError::Invalid(reason)) => return vec![refused(sequence, 0, &reason), acknowledged],
            // The agent keeps the batch, and this task its place in the queue.
            Err(SinkError::Overloaded { retry_after } | SinkError::DiskFull { retry_after }) => retry_after,
            Err(SinkError::Closed) => return Vec::new(),
        };
        tokio::select! {
            () = tokio::time::sleep(retry_after) => {}
            () = answer.closed() => return Vec::new(),
        }
    }
}

fn read_tables(batch: &Batch) -> Result<Vec<Rows>, ipc::IpcError> {
    let mut rows = Vec::new();
    for table in &batch.tables {
        rows.extend(ipc::decode(table)?);
    }
    Ok(rows)
}

fn read_change(vantage: &VantageId, change: HealthChange) -> Option<StateChange> {
    let target = match change.target_kind.as_str() {
        "node" => Target::Node(NodeId::from(change.target.as_str())),
        "link" => Target::Link(LinkId::from(change.target.as_str())),
        _ => return None,
    };
    Some(StateChange {
        vantage: vantage.clone(),
        target,
        from: <Health as Scalar>::parse(&change.from)?,
        to: <Health as Scalar>::parse(&change.to)?,
        reason: change.reason,
        at: UnixNanos(change.at_unix_nanos),
    })
}

fn say(message: daemon_message::Message) -> DaemonMessage {
    DaemonMessage { message: Some(message) }
}

fn busy(sequence: u64, after: Duration) -> DaemonMessage {
    let retry_after_millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    say(daemon_message::Message::Busy(Busy { sequence, retry_after_millis }))
}

fn refused(sequence: u64, rows: u64, reason: &str) -> DaemonMessage {
    say(daemon_message::Message::Refused(Refused { sequence, rows, reason: reason.to_owned() }))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::sync::Notify;

    use super::*;
    use crate::sink::Written;

    #[derive(Debug, Default)]
    struct Full {
        asked: Notify,
    }

    #[async_trait]
    impl Sink for Full {
        async fn write(&self, _: weir_model::observation::Batch) -> Result<Written, SinkError> {
            self.asked.notify_one();
            Err(SinkError::DiskFull { retry_after: Duration::from_secs(3_600) })
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_full_disk_on_behalf_of_an_agent_that_is_gone() {
        let sink = Arc::<Full>::default();
        let (queue, queued) = mpsc::channel(1);
        let (answer, answers) = mpsc::channel(1);
        let writing = tokio::spawn(write_batches(Arc::clone(&sink) as Arc<dyn Sink>, queued, answer));
        queue.send(Batch { sequence: 1, ..Batch::default() }).await.unwrap();
        sink.asked.notified().await;
        drop(answers);
        tokio::time::timeout(Duration::from_secs(20), writing).await.expect("in time").unwrap();
    }

    #[test]
    fn behind_a_refused_batch_comes_itself_or_what_the_agent_has_in_its_place() {
        let order = Order { refused: Some(5) };
        let is_next = |sequence, after| order.is_next(&Batch { sequence, after, ..Batch::default() });
        assert!(is_next(5, Some(4)) && is_next(5, None) && is_next(3, Some(0)) && is_next(9, Some(4)));
        assert!(!is_next(6, Some(5)) && !is_next(6, None) && !is_next(9, Some(8)));
    }
}
