//! The OpenAPI 3.1 document, from the table of routes and the types that they take and give.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::BASE;
use crate::problem::Problem;
use crate::route::{Route, Who};

/// The document.
pub(crate) fn document(routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let path = paths.entry(format!("{BASE}{}", route.path)).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(
                route.method.as_str().to_ascii_lowercase(),
                operation(route, &mut generator),
            );
        }
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Reprise",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Highlights of recorded LIVE shopping sessions, and remixes of them",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "A key that `reprise keys add` made." },
            },
            "schemas": schemas,
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457).",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
        },
    })
}

const DESCRIPTION: &str = "A key belongs to one seller; what is another's answers 404, like what is not \
there. A guest's key sees LIVEs whose manifest gives consent, with figures as estimated ranges. \
`RateLimit-Limit` and `RateLimit-Remaining` say how many requests may follow at once.";

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut parameters: Vec<Value> = route
        .names()
        .map(|name| {
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "schema": { "type": "string", "minLength": 1, "maxLength": 128 },
            })
        })
        .collect();
    for parameter in route.query {
        parameters.push(json!({
            "name": parameter.name,
            "in": "query",
            "description": parameter.words,
            "schema": (parameter.shape)(generator),
        }));
    }
    if route.keyed {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": true,
            "description": "Of your own choice, a new one for each new wish; a repeat makes nothing twice, and with another body it is refused (422).",
            "schema": { "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$" },
        }));
    }
    let mut responses = Map::new();
    let mut good = json!({ "description": "Done." });
    if let Some(shape) = route.answer {
        good["content"] = json!({ route.content_type: { "schema": shape(generator) } });
    } else if route.status != 204 {
        good["content"] = json!({ route.content_type: {} });
    }
    if [201, 202].contains(&route.status) {
        good["headers"] = json!({ "Location": { "description": "Where it is.", "schema": { "type": "string" } } });
    }
    responses.insert(route.status.to_string(), good);
    // PUT also replaces.
    if route.status == 201 && route.method == "PUT" {
        let replaced = responses.get("201").cloned().unwrap_or_default();
        responses.insert("200".to_owned(), replaced);
    }
    let has_body = route.body.is_some() || route.bytes.is_some();
    for (status, applies) in [
        ("400", true),
        ("401", route.who != Who::Anyone),
        ("403", route.who == Who::Owners),
        ("404", true),
        ("409", route.status == 202 || route.method == "DELETE"),
        ("413", has_body),
        ("415", has_body),
        ("422", has_body),
        ("429", true),
        ("503", true),
    ] {
        if applies {
            let problem = json!({ "$ref": "#/components/responses/Problem" });
            responses.insert(status.to_owned(), problem);
        }
    }
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.words,
        "parameters": parameters,
        "responses": responses,
    });
    if route.who == Who::Anyone {
        operation["security"] = json!([]);
    }
    if let Some(shape) = route.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": shape(generator) } },
        });
    }
    if let Some(content_type) = route.bytes {
        let binary = json!({ "schema": { "type": "string", "format": "binary" } });
        operation["requestBody"] = json!({ "required": true, "content": { content_type: binary } });
    }
    operation
}
