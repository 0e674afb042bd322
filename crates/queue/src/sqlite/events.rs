//! Announcements in the file of a queue: a table in the order in which they came.

use reprise_model::{Error, Kind, Result, WallTime};
use rusqlite::{OptionalExtension, Transaction, params};

use super::Sqlite;
use crate::announced::{ANNOUNCED_FOR, Announced};
use crate::job::{Job, State};
use crate::now;

/// `AUTOINCREMENT`: a number is never used again, also after the newest event was removed.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        at INTEGER NOT NULL,
        event TEXT NOT NULL,
        UNIQUE (tenant, kind, id)
    );
    CREATE INDEX IF NOT EXISTS events_at ON events (at);
    CREATE INDEX IF NOT EXISTS jobs_parked ON jobs (changed_at) WHERE state = 'parked';
";

impl Sqlite {
    pub(super) fn put_event(&self, event: &Announced) -> Result<bool> {
        let text = serde_json::to_string(event).map_err(|error| {
            Error::new(Kind::Bug, "an event cannot be written as JSON").caused_by(error)
        })?;
        let sql = "INSERT INTO events (tenant, kind, id, at, event) VALUES (?, ?, ?, ?, ?) \
                   ON CONFLICT DO NOTHING";
        self.transaction(|transaction| {
            let count = transaction
                .prepare_cached(sql)
                .and_then(|mut query| {
                    query.execute(params![event.tenant, event.kind, event.id, now().micros(), text])
                })
                .map_err(|error| self.failed(error))?;
            Ok(count > 0)
        })
    }

    pub(super) fn has_event(&self, tenant: &str, kind: &str, id: &str) -> Result<bool> {
        let found: Option<i64> = self
            .connection()
            .prepare_cached("SELECT number FROM events WHERE tenant = ? AND kind = ? AND id = ?")
            .and_then(|mut query| query.query_row([tenant, kind, id], |row| row.get(0)).optional())
            .map_err(|error| self.failed(error))?;
        Ok(found.is_some())
    }

    pub(super) fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Announced)>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let connection = self.connection();
        let rows = || -> rusqlite::Result<Vec<(i64, String)>> {
            let sql = "SELECT number, event FROM events WHERE number > ? ORDER BY number LIMIT ?";
            let mut query = connection.prepare_cached(sql)?;
            query.query_map([after, limit], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let rows = rows().map_err(|error| self.failed(error))?;
        let event = |(number, text): (i64, String)| {
            let event = serde_json::from_str(&text).map_err(|error| self.broken(error))?;
            Ok((number.unsigned_abs(), event))
        };
        rows.into_iter().map(event).collect()
    }

    pub(super) fn sweep_events(&self, transaction: &Transaction<'_>) -> Result<()> {
        let age = i64::try_from(ANNOUNCED_FOR.as_micros()).unwrap_or(i64::MAX);
        let before = now().micros().saturating_sub(age);
        let swept = transaction.execute("DELETE FROM events WHERE at <= ?", [before]);
        swept.map(|_| ()).map_err(|error| self.failed(error))
    }

    pub(super) fn parked_jobs(&self, since: WallTime, limit: usize) -> Result<Vec<Job>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let connection = self.connection();
        let texts = || -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT record FROM jobs WHERE state = ? AND changed_at >= ? \
                       ORDER BY changed_at DESC LIMIT ?";
            let mut query = connection.prepare_cached(sql)?;
            let cells = params![State::Parked.as_str(), since.micros(), limit];
            query.query_map(cells, |row| row.get(0))?.collect()
        };
        let texts = texts().map_err(|error| self.failed(error))?;
        texts.iter().map(|text| self.parsed(text)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::Queue;
    use std::time::Duration;

    #[test]
    fn old_ones_leave_with_a_sweep_and_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let queue = Sqlite::open(&folder.path().join("queue.db")).unwrap();
        let event = |id: &str| Announced {
            id: id.to_owned(),
            tenant: "a".to_owned(),
            kind: "k".to_owned(),
            body: serde_json::Value::Null,
        };
        assert!(queue.announce(&event("old")).unwrap() && queue.announce(&event("new")).unwrap());
        let week = i64::try_from(ANNOUNCED_FOR.as_micros()).unwrap();
        for id in ["old", "new"] {
            queue
                .connection()
                .execute("UPDATE events SET at = at - ? WHERE id = ?", params![week, id])
                .unwrap();
            queue.sweep(Duration::ZERO, None).unwrap();
        }
        assert!(queue.announced(0, 10).unwrap().is_empty());
        assert!(queue.announce(&event("old")).unwrap());
        assert_eq!(queue.announced(0, 10).unwrap()[0].0, 3);
    }
}
