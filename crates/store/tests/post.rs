//! What is posted arrives as it was said, is bounded, and goes nowhere it should not.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

use reprise_model::Kind;
use reprise_servers::{HookServer, Reply};
use reprise_store::{ANSWER_MAX, PostTo, post};

fn to(address: String) -> PostTo {
    PostTo { address, insecure: false, private: false, timeout: Duration::from_secs(10) }
}

#[test]
fn answers_come_whole_or_in_part_and_redirects_are_answers() {
    let server = HookServer::start();
    let send = |path: &str| post(&to(server.url(path)), &[("x-one", "1")], "ä".as_bytes());
    assert_eq!(send("/plain").unwrap().status, 204);
    let received = &server.received("/plain")[0];
    assert_eq!((received.body.as_str(), received.headers["x-one"].as_str()), ("ä", "1"));
    assert!(received.headers["user-agent"].starts_with("reprise/"));
    server.reply("/later", &[Reply::Later(503, 7)]);
    let later = send("/later").unwrap();
    assert_eq!((later.status, later.retry_after), (503, Some(Duration::from_secs(7))));
    assert_eq!(later.body, "so it is");
    server.reply("/moved", &[Reply::Redirect(server.url("/elsewhere"))]);
    assert_eq!(send("/moved").unwrap().status, 302);
    assert!(server.received("/elsewhere").is_empty());
}

#[test]
fn who_hangs_or_never_ends_holds_nobody_up() {
    let server = HookServer::start();
    server.reply("/hangs", &[Reply::Hang]);
    server.reply("/endless", &[Reply::Endless(200)]);
    let send = |path: &str| {
        let to = PostTo { timeout: Duration::from_secs(1), ..to(server.url(path)) };
        post(&to, &[], b"x")
    };
    let begun = Instant::now();
    assert_eq!(send("/hangs").unwrap_err().kind, Kind::TryAgain);
    let endless = send("/endless").unwrap();
    assert!(endless.status == 200 && endless.body.len() <= ANSWER_MAX, "{endless:?}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/secret-path", closed.local_addr().unwrap());
    drop(closed);
    let error = post(&to(address), &[], b"x").unwrap_err();
    assert!(error.kind == Kind::TryAgain && !error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_name_that_stands_for_ones_own_network_is_not_connected_to() {
    let server = HookServer::start();
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let url = server.url("/inside").replace("127.0.0.1", name.trim());
    let inside = PostTo { insecure: true, ..to(url) };
    let known = (name.trim(), 1).to_socket_addrs().is_ok();
    let refused = post(&inside, &[], b"x").unwrap_err();
    // Every machine's own name is of a private network here, or not known at all.
    let wanted = if known { Kind::Usage } else { Kind::Unavailable };
    assert_eq!(refused.kind, wanted, "{refused}");
    assert!(server.received("/inside").is_empty());
    let here = server.url("/here").replace("127.0.0.1", "localhost");
    assert_eq!(post(&to(here), &[], b"x").unwrap().status, 204);
}
