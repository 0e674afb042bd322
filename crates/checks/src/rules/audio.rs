//! `audio.*`: whether the sound is the LIVE's own, whole, clean and level.

use reprise_model::{Outcome, Span};

use super::{Answer, Look, longest, told};
use crate::align::{Alignment, align};

/// What all of these say of a clip of a recording without sound.
const NO_SOUND: &str = "the recording has no sound";

/// `audio.original`: the clip's sound aligned with the recording's and compared with it.
pub(super) fn audio_original(look: &Look<'_>) -> Answer {
    let facts = look.facts;
    let Some(source) = facts.source else {
        return Answer::unknown("no recording was given to compare the sound with");
    };
    match (source.has_audio, facts.has_audio) {
        (false, false) => return Answer::unknown(NO_SOUND),
        (false, true) => {
            return Answer::held(false, "the clip has sound, but the recording has none");
        }
        (true, false) => {
            return Answer::held(false, "the recording has sound, but the clip has none");
        }
        (true, true) => {}
    }
    let Some(recording) = source.evidence else {
        return Answer::unknown("the recording's sound was not read");
    };
    let dubbed_from_db = look.policy.audio.original_dubbed_from_db;
    match align(&facts.evidence.sound, &recording.sound, source.span, dubbed_from_db) {
        Some(found) => original(look, &found),
        None => Answer::unknown("the sound is too short to be compared with the recording's"),
    }
}

fn original(look: &Look<'_>, found: &Alignment) -> Answer {
    let audio = &look.policy.audio;
    let changed = found.missing_ms + found.replaced_ms;
    let in_place = found.offset_ms.abs() <= audio.original_offset_max_ms;
    let whole = changed <= audio.original_changed_max_ms;
    let figures = format!(
        "{:.1} % of the sound is the recording's, {:.0} ms missing, {:.0} ms replaced, offset {:.1} ms, gain {:.1} dB",
        found.original_share * 100.0,
        found.missing_ms,
        found.replaced_ms,
        found.offset_ms,
        found.gain_db,
    );
    let answer = if !found.found {
        Answer::held(false, "none of the sound is found in the recording at that place".to_owned())
            .figure(0.0, "%", "the recording's sound".to_owned())
    } else if found.speed_percent != 0.0 && !whole {
        let speed = found.speed_percent;
        Answer::held(false, format!("the sound runs {speed:+.2} % faster: {figures}")).figure(
            speed,
            "%",
            "0".to_owned(),
        )
    } else if !whole {
        Answer::held(false, figures).figure(
            changed,
            "ms",
            format!("at most {}", audio.original_changed_max_ms),
        )
    } else if !in_place {
        Answer::held(false, format!("the sound is shifted: {figures}")).figure(
            found.offset_ms,
            "ms",
            format!("-{0} to {0}", audio.original_offset_max_ms),
        )
    } else if let Some(span) = longest(&found.dubbed) {
        let detail = format!("something as loud is dubbed over it for {}: {figures}", told(span));
        let limit = format!("below {}", audio.original_dubbed_from_db);
        Answer::held(false, detail).figure(found.added_db, "dB", limit)
    } else {
        let detail = if found.added_db > ADDED_HEARD_DB {
            format!("{figures}; something is mixed in, {:.0} dB below it", -found.added_db)
        } else {
            figures
        };
        Answer::held(true, detail).figure(
            changed,
            "ms",
            format!("at most {}", audio.original_changed_max_ms),
        )
    };
    answer
        .at(&found.missing, "missing")
        .at(&found.replaced, "replaced")
        .at(&found.dubbed, "dubbed over")
}

/// What is added below this may be lossy coding, dB against the recording's sound.
const ADDED_HEARD_DB: f64 = -16.0;

/// `audio.dropout`: muted or cut off.
pub(super) fn audio_dropout(look: &Look<'_>) -> Answer {
    if let Some(answer) = without_sound(look) {
        return answer;
    }
    let limit = look.policy.audio.dropout_max_s;
    let spans = look.facts.evidence.dropouts(look.policy);
    let detail = match longest(&spans) {
        Some(span) => format!("the sound is cut off for {}", told(span)),
        None => format!("the sound is never cut off for {limit} s"),
    };
    Answer::held(spans.is_empty(), detail)
        .figure(longest(&spans).map_or(0.0, Span::seconds), "s", format!("below {limit}"))
        .at(&spans, "no sound")
}

/// `audio.clean`: clipped samples, and speech against noise where someone speaks.
pub(super) fn audio_clean(look: &Look<'_>) -> Answer {
    if let Some(answer) = without_sound(look) {
        return answer;
    }
    let audio = &look.policy.audio;
    let sound = &look.facts.evidence.sound;
    let clipped = sound.clipped_share_worst();
    let clipping = format!("{:.2} % of samples are clipped in the worst 10 s", clipped * 100.0);
    if clipped > audio.clipped_share_max {
        return Answer::held(false, clipping)
            .figure(clipped * 100.0, "%", format!("at most {}", audio.clipped_share_max * 100.0))
            .at(&look.facts.evidence.clipped(), "clipped");
    }
    let evidence = look.facts.evidence;
    let Some(found) = evidence.speech_to_noise() else {
        return Answer::unknown(format!("{clipping}; nobody speaks, so noise cannot be told"));
    };
    let least = audio.speech_to_noise_min_db;
    let mut detail =
        format!("speech stands {:.1} dB above what lies under it; {clipping}", found.ratio_db);
    if let Some(hum) = evidence.hum() {
        let share = 10f64.powf((hum.level_db - found.noise_db) / 10.0).min(1.0);
        detail.push_str(&format!(
            "; mains hum of {} Hz is {:.0} % of the noise",
            hum.mains_hertz,
            share * 100.0
        ));
    }
    let outcome = if found.ratio_db >= least {
        Outcome::Pass
    } else if found.tonal || evidence.music().share >= MUSIC_UNDER_SPEECH {
        detail.push_str("; what lies under it has pitch, as music has");
        Outcome::Pass
    } else {
        Outcome::Fail
    };
    Answer::new(outcome, detail).figure(found.ratio_db, "dB", format!("at least {least}"))
}

/// Share of the time with music from which it is what lies under the speech.
const MUSIC_UNDER_SPEECH: f64 = 0.3;

/// `audio.music_rights`: music recognisably in the background, rights unknown.
pub(super) fn audio_music_rights(look: &Look<'_>) -> Answer {
    if !look.facts.has_audio || !look.facts.evidence.has_sound() {
        return Answer::unknown("the clip has no sound");
    }
    let limit = look.policy.audio.music_share_max;
    let music = look.facts.evidence.music();
    let percent = music.share * 100.0;
    let detail = if music.places.is_empty() {
        "no music is heard".to_owned()
    } else {
        format!("music is heard in {percent:.0} % of the clip; whether it may be used is not known")
    };
    Answer::held(music.share <= limit, detail)
        .figure(percent, "%", format!("at most {}", limit * 100.0))
        .at(&music.places, "music")
}

/// `audio.level`: spread of short-term loudness in speech, integrated loudness, true peak.
pub(super) fn audio_level(look: &Look<'_>) -> Answer {
    if let Some(answer) = without_sound(look) {
        return answer;
    }
    let audio = &look.policy.audio;
    let sound = &look.facts.evidence.sound;
    let loudness = sound.loudness();
    let Some(integrated) = loudness.integrated_lufs else {
        return Answer::held(false, "the sound is silent: below -70 LUFS throughout").figure(
            -70.0,
            "LUFS",
            format!("{} to {}", audio.loudness_min_lufs, audio.loudness_max_lufs),
        );
    };
    let figures = format!(
        "{integrated:.1} LUFS integrated, short-term loudness in speech spreads over {}, true peak {:.1} dBTP",
        loudness.spread_lu.map_or("an unknown range".to_owned(), |lu| format!("{lu:.1} LU")),
        sound.true_peak_db
    );
    let spread = loudness.spread_lu.unwrap_or(0.0);
    if spread > audio.spread_max_lu {
        return Answer::held(false, format!("the volume changes: {figures}")).figure(
            spread,
            "LU",
            format!("at most {}", audio.spread_max_lu),
        );
    }
    let range = format!("{} to {}", audio.loudness_min_lufs, audio.loudness_max_lufs);
    let clips = sound.clipped_share_worst() > audio.clipped_share_max;
    let (outcome, detail) = if integrated < audio.loudness_min_lufs {
        (Outcome::Fail, format!("too quiet: {figures}"))
    } else if integrated > audio.loudness_max_lufs && clips {
        (Outcome::Fail, format!("too loud, and clipped: {figures}"))
    } else if integrated > audio.loudness_max_lufs {
        (
            Outcome::Pass,
            format!("loud, but not clipped; a lower level would sound better: {figures}"),
        )
    } else {
        (Outcome::Pass, figures)
    };
    Answer::new(outcome, detail).figure(integrated, "LUFS", range)
}

/// The answer of every rule of the sound where there is none.
fn without_sound(look: &Look<'_>) -> Option<Answer> {
    let facts = look.facts;
    if facts.has_audio && facts.evidence.has_sound() {
        return None;
    }
    Some(match facts.source {
        Some(source) if source.has_audio => {
            Answer::held(false, "the recording has sound, but the clip has none")
        }
        Some(_) => Answer::unknown(NO_SOUND),
        None => Answer::unknown("the clip has no sound"),
    })
}
