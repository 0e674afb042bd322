//! A remix in a process of its own, which shuts itself in before it reads the clip: its coded pictures
//! are those of a stranger's recording.
//!
//! The child gets the order (JSON, its length before it), then the clip's bytes, on standard input; it
//! answers with messages on standard output: one letter, a length (8 bytes, little-endian), a body.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use reprise_media::remote::Program;
use reprise_media::{Still, sandbox};
use reprise_model::bytes::MemorySource;
use reprise_model::{ByteSource, Error, Kind, MediaTime, Result};
use serde::{Deserialize, Serialize};

use crate::{Graph, Made, Order, Told, Way};

/// Largest clip, bytes.
const CLIP_MAX: u64 = 512 << 20;
/// Largest order, bytes: a clip's metadata and a brand's picture.
const ORDER_MAX: u64 = 64 << 20;
/// Largest message of a child, bytes.
const MESSAGE_MAX: u64 = 1 << 30;
/// How often a wait looks whether it was cancelled.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A child that tells nothing for so long hangs.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// Messages of a child.
mod message {
    /// How much is done: a number in JSON, 0 to 1.
    pub const PROGRESS: u8 = b'p';
    /// What is in the remix, JSON; its last message.
    pub const TOLD: u8 = b't';
    /// The MP4.
    pub const FILE: u8 = b'f';
    /// Width and height as JSON, a line end, then red, green, blue.
    pub const PICTURE: u8 = b'c';
    /// What went wrong, JSON.
    pub const FAILED: u8 = b'e';
}

/// What a child is asked for.
#[derive(Serialize, Deserialize)]
struct Asked {
    order: Order,
    /// Where the clip begins in what is sent, and times of a preview; none for the remix itself.
    preview: Option<(MediaTime, Vec<MediaTime>)>,
}

/// The life of a child: reads the order, plans it, shuts itself in, reads the clip, works, answers.
///
/// # Errors
/// Where standard input or output fails; what goes wrong with the remix is answered.
pub fn serve(memory_bytes: u64) -> Result<()> {
    let mut output = io::stdout().lock();
    let told = |error| Error::io("standard output", error);
    match work(memory_bytes, &mut output) {
        Ok(()) => Ok(()),
        Err(error) => {
            let body = serde_json::to_vec(&error).unwrap_or_default();
            send(&mut output, message::FAILED, &[&body]).map_err(told)
        }
    }
}

fn work(memory_bytes: u64, output: &mut impl Write) -> Result<()> {
    let read = |error| Error::io("standard input", error);
    let mut input = io::stdin().lock();
    let mut length = [0; 8];
    input.read_exact(&mut length).map_err(read)?;
    let length = u64::from_le_bytes(length);
    if length > ORDER_MAX {
        return Err(Error::new(Kind::Limit, "the order is larger than 64 MiB"));
    }
    let mut order = Vec::new();
    (&mut input).take(length).read_to_end(&mut order).map_err(read)?;
    let asked: Asked = serde_json::from_slice(&order)
        .map_err(|error| Error::new(Kind::Bug, "the order cannot be read").caused_by(error))?;
    let planned = asked.order.plan()?;
    let graph = match asked.preview {
        None => Some(Graph::new(&asked.order.coder)?),
        Some(_) => None,
    };
    sandbox::enter_with_threads(memory_bytes)?;
    let mut clip = Vec::new();
    (&mut input).take(CLIP_MAX + 1).read_to_end(&mut clip).map_err(read)?;
    if clip.len() as u64 > CLIP_MAX {
        return Err(Error::new(Kind::Limit, "the clip is larger than 512 MiB"));
    }
    let source: Arc<dyn ByteSource> = Arc::new(MemorySource::new("clip.mp4", clip));
    let sent = |error| Error::io("standard output", error);
    let Some(graph) = graph else {
        let (begins, at) = asked.preview.unwrap_or_default();
        for still in planned.preview(&source, begins, &at)? {
            send_picture(output, &still).map_err(sent)?;
        }
        return send(output, message::TOLD, &[b"null"]).map_err(sent);
    };
    let cancel = AtomicBool::new(false);
    let output = RefCell::new(output);
    let progress = |share: f64| {
        let body = share.to_string();
        // Whoever waits for it is gone: there is nobody to work for.
        if send(&mut **output.borrow_mut(), message::PROGRESS, &[body.as_bytes()]).is_err() {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let made = planned.make(source, graph, &Way { progress: &progress, cancel: &cancel })?;
    let mut output = output.into_inner();
    send(&mut output, message::FILE, &[&made.mp4]).map_err(sent)?;
    if let Some(cover) = &made.cover {
        send_picture(&mut output, cover).map_err(sent)?;
    }
    let told = serde_json::to_vec(&made.told)
        .map_err(|error| Error::new(Kind::Bug, "the answer cannot be written").caused_by(error))?;
    send(&mut output, message::TOLD, &[&told]).map_err(sent)
}

fn send(output: &mut impl Write, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    output.write_all(&[kind])?;
    output.write_all(&(length as u64).to_le_bytes())?;
    for part in parts {
        output.write_all(part)?;
    }
    output.flush()
}

fn send_picture(output: &mut impl Write, still: &Still) -> io::Result<()> {
    let size = format!("[{},{}]\n", still.width, still.height);
    send(output, message::PICTURE, &[size.as_bytes(), &still.rgb])
}

/// Starts children, one a remix.
#[derive(Clone, Debug)]
pub struct Remixer {
    /// The executable that ends up in [`serve`].
    pub program: Program,
}

/// What a child answered.
#[derive(Default)]
struct Answer {
    file: Vec<u8>,
    pictures: Vec<Still>,
    told: Vec<u8>,
}

impl Remixer {
    /// Makes a remix of a clip's bytes.
    ///
    /// # Errors
    /// As [`crate::Planned::make`]; `Bug` where the child crashes; `Stalled` where it tells nothing for
    /// a minute.
    pub fn make(&self, order: &Order, clip: Vec<u8>, way: &Way<'_>) -> Result<Made> {
        let mut answer = self.ask(order, None, clip, way)?;
        let told: Told =
            serde_json::from_slice(&answer.told).map_err(|error| broken().caused_by(error))?;
        let cover = answer.pictures.pop();
        Ok(Made { mp4: answer.file.into(), cover, told })
    }

    /// Pictures of a remix without making it; see [`crate::Planned::preview`].
    ///
    /// # Errors
    /// As [`Self::make`].
    pub fn preview(
        &self,
        order: &Order,
        clip: Vec<u8>,
        begins: MediaTime,
        at: &[MediaTime],
    ) -> Result<Vec<Still>> {
        let way = Way { progress: &|_| (), cancel: &AtomicBool::new(false) };
        Ok(self.ask(order, Some((begins, at.to_vec())), clip, &way)?.pictures)
    }

    fn ask(
        &self,
        order: &Order,
        preview: Option<(MediaTime, Vec<MediaTime>)>,
        clip: Vec<u8>,
        way: &Way<'_>,
    ) -> Result<Answer> {
        let asked = serde_json::to_vec(&Asked { order: order.clone(), preview })
            .map_err(|error| Error::new(Kind::Bug, "the order cannot be sent").caused_by(error))?;
        let mut child = Running::start(&self.program)?;
        let input = child.process.stdin.take();
        // Written beside: a child that ends early reads no further.
        let writer = std::thread::spawn(move || {
            let Some(mut input) = input else { return };
            let length = (asked.len() as u64).to_le_bytes();
            let _ = [&length[..], &asked, &clip].iter().try_for_each(|part| input.write_all(part));
        });
        let answer = child.listen(way);
        drop(child);
        let _ = writer.join();
        answer
    }
}

/// A child that runs; it is ended with this.
struct Running {
    process: Child,
    messages: Receiver<io::Result<(u8, Vec<u8>)>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Running {
    fn start(program: &Program) -> Result<Self> {
        let unable = |error: io::Error| {
            Error::new(Kind::Unavailable, "a process for remixing cannot be started")
                .caused_by(error)
        };
        let mut command = Command::new(&program.path);
        command.arg0("reprise").args(&program.arguments).env_clear().current_dir("/");
        // Where libraries, plugins and fonts lie is no secret.
        for name in [
            "LD_LIBRARY_PATH",
            "HOME",
            "XDG_CACHE_HOME",
            "FONTCONFIG_FILE",
            "FONTCONFIG_PATH",
            "GST_PLUGIN_PATH",
            "GST_REGISTRY",
            "RUST_BACKTRACE",
        ] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(unable)?;
        let output = process.stdout.take();
        let (sender, messages) = sync_channel(4);
        std::thread::spawn(move || {
            let Some(mut output) = output else { return };
            loop {
                let message = receive(&mut output);
                let is_last = !matches!(message, Ok((kind, _)) if kind != message::TOLD);
                if sender.send(message).is_err() || is_last {
                    return;
                }
            }
        });
        Ok(Self { process, messages })
    }

    fn listen(&mut self, way: &Way<'_>) -> Result<Answer> {
        let mut answer = Answer::default();
        let mut heard = Instant::now();
        loop {
            if way.cancel.load(Ordering::Relaxed) {
                return Err(Error::new(Kind::TryAgain, "the remix was cancelled"));
            }
            let (kind, body) = match self.messages.recv_timeout(LOOK_EVERY) {
                Ok(Ok(message)) => message,
                Err(RecvTimeoutError::Timeout) if heard.elapsed() < SILENT_MAX => continue,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Error::new(Kind::Stalled, "the remix does not get on"));
                }
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
            };
            heard = Instant::now();
            match kind {
                message::PROGRESS => {
                    let text = String::from_utf8_lossy(&body);
                    (way.progress)(text.parse::<f64>().unwrap_or(0.0).clamp(0.0, 1.0));
                }
                message::FILE => answer.file = body,
                message::PICTURE => answer.pictures.push(picture(body).ok_or_else(broken)?),
                message::TOLD => {
                    answer.told = body;
                    return Ok(answer);
                }
                message::FAILED => {
                    let error = serde_json::from_slice::<Error>(&body);
                    return Err(error.unwrap_or_else(|_| broken()));
                }
                _ => return Err(broken()),
            }
        }
    }

    /// Why a child has ended without an answer.
    fn ended(&mut self) -> Error {
        let status = self.process.wait();
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Error::new(Kind::Malformed, format!("the process that made the remix crashed ({how})"))
    }
}

fn receive(output: &mut ChildStdout) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    output.read_exact(&mut head)?;
    let mut length = [0; 8];
    length.copy_from_slice(&head[1..]);
    let length = u64::from_le_bytes(length);
    if length > MESSAGE_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = Vec::new();
    output.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((head[0], body))
}

fn picture(body: Vec<u8>) -> Option<Still> {
    let end = body.iter().position(|&byte| byte == b'\n')?;
    let (width, height): (usize, usize) = serde_json::from_slice(&body[..end]).ok()?;
    let rgb = body[end + 1..].to_vec();
    let whole = width.checked_mul(height)?.checked_mul(3)? == rgb.len();
    whole.then_some(Still { time: MediaTime::ZERO, width, height, rgb })
}

fn broken() -> Error {
    Error::new(Kind::Bug, "the process that makes remixes answers what cannot be understood")
}
