//! The child's side: shuts itself in, reads its source through the parent, answers.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reprise_model::bytes::stays_below;
use reprise_model::{ByteSource, Error, Kind, Result};

use super::wire::{self, FromChild, MAX_QUESTION, MAX_READ, MAX_REQUEST, ToChild};
use crate::sandbox;

/// Bytes fetched at once where small pieces are read one after the other: a question to the parent
/// costs about 20 us, a tenth of what a demuxer needs for so many bytes.
const AHEAD: usize = 256 << 10;
/// Ranges that were announced and are remembered.
const ANNOUNCED: usize = 256;

/// Shuts this process in and does what the parent asks, through standard input, until the parent is
/// gone. `work` gets the request, its source and the parent to ask for advice, and gives the answer
/// and its files.
///
/// # Errors
/// `Usage` where standard input is no socket of a parent's. What cannot be set up is told to the
/// parent.
pub fn serve(
    memory_bytes: u64,
    mut work: impl FnMut(&[u8], Arc<dyn ByteSource>, &Parent) -> (Vec<u8>, Vec<Vec<u8>>)
    + Send
    + 'static,
) -> Result<()> {
    crate::ffi::process::close_other_files();
    let lost = |error| Error::io("the parent", error);
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(lost)?;
    let mut input = UnixStream::from(socket);
    let mut output = input.try_clone().map_err(lost)?;
    if input.local_addr().is_err() {
        return Err(Error::new(Kind::Usage, "is started by `reprise` itself, not by hand"));
    }
    crate::ffi::initialise();
    let layers = match sandbox::enter(memory_bytes) {
        Ok(layers) => layers,
        Err(error) => {
            let told = wire::send(&mut output, &FromChild::Unable(error), &[]);
            return told.map_err(lost);
        }
    };
    wire::send(&mut output, &FromChild::Ready(layers), &[]).map_err(lost)?;
    let (send, answers) = sync_channel(1);
    let link = Arc::new(Link {
        line: Mutex::new(Line { output, answers }),
        broken: AtomicBool::new(false),
    });
    let told = Arc::clone(&link);
    // A parent that is gone shows at the next read.
    super::signs::tell_by(Arc::new(move || drop(told.tell(&FromChild::Moved))));
    let busy = Arc::new(AtomicBool::new(false));
    let (requests, wanted) = sync_channel::<Job>(1);
    let (worker_busy, worker_link) = (Arc::clone(&busy), Arc::clone(&link));
    std::thread::Builder::new()
        .name("work".to_owned())
        .stack_size(8 << 20)
        .spawn(move || {
            while let Ok(job) = wanted.recv() {
                let source = RemoteSource::new(&worker_link, 0, job.length, job.name);
                let parent = Parent { link: Arc::clone(&worker_link) };
                let (body, blobs) = work(&job.body, source, &parent);
                worker_busy.store(false, Ordering::SeqCst);
                if worker_link.answer(&body, &blobs).is_err() {
                    return;
                }
            }
        })
        .map_err(|error| Error::io("a thread", error))?;
    // This thread does nothing but read, so the end of the parent is seen whatever the worker does.
    let ended = receive(&mut input, &send, &requests, &busy);
    if busy.load(Ordering::SeqCst) {
        std::process::abort();
    }
    ended.map_err(lost)
}

struct Job {
    body: Vec<u8>,
    length: u64,
    name: String,
}

fn receive(
    input: &mut UnixStream,
    answers: &SyncSender<(ToChild, Vec<u8>)>,
    requests: &SyncSender<Job>,
    busy: &AtomicBool,
) -> io::Result<()> {
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut input = BufferedInput { socket: input, buffer: vec![0; 64 << 10], start: 0, end: 0 };
    while let Some(message) = wire::receive::<ToChild>(&mut input)? {
        match message {
            ToChild::Request { body, length, name } => {
                if body > MAX_REQUEST {
                    return Err(io::Error::from(io::ErrorKind::InvalidData));
                }
                let body = wire::receive_bytes(&mut input, body)?;
                busy.store(true, Ordering::SeqCst);
                requests.send(Job { body, length, name }).map_err(|_| gone())?;
            }
            ToChild::Data { count } => {
                let bytes = wire::receive_bytes(&mut input, count.min(MAX_READ))?;
                answers.send((ToChild::Data { count }, bytes)).map_err(|_| gone())?;
            }
            ToChild::Advice { body } => {
                let bytes = wire::receive_bytes(&mut input, body.min(MAX_QUESTION))?;
                answers.send((ToChild::Advice { body }, bytes)).map_err(|_| gone())?;
            }
            other => answers.send((other, Vec::new())).map_err(|_| gone())?,
        }
    }
    Ok(())
}

/// A message and its bytes come in one call of the system where they are short.
struct BufferedInput<'a> {
    socket: &'a mut UnixStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Read for BufferedInput<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            if out.len() >= self.buffer.len() {
                return self.socket.read(out);
            }
            self.start = 0;
            self.end = 0;
            self.end = self.socket.read(&mut self.buffer)?;
        }
        let count = out.len().min(self.end - self.start);
        out[..count].copy_from_slice(&self.buffer[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }
}

/// The way to the parent, shared by all sources.
struct Link {
    line: Mutex<Line>,
    broken: AtomicBool,
}

struct Line {
    output: UnixStream,
    answers: Receiver<(ToChild, Vec<u8>)>,
}

impl Link {
    fn line(&self) -> MutexGuard<'_, Line> {
        // A panic in between leaves the line out of step; `broken` says so.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, message: &FromChild) -> io::Result<()> {
        wire::send(&mut self.line().output, message, &[])
    }

    fn ask(&self, message: &FromChild, bytes: &[&[u8]]) -> io::Result<(ToChild, Vec<u8>)> {
        let mut line = self.line();
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.broken.store(true, Ordering::SeqCst);
        wire::send(&mut line.output, message, bytes)?;
        let answer = line.answers.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
        self.broken.store(false, Ordering::SeqCst);
        match answer {
            (ToChild::Failed(failure), _) => Err(failure.into()),
            answer => Ok(answer),
        }
    }

    fn answer(&self, body: &[u8], blobs: &[Vec<u8>]) -> io::Result<()> {
        let message =
            FromChild::Answer { body: body.len(), blobs: blobs.iter().map(Vec::len).collect() };
        let bytes: Vec<&[u8]> =
            std::iter::once(body).chain(blobs.iter().map(Vec::as_slice)).collect();
        wire::send(&mut self.line().output, &message, &bytes)
    }
}

/// The parent, for what needs a model or files.
pub struct Parent {
    link: Arc<Link>,
}

impl Parent {
    /// Puts a question and waits for the answer, however long it takes.
    ///
    /// # Errors
    /// `Limit` where the question is too long, `Io` where the parent is gone or out of step.
    pub fn ask(&self, question: &[u8]) -> Result<Vec<u8>> {
        if question.len() > MAX_QUESTION {
            return Err(Error::new(Kind::Limit, "a question to the parent is too long"));
        }
        let lost = |error| Error::io("the parent", error);
        match self.link.ask(&FromChild::Ask { body: question.len() }, &[question]).map_err(lost)? {
            (ToChild::Advice { .. }, bytes) => Ok(bytes),
            _ => Err(lost(io::ErrorKind::InvalidData.into())),
        }
    }
}

/// A source that the parent reads.
struct RemoteSource {
    link: Arc<Link>,
    handle: u32,
    length: u64,
    name: String,
    ahead: Mutex<Ahead>,
}

#[derive(Default)]
struct Ahead {
    start: u64,
    bytes: Vec<u8>,
    /// Where the last read ended.
    next: u64,
    /// Ranges that will be read in order; nothing beyond them is fetched.
    announced: VecDeque<Range<u64>>,
}

impl RemoteSource {
    fn new(link: &Arc<Link>, handle: u32, length: u64, name: String) -> Arc<Self> {
        let (link, ahead) = (Arc::clone(link), Mutex::default());
        Arc::new(Self { link, handle, length, name, ahead })
    }

    fn fetch(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let question = FromChild::Read { handle: self.handle, offset, length };
        match self.link.ask(&question, &[])? {
            (ToChild::Data { .. }, bytes) => Ok(bytes),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl ByteSource for RemoteSource {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left).min(MAX_READ);
        if wanted == 0 {
            return Ok(0);
        }
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let held = offset
            .checked_sub(ahead.start)
            .and_then(|skip| ahead.bytes.get(usize::try_from(skip).ok()?..))
            .filter(|held| !held.is_empty());
        if let Some(held) = held {
            let count = wanted.min(held.len());
            buffer[..count].copy_from_slice(&held[..count]);
            ahead.next = offset + count as u64;
            return Ok(count);
        }
        let mut length = wanted;
        if offset == ahead.next {
            let bound = ahead.announced.iter().find(|range| range.contains(&offset));
            let most = bound.map_or(left, |range| {
                usize::try_from(range.end - offset).unwrap_or(usize::MAX).min(left)
            });
            length = wanted.max(AHEAD.min(most));
        }
        let bytes = self.fetch(offset, length)?;
        let count = wanted.min(bytes.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        ahead.next = offset + count as u64;
        if bytes.len() > count {
            ahead.start = offset;
            ahead.bytes = bytes;
        }
        Ok(count)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn will_read(&self, range: Range<u64>) {
        let Range { start, end } = range;
        // It only advises; a parent that is gone shows at the next read.
        let _ = self.link.tell(&FromChild::WillRead { handle: self.handle, start, end });
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.announced.truncate(ANNOUNCED - 1);
        ahead.announced.push_front(start..end);
    }

    fn beside(&self, relative: &str) -> io::Result<Arc<dyn ByteSource>> {
        if !stays_below(relative) {
            let why = "names something that does not lie below";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let question = FromChild::Beside { handle: self.handle, name: relative.to_owned() };
        match self.link.ask(&question, &[])? {
            (ToChild::Opened { handle, length, name }, _) => {
                let opened = Self::new(&self.link, handle, length, name);
                Ok(opened)
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Drop for RemoteSource {
    fn drop(&mut self) {
        // Handle 0 lives as long as its request.
        if self.handle > 0 {
            let _ = self.link.tell(&FromChild::Close { handle: self.handle });
        }
    }
}

/// What a child that was taken over, or that holds a defect, might do; for tests of the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misbehaviour {
    /// A bad memory access.
    Crash,
    /// A failed assertion of a C library.
    Abort,
    /// Ends as if all were well.
    Leave,
    /// Computes for ever.
    Spin,
    /// Waits for ever.
    Sleep,
    /// Reads the same bytes for ever.
    Reread,
    /// Takes memory without end.
    Eat,
    /// Writes what is no message.
    Babble,
    /// Announces more than any answer may hold.
    Boast,
    /// Asks for a file outside.
    Trespass,
    /// Reads what was never opened.
    Guess,
    /// Says that writing failed, which would end a whole run.
    Lie,
}

/// Does it. Only `Lie` returns: the error to answer with.
pub fn misbehave(how: Misbehaviour, source: &Arc<dyn ByteSource>) -> Error {
    let mut buffer = [0u8; 16];
    let raw = || io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    match how {
        Misbehaviour::Crash => crate::ffi::process::crash(),
        Misbehaviour::Abort => std::process::abort(),
        Misbehaviour::Leave => std::process::exit(0),
        Misbehaviour::Spin => loop {
            std::hint::spin_loop();
        },
        Misbehaviour::Sleep => loop {
            std::thread::sleep(std::time::Duration::from_secs(60));
        },
        Misbehaviour::Reread => loop {
            let _ = source.read_at(source.len() / 2, &mut buffer);
            let _ = source.read_at(0, &mut buffer);
        },
        Misbehaviour::Eat => {
            let mut eaten: Vec<Vec<u8>> = Vec::new();
            loop {
                eaten.push(vec![1; 16 << 20]);
            }
        }
        Misbehaviour::Babble => {
            let _ = raw().and_then(|mut socket| socket.write_all(&[7; 100]));
        }
        Misbehaviour::Boast => {
            let boast = FromChild::Answer { body: usize::MAX / 2, blobs: Vec::new() };
            let _ = raw().and_then(|mut socket| wire::send(&mut socket, &boast, &[]));
        }
        Misbehaviour::Trespass => {
            let name = "../../../../../../etc/passwd".to_owned();
            let wish = FromChild::Beside { handle: 0, name };
            let _ = raw().and_then(|mut socket| wire::send(&mut socket, &wish, &[]));
        }
        Misbehaviour::Guess => {
            let guess = FromChild::Read { handle: 4_000, offset: 0, length: 10 };
            let _ = raw().and_then(|mut socket| wire::send(&mut socket, &guess, &[]));
        }
        Misbehaviour::Lie => {}
    }
    Error::new(Kind::Io, "no space is left on the disk")
}
