//! Fifty sellers who click at once while two remixes render: how long page and API take to answer.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;
use crate::machine::Machine;

/// Sellers, each with a LIVE of the same content and a key of their own.
const SELLERS: usize = 50;
/// Pause between a seller's clicks.
const PAUSE: Duration = Duration::from_millis(500);
/// For how long they click.
const TIME: Duration = Duration::from_secs(30);

/// Measures and tells it as a page. `out` is the result of a run; its seller's folder is copied.
///
/// # Errors
/// Where a command fails.
pub fn measured(reprise: &Path, out: &Path, work: &Path) -> Result<String> {
    let machine = Machine::here(reprise)?;
    let all = work.join("shops");
    let shops = copied(out, &all)?;
    let keys = work.join("keys.toml");
    let mut sellers = Vec::new();
    for shop in &shops {
        let made = Command::new(reprise)
            .args(["keys", "add", &shop.seller, "--json", "--keys"])
            .arg(&keys)
            .stderr(Stdio::null())
            .output()?;
        let key: Value = serde_json::from_slice(&made.stdout)?;
        sellers.push((shop, key["key"].as_str().unwrap_or_default().to_owned()));
    }
    let served = Served::start(reprise, &all, &keys, work)?;
    let idle = clicks(&served.address, &sellers)?;
    let (shop, key) = sellers.first().ok_or("no sellers")?;
    let wish = json!({ "template": "bold-sale" }).to_string();
    let (rendering, rendered) = (AtomicBool::new(true), AtomicUsize::new(0));
    let busy = std::thread::scope(|scope| {
        for lane in 0..2 {
            let (address, rendering, wish) = (&served.address, &rendering, &wish);
            let rendered = &rendered;
            scope.spawn(move || {
                let mut number = 0;
                // The next one as soon as the last is done, so that two render all the time.
                while rendering.load(Ordering::Relaxed) {
                    number += 1;
                    let path = format!("/api/v1/sessions/{}/clips/{}/remixes", shop.session, shop.clip);
                    let more = format!(
                        "Idempotency-Key: bench-{lane}-{number}\r\nContent-Type: application/json\r\n"
                    );
                    let Ok((_, body)) = ask(address, "POST", &path, key, &more, wish) else { return };
                    let Ok(job) = serde_json::from_slice::<Value>(&body) else { return };
                    let job = job["job_id"].as_str().unwrap_or_default().to_owned();
                    loop {
                        let path = format!("/api/v1/jobs/{job}");
                        let told = ask(address, "GET", &path, key, "", "");
                        let told = told.ok().and_then(|(_, b)| serde_json::from_slice::<Value>(&b).ok());
                        let state = told.map(|job| job["state"].clone());
                        if state == Some(json!("done")) {
                            rendered.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        if !matches!(&state, Some(it) if *it == "waiting" || *it == "leased") {
                            return;
                        }
                        std::thread::sleep(Duration::from_millis(300));
                    }
                }
            });
        }
        // Until both are at it.
        std::thread::sleep(Duration::from_secs(3));
        let busy = clicks(&served.address, &sellers);
        rendering.store(false, Ordering::Relaxed);
        busy
    })?;
    page(&machine, &idle, &busy, rendered.into_inner())
}

struct Shop {
    seller: String,
    session: String,
    clip: String,
}

/// A folder a seller, each with the same session.
fn copied(out: &Path, all: &Path) -> Result<Vec<Shop>> {
    let folders = |path: &Path| -> Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(path)?.filter_map(std::result::Result::ok);
        let shown = |path: &PathBuf| {
            path.is_dir()
                && path
                    .file_name()
                    .is_some_and(|name| !name.to_string_lossy().starts_with(['.', '~']))
        };
        Ok(entries.map(|entry| entry.path()).filter(shown).collect())
    };
    let seller = folders(out)?.into_iter().next().ok_or("the result has no seller")?;
    let session = folders(&seller)?.into_iter().next().ok_or("the result has no session")?;
    let clips = folders(&session.join("clips"))?;
    let clip = clips.first().ok_or("the result has no clip")?;
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let (session_name, clip) = (name(&session).unwrap_or_default(), name(clip).unwrap_or_default());
    let mut shops = Vec::new();
    for number in 0..SELLERS {
        let seller = format!("shop-{number:02}");
        let to = all.join(&seller);
        std::fs::create_dir_all(&to)?;
        let done = Command::new("cp").arg("-r").arg(&session).arg(&to).status()?;
        if !done.success() {
            return Err("the session cannot be copied".into());
        }
        let json = to.join(&session_name).join("session.json");
        let mut outcome: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
        outcome["seller"] = json!(seller);
        std::fs::write(&json, outcome.to_string())?;
        shops.push(Shop { seller, session: session_name.clone(), clip: clip.clone() });
    }
    Ok(shops)
}

struct Served {
    process: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ =
            Command::new("pkill").args(["-KILL", "-P", &self.process.id().to_string()]).status();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start(reprise: &Path, out: &Path, keys: &Path, work: &Path) -> Result<Self> {
        let mut process = Command::new(reprise)
            .arg("serve")
            .arg("--out")
            .arg(out)
            .arg("--keys")
            .arg(keys)
            .args(["--queue", &format!("sqlite:{}", work.join("serve.db").display())])
            .args(["--listen", "127.0.0.1:0", "--slots", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let errors = process.stderr.take().ok_or("no standard error")?;
        let mut lines = BufReader::new(errors).lines().map_while(std::result::Result::ok);
        let address = lines.find_map(|line| {
            let at = line.find("http://")? + "http://".len();
            Some(line[at..].split('/').next()?.to_owned())
        });
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, address: address.ok_or("it did not say where it is")? })
    }
}

/// One request on a connection of its own, as a browser's first.
fn ask(
    address: &str,
    method: &str,
    path: &str,
    key: &str,
    more: &str,
    body: &str,
) -> Result<(Duration, Vec<u8>)> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let took = begun.elapsed();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no answer")?;
    let status = String::from_utf8_lossy(&answer[..head.min(12)]).into_owned();
    if !status.starts_with("HTTP/1.1 2") {
        return Err(format!("{method} {path}: {status}").into());
    }
    Ok((took, answer[head + 4..].to_vec()))
}

/// What a click asks for, and how long each answer took.
type Times = Vec<(&'static str, Vec<Duration>)>;

fn clicks(address: &str, sellers: &[(&Shop, String)]) -> Result<Times> {
    let until = Instant::now() + TIME;
    let all = std::thread::scope(|scope| {
        let started: Vec<_> = sellers
            .iter()
            .enumerate()
            .map(|(number, (shop, key))| {
                scope.spawn(move || -> std::result::Result<Vec<(usize, Duration)>, String> {
                    let session = format!("/api/v1/sessions/{}", shop.session);
                    let clip = format!("{session}/clips/{}", shop.clip);
                    let remixes = format!("{clip}/remixes");
                    let paths = [
                        "/",
                        "/app.js",
                        "/api/v1/sessions",
                        &session,
                        &clip,
                        &remixes,
                        "/api/v1/templates",
                        "/api/v1/plans",
                    ];
                    // They did not begin in the same instant.
                    std::thread::sleep(PAUSE * u32::try_from(number).unwrap_or(0) / 50);
                    let mut times = Vec::new();
                    let mut place = number;
                    while Instant::now() < until {
                        let kind = place % paths.len();
                        let (took, _) = ask(address, "GET", paths[kind], key, "", "")
                            .map_err(|error| error.to_string())?;
                        times.push((kind, took));
                        place += 1;
                        std::thread::sleep(PAUSE);
                    }
                    Ok(times)
                })
            })
            .collect();
        let ended = |seller: std::thread::ScopedJoinHandle<'_, _>| {
            seller.join().unwrap_or_else(|_| Err("a seller panicked".to_owned()))
        };
        started.into_iter().map(ended).collect::<std::result::Result<Vec<_>, String>>()
    })?;
    let names = [
        "the page",
        "a script of it",
        "LIVEs",
        "a LIVE",
        "a clip",
        "its remixes",
        "templates",
        "plans",
    ];
    let of = |kind: usize| {
        all.iter().flatten().filter(|(at, _)| *at == kind).map(|(_, took)| *took).collect()
    };
    Ok(names.into_iter().enumerate().map(|(kind, name)| (name, of(kind))).collect())
}

fn at(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let place = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
    times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

fn page(machine: &Machine, idle: &Times, busy: &Times, rendered: usize) -> Result<String> {
    let mut text = format!(
        "# Page and API under load\n\n`reprise-benches serve OUT` on {}, {} cores, {}: {SELLERS} sellers, each with a LIVE and a key of their own, click \
         every {} s (one request a connection) for {} s, first on an idle machine, then while two remixes render all the \
         time ({rendered} were finished). Milliseconds from connecting to the last byte.\n\n\
         | | requests | p50 idle | p99 idle | p50 rendering | p99 rendering | most |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        machine.cpu,
        machine.cores,
        machine.reprise,
        PAUSE.as_secs_f64(),
        TIME.as_secs()
    );
    let all = |times: &Times| {
        ("all", times.iter().flat_map(|(_, times)| times.clone()).collect::<Vec<_>>())
    };
    let rows = idle.iter().cloned().zip(busy.iter().cloned()).chain([(all(idle), all(busy))]);
    for ((name, mut idle), (_, mut busy)) in rows {
        writeln!(
            text,
            "| {name} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            idle.len() + busy.len(),
            at(&mut idle, 0.5),
            at(&mut idle, 0.99),
            at(&mut busy, 0.5),
            at(&mut busy, 0.99),
            at(&mut busy, 1.0)
        )?;
    }
    Ok(text)
}
