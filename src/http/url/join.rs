//! Taking URLs apart and putting them together.

use std::fmt;

/// A URL in five parts, as `urllib.parse.urlsplit` sees it. Prints itself as `urlunsplit`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// In lower case, without `:`; empty when there is none.
    pub scheme: String,
    /// `user:password@host:port`; empty when there is none.
    pub netloc: String,
    /// From the first `/`, encoded as it came.
    pub path: String,
    /// Without `?`; empty when there is none.
    pub query: String,
    /// Without `#`; empty when there is none.
    pub fragment: String,
}

impl Parts {
    /// Takes `url` apart; anything is a URL.
    #[must_use]
    pub fn of(url: &str) -> Self {
        Self::with_scheme(url, "")
    }

    fn with_scheme(url: &str, scheme: &str) -> Self {
        let url = url.trim_start_matches(|c: char| c <= ' ');
        let url = url.replace(['\t', '\r', '\n'], "");
        let mut parts = Self {
            scheme: scheme.to_owned(),
            ..Self::default()
        };
        let mut rest = url.as_str();
        if let Some((name, after)) = rest.split_once(':')
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        {
            parts.scheme = name.to_ascii_lowercase();
            rest = after;
        }
        if let Some(after) = rest.strip_prefix("//") {
            let end = after.find(['/', '?', '#']).unwrap_or(after.len());
            let (netloc, after) = after.split_at(end);
            netloc.clone_into(&mut parts.netloc);
            rest = after;
        }
        if let Some((before, fragment)) = rest.split_once('#') {
            fragment.clone_into(&mut parts.fragment);
            rest = before;
        }
        if let Some((before, query)) = rest.split_once('?') {
            query.clone_into(&mut parts.query);
            rest = before;
        }
        rest.clone_into(&mut parts.path);
        parts
    }

    /// The host without user and port, in lower case; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.host_and_port();
        let host = match host.strip_prefix('[') {
            Some(six) => six.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        host.to_ascii_lowercase()
    }

    /// The port, else the scheme's own (80, 443).
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        let host = self.host_and_port();
        let port = host.rsplit_once(':').map(|(_, port)| port);
        match port.filter(|port| !port.ends_with(']') && !port.is_empty()) {
            Some(port) => port.parse().ok(),
            None => match self.scheme.as_str() {
                "http" => Some(80),
                "https" => Some(443),
                _ => None,
            },
        }
    }

    fn host_and_port(&self) -> &str {
        self.netloc
            .rsplit_once('@')
            .map_or(self.netloc.as_str(), |(_, host)| host)
    }

    /// What parts of the path after `;` in its last segment.
    fn path_and_params(&self) -> (&str, &str) {
        let last = self.path.rfind('/').unwrap_or(0);
        let tail = self.path.get(last..).unwrap_or_default();
        match tail
            .find(';')
            .and_then(|at| self.path.split_at_checked(last + at))
        {
            Some((path, params)) => (path, params),
            None => (&self.path, ""),
        }
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.scheme.is_empty() {
            write!(f, "{}:", self.scheme)?;
        }
        let hierarchical = is_relative(&self.scheme) && !self.scheme.is_empty();
        if !self.netloc.is_empty() || (hierarchical && !self.path.starts_with("//")) {
            write!(f, "//{}", self.netloc)?;
            if !self.path.is_empty() && !self.path.starts_with('/') {
                f.write_str("/")?;
            }
        }
        f.write_str(&self.path)?;
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        if !self.fragment.is_empty() {
            write!(f, "#{}", self.fragment)?;
        }
        Ok(())
    }
}

/// Schemes that know relative URLs; Python lists a few more that no API has.
fn is_relative(scheme: &str) -> bool {
    matches!(scheme, "" | "http" | "https" | "ftp" | "sftp" | "file")
}

/// Resolves `url` against `base`, as `urllib.parse.urljoin`.
#[must_use]
pub fn urljoin(base: &str, url: &str) -> String {
    if base.is_empty() {
        return url.to_owned();
    }
    if url.is_empty() {
        return base.to_owned();
    }
    let from = Parts::of(base);
    let mut to = Parts::with_scheme(url, &from.scheme);
    if to.scheme != from.scheme || !is_relative(&to.scheme) {
        return url.to_owned();
    }
    if !to.netloc.is_empty() {
        return to.to_string();
    }
    to.netloc.clone_from(&from.netloc);
    if to.path.is_empty() {
        to.path.clone_from(&from.path);
        if to.query.is_empty() {
            to.query.clone_from(&from.query);
        }
        return to.to_string();
    }
    let (path, params) = to.path_and_params();
    let mut segments: Vec<&str> = if path.starts_with('/') {
        path.split('/').collect()
    } else {
        let mut all: Vec<&str> = from.path_and_params().0.split('/').collect();
        if all.last() != Some(&"") {
            all.pop();
        }
        all.extend(path.split('/'));
        // Empty segments would double the slashes where the two paths meet.
        let last = all.len() - 1;
        let kept = |&(at, segment): &(usize, &str)| at == 0 || at == last || !segment.is_empty();
        let all = all.into_iter().enumerate().filter(kept);
        all.map(|(_, segment)| segment).collect()
    };
    let mut resolved: Vec<&str> = Vec::with_capacity(segments.len());
    for segment in &segments {
        match *segment {
            ".." => {
                resolved.pop();
            }
            "." => {}
            segment => resolved.push(segment),
        }
    }
    if matches!(segments.pop(), Some("." | "..")) {
        resolved.push("");
    }
    let joined = resolved.join("/");
    to.path = if joined.is_empty() {
        format!("/{params}")
    } else {
        format!("{joined}{params}")
    };
    to.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_as_python() {
        // Answers of Python 3.11.
        for (base, url, joined) in [
            ("https://h/v1/", "items", "https://h/v1/items"),
            ("https://h/v1", "items", "https://h/items"),
            ("https://h/v1/", "/items", "https://h/items"),
            ("https://h/v1/", "https://o/x?y=1", "https://o/x?y=1"),
            ("https://h/v1/", "//o/x", "https://o/x"),
            ("https://h/v1/a?b=1", "?c=2", "https://h/v1/a?c=2"),
            ("https://h/v1/a?b=1", "#f", "https://h/v1/a?b=1#f"),
            ("https://h/v1/a/b", "../c/./d/..", "https://h/v1/c/"),
            ("https://h/a", "../../../b", "https://h/b"),
            ("https://h", "items", "https://h/items"),
            ("https://h//a//", "b//c", "https://h/a/b/c"),
            ("https://h/a;p?q", ";x", "https://h/;x"),
            ("https://h/a;p?q", "..;x", "https://h/;x"),
            ("https://h/v1/", "a:b", "a:b"),
            ("https://h/v1/", "items?", "https://h/v1/items"),
            ("https://h/v1/", "http:x", "http:x"),
            ("", "items", "items"),
            ("https://h/v1/", "", "https://h/v1/"),
        ] {
            assert_eq!(urljoin(base, url), joined, "{base} + {url}");
        }
    }

    #[test]
    fn hosts_and_ports() {
        let parts = Parts::of("HTTPS://u:p@Host.example:8443/a");
        assert_eq!(
            (parts.host().as_str(), parts.port()),
            ("host.example", Some(8443))
        );
        let parts = Parts::of("http://[::1]/a");
        assert_eq!((parts.host().as_str(), parts.port()), ("::1", Some(80)));
    }
}
