//! The report of a session: one page that opens from the disk and needs no network.

mod bins;
mod chart;
mod clips;
mod page;
mod tables;
mod text;
mod verdicts;

use reprise_model::clip::Clip;
use reprise_model::outcome::SessionOutcome;
use reprise_model::series::{Mark, Series};
use reprise_model::session::Product;

/// What the report shows.
#[derive(Clone, Copy, Debug)]
pub struct ReportData<'a> {
    /// Heading; the session's id where it is not given.
    pub title: Option<&'a str>,
    /// What `session.json` says.
    pub outcome: &'a SessionOutcome,
    /// The clips that ship, in the moments' order; their files lie in `clips/<clip id>/`.
    pub clips: &'a [Clip],
    /// Rejected clips that were kept; their files lie in `rejected/<clip id>/`.
    pub rejected: &'a [Clip],
    /// Figures per second; may be empty.
    pub series: &'a Series,
    /// Pins, sales, giveaways and so on.
    pub marks: &'a [Mark],
    /// The session's products, for their names.
    pub products: &'a [Product],
    /// IANA time zone of the LIVE; UTC where it is not given or not known.
    pub timezone: Option<&'a str>,
}

impl<'a> ReportData<'a> {
    /// A product's name, or its id where the session does not list it.
    fn product_title(&self, id: &'a str) -> &'a str {
        self.products.iter().find(|product| product.id == id).map_or(id, |product| &product.title)
    }
}

/// The page: HTML whose links are relative to the session's folder. The same data gives the same
/// bytes. Texts from outside are escaped, and a content policy lets only the page's own script run.
pub fn render(data: &ReportData<'_>) -> String {
    page::page(data)
}
