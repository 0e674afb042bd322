//! Imports a table of comments: time, user, text.

use std::collections::HashSet;
use std::path::PathBuf;

use reprise_model::Result;
use reprise_model::event::{Event, EventKind};
use serde_json::Map;

use super::Work;
use super::clock::{self, Clock};
use super::orders::options_zone;
use super::privacy::{scrub, user_hash};
use super::table::{Cell, Field, read_all};

pub(super) const FIELDS: [Field; 4] = [
    Field {
        name: "time",
        required: true,
        columns: &[
            "time",
            "comment time",
            "created time",
            "create time",
            "timestamp",
            "date time",
            "date",
            "posted at",
            "waktu",
            "thời gian",
            "เวลา",
            "hora",
            "zeit",
            "时间",
            "评论时间",
        ],
    },
    Field {
        name: "user_id",
        required: false,
        columns: &["user id", "userid", "uid", "viewer id", "unique id", "用户id"],
    },
    Field {
        name: "user",
        required: false,
        columns: &[
            "user",
            "user name",
            "username",
            "viewer",
            "author",
            "name",
            "nickname",
            "handle",
            "pengguna",
            "người dùng",
            "usuario",
            "usuário",
            "benutzer",
            "用户",
            "用户名",
            "昵称",
        ],
    },
    Field {
        name: "text",
        required: true,
        columns: &[
            "text",
            "comment",
            "comments",
            "comment text",
            "comment content",
            "content",
            "message",
            "komentar",
            "bình luận",
            "ความคิดเห็น",
            "comentario",
            "comentário",
            "kommentar",
            "评论",
            "评论内容",
        ],
    },
];

pub(super) fn import(files: &[PathBuf], work: &mut Work) -> Result<()> {
    let zone = options_zone(work.options)?;
    // A viewer may write the same twice; only a second file that covers the same time repeats.
    let mut earlier_files: HashSet<[u8; 32]> = HashSet::new();
    for table in &read_all(files, &FIELDS, &work.options.columns)? {
        work.note_table(table);
        let zone = table.column("time").and_then(clock::zone_in_name).unwrap_or(zone.clone());
        let rows = table.data_rows("time", &mut work.report.notes);
        let stamps: Vec<_> = rows.iter().map(|row| clock::parse(table.cell(row, "time"))).collect();
        let lines = rows.iter().zip(&stamps);
        let lines = lines.filter_map(|(row, stamp)| Some((row.line, stamp.as_ref()?)));
        let clock = Clock::settle(lines, work.options.date_order, &table.file)?;
        let mut own = HashSet::new();
        for (row, stamp) in rows.iter().zip(&stamps) {
            work.report.rows += 1;
            let text = table.cell(row, "text");
            let outcome = match (stamp, text) {
                _ if row.shifted => Err("has more cells than the header"),
                (None, _) => Err("the time cannot be read"),
                (_, Cell::Empty) => Err("has no text"),
                (Some(stamp), _) => clock.wall(stamp, &zone),
            };
            let at = match outcome {
                Ok(at) => at,
                Err(reason) => {
                    work.bad.add(reason, &table.file, row.line);
                    continue;
                }
            };
            if !work.options.in_time(at, 0) {
                work.other.add("not of the LIVE's time", &table.file, row.line);
                continue;
            }
            let id = ["user_id", "user"]
                .into_iter()
                .find_map(|name| table.cell(row, name).id().ok().flatten());
            let text = match text {
                Cell::Number(number) => number.to_string(),
                other => other.as_text().to_owned(),
            };
            let mut hasher = blake3::Hasher::new();
            hasher.update(&at.micros().to_le_bytes());
            for part in [id.as_deref().unwrap_or_default(), &text] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
            let digest = *hasher.finalize().as_bytes();
            if earlier_files.contains(&digest) {
                work.other.add("the same comment in an earlier file", &table.file, row.line);
                continue;
            }
            own.insert(digest);
            let kind = EventKind::Comment {
                user: id.and_then(|id| user_hash(&work.options.user_key, &id)),
                text: Some(scrub(&text)),
                length: Some(text.chars().count() as u64),
            };
            work.events.push(Event { at, kind, extra: Map::new() });
        }
        earlier_files.extend(own);
    }
    Ok(())
}
