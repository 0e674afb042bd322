//! A route of the API: what answers it, and what the OpenAPI document says of it. One table makes both.

use axum::http::Method;
use reprise_model::{Error, Kind};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::ask::{Ask, Reply};
use crate::problem::Answer;

/// Makes the schema of a type.
pub(crate) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Everybody.
    Anyone,
    /// Whoever has a key.
    Guests,
    /// Whoever has an owner's key.
    Owners,
}

/// What answers.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    /// A handler, on a thread that may block.
    Answer(fn(&Ask<'_>) -> Answer<Reply>),
    /// The events of the job in the path.
    Follow,
}

/// A parameter of the query.
#[derive(Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) words: &'static str,
    pub(crate) shape: Shape,
}

/// What pages take.
pub(crate) const PAGED: &[Parameter] = &[
    Parameter { name: "limit", words: "Items at most, 1 to 200. Default 50.", shape: shape::<u8> },
    Parameter {
        name: "cursor",
        words: "`next_cursor` of the page before.",
        shape: shape::<String>,
    },
];

/// A route.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Below `/api/v1`.
    pub(crate) path: &'static str,
    /// The operation's name.
    pub(crate) id: &'static str,
    pub(crate) words: &'static str,
    pub(crate) who: Who,
    pub(crate) query: &'static [Parameter],
    pub(crate) body: Option<Shape>,
    /// Of a body that is no JSON.
    pub(crate) bytes: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) answer: Option<Shape>,
    /// Whether it takes an idempotency key.
    pub(crate) keyed: bool,
    pub(crate) does: Does,
}

/// The schema of a type.
pub(crate) fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Route {
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        id: &'static str,
        words: &'static str,
        handler: fn(&Ask<'_>) -> Answer<Reply>,
    ) -> Self {
        let who = if method == Method::GET { Who::Guests } else { Who::Owners };
        Self {
            method,
            path,
            id,
            words,
            who,
            query: &[],
            body: None,
            bytes: None,
            status: 200,
            content_type: "application/json",
            answer: None,
            keyed: false,
            does: Does::Answer(handler),
        }
    }

    pub(crate) fn get(
        path: &'static str,
        id: &'static str,
        words: &'static str,
        handler: fn(&Ask<'_>) -> Answer<Reply>,
    ) -> Self {
        Self::new(Method::GET, path, id, words, handler)
    }

    pub(crate) fn who(self, who: Who) -> Self {
        Self { who, ..self }
    }

    pub(crate) fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some(shape::<T>), ..self }
    }

    pub(crate) fn takes_bytes(self, content_type: &'static str) -> Self {
        Self { bytes: Some(content_type), ..self }
    }

    pub(crate) fn gives<T: JsonSchema>(self) -> Self {
        Self { answer: Some(shape::<T>), ..self }
    }

    pub(crate) fn gives_bytes(self, content_type: &'static str) -> Self {
        Self { content_type, answer: None, ..self }
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn keyed(self) -> Self {
        Self { keyed: true, ..self }
    }

    pub(crate) fn follows(self) -> Self {
        Self { does: Does::Follow, content_type: "text/event-stream", ..self }
    }

    /// Names in the path's braces, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

/// What no handler can be blamed for.
pub(crate) fn defect(words: &str) -> Error {
    Error::new(Kind::Bug, words)
}
