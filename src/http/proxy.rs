//! Which requests go through a proxy.
//!
//! In: the addresses of proxies and the hosts that need none, as the `*_PROXY` variables have them.
//! Out: for each URL, its proxy or none. Reads no environment itself.

use std::net::IpAddr;

use super::url::Parts;

/// The proxies of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http` URLs (`HTTP_PROXY`, else `ALL_PROXY`): `http://user:password@host:port`, `socks5h://…`.
    pub http: Option<String>,
    /// For `https` URLs (`HTTPS_PROXY`, else `ALL_PROXY`).
    pub https: Option<String>,
    /// Hosts that are reached directly (`NO_PROXY`): `example.com` (with its subdomains),
    /// `example.com:8080`, an IP address, a network such as `10.0.0.0/8`, `*` for all.
    pub none_for: Vec<String>,
}

impl Proxies {
    /// The hosts of a `NO_PROXY` variable.
    #[must_use]
    pub fn hosts(list: &str) -> Vec<String> {
        let hosts = list.split([',', ' ']).filter(|host| !host.is_empty());
        hosts.map(str::to_owned).collect()
    }

    /// The proxy through which `url` is reached, if there is one.
    pub(super) fn of(&self, url: &str) -> Option<&str> {
        let proxy = if is_secure(url) {
            &self.https
        } else {
            &self.http
        };
        proxy.as_deref().filter(|_| !self.is_direct(url))
    }

    /// Is `url` reached directly?
    fn is_direct(&self, url: &str) -> bool {
        if self.none_for.is_empty() {
            return false;
        }
        let parts = Parts::of(url);
        let (host, port) = (parts.host(), parts.port());
        self.none_for.iter().any(|entry| covers(entry, &host, port))
    }
}

/// Is it an `https` URL?
pub(super) fn is_secure(url: &str) -> bool {
    url.get(..6)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

fn covers(entry: &str, host: &str, port: Option<u16>) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return match entry.split_once('/') {
            Some((network, bits)) => in_network(address, network, bits),
            None => {
                entry.parse() == Ok(address) || entry.eq_ignore_ascii_case(&with_port(host, port))
            }
        };
    }
    let entry = entry.trim_start_matches('.').to_ascii_lowercase();
    let ends = |host: &str| {
        host.strip_suffix(&entry)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !entry.is_empty() && (ends(host) || ends(&with_port(host, port)))
}

fn with_port(host: &str, port: Option<u16>) -> String {
    format!("{host}:{}", port.unwrap_or(0))
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let rest = 32u32.saturating_sub(bits);
            u64::from(a.to_bits()) >> rest == u64::from(n.to_bits()) >> rest
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let rest = 128u32.saturating_sub(bits);
            rest == 128 || a.to_bits() >> rest == n.to_bits() >> rest
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_need_no_proxy() {
        let proxies = Proxies {
            none_for: Proxies::hosts("example.com, .local,10.0.0.0/8 127.0.0.1,h:8080,::1"),
            ..Proxies::default()
        };
        for (url, direct) in [
            ("https://example.com/a", true),
            ("https://api.EXAMPLE.com/", true),
            ("https://notexample.com/", false),
            ("http://db.local/", true),
            ("http://10.1.2.3/", true),
            ("http://11.1.2.3/", false),
            ("http://127.0.0.1:99/", true),
            ("http://h:8080/", true),
            ("http://h/", false),
            ("http://[::1]:8/", true),
        ] {
            assert_eq!(proxies.is_direct(url), direct, "{url}");
        }
        let all = Proxies {
            none_for: vec!["*".into()],
            ..Proxies::default()
        };
        assert!(all.is_direct("https://h/"));
    }
}
