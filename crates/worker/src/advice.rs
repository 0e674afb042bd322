//! Who is asked for words and for text in pictures: models that are loaded once a job, and transcripts
//! that came with a recording.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reprise_checks::said::{ListenFor, SaidKind, listen_for};
use reprise_checks::{
    Adviser, GrayPicture, Listener, ListenerOptions, LookFor, NamedPicture, Origin, Phrases,
    SaidRule, SoundEvidence, TextLine, TextReader, Transcript, check_product_model,
};
use reprise_ingest::{Location, is_picture};
use reprise_model::session::Product;
use reprise_model::{Error, Kind, Result, RuleId};

/// Models and readers of this machine, loaded once and shared by all windows.
#[derive(Clone, Default)]
pub struct Advice {
    /// Names what is there; part of every key that depends on it.
    pub digest: String,
    listener: Option<Arc<Listener>>,
    pub(crate) reader: Option<Arc<TextReader>>,
    face_model: Vec<u8>,
    face_cascade: String,
    product_model: Vec<u8>,
    logos: Vec<NamedPicture>,
}

/// Face cascades, the better first: `opencv-data` installs them.
const CASCADES: [&str; 2] = [
    "/usr/share/opencv4/lbpcascades/lbpcascade_frontalface.xml",
    "/usr/share/opencv4/haarcascades/haarcascade_frontalface_default.xml",
];
/// Largest model of faces or products that is read, bytes.
const PICTURE_MODEL_MAX: u64 = 64 << 20;

impl Advice {
    /// Loads what lies in a folder of models: a Whisper model (the largest `ggml-*.bin`), a Silero
    /// model of voice activity, a YuNet model of faces, an embedding model of products (`*embedding*.onnx`, see
    /// [`LookFor::product_model`]), and in its folder `logos` pictures of logos that no clip may show.
    /// What is not there is done without.
    ///
    /// # Errors
    /// `Malformed` where a model is damaged or does not fit, `Limit` where one of products is too large, `Io` where it cannot be read.
    pub fn open(models: Option<&Path>) -> Result<Self> {
        let mut files = match models {
            Some(folder) if folder.is_dir() => model_files(folder)?,
            _ => Vec::new(),
        };
        files.sort_by(|a, b| b.length.cmp(&a.length).then(a.name.cmp(&b.name)));
        let named = |wanted: &dyn Fn(&str) -> bool| files.iter().find(|file| wanted(&file.name));
        let silero = named(&|name| name.contains("silero") && name.ends_with(".bin"));
        let whisper = named(&|name| {
            name.contains("ggml-") && name.ends_with(".bin") && !name.contains("silero")
        });
        let faces = named(&|name| name.contains("yunet") && name.ends_with(".onnx"));
        let products = named(&|name| name.contains("embedding") && name.ends_with(".onnx"));
        let listener = Listener::new(&ListenerOptions {
            whisper: whisper.map(|file| file.path.clone()),
            voice_activity: silero.map(|file| file.path.clone()),
            ..ListenerOptions::default()
        })?;
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| Error::io(path.display().to_string(), error))
        };
        let face_model = match faces {
            Some(file) if file.length <= PICTURE_MODEL_MAX => read(&file.path)?,
            _ => Vec::new(),
        };
        let product_model = match products {
            Some(file) if file.length > PICTURE_MODEL_MAX => {
                let words = format!("has more than {PICTURE_MODEL_MAX} bytes for a model");
                return Err(Error::new(Kind::Limit, words).in_file(file.path.display().to_string()));
            }
            Some(file) => {
                let bytes = read(&file.path)?;
                check_product_model(&bytes)
                    .map_err(|error| error.in_file(file.path.display().to_string()))?;
                bytes
            }
            None => Vec::new(),
        };
        let cascade = CASCADES.iter().map(Path::new).find(|path| path.is_file());
        let face_cascade = match cascade {
            Some(path) if face_model.is_empty() => {
                String::from_utf8_lossy(&read(path)?).into_owned()
            }
            _ => String::new(),
        };
        let reader = TextReader::open().map(Arc::new);
        let mut hasher = blake3::Hasher::new();
        hasher.update(reader.as_ref().map_or("", |reader| reader.languages()).as_bytes());
        let used: Vec<&ModelFile> =
            [whisper, silero, faces, products].into_iter().flatten().collect();
        for file in &used {
            hasher.update(file.name.as_bytes()).update(&file.length.to_le_bytes());
        }
        // Two trainings of one network are files of one length.
        hasher.update(face_cascade.as_bytes()).update(&product_model);
        let logos = match models.map(|folder| folder.join("logos")) {
            Some(folder) if folder.is_dir() => logos(&folder)?,
            _ => Vec::new(),
        };
        for logo in &logos {
            hasher.update(logo.name.as_bytes()).update(&logo.picture.pixels);
        }
        Ok(Self {
            digest: hasher.finalize().to_hex().to_string(),
            listener: Some(Arc::new(listener)),
            reader,
            face_model,
            face_cascade,
            product_model,
            logos,
        })
    }

    /// Whether words can be heard.
    pub fn hears_words(&self) -> bool {
        self.listener.as_ref().is_some_and(|listener| listener.hears_words())
    }

    /// Whether faces can be searched for.
    pub fn sees_faces(&self) -> bool {
        !self.face_model.is_empty() || !self.face_cascade.is_empty()
    }

    /// Whether products with hardly any local features can be searched for.
    pub fn sees_plain_products(&self) -> bool {
        !self.product_model.is_empty()
    }

    /// The languages in which text in pictures can be read; `None` where it cannot.
    pub fn reads_text(&self) -> Option<&str> {
        self.reader.as_ref().map(|reader| reader.languages())
    }

    /// What is searched for, with what this machine has to search with.
    pub fn completed(&self, look_for: LookFor) -> LookFor {
        LookFor {
            face_model: self.face_model.clone(),
            face_cascade: self.face_cascade.clone(),
            product_model: self.product_model.clone(),
            foreign: self.logos.clone(),
            ..look_for
        }
    }
}

/// The pictures in a folder, by name.
fn logos(folder: &Path) -> Result<Vec<NamedPicture>> {
    let mut files = model_files(folder)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let pictures = files.iter().filter(|file| is_picture(&file.name));
    pictures
        .map(|file| {
            let path = file.path.display().to_string();
            let bytes =
                std::fs::read(&file.path).map_err(|error| Error::io(path.clone(), error))?;
            let name = file.name.rsplit_once('.').map_or(file.name.as_str(), |(name, _)| name);
            Ok(NamedPicture { name: name.to_owned(), picture: GrayPicture::read(&bytes, &path)? })
        })
        .collect()
}

struct ModelFile {
    name: String,
    path: PathBuf,
    length: u64,
}

fn model_files(folder: &Path) -> Result<Vec<ModelFile>> {
    let failed = |error| Error::io(folder.display().to_string(), error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let about = std::fs::metadata(entry.path()).map_err(failed)?;
        if about.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push(ModelFile { name, path: entry.path(), length: about.len() });
        }
    }
    Ok(files)
}

/// Advice on one file of a recording.
pub struct OnRecording<'a> {
    /// Models and readers.
    pub advice: &'a Advice,
    /// What is said in it, where that is known; times are the file's own.
    pub transcript: Option<&'a Transcript>,
    /// What the window is about.
    pub about: Option<About<'a>>,
}

/// What a window is about.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// The session's products.
    pub products: &'a [Product],
    /// Those that the moment sold.
    pub ids: &'a [String],
    /// What hosts say.
    pub phrases: &'a Phrases,
    /// Share of a selling point's weight that must be said (`speech.point_score_min`).
    pub point_score_min: f64,
}

/// Reads a transcript that came with a recording or a clip.
///
/// # Errors
/// Where the file cannot be read or is none.
pub fn read_transcript(place: &Location) -> Result<(Transcript, Vec<String>)> {
    let name = place.to_string();
    let bytes = place.read(TRANSCRIPT_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    let (mut transcript, notes) = reprise_checks::read_transcript(&text, &name)?;
    // A folder that moves makes no other clips.
    transcript.origin = Origin::File(place.file_name());
    Ok((transcript, notes))
}

/// Largest transcript that is read, bytes: 13 hours with a time for each word have a tenth.
const TRANSCRIPT_MAX: u64 = 256 << 20;

impl Adviser for OnRecording<'_> {
    fn transcribe(&self, sound: &SoundEvidence) -> Result<Option<Transcript>> {
        if let Some(all) = self.transcript {
            return Ok(Some(all.within(sound.span())));
        }
        match &self.advice.listener {
            Some(listener) => listener.transcribe(sound),
            None => Ok(None),
        }
    }

    fn said(&self, transcript: &Transcript) -> Result<Vec<SaidRule>> {
        let Some(about) = &self.about else { return Ok(Vec::new()) };
        let sold = about.products.iter().filter(|product| about.ids.contains(&product.id));
        let sold: Vec<Product> = sold.cloned().collect();
        let wanted = ListenFor { products: &sold, names: &[], score_min: about.point_score_min };
        let found = listen_for(transcript, &wanted, about.phrases);
        let mut rules = Vec::new();
        for benefit in &found.benefits {
            let span = benefit.said.span;
            rules.push(SaidRule { rule: RuleId::SpeechBenefit, span });
            if benefit.unique {
                rules.push(SaidRule { rule: RuleId::SpeechUniquePoint, span });
            }
        }
        let calls = found.spans(SaidKind::CallToAction);
        let call = |span| SaidRule { rule: RuleId::SpeechCallToAction, span };
        rules.extend(calls.into_iter().map(call));
        Ok(rules)
    }

    fn read_text(&self, pictures: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>> {
        self.advice.reader.as_ref().map(|reader| reader.read(pictures)).transpose()
    }
}
