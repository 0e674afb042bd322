//! The canonical event log: one thing that happened in a LIVE a line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::money::Money;
use crate::time::WallTime;

/// One line of the log. Fields that are not known are kept in `extra`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    "order", "viewers", "like", "comment", "share", "follow", "gift", "product_click", "pin",
    "unpin", "flash_sale", "giveaway", "billboard", "stock", "comment_pinned", "comment_reply",
    "violation", "rehearsal", "minute",
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_kept() {
        let line = r#"{"at":"2026-11-20T12:00:03Z","type":"like","count":3,"source":"app"}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.kind, EventKind::Like { count: 3 });
        let back = serde_json::to_value(&event).unwrap();
        assert_eq!(back, serde_json::from_str::<Value>(line).unwrap());
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
