//! A clip as a card: the video, why it was made, how it was judged, how it can be posted.

use std::fmt::Write as _;

use reprise_model::clip::{Clip, CutMethod, Moved};
use reprise_model::moment::{Attributed, LikelyCause, Reason};
use reprise_model::{Grade, RuleId};

use super::ReportData;
use super::text::{
    Zone, amounts, clock, count, esc, fine_clock, grade_words, link_part, num, seconds,
    signal_words, wall_at,
};
use super::verdicts::verdicts;

/// Where a clip's files lie.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// `clips/<clip id>/`.
    Clips,
    /// `rejected/<clip id>/`.
    Rejected,
}

/// The name of a clip's card in links within the page.
pub(super) fn anchor(place: Place, clip_id: &str) -> String {
    match place {
        Place::Clips => format!("clip-{}", link_part(clip_id)),
        Place::Rejected => format!("rejected-{}", link_part(clip_id)),
    }
}

/// The card of a clip.
pub(super) fn card(data: &ReportData<'_>, zone: &Zone, clip: &Clip, place: Place) -> String {
    let id = anchor(place, &clip.clip_id);
    let folder = match place {
        Place::Clips => "clips",
        Place::Rejected => "rejected",
    };
    let base = format!("{folder}/{}", link_part(&clip.clip_id));
    let moment = clip.moment_id.as_deref();
    let rank = data.outcome.moments.iter().find(|m| Some(m.id.as_str()) == moment).map(|m| m.rank);
    let name = heading(clip);
    let number = rank.map_or_else(String::new, |rank| {
        format!("<span class=\"rank\" title=\"Place in the ranking of moments\">{rank}</span>")
    });
    format!(
        "<article class=\"clip\" id=\"{id}\">\
         <div class=\"player\">{video}{files}</div>\
         <div class=\"about\"><header><h3>{number}{title}</h3>{badges}</header>\
         {facts}{why}{attributed}{verdicts}{cut}{words}{post}{source}</div></article>",
        video = video(clip, &base, name),
        files = files(clip, &base),
        title = esc(name),
        badges = badges(clip),
        facts = facts(data, zone, clip),
        why = why(clip),
        attributed = clip.attributed.as_ref().map_or_else(String::new, brought),
        verdicts = verdicts(clip, &base),
        cut = cut(clip),
        words = said(clip),
        post = post(data, clip, &id),
        source = source(clip),
    )
}

/// One reason as a sentence, such as `GMV 412 USD where 35 USD were expected, 11.8 times as much`.
pub(super) fn reason_words(reason: &Reason) -> String {
    let figure = |value: f64| format!("{} {}", num(value), reason.unit);
    let times = match reason.ratio {
        Some(ratio) => format!(", {} times as much", num(ratio)),
        None => String::new(),
    };
    let expected = if reason.expected > 0.0 {
        format!("where {} were expected", figure(reason.expected))
    } else {
        "where nothing was expected".to_owned()
    };
    let observed = figure(reason.observed);
    // `212 comments` needs no `Comments` before it.
    if reason.unit == reason.signal.as_str() {
        return format!("{observed} {expected}{times}");
    }
    format!("{} {observed} {expected}{times}", signal_words(reason.signal))
}

/// What a moment is most likely due to, such as `the pitch (80 %), or a giveaway (20 %)`.
pub(super) fn cause_words(causes: &[LikelyCause]) -> String {
    let words: Vec<String> = causes
        .iter()
        .map(|likely| {
            format!("{} ({} %)", likely.cause.words(), num((likely.probability * 100.0).round()))
        })
        .collect();
    if words.is_empty() { "not known".to_owned() } else { words.join(", or ") }
}

fn heading(clip: &Clip) -> &str {
    let product = clip.products.first().map(|product| product.title.as_str());
    let titles = [Some(clip.post.title.as_str()), product, Some(clip.clip_id.as_str())];
    titles.into_iter().flatten().find(|title| !title.trim().is_empty()).unwrap_or("Clip")
}

fn video(clip: &Clip, base: &str, name: &str) -> String {
    let captions = if clip.words.is_empty() {
        String::new()
    } else {
        format!(
            "<track kind=\"captions\" src=\"{base}/captions.vtt\" label=\"Captions\" srclang=\"{}\">",
            esc(clip.languages.first().map_or("und", String::as_str))
        )
    };
    format!(
        "<video controls preload=\"none\" playsinline width=\"{}\" height=\"{}\" poster=\"{base}/cover.jpg\" \
         src=\"{base}/clip.mp4\" aria-label=\"Video: {}\">{captions}\
         <a href=\"{base}/clip.mp4\">Open the video</a></video>",
        clip.width,
        clip.height,
        esc(name),
    )
}

fn files(clip: &Clip, base: &str) -> String {
    let mut links = vec![("clip.mp4", "Video"), ("cover.jpg", "Cover"), ("clip.json", "Metadata")];
    if !clip.words.is_empty() {
        links.extend([("captions.vtt", "Captions"), ("captions.srt", "Captions (SRT)")]);
    }
    let items: String = links
        .iter()
        .map(|(file, words)| format!("<li><a href=\"{base}/{file}\">{words}</a></li>"))
        .collect();
    format!("<ul class=\"files\" aria-label=\"Files of the clip\">{items}</ul>")
}

fn badges(clip: &Clip) -> String {
    let mut out = format!(
        "<span class=\"badge-grade {}\"><span class=\"sr\">Grade: </span>{}</span>",
        clip.grade.as_str(),
        grade_words(clip.grade)
    );
    if clip.grade_after_remix > clip.grade {
        let _ = write!(
            out,
            "<span class=\"after\">{} after a remix with overlays</span>",
            grade_words(clip.grade_after_remix)
        );
    }
    out
}

fn facts(data: &ReportData<'_>, zone: &Zone, clip: &Clip) -> String {
    let mut rows = vec![(
        "In the LIVE",
        format!("{} to {}", fine_clock(clip.span.start), fine_clock(clip.span.end)),
    )];
    if clip.spans.len() > 1 {
        let spans =
            clip.spans.iter().map(|s| format!("{} to {}", fine_clock(s.start), fine_clock(s.end)));
        rows.push(("Made of", spans.collect::<Vec<_>>().join(", ")));
    }
    if let Some(at) = wall_at(&data.outcome.recording.parts, clip.span.start) {
        rows.push(("Local time", format!("{} ({})", zone.time(at), zone.name())));
    }
    rows.push(("Length", seconds(clip.duration_s)));
    let sound = clip.audio_codec.as_deref().unwrap_or("no");
    rows.push((
        "Picture and sound",
        format!(
            "{} × {} pixels, {} pictures a second, {} video, {sound} sound",
            clip.width,
            clip.height,
            num(clip.fps),
            clip.video_codec
        ),
    ));
    let products: Vec<String> =
        clip.products.iter().map(|p| format!("{} ({}, {})", p.title, p.id, p.linked_by)).collect();
    let products = if products.is_empty() { "none linked".to_owned() } else { products.join("; ") };
    rows.push((if clip.products.len() > 1 { "Products" } else { "Product" }, products));
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", esc(value)))
        .collect();
    format!("<dl class=\"facts\">{rows}</dl>")
}

fn why(clip: &Clip) -> String {
    let due = if clip.causes.is_empty() {
        String::new()
    } else {
        format!("<p>Most likely due to {}.</p>", esc(&cause_words(&clip.causes)))
    };
    if clip.reasons.is_empty() && due.is_empty() {
        return String::new();
    }
    let items: String = clip
        .reasons
        .iter()
        .map(|reason| {
            format!(
                "<li>{}, seen from {} to {}</li>",
                esc(&reason_words(reason)),
                clock(reason.seen_start),
                clock(reason.seen_end)
            )
        })
        .collect();
    let list = if items.is_empty() { items } else { format!("<ul class=\"why\">{items}</ul>") };
    format!("<h4>Why this moment</h4>{due}{list}")
}

fn brought(attributed: &Attributed) -> String {
    let shown = &attributed.shown_to_others;
    let others = if shown.gmv.is_empty() && shown.orders.is_empty() {
        String::new()
    } else {
        let gmv = if shown.gmv.is_empty() {
            String::new()
        } else {
            format!("GMV {}, ", shown.gmv.join(" and "))
        };
        format!(
            " <span class=\"muted\">Others see only ranges: {}{} orders.</span>",
            esc(&gmv),
            esc(&shown.orders)
        )
    };
    format!(
        "<p class=\"brought\">On top of what was to be expected it brought <strong>GMV {}</strong> (net {}), \
         <strong>{}</strong> and {}.{others}</p>",
        esc(&amounts(&attributed.gmv)),
        esc(&amounts(&attributed.net_gmv)),
        count(attributed.orders, "order", "orders"),
        count(attributed.units, "unit", "units"),
    )
}

fn cut(clip: &Clip) -> String {
    let how = match clip.cut.method {
        CutMethod::Smart => {
            "Smart cut: pictures are copied as they are, only the edges are encoded anew"
        }
        CutMethod::Encoded => "Encoded anew from the first picture to the last",
    };
    let notes: String =
        clip.cut.notes.iter().map(|note| format!("<li>{}</li>", esc(note))).collect();
    let moved = clip.cut.moved.as_ref().map_or_else(String::new, moved_words);
    format!(
        "<details><summary>How it was cut</summary><p>{how} ({} copied, {} encoded).</p>{moved}<ul>{notes}</ul></details>",
        seconds(clip.cut.copied_s),
        seconds(clip.cut.encoded_s),
    )
}

/// What choosing the edges gained against a cut of exactly the moment.
fn moved_words(moved: &Moved) -> String {
    let names = |rules: &[RuleId]| {
        let words: Vec<&str> = rules.iter().map(|rule| rule.words()).collect();
        words.join("; ")
    };
    let mut out = format!(
        "<p>Begins {:+.2} s and ends {:+.2} s against the moment's own edges. ",
        moved.start_by_s.seconds(),
        moved.end_by_s.seconds()
    );
    if moved.untouched_grade == Grade::Rejected {
        out.push_str("A clip of exactly the moment would have been rejected. ");
    }
    if !moved.gained.is_empty() {
        out.push_str(&format!("Gained: {}. ", esc(&names(&moved.gained))));
    }
    if !moved.lost.is_empty() {
        out.push_str(&format!("Given up: {}. ", esc(&names(&moved.lost))));
    }
    format!("{}</p>", out.trim_end())
}

fn said(clip: &Clip) -> String {
    if clip.words.is_empty() {
        return String::new();
    }
    let text: Vec<&str> = clip.words.iter().map(|word| word.text.trim()).collect();
    let language = esc(clip.languages.first().map_or("und", String::as_str));
    format!(
        "<details><summary>What is said</summary><p lang=\"{language}\">{}</p></details>",
        esc(&text.join(" "))
    )
}

fn post(data: &ReportData<'_>, clip: &Clip, id: &str) -> String {
    let post = &clip.post;
    let products: Vec<String> = post
        .product_ids
        .iter()
        .map(|id| {
            let title = data.products.iter().find(|p| &p.id == id).map_or("", |p| p.title.as_str());
            if title.is_empty() { id.clone() } else { format!("{title} ({id})") }
        })
        .collect();
    let parts = [post.caption.clone(), post.hashtags.join(" ")];
    let text =
        parts.iter().filter(|part| !part.trim().is_empty()).cloned().collect::<Vec<_>>().join("\n");
    if post.title.trim().is_empty() && text.is_empty() && products.is_empty() {
        return String::new();
    }
    let field = |name: &str, words: &str, text: &str| {
        if text.is_empty() {
            return String::new();
        }
        format!(
            "<div class=\"copy\"><h4 id=\"{name}-label-{id}\">{words}</h4>\
             <p id=\"{name}-{id}\" aria-labelledby=\"{name}-label-{id}\">{}</p>\
             <button type=\"button\" hidden data-copy=\"{name}-{id}\" aria-label=\"Copy the {}\">Copy</button></div>",
            esc(text),
            words.to_lowercase(),
        )
    };
    let link = if products.is_empty() {
        String::new()
    } else {
        format!("<p>Products to link: {}</p>", esc(&products.join("; ")))
    };
    format!(
        "<details class=\"post\" open><summary>Suggestion for the post</summary>{}{}{link}</details>",
        field("title", "Title", post.title.trim()),
        field("caption", "Caption", &text),
    )
}

fn source(clip: &Clip) -> String {
    let source = &clip.source;
    let read: u64 =
        source.byte_ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
    format!(
        "<details><summary>Where it comes from</summary><dl class=\"facts wide\">\
         <div><dt>Recording</dt><dd>{}, {} to {} on the file's own clock</dd></div>\
         <div><dt>Recording's digest</dt><dd><code>{}</code></dd></div>\
         <div><dt>Clip's digest (BLAKE3)</dt><dd><code>{}</code></dd></div>\
         <div><dt>Read for it</dt><dd>{} MB of the recording</dd></div></dl></details>",
        esc(&source.recording),
        fine_clock(source.file_start_s),
        fine_clock(source.file_end_s),
        esc(&source.digest),
        esc(&source.clip_blake3),
        num(read as f64 / 1e6),
    )
}
