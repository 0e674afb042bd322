//! One moment to one clip: the window's job, its verdicts, its grade, its metadata.
//!
//! The result is kept under a key of everything that went into the pictures and the verdicts, so a
//! later run with the same key does nothing; what only describes the moment is written anew.

mod avoid;
mod captions;
mod evidence_pictures;
mod facts;
mod key;

use std::collections::BTreeSet;

use reprise_checks::Observed;
use reprise_model::clip::{Clip, ClipProduct};
use reprise_model::event::EventKind;
use reprise_model::moment::Moment;
use reprise_model::session::Product;
use reprise_model::{Grade, MediaDuration, Money, Outcome, Result, RuleId, Span, Tier};
use reprise_publish::{ClipFiles, ClipFolder, SessionFolder};
use reprise_transcode::{Avoid, CutClip, TrimRefusal, Wanted, WindowOutcome, WindowRequest};
use serde::{Deserialize, Serialize};

use crate::advice::{About, OnRecording};
use crate::measured::{MEASURED, Measured};
use crate::options::RunOptions;
use crate::post::suggest;
use crate::recording::{Recordings, shifted};
use crate::session::OpenSession;

use captions::Captions;
use evidence_pictures::evidence_pictures;
pub use facts::{Judged, bare_clip, clip_facts, graded, source_facts};

/// How a clip is linked to a product that is shown though another was sold.
const SEEN: &str = "seen";

/// What became of a moment; the stage object `.stages/clip/<key>.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "snake_case")]
pub enum ClipOutcome {
    /// A clip that ships.
    Shipped(Box<Made>),
    /// A clip that a rule rejects.
    Rejected(Box<Made>),
    /// No clip could be cut.
    Nothing(TrimRefusal),
}

/// A clip, and what its window shows of the LIVE.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// Its metadata.
    pub clip: Clip,
    /// For the practices of the whole LIVE.
    pub observed: Observed,
}

/// The stage's name in keys.
pub const STAGE: &str = "clip";

/// What the clips of one session are made from.
pub struct ClipContext<'a> {
    /// The session.
    pub session: &'a OpenSession,
    /// Its recording.
    pub recordings: &'a Recordings,
    /// Settings.
    pub options: &'a RunOptions,
    /// Where clips go.
    pub folder: SessionFolder<'a>,
}

impl ClipContext<'_> {
    /// Makes the clip of a moment, or finds that it was made before.
    ///
    /// # Errors
    /// Where the recording cannot be read there, an encoder is missing, or the store fails.
    pub fn make(&self, moment: &Moment) -> Result<(String, ClipOutcome)> {
        let products = self.products(moment);
        let avoid = self.avoid();
        let wanted = self.wanted(&products);
        let key = self.key(moment, &products, &avoid, &wanted);
        if let Some(kept) = self.kept(&key, moment, &products)? {
            return Ok((key, kept));
        }
        // What is kept under the key says nothing that the key does not cover.
        let outcome = self.cut(moment, &products, (&avoid, wanted), &key)?;
        self.folder.stage_put(STAGE, &key, &outcome)?;
        Ok((key, self.described(outcome, moment, &products)))
    }

    fn kept(
        &self,
        key: &str,
        moment: &Moment,
        products: &[&Product],
    ) -> Result<Option<ClipOutcome>> {
        let Some(kept) = self.folder.stage_get::<ClipOutcome>(STAGE, key)? else { return Ok(None) };
        let described = self.described(kept, moment, products);
        let (folder, clip) = match &described {
            ClipOutcome::Shipped(made) => (ClipFolder::Shipped, &made.clip),
            ClipOutcome::Rejected(made) if self.options.keep_rejected => {
                (ClipFolder::Rejected, &made.clip)
            }
            _ => return Ok(Some(described)),
        };
        let Some(whole) = self.folder.clip_is_whole(folder, &clip.clip_id)? else {
            return Ok(None);
        };
        if *clip != whole {
            self.folder.put_clip_json(folder, clip)?;
        }
        Ok(Some(described))
    }

    fn described(
        &self,
        outcome: ClipOutcome,
        moment: &Moment,
        products: &[&Product],
    ) -> ClipOutcome {
        let described = |mut made: Box<Made>| {
            self.describe(&mut made.clip, moment, products);
            made
        };
        match outcome {
            ClipOutcome::Shipped(made) => ClipOutcome::Shipped(described(made)),
            ClipOutcome::Rejected(made) => ClipOutcome::Rejected(described(made)),
            nothing => nothing,
        }
    }

    fn cut(
        &self,
        moment: &Moment,
        products: &[&Product],
        (avoid, mut wanted): (&[Avoid], Wanted),
        key: &str,
    ) -> Result<ClipOutcome> {
        let Some((index, local)) = self.recordings.locate(moment.span) else {
            return Ok(ClipOutcome::Nothing(TrimRefusal {
                rule: RuleId::LiveGenuine,
                detail: format!("nothing was recorded at {}", moment.span.start),
                time: Some(moment.span.start),
            }));
        };
        let file = &self.recordings.files[index];
        let offset = self.recordings.offset(index);
        let local_avoid: Vec<Avoid> = avoid
            .iter()
            .map(|avoid| Avoid { span: shifted(avoid.span, -offset), ..avoid.clone() })
            .collect();
        for end in &mut wanted.offers_end {
            *end = *end - offset;
        }
        let about = About {
            products: &self.session.loaded.products,
            ids: &wanted.product_ids,
            phrases: &self.options.phrases,
            point_score_min: self.options.policy.speech.point_score_min,
        };
        let adviser = OnRecording {
            advice: &self.options.advice,
            transcript: file.transcript.as_ref(),
            about: Some(about),
        };
        let request = WindowRequest {
            media: &file.media,
            moment: local,
            exact: false,
            avoid: &local_avoid,
            look_for: &self.session.look_for,
            wanted: &wanted,
            policy: &self.options.policy,
            trim: &self.options.trim,
            encode: &self.options.profile.settings,
            verify: self.options.verify,
        };
        let cut = match self.options.workers.run_window(file.source.clone(), &request, &adviser)? {
            WindowOutcome::Nothing(mut refusal) => {
                refusal.time = refusal.time.map(|time| time + offset);
                return Ok(ClipOutcome::Nothing(refusal));
            }
            WindowOutcome::Clip(cut) => cut,
        };
        let mut clip = self.clip(&cut, index, key);
        let ids: Vec<String> = products.iter().map(|product| product.id.clone()).collect();
        clip.verdicts = self.verdicts(&Judged::cut(&cut), index, &cut.source, &ids);
        graded(&mut clip, &self.options.policy);
        clip.cut.moved = Some(self.moved(&cut, local, index, &ids, &clip.verdicts));
        clip.products = self.seen_instead(&cut, products);
        let observed = Observed::of(&cut.decoded.evidence, &ids, &self.options.phrases);

        let shipped = clip.grade != Grade::Rejected;
        let mut evidence = cut.edge_pictures.clone();
        if shipped || self.options.keep_rejected {
            let scale = cut.scale(&file.media);
            let workers = &self.options.workers;
            evidence.extend(evidence_pictures(&mut clip.verdicts, &cut, scale, workers)?);
            let captions = Captions::of(&cut.decoded.evidence);
            let folder = if shipped { ClipFolder::Shipped } else { ClipFolder::Rejected };
            let files = ClipFiles {
                mp4: &cut.mp4,
                cover: cut.cover.as_deref(),
                evidence,
                more: vec![(MEASURED, self.measured(&cut, index, moment).packed()?)],
                captions_vtt: captions.vtt,
                captions_srt: captions.srt,
            };
            let mut described = clip.clone();
            self.describe(&mut described, moment, products);
            self.folder.put_clip(folder, &described, &files)?;
        }
        let made = Box::new(Made { clip, observed });
        Ok(if shipped { ClipOutcome::Shipped(made) } else { ClipOutcome::Rejected(made) })
    }

    /// What is kept so that a part of the clip can be judged later: nothing that the key does not cover.
    fn measured(&self, cut: &CutClip, index: usize, moment: &Moment) -> Measured {
        let file = &self.recordings.files[index];
        let video = file.media.info.video.as_ref();
        let manifest = &self.session.loaded.manifest;
        let products = &self.session.loaded.products;
        Measured {
            evidence: cut.decoded.evidence.clone(),
            zero: self.recordings.timeline.zero,
            has_log: self.session.has_log(),
            events: self.events_that_count(moment).cloned().collect(),
            languages: self.session.languages.clone(),
            brands: manifest.brands.clone(),
            products: products.iter().map(crate::run::shown).collect(),
            recording_size: video.map_or((0, 0), |video| (video.width, video.height)),
            in_file: cut.span,
            recording_has_audio: file.media.info.audio.is_some(),
        }
    }

    /// A clip without what describes its moment.
    fn clip(&self, cut: &CutClip, index: usize, key: &str) -> Clip {
        let file = &self.recordings.files[index];
        let span = shifted(cut.span, self.recordings.offset(index));
        let mut clip = bare_clip(cut, file);
        let start = span.start.seconds().max(0.0) as u64;
        clip.clip_id = format!(
            "{}h{:02}m{:02}s-{}",
            start / 3600,
            start / 60 % 60,
            start % 60,
            &key[..8.min(key.len())]
        );
        clip.session_id = Some(self.session.loaded.manifest.id.to_string());
        clip.span = span;
        clip.spans = vec![span];
        clip.languages = self.session.loaded.manifest.all_languages();
        clip.source.started_at = Some(self.recordings.timeline.wall_time(span.start));
        clip
    }

    /// Fills in what follows from the moment and the products alone.
    fn describe(&self, clip: &mut Clip, moment: &Moment, products: &[&Product]) {
        clip.moment_id = Some(moment.id.clone());
        clip.visibility = self.session.loaded.manifest.visibility();
        clip.causes.clone_from(&moment.causes);
        clip.reasons.clone_from(&moment.reasons);
        clip.attributed = Some(moment.attributed.clone());
        let listed = &self.session.loaded.products;
        let seen = clip.products.first().filter(|linked| linked.linked_by == SEEN);
        let seen = seen.and_then(|linked| listed.iter().find(|product| product.id == linked.id));
        let linked: Vec<&Product> = seen.map_or_else(|| products.to_vec(), |product| vec![product]);
        let pinned = self.featured(true);
        clip.products = linked
            .iter()
            .map(|product| ClipProduct {
                id: product.id.clone(),
                title: product.title.clone(),
                linked_by: match (seen, pinned.contains(product.id.as_str())) {
                    (Some(_), _) => SEEN.to_owned(),
                    (None, true) => "pinned".to_owned(),
                    (None, false) => "ordered".to_owned(),
                },
                brand: product.brand.clone(),
                price: product.price,
                live_price: self.live_price(product, clip.span),
            })
            .collect();
        clip.post = suggest(&linked, &self.session.loaded.manifest.brands, listed);
    }

    /// What most buyers paid for one in this stretch of the LIVE and soon after, if it is less than
    /// the listed price.
    fn live_price(&self, product: &Product, span: Span) -> Option<Money> {
        let line = &self.recordings.timeline;
        let until = line.wall_time(span.end).plus(MediaDuration::from_millis(600_000));
        let orders = &self.session.log.observations;
        let paid = orders.usual_price(&product.id, line.wall_time(span.start), until)?;
        let listed = product.price?;
        (paid.currency == listed.currency && paid.value < listed.value).then_some(paid)
    }

    /// The product that is shown instead of the one that the moment sold, where it is: the clip is
    /// linked to what is shown.
    fn seen_instead(&self, cut: &CutClip, products: &[&Product]) -> Vec<ClipProduct> {
        let found = &cut.decoded.evidence.products;
        let whole = cut.decoded.evidence.span();
        let sold = |id: &str| found.sightings_of(id).next().is_some();
        if products.iter().any(|product| sold(&product.id)) {
            return Vec::new();
        }
        // What cannot be told from another is no ground for a link.
        let certain = |id: &&str| found.sightings_of(id).any(|seen| seen.undecided.is_none());
        let shown = found.main_product(whole).filter(certain);
        let link = |id: &str| ClipProduct {
            id: id.to_owned(),
            title: String::new(),
            linked_by: SEEN.to_owned(),
            brand: None,
            price: None,
            live_price: None,
        };
        shown.map(link).into_iter().collect()
    }

    /// What a clip of the moment should show and say.
    fn wanted(&self, products: &[&Product]) -> Wanted {
        Wanted {
            product_ids: products.iter().map(|product| product.id.clone()).collect(),
            names: self.session.names(),
            offers_end: self.offers_end(),
        }
    }

    /// The product that a clip of this moment is linked to: the one that it most likely sold.
    fn products(&self, moment: &Moment) -> Vec<&Product> {
        let listed = &self.session.loaded.products;
        moment
            .product_ids
            .first()
            .and_then(|id| listed.iter().find(|product| product.id == *id))
            .into_iter()
            .collect()
    }

    /// Products that the log shows pinned (or else ordered).
    fn featured(&self, pinned: bool) -> BTreeSet<&str> {
        let log = &self.session.log;
        if !pinned {
            return log.observations.ordered_products().collect();
        }
        log.kept
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Pin { product_id } => Some(product_id.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// The verdict that a rejected clip is rejected for, and its words.
pub fn rejection(clip: &Clip) -> (RuleId, String, Option<MediaDuration>) {
    let basic =
        |outcome| clip.verdicts.iter().find(|v| v.tier == Tier::Basic && v.verdict == outcome);
    match basic(Outcome::Fail).or_else(|| basic(Outcome::Unknown)) {
        Some(verdict) => (
            verdict.rule,
            verdict.detail.clone(),
            verdict.evidence.first().map(|e| e.clip_start_s - reprise_model::MediaTime::ZERO),
        ),
        None => (
            RuleId::LiveGenuine,
            "no rule is to blame; this is a defect of Reprise".to_owned(),
            None,
        ),
    }
}
