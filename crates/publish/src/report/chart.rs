//! What happened when, as one drawing: panels over a shared time axis, moments as bands, marks in
//! lanes below.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reprise_model::series::MarkKind;
use reprise_model::{MediaTime, Span};

use super::ReportData;
use super::bins::Bins;
use super::text::{
    clock, count, esc, fault_words, grade_words, link_part, money_of, num, seconds, sentence_case,
    short_num,
};

/// Widths that the chart is drawn for; the style sheet shows the one that fits, so that the letters
/// stay legible on a phone.
pub(super) const WIDTHS: [Width; 3] = [
    Width { name: "narrow", width: 344.0, left: 44.0, bins_max: 60, ticks_max: 4 },
    Width { name: "middle", width: 680.0, left: 52.0, bins_max: 100, ticks_max: 7 },
    Width { name: "wide", width: 1080.0, left: 60.0, bins_max: 120, ticks_max: 11 },
];

/// One drawing's measures, in its own units.
pub(super) struct Width {
    name: &'static str,
    width: f64,
    left: f64,
    bins_max: usize,
    ticks_max: usize,
}

const RIGHT: f64 = 10.0;
const BADGE_ROW: f64 = 22.0;
const PANEL_TITLE: f64 = 24.0;
const PANEL_GAP: f64 = 10.0;
const LANE_TITLE: f64 = 19.0;
const LANE_BAR: f64 = 16.0;
/// Moments with a badge; the bands of the rest are drawn without.
const BADGES_MAX: u32 = 30;
/// Distances between two ticks, seconds.
const TICKS_S: [usize; 12] = [5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400];

/// The drawing for one width; empty where there is no time to draw.
pub(super) fn draw(data: &ReportData<'_>, total_s: usize, width: &Width) -> String {
    if total_s == 0 {
        return String::new();
    }
    let bins = Bins::new(data.series, total_s, width.bins_max);
    Drawing { data, bins: &bins, width, out: String::new() }.run()
}

/// The texts that the script shows over the chart, one list of lines a bin.
pub(super) fn hover_texts(data: &ReportData<'_>, bins: &Bins) -> Vec<Vec<String>> {
    (0..bins.len())
        .map(|index| {
            let span = bin_span(bins, index);
            let mut lines = vec![format!("{} to {}", clock(span.start), clock(span.end))];
            if !data.series.gmv.is_empty() {
                lines.push(format!("GMV {}", money_of(bins.gmv[index], data.series.currency)));
                lines.push(count(bins.orders[index], "order", "orders"));
            }
            if !data.series.viewers.is_empty() {
                lines.push(format!("{} viewers at once (mean)", num(bins.viewers[index].round())));
            }
            lines.push(format!(
                "{} likes, {} comments",
                num(bins.likes[index].round()),
                num(bins.comments[index].round())
            ));
            for moment in data.outcome.moments.iter().filter(|m| m.span.overlaps(span)) {
                lines.push(format!("Moment {}", moment.rank));
            }
            for mark in data.marks.iter().filter(|m| touches(m.span, span)) {
                lines.push(format!(
                    "{}: {}",
                    lane_words(mark.kind),
                    label(data, mark.kind, &mark.label)
                ));
            }
            lines
        })
        .collect()
}

/// The lane of a kind of mark.
pub(super) const fn lane_words(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Pin => "Pinned product",
        MarkKind::FlashSale => "Flash sale",
        MarkKind::Giveaway => "Giveaway",
        MarkKind::Billboard => "Billboard",
        MarkKind::Violation => "Violation flagged by the platform",
        MarkKind::Rehearsal => "Practice mode (not LIVE)",
    }
}

fn touches(mark: Span, bin: Span) -> bool {
    mark.overlaps(bin) || bin.contains(mark.start)
}

fn bin_span(bins: &Bins, index: usize) -> Span {
    let (start, end) = bins.span(index);
    Span::from_seconds(start as f64, end as f64)
}

/// A mark's label: a product by its name.
fn label<'a>(data: &ReportData<'a>, kind: MarkKind, label: &'a str) -> &'a str {
    match kind {
        MarkKind::Pin | MarkKind::FlashSale | MarkKind::Giveaway => data.product_title(label),
        MarkKind::Billboard | MarkKind::Violation | MarkKind::Rehearsal => label,
    }
}

/// A bar of a lane.
struct Bar {
    span: Span,
    class: &'static str,
    text: String,
    title: String,
}

struct Drawing<'a> {
    data: &'a ReportData<'a>,
    bins: &'a Bins,
    width: &'a Width,
    out: String,
}

impl Drawing<'_> {
    fn run(mut self) -> String {
        let panels = self.panels();
        let lanes = self.lanes();
        let mut y = if self.data.outcome.moments.is_empty() { 4.0 } else { self.badge_rows() };
        let top = y;
        let heights: f64 = panels.iter().map(|(.., height)| PANEL_TITLE + height + PANEL_GAP).sum();
        let panels_end = if panels.is_empty() { y + PANEL_GAP } else { y + heights - PANEL_GAP };
        // Lines first, so that nothing is crossed out by them. Screen readers have the table.
        self.push("<g aria-hidden=\"true\">".to_owned());
        self.ticks(top, panels_end);
        for (title, values, class, height) in &panels {
            self.panel(y, *height, title, values, class);
            y += PANEL_TITLE + height + PANEL_GAP;
        }
        self.push("</g>".to_owned());
        y = panels_end + 24.0;
        for (title, bars) in &lanes {
            y = self.lane(y, title, bars);
        }
        let height = y + 6.0;
        // Bands lie below what they shade.
        let bands = self.bands(top, panels_end);
        let (plot_left, plot_width) = (self.width.left, self.plot_width());
        format!(
            "<svg class=\"chart chart-{name}\" viewBox=\"0 0 {w} {height:.0}\" role=\"group\" \
             aria-label=\"{label}\" data-left=\"{l:.5}\" data-width=\"{pw:.5}\">{bands}{body}\
             <line class=\"cursor\" x1=\"{plot_left}\" x2=\"{plot_left}\" y1=\"{top}\" y2=\"{panels_end:.1}\"/></svg>",
            name = self.width.name,
            body = self.out,
            w = self.width.width,
            label = esc(&self.description()),
            l = plot_left / self.width.width,
            pw = plot_width / self.width.width,
        )
    }

    fn panels(&self) -> Vec<(String, Vec<f64>, &'static str, f64)> {
        let series = self.data.series;
        let step = step_words(self.bins.step_s);
        let unit = series.currency.map_or_else(|| "money".to_owned(), |c| c.to_string());
        let mut panels = Vec::new();
        if !series.gmv.is_empty() {
            panels.push((
                format!("GMV, {unit} in each {step}"),
                self.bins.gmv.clone(),
                "gmv",
                150.0,
            ));
        }
        if !series.viewers.is_empty() {
            panels.push(("Viewers at once".to_owned(), self.bins.viewers.clone(), "viewers", 80.0));
        }
        if !series.likes.is_empty() || !series.comments.is_empty() {
            let title = format!("Likes and comments in each {step}");
            panels.push((title, self.bins.engagement(), "engagement", 80.0));
        }
        panels
    }

    fn panel(&mut self, y: f64, height: f64, title: &str, values: &[f64], class: &str) {
        let (left, right) = (self.width.left, self.width.width - RIGHT);
        let floor = y + PANEL_TITLE + height;
        let (step, steps) = axis(values.iter().copied().fold(0.0, f64::max));
        let scale = height / (step * steps as f64);
        self.push(format!(
            "<text class=\"panel-title\" x=\"{left}\" y=\"{:.1}\">{}</text>",
            y + 15.0,
            esc(title)
        ));
        for index in 0..=steps {
            let line = floor - index as f64 * step * scale;
            let class = if index == 0 { "axis" } else { "grid" };
            self.push(format!(
                "<line class=\"{class}\" x1=\"{left}\" x2=\"{right}\" y1=\"{line:.1}\" y2=\"{line:.1}\"/>\
                 <text class=\"tick\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                left - 6.0,
                line + 4.0,
                short_num(index as f64 * step),
            ));
        }
        if class == "gmv" {
            for (index, &value) in values.iter().enumerate().filter(|(_, v)| **v > 0.0) {
                let span = bin_span(self.bins, index);
                let (from, to) = (self.x(span.start), self.x(span.end));
                let gap = ((to - from) * 0.15).min(1.5);
                self.push(format!(
                    "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                    from + gap / 2.0,
                    floor - value * scale,
                    (to - from - gap).max(0.5),
                    value * scale,
                ));
            }
            return;
        }
        let middle = |index: usize| {
            let span = bin_span(self.bins, index);
            (self.x(span.start) + self.x(span.end)) / 2.0
        };
        let mut line = String::new();
        for (index, value) in values.iter().enumerate() {
            let command = if index == 0 { "M" } else { "L" };
            let _ = write!(line, "{command}{:.1} {:.1}", middle(index), floor - value * scale);
        }
        let (first, last) = (middle(0), middle(values.len().saturating_sub(1)));
        self.push(format!(
            "<path class=\"area {class}\" d=\"{line}L{last:.1} {floor:.1}L{first:.1} {floor:.1}Z\"/>\
             <path class=\"line {class}\" d=\"{line}\"><title>{}</title></path>",
            esc(title)
        ));
    }

    fn ticks(&mut self, top: f64, bottom: f64) {
        let total = self.bins.total_s;
        let step =
            TICKS_S.iter().find(|s| total / **s <= self.width.ticks_max).copied().unwrap_or(28_800);
        for tick in (0..=total).step_by(step) {
            let time = MediaTime::from_seconds(tick as f64);
            let x = self.x(time);
            // The last label must not leave the drawing.
            let anchor = if x > self.width.width - 30.0 { "end" } else { "middle" };
            self.push(format!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{:.1}\"/>\
                 <text class=\"tick\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                bottom + 4.0,
                bottom + 17.0,
                clock(time),
            ));
        }
    }

    fn bands(&self, top: f64, bottom: f64) -> String {
        let mut out = String::new();
        for (moment, row) in self.data.outcome.moments.iter().zip(self.badge_places()) {
            let (from, to) = (self.x(moment.span.start), self.x(moment.span.end));
            let from_x = from.min(self.width.width - RIGHT - 3.0);
            let class = if moment.confident { "band" } else { "band unsure" };
            let name = format!(
                "Moment {}, {} to {}",
                moment.rank,
                clock(moment.span.start),
                clock(moment.span.end)
            );
            let _ = write!(
                out,
                "<a href=\"#moment-{}\" aria-label=\"{}\"><title>{}</title><rect class=\"{class}\" \
                 x=\"{from_x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                link_part(&moment.id),
                esc(&name),
                esc(&name),
                (to - from).max(3.0),
                bottom - top,
            );
            if let Some(row) = row {
                let x = self.badge_x((from + to) / 2.0);
                let y = 11.0 + row as f64 * BADGE_ROW;
                let unsure = if moment.confident { "" } else { " unsure" };
                let _ = write!(
                    out,
                    "<line class=\"stem\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{top:.1}\"/>\
                     <circle class=\"badge{unsure}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\"/>\
                     <text class=\"badge-text{unsure}\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                    y + 9.0,
                    y + 4.0,
                    moment.rank
                );
            }
            out.push_str("</a>");
        }
        out
    }

    /// The row of each moment's badge, so that badges do not cover each other; at most four rows.
    fn badge_places(&self) -> Vec<Option<usize>> {
        let mut taken: Vec<Vec<f64>> = vec![Vec::new(); 4];
        self.data
            .outcome
            .moments
            .iter()
            .map(|moment| {
                let x = self.badge_x((self.x(moment.span.start) + self.x(moment.span.end)) / 2.0);
                if moment.rank > BADGES_MAX {
                    return None;
                }
                let row = taken
                    .iter()
                    .position(|row| row.iter().all(|other| (other - x).abs() >= 20.0))?;
                taken[row].push(x);
                Some(row)
            })
            .collect()
    }

    fn badge_rows(&self) -> f64 {
        let rows = self.badge_places().into_iter().flatten().max().map_or(1, |row| row + 1);
        rows as f64 * BADGE_ROW + 2.0
    }

    fn badge_x(&self, x: f64) -> f64 {
        x.clamp(self.width.left + 9.0, self.width.width - RIGHT)
    }

    fn lanes(&self) -> Vec<(&'static str, Vec<Bar>)> {
        let data = self.data;
        let mut lanes: Vec<(&'static str, Vec<Bar>)> = Vec::new();
        let clips: Vec<Bar> = data
            .outcome
            .clips
            .iter()
            .map(|clip| Bar {
                span: clip.span,
                class: "lane-clip",
                text: String::new(),
                title: format!("Clip {}, {}", clip.clip_id, grade_words(clip.grade).to_lowercase()),
            })
            .collect();
        lanes.push(("Clips", clips));
        lanes.push(("Best practices shown", self.practices()));
        let mut marks: BTreeMap<MarkKind, Vec<Bar>> = BTreeMap::new();
        for mark in data.marks {
            let text = label(data, mark.kind, &mark.label).to_owned();
            let title = format!("{}: {text}", lane_words(mark.kind));
            let class = lane_class(mark.kind);
            marks.entry(mark.kind).or_default().push(Bar { span: mark.span, class, text, title });
        }
        lanes.extend(marks.into_iter().map(|(kind, bars)| (lane_words(kind), bars)));
        let faults = data.outcome.recording.faults.iter();
        let faults = faults.map(|fault| Bar {
            span: fault.span,
            class: "lane-fault",
            text: String::new(),
            title: format!("{}, {}", fault_words(fault.kind), seconds(fault.span.duration())),
        });
        lanes.push(("Faults of the recording", faults.collect()));
        lanes.retain(|(_, bars)| !bars.is_empty());
        lanes
    }

    /// The moments that show best practices, each with the names of those that it shows.
    fn practices(&self) -> Vec<Bar> {
        let outcome = &self.data.outcome;
        let mut moments: Vec<_> = outcome.moments.iter().collect();
        moments.sort_by_key(|moment| moment.span.start);
        let shown = moments.into_iter().filter_map(|moment| {
            let practices = outcome.best_practices.iter();
            let here = practices.filter(|practice| practice.moment_ids.contains(&moment.id));
            let names: Vec<String> = here.map(|practice| sentence_case(&practice.name)).collect();
            let text = match names.len() {
                0 => return None,
                1 => names[0].clone(),
                more => format!("{more} practices"),
            };
            let title = format!("Moment {} shows {}:", moment.rank, names.join(", "));
            Some(Bar { span: moment.span, class: "lane-practice", text, title })
        });
        shown.collect()
    }

    fn lane(&mut self, y: f64, title: &str, bars: &[Bar]) -> f64 {
        let (left, right) = (self.width.left, self.width.width - RIGHT);
        let top = y + LANE_TITLE;
        self.push(format!(
            "<text class=\"lane-title\" x=\"{left}\" y=\"{:.1}\">{}</text>\
             <rect class=\"lane\" x=\"{left}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{LANE_BAR}\"/>",
            y + 13.0,
            esc(title),
            right - left,
        ));
        for (index, bar) in bars.iter().enumerate() {
            let from = self.x(bar.span.start);
            let width = (self.x(bar.span.end) - from).max(3.0);
            let from = from.min(right - 3.0);
            let when =
                format!("{} from {} to {}", bar.title, clock(bar.span.start), clock(bar.span.end));
            let odd = if index % 2 == 1 { " odd" } else { "" };
            self.push(format!(
                "<g><title>{}</title><rect class=\"{}{odd}\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{LANE_BAR}\"/>",
                esc(&when),
                bar.class,
            ));
            if let Some(text) = fitting(&bar.text, width - 8.0) {
                self.push(format!(
                    "<text class=\"lane-text\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    from + 4.0,
                    top + 12.0,
                    esc(&text)
                ));
            }
            self.push("</g>".to_owned());
        }
        top + LANE_BAR + 3.0
    }

    fn description(&self) -> String {
        let bins = self.bins;
        let mut text =
            format!("Time line of {}.", clock(MediaTime::from_seconds(bins.total_s as f64)));
        let peak = bins.gmv.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((index, value)) = peak.filter(|(_, value)| *value > 0.0) {
            let at = clock(bin_span(bins, index).start);
            let unit = self.data.series.currency.map_or_else(String::new, |c| format!(" {c}"));
            let _ = write!(
                text,
                " Most GMV at {at}: {}{unit} in {}.",
                num(value),
                step_words(bins.step_s)
            );
        }
        let moments = self.data.outcome.moments.len();
        let _ = write!(text, " {moments} moments are marked. The figures are in the table below.");
        text
    }

    fn plot_width(&self) -> f64 {
        self.width.width - self.width.left - RIGHT
    }

    fn x(&self, time: MediaTime) -> f64 {
        let share = (time.seconds() / self.bins.total_s.max(1) as f64).clamp(0.0, 1.0);
        self.width.left + share * self.plot_width()
    }

    fn push(&mut self, text: String) {
        self.out.push_str(&text);
    }
}

const fn lane_class(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Pin => "lane-pin",
        MarkKind::FlashSale => "lane-sale",
        MarkKind::Giveaway => "lane-giveaway",
        MarkKind::Billboard => "lane-billboard",
        MarkKind::Violation => "lane-violation",
        MarkKind::Rehearsal => "lane-rehearsal",
    }
}

/// `10 s`, `5 min`, `1 h`.
pub(super) fn step_words(step_s: usize) -> String {
    match step_s {
        s if s >= 3600 && s % 3600 == 0 => format!("{} h", s / 3600),
        s if s >= 60 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// As much of a text as fits, or nothing.
fn fitting(text: &str, width: f64) -> Option<String> {
    let room = (width / 6.2).max(0.0) as usize;
    let count = text.chars().count();
    if count == 0 || room < 4 {
        return None;
    }
    if count <= room {
        return Some(text.to_owned());
    }
    Some(text.chars().take(room - 1).collect::<String>().trim_end().to_owned() + "…")
}

/// Distance between two lines of a value axis, a round figure, and how many it takes: 2 to 4.
fn axis(max: f64) -> (f64, usize) {
    if !(max.is_finite() && max > 0.0) {
        return (1.0, 1);
    }
    let rough = max / 3.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough * 0.999);
    let step = step.unwrap_or(10.0 * power);
    (step, (max / step).ceil().max(1.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_round_and_reach_the_top() {
        for max in [0.0, 0.3, 1.0, 7.0, 99.0, 1234.0, 5.5e7, f64::NAN, f64::INFINITY] {
            let (step, count) = axis(max);
            assert!(step > 0.0 && (1..=4).contains(&count), "{max}: {step} x {count}");
            if max.is_finite() {
                assert!(step * count as f64 >= max * 0.99, "{max}");
            }
        }
    }

    #[test]
    fn labels_are_cut_to_fit() {
        assert_eq!(fitting("Apple juice", 100.0).as_deref(), Some("Apple juice"));
        assert_eq!(fitting("Apple juice", 40.0).as_deref(), Some("Apple…"));
        assert_eq!(fitting("Apple", 10.0), None);
    }
}
