//! What a remix says: from the clip, the seller's own wishes, and the words of its language.

use std::collections::BTreeMap;

use reprise_model::clip::Clip;
use reprise_model::plan::Plan;
use reprise_model::remix::{Effect, Target};
use reprise_model::{Money, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::{Run, cleaned};
use crate::words::{Words, money};

/// What the seller wishes of a remix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Wishes {
    /// Where it is posted.
    pub target: Target,
    /// Language of what it says by itself, BCP 47; the clip's first one where it is left out.
    pub language: Option<String>,
    /// Effects that are off.
    pub off: Vec<Effect>,
    /// Texts instead of the template's own: of hook, name, call to action, brand, price. An empty one
    /// takes it out.
    pub texts: BTreeMap<Effect, String>,
    /// Name of the music instead of the template's.
    pub music: Option<String>,
}

impl Wishes {
    /// Whether an effect may be in the remix.
    pub fn allows(&self, effect: Effect) -> bool {
        (self.target == Target::Download || effect.is_neutral()) && !self.off.contains(&effect)
    }
}

/// What a remix says.
#[derive(Clone, Debug)]
pub struct Content {
    /// BCP 47.
    pub language: String,
    /// The text of each effect that has one: its parts, and which of them is stressed.
    pub texts: BTreeMap<Effect, Vec<Part>>,
    /// What was asked for and cannot be, for people.
    pub notes: Vec<String>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it says.
    pub text: String,
    /// What it is.
    pub role: Role,
}

/// What a part of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The text itself.
    Plain,
    /// A price that was.
    Was,
    /// Stressed.
    Marked,
}

impl Part {
    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), role: Role::Plain }
    }

    /// As it is drawn.
    pub fn run(&self, mark: Option<crate::colour::Colour>) -> Run {
        let run = Run::plain(self.text.clone());
        match self.role {
            Role::Plain => run,
            Role::Was => Run { scale: 0.62, struck: true, ..run },
            Role::Marked => Run { colour: mark, scale: 0.8, ..run },
        }
    }
}

impl Content {
    /// What a remix of a clip says.
    ///
    /// # Errors
    /// Where the plan's time cannot be said.
    pub fn of(clip: &Clip, plan: Option<&Plan>, wishes: &Wishes) -> Result<Self> {
        let languages = match &wishes.language {
            Some(language) => vec![language.clone()],
            None => clip.languages.clone(),
        };
        let words = Words::of(&languages)?;
        let product = clip.products.first();
        let listed = product.and_then(|product| product.price);
        let price = product.and_then(|product| product.live_price).or(listed);
        let mut notes = Vec::new();
        let mut texts: BTreeMap<Effect, Vec<Part>> = BTreeMap::new();
        texts.insert(Effect::Hook, vec![Part::plain(words.hook(price, listed))]);
        if let Some(product) = product.filter(|product| !product.title.is_empty()) {
            texts.insert(Effect::Name, vec![Part::plain(product.title.clone())]);
        }
        if let Some(brand) = product.and_then(|product| product.brand.clone()) {
            texts.insert(Effect::Brand, vec![Part::plain(brand)]);
        }
        if let Some(price) = price {
            texts.insert(Effect::Price, parts_of_price(&words, price, listed));
        }
        texts.insert(Effect::CallToAction, vec![Part::plain(words.call_to_action.clone())]);
        if let Some(plan) = plan {
            texts.insert(Effect::Plan, vec![Part::plain(words.plan(plan)?)]);
        }
        for (effect, text) in &wishes.texts {
            match effect {
                Effect::Hook
                | Effect::Name
                | Effect::CallToAction
                | Effect::Brand
                | Effect::Price => {
                    texts.insert(*effect, vec![Part::plain(text.clone())]);
                }
                other => notes.push(format!("{} has no text of its own", other.as_str())),
            }
        }
        for parts in texts.values_mut() {
            for part in parts.iter_mut() {
                let apart = if part.text.starts_with(' ') { " " } else { "" };
                part.text = format!("{apart}{}", cleaned(&part.text));
            }
            parts.retain(|part| !part.text.trim().is_empty());
        }
        texts.retain(|effect, parts| wishes.allows(*effect) && !parts.is_empty());
        Ok(Self { language: words.language, texts, notes })
    }

    /// What an effect says, in one.
    pub fn text(&self, effect: Effect) -> Option<String> {
        Some(self.texts.get(&effect)?.iter().map(|part| part.text.as_str()).collect())
    }
}

fn parts_of_price(words: &Words, price: Money, listed: Option<Money>) -> Vec<Part> {
    let mut parts = vec![Part::plain(money(price))];
    if let Some((was, percent)) = listed.and_then(|was| Some((was, price.percent_below(was)?))) {
        parts.push(Part { text: format!(" {}", money(was)), role: Role::Was });
        parts.push(Part { text: format!(" {}", words.discount(percent)), role: Role::Marked });
    }
    parts
}
