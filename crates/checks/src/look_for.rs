//! What a look searches for besides what it always measures, and whom it asks for what it cannot do.

use reprise_model::{Result, RuleId, Span};
use serde::{Deserialize, Serialize};

pub(crate) use crate::gray_picture::GrayPicture;
use crate::sound::SoundEvidence;
use crate::transcript::Transcript;

/// Things to find in pictures. All may be empty: then the rules that need them answer `unknown`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LookFor {
    /// Products of the session with their reference pictures; those without pictures are left out.
    pub products: Vec<ProductReference>,
    /// Overlays that the LIVE itself showed, logos of the seller's and the products' brands: not foreign.
    pub own: Vec<NamedPicture>,
    /// Logos that no clip may show.
    pub foreign: Vec<NamedPicture>,
    /// A YuNet face detector as ONNX; without it the cascade is used.
    #[serde(with = "serde_bytes")]
    pub face_model: Vec<u8>,
    /// The text of a face cascade as OpenCV writes it, such as
    /// `lbpcascade_frontalface.xml` (the `improved` one wants faces of twice the size).
    pub face_cascade: String,
    /// An embedding model as ONNX for products with hardly any local features (less than 40), such as a
    /// plain bottle or cloth: one input of 3 planes of 224 by 224 (red, green, blue by the mean and
    /// spread of ImageNet; all three are brightness here), one vector as output. Without it such
    /// products stay unrecognised.
    #[serde(with = "serde_bytes")]
    pub product_model: Vec<u8>,
    /// Look for faults of pictures and sound alone; all else stays unknown.
    pub faults_only: bool,
}

impl LookFor {
    /// Faults of pictures and sound alone.
    pub fn faults() -> Self {
        Self { faults_only: true, ..Self::default() }
    }
}

/// A product and how it looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductReference {
    /// As the session names it.
    pub id: String,
    /// Each shows the product alone or on a plain ground, from the front unless there are several.
    pub pictures: Vec<GrayPicture>,
}

/// A picture with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedPicture {
    /// For reports.
    pub name: String,
    /// What it looks like.
    pub picture: GrayPicture,
}

/// Words that keep a rule where a clip holds them whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaidRule {
    /// Which rule: a benefit, a unique selling point, a call to action.
    pub rule: RuleId,
    /// Where, on the transcript's time line.
    pub span: Span,
}

/// A line of text that was read in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLine {
    /// As read.
    pub text: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Left, top, width, height in the picture that was given, pixels.
    pub area: [u32; 4],
}

/// Does for a look what needs models or files, in a process that has them. A look itself reads
/// neither: it may run shut in.
pub trait Adviser: Send + Sync {
    /// What is said in this sound, on its time line; `None` where there is neither a model nor a
    /// transcript.
    ///
    /// # Errors
    /// Where a model fails.
    fn transcribe(&self, sound: &SoundEvidence) -> Result<Option<Transcript>>;

    /// What is said in a transcript that a clip should hold whole, on its time line.
    ///
    /// # Errors
    /// Where the way to the adviser is broken.
    fn said(&self, _: &Transcript) -> Result<Vec<SaidRule>> {
        Ok(Vec::new())
    }

    /// The text in each of these pictures; `None` where no reader of text is there.
    ///
    /// # Errors
    /// Where the reader fails.
    fn read_text(&self, pictures: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>>;
}

/// Knows nothing: what needs a model stays unknown.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAdviser;

impl Adviser for NoAdviser {
    fn transcribe(&self, _: &SoundEvidence) -> Result<Option<Transcript>> {
        Ok(None)
    }
    fn read_text(&self, _: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>> {
        Ok(None)
    }
}
