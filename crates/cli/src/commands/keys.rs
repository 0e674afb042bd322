//! `reprise keys`: who may use the API and the page.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use reprise_api::{KeyFile, Role};
use reprise_model::session::Slug;
use reprise_model::{Error, Kind, Result, WallTime};

use crate::output;
use crate::settings::data_folder;

/// Keys of the API and the page: make, list, take away
///
/// The file holds digests alone: a key is shown once. `reprise serve` reads a changed file by itself.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  reprise keys add acme --name \"Sari's phone\"\n  reprise keys list"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// The file of keys; without it `reprise/keys.toml` in the user's data folder
    #[arg(long, value_name = "FILE", global = true)]
    keys: Option<PathBuf>,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Make a key for a seller, and show it
    Add {
        /// The seller, as session manifests name it
        seller: String,
        /// What it is called
        #[arg(long, default_value = "")]
        name: String,
        /// May only look at LIVEs whose manifest gives consent, with figures as estimated ranges
        #[arg(long)]
        guest: bool,
    },
    /// Show whose keys there are
    List,
    /// Take a key away
    Remove {
        /// Its id, as `list` shows it
        id: String,
    },
}

/// The file that is named, or the user's own.
pub fn file(named: Option<&Path>) -> Result<PathBuf> {
    let own = || Some(data_folder()?.join("keys.toml"));
    named.map(Path::to_owned).or_else(own).ok_or_else(|| {
        Error::new(Kind::Usage, "there is no home folder: name a file with --keys FILE")
    })
}

/// Now.
pub fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let path = file(args.keys.as_deref())?;
    let place = path.display();
    let read = KeyFile::read(&path)?;
    match &args.what {
        What::Add { seller, name, guest } => {
            let seller = Slug::parse(seller).ok_or_else(|| {
                let message = "a seller has 1 to 128 letters, digits, `.`, `_`, `-`";
                Error::new(Kind::Usage, format!("{message}: {seller:?}"))
            })?;
            let mut keys = read.map_or_else(KeyFile::new, Ok)?;
            let role = if *guest { Role::Guest } else { Role::Owner };
            let key = keys.add(seller, role, name, now())?;
            keys.write(&path)?;
            if json {
                let id = keys.keys.last().map(|entry| entry.id.clone());
                output::json(&serde_json::json!({ "id": id, "key": key }))?;
            } else {
                output::line(&key)?;
            }
            output::say(&format!("kept in {place}; the key itself is not: copy it now"));
        }
        What::List => {
            let keys = read.map(|file| file.keys).unwrap_or_default();
            if json {
                let shown: Vec<_> = keys
                    .iter()
                    .map(|key| {
                        serde_json::json!({
                            "id": key.id, "seller": key.seller, "role": key.role,
                            "name": key.name, "created_at": key.created_at,
                        })
                    })
                    .collect();
                output::json(&shown)?;
                return Ok(ExitCode::SUCCESS);
            }
            let mut rows =
                vec![["id", "seller", "role", "since", "name"].map(str::to_owned).to_vec()];
            rows.extend(keys.into_iter().map(|key| {
                let since = key.created_at.to_string();
                vec![key.id, key.seller.to_string(), key.role.as_str().to_owned(), since, key.name]
            }));
            output::table(&rows);
        }
        What::Remove { id } => {
            let missing = || Error::new(Kind::Missing, format!("there is no key {id}"));
            let mut keys = read.ok_or_else(missing)?;
            if !keys.remove(id) {
                return Err(missing().in_file(place.to_string()));
            }
            keys.write(&path)?;
            output::say(&format!("{id} is no key any more"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
