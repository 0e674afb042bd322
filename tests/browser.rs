//! Clips and the report in a browser: Chromium plays, seeks and shows them without an error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reprise_tests::command::{Running, reprise};
use reprise_tests::session::{Session, short_clips};
use reprise_tests::{live, readback, results};
use serde_json::Value;

/// Plays a clip from its start, then seeks, and sends back what it saw.
const PLAYER: &str = include_str!("support/player.html");
/// Shows the report in a frame as wide as a phone, and sends back what its first video does.
const REPORT_PROBE: &str = include_str!("support/report_probe.html");
/// A browser that shows nothing for so long hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// Opens a page and gives the JSON that it sends back, and the console's lines. `page` is given the
/// address to send it to.
fn open(path: &Path, page: impl FnOnce(&str) -> String) -> (Value, String) {
    let found = Command::new("chromium")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(found.is_ok(), "chromium is not installed: apt-get install chromium (Debian package)");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/seen", listener.local_addr().unwrap());
    std::fs::write(path, page(&address)).unwrap();
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("chromium");
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--autoplay-policy=no-user-gesture-required",
            // The pages that look are files too.
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            // Without a way to steer it a headless browser ends once the page has loaded.
            "--remote-debugging-port=0",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", path.display()));
    let browser = Running::start(&mut command);
    let seen = posted(&listener);
    let output = browser.kill();
    let lines = output.stderr.lines().filter(|line| line.contains("CONSOLE"));
    let console = lines.collect::<Vec<_>>().join("\n");
    let seen = seen.unwrap_or_else(|| panic!("the page said nothing: {}", output.stderr));
    (seen, console)
}

/// The body of the first request that has one.
fn posted(listener: &TcpListener) -> Option<Value> {
    listener.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut reader = BufReader::new(&stream);
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        let whole = reader.read_exact(&mut body).is_ok();
        // The browser may be gone before it reads the answer.
        let _ = (&stream).write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        if whole && length > 0 {
            return Some(serde_json::from_slice(&body).unwrap());
        }
    }
    None
}

#[test]
fn clips_of_every_container_play_and_seek() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["live.flv", "live.ts", "live.mp4", "live-fragmented.mp4", "live.mkv"] {
        let recording = live::folder().join(name);
        let out = folder.path().join(name.replace('.', "-"));
        let arguments: [&Path; 6] = [
            "cut".as_ref(),
            &recording,
            "--window".as_ref(),
            "21.3-26.5".as_ref(),
            "--out".as_ref(),
            &out,
        ];
        reprise(arguments).expect(0);
        let mut clips = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        let clip = clips.find(|path| path.extension().is_some_and(|e| e == "mp4")).unwrap();
        // What plays here was put together of copied and of encoded pictures.
        let metadata = std::fs::read(clip.with_extension("json")).unwrap();
        let metadata: Value = serde_json::from_slice(&metadata).unwrap();
        let (copied, encoded) = (&metadata["cut"]["copied_s"], &metadata["cut"]["encoded_s"]);
        let mixed = [copied, encoded].iter().all(|part| part.as_f64().unwrap() > 0.0);
        assert!(mixed, "{name}: {}", metadata["cut"]);
        let page = out.join("player.html");
        let file = clip.file_name().unwrap().to_str().unwrap();
        let (seen, console) = open(&page, |to| PLAYER.replace("CLIP", file).replace("SEEN", to));
        assert_eq!(seen["error"], Value::Null, "{name}: {seen} {console}");
        let (width, height) = readback::size(&clip);
        assert_eq!(seen["width"].as_u64(), Some(width as u64), "{name}: {seen}");
        assert_eq!(seen["height"].as_u64(), Some(height as u64), "{name}: {seen}");
        let length = seen["duration"].as_f64().unwrap();
        assert!((length - 5.2).abs() < 0.05, "{name}: {length} s");
        let played = seen["played_to"].as_f64().unwrap();
        assert!(played > 0.3, "{name}: playback stood at {played} s");
        let seeks = seen["seeks"].as_array().unwrap();
        assert_eq!(seeks.len(), 4, "{name}: {seen}");
        for seek in seeks {
            let (wanted, got) = (seek["wanted"].as_f64().unwrap(), seek["got"].as_f64().unwrap());
            assert!((wanted - got).abs() < 0.05, "{name}: sought {wanted}, came to {got}");
            // The pictures of the fixture are never of one colour.
            assert!(seek["contrast"].as_f64().unwrap() > 20.0, "{name}: {seek}");
        }
    }
}

#[test]
fn the_report_opens_without_an_error_and_its_videos_load() {
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path());
    let run = results::run(&Session::new().manifest(), &["--settings", settings.to_str().unwrap()]);
    assert!(!run.clips().is_empty());
    let page = run.folder().join("probed.html");
    let (seen, console) = open(&page, |to| REPORT_PROBE.replace("SEEN", to));
    assert_eq!(console, "", "the console says something");
    assert_eq!(seen["error"], Value::Null, "{seen}");
    assert_eq!(seen["videos"].as_u64(), Some(run.clips().len() as u64), "{seen}");
    assert!(seen["ready_state"].as_u64().unwrap() >= 2, "{seen}");
    let clip = &run.clips()[0].1;
    assert_eq!(seen["width"].as_u64(), Some(u64::from(clip.width)), "{seen}");
    // A phone shows all of it without scrolling sideways.
    assert!(seen["overflow"].as_f64().unwrap() <= 1.0, "{seen}");
}
