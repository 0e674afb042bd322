//! What a candidate cut is worth: how much of the moment it covers, what it shows and says of the
//! product, and what is amiss at its edges.

use reprise_checks::{Policy, ProductSighting};
use reprise_model::{MediaDuration, MediaTime, RuleId, Span};

use super::TrimInput;
use super::edges::Edge;

/// A sighting stands for so long, seconds: products are followed five times a second.
const SIGHTING_S: f64 = 0.2;

/// Figures that every candidate is held against, made once.
pub(super) struct Worth<'a> {
    input: &'a TrimInput<'a>,
    scene_cuts: Vec<MediaTime>,
    /// Words, in order.
    words: Vec<Span>,
    shown: Option<Shown>,
}

/// Where the product that the clip is about is seen.
struct Shown {
    product_id: String,
    in_view: Vec<Span>,
    /// Whole and facing the camera.
    whole: Vec<Span>,
}

impl<'a> Worth<'a> {
    /// Looks at the evidence once.
    pub(super) fn of(input: &'a TrimInput<'a>) -> Self {
        let words = input.evidence.transcript.iter().flat_map(|all| &all.words);
        Self {
            input,
            scene_cuts: input.evidence.scene_cuts(),
            words: words.map(|word| Span::new(word.start, word.end)).collect(),
            shown: shown(input),
        }
    }

    /// Where the product comes into view.
    pub(super) fn entrances(&self) -> impl Iterator<Item = MediaTime> + '_ {
        self.shown.iter().flat_map(|shown| &shown.in_view).map(|span| span.start)
    }

    /// Whether a word would be cut in two.
    pub(super) fn inside_a_word(&self, at: MediaTime) -> bool {
        let after = self.words.partition_point(|word| word.start < at);
        // Words overlap where two speak; the last few are enough.
        self.words[after.saturating_sub(4)..after].iter().any(|word| at < word.end)
    }

    /// Whether words are known and none would be cut in two.
    pub(super) fn between_words(&self, at: MediaTime) -> bool {
        !self.words.is_empty() && !self.inside_a_word(at)
    }

    /// Points of a cut.
    pub(super) fn score(&self, span: Span, covered: f64, edges: [Edge; 2]) -> f64 {
        let settings = self.input.settings;
        let mut score = covered - settings.outside_cost * (span.seconds() - covered);
        score -= settings.long_cost * (span.seconds() - settings.preferred_max_s).max(0.0);
        for edge in edges {
            if !edge.in_pause {
                score -= settings.word_cost;
            }
            if edge.on_key {
                score += settings.key_picture_bonus;
            }
        }
        let near = MediaDuration::from_millis(500);
        let inside = [
            Span::new(span.start + MediaDuration::from_millis(1), span.start + near),
            Span::new(span.end - near, span.end),
        ];
        for &cut in &self.scene_cuts {
            if inside.iter().any(|edge| edge.contains(cut)) {
                score -= settings.scene_cut_cost;
            }
        }
        if self.stale(span).is_some() {
            score -= settings.stale_offer_cost;
        }
        score + self.keeps(span).map(|rule| points(rule, settings)).sum::<f64>()
    }

    /// Rules of product and speech that the cut would keep and that others might not.
    pub(super) fn keeps(&self, span: Span) -> impl Iterator<Item = RuleId> + '_ {
        let policy = self.input.policy;
        let seen = self.shown.as_ref().map(|shown| shown.keeps(span, policy)).unwrap_or_default();
        let said = move |rule: RuleId| {
            let mut said = self.input.said.iter().filter(|said| said.rule == rule);
            said.any(|said| span.start <= said.span.start && said.span.end <= span.end)
        };
        let spoken = [RuleId::SpeechBenefit, RuleId::SpeechUniquePoint, RuleId::SpeechCallToAction]
            .into_iter()
            .filter(move |&rule| said(rule));
        seen.into_iter().chain(spoken)
    }

    /// The end of an offer that the cut goes on after: what it praises is no more to be had.
    pub(super) fn stale(&self, span: Span) -> Option<MediaTime> {
        let grace = MediaDuration::from_seconds(1.0);
        let ends = self.input.wanted.offers_end.iter().copied();
        ends.filter(|&end| span.start < end && end + grace < span.end).min()
    }

    /// For people: what the cut shows and says.
    pub(super) fn notes(&self, span: Span) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(shown) = &self.shown {
            let first =
                shown.in_view.iter().map(|seen| seen.intersect(span)).find(|s| !s.is_empty());
            notes.push(match first {
                Some(seen) => format!(
                    "`{}` is in view {:.2} s after the start",
                    shown.product_id,
                    (seen.start - span.start).seconds()
                ),
                None => format!("`{}` is not in view", shown.product_id),
            });
        }
        let said: Vec<&str> = self
            .keeps(span)
            .filter_map(|rule| match rule {
                RuleId::SpeechBenefit => Some("a key benefit"),
                RuleId::SpeechUniquePoint => Some("a unique selling point"),
                RuleId::SpeechCallToAction => Some("a call to action"),
                _ => None,
            })
            .collect();
        if !said.is_empty() {
            notes.push(format!("{} is said in it", said.join(", ")));
        }
        if let Some(end) = self.stale(span) {
            notes.push(format!("goes on after the offer that ended at {end}"));
        }
        notes
    }
}

fn points(rule: RuleId, settings: &super::TrimSettings) -> f64 {
    match rule {
        RuleId::ProductFirstSecond => settings.first_second_bonus,
        RuleId::ProductFullyVisible => settings.fully_visible_bonus,
        RuleId::SpeechBenefit => settings.benefit_bonus,
        RuleId::SpeechUniquePoint | RuleId::SpeechCallToAction => settings.speech_bonus,
        _ => 0.0,
    }
}

impl Shown {
    fn keeps(&self, span: Span, policy: &Policy) -> Vec<RuleId> {
        let within = |spans: &[Span], limit_s: f64| {
            let first = Span::new(span.start, span.start + MediaDuration::from_seconds(limit_s));
            spans.iter().any(|seen| seen.overlaps(first.intersect(span)))
        };
        let mut kept = Vec::new();
        if within(&self.in_view, policy.product.first_seen_max_s) {
            kept.push(RuleId::ProductFirstSecond);
        }
        if within(&self.whole, policy.product.whole_max_s) {
            kept.push(RuleId::ProductFullyVisible);
        }
        kept
    }
}

/// Where the product is that the clip is about: the linked one, or else the one that is shown most.
fn shown(input: &TrimInput<'_>) -> Option<Shown> {
    let products = &input.evidence.products;
    let wanted = input.wanted.product_ids.iter().map(String::as_str);
    let seen = |id: &&str| products.sightings_of(id).next().is_some();
    let product = wanted.into_iter().find(seen).or(products.main_product(input.window))?;
    let near_front = |sighting: &&ProductSighting| {
        sighting.whole && sighting.visible_share >= input.policy.product.visible_share_min
    };
    let step = MediaDuration::from_seconds(SIGHTING_S);
    let whole = products.sightings_of(product).filter(near_front);
    let whole = whole.map(|sighting| Span::new(sighting.time, sighting.time + step));
    Some(Shown {
        product_id: product.to_owned(),
        in_view: products.spans_of(product),
        whole: reprise_model::span::merged(whole.collect()),
    })
}
