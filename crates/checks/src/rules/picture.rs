//! `picture.*`: advice on how the picture looks.

use super::{Answer, Look};

/// `picture.sharp`: sharp edges where the picture is sharpest; exposure and blocks are told.
pub(super) fn picture_sharp(look: &Look<'_>) -> Answer {
    let clarity = &look.facts.evidence.clarity;
    let limits = &look.policy.picture;
    let (Some((burnt, crushed, _)), Some(blocking)) = (clarity.exposure(), clarity.blocking())
    else {
        return Answer::unknown("how the pictures look was not measured");
    };
    let Some(edge_px) = clarity.edge_width_px() else {
        return Answer::unknown("the pictures have too few edges to tell whether they are sharp");
    };
    let mut detail = if edge_px <= limits.edge_width_max_px {
        format!("edges are {edge_px:.1} px wide where the picture is sharpest")
    } else {
        format!("the picture is soft: edges are {edge_px:.1} px wide even where it is sharpest")
    };
    if burnt > limits.burnt_share_max {
        detail.push_str(&format!("; {:.0} % of it is burnt to white", burnt * 100.0));
    }
    if crushed > limits.crushed_share_max {
        detail.push_str(&format!("; {:.0} % of it is black", crushed * 100.0));
    }
    if blocking > limits.blocking_max {
        detail.push_str("; coding blocks are seen");
    }
    let clear = clarity.image_clear(look.policy).unwrap_or(true);
    let limit = format!("at most {}", limits.edge_width_max_px);
    Answer::held(clear, detail).figure(edge_px, "px", limit)
}

/// `picture.steady`: the share of the time in which the whole picture shakes.
pub(super) fn picture_steady(look: &Look<'_>) -> Answer {
    let clarity = &look.facts.evidence.clarity;
    let limits = &look.policy.picture;
    let Some((spans, share)) = clarity.shakes(look.policy) else {
        return Answer::unknown("the movement of the picture was not measured");
    };
    let percent = share * 100.0;
    let detail = if spans.is_empty() {
        "the picture is steady".to_owned()
    } else {
        format!("the picture shakes in {percent:.0} % of the time")
    };
    Answer::held(share <= limits.shake_share_max, detail)
        .figure(percent, "%", format!("at most {}", limits.shake_share_max * 100.0))
        .at(&spans, "shakes")
}
