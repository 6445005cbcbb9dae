//! Server-sent events: the state every second and whenever something happens, and what happened.

use std::{convert::Infallible, sync::atomic::Ordering::Relaxed, time::Duration};

use axum::{
    extract::State,
    http::{StatusCode, header::RETRY_AFTER},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use serde_json::json;
use tokio::{
    sync::{
        Semaphore, SemaphorePermit,
        broadcast::{Receiver, error::RecvError},
    },
    time::{Interval, MissedTickBehavior, interval},
};

use super::ApiState;
use crate::{control::Announcement, metrics};

/// How often the state is sent when nothing happens.
const EVERY: Duration = Duration::from_secs(1);

/// Who follows at once: a state of the demo is 40 KB, so 128 followers are 5 MB/s.
const FOLLOWERS_MAX: usize = 128;
/// When one too many may ask again.
const RETRY_SECONDS: &str = "5";

static PLACES: Semaphore = Semaphore::const_new(FOLLOWERS_MAX);

/// `GET /api/v1/events`: events `state`, `estate`, `finding`, `plan` and `missed`.
pub(super) async fn events(State(state): State<ApiState>) -> Response {
    let Ok(place) = PLACES.try_acquire() else {
        metrics::FOLLOWERS_REFUSED.fetch_add(1, Relaxed);
        let text = format!(
            "{FOLLOWERS_MAX} follow events, as many as may: try again later
"
        );
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RETRY_SECONDS)], text).into_response();
    };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower { announcements: state.control.listen(), state, ticks, also_state: false, _place: place };
    let events = stream::unfold(follower, |mut follower| async move {
        Some((Ok::<_, Infallible>(follower.next().await?), follower))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

struct Follower {
    state: ApiState,
    announcements: Receiver<Announcement>,
    ticks: Interval,
    /// Something happened: the state follows at once.
    also_state: bool,
    /// One of [`FOLLOWERS_MAX`].
    _place: SemaphorePermit<'static>,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if std::mem::take(&mut self.also_state) {
                return self.snapshot();
            }
            tokio::select! {
                _ = self.ticks.tick() => return self.snapshot(),
                said = self.announcements.recv() => match said {
                    Ok(said) => if let Some(event) = happened(&said) {
                        self.also_state = true;
                        return Some(event);
                    },
                    Err(RecvError::Lagged(missed)) => {
                        return Event::default().event("missed").json_data(json!({ "missed": missed })).ok();
                    }
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn snapshot(&self) -> Option<Event> {
        Event::default().event("state").json_data(self.state.snapshot()).ok()
    }
}

fn happened(said: &Announcement) -> Option<Event> {
    match said {
        // Who shows the estate asks for it again.
        Announcement::Estate => {
            let time_ms = weir_collector::clock::wall().0 / 1_000_000;
            Event::default().event("estate").json_data(json!({ "time_ms": time_ms })).ok()
        }
        Announcement::Finding(finding, _) => {
            let data = json!({
                "time_ms": finding.at.0 / 1_000_000, "number": finding.number, "subject": finding.subject.as_str(),
                "id": finding.id, "kind": finding.kind.as_str(), "text": finding.text,
            });
            Event::default().event("finding").json_data(data).ok()
        }
        Announcement::Plan(plan) => {
            let out: Vec<&str> =
                plan.out_of_service.iter().map(|node| plan.directory.nodes[node.index()].id.as_str()).collect();
            let data = json!({
                "time_ms": plan.made_at.0 / 1_000_000, "number": plan.number.to_string(),
                "reason": plan.reason.as_str(), "out_of_service": out,
            });
            Event::default().event("plan").json_data(data).ok()
        }
        Announcement::Acknowledged(..) => None,
    }
}
