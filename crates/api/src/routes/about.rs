//! Who calls, which templates there are, and the API's own description.

use reprise_model::Result;
use reprise_remix::Template;

use crate::ask::{Ask, Page, Reply};
use crate::problem::Answer;
use crate::route::{Route, Who};
use crate::shapes::{Me, ShownTemplate};

/// Colours that a template is shown by.
const SWATCHES: usize = 4;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/openapi.json", "getOpenApi", "This API's description (OpenAPI 3.1)", openapi)
            .who(Who::Anyone),
        Route::get("/me", "getMe", "Whose key it is", me).gives::<Me>(),
        Route::get("/templates", "listTemplates", "Templates of remixes", templates)
            .gives::<Page<ShownTemplate>>(),
    ]
}

fn openapi(ask: &Ask<'_>) -> Answer<Reply> {
    Ok(Reply::json_bytes(ask.app.openapi.clone()))
}

fn me(ask: &Ask<'_>) -> Answer<Reply> {
    Reply::json(&Me {
        seller: ask.seller().to_owned(),
        role: ask.caller.role.as_str().to_owned(),
        name: ask.caller.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn templates(_: &Ask<'_>) -> Answer<Reply> {
    let all: Vec<Template> = Template::names().map(Template::built_in).collect::<Result<_>>()?;
    let shown = |template: Template| {
        let effects = template.effects();
        let mut colours: Vec<String> = Vec::new();
        for layer in &template.layers {
            for name in layer.fill.iter().chain([&layer.ink]) {
                // `#rrggbbaa`: the page draws swatches without the last two.
                let colour = template.colour(Some(name)).map(String::from);
                let colour = colour.and_then(|colour| colour.get(..7).map(str::to_owned));
                colours.extend(colour.filter(|colour| !colours.contains(colour)));
            }
        }
        colours.truncate(SWATCHES);
        let Template { name, title, about, sound, .. } = template;
        ShownTemplate { name, title, about, music: sound.music, effects, colours }
    };
    Reply::json(&Page { items: all.into_iter().map(shown).collect(), next_cursor: None })
}
