//! The verdicts of a clip: a line that sums them up, and a table with every one.

use std::fmt::Write as _;

use reprise_model::clip::Clip;
use reprise_model::verdict::Evidence;
use reprise_model::{Outcome, Tier, Verdict};

use super::text::{capital, esc, link_path, num, tier_words, verdict_words};

/// What stands where there is no figure.
const NOTHING: &str = "–";

/// What failed and what could not be checked, in one line, and the table behind it. `base` is the
/// clip's folder.
pub(super) fn verdicts(clip: &Clip, base: &str) -> String {
    if clip.verdicts.is_empty() {
        return "<p class=\"muted\">No rule was checked.</p>".to_owned();
    }
    let mut out = String::new();
    let failed = |tier: Tier| {
        clip.verdicts.iter().filter(move |v| v.tier == tier && v.verdict == Outcome::Fail)
    };
    for (tier, lead) in [
        (Tier::Basic, "Breaks a basic rule"),
        (Tier::High, "Missing for High"),
        (Tier::GoodCase, "Missing for Good case"),
        (Tier::Advice, "Advice"),
    ] {
        let names: Vec<String> = failed(tier)
            .map(|v| format!("<li>{}: {}</li>", esc(&capital(v.rule.words())), esc(&v.detail)))
            .collect();
        if !names.is_empty() {
            let class = if tier == Tier::Basic { "broken" } else { "lacking" };
            let _ = write!(
                out,
                "<div class=\"{class}\"><h4>{lead}</h4><ul>{}</ul></div>",
                names.concat()
            );
        }
    }
    let count = |outcome: Outcome| clip.verdicts.iter().filter(|v| v.verdict == outcome).count();
    let _ = write!(
        out,
        "<details class=\"verdicts\"><summary>All {} rules: {} passed, {} failed, {} not checked</summary>\
         <table class=\"stack\"><thead><tr><th scope=\"col\">Rule</th><th scope=\"col\">Verdict</th>\
         <th scope=\"col\">Measured</th><th scope=\"col\">Wanted</th><th scope=\"col\">What was found</th></tr></thead>",
        clip.verdicts.len(),
        count(Outcome::Pass),
        count(Outcome::Fail),
        count(Outcome::Unknown),
    );
    for tier in [Tier::Basic, Tier::High, Tier::GoodCase, Tier::Advice] {
        let rows: String = clip
            .verdicts
            .iter()
            .filter(|v| v.tier == tier)
            .map(|v| row(v, base, &clip.languages))
            .collect();
        if !rows.is_empty() {
            let words = tier_words(tier);
            let _ = write!(
                out,
                "<tbody><tr class=\"group\"><th scope=\"rowgroup\" colspan=\"5\">{words}</th></tr>{rows}</tbody>"
            );
        }
    }
    out.push_str("</table></details>");
    out
}

fn row(verdict: &Verdict, base: &str, languages: &[String]) -> String {
    let (words, sign, class) = verdict_words(verdict.verdict);
    let unit = verdict.unit.as_deref().map_or_else(String::new, |unit| format!(" {unit}"));
    let measured =
        verdict.measured.map_or_else(|| NOTHING.to_owned(), |v| format!("{}{unit}", num(v)));
    let wanted = match &verdict.threshold {
        // A threshold without a figure has no unit.
        Some(text) if text.ends_with(|c: char| c.is_ascii_digit()) => format!("{text}{unit}"),
        Some(text) => text.clone(),
        None => NOTHING.to_owned(),
    };
    let rule = verdict.rule;
    // On a phone a cell without a figure is left out.
    let cell = |name: &str, text: &str| {
        let class = if text == NOTHING { " class=\"none\"" } else { "" };
        format!("<td data-label=\"{name}\"{class}>{}</td>", esc(text))
    };
    format!(
        "<tr><th scope=\"row\">{}<code>{}</code></th>\
         <td data-label=\"Verdict\"><span class=\"verdict {class}\"><span aria-hidden=\"true\">{sign}</span> {words}</span></td>\
         {}{}\
         <td data-label=\"Found\">{}<span class=\"measured\">{}</span>{}</td></tr>",
        esc(&capital(rule.words())),
        rule.as_str(),
        cell("Measured", &measured),
        cell("Wanted", &wanted),
        said(verdict, languages),
        esc(&verdict.detail),
        evidence(&verdict.evidence, base),
    )
}

/// The verdict in the languages of the session, in English where it has none of them.
fn said(verdict: &Verdict, languages: &[String]) -> String {
    let of_session = |language: &str| {
        languages.iter().any(|tag| tag.split('-').next().is_some_and(|first| first == language))
    };
    let any = verdict.sentences.keys().any(|language| of_session(language));
    let fits = |language: &str| if any { of_session(language) } else { language == "en" };
    let sentence = |(language, sentence): (&String, &String)| {
        format!("<p class=\"said\" lang=\"{}\">{}</p>", esc(language), esc(sentence))
    };
    verdict.sentences.iter().filter(|(language, _)| fits(language)).map(sentence).collect()
}

fn evidence(evidence: &[Evidence], base: &str) -> String {
    if evidence.is_empty() {
        return String::new();
    }
    let items: String = evidence
        .iter()
        .map(|item| {
            let (start, end) = (item.clip_start_s.seconds(), item.clip_end_s.seconds());
            let when = if end > start {
                format!("{} to {} s", num(start), num(end))
            } else {
                format!("at {} s", num(start))
            };
            let picture = item.picture.as_deref().map_or_else(String::new, |picture| {
                let link = format!("{base}/{}", link_path(picture));
                format!(
                    " <a class=\"evidence\" href=\"{link}\"><img src=\"{link}\" loading=\"lazy\" height=\"72\" \
                     alt=\"Picture of the clip {}: {}\"></a>",
                    esc(&when),
                    esc(&item.note)
                )
            });
            format!("<li>{} of the clip: {}{picture}</li>", esc(&when), esc(&item.note))
        })
        .collect();
    format!("<ul class=\"evidence-list\">{items}</ul>")
}
