//! The canonical event log: one thing that happened in a LIVE a line.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::money::Money;
use crate::time::WallTime;

/// One line of the log. Fields that are not known are kept in `extra`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "Reprise event")]
pub struct Event {
    /// When it happened.
    pub at: WallTime,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
    /// Fields that Reprise does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

// Written by hand: of two flattened fields serde gives the second one all that the first one read
// as well, and a line written from that would name its fields twice and not be readable again.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Line {
            at: WallTime,
            #[serde(flatten)]
            kind: EventKind,
            #[serde(flatten)]
            extra: Map<String, Value>,
        }
        let Line { at, kind, mut extra } = Line::deserialize(deserializer)?;
        let known = kind.fields();
        extra.retain(|key, _| key != "type" && !known.contains(&key.as_str()));
        Ok(Self { at, kind, extra })
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// An order was placed.
    Order(Order),
    /// Viewer figures.
    Viewers {
        /// Watching now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        concurrent: Option<u64>,
        /// Came in since the last such event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entered: Option<u64>,
        /// Times the LIVE was shown since the last such event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        impressions: Option<u64>,
    },
    /// Likes since the last such event.
    Like {
        /// How many.
        #[serde(default = "one")]
        count: u64,
    },
    /// A comment, or only its length where the text may not be kept.
    Comment {
        /// Keyed hash of who wrote it (or the export's own opaque id).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// What was written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// Characters written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// The LIVE was shared.
    Share {
        /// How often.
        #[serde(default = "one")]
        count: u64,
    },
    /// Viewers followed the creator.
    Follow {
        /// How many.
        #[serde(default = "one")]
        count: u64,
    },
    /// Gifts were sent.
    Gift {
        /// How many.
        #[serde(default = "one")]
        count: u64,
        /// What they are worth.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Value>,
    },
    /// Viewers opened a product.
    ProductClick {
        /// Which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        product_id: Option<String>,
        /// How many.
        #[serde(default = "one")]
        count: u64,
    },
    /// The host pinned a product.
    Pin {
        /// Which.
        product_id: String,
    },
    /// The host unpinned a product (or whatever was pinned).
    Unpin {
        /// Which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        product_id: Option<String>,
    },
    /// A flash sale started or ended.
    FlashSale {
        /// Start or end.
        state: Edge,
        /// Of which product.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        product_id: Option<String>,
    },
    /// A giveaway started or ended.
    Giveaway {
        /// Start or end.
        state: Edge,
        /// What viewers must write to enter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keyword: Option<String>,
        /// How one enters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<GiveawayEntry>,
        /// Of which product.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        product_id: Option<String>,
        /// How many win.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        winners: Option<u64>,
    },
    /// A billboard was shown or hidden.
    Billboard {
        /// Start or end.
        state: Edge,
        /// What it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// How many of a product are left.
    Stock {
        /// Which.
        product_id: String,
        /// How many.
        left: u64,
    },
    /// The host pinned a comment.
    CommentPinned {},
    /// The host answered a comment.
    CommentReply {},
    /// The platform flagged the LIVE.
    Violation {
        /// Which rule of the platform's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    /// Practice mode began or ended; what lies inside is not LIVE.
    Rehearsal {
        /// Start or end.
        state: Edge,
    },
    /// The figures of one minute, from an analytics table (coarse data).
    Minute(Minute),
}

impl EventKind {
    /// The fields of this kind beside `at` and `type`.
    pub const fn fields(&self) -> &'static [&'static str] {
        match self {
            Self::Order(_) => {
                &["order_id", "product_id", "quantity", "amount", "status", "created_at", "paid_at"]
            }
            Self::Viewers { .. } => &["concurrent", "entered", "impressions"],
            Self::Like { .. } | Self::Share { .. } | Self::Follow { .. } => &["count"],
            Self::Comment { .. } => &["user", "text", "length"],
            Self::Gift { .. } => &["count", "value"],
            Self::ProductClick { .. } => &["product_id", "count"],
            Self::Pin { .. } | Self::Unpin { .. } => &["product_id"],
            Self::FlashSale { .. } => &["state", "product_id"],
            Self::Giveaway { .. } => &["state", "keyword", "entry", "product_id", "winners"],
            Self::Billboard { .. } => &["state", "text"],
            Self::Stock { .. } => &["product_id", "left"],
            Self::CommentPinned {} | Self::CommentReply {} => &[],
            Self::Violation { .. } => &["rule"],
            Self::Rehearsal { .. } => &["state"],
            Self::Minute(_) => {
                &["gmv", "orders", "views", "viewers", "likes", "comments", "product_clicks"]
            }
        }
    }
}

fn one() -> u64 {
    1
}

/// Beginning or end of something that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Edge {
    /// It begins.
    Start,
    /// It is over.
    End,
}

/// How one enters a giveaway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GiveawayEntry {
    /// By writing the keyword.
    Comment,
    /// By following.
    Follow,
    /// By both.
    Both,
    /// Everyone is in.
    None,
}

/// An order, or one line of an order with several products.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The platform's number.
    pub order_id: String,
    /// What was ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// How many.
    #[serde(default = "one")]
    pub quantity: u64,
    /// What the buyer owes for all of them.
    pub amount: Money,
    /// What became of it.
    #[serde(default)]
    pub status: OrderStatus,
    /// When it was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<WallTime>,
    /// When it was paid; platforms collect payments in batches, so this may be late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<WallTime>,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Paid.
    #[default]
    Paid,
    /// Not paid yet.
    Unpaid,
    /// Cancelled.
    Cancelled,
    /// Paid and given back.
    Refunded,
}

impl OrderStatus {
    /// Whether the money stays with the seller (net GMV counts only these).
    pub const fn is_net(self) -> bool {
        matches!(self, Self::Paid)
    }
}

/// Sums over the minute that begins at the event's time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Minute {
    /// Money ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gmv: Option<Money>,
    /// Orders placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<u64>,
    /// Times the LIVE was viewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<u64>,
    /// Watching at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewers: Option<u64>,
    /// Likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likes: Option<u64>,
    /// Comments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments: Option<u64>,
    /// Product clicks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_clicks: Option<u64>,
}

/// The names that `type` may have, for telling an unknown type from a broken line.
pub const EVENT_TYPES: [&str; 19] = [
    "order",
    "viewers",
    "like",
    "comment",
    "share",
    "follow",
    "gift",
    "product_click",
    "pin",
    "unpin",
    "flash_sale",
    "giveaway",
    "billboard",
    "stock",
    "comment_pinned",
    "comment_reply",
    "violation",
    "rehearsal",
    "minute",
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_kept() {
        let line = r#"{"at":"2026-11-20T12:00:03Z","type":"like","count":3,"source":"app"}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.kind, EventKind::Like { count: 3 });
        assert_eq!(event.extra.keys().collect::<Vec<_>>(), ["source"]);
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(text, line);
    }

    #[test]
    fn every_kind_with_every_field_comes_back() {
        let lines = [
            r#""type":"order","order_id":"o","product_id":"p","quantity":2,"amount":{"value":"1.50","currency":"USD"},"status":"paid","created_at":"2026-11-20T12:00:03Z","paid_at":"2026-11-20T12:00:03Z""#,
            r#""type":"viewers","concurrent":1,"entered":2,"impressions":3"#,
            r#""type":"like","count":1"#,
            r#""type":"comment","user":"u","text":"t","length":1"#,
            r#""type":"share","count":1"#,
            r#""type":"follow","count":1"#,
            r#""type":"gift","count":1,"value":5"#,
            r#""type":"product_click","product_id":"p","count":1"#,
            r#""type":"pin","product_id":"p""#,
            r#""type":"unpin","product_id":"p""#,
            r#""type":"flash_sale","state":"start","product_id":"p""#,
            r#""type":"giveaway","state":"end","keyword":"k","entry":"both","product_id":"p","winners":1"#,
            r#""type":"billboard","state":"start","text":"t""#,
            r#""type":"stock","product_id":"p","left":1"#,
            r#""type":"comment_pinned""#,
            r#""type":"comment_reply""#,
            r#""type":"violation","rule":"r""#,
            r#""type":"rehearsal","state":"end""#,
            r#""type":"minute","gmv":{"value":"1","currency":"USD"},"orders":1,"views":2,"viewers":3,"likes":4,"comments":5,"product_clicks":6"#,
        ];
        let mut types = Vec::new();
        for line in lines.map(|line| format!(r#"{{"at":"2026-11-20T12:00:03Z",{line}}}"#)) {
            let event: Event = serde_json::from_str(&line).unwrap();
            assert!(event.extra.is_empty(), "{line}: {:?}", event.extra);
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
            let value: Value = serde_json::from_str(&line).unwrap();
            types.push(value["type"].as_str().unwrap().to_owned());
            assert_eq!(value.as_object().unwrap().len(), event.kind.fields().len() + 2, "{line}");
        }
        assert_eq!(types, EVENT_TYPES);
    }

    #[test]
    fn an_order_is_read() {
        let line = r#"{"at":"2026-11-20T12:00:36.192Z","type":"order","order_id":"o1","product_id":"p","quantity":2,"amount":{"value":"41.76","currency":"USD"},"status":"refunded"}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        let EventKind::Order(order) = event.kind else { panic!("{event:?}") };
        assert!(!order.status.is_net());
        assert_eq!(order.amount.to_string(), "41.76 USD");
    }
}
