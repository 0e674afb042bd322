//! The engine in a file: one row a record, every change one transaction that is synced.

mod events;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reprise_model::{Error, Kind, Result, WallTime};
use rusqlite::types::Value as Cell;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
    params_from_iter,
};
use serde_json::Value;

use crate::announced::{Announced, check_id};
use crate::job::{
    Counts, Enqueued, Failure, Filter, Held, Job, Lane, Leased, NewJob, Progress, RESULT_MAX,
    State, Token, check_length, check_name, parts_of,
};
use crate::lanes::Turns;
use crate::record::{Lease, Step};
use crate::{Queue, conflict, now};

/// How long a call waits for other processes' writes.
const BUSY: Duration = Duration::from_secs(30);
/// The layout of the file.
const LAYOUT: i64 = 1;

/// `due` is when a job can be leased, microseconds of Unix time; none at its end.
const TABLES: &str = "
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        lane TEXT NOT NULL,
        state TEXT NOT NULL,
        due INTEGER,
        enqueued_at INTEGER NOT NULL,
        changed_at INTEGER NOT NULL,
        record TEXT NOT NULL
    );
    CREATE INDEX jobs_due ON jobs (lane, due) WHERE due IS NOT NULL;
    CREATE INDEX jobs_state ON jobs (state, lane, enqueued_at);
    CREATE INDEX jobs_tenant ON jobs (tenant);
";

/// A queue in one file.
pub(crate) struct Sqlite {
    path: PathBuf,
    connection: Mutex<Connection>,
    turns: Turns,
}

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let io = |path: &Path, error| Error::io(path.display().to_string(), error);
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(|error| io(folder, error))?;
        let folder = std::fs::canonicalize(folder).map_err(|error| io(folder, error))?;
        let name = path.file_name().ok_or_else(|| {
            Error::new(Kind::Usage, "names no file of a queue").in_file(path.display().to_string())
        })?;
        let path = folder.join(name);
        let connection = prepare(&path).map_err(|error| failed(&path, error))?;
        // SQLite syncs what is in the file; that the file has a name is for us to sync.
        File::open(&folder).and_then(|opened| opened.sync_all()).map_err(|e| io(&folder, e))?;
        let found: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|error| failed(&path, error))?;
        if found != LAYOUT {
            let message = format!("is of layout {found}, this version reads {LAYOUT}");
            return Err(Error::new(Kind::Unsupported, message).in_file(path.display().to_string()));
        }
        Ok(Self { path, connection: Mutex::new(connection), turns: Turns::default() })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        failed(&self.path, error)
    }

    /// Does `work` in one transaction; an error undoes it.
    fn transaction<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| self.failed(error))?;
        let value = work(&transaction)?;
        transaction.commit().map_err(|error| self.failed(error))?;
        Ok(value)
    }

    /// Changes one record; `none` where there is none of that id.
    fn change<T>(&self, id: &str, none: T, step: impl FnOnce(&mut Job) -> Step<T>) -> Result<T> {
        parts_of(id)?;
        self.transaction(|transaction| {
            let Some(mut job) = self.read(transaction, id)? else { return Ok(none) };
            let (changed, value) = step(&mut job);
            if changed {
                self.write(transaction, &job)?;
            }
            Ok(value)
        })
    }

    fn read(&self, connection: &Connection, id: &str) -> Result<Option<Job>> {
        let text: Option<String> = connection
            .prepare_cached("SELECT record FROM jobs WHERE id = ?")
            .and_then(|mut query| query.query_row([id], |row| row.get(0)).optional())
            .map_err(|error| self.failed(error))?;
        text.map(|text| self.parsed(&text)).transpose()
    }

    fn write(&self, connection: &Connection, job: &Job) -> Result<()> {
        let text = serde_json::to_string(job).map_err(|error| self.broken(error))?;
        let sql = "UPDATE jobs SET state = ?, due = ?, changed_at = ?, record = ? WHERE id = ?";
        let due = job.due().map(WallTime::micros);
        connection
            .prepare_cached(sql)
            .and_then(|mut query| {
                query.execute(params![
                    job.state.as_str(),
                    due,
                    job.changed_at.micros(),
                    text,
                    job.id
                ])
            })
            .map(|_| ())
            .map_err(|error| self.failed(error))
    }

    fn insert(&self, connection: &Connection, job: &Job) -> Result<()> {
        let text = serde_json::to_string(job).map_err(|error| self.broken(error))?;
        let sql = "INSERT INTO jobs (id, tenant, lane, state, due, enqueued_at, changed_at, record) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        connection
            .prepare_cached(sql)
            .and_then(|mut query| {
                query.execute(params![
                    job.id,
                    job.tenant,
                    job.lane.as_str(),
                    job.state.as_str(),
                    job.due().map(WallTime::micros),
                    job.enqueued_at.micros(),
                    job.changed_at.micros(),
                    text
                ])
            })
            .map(|_| ())
            .map_err(|error| self.failed(error))
    }

    fn parsed(&self, text: &str) -> Result<Job> {
        serde_json::from_str(text).map_err(|error| self.broken(error))
    }

    fn broken(&self, error: serde_json::Error) -> Error {
        Error::new(Kind::Malformed, "holds a job's record that is none")
            .in_file(self.path.display().to_string())
            .caused_by(error)
    }

    fn next_due(
        &self,
        connection: &Connection,
        lane: Lane,
        now: WallTime,
    ) -> Result<Option<String>> {
        let sql = "SELECT id FROM jobs WHERE lane = ? AND due <= ? ORDER BY due, number LIMIT 1";
        connection
            .prepare_cached(sql)
            .and_then(|mut query| {
                query.query_row(params![lane.as_str(), now.micros()], |row| row.get(0)).optional()
            })
            .map_err(|error| self.failed(error))
    }
}

impl Queue for Sqlite {
    fn enqueue(&self, new: &NewJob) -> Result<Enqueued> {
        let job = Job::new(new, now())?;
        self.transaction(|transaction| {
            if let Some(known) = self.read(transaction, &job.id)? {
                if !known.is_same(new) {
                    return Err(conflict(new, &job.id));
                }
                return Ok(Enqueued { id: known.id, is_new: false });
            }
            self.insert(transaction, &job)?;
            Ok(Enqueued { id: job.id.clone(), is_new: true })
        })
    }

    fn lease(&self, worker: &str, lanes: &[Lane], lease: Duration) -> Result<Option<Leased>> {
        check_name("worker", worker)?;
        for lane in self.turns.order(worker, lanes) {
            // Looks before it locks, so that idle workers do not keep others from writing.
            if self.next_due(&self.connection(), lane, now())?.is_none() {
                continue;
            }
            let leased = self.transaction(|transaction| {
                let now = now();
                while let Some(id) = self.next_due(transaction, lane, now)? {
                    let Some(mut job) = self.read(transaction, &id)? else { continue };
                    let (changed, taken) = job.lease(worker, now, lease);
                    if !changed {
                        let message = format!("job {id} is due and cannot be leased");
                        return Err(Error::new(Kind::Bug, message));
                    }
                    self.write(transaction, &job)?;
                    if let Lease::Taken(token) = taken {
                        let attempt = job.failures + 1;
                        return Ok(Some(Leased { job, token, attempt }));
                    }
                }
                Ok(None)
            })?;
            if leased.is_some() {
                self.turns.taken(worker, lane);
                return Ok(leased);
            }
        }
        Ok(None)
    }

    fn lease_job(&self, id: &str, worker: &str, lease: Duration) -> Result<Option<Leased>> {
        check_name("worker", worker)?;
        self.change(id, None, |job| match job.lease(worker, now(), lease) {
            (changed, Lease::Taken(token)) => {
                (changed, Some(Leased { attempt: job.failures + 1, job: job.clone(), token }))
            }
            (changed, _) => (changed, None),
        })
    }

    fn heartbeat(&self, token: &Token, lease: Duration, progress: &Progress) -> Result<Held> {
        self.change(&token.job, Held::Lost, |job| job.heartbeat(token, now(), lease, progress))
    }

    fn finish(&self, token: &Token, result: Value) -> Result<bool> {
        check_length("a job's result", &result, RESULT_MAX)?;
        self.change(&token.job, false, |job| job.finish(token, now(), &result))
    }

    fn fail(&self, token: &Token, failure: Failure) -> Result<bool> {
        self.change(&token.job, false, |job| job.fail(token, now(), &failure))
    }

    fn release(&self, token: &Token, after: Duration) -> Result<bool> {
        self.change(&token.job, false, |job| job.release(token, now(), after))
    }

    fn job(&self, id: &str) -> Result<Option<Job>> {
        parts_of(id)?;
        self.read(&self.connection(), id)
    }

    fn jobs(&self, filter: &Filter) -> Result<Vec<Job>> {
        let mut sql = "SELECT record FROM jobs WHERE true".to_owned();
        let mut cells = Vec::new();
        if let Some(tenant) = &filter.tenant {
            check_name("tenant", tenant)?;
            sql.push_str(" AND tenant = ?");
            cells.push(Cell::from(tenant.clone()));
        }
        if let Some(state) = filter.state {
            sql.push_str(" AND state = ?");
            cells.push(Cell::from(state.as_str().to_owned()));
        }
        sql.push_str(" ORDER BY number");
        if filter.limit > 0 {
            sql.push_str(" LIMIT ?");
            cells.push(Cell::from(i64::try_from(filter.limit).unwrap_or(i64::MAX)));
        }
        let connection = self.connection();
        let texts = || -> rusqlite::Result<Vec<String>> {
            let mut query = connection.prepare_cached(&sql)?;
            query.query_map(params_from_iter(cells), |row| row.get(0))?.collect()
        };
        let texts = texts().map_err(|error| self.failed(error))?;
        texts.iter().map(|text| self.parsed(text)).collect()
    }

    fn cancel(&self, tenant: &str, id: &str) -> Result<bool> {
        if parts_of(id)?.0 != tenant {
            return Ok(false);
        }
        self.change(id, false, |job| job.cancel(now()))
    }

    fn retry(&self, tenant: &str, id: &str) -> Result<bool> {
        if parts_of(id)?.0 != tenant {
            return Ok(false);
        }
        self.change(id, false, |job| job.retry(now()))
    }

    fn counts(&self) -> Result<Counts> {
        let (mut counts, now) = (Counts::default(), now());
        let connection = self.connection();
        // One statement, so that a job that moves is counted once.
        let sql = "SELECT state, lane, count(*), min(enqueued_at) FROM jobs GROUP BY state, lane";
        let rows = || -> rusqlite::Result<Vec<(String, String, i64, i64)>> {
            let mut query = connection.prepare_cached(sql)?;
            query
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
                .collect()
        };
        for (state, lane, count, oldest) in rows().map_err(|error| self.failed(error))? {
            let state = State::ALL.into_iter().find(|known| known.as_str() == state);
            let lane = Lane::ALL.into_iter().find(|known| known.as_str() == lane);
            if let (Some(state), Some(lane)) = (state, lane) {
                let oldest = WallTime::from_micros(oldest);
                counts.add(lane, state, count.unsigned_abs(), oldest, now);
            }
        }
        Ok(counts)
    }

    fn sweep(&self, older_than: Duration, kind: Option<&str>) -> Result<u64> {
        let age = i64::try_from(older_than.as_micros()).unwrap_or(i64::MAX);
        let before = now().micros().saturating_sub(age);
        self.transaction(|transaction| {
            let sql = "DELETE FROM jobs WHERE state IN ('done', 'cancelled') AND changed_at <= ?1 \
                       AND (?2 IS NULL OR json_extract(record, '$.kind') = ?2)";
            let cells = params![before, kind];
            let count = transaction.execute(sql, cells).map_err(|error| self.failed(error))?;
            self.sweep_events(transaction)?;
            Ok(count as u64)
        })
    }

    fn announce(&self, event: &Announced) -> Result<bool> {
        event.check()?;
        self.put_event(event)
    }

    fn was_announced(&self, tenant: &str, kind: &str, id: &str) -> Result<bool> {
        check_name("tenant", tenant)?;
        check_name("kind", kind)?;
        check_id(id)?;
        self.has_event(tenant, kind, id)
    }

    fn announced(&self, after: u64, limit: usize) -> Result<Vec<(u64, Announced)>> {
        self.events(after, limit)
    }

    fn parked_since(&self, since: WallTime, limit: usize) -> Result<Vec<Job>> {
        self.parked_jobs(since, limit)
    }
}

/// Opens the file so that a commit is on the disk when it returns.
fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if found == 0 && tables == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
    }
    // Came later, to files that are there too; a version that does not know it is not disturbed.
    if found == LAYOUT || tables == 0 {
        transaction.execute_batch(events::TABLES)?;
    }
    transaction.commit()?;
    Ok(connection)
}

fn failed(path: &Path, error: rusqlite::Error) -> Error {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (Kind::TryAgain, "is locked by another process")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            (Kind::Malformed, "is no queue, or a damaged one")
        }
        Some(ErrorCode::DiskFull) => (Kind::Io, "no space is left on the disk"),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            (Kind::Io, "may not be written by this user")
        }
        _ => (Kind::Io, "cannot be read or written"),
    };
    Error::new(kind, message).in_file(path.display().to_string()).caused_by(error)
}
