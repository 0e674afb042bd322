//! The seller's own picture for remixes.

use axum::http::{Method, StatusCode, header};
use reprise_publish::Brand;
use reprise_remix::check_picture;

use crate::ask::{Ask, Reply};
use crate::problem::{Answer, Problem};
use crate::route::{Route, Who};

const TYPES: [&str; 3] = ["image/png", "image/jpeg", "image/webp"];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/brand", "getBrand", "The picture that stands for the brand", get)
            .who(Who::Owners)
            .gives_bytes("image/*"),
        Route::new(
            Method::PUT,
            "/brand",
            "putBrand",
            "Keep a picture for the brand: PNG, JPEG or WebP, at most 4 MiB and 4096 pixels a side",
            put,
        )
        .takes_bytes("image/*")
        .status(204),
        Route::new(Method::DELETE, "/brand", "deleteBrand", "Take the picture away", remove)
            .status(204),
    ]
}

fn brand<'a>(ask: &'a Ask<'_>) -> Brand<'a> {
    Brand::new(ask.app.store.as_ref(), ask.seller())
}

fn get(ask: &Ask<'_>) -> Answer<Reply> {
    let picture = brand(ask).get()?.ok_or_else(Problem::not_found)?;
    let kind = match picture.as_slice() {
        [0x89, b'P', ..] => TYPES[0],
        [0xff, 0xd8, ..] => TYPES[1],
        _ => TYPES[2],
    };
    Ok(Reply::picture(picture, kind))
}

fn put(ask: &Ask<'_>) -> Answer<Reply> {
    let kind = ask.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| TYPES.contains(&kind)) {
        let detail = format!("send the picture as one of {}", TYPES.join(", "));
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no_picture", detail));
    }
    check_picture(ask.body)?;
    brand(ask).put(ask.body)?;
    Ok(Reply::nothing())
}

fn remove(ask: &Ask<'_>) -> Answer<Reply> {
    brand(ask).remove()?;
    Ok(Reply::nothing())
}
