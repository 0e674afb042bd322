//! `reprise import`: the platform's exports to an event log.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use reprise_ingest::import::{
    DateOrder, ImportKind, ImportOptions, ImportReport, import, write_log,
};
use reprise_ingest::load_session;
use reprise_model::{Currency, Error, Kind, MediaDuration, Result, WallTime};

use crate::output;

/// Orders may follow a LIVE's last second by this much.
const ORDERS_AFTER: MediaDuration = MediaDuration::from_millis(5 * 60 * 1000);

/// Make an event log from what sellers can download
///
/// KIND is `orders` (the shop's order export, CSV or XLSX), `comments` (time, user, text),
/// `analytics` (figures per minute) or `chat` (JSON lines of a LIVE chat connector). Buyers' names,
/// addresses and phone numbers are dropped; who wrote a comment is kept as a keyed hash only.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  reprise import orders export.xlsx --session session.toml --out orders.jsonl
  reprise import comments chat.csv --timezone Asia/Jakarta --column text=Message --out chat.jsonl.gz")]
pub struct Args {
    /// What the files are
    #[arg(value_parser = |text: &str| text.parse::<ImportKind>().map_err(|e| e.to_string()))]
    kind: ImportKind,
    /// The exports
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Event log to write; .gz and .zst are compressed
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Session that the events are for: gives its time, time zone and products
    #[arg(long, value_name = "SESSION")]
    session: Option<PathBuf>,
    /// Zone of times that carry none, such as Asia/Jakarta or UTC+7
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Only what happened at or after (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = wall_time)]
    from: Option<WallTime>,
    /// Only what happened before (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = wall_time)]
    to: Option<WallTime>,
    /// Only orders of this product; may be given several times
    #[arg(long = "product", value_name = "ID")]
    products: Vec<String>,
    /// Take everything, whatever its time and product
    #[arg(long)]
    whole_shop: bool,
    /// Currency of amounts that carry none
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// How 5/11/2026 is read: day-first or month-first
    #[arg(long, value_name = "ORDER",
          value_parser = |text: &str| text.parse::<DateOrder>().map_err(|e| e.to_string()))]
    date_order: Option<DateOrder>,
    /// Column that holds a field, such as text=Message; may be given several times
    #[arg(long = "column", value_name = "FIELD=NAME", value_parser = column)]
    columns: Vec<(String, String)>,
    /// File with the 32 bytes that users are hashed with; made on first use.
    /// Without it ~/.config/reprise/user.key
    #[arg(long, value_name = "FILE")]
    user_key: Option<PathBuf>,
}

fn wall_time(text: &str) -> Result<WallTime, String> {
    WallTime::parse(text)
        .ok_or_else(|| format!("`{text}` is no time; write it as 2026-11-20T19:00:00+07:00"))
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::parse(text)
        .ok_or_else(|| format!("`{text}` is no currency code; write three letters"))
}

fn column(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, name)) if !field.is_empty() && !name.is_empty() => {
            Ok((field.to_owned(), name.to_owned()))
        }
        _ => Err("write it as FIELD=NAME, such as text=Message".to_owned()),
    }
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let mut options = ImportOptions {
        user_key: user_key(args.user_key.as_deref())?,
        columns: args.columns.clone(),
        currency: args.currency,
        date_order: args.date_order,
        whole_shop: args.whole_shop,
        ..ImportOptions::default()
    };
    if let Some(path) = &args.session {
        from_session(path, &mut options)?;
    }
    if let Some(zone) = &args.timezone {
        options.timezone.clone_from(zone);
    }
    options.from = args.from.or(options.from);
    options.to = args.to.or(options.to);
    if !args.products.is_empty() {
        options.products.clone_from(&args.products);
    }
    let imported = import(args.kind, &args.files, &options)?;
    write_log(&imported.events, &args.out)?;
    say(&imported.report, &args.out);
    if json {
        output::json(&imported.report)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The time, zone and products of a session. The end is known only where the manifest states how
/// long each recording is.
fn from_session(path: &Path, options: &mut ImportOptions) -> Result<()> {
    let session = load_session(path)?;
    options.timezone.clone_from(&session.manifest.timezone);
    options.products = session.products.iter().map(|product| product.id.clone()).collect();
    let recordings = &session.manifest.recordings;
    options.from = recordings.iter().map(|recording| recording.started_at).min();
    let ends: Option<Vec<WallTime>> = recordings
        .iter()
        .map(|recording| recording.duration_s.map(|length| recording.started_at.plus(length)))
        .collect();
    options.to = ends.and_then(|ends| ends.into_iter().max()).map(|end| end.plus(ORDERS_AFTER));
    Ok(())
}

/// The key that users are hashed with. One key a machine, so that a user is the same in every
/// import and nobody else can tell who it is.
fn user_key(path: Option<&Path>) -> Result<[u8; 32]> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => {
            let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| {
                std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"))
            });
            config
                .ok_or_else(|| {
                    Error::new(Kind::Usage, "there is no home folder for the key; name --user-key")
                })?
                .join("reprise/user.key")
        }
    };
    let fail = |error| Error::io(path.display().to_string(), error);
    let wrong = || {
        Error::new(Kind::Malformed, "must hold exactly 32 bytes")
            .in_file(path.display().to_string())
    };
    match std::fs::read(&path) {
        Ok(bytes) => return bytes.try_into().map_err(|_| wrong()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut key = [0u8; 32];
    std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut key)).map_err(fail)?;
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(file) => file,
        // Another import was first.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return std::fs::read(&path).map_err(fail)?.try_into().map_err(|_| wrong());
        }
        Err(error) => return Err(fail(error)),
    };
    file.write_all(&key).and_then(|()| file.sync_all()).map_err(fail)?;
    Ok(key)
}

fn say(report: &ImportReport, out: &Path) {
    output::say(&format!(
        "{}: {} events from {} rows (times without a zone read as {})",
        out.display(),
        report.taken,
        report.rows,
        report.timezone
    ));
    for skipped in &report.skipped {
        output::say(&format!(
            "  {} skipped: {} ({})",
            skipped.count,
            skipped.reason,
            skipped.examples.join(", ")
        ));
    }
    let totals = &report.totals;
    if totals.orders > 0 {
        let sum = |amounts: &[reprise_model::Money]| {
            amounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
        };
        output::say(&format!(
            "  {} orders, {} units; GMV {} gross, {} net; {} cancelled, {} refunded, {} unpaid",
            totals.orders,
            totals.units,
            sum(&totals.gross_gmv),
            sum(&totals.net_gmv),
            totals.cancelled,
            totals.refunded,
            totals.unpaid
        ));
    }
    if let (Some(first), Some(last)) = (report.first_at, report.last_at) {
        output::say(&format!("  from {first} to {last}"));
    }
    if !report.columns_dropped.is_empty() {
        output::say(&format!("  columns not read: {}", report.columns_dropped.join(", ")));
    }
    for note in &report.notes {
        output::say(&format!("  note: {note}"));
    }
}
