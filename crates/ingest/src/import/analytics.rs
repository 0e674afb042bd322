//! Imports a table of figures per minute: one event for each minute.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use reprise_model::event::{Event, EventKind, Minute};
use reprise_model::{Error, Kind, Result, WallTime};
use serde_json::Map;

use super::Work;
use super::amount::{self, Fault};
use super::clock::{self, Clock};
use super::orders::options_zone;
use super::table::{Cell, Field, Row, Table, read_all};

const MINUTE_US: i64 = 60_000_000;
/// Rows from which the step between rows is judged.
const STEP_ROWS: usize = 3;
const NO_COUNT: &str = "a figure is no whole number";

pub(super) const FIELDS: [Field; 8] = [
    Field {
        name: "time",
        required: true,
        columns: &[
            "time",
            "minute",
            "date time",
            "timestamp",
            "start time",
            "date",
            "waktu",
            "thời gian",
            "hora",
            "zeit",
            "时间",
        ],
    },
    Field {
        name: "gmv",
        required: false,
        columns: &[
            "gmv",
            "gross revenue",
            "gross merchandise value",
            "revenue",
            "sales",
            "成交金额",
        ],
    },
    Field {
        name: "orders",
        required: false,
        columns: &["orders", "sku orders", "orders created", "created orders", "订单数"],
    },
    Field {
        name: "views",
        required: false,
        columns: &["views", "live views", "total views", "view count", "观看次数"],
    },
    Field {
        name: "viewers",
        required: false,
        columns: &[
            "viewers",
            "concurrent viewers",
            "live viewers",
            "average viewers",
            "current viewers",
            "online viewers",
            "acu",
            "观看人数",
            "在线人数",
        ],
    },
    Field {
        name: "likes",
        required: false,
        columns: &["likes", "like count", "new likes", "点赞数"],
    },
    Field {
        name: "comments",
        required: false,
        columns: &["comments", "comment count", "new comments", "评论数"],
    },
    Field {
        name: "product_clicks",
        required: false,
        columns: &[
            "product clicks",
            "product click",
            "clicks",
            "product click count",
            "商品点击数",
        ],
    },
];

pub(super) fn import(files: &[PathBuf], work: &mut Work) -> Result<()> {
    let zone = options_zone(work.options)?;
    let mut minutes: BTreeMap<WallTime, Minute> = BTreeMap::new();
    let mut no_currency = false;
    for table in &read_all(files, &FIELDS, &work.options.columns)? {
        work.note_table(table);
        if table.used().count() < 2 {
            let message = "has a column for the time, but none for a figure; set the columns";
            return Err(Error::new(Kind::Missing, message).in_file(&table.file));
        }
        let zone = table.column("time").and_then(clock::zone_in_name).unwrap_or(zone.clone());
        let rows = table.data_rows("time", &mut work.report.notes);
        let stamps: Vec<_> = rows.iter().map(|row| clock::parse(table.cell(row, "time"))).collect();
        let lines = rows.iter().zip(&stamps);
        let lines = lines.filter_map(|(row, stamp)| Some((row.line, stamp.as_ref()?)));
        let clock = Clock::settle(lines, work.options.date_order, &table.file)?;
        let mut times = Vec::new();
        for (row, stamp) in rows.iter().zip(&stamps) {
            work.report.rows += 1;
            let at = match stamp {
                _ if row.shifted => Err("has more cells than the header"),
                None => Err("the time cannot be read"),
                Some(stamp) => clock.wall(stamp, &zone),
            };
            times.extend(at.as_ref().ok());
            match at.and_then(|at| Ok((at, figures(table, row, work)?))) {
                Err(reason) => {
                    no_currency |= reason == Fault::NoCurrency.reason();
                    work.bad.add(reason, &table.file, row.line);
                }
                Ok((at, _)) if !work.options.in_time(at, MINUTE_US) => {
                    work.other.add("not of the LIVE's time", &table.file, row.line);
                }
                Ok((_, minute)) if minute == Minute::default() => {
                    work.other.add("has no figures", &table.file, row.line);
                }
                Ok((at, minute)) => match minutes.get(&at) {
                    None => _ = minutes.insert(at, minute),
                    Some(first) if *first == minute => {
                        work.other.add("the same row again", &table.file, row.line);
                    }
                    Some(_) => {
                        let reason = "other figures for the same minute; the first are kept";
                        work.other.add(reason, &table.file, row.line);
                    }
                },
            }
        }
        check_step(times, &table.file)?;
    }
    if minutes.is_empty() && no_currency {
        let message = "the GMV has no currency; set the currency of the shop";
        let file = files.first().map(|path| path.display().to_string()).unwrap_or_default();
        return Err(Error::new(Kind::Usage, message).in_file(file));
    }
    let event = |(at, minute)| Event { at, kind: EventKind::Minute(minute), extra: Map::new() };
    work.events = minutes.into_iter().map(event).collect();
    Ok(())
}

fn figures(table: &Table, row: &Row, work: &Work) -> std::result::Result<Minute, &'static str> {
    let count = |name| amount::count(table.cell(row, name)).map_err(|_| NO_COUNT);
    let gmv = match table.cell(row, "gmv") {
        Cell::Empty => None,
        cell => amount::money(cell, work.options.currency).map_err(Fault::reason)?,
    };
    Ok(Minute {
        gmv,
        orders: count("orders")?,
        views: count("views")?,
        viewers: count("viewers")?,
        likes: count("likes")?,
        comments: count("comments")?,
        product_clicks: count("product_clicks")?,
    })
}

/// Refuses a table whose rows are not minutes: its figures would be taken for those of one minute.
fn check_step(mut times: Vec<WallTime>, file: &str) -> Result<()> {
    times.sort_unstable();
    times.dedup();
    let mut steps: HashMap<i64, usize> = HashMap::new();
    for pair in times.windows(2) {
        *steps.entry(pair[1].micros().saturating_sub(pair[0].micros())).or_default() += 1;
    }
    let usual = steps.into_iter().max_by_key(|(step, count)| (*count, -step));
    match usual {
        Some((step, _)) if times.len() >= STEP_ROWS && step != MINUTE_US => {
            let message = format!(
                "the rows are {} s apart; figures per minute are needed",
                step as f64 / 1e6
            );
            Err(Error::new(Kind::Unsupported, message).in_file(file))
        }
        _ => Ok(()),
    }
}
