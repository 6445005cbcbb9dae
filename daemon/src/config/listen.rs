//! Where the daemon listens, with which certificate, and who may talk to it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use weir_model::yaml::{Fields, Spanned};

/// Addresses, certificates and tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listen {
    /// The API and the UI.
    pub(crate) http: SocketAddr,
    /// Agents and executors.
    pub(crate) grpc: SocketAddr,
    /// DNS.
    pub(crate) dns: SocketAddr,
    /// HTTP 302.
    pub(crate) redirect: SocketAddr,
    /// For HTTP and gRPC.
    pub(crate) tls: Option<Tls>,
    /// Any of these opens the API and gRPC; empty: no token is asked for.
    pub(crate) tokens: Vec<String>,
    /// Where people reach the API and the UI, when that is not where it listens.
    pub(crate) external_url: Option<String>,
}

/// Files of a certificate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tls {
    /// The chain, PEM.
    pub(crate) certificate: PathBuf,
    /// Its key, PEM.
    pub(crate) key: PathBuf,
    /// Agents must show a certificate of this authority, PEM.
    pub(crate) client_ca: Option<PathBuf>,
}

/// What a client shows and trusts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClientTls {
    /// The authority of the daemon's certificate, PEM; `None`: the host's.
    pub(crate) ca: Option<PathBuf>,
    /// This client's own certificate chain and key, PEM, when the daemon asks for one.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

impl ClientTls {
    /// Reads `{ca, certificate, key}` under `under`.
    pub(super) fn read(fields: &mut Fields<'_>, under: &'static str, folder: &Path) -> Option<Self> {
        let mut tls = fields.map(under)?;
        let mut path = |key| tls.optional::<String>(key).map(|text| folder.join(text));
        let (ca, certificate, key) = (path("ca"), path("certificate"), path("key"));
        if certificate.is_some() != key.is_some() {
            tls.reader().error(tls.mark(), "`certificate` and `key` belong together: give both");
        }
        tls.finish();
        Some(Self { ca, identity: certificate.zip(key) })
    }
}

/// Shortest token: 16 characters of base64 are 96 bits.
const TOKEN_LENGTH_MIN: usize = 16;

impl Listen {
    /// The URL that alerts lead to: as configured, else where the API listens.
    pub(crate) fn url(&self) -> String {
        if let Some(url) = &self.external_url {
            return url.clone();
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match self.http.ip().is_unspecified() {
            // Nobody is reached at 0.0.0.0.
            true => format!("{scheme}://{}:{}", rustix::system::uname().nodename().to_string_lossy(), self.http.port()),
            false => format!("{scheme}://{}", self.http),
        }
    }

    /// Reads `listen`, `tls`, `tokens` and `external_url`.
    pub(super) fn read(fields: &mut Fields<'_>, folder: &Path) -> Self {
        let mut addresses = Vec::new();
        let mut listen = fields.map("listen");
        let mut at = |key, default: &str| address(listen.as_mut(), key, default, &mut addresses);
        let (http, grpc) = (at("http", "127.0.0.1:7080"), at("grpc", "127.0.0.1:7081"));
        let (dns, redirect) = (at("dns", "127.0.0.1:7053"), at("redirect", "127.0.0.1:7082"));
        if let Some(listen) = listen {
            listen.finish();
        }
        let tls = fields.map("tls").and_then(|tls| Tls::read(tls, folder));
        let tokens: Vec<Spanned<String>> = fields.scalars("tokens");
        for token in tokens.iter().filter(|token| token.value.len() < TOKEN_LENGTH_MIN) {
            let message = format!("a token has at least {TOKEN_LENGTH_MIN} characters");
            fields.reader().error_with_hint(token.mark, message, "make one with `head -c 18 /dev/urandom | base64`");
        }
        // DNS, HTTPDNS and 302 are public by nature; the API and gRPC write and act.
        let guarded = addresses.iter().filter(|(key, _)| matches!(*key, "http" | "grpc"));
        for (key, address) in guarded.filter(|(_, address)| !address.value.ip().is_loopback()) {
            if tokens.is_empty() {
                let message =
                    format!("`{key}` listens on {}, beyond this machine, and there are no `tokens`", address.value);
                fields.reader().error_with_hint(address.mark, message, "give `tokens: [...]`, or listen on 127.0.0.1");
            }
        }
        let external_url = external_url(fields);
        let tokens = tokens.into_iter().map(|token| token.value).collect();
        Self { http, grpc, dns, redirect, tls, tokens, external_url }
    }
}

fn external_url(fields: &mut Fields<'_>) -> Option<String> {
    let written = fields.optional_spanned::<String>("external_url")?;
    let host = written.value.strip_prefix("https://").or_else(|| written.value.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        let message = format!("`external_url` is `{}`, which is no URL", written.value);
        fields.reader().error_with_hint(written.mark, message, "write it as https://weir.example.net");
    }
    Some(written.value.trim_end_matches('/').to_owned())
}

fn address(
    fields: Option<&mut Fields<'_>>,
    key: &'static str,
    default: &str,
    written: &mut Vec<(&'static str, Spanned<SocketAddr>)>,
) -> SocketAddr {
    let default = default.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
    let Some(fields) = fields else { return default };
    let Some(text) = fields.optional_spanned::<String>(key) else { return default };
    match text.value.parse() {
        Ok(address) => {
            written.push((key, Spanned { value: address, mark: text.mark }));
            address
        }
        Err(_) => {
            let message = format!("`{key}` is `{}`, which is not an address with a port", text.value);
            fields.reader().error_with_hint(text.mark, message, "write it as 127.0.0.1:7080 or [::1]:7080");
            default
        }
    }
}

impl Tls {
    fn read(mut fields: Fields<'_>, folder: &Path) -> Option<Self> {
        let certificate = fields.required::<String>("certificate");
        let key = fields.required::<String>("key");
        let client_ca = fields.optional::<String>("client_ca");
        fields.finish();
        let path = |text: String| folder.join(text);
        Some(Self { certificate: path(certificate?), key: path(key?), client_ca: client_ca.map(path) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_lead_to_where_people_reach_the_daemon() {
        let url = |http: &str, tls: bool, external_url: Option<&str>| {
            let at = http.parse().unwrap();
            let file = || PathBuf::from("x");
            let tls = tls.then(|| Tls { certificate: file(), key: file(), client_ca: None });
            let external_url = external_url.map(str::to_owned);
            Listen { http: at, grpc: at, dns: at, redirect: at, tls, tokens: Vec::new(), external_url }.url()
        };
        assert_eq!(url("192.0.2.1:7080", false, None), "http://192.0.2.1:7080");
        assert_eq!(url("[2001:db8::1]:7080", true, None), "https://[2001:db8::1]:7080");
        assert_eq!(url("0.0.0.0:7080", true, Some("https://weir.example.net")), "https://weir.example.net");
        let anywhere = url("0.0.0.0:7080", true, None);
        assert!(
            anywhere.starts_with("https://") && anywhere.ends_with(":7080") && !anywhere.contains("0.0.0.0"),
            "{anywhere}"
        );
    }
}
