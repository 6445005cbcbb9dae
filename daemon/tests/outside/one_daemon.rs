//! One data folder, one daemon.

use reqwest::{Method, StatusCode};

use super::weir::Place;

#[tokio::test]
async fn a_second_daemon_on_the_data_folder_refuses_before_it_takes_a_port() {
    let place = Place::new();
    let first = place.run().await;
    // The same ports, too: taking one of them first would fail with another error.
    let held = format!("is in use by process {}; stop that one, or give this one another directory", first.id());
    let (code, _, said) = place.ends(&["run", "--config", "weir.yaml"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&held) && !said.contains("listen"), "{said}");
    // A DNS-only process keeps its last plan in such a folder.
    place.configure("controller: http://127.0.0.1:1");
    let (code, _, said) = place.ends(&["run", "--config", "weir.yaml", "--roles", "dns"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&held) && !said.contains("listen"), "{said}");
    let answer = place.request(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "the first goes on");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let place = Place::new();
    let _taken = std::net::TcpListener::bind((place.address, super::weir::REDIRECT)).unwrap();
    let (code, _, said) = place.ends(&["run", "--config", "weir.yaml"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("HTTP 302 cannot listen on {}:7082: is it in use?", place.address)), "{said}");
}
