//! One POST to an address of somebody else: bounded in time and bytes, no redirects, and not into
//! one's own network unless that is wanted.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;
use std::time::Duration;

use reprise_model::{Error, Kind, Result};
use ureq::config::Config;
use ureq::http::{Uri, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use url::{Host, Url};

use crate::source::http::failed;

/// What is read of an answer, bytes.
pub const ANSWER_MAX: usize = 4096;

/// Where something is posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostTo {
    /// `https`, or `http` on this very machine or where `insecure` allows it. Without user and
    /// password.
    pub address: String,
    /// Allow `http` to other machines. Default false.
    pub insecure: bool,
    /// Allow addresses of private and other special networks. Default false. `localhost` and
    /// addresses of the loopback network that are written out are allowed anyway.
    pub private: bool,
    /// How long all of it may take.
    pub timeout: Duration,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Status of HTTP.
    pub status: u16,
    /// `Retry-After`, where it is a number of seconds.
    pub retry_after: Option<Duration>,
    /// The first [`ANSWER_MAX`] bytes, as far as they came.
    pub body: String,
}

/// Looks at an address without asking it.
///
/// # Errors
/// [`Kind::Usage`] where nothing may be posted to it.
pub fn check_post(to: &PostTo) -> Result<()> {
    address(to).map(|_| ())
}

/// The address as messages may show it: paths and queries of such addresses are often secrets.
pub fn origin_of(address: &str) -> String {
    Url::parse(address).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// How something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// Posts `body`; see [`send`].
///
/// # Errors
/// As [`send`].
pub fn post(to: &PostTo, headers: &[(&str, &str)], body: &[u8]) -> Result<Posted> {
    send(Method::Post, to, headers, body)
}

/// Sends `body`. Every answer is one, also an error's. The machine's proxy is not used: who is
/// connected to is what was looked at.
///
/// # Errors
/// [`Kind::Usage`] for an address that may not be used, also by what its name stands for now;
/// [`Kind::TryAgain`] and [`Kind::Unavailable`] where there is no answer.
pub fn send(method: Method, to: &PostTo, headers: &[(&str, &str)], body: &[u8]) -> Result<Posted> {
    let url = address(to)?;
    let agent = agent(to.private);
    let request = match method {
        Method::Post => agent.post(url.as_str()),
        Method::Put => agent.put(url.as_str()),
    };
    let mut request = request
        .config()
        .timeout_global(Some(to.timeout))
        .build()
        .header(header::ACCEPT_ENCODING, "identity");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send(body).map_err(|error| match error {
        ureq::Error::Io(error) if is_refused(&error) => wrong(to, PRIVATE),
        other => Error::from(failed(other)).in_file(origin_of(&to.address)),
    })?;
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let status = response.status().as_u16();
    let mut answer = Vec::new();
    // The status has come; a body that breaks off or hangs takes nothing from it.
    let _ = response.into_body().into_reader().take(ANSWER_MAX as u64).read_to_end(&mut answer);
    Ok(Posted {
        status,
        retry_after: retry_after.map(Duration::from_secs),
        body: String::from_utf8_lossy(&answer).into_owned(),
    })
}

const PRIVATE: &str = "is an address of a private or special network: nothing is sent there unless \
                       its entry says `private = true`";

fn wrong(to: &PostTo, message: &str) -> Error {
    Error::new(Kind::Usage, message).in_file(origin_of(&to.address))
}

fn address(to: &PostTo) -> Result<Url> {
    let url = Url::parse(&to.address).ok().filter(|url| url.has_host());
    let Some(url) = url else { return Err(wrong(to, "is no https address")) };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(to, "holds a user or a password: leave them out"));
    }
    match url.scheme() {
        "https" => {}
        "http" if to.insecure || is_here(&url) => {}
        "http" => {
            let message = "is http, which anybody on the way can read: use https, or allow it with \
                           `insecure = true`";
            return Err(wrong(to, message));
        }
        _ => return Err(wrong(to, "is no https address")),
    }
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        _ => None,
    };
    if literal.is_some_and(|ip| !to.private && !is_here(&url) && is_special(ip)) {
        return Err(wrong(to, PRIVATE));
    }
    Ok(url)
}

/// Whether an address names this very machine in so many words.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether an address is none of a public machine (IANA's registries of special-purpose addresses).
fn is_special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_special_v4(ip),
        IpAddr::V6(ip) => is_special_v6(ip),
    }
}

fn is_special_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
}

fn is_special_v6(ip: Ipv6Addr) -> bool {
    let part = ip.segments();
    let embedded = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_special_v4(Ipv4Addr::new(a, b, c, d))
    };
    match part {
        // ::, ::1, IPv4 mapped and compatible
        [0, 0, 0, 0, 0, 0, _, _] => true,
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low),
        // NAT64 and 6to4 lead to an IPv4 address; NAT64 of one's own network and Teredo to any.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        [0x64, 0xff9b, ..] | [0x2001, 0, ..] | [0x2001, 0xdb8, ..] => true,
        // Beyond what is given out to the public: unique local, link-local, multicast, reserved.
        [first, ..] => first & 0xe000 != 0x2000,
    }
}

/// Looks names up as usual, and refuses what may not be connected to: the connection goes to the very
/// addresses that were looked at.
#[derive(Debug, Default)]
struct Checked {
    private: bool,
    names: DefaultResolver,
}

#[derive(Debug)]
struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(PRIVATE)
    }
}

impl std::error::Error for Refused {}

fn is_refused(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Refused>())
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let here = Url::parse(&uri.to_string()).is_ok_and(|url| is_here(&url));
        let fits =
            |ip: IpAddr| self.private || if here { ip.is_loopback() } else { !is_special(ip) };
        // One that is not allowed is reason enough: a name with both is a trap.
        if found.iter().all(|address| fits(address.ip())) {
            return Ok(found);
        }
        Err(ureq::Error::Io(std::io::Error::other(Refused)))
    }
}

/// Two pools of connections for the process, with and without private addresses.
fn agent(private: bool) -> &'static ureq::Agent {
    static AGENTS: [OnceLock<ureq::Agent>; 2] = [OnceLock::new(), OnceLock::new()];
    AGENTS[usize::from(private)].get_or_init(|| {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            // A server that forgets an idle connection would cost an attempt.
            .max_idle_connections(0)
            .user_agent(concat!("reprise/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        let names = Checked { private, names: DefaultResolver::default() };
        ureq::Agent::with_parts(config, DefaultConnector::default(), names)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn to(address: &str) -> PostTo {
        PostTo {
            address: address.to_owned(),
            insecure: false,
            private: false,
            timeout: Duration::from_secs(5),
        }
    }

    #[test]
    fn addresses_of_ones_own_network_are_refused() {
        for address in [
            "http://example.com/",
            "ftp://example.com/",
            "https://me:pw@example.com/",
            "nonsense",
            "https://10.1.2.3/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://0x0a010203/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://224.0.0.1/",
            "https://[::]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://[ff02::1]/",
        ] {
            let error = check_post(&to(address)).unwrap_err();
            assert_eq!(error.kind, Kind::Usage, "{address}");
            assert!(!error.to_string().contains("pw") && !error.to_string().contains("meta"));
        }
        for address in [
            "https://example.com/hook?x=1",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://[::ffff:8.8.8.8]/",
            "http://127.0.0.1:8080/",
            "http://localhost/",
            "http://[::1]:1/",
        ] {
            check_post(&to(address)).unwrap();
        }
        check_post(&PostTo { insecure: true, ..to("http://example.com/") }).unwrap();
        check_post(&PostTo { private: true, ..to("https://10.1.2.3/") }).unwrap();
    }

    #[test]
    fn what_a_name_stands_for_is_looked_at() {
        let answer = |private: bool, uri: &str| {
            let names = Checked { private, names: DefaultResolver::default() };
            let timeout = NextTimeout::default();
            names.resolve(&uri.parse().unwrap(), &Config::default(), timeout)
        };
        for uri in ["https://10.0.0.1:1/", "https://169.254.169.254/", "https://100.64.0.1:1/"] {
            let refused = answer(false, uri).unwrap_err();
            assert!(matches!(refused, ureq::Error::Io(error) if is_refused(&error)), "{uri}");
        }
        assert!(answer(true, "https://10.0.0.1:1/").is_ok());
        assert!(answer(false, "http://localhost:1/").is_ok());
    }
}
