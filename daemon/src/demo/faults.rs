//! Faults: written as '<verb> <target> [<arg>] at <time>', or sent from a second terminal.

use std::{fmt, net::SocketAddr, process::ExitCode, str::FromStr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use axum::{Router, extract::State, http::StatusCode, routing::post};
use weir_model::time::{Written, parse_duration};

use super::run::Demo;

/// What is done to a target.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verb {
    /// SIGKILL its process.
    Kill,
    /// Start it again, without what was done to it.
    Restore,
    /// Answer so much later.
    Slow(Duration),
    /// Drop this part of its requests, 0 to 1.
    Loss(f64),
    /// Multiply the prices of a contract.
    Price(f64),
    /// Multiply the demand for a domain.
    Surge(f64),
}

/// A fault and when it comes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    /// What.
    pub(super) verb: Verb,
    /// To whom: a node, a contract or a domain.
    pub(super) target: String,
    /// From the start of traffic.
    pub(super) at: Duration,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verb {
            Verb::Kill => write!(f, "kill {}", self.target),
            Verb::Restore => write!(f, "restore {}", self.target),
            Verb::Slow(delay) => write!(f, "slow {} {}", self.target, Written(*delay)),
            Verb::Loss(part) => write!(f, "loss {} {}%", self.target, part * 100.0),
            Verb::Price(factor) => write!(f, "price {} x{factor}", self.target),
            Verb::Surge(factor) => write!(f, "surge {} x{factor}", self.target),
        }
    }
}

const FORM: &str = "write '<verb> <target> [<arg>] at <time>', e.g. 'kill edge-3 at 8s', 'slow mid-1 80ms at 5s', \
                    'loss edge-2 30% at 5s', 'price fra-transit x1.5 at 5s', 'surge www.aurora.test x3 at 5s'";

impl FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (words, at) = match words.as_slice() {
            [words @ .., "at", time] => {
                (words.to_vec(), parse_duration(time).with_context(|| format!("`{time}` is no time: {FORM}"))?)
            }
            _ => (words, Duration::ZERO),
        };
        let factor =
            |text: &str| text.trim_start_matches('x').parse::<f64>().ok().filter(|factor| (0.0..=1e6).contains(factor));
        let (verb, target) = match words.as_slice() {
            ["kill", target] => (Verb::Kill, target),
            ["restore", target] => (Verb::Restore, target),
            ["slow", target, delay] => {
                (Verb::Slow(parse_duration(delay).with_context(|| format!("`{delay}` is no delay: {FORM}"))?), target)
            }
            ["loss", target, part] => {
                let percent = part.strip_suffix('%').and_then(|part| part.parse::<f64>().ok());
                let percent = percent.filter(|part| (0.0..=100.0).contains(part));
                (Verb::Loss(percent.with_context(|| format!("`{part}` is no percentage: {FORM}"))? / 100.0), target)
            }
            ["price", target, by] => {
                (Verb::Price(factor(by).with_context(|| format!("`{by}` is no factor: {FORM}"))?), target)
            }
            ["surge", target, by] => {
                (Verb::Surge(factor(by).with_context(|| format!("`{by}` is no factor: {FORM}"))?), target)
            }
            _ => bail!("`{text}` is no fault: {FORM}"),
        };
        Ok(Self { verb, target: (*target).to_owned(), at })
    }
}

/// Sends a fault to the demo that listens at `http`.
pub(super) async fn send(http: SocketAddr, text: String) -> anyhow::Result<ExitCode> {
    let fault: Fault = text.parse()?;
    let url = format!("http://{http}/api/v1/demo/fault");
    let answer = reqwest::Client::new().post(url).body(fault.to_string()).send().await;
    let answer = answer.with_context(|| format!("no demo listens at {http}: start one with `weir demo`"))?;
    let status = answer.status();
    let text = answer.text().await?;
    if !status.is_success() {
        bail!("{}", text.trim());
    }
    #[allow(clippy::print_stdout, reason = "the command's result")]
    {
        println!("{}", text.trim());
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes faults from other terminals and the UI: `POST /api/v1/demo/fault`.
pub(super) fn router(demo: Arc<Demo>) -> Router {
    Router::new().route("/api/v1/demo/fault", post(receive)).with_state(demo)
}

async fn receive(State(demo): State<Arc<Demo>>, text: String) -> (StatusCode, String) {
    let injected = async {
        let fault: Fault = text.parse()?;
        demo.inject(&fault).await?;
        anyhow::Ok(format!("injected: {fault}\n"))
    };
    match injected.await {
        Ok(done) => (StatusCode::OK, done),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        for text in [
            "kill edge-3",
            "restore edge-3",
            "slow mid-1 80ms",
            "loss edge-2 30%",
            "price fra-transit x1.5",
            "surge www.aurora.test x3",
        ] {
            let fault: Fault = format!("{text} at 5s").parse().unwrap();
            assert_eq!((fault.to_string().as_str(), fault.at), (text, Duration::from_secs(5)));
        }
        for text in
            ["kill", "slow mid-1", "loss edge-2 300%", "kill edge-3 at noon", "price c 1e99", "smash edge-1 at 1s"]
        {
            let message = text.parse::<Fault>().unwrap_err().to_string();
            assert!(message.contains("write '<verb> <target>"), "{message}");
        }
    }
}
