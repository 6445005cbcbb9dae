//! Serving gRPC to agents and executors: TLS, agents' certificates, tokens.

use std::{fs, path::Path, sync::Arc};

use anyhow::Context;
use tokio::net::TcpListener;
use tonic::{
    Request, Status,
    service::interceptor::InterceptedService,
    transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming},
};
use weir_collector::{
    otlp,
    stream::{Telemetry, proto::telemetry_server::TelemetryServer},
};
use weir_dispatch::plans::{Board, proto::plans_server::PlansServer};

use crate::{
    api,
    config::{Listen, Tls},
};

/// The future that serves all services on `listener`.
pub(crate) fn serve(
    listener: TcpListener,
    listen: &Listen,
    plans: PlansServer<Board>,
    telemetry: TelemetryServer<Telemetry>,
    otlp: otlp::Receiver,
) -> anyhow::Result<impl Future<Output = ()> + Send + use<>> {
    let mut server = Server::builder();
    if let Some(tls) = &listen.tls {
        server = server.tls_config(tls_config(tls)?)?;
    }
    let tokens: Arc<[String]> = listen.tokens.clone().into();
    let admit = move |request| admit(&tokens, request);
    let serving = server
        .add_service(InterceptedService::new(plans, admit.clone()))
        .add_service(InterceptedService::new(telemetry, admit.clone()))
        .add_service(InterceptedService::new(otlp::MetricsService(otlp.clone()), admit.clone()))
        .add_service(InterceptedService::new(otlp::LogsService(otlp), admit))
        .serve_with_incoming(TcpIncoming::from(listener));
    Ok(async move {
        if let Err(error) = serving.await {
            tracing::error!(error = &error as &dyn std::error::Error, "gRPC ended");
        }
    })
}

/// The certificate that gRPC is served with, and who may ask.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn tls_config(tls: &Tls) -> anyhow::Result<ServerTlsConfig> {
    let read = |file: &Path| fs::read(file).with_context(|| format!("reading {}", file.display()));
    let identity = Identity::from_pem(read(&tls.certificate)?, read(&tls.key)?);
    let config = ServerTlsConfig::new().identity(identity);
    Ok(match &tls.client_ca {
        Some(authority) => config.client_ca_root(Certificate::from_pem(read(authority)?)),
        None => config,
    })
}

#[allow(clippy::result_large_err, reason = "tonic's interceptors return it")]
fn admit(tokens: &[String], request: Request<()>) -> Result<Request<()>, Status> {
    let shown = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
    if api::admits(tokens, shown) {
        Ok(request)
    } else {
        Err(Status::unauthenticated("a token is asked for: send `authorization: Bearer <token>`"))
    }
}
