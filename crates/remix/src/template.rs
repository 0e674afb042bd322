//! Templates: `pipelines/remix/templates/*.toml`. What lies where, when, in which colours, with which
//! music. Data alone; what is drawn is `shapes`, what is said is `words` and `content`.

use std::collections::BTreeMap;

use reprise_model::remix::Effect;
use reprise_model::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::colour::Colour;
use crate::geometry::Rect;
use crate::motion::{Idle, Motion};

/// A template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name: letters, digits and `-`.
    pub name: String,
    /// Its name for people, by language; `en` is needed.
    pub title: BTreeMap<String, String>,
    /// When to take it, a sentence, by language; `en` is needed.
    pub about: BTreeMap<String, String>,
    /// Under which licence its graphics may be used.
    pub licence: String,
    /// Colours that layers name.
    pub colours: BTreeMap<String, Colour>,
    /// Fonts, as Pango names a family with its weight: `Lato Black`.
    pub fonts: Fonts,
    /// Music and loudness.
    pub sound: Sound,
    /// How the picture goes nearer to the product; left out, it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zoom: Option<Zoom>,
    /// The arrow that follows the product; left out, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrow: Option<Arrow>,
    /// What is laid over the picture, the lowest first.
    #[serde(rename = "layer")]
    pub layers: Vec<Layer>,
}

/// The two fonts of a template. Letters that they lack come from Noto.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fonts {
    /// Of hooks, prices and calls.
    pub heading: String,
    /// Of everything else.
    pub text: String,
}

/// Music and loudness of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sound {
    /// Name of the score in `pipelines/remix/music/`.
    pub music: String,
    /// How far the music lies below speech while someone speaks, LU; 10 to 40. At 10 music and words
    /// compete, at 20 it is hardly heard.
    pub below_speech_lu: f64,
    /// How far it lies below the clip's usual loudness in pauses, LU; 0 to 40, not above the former.
    pub below_in_pauses_lu: f64,
    /// Integrated loudness that the remix is brought to, LUFS; left out, it keeps its own. Short-video
    /// feeds play at about -14.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness_lufs: Option<f64>,
}

/// Going nearer to the product while it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zoom {
    /// How much larger, 1 to 1.6; the picture gets softer with it.
    pub amount: f64,
    /// Seconds of the way there, and of the way back; 0.2 to 3.
    pub ease_s: f64,
    /// Seconds near; 0.5 to 10.
    pub hold_s: f64,
    /// Seconds between one and the next; 1 to 60.
    pub pause_s: f64,
}

/// The arrow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrow {
    /// Its length as a share of the picture's short side, 0.08 to 0.4.
    pub length: f64,
    /// Its fill.
    pub fill: String,
    /// Its border.
    pub outline: String,
    /// How it looks.
    pub style: ArrowStyle,
    /// Seconds that it is shown at a time, 1 to 20.
    pub show_s: f64,
    /// Seconds until it comes again, 0 to 60.
    pub pause_s: f64,
}

/// How an arrow looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrowStyle {
    /// A straight block arrow with round corners.
    Block,
    /// A bent one, as drawn with a brush.
    Brush,
    /// A wedge, wide at its end.
    Wedge,
}

/// Something laid over the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// What it shows.
    pub kind: LayerKind,
    /// Which part of the clip it is shown in.
    pub when: When,
    /// Where it may lie: left, top, width, height as shares of the safe zone; the first that covers
    /// least of face and product is taken.
    pub slots: Vec<Rect>,
    /// Where in its slot what is smaller lies, 0 to 1: from left to right, from top to bottom.
    #[serde(default = "middle")]
    pub at: [f64; 2],
    /// What lies under the text.
    #[serde(default)]
    pub shape: Shape,
    /// Name of the colour of the shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<String>,
    /// Name of the colour of the text.
    pub ink: String,
    /// Name of the colour of what is stressed: the spoken word, the price that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// Name of the colour of a border around the letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outline: Option<String>,
    /// Whether the heading's font is used.
    #[serde(default)]
    pub heading: bool,
    /// Height of the letters (their em) as a share of the picture's short side, 0.02 to 0.2. Long
    /// texts get smaller, down to 0.54 of it, then they end in dots.
    pub size: f64,
    /// Lines at most, 1 to 4.
    #[serde(default = "one")]
    pub lines: u32,
    /// How it comes.
    #[serde(default)]
    pub enter: Motion,
    /// How it goes.
    #[serde(default)]
    pub leave: Motion,
    /// What it does meanwhile.
    #[serde(default)]
    pub idle: Idle,
}

const fn middle() -> [f64; 2] {
    [0.5, 0.5]
}

const fn one() -> u32 {
    1
}

/// What a layer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// The opening line.
    Hook,
    /// The product's name.
    Name,
    /// Price, with the one before and the discount where there is one.
    Price,
    /// What is said, the spoken word marked.
    Captions,
    /// What to do now.
    CallToAction,
    /// When the bound LIVE is.
    Plan,
    /// The brand's picture, or its name.
    Brand,
}

/// Which part of the clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The first 2.6 s, at most a quarter.
    Opening,
    /// What lies between opening and ending.
    Body,
    /// The last 4 s, at most a third.
    Ending,
    /// All but the opening.
    AfterOpening,
    /// All but the ending.
    BeforeEnding,
    /// All of it.
    Whole,
}

impl When {
    /// From when to when, of a clip this long, seconds.
    pub fn span(self, duration_s: f64) -> (f64, f64) {
        let opening = (duration_s * 0.25).min(2.6);
        let ending = duration_s - (duration_s / 3.0).min(4.0);
        match self {
            Self::Opening => (0.0, opening),
            Self::Body => (opening, ending),
            Self::Ending => (ending, duration_s),
            Self::AfterOpening => (opening, duration_s),
            Self::BeforeEnding => (0.0, ending),
            Self::Whole => (0.0, duration_s),
        }
    }

    /// Whether both are ever shown at once.
    pub fn meets(self, other: Self) -> bool {
        let (a, b) = (self.span(30.0), other.span(30.0));
        a.0 < b.1 && b.0 < a.1
    }
}

/// What lies under a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Nothing.
    #[default]
    None,
    /// Round ends.
    Pill,
    /// Round corners.
    Card,
    /// A star of many points.
    Burst,
    /// A band with cut ends.
    Ribbon,
    /// A price tag with a hole.
    Tag,
    /// A slanted box.
    Slant,
    /// A dark card with a bar of `fill` at its beginning.
    Bar,
}

/// The built-in templates, by name.
const BUILT_IN: [(&str, &str); 6] = [
    ("bold-sale", include_str!("../../../pipelines/remix/templates/bold-sale.toml")),
    ("soft-beauty", include_str!("../../../pipelines/remix/templates/soft-beauty.toml")),
    ("fresh-market", include_str!("../../../pipelines/remix/templates/fresh-market.toml")),
    ("night-neon", include_str!("../../../pipelines/remix/templates/night-neon.toml")),
    ("clean-white", include_str!("../../../pipelines/remix/templates/clean-white.toml")),
    ("street-tag", include_str!("../../../pipelines/remix/templates/street-tag.toml")),
];

impl Template {
    /// Names of the built-in templates.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// A built-in template.
    ///
    /// # Errors
    /// `Usage` with the names there are.
    pub fn built_in(name: &str) -> Result<Self> {
        let Some((name, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = Self::names().collect();
            let message = format!("there is no template `{name}`; there are {}", known.join(", "));
            return Err(Error::new(Kind::Usage, message));
        };
        Self::from_toml(text, &format!("pipelines/remix/templates/{name}.toml"))
    }

    /// Reads a template.
    ///
    /// # Errors
    /// `Malformed` with file and line, or with what lies outside its range.
    pub fn from_toml(text: &str, file: &str) -> Result<Self> {
        let template: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).unwrap_or_default().matches('\n').count() as u64 + 1;
            Error::new(Kind::Malformed, error.message().to_owned()).in_file(file).at_line(line)
        })?;
        match template.fault() {
            Some(fault) => Err(Error::new(Kind::Malformed, fault).in_file(file)),
            None => Ok(template),
        }
    }

    /// What it can add to a clip.
    pub fn effects(&self) -> Vec<Effect> {
        let layers = self.layers.iter().map(|layer| crate::scene::effect(layer.kind));
        let mut effects: Vec<Effect> = layers.chain([Effect::Music]).collect();
        effects.extend(self.arrow.as_ref().map(|_| Effect::Arrow));
        effects.extend(self.zoom.as_ref().map(|_| Effect::Zoom));
        effects.sort();
        effects.dedup();
        effects
    }

    /// A colour by its name.
    pub fn colour(&self, name: Option<&String>) -> Option<Colour> {
        name.and_then(|name| self.colours.get(name)).copied()
    }

    /// What is wrong with it.
    fn fault(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Some("name must be letters, digits and `-`".to_owned());
        }
        if !self.title.contains_key("en") || !self.about.contains_key("en") {
            return Some("title and about need an `en`".to_owned());
        }
        let within = |what: &str, value: f64, from: f64, to: f64| {
            (!(from..=to).contains(&value)).then(|| format!("{what} must lie in {from} to {to}"))
        };
        let sound = &self.sound;
        let mut faults = vec![
            within("sound.below_speech_lu", sound.below_speech_lu, 10.0, 40.0),
            within("sound.below_in_pauses_lu", sound.below_in_pauses_lu, 0.0, 40.0),
            within("sound.loudness_lufs", sound.loudness_lufs.unwrap_or(-14.0), -30.0, -9.0),
        ];
        if let Some(zoom) = self.zoom {
            faults.push(within("zoom.amount", zoom.amount, 1.0, 1.6));
            faults.push(within("zoom.ease_s", zoom.ease_s, 0.2, 3.0));
            faults.push(within("zoom.hold_s", zoom.hold_s, 0.5, 10.0));
            faults.push(within("zoom.pause_s", zoom.pause_s, 1.0, 60.0));
        }
        let mut colours: Vec<&String> = Vec::new();
        if let Some(arrow) = &self.arrow {
            faults.push(within("arrow.length", arrow.length, 0.08, 0.4));
            faults.push(within("arrow.show_s", arrow.show_s, 1.0, 20.0));
            faults.push(within("arrow.pause_s", arrow.pause_s, 0.0, 60.0));
            colours.extend([&arrow.fill, &arrow.outline]);
        }
        for layer in &self.layers {
            let kind = layer.kind;
            faults.push(within(&format!("size of {kind:?}"), layer.size, 0.02, 0.2));
            faults.push(within(&format!("lines of {kind:?}"), f64::from(layer.lines), 1.0, 4.0));
            colours.push(&layer.ink);
            colours.extend([&layer.fill, &layer.mark, &layer.outline].into_iter().flatten());
            if layer.slots.is_empty() || layer.slots.len() > 4 {
                faults.push(Some(format!("{kind:?} needs 1 to 4 slots")));
            }
            let inside =
                |slot: &Rect| Rect::new(0.0, 0.0, 1.0, 1.0).holds(slot) && !slot.is_empty();
            if !layer.slots.iter().all(inside) {
                faults.push(Some(format!("a slot of {kind:?} leaves the safe zone or is empty")));
            }
        }
        if let Some(unknown) = colours.into_iter().find(|name| !self.colours.contains_key(*name)) {
            faults.push(Some(format!("there is no colour `{unknown}`")));
        }
        // The first slots must go together, so that there is always a layout without overlap.
        for (index, layer) in self.layers.iter().enumerate() {
            for other in &self.layers[..index] {
                let both = layer.slots.first().zip(other.slots.first());
                if layer.when.meets(other.when) && both.is_some_and(|(a, b)| a.overlaps(b)) {
                    let kinds = (layer.kind, other.kind);
                    faults.push(Some(format!("{:?} and {:?} overlap", kinds.0, kinds.1)));
                }
            }
        }
        faults.into_iter().flatten().next()
    }
}
