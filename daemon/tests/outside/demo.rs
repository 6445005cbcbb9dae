//! The demo's report says of faults what they did. It runs in a network namespace of its own, so that its fixed
//! addresses are nobody else's.

use std::{fs, process::Command};

use serde_json::Value;

use super::weir::{Place, until};

#[tokio::test]
async fn a_total_loss_is_a_failover_the_dead_die_once_and_a_price_is_billed() {
    let place = Place::new();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_weir"));
    command.args(["demo", "--data", "demo", "--rate", "100", "--duration", "12s", "--report", "report.json"]);
    for fault in [
        "price fra-transit x10 at 3s",
        "loss edge-3 100% at 4s",
        "loss edge-4 30% at 4s",
        // Nobody is served there any more, and then nobody is there.
        "kill edge-3 at 8s",
        "kill edge-3 at 9s",
    ] {
        command.args(["--fault", fault]);
    }
    let mut demo = place.start(place.here(command));
    until("the report", async || place.path("report.json").exists().then_some(())).await;
    let status = demo.wait();
    assert!(status.success(), "{}", demo.said());
    assert!(demo.said().contains("server edge-3 does not run"), "{}", demo.said());
    let report: Value = serde_json::from_slice(&fs::read(place.path("report.json")).unwrap()).unwrap();
    let failovers = report["failovers"].as_array().unwrap();
    assert_eq!(failovers.len(), 1, "{failovers:?}");
    assert_eq!(failovers[0]["target"], "edge-3");
    assert!(failovers[0]["detect_ms"].is_number() && failovers[0]["switch_ms"].is_number(), "{failovers:?}");
    let contracts = report["contracts"].as_array().unwrap();
    let contract = contracts.iter().find(|contract| contract["name"] == "fra-transit").unwrap();
    // The commit alone, 4 Mbit/s at 1.10, is ten times as dear; what came before the price is of the same month.
    let amount: f64 = contract["month_to_date"].as_str().unwrap().parse().unwrap();
    assert!(amount >= 44.0, "{contract}");
}
