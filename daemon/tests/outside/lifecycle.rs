//! What a process does when it is asked to stop, or to reload where nothing reloads.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use reqwest::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{
    weir::{GRPC, HTTP, Place, Process, until},
    write::{body, now_millis, series},
};

/// Drains and undrains before the daemon is stopped: enough that some wait for the store.
const ACTIONS: usize = 40;

fn hang_up(process: &Process) {
    kill_process(Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap(), Signal::HUP).unwrap();
}

#[tokio::test]
async fn what_happened_last_is_in_the_store_after_the_end() {
    let place = Place::new();
    let mut daemon = place.run_to_plan().await;
    for action in 0..ACTIONS {
        let verb = if action % 2 == 0 { "drain" } else { "undrain" };
        let answer = place.post(&format!("/api/v1/nodes/edge-east/{verb}"), "").await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }
    daemon.ask_to_stop();
    assert!(daemon.wait().success(), "{}", daemon.said());
    let _daemon = place.run().await;
    assert_eq!(place.sql("SELECT count(*) FROM ops.audit").await, [[json!(ACTIONS)]]);
}

#[tokio::test]
async fn a_write_under_way_is_finished_and_a_follower_of_events_does_not_hold_up_the_end() {
    let place = Place::new();
    let mut daemon = place.run().await;
    let follower = place.request(Method::GET, "/api/v1/events").send().await.unwrap();
    assert_eq!(follower.status(), StatusCode::OK);
    let body = body(vec![series("late", &[], &[(now_millis(), 1.0)])]);
    let mut sending = TcpStream::connect((place.address, HTTP)).unwrap();
    sending.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "POST /api/v1/write HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-protobuf\r\ncontent-encoding: snappy\r\n\
         x-prometheus-remote-write-version: 0.1.0\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        place.address,
        body.len(),
    );
    sending.write_all(head.as_bytes()).unwrap();
    // The handler reads the body, so the request is under way.
    let mut answer = [0; 1_024];
    let length = sending.read(&mut answer).unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&answer[..length]));
    daemon.ask_to_stop();
    until("no connection is taken any more", async || TcpStream::connect((place.address, HTTP)).is_err().then_some(()))
        .await;
    sending.write_all(&body).unwrap();
    let length = sending.read(&mut answer).unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&answer[..length]));
    assert!(daemon.wait().success(), "{}", daemon.said());
    let _daemon = place.run().await;
    assert_eq!(place.sql("SELECT value FROM late").await, [[json!(1.0)]]);
}

#[tokio::test]
async fn where_nothing_reloads_sighup_is_passed_over() {
    let place = Place::new();
    place.configure(&format!("controller: 'http://{}:{GRPC}'", place.address));
    let dns = place.start(place.weir(&["run", "--config", "weir.yaml", "--roles", "dns"]));
    let is_up = async || place.request(Method::GET, "/healthz").send().await.is_ok().then_some(());
    until("the DNS process answers", is_up).await;
    let agent = agent(&place, "probes: []");
    until("the agent runs", async || agent.said().contains("the agent runs").then_some(())).await;
    for process in [&dns, &agent] {
        hang_up(process);
        until("it is said", async || process.said().contains("SIGHUP is passed over").then_some(())).await;
    }
    let answer = place.request(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "the DNS process goes on");
}

#[tokio::test]
async fn a_daemon_that_is_starting_outlives_sighup() {
    let place = Place::new();
    let daemon = place.start(place.weir(&["run", "--config", "weir.yaml"]));
    // From the first line on, which is said once the data folder is there.
    until("it is starting", async || place.path("data").exists().then_some(())).await;
    hang_up(&daemon);
    let daemon = place.ready(daemon).await;
    until("it has reloaded", async || daemon.said().contains("reloaded").then_some(())).await;
}

fn agent(place: &Place, more: &str) -> Process {
    place.write("agent.yaml", format!("name: fra-1\ndaemon: 'http://{}:{GRPC}'\n{more}\n", place.address));
    place.start(place.weir(&["agent", "--config", "agent.yaml"]))
}

#[tokio::test]
async fn who_cannot_reach_the_daemon_says_why_once_and_when_it_is_back() {
    let (there, here) = (Place::new(), Place::new());
    let agent = agent(&there, "probes: []");
    here.configure(&format!("controller: 'http://{}:{GRPC}'", there.address));
    let dns = here.start(here.weir(&["run", "--config", "weir.yaml", "--roles", "dns"]));
    let (away, back) = ("does not take this agent's telemetry: it is kept", "takes this agent's telemetry again");
    until("the agent says why", async || agent.said().contains("Connection refused").then_some(())).await;
    until("so does DNS", async || dns.said().contains("Connection refused").then_some(())).await;
    let _daemon = there.run().await;
    until("the agent is back", async || agent.said().contains(back).then_some(())).await;
    until("DNS is back", async || dns.said().contains("plans are followed again").then_some(())).await;
    assert_eq!(agent.said().matches(away).count(), 1, "{}", agent.said());
    assert_eq!(dns.said().matches("the controller is away").count(), 1, "{}", dns.said());
}
