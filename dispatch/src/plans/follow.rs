//! The executor's side: follow the board, apply what is newer, acknowledge, come back after a cut.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
use weir_model::plan::{Plan, PlanNumber, Unfit};

use super::{
    MESSAGE_BYTES_MAX,
    proto::{ExecutorMessage, plans_client::PlansClient},
};

/// First wait before coming back; doubled each time.
const RETRY_MIN: Duration = Duration::from_millis(50);
/// Longest wait before coming back: a daemon that restarts is followed again within this.
const RETRY_MAX: Duration = Duration::from_secs(2);
/// How long the controller may be silent on a connection before it counts as gone: far above what
/// a busy one takes to answer a ping, since who comes back is sent the whole plan.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Acknowledgements under way: one per plan, and plans are applied one at a time.
const UNDER_WAY_MAX: usize = 16;

/// Who follows.
#[derive(Clone, Debug)]
pub struct Follow {
    /// Name, unique in the estate.
    pub executor: String,
    /// `dns`, `httpdns`, `http302` or `edge`.
    pub kind: String,
    /// A token of the controller, when it asks for one.
    pub token: Option<String>,
}

/// A connection to the board ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// It could not be made.
    #[error("connecting to the controller")]
    Connect(#[from] tonic::transport::Error),
    /// The controller ended it.
    #[error("following the controller's plans")]
    Status(#[from] Box<tonic::Status>),
    /// The controller ended it without a reason.
    #[error("the controller ended the stream of plans")]
    Ended,
}

/// A plan came that cannot be taken into force.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// It is no plan.
    #[error("it could not be read ({0}): is this executor older than the controller?")]
    Unreadable(serde_json::Error),
    /// Its parts do not fit together.
    #[error("{0}: the controller made it wrong, what is held stays in force")]
    Unfit(Unfit),
}

/// Follows the board at `endpoint` until the future is dropped. `apply` takes a plan into force
/// and says why not when it refuses; one that cannot be read or does not fit together is refused
/// before it. `held` is what the executor holds already (its last good plan). The board being away
/// changes nothing of what is held.
pub async fn follow(
    endpoint: Endpoint,
    who: Follow,
    mut held: PlanNumber,
    mut apply: impl FnMut(Arc<Plan>) -> Result<(), String> + Send,
) {
    let endpoint = endpoint
        .connect_timeout(RETRY_MAX)
        .http2_keep_alive_interval(SILENCE_MAX)
        .keep_alive_timeout(SILENCE_MAX)
        .keep_alive_while_idle(true);
    let mut wait = RETRY_MIN;
    // Said once until it is back: it is tried again every two seconds.
    let mut is_away = false;
    loop {
        let before = held;
        let ended = follow_once(&endpoint, &who, &mut held, &mut apply, &mut is_away).await;
        if !std::mem::replace(&mut is_away, true) {
            let error = ended.err().unwrap_or(FollowError::Ended);
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, plan = %held, "the controller is away: its last plan stays in force");
        }
        wait = if held > before { RETRY_MIN } else { (wait * 2).min(RETRY_MAX) };
        tokio::time::sleep(wait).await;
    }
}

async fn follow_once(
    endpoint: &Endpoint,
    who: &Follow,
    held: &mut PlanNumber,
    apply: &mut (impl FnMut(Arc<Plan>) -> Result<(), String> + Send),
    is_away: &mut bool,
) -> Result<(), FollowError> {
    let channel: Channel = endpoint.connect().await?;
    let mut client = PlansClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let (say, said) = mpsc::channel(UNDER_WAY_MAX);
    let message = |number: PlanNumber, refused: String| ExecutorMessage {
        executor: who.executor.clone(),
        kind: who.kind.clone(),
        epoch: number.epoch,
        generation: number.generation,
        refused,
    };
    // The receiver lives in the call below; a send fails only after that has ended.
    drop(say.send(message(*held, String::new())).await);
    let said =
        futures::stream::unfold(said, |mut said| async move { said.recv().await.map(|message| (message, said)) });
    let mut request = Request::new(said);
    if let Some(authorization) = who.token.as_ref().and_then(|token| format!("Bearer {token}").parse().ok()) {
        request.metadata_mut().insert("authorization", authorization);
    }
    let mut plans = client.follow(request).await.map_err(Box::new)?.into_inner();
    if std::mem::take(is_away) {
        tracing::info!(controller = %endpoint.uri(), "the controller's plans are followed again");
    }
    while let Some(sent) = plans.message().await.map_err(Box::new)? {
        let number = PlanNumber { epoch: sent.epoch, generation: sent.generation };
        let refused = match read(&sent.plan) {
            Ok(plan) => apply(Arc::new(plan)).err(),
            // Coming back would bring the same plan again: the next one may do.
            Err(unusable) => Some(unusable.to_string()),
        };
        match &refused {
            None => *held = number,
            Some(why) => tracing::warn!(plan = %number, why, "a plan was refused"),
        }
        drop(say.send(message(number, refused.unwrap_or_default())).await);
    }
    Ok(())
}

fn read(json: &[u8]) -> Result<Plan, Unusable> {
    let plan: Plan = serde_json::from_slice(json).map_err(Unusable::Unreadable)?;
    plan.fits().map_err(Unusable::Unfit)?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpListener;
    use tonic::transport::{Server, server::TcpIncoming};

    use super::*;
    use crate::{
        answers::{Answers, fixture},
        plans::{Acknowledgement, Board, service},
    };

    async fn serve(board: Board) -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Server::builder().add_service(service(board)).serve_with_incoming(TcpIncoming::from(listener));
        (address, tokio::spawn(async move { drop(serving.await) }))
    }

    async fn next(acked: &mut mpsc::Receiver<Acknowledgement>) -> Acknowledgement {
        tokio::time::timeout(Duration::from_secs(10), acked.recv()).await.expect("it is acknowledged").unwrap()
    }

    #[tokio::test]
    async fn executors_apply_newer_plans_acknowledge_and_keep_them_when_the_board_is_gone() {
        let (acks, mut acked) = mpsc::channel(16);
        let board = Board::new(acks);
        board.post(&fixture::plan(1, 1)).unwrap();
        let (address, serving) = serve(board.clone()).await;
        let answers = Answers::default();
        let installing = answers.clone();
        let who = Follow { executor: "dns-1".into(), kind: "dns".into(), token: None };
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let following = tokio::spawn(follow(endpoint, who, PlanNumber::default(), move |plan| {
            installing.install(plan).map(drop).map_err(|stale| stale.to_string())
        }));
        let first = next(&mut acked).await;
        assert_eq!((first.executor.as_str(), first.plan.generation, first.refused), ("dns-1", 1, None));
        board.post(&fixture::plan(1, 2)).unwrap();
        assert_eq!(next(&mut acked).await.plan.generation, 2);
        let mut short = (*fixture::plan(1, 3)).clone();
        short.assignments.pop();
        board.post(&short).unwrap();
        let refused = next(&mut acked).await;
        assert_eq!(refused.plan.generation, 3);
        assert!(refused.refused.unwrap().starts_with("`assignments` has 1 rows, and 2 groups x 1 domains need 2: "));
        assert_eq!(answers.number().unwrap().generation, 2, "what is held stays in force");
        board.post(&fixture::plan(1, 4)).unwrap();
        assert_eq!(next(&mut acked).await.plan.generation, 4);
        serving.abort();
        assert_eq!(answers.number().unwrap().generation, 4);
        following.abort();
    }

    #[tokio::test]
    async fn what_an_executor_holds_when_it_comes_is_acknowledged() {
        let (acks, mut acked) = mpsc::channel(16);
        let (address, serving) = serve(Board::new(acks)).await;
        let who = Follow { executor: "dns-1".into(), kind: "dns".into(), token: None };
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let held = PlanNumber { epoch: 3, generation: 7 };
        let following = tokio::spawn(follow(endpoint, who, held, |_| Ok(())));
        assert_eq!(next(&mut acked).await.plan, held);
        following.abort();
        serving.abort();
    }
}
