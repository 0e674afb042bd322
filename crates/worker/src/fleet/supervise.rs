//! A job's child process: fed, listened to, and ended when it stalls or nobody wants it any more.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reprise_model::{Error, Result};
use reprise_queue::{Failure, Held, Progress, Queue, Token};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::child_log::{Tail, pass_on};
use super::metrics;

/// Longest line that a child may say, bytes; a result is at most 256 KiB.
const LINE_MAX: u64 = 1 << 20;
/// How long a child may take to end after its last word, and its log to be read.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Lines of a child that are kept until they are taken.
const LINES: usize = 64;

/// Where a process finds what its trace is a part of (OpenTelemetry: environment variables as carriers).
const TRACE_PARENT: &str = "TRACEPARENT";

/// What a child says, one line of JSON each.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// How far it is.
    Progress(Progress),
    /// May the results be made public now? It waits for an [`Answer`].
    MayCommit,
    /// It is done.
    Result(Value),
    /// It failed.
    Error {
        /// The exit code of its kind.
        code: u8,
        /// In words.
        message: String,
    },
}

/// What a child is told when it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The job is still this worker's.
    Go,
}

/// How a child ended.
pub(super) enum Ended {
    /// With a result.
    Done(Value),
    /// Without.
    Failed(Failure),
    /// The job is another's now, or nobody's.
    Dropped,
    /// It was not done when the worker had to stop.
    Drained,
}

/// What is started.
pub(super) struct Child<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [String],
    /// Its folder for temporary files.
    pub(super) folder: &'a Path,
    /// What it reads first.
    pub(super) body: String,
    pub(super) replay: String,
    /// What its own trace is a part of.
    pub(super) trace_parent: Option<String>,
}

/// Watches over one child.
pub struct Supervisor<'a> {
    pub(super) queue: &'a dyn Queue,
    pub(super) token: &'a Token,
    pub(super) lease: Duration,
    /// How often the queue is told how far it is, and asked whether somebody still wants it.
    pub(super) every: Duration,
    pub(super) stall: Duration,
    pub(super) drain: Duration,
    pub(super) stop: &'a AtomicBool,
    /// Called each time round.
    pub(super) look_up: &'a dyn Fn(),
    /// Called when the queue has answered.
    pub(super) answered: &'a dyn Fn(),
}

impl Supervisor<'_> {
    /// Runs a child to its end.
    pub(super) fn run(&self, child: &Child<'_>) -> Result<Ended> {
        let failed = |error| Error::io(child.program.display().to_string(), error);
        let mut command = Command::new(child.program);
        command.env_remove(TRACE_PARENT);
        if let Some(parent) = &child.trace_parent {
            command.env(TRACE_PARENT, parent);
        }
        let mut process = command
            .args(child.arguments)
            .env("TMPDIR", child.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the worker, which lets jobs go on; and what is ended is ended
            // with its own children.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let mut input = process.stdin.take();
        let tail = Arc::new(Mutex::new(Tail::default()));
        let (sender, said) = sync_channel(LINES);
        if let Some(output) = process.stdout.take() {
            std::thread::spawn(move || {
                let mut lines = BufReader::new(output);
                loop {
                    let mut line = String::new();
                    match (&mut lines).take(LINE_MAX).read_line(&mut line) {
                        Ok(1..) if sender.send(line).is_ok() => {}
                        _ => return,
                    }
                }
            });
        }
        let listener = process.stderr.take().map(|errors| {
            let (tail, span) = (Arc::clone(&tail), tracing::Span::current());
            std::thread::spawn(move || span.in_scope(|| pass_on(errors, &tail)))
        });
        if let Some(input) = &mut input {
            // A child that is gone says so below.
            let _ = input.write_all(child.body.as_bytes()).and_then(|()| input.flush());
        }
        let mut heard = self.listen(&said, &mut input);
        if matches!(heard, Heard::Stop) {
            // Its word to give back what it took.
            drop(input.take());
        }
        if matches!(heard, Heard::Closed(_) | Heard::Stop) {
            within(LAST_WORDS, || !matches!(process.try_wait(), Ok(None)));
        }
        if matches!(process.try_wait(), Ok(None)) {
            end(&mut process);
        }
        let status = process.wait().map_err(failed)?;
        // A child of the child may hold on to the output.
        within(LAST_WORDS, || listener.as_ref().is_none_or(JoinHandle::is_finished));
        let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = |error: String, retry: bool| {
            Ended::Failed(Failure {
                error,
                log_tail: tail.text(),
                replay: child.replay.clone(),
                retry,
            })
        };
        if let Heard::Closed(Some(Said::Result(_))) = &heard
            && !status.success()
        {
            heard = Heard::Closed(None);
        }
        Ok(match heard {
            Heard::Closed(Some(Said::Result(result))) => Ended::Done(result),
            Heard::Closed(Some(Said::Error { code, message })) => {
                failure(message, !matches!(code, 64..=66))
            }
            Heard::Closed(_) => {
                failure(format!("its process ended without a word: {status}"), true)
            }
            Heard::Stalled => {
                failure(format!("no progress for {} s: it was ended", self.stall.as_secs()), true)
            }
            Heard::Lost => Ended::Dropped,
            Heard::Stop => Ended::Drained,
        })
    }

    fn listen(&self, said: &Receiver<String>, input: &mut Option<ChildStdin>) -> Heard {
        let every = self.every;
        let mut progress = Progress::default();
        let mut last = None;
        let mut moved = Instant::now();
        let mut told = Instant::now();
        let mut stopping: Option<Instant> = None;
        let mut ask = false;
        let mut stage_began = Instant::now();
        loop {
            let line = said.recv_timeout(Duration::from_millis(50).min(every));
            (self.look_up)();
            match line {
                Ok(line) => match serde_json::from_str::<Said>(&line) {
                    Ok(Said::Progress(newer)) => {
                        if newer != progress {
                            moved = Instant::now();
                        }
                        if newer.stage != progress.stage {
                            metrics::stage(&progress.stage, stage_began.elapsed());
                            stage_began = Instant::now();
                        }
                        progress = newer;
                    }
                    Ok(Said::MayCommit) => ask = true,
                    Ok(end) => last = Some(end),
                    // A library that writes on standard output is no reason to fail.
                    Err(_) => {}
                },
                Err(RecvTimeoutError::Disconnected) => return Heard::Closed(last),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if ask || told.elapsed() >= every {
                let answer = self.queue.heartbeat(self.token, self.lease, &progress);
                metrics::heartbeat(&answer);
                match answer {
                    Ok(Held::Ours) => {
                        (self.answered)();
                        told = Instant::now();
                        if std::mem::take(&mut ask)
                            && let Some(input) = input
                        {
                            let _ = input.write_all(b"\"go\"\n").and_then(|()| input.flush());
                        }
                    }
                    Ok(Held::Lost | Held::Cancelled) => return Heard::Lost,
                    // Without an answer nothing is known: after the lease the job is another's.
                    Err(_) if told.elapsed() >= self.lease => return Heard::Lost,
                    Err(error) => {
                        tracing::warn!("the queue: {error}; asking again");
                        std::thread::sleep(Duration::from_millis(200).min(every));
                    }
                }
            }
            if moved.elapsed() >= self.stall {
                metrics::stalled();
                return Heard::Stalled;
            }
            if self.stop.load(Ordering::Relaxed) {
                let since = *stopping.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.drain {
                    return Heard::Stop;
                }
            }
        }
    }
}

/// Kills a child with its children.
fn end(process: &mut std::process::Child) {
    let group = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = process.kill();
}

/// Waits until it is so, or `time` has passed.
fn within(time: Duration, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + time;
    while !is_so() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Why listening ended.
enum Heard {
    /// The child closed its output, with this as the last word.
    Closed(Option<Said>),
    Stalled,
    Lost,
    Stop,
}
