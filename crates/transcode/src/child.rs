//! What a decoding child is asked and answers: the work on media, one message each way.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use reprise_checks::{
    Adviser, Evidence, EvidenceCollector, GrayPicture, LookFor, Policy, SaidRule, SoundEvidence,
    TextLine, Transcript,
};
use reprise_media::remote::{Misbehaviour, Parent, misbehave, wire};
use reprise_media::sandbox::{Attempt, prove};
use reprise_media::{
    EncodeSettings, Media, WindowOptions, look, probe, release_memory, remote, scan,
};
use reprise_model::{ByteSource, Error, Kind, MediaTime, Result, Span};
use serde::{Deserialize, Serialize};

use crate::outline::Outline;
use crate::trim::{Avoid, TrimSettings, Wanted};
use crate::window::{
    CutClip, Decoded, Verify, WindowOutcome, WindowRequest, decode_clip, empty, picture_at,
    run_window,
};

/// What a child is asked for, besides the bytes.
#[derive(Clone, Copy, Serialize)]
pub(crate) enum Request<'a> {
    /// [`probe`].
    Probe,
    /// [`scan`].
    Scan,
    /// [`run_window`].
    Window(&'a WindowRequest<'a>),
    /// [`decode_clip`].
    DecodeClip { look_for: &'a LookFor },
    /// [`evidence_of`].
    Look { media: &'a Media, span: Span, look_for: &'a LookFor },
    /// [`picture_at`].
    Picture { media: &'a Media, at: MediaTime, outlines: &'a [Outline] },
    /// [`prove`].
    Prove { address: &'a str },
    /// [`misbehave`].
    Misbehave(Misbehaviour),
}

/// [`Request`] as it arrives: the same names.
#[derive(Deserialize)]
enum Asked {
    Probe,
    Scan,
    Window(Box<AskedWindow>),
    DecodeClip { look_for: Box<LookFor> },
    Look { media: Box<Media>, span: Span, look_for: Box<LookFor> },
    Picture { media: Box<Media>, at: MediaTime, outlines: Vec<Outline> },
    Prove { address: String },
    Misbehave(Misbehaviour),
}

/// [`WindowRequest`] as it arrives: the same names, or the request is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedWindow {
    media: Media,
    moment: Span,
    exact: bool,
    avoid: Vec<Avoid>,
    wanted: Wanted,
    look_for: LookFor,
    policy: Policy,
    trim: TrimSettings,
    encode: EncodeSettings,
    verify: Verify,
}

/// What a child answers; its files go beside it.
#[derive(Serialize, Deserialize)]
pub(crate) enum Answer {
    /// A recording.
    Media(Box<Media>),
    /// A window; the files are the clip, its edge pictures of these names, its cover.
    Window { outcome: Box<WindowOutcome>, pictures: Vec<String>, cover: bool },
    /// A file that was decoded whole.
    Decoded(Box<Decoded>),
    /// A stretch that was looked at.
    Evidence(Box<Evidence>),
    /// A picture; the one file.
    Picture,
    /// What was tried.
    Proof(Vec<Attempt>),
}

/// Files beside an answer.
type Files = Vec<Vec<u8>>;

/// Decodes a stretch of a recording and says what it shows.
///
/// # Errors
/// As [`look`].
pub(crate) fn evidence_of(
    source: Arc<dyn ByteSource>,
    media: &Media,
    span: Span,
    look_for: &LookFor,
    adviser: &dyn Adviser,
) -> Result<Evidence> {
    let mut collector = EvidenceCollector::new(look_for);
    let options = WindowOptions { span, size: None, threads: 1 };
    look(source, media, &options, &mut collector)?;
    collector.finish(adviser)
}

/// The life of a decoding child: shuts itself in and works until its parent is gone. `may_misbehave`
/// lets tests of the parent make it crash, hang and lie.
///
/// # Errors
/// As [`remote::serve`].
pub fn serve_child(memory_bytes: u64, may_misbehave: bool) -> Result<()> {
    remote::serve(memory_bytes, move |request, source, parent| {
        let adviser = RemoteAdviser(parent);
        let done =
            catch_unwind(AssertUnwindSafe(|| work(request, source, &adviser, may_misbehave)));
        release_memory();
        let done = done.unwrap_or_else(|_| {
            Err(Error::new(Kind::Bug, "decoding panicked; this is a defect of Reprise"))
        });
        let (answer, files) = match done {
            Ok((answer, files)) => (Ok(answer), files),
            Err(error) => (Err(error), Files::new()),
        };
        match wire::encode(&answer) {
            Ok(body) => (body, files),
            Err(error) => {
                (wire::encode(&Err::<Answer, _>(error)).unwrap_or_default(), Files::new())
            }
        }
    })
}

fn work(
    request: &[u8],
    source: Arc<dyn ByteSource>,
    adviser: &dyn Adviser,
    may_misbehave: bool,
) -> Result<(Answer, Files)> {
    let plain = |answer| Ok((answer, Files::new()));
    match wire::decode::<Asked>(request)? {
        Asked::Probe => plain(Answer::Media(Box::new(probe(source)?))),
        Asked::Scan => plain(Answer::Media(Box::new(scan(source)?))),
        Asked::Window(window) => {
            let request = WindowRequest {
                media: &window.media,
                moment: window.moment,
                exact: window.exact,
                avoid: &window.avoid,
                wanted: &window.wanted,
                look_for: &window.look_for,
                policy: &window.policy,
                trim: &window.trim,
                encode: &window.encode,
                verify: window.verify,
            };
            Ok(Answer::of_window(run_window(source, &request, adviser)?))
        }
        Asked::DecodeClip { look_for } => {
            plain(Answer::Decoded(Box::new(decode_clip(source, &look_for, adviser)?)))
        }
        Asked::Look { media, span, look_for } => {
            let seen = evidence_of(source, &media, span, &look_for, adviser)?;
            plain(Answer::Evidence(Box::new(seen)))
        }
        Asked::Picture { media, at, outlines } => {
            Ok((Answer::Picture, vec![picture_at(source, &media, at, &outlines)?]))
        }
        Asked::Prove { address } => plain(Answer::Proof(prove(&address))),
        Asked::Misbehave(how) if may_misbehave => Err(misbehave(how, &source)),
        Asked::Misbehave(_) => Err(Error::new(Kind::Usage, "this child behaves")),
    }
}

/// What a child asks its parent.
#[derive(Serialize, Deserialize)]
enum Question<'a> {
    Transcribe(Cow<'a, SoundEvidence>),
    Said(Cow<'a, Transcript>),
    ReadText(Cow<'a, [GrayPicture]>),
}

/// What the parent answers.
#[derive(Serialize, Deserialize)]
enum Advice {
    Transcript(Option<Transcript>),
    Said(Vec<SaidRule>),
    Text(Option<Vec<Vec<TextLine>>>),
}

/// The parent as an adviser.
struct RemoteAdviser<'a>(&'a Parent);

impl RemoteAdviser<'_> {
    fn ask(&self, question: &Question<'_>) -> Result<Advice> {
        wire::decode::<Result<Advice>>(&self.0.ask(&wire::encode(question)?)?)?
    }
}

impl Adviser for RemoteAdviser<'_> {
    fn transcribe(&self, sound: &SoundEvidence) -> Result<Option<Transcript>> {
        match self.ask(&Question::Transcribe(Cow::Borrowed(sound)))? {
            Advice::Transcript(found) => Ok(found),
            _ => Err(something_else()),
        }
    }

    fn said(&self, transcript: &Transcript) -> Result<Vec<SaidRule>> {
        match self.ask(&Question::Said(Cow::Borrowed(transcript)))? {
            Advice::Said(found) => Ok(found),
            _ => Err(something_else()),
        }
    }

    fn read_text(&self, pictures: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>> {
        match self.ask(&Question::ReadText(Cow::Borrowed(pictures)))? {
            Advice::Text(found) => Ok(found),
            _ => Err(something_else()),
        }
    }
}

fn something_else() -> Error {
    Error::new(Kind::Bug, "the parent answers something else than it was asked")
}

/// Answers a child's question on the parent's side. The child is not trusted: what does not hold
/// together is refused before a model sees it.
pub(crate) fn advise(question: &[u8], adviser: &dyn Adviser) -> Vec<u8> {
    let answer = wire::decode::<Question<'_>>(question).and_then(|question| match question {
        Question::Transcribe(sound) if !sound.holds_together() => {
            Err(Error::new(Kind::Malformed, "the child asks about sound that is none"))
        }
        Question::Transcribe(sound) => adviser.transcribe(&sound).map(Advice::Transcript),
        Question::Said(transcript) => adviser.said(&transcript).map(Advice::Said),
        Question::ReadText(pictures) if !pictures.iter().all(GrayPicture::holds_together) => {
            Err(Error::new(Kind::Malformed, "the child asks about a picture that is none"))
        }
        Question::ReadText(pictures) => adviser.read_text(&pictures).map(Advice::Text),
    });
    wire::encode(&answer).unwrap_or_default()
}

impl Answer {
    fn of_window(mut outcome: WindowOutcome) -> (Self, Files) {
        let mut files = Files::new();
        let (mut pictures, mut cover) = (Vec::new(), false);
        if let WindowOutcome::Clip(clip) = &mut outcome {
            files.push(clip.mp4.to_vec());
            clip.mp4 = empty();
            for (name, picture) in clip.edge_pictures.drain(..) {
                pictures.push(name);
                files.push(picture);
            }
            cover = clip.cover.is_some();
            files.extend(clip.cover.take());
        }
        (Self::Window { outcome: Box::new(outcome), pictures, cover }, files)
    }

    /// A window's outcome with its files; `None` where it is none.
    pub(crate) fn into_window(self, files: Files) -> Option<WindowOutcome> {
        let Self::Window { mut outcome, pictures, cover } = self else { return None };
        if let WindowOutcome::Clip(clip) = outcome.as_mut() {
            let clip: &mut CutClip = clip;
            let mut files = files.into_iter();
            clip.mp4 = files.next()?.into();
            for name in pictures {
                // Names become files, so only those that are made here are taken.
                if !["first.jpg", "last.jpg"].contains(&name.as_str()) {
                    return None;
                }
                clip.edge_pictures.push((name, files.next()?));
            }
            if cover {
                clip.cover = Some(files.next()?);
            }
        }
        Some(*outcome)
    }
}
