//! `reprise models`: which models are known, fetching them once, and whether they are what they should be.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use reprise_model::{Error, Kind, Result};
use reprise_store::{Fetched, NetworkOptions, Pinned, download, verify};
use serde::{Deserialize, Serialize};

use crate::output;
use crate::settings::models_folder;

/// The known models; they are read at start and never from the network.
const KNOWN: &str = include_str!("../../../../pipelines/models.toml");

/// List, fetch and verify models for speech and faces
///
/// `list` and `verify` need no network. Fetching goes on where it broke off; a file whose SHA-256 is
/// not the listed one is removed.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// Folder of the models; without it $REPRISE_MODELS, else reprise/models in the user's data folder
    #[arg(long, global = true, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Say which models are known and which are there
    List,
    /// Fetch models by name; without a name the recommended ones
    Fetch {
        /// Names as `list` shows them
        names: Vec<String>,
    },
    /// Hold the models that are there, or those named, against their SHA-256
    Verify {
        /// Names as `list` shows them
        names: Vec<String>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownFile {
    model: Vec<Known>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    name: String,
    #[serde(rename = "for")]
    purpose: String,
    file: String,
    address: String,
    bytes: u64,
    sha256: String,
    license: String,
    #[serde(default)]
    recommended: bool,
}

impl Known {
    fn pinned(&self) -> Pinned {
        Pinned { bytes: self.bytes, sha256: self.sha256.clone() }
    }
}

#[derive(Serialize)]
struct State {
    name: String,
    #[serde(rename = "for")]
    purpose: String,
    path: String,
    bytes: u64,
    license: String,
    recommended: bool,
    /// `there`, `absent` or `damaged`.
    state: &'static str,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let known = known()?;
    let folder = folder(args.dir.as_deref())?;
    match &args.command {
        Command::List => {
            let states: Vec<State> =
                known.iter().map(|model| state(model, &folder, true)).collect();
            show(&states, json)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { names } => {
            let wanted = named(&known, names)?;
            let states: Vec<State> = wanted
                .iter()
                .map(|model| state(model, &folder, false))
                .filter(|state| !names.is_empty() || state.state != "absent")
                .collect();
            if states.is_empty() {
                let shown = folder.display();
                output::say(&format!("no models in {shown}: `reprise models fetch` fetches them"));
            }
            show(&states, json)?;
            let worst = states.iter().find(|state| state.state != "there");
            Ok(match worst.map(|state| state.state) {
                Some("absent") => ExitCode::from(Kind::Missing.exit_code()),
                Some(_) => ExitCode::from(Kind::Malformed.exit_code()),
                None => ExitCode::SUCCESS,
            })
        }
        Command::Fetch { names } => {
            let mut wanted = named(&known, names)?;
            if names.is_empty() {
                wanted.retain(|model| model.recommended);
            }
            for model in &wanted {
                fetch(model, &folder)?;
            }
            let states: Vec<State> =
                wanted.iter().map(|model| state(model, &folder, true)).collect();
            if json {
                output::json(&states)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn known() -> Result<Vec<Known>> {
    let file: KnownFile = toml::from_str(KNOWN).map_err(|error| {
        Error::new(Kind::Bug, "the built-in list of models cannot be read").caused_by(error)
    })?;
    Ok(file.model)
}

/// The folder of the models; it need not exist.
fn folder(given: Option<&Path>) -> Result<PathBuf> {
    models_folder(given).ok_or_else(|| {
        let what = "there is no data folder: give --dir, or set REPRISE_MODELS";
        Error::new(Kind::Usage, what)
    })
}

fn named(known: &[Known], names: &[String]) -> Result<Vec<Known>> {
    if names.is_empty() {
        return Ok(known.to_vec());
    }
    let find = |name: &String| {
        known.iter().find(|model| model.name == *name).cloned().ok_or_else(|| {
            let all: Vec<&str> = known.iter().map(|model| model.name.as_str()).collect();
            let what = format!("no model is called `{name}`: there are {}", all.join(", "));
            Error::new(Kind::Usage, what)
        })
    };
    names.iter().map(find).collect()
}

fn state(model: &Known, folder: &Path, by_length: bool) -> State {
    let path = folder.join(&model.file);
    let state = if by_length {
        match std::fs::metadata(&path) {
            Ok(there) if there.len() == model.bytes => "there",
            Ok(_) => "damaged",
            Err(_) => "absent",
        }
    } else {
        match verify(&path, &model.pinned()) {
            Ok(()) => "there",
            Err(error) if error.kind == Kind::Missing => "absent",
            Err(error) => {
                output::say(&error.to_string());
                "damaged"
            }
        }
    };
    State {
        name: model.name.clone(),
        purpose: model.purpose.clone(),
        path: path.display().to_string(),
        bytes: model.bytes,
        license: model.license.clone(),
        recommended: model.recommended,
        state,
    }
}

fn show(states: &[State], json: bool) -> Result<()> {
    if json {
        return output::json(&states);
    }
    if states.is_empty() {
        return Ok(());
    }
    let mut rows = vec![["model", "state", "MB", "licence", "for"].map(str::to_owned).to_vec()];
    for state in states {
        let star = if state.recommended { "recommended; " } else { "" };
        rows.push(vec![
            state.name.clone(),
            state.state.to_owned(),
            format!("{:.1}", state.bytes as f64 / 1e6),
            state.license.clone(),
            format!("{star}{}", state.purpose),
        ]);
    }
    output::table(&rows);
    Ok(())
}

fn fetch(model: &Known, folder: &Path) -> Result<()> {
    let path = folder.join(&model.file);
    let mut told = 0;
    let mut progress = |there: u64| {
        let percent = there * 100 / model.bytes.max(1);
        if percent >= told + 20 && percent < 100 {
            told = percent;
            output::say(&format!("{}: {percent} %", model.name));
        }
    };
    let options = NetworkOptions::default();
    let fetched = download(&model.address, &path, &model.pinned(), &options, &mut progress);
    let fetched = fetched.map_err(|error| match error.kind {
        Kind::TryAgain | Kind::Unavailable => {
            let what = format!(
                "{}; without a network copy the file to {} yourself, then `reprise models verify`",
                error.message,
                path.display()
            );
            Error::new(error.kind, what).in_file(model.address.clone())
        }
        _ => error,
    })?;
    let how = match fetched {
        Fetched::There => "is there already",
        Fetched::Now { resumed_from: 0 } => "fetched and verified",
        Fetched::Now { .. } => "fetched to its end and verified",
    };
    output::say(&format!("{}: {how}: {}", model.name, path.display()));
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_known_models_are_pinned_and_safe() {
        let known = known().unwrap();
        let mut names = std::collections::BTreeSet::new();
        for model in &known {
            assert!(model.address.starts_with("https://"), "{}", model.name);
            assert_eq!(model.sha256.len(), 64);
            assert!(model.sha256.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
            assert!(model.bytes > 0 && !model.file.contains('/') && !model.license.is_empty());
            assert!(names.insert(&model.name));
        }
        assert!(known.iter().any(|model| model.recommended));
    }
}
