//! The daemon's side: the plan in force on a board that executors read.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use tokio::sync::{mpsc, watch};
use tonic::{Request, Response, Status, Streaming};
use weir_model::plan::{Plan, PlanNumber};

use super::proto::{
    ExecutorMessage, PlanMessage,
    plans_server::{Plans, PlansServer},
};

/// Longest plan message: 10,000 groups x 1,000 domains at 100 bytes of JSON a share would be 1 GB;
/// such estates split their plans per region. 256 MiB is a quarter of that.
pub const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// What an executor says of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who.
    pub executor: String,
    /// What it is.
    pub kind: String,
    /// Which plan.
    pub plan: PlanNumber,
    /// Why it was refused; `None`: applied.
    pub refused: Option<String>,
}

/// A plan ready to be sent: encoded once for all executors.
#[derive(Clone, Debug)]
struct Posted {
    number: PlanNumber,
    json: Arc<Vec<u8>>,
}

/// The plan in force, for executors to follow.
#[derive(Clone, Debug)]
pub struct Board {
    newest: watch::Sender<Option<Posted>>,
    acknowledgements: mpsc::Sender<Acknowledgement>,
}

impl Board {
    /// An empty board; what executors say goes into `acknowledgements`.
    pub fn new(acknowledgements: mpsc::Sender<Acknowledgement>) -> Self {
        Self { newest: watch::Sender::new(None), acknowledgements }
    }

    /// Puts a newer plan up.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn post(&self, plan: &Plan) -> Result<(), serde_json::Error> {
        let json = Arc::new(serde_json::to_vec(plan)?);
        self.newest.send_replace(Some(Posted { number: plan.number, json }));
        Ok(())
    }

    /// Puts up what is acknowledged by an executor in this process.
    pub async fn acknowledge(&self, acknowledgement: Acknowledgement) {
        // Nobody listens any more: the daemon is going down.
        drop(self.acknowledgements.send(acknowledgement).await);
    }
}

/// The gRPC service of a board.
pub fn service(board: Board) -> PlansServer<Board> {
    PlansServer::new(board).max_encoding_message_size(MESSAGE_BYTES_MAX)
}

#[tonic::async_trait]
impl Plans for Board {
    type FollowStream = std::pin::Pin<Box<dyn Stream<Item = Result<PlanMessage, Status>> + Send>>;

    async fn follow(
        &self,
        request: Request<Streaming<ExecutorMessage>>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let mut heard = request.into_inner();
        let hello =
            heard.message().await?.ok_or_else(|| Status::invalid_argument("an executor says its name first"))?;
        if hello.executor.is_empty() {
            return Err(Status::invalid_argument("the executor has no name: set `executor`"));
        }
        let held = PlanNumber { epoch: hello.epoch, generation: hello.generation };
        if held != PlanNumber::default() {
            // What it applied while it was cut off it could not acknowledge then.
            self.acknowledge(acknowledgement(hello)).await;
        }
        let acknowledgements = self.acknowledgements.clone();
        tokio::spawn(async move {
            while let Ok(Some(message)) = heard.message().await {
                if acknowledgements.send(acknowledgement(message)).await.is_err() {
                    break;
                }
            }
        });
        let newest = self.newest.subscribe();
        Ok(Response::new(newer_than(held, newest).map(Ok).boxed()))
    }
}

/// Plans newer than `held`, as they are put up; the ones in between may be skipped.
fn newer_than(held: PlanNumber, newest: watch::Receiver<Option<Posted>>) -> impl Stream<Item = PlanMessage> {
    stream::unfold((held, newest), |(held, mut newest)| async move {
        loop {
            let posted = newest.borrow_and_update().clone();
            if let Some(posted) = posted.filter(|posted| posted.number > held) {
                let PlanNumber { epoch, generation } = posted.number;
                let message = PlanMessage { epoch, generation, plan: posted.json.to_vec() };
                return Some((message, (posted.number, newest)));
            }
            newest.changed().await.ok()?;
        }
    })
}

fn acknowledgement(message: ExecutorMessage) -> Acknowledgement {
    Acknowledgement {
        executor: message.executor,
        kind: message.kind,
        plan: PlanNumber { epoch: message.epoch, generation: message.generation },
        refused: Some(message.refused).filter(|refused| !refused.is_empty()),
    }
}
