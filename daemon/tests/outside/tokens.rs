//! Who may talk to the daemon: holders of a token, and nobody's page by DNS rebinding.

use reqwest::{Method, StatusCode, header};

use super::{
    weir::{GRPC, HTTP, Place, until},
    write::{body, now_millis, series},
};

const TOKEN: &str = "correct-horse-battery";

/// Everything that writes, acts or reads what is not public. What does not exist is not told apart.
const GUARDED: [(Method, &str); 15] = [
    (Method::POST, "/api/v1/sql"),
    (Method::GET, "/api/v1/sql?q=SELECT+1"),
    (Method::POST, "/api/v1/write"),
    (Method::POST, "/api/v2/write"),
    (Method::POST, "/write"),
    (Method::POST, "/v1/metrics"),
    (Method::POST, "/v1/logs"),
    (Method::POST, "/api/v1/reload"),
    (Method::POST, "/api/v1/delete"),
    (Method::POST, "/api/v1/nodes/edge-east/drain"),
    (Method::POST, "/api/v1/nodes/edge-east/undrain"),
    (Method::GET, "/api/v1/events"),
    (Method::GET, "/api/v1/state"),
    (Method::GET, "/api/v1/estate"),
    (Method::GET, "/metrics"),
];

#[tokio::test]
async fn beyond_loopback_the_daemon_refuses_to_start_without_tokens() {
    let place = Place::new();
    // A documentation address: were the daemon to bind it, that would be another error.
    place.write("weir.yaml", "inventory: estate.yaml\nlisten: {http: '192.0.2.1:7080', grpc: '192.0.2.1:7081'}\n");
    let (code, _, said) = place.ends(&["run", "--config", "weir.yaml"]).await;
    assert_eq!(code, 1, "{said}");
    for (key, column) in [("http", 16), ("grpc", 40)] {
        let port = if key == "http" { HTTP } else { GRPC };
        let line = format!(
            "weir.yaml:2:{column}: `{key}` listens on 192.0.2.1:{port}, beyond this machine, and there are no `tokens`\n    \
             hint: give `tokens: [...]`, or listen on 127.0.0.1"
        );
        assert!(said.contains(&line), "{line}\nis not in\n{said}");
    }
}

#[tokio::test]
async fn tokens_guard_everything_but_what_is_public() {
    let place = Place::new();
    place.configure(&format!("tokens: [another-long-token, {TOKEN}]"));
    let _daemon = place.run_to_plan().await;
    for (method, path) in GUARDED {
        for shown in [None, Some("wrong-horse-battery"), Some("")] {
            let request = place.request(method.clone(), path);
            let request = shown.into_iter().fold(request, |request, token| request.bearer_auth(token));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path} with {shown:?}");
            assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Bearer");
        }
    }
    let with_token = async |method, path: &str, body: Vec<u8>| {
        place.request(method, path).bearer_auth(TOKEN).body(body).send().await.unwrap().status()
    };
    assert_eq!(with_token(Method::POST, "/api/v1/sql", b"SELECT 1".to_vec()).await, StatusCode::OK);
    assert_eq!(with_token(Method::GET, "/api/v1/sql?q=SELECT+1", Vec::new()).await, StatusCode::OK);
    let sample = body(vec![series("guarded", &[], &[(now_millis(), 1.0)])]);
    assert_eq!(with_token(Method::POST, "/api/v1/write", sample).await, StatusCode::NO_CONTENT);
    let drain = with_token(Method::POST, "/api/v1/nodes/edge-east/drain", Vec::new()).await;
    assert_eq!(drain, StatusCode::ACCEPTED);
    for path in ["/api/v1/events", "/api/v1/state", "/api/v1/estate", "/metrics"] {
        assert_eq!(with_token(Method::GET, path, Vec::new()).await, StatusCode::OK, "{path}");
    }
    let resolve = "/httpdns/resolve?host=www.acme.test&ip=10.1.0.1";
    for path in ["/healthz", "/readyz", "/health", "/ping?verbose=true", resolve] {
        let answer = place.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path} is public");
    }
    let asked = |token: &str| {
        let mut command = place.weir(&["sql", "--output", "csv", "SELECT value FROM guarded"]);
        command.env("WEIR_TOKEN", token).output().unwrap()
    };
    assert_eq!(String::from_utf8(asked(TOKEN).stdout).unwrap(), "value\n1.0\n");
    let refused = asked("wrong-horse-battery");
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("the daemon asks for a token: give --token or WEIR_TOKEN"), "{said}");
}

#[tokio::test]
async fn agents_show_a_token() {
    let place = Place::new();
    place.configure(&format!("tokens: [{TOKEN}]"));
    let _daemon = place.run().await;
    let agent = |name: &str, token: &str| {
        let Place { address, .. } = &place;
        let config = format!(
            "name: {name}\ndaemon: 'http://{address}:{GRPC}'\n{token}\nspool: spool-{name}\n\
             probes: [{{node: edge-east, kind: tcp, address: '{address}:{HTTP}', interval: 20ms}}]\n"
        );
        place.write(&format!("{name}.yaml"), config);
        place.start(place.weir(&["agent", "--config", &format!("{name}.yaml")]))
    };
    let stranger = agent("stranger", "");
    let refused = "a token is asked for: send `authorization: Bearer <token>`";
    until("the stranger is refused", async || stranger.said().contains(refused).then_some(())).await;
    let _friend = agent("friend", &format!("token: {TOKEN}"));
    let query = "SELECT DISTINCT vantage FROM node_health";
    let heard = async || {
        let asked = place.request(Method::POST, "/api/v1/sql").bearer_auth(TOKEN).header("accept", "text/csv");
        let answer = asked.body(query).send().await.unwrap();
        let is_answered = answer.status() == StatusCode::OK;
        // The table is there a moment before its first row.
        Some(answer.text().await.unwrap()).filter(|text| is_answered && text.lines().count() > 1)
    };
    assert_eq!(until("the friend is heard", heard).await, "vantage\nfriend\n");
}

#[tokio::test]
async fn strangers_names_and_origins_are_refused_on_loopback() {
    let place = Place::new();
    let _daemon = place.run().await;
    let ask = async |name, value: &str| {
        let request = place.request(Method::POST, "/api/v1/sql").header(name, value).body("SELECT 1");
        request.send().await.unwrap().status()
    };
    for (name, value) in [
        (header::HOST, "rebound.example"),
        (header::HOST, "rebound.example:7080"),
        (header::HOST, "127.0.0.1.rebound.example:7080"),
        (header::HOST, "localhost.rebound.example"),
        (header::ORIGIN, "http://rebound.example"),
        (header::ORIGIN, "https://rebound.example:7080"),
        (header::ORIGIN, "null"),
    ] {
        assert_eq!(ask(name.clone(), value).await, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    let own = place.url("");
    for (name, value) in [(header::HOST, "localhost:7080"), (header::HOST, "[::1]"), (header::ORIGIN, &own)] {
        assert_eq!(ask(name.clone(), value).await, StatusCode::OK, "{name}: {value}");
    }
}
