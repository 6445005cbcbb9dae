//! `/etc/resolv.conf`: whom the host asks (resolv.conf(5)). Pure.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Servers that the C library asks: more are passed over.
const SERVERS_MAX: usize = 3;
/// Domains that it searches.
const SEARCH_MAX: usize = 6;

/// Whom to ask, and under which domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResolvConf {
    pub(super) servers: Vec<SocketAddr>,
    search: Vec<String>,
    /// A name with as many dots is asked for as it is first.
    dots: usize,
}

impl ResolvConf {
    /// What is not understood is passed over, as the C library does. Without a server there is the host's own.
    pub(super) fn parse(text: &str) -> Self {
        let mut conf = Self { servers: Vec::new(), search: Vec::new(), dots: 1 };
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(server)),
                Some("domain" | "search") => {
                    conf.search = words.take(SEARCH_MAX).map(str::to_owned).collect();
                }
                Some("options") => {
                    let dots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()).next_back();
                    conf.dots = dots.unwrap_or(conf.dots);
                }
                _ => {}
            }
        }
        conf.servers.truncate(SERVERS_MAX);
        if conf.servers.is_empty() {
            conf.servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)));
        }
        conf
    }

    /// What to ask for when `name` is wanted, in order, all with their root.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let as_it_is = format!("{name}.");
        let searched = self.search.iter().map(|domain| format!("{name}.{}.", domain.trim_end_matches('.')));
        match name.matches('.').count() >= self.dots {
            true => std::iter::once(as_it_is).chain(searched).collect(),
            false => searched.chain(std::iter::once(as_it_is.clone())).collect(),
        }
    }
}

/// An address, perhaps with a link's name (`fe80::1%eth0`), which is one we cannot reach without it.
fn server(text: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, 53))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn servers_domains_and_dots_are_read() {
        let conf = ResolvConf::parse(
            "# written by hand\nnameserver 10.0.0.53\nnameserver 2001:db8::53 ; second\nnameserver x\n\
             search a.example b.example.\noptions timeout:1 ndots:2 rotate\n",
        );
        assert_eq!(conf.servers, ["10.0.0.53:53".parse().unwrap(), "[2001:db8::53]:53".parse().unwrap()]);
        assert_eq!(conf.names("db"), ["db.a.example.", "db.b.example.", "db."]);
        assert_eq!(conf.names("_p._tcp.db"), ["_p._tcp.db.", "_p._tcp.db.a.example.", "_p._tcp.db.b.example."]);
        assert_eq!(conf.names("db.example."), ["db.example."]);
        assert_eq!(ResolvConf::parse("").servers, ["127.0.0.1:53".parse().unwrap()]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "((nameserver|search|options|domain|ndots:)? ?\\PC{0,20}\n){0,6}", name in "\\PC{0,30}") {
            ResolvConf::parse(&text).names(&name);
        }
    }
}
