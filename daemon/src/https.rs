//! Serving HTTP, with TLS where a certificate is given.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use tokio::net::TcpListener;

use crate::config::Tls;

/// The future that serves `router` on `listener`.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Option<&Tls>,
    router: Router,
) -> anyhow::Result<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let Some(tls) = tls.cloned() else {
        return Ok(Box::pin(async move { drop(axum::serve(listener, service).await) }));
    };
    let listener = listener.into_std()?;
    Ok(Box::pin(async move {
        let serving = async {
            let config = RustlsConfig::from_pem_file(&tls.certificate, &tls.key).await;
            let config = config.with_context(|| format!("reading {}", tls.certificate.display()))?;
            axum_server::from_tcp_rustls(listener, config)?.serve(service).await?;
            anyhow::Ok(())
        };
        if let Err(error) = serving.await {
            tracing::error!(error = &*error, "HTTPS ended");
        }
    }))
}
