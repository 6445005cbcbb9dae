//! Root cause: what the controller knows to be down goes to `weir-detect`, and what it suspects back,
//! beside the fast path.

use std::{future, sync::Arc};

use tokio::{
    task::block_in_place,
    time::{Instant, sleep_until},
};
use weir_collector::clock;
use weir_detect::root_cause::{Suspicion, Symptoms};
use weir_model::{estate::Estate, time::Mono};

use crate::control::{Control, Input};

/// Looks for causes until the controller ends.
pub(crate) async fn run(control: Control) {
    let mut known = control.known();
    let mut suspicion = Suspicion::default();
    let mut estate = Arc::<Estate>::default();
    loop {
        let due = suspicion.poll_timeout().map(|(due, _)| due);
        tokio::select! {
            changed = known.changed() => {
                if changed.is_err() {
                    return;
                }
                let known = known.borrow_and_update();
                estate = Arc::clone(&known.estate);
                suspicion.handle_symptoms(Symptoms::of(&known.nodes, &known.links), clock::mono());
            }
            () = reached(due) => {
                for finding in block_in_place(|| suspicion.handle_timeout(&estate, clock::now())) {
                    control.tell(Input::Found(finding)).await;
                }
            }
        }
    }
}

/// Waits until `due`, for ever when there is nothing to wait for.
async fn reached(due: Option<Mono>) {
    match due {
        Some(due) => sleep_until(Instant::now() + due.since(clock::mono())).await,
        None => future::pending::<()>().await,
    }
}
