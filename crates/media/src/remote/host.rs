//! The parent's side: starts a child, serves its reads, and ends it where it crashes, hangs or asks
//! for what is not its own.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reprise_model::bytes::stays_below;
use reprise_model::{ByteSource, Error, Kind, Result};

use super::signs::{Patience, Watch, cpu_time};
use super::wire::{
    self, Failure, FromChild, MAX_BLOB, MAX_BLOBS, MAX_BODY, MAX_QUESTION, MAX_QUESTIONS, MAX_READ,
    MAX_REQUEST, ToChild,
};
use crate::sandbox::Layers;

/// A child that has not shut itself in by then never will.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Nor one that takes no CPU time for so long.
const START_SILENT: Duration = Duration::from_secs(20);
/// A child that closed its socket is given so long to end.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How often a silent child is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Bytes read for the first time that count as getting on.
const STRIDE: u64 = 256 << 10;
/// Neighbours that may be open at once.
const MAX_OPEN: usize = 512;
/// What is kept of the child's standard error, bytes.
const LAST_WORDS: usize = 2048;

/// How a child is started.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file, an executable that ends up in [`super::serve`].
    pub path: PathBuf,
    /// What it is called with.
    pub arguments: Vec<String>,
}

/// What a child answered.
#[derive(Debug)]
pub struct Reply {
    /// The answer.
    pub body: Vec<u8>,
    /// Its files.
    pub blobs: Vec<Vec<u8>>,
    /// Whether the source failed on the way.
    pub source_failed: bool,
}

/// A child process that waits for work. It ends with this.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    socket: UnixStream,
    layers: Layers,
    last_words: Arc<Mutex<Vec<u8>>>,
}

/// Why a child is no good any more.
enum Broken {
    Gone,
    Hangs(Duration),
    Protocol(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Protocol(error.to_string()),
            _ => Self::Gone,
        }
    }
}

impl Child {
    /// Starts one and waits until it has shut itself in.
    ///
    /// # Errors
    /// `Unavailable` where no process can be started or it cannot shut itself in.
    pub fn start(program: &Program) -> Result<Self> {
        let unable = |error: io::Error| {
            Error::new(Kind::Unavailable, "a process for decoding cannot be started")
                .caused_by(error)
        };
        let (socket, theirs) = UnixStream::pair().map_err(unable)?;
        let mut command = Command::new(&program.path);
        command.arg0("reprise").args(&program.arguments).env_clear().current_dir("/");
        // Where the libraries lie is no secret, and without it they may not be found.
        if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", path);
        }
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(unable)?;
        // The command holds their end of the socket, whose close is how an end is seen.
        drop(command);
        let last_words = Arc::new(Mutex::new(Vec::new()));
        if let Some(stderr) = process.stderr.take() {
            let kept = Arc::clone(&last_words);
            std::thread::spawn(move || listen(stderr, &kept));
        }
        let mut child = Self { process, socket, layers: Layers::default(), last_words };
        let patience = Patience { whole: START_LIMIT, silent: START_SILENT };
        let mut deadline = Deadline::new(patience, child.process.id());
        let first =
            wire::receive::<FromChild>(&mut Timed { child: &child, deadline: &mut deadline });
        match first {
            Ok(Some(FromChild::Ready(layers))) => child.layers = layers,
            Ok(Some(FromChild::Unable(error))) => return Err(error),
            _ => {
                let status = child.end();
                let mut error = Error::new(
                    Kind::Unavailable,
                    format!("the process for decoding does not start ({})", status_words(status)),
                );
                if let Some(words) = child.last_words() {
                    error = error.caused_by(io::Error::other(words));
                }
                return Err(error);
            }
        }
        Ok(child)
    }

    /// What shuts it in.
    pub fn layers(&self) -> Layers {
        self.layers
    }

    /// Has a request done with the bytes of `source`. After an error the child is no good any more.
    ///
    /// A child that reads nothing new for `patience` hangs, and so does one that takes twice as much
    /// CPU time, or gives no sign. Every 256 KiB of the source that it reads for the first time start
    /// both anew; waiting for the source or for `advise`, which answers its questions, does not count.
    ///
    /// # Errors
    /// `Malformed` where the child crashes or breaks the protocol, `Stalled` where it hangs, `Limit`
    /// where it takes more memory or CPU time than it may. The errors of the work itself are in the answer.
    pub fn call(
        &mut self,
        request: &[u8],
        source: &Arc<dyn ByteSource>,
        patience: Patience,
        advise: &mut dyn FnMut(&[u8]) -> Vec<u8>,
    ) -> Result<Reply> {
        if request.len() > MAX_REQUEST {
            return Err(Error::new(Kind::Limit, "has too large an index").in_file(source.name()));
        }
        self.allow_cpu(patience.whole * 2);
        let mut service = Service {
            open: BTreeMap::from([(0, Opened { source: Arc::clone(source), reached: 0 })]),
            next: 1,
            fresh: 0,
            failed: false,
        };
        let message = ToChild::Request {
            body: request.len(),
            length: source.len(),
            name: source.name().to_owned(),
        };
        let mut deadline = Deadline::new(patience, self.process.id());
        let done = self
            .set_write_limit(patience.whole)
            .and_then(|()| wire::send(&mut &self.socket, &message, &[request]))
            .map_err(Broken::from)
            .and_then(|()| self.attend(&mut service, &mut deadline, advise));
        match done {
            Ok((body, blobs)) => Ok(Reply { body, blobs, source_failed: service.failed }),
            Err(broken) => Err(self.autopsy(broken).in_file(source.name())),
        }
    }

    /// Serves until the answer is there.
    fn attend(
        &mut self,
        service: &mut Service,
        deadline: &mut Deadline,
        advise: &mut dyn FnMut(&[u8]) -> Vec<u8>,
    ) -> std::result::Result<(Vec<u8>, Vec<Vec<u8>>), Broken> {
        let mut buffer = Vec::new();
        let mut questions = 0;
        loop {
            let mut input = Timed { child: self, deadline };
            let message = match wire::receive::<FromChild>(&mut input) {
                Ok(Some(message)) => message,
                Ok(None) => return Err(Broken::Gone),
                Err(error) if is_timeout(&error) => return Err(Broken::Hangs(deadline.hung)),
                Err(error) => return Err(error.into()),
            };
            let mut take = |count| {
                let mut input = Timed { child: self, deadline };
                wire::receive_bytes(&mut input, count).map_err(|error| {
                    let hung = input.deadline.hung;
                    if is_timeout(&error) { Broken::Hangs(hung) } else { error.into() }
                })
            };
            let question = match message {
                FromChild::Ask { body } if body > MAX_QUESTION || questions >= MAX_QUESTIONS => {
                    return Err(Broken::Protocol("it asks too much".to_owned()));
                }
                FromChild::Ask { body } => Some(take(body)?),
                _ => None,
            };
            let begun = Instant::now();
            let answer = match message {
                FromChild::Ask { .. } => {
                    questions += 1;
                    buffer = advise(&question.unwrap_or_default());
                    Some(ToChild::Advice { body: buffer.len() })
                }
                FromChild::Answer { body, blobs } => {
                    let fits = body <= MAX_BODY
                        && blobs.len() <= MAX_BLOBS
                        && blobs.iter().all(|&blob| blob <= MAX_BLOB);
                    if !fits {
                        return Err(Broken::Protocol("its answer is too long".to_owned()));
                    }
                    let body = take(body)?;
                    let blobs =
                        blobs.into_iter().map(take).collect::<std::result::Result<_, _>>()?;
                    return Ok((body, blobs));
                }
                FromChild::Ready(_) | FromChild::Unable(_) => {
                    return Err(Broken::Protocol("it says twice that it is ready".to_owned()));
                }
                other => service.answer(other, &mut buffer).map_err(Broken::Protocol)?,
            };
            deadline.until += begun.elapsed();
            deadline.watch.sign();
            if service.gets_on() {
                deadline.restart();
                self.allow_cpu(deadline.patience.whole * 2);
            }
            if let Some(answer) = answer {
                wire::send(&mut &self.socket, &answer, &[&buffer]).map_err(|error| {
                    if is_timeout(&error) {
                        Broken::Hangs(deadline.patience.whole)
                    } else {
                        error.into()
                    }
                })?;
            }
        }
    }

    /// More CPU time from here on. The hard limit stays, so it can be raised again.
    fn allow_cpu(&self, more: Duration) {
        let used = cpu_time(self.process.id()).unwrap_or_default();
        let soft = used.saturating_add(more).as_secs() + 1;
        let Ok(id) = i32::try_from(self.process.id()) else { return };
        // Without it the limit of time still holds.
        let _ = rlimit::prlimit(id, rlimit::Resource::CPU, Some((soft, rlimit::INFINITY)), None);
    }

    fn set_write_limit(&self, limit: Duration) -> io::Result<()> {
        self.socket.set_write_timeout(Some(limit.max(Duration::from_millis(1))))
    }

    /// What became of it, in words and as a kind.
    fn autopsy(&mut self, broken: Broken) -> Error {
        let (kind, what) = match broken {
            Broken::Hangs(patience) => (
                Kind::Stalled,
                format!(
                    "the decoder hangs: it did not get on for {} s, so it was ended",
                    patience.as_secs_f64()
                ),
            ),
            Broken::Protocol(what) => (
                Kind::Malformed,
                format!("the decoder does not keep to its protocol ({what}), so it was ended"),
            ),
            Broken::Gone => {
                let status = self.wait(END_LIMIT);
                let words = status_words(status);
                let starved =
                    self.last_words().is_some_and(|words| words.contains("memory allocation of"));
                match status.and_then(|status| status.signal()) {
                    Some(libc::SIGXCPU) => {
                        (Kind::Limit, "the decoder took more CPU time than it may".to_owned())
                    }
                    Some(libc::SIGKILL) => (
                        Kind::Limit,
                        "the decoder was killed from outside (SIGKILL), most likely because \
                         memory ran out"
                            .to_owned(),
                    ),
                    _ if starved => {
                        (Kind::Limit, "the decoder took more memory than it may".to_owned())
                    }
                    Some(_) => (Kind::Malformed, format!("the decoder crashed ({words}) on it")),
                    None => (Kind::Malformed, format!("the decoder ended by itself ({words})")),
                }
            }
        };
        self.end();
        Error::new(kind, what)
    }

    /// Its end, where it comes in time.
    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }

    fn end(&mut self) -> Option<ExitStatus> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Some(status);
        }
        // It may end by itself meanwhile.
        let _ = self.process.kill();
        self.process.wait().ok()
    }

    /// The end of its standard error, fit to be shown.
    fn last_words(&self) -> Option<String> {
        let kept = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let text: String = String::from_utf8_lossy(&kept)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(mut stderr: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0u8; 512];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let over = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..over);
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn status_words(status: Option<ExitStatus>) -> String {
    let Some(status) = status else { return "no exit status".to_owned() };
    match (status.signal(), status.code()) {
        (Some(libc::SIGSEGV), _) => "SIGSEGV".to_owned(),
        (Some(libc::SIGABRT), _) => "SIGABRT".to_owned(),
        (Some(libc::SIGBUS), _) => "SIGBUS".to_owned(),
        (Some(libc::SIGFPE), _) => "SIGFPE".to_owned(),
        (Some(libc::SIGILL), _) => "SIGILL".to_owned(),
        (Some(libc::SIGSYS), _) => "SIGSYS".to_owned(),
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "no exit status".to_owned(),
    }
}

struct Deadline {
    patience: Patience,
    until: Instant,
    watch: Watch,
    /// For how long it did not get on, where a read ended for that.
    hung: Duration,
}

impl Deadline {
    fn new(patience: Patience, process: u32) -> Self {
        let (until, hung) = (Instant::now() + patience.whole, patience.whole);
        Self { patience, until, watch: Watch::new(process, patience.silent), hung }
    }

    fn restart(&mut self) {
        self.until = Instant::now() + self.patience.whole;
    }
}

/// Reads the socket up to a point in time.
struct Timed<'a> {
    child: &'a Child,
    deadline: &'a mut Deadline,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let every = LOOK_EVERY.min(self.deadline.patience.silent / 4);
        loop {
            let left = self.deadline.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.deadline.hung = self.deadline.patience.whole;
                return Err(io::ErrorKind::TimedOut.into());
            }
            let slice = left.min(every).max(Duration::from_millis(1));
            self.child.socket.set_read_timeout(Some(slice))?;
            match (&self.child.socket).read(buffer) {
                Err(error) if is_timeout(&error) => {}
                read => return read,
            }
            if self.deadline.watch.is_still() {
                self.deadline.hung = self.deadline.patience.silent;
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

struct Opened {
    source: Arc<dyn ByteSource>,
    /// Where the furthest read ended.
    reached: u64,
}

/// Serves what a child asks for, and nothing that is not its own.
struct Service {
    open: BTreeMap<u32, Opened>,
    next: u32,
    fresh: u64,
    failed: bool,
}

impl Service {
    /// Whether enough was read for the first time since this was last asked.
    fn gets_on(&mut self) -> bool {
        let on = self.fresh >= STRIDE;
        if on {
            self.fresh = 0;
        }
        on
    }

    /// The answer and, in `bytes`, what follows it.
    fn answer(
        &mut self,
        message: FromChild,
        bytes: &mut Vec<u8>,
    ) -> std::result::Result<Option<ToChild>, String> {
        bytes.clear();
        let unknown = |handle: u32| format!("it reads {handle}, which was never opened");
        match message {
            FromChild::Read { handle, offset, length } => {
                let opened = self.open.get_mut(&handle).ok_or_else(|| unknown(handle))?;
                if length > MAX_READ {
                    return Err(format!("it wants {length} bytes at once"));
                }
                bytes.resize(length, 0);
                match opened.source.read_at(offset, bytes) {
                    Ok(count) => {
                        bytes.truncate(count);
                        let end = offset.saturating_add(count as u64);
                        self.fresh += end.saturating_sub(opened.reached.max(offset));
                        opened.reached = opened.reached.max(end);
                        Ok(Some(ToChild::Data { count }))
                    }
                    Err(error) => {
                        bytes.clear();
                        self.failed = true;
                        Ok(Some(ToChild::Failed(error.into())))
                    }
                }
            }
            FromChild::Beside { handle, name } => {
                let opened = self.open.get(&handle).ok_or_else(|| unknown(handle))?;
                // An honest child has refused such names itself.
                if !stays_below(&name) {
                    return Err("it wants a file that does not lie below".to_owned());
                }
                let found = if self.open.len() >= MAX_OPEN {
                    Err(io::Error::other("too many parts are open at once"))
                } else {
                    opened.source.beside(&name)
                };
                Ok(Some(match found {
                    Ok(source) => {
                        let handle = self.next;
                        self.next = handle.checked_add(1).ok_or("it opens without end")?;
                        let (length, name) = (source.len(), source.name().to_owned());
                        self.open.insert(handle, Opened { source, reached: 0 });
                        ToChild::Opened { handle, length, name }
                    }
                    Err(error) => {
                        self.failed = true;
                        ToChild::Failed(Failure::from(error))
                    }
                }))
            }
            FromChild::WillRead { handle, start, end } => {
                let opened = self.open.get(&handle).ok_or_else(|| unknown(handle))?;
                let length = opened.source.len();
                opened.source.will_read(start.min(length)..end.min(length).max(start.min(length)));
                Ok(None)
            }
            FromChild::Moved => Ok(None),
            FromChild::Close { handle } => {
                if handle == 0 || self.open.remove(&handle).is_none() {
                    return Err(unknown(handle));
                }
                Ok(None)
            }
            FromChild::Ready(_)
            | FromChild::Unable(_)
            | FromChild::Ask { .. }
            | FromChild::Answer { .. } => Err("it answers out of turn".to_owned()),
        }
    }
}
