//! `reprise remix`: quick post edit of a clip.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use reprise_media::remote::Program;
use reprise_model::plan::Plan;
use reprise_model::remix::{Effect, Target};
use reprise_model::{Error, Kind, Outcome, Result};
use reprise_remix::{Remixer, Score, Template, Way, Wishes};
use reprise_worker::{RemixRequest, remix};

use crate::output;
use crate::progress::Bar;
use crate::settings::PipelineArgs;

/// The hidden subcommand that a child is started with.
pub const CHILD: &str = "remix-child";
/// Memory that a remix may take, MiB.
const MEMORY_MB: u64 = 4096;

/// Quick post edit: music, stickers, captions, an arrow that follows the product
///
/// Writes FILE, and beside it its cover (.jpg) and its record (.json): what was laid over the picture,
/// how loud it is, and a verdict for each rule.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  reprise remix clips/acme/evening/clips/0h01m05s-b74a526c --template bold-sale --out post.mp4\n  \
                  reprise remix CLIP_DIR --template soft-beauty --plan friday.json --text hook=\"Last 40 pieces\" --off zoom --out post.mp4"
)]
pub struct Args {
    /// Folder of a clip that `run` made, or an MP4 of `cut`
    #[arg(required_unless_present = "list")]
    clip: Option<PathBuf>,
    /// Template: a name (`--list` shows them) or a file (TOML)
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    template: Option<String>,
    /// The MP4 to write
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// The LIVE that it invites to: a file (JSON), or the name of a plan of this seller
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Where it is posted: `platform-api` takes out what such posts may not carry (branding, promotion)
    #[arg(long, value_name = "TARGET", default_value = "download", value_parser = target)]
    target: Target,
    /// Take an effect out: hook, name, price, captions, call_to_action, plan, brand, arrow, zoom, music;
    /// may be given again
    #[arg(long, value_name = "EFFECT", value_parser = effect)]
    off: Vec<Effect>,
    /// A text of your own for hook, name, price, call_to_action or brand; may be given again
    #[arg(long, value_name = "EFFECT=TEXT", value_parser = text)]
    text: Vec<(Effect, String)>,
    /// Music instead of the template's own (`--list` shows it)
    #[arg(long, value_name = "NAME")]
    music: Option<String>,
    /// Language of what it says by itself (BCP 47); without it the clip's
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// The brand's picture (PNG, JPEG, WebP) instead of its name
    #[arg(long, value_name = "FILE")]
    brand: Option<PathBuf>,
    /// Do not hold the finished file against the rules
    #[arg(long)]
    no_check: bool,
    /// Show templates and music, and end
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

fn effect(name: &str) -> Result<Effect, String> {
    let known = Effect::ALL.iter().map(|effect| effect.as_str()).collect::<Vec<_>>().join(", ");
    let found = Effect::ALL.into_iter().find(|effect| effect.as_str() == name);
    found.ok_or_else(|| format!("there is no effect `{name}`; there are {known}"))
}

fn text(argument: &str) -> Result<(Effect, String), String> {
    let (name, text) = argument.split_once('=').ok_or("write it as EFFECT=TEXT")?;
    Ok((effect(name)?, text.to_owned()))
}

fn target(name: &str) -> Result<Target, String> {
    match name {
        "download" => Ok(Target::Download),
        "platform-api" => Ok(Target::PlatformApi),
        _ => Err("write `download` or `platform-api`".to_owned()),
    }
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let (Some(clip), Some(template), Some(out)) = (&args.clip, &args.template, &args.out) else {
        return list(json);
    };
    let options = args.pipeline.options()?;
    let brand = args.brand.as_ref().map(|path| {
        std::fs::read(path).map_err(|error| Error::io(path.display().to_string(), error))
    });
    let texts: BTreeMap<Effect, String> = args.text.iter().cloned().collect();
    let request = RemixRequest {
        clip: clip.clone(),
        template: open_template(template)?,
        wishes: Wishes {
            target: args.target,
            language: args.language.clone(),
            off: args.off.clone(),
            texts,
            music: args.music.clone(),
        },
        plan: args.plan.as_deref().map(|plan| open_plan(plan, clip)).transpose()?,
        brand: brand.transpose()?,
        out: out.clone(),
        check: !args.no_check,
    };
    let bar = Bar::shares("remix");
    let result = {
        let progress = |share: f64| bar.reached(share);
        let way = Way { progress: &progress, cancel: &AtomicBool::new(false) };
        remix(request, &remixer(), &options, &way)
    };
    bar.end();
    let result = result?;
    for note in &result.remix.notes {
        output::say(&format!("note: {note}"));
    }
    for verdict in result.remix.verdicts.iter().filter(|v| v.verdict == Outcome::Fail) {
        output::say(&format!("  {} fails: {}", verdict.rule, verdict.detail));
    }
    let grade = result.remix.grade.map_or("not checked", |grade| grade.as_str());
    output::say(&format!("{}  {}  {grade}", result.file.display(), result.remix.duration_s));
    if json {
        output::json(&result)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Children of this very program.
pub fn remixer() -> Remixer {
    let arguments = vec![CHILD.to_owned(), MEMORY_MB.to_string()];
    Remixer { program: Program { path: "/proc/self/exe".into(), arguments } }
}

fn open_template(name: &str) -> Result<Template> {
    let path = Path::new(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Template::built_in(name);
    }
    let text = std::fs::read_to_string(path).map_err(|error| Error::io(name, error))?;
    Template::from_toml(&text, name)
}

/// A plan: a file, or by its name in the seller's folder, which the clip's lies below.
fn open_plan(plan: &str, clip: &Path) -> Result<Plan> {
    let file = Path::new(plan);
    let beside = clip.join("../../..").join("~plans").join(format!("{plan}.json"));
    let is_name = reprise_model::session::Slug::parse(plan).is_some();
    let path = if is_name && !file.exists() { beside } else { file.to_owned() };
    let named = path.display().to_string();
    let bytes = std::fs::read(&path).map_err(|error| Error::io(named.clone(), error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(Kind::Malformed, error.to_string()).in_file(named).at_line(error.line() as u64)
    })
}

fn list(json: bool) -> Result<ExitCode> {
    let templates: Vec<Template> =
        Template::names().map(Template::built_in).collect::<Result<_>>()?;
    let scores: Vec<Score> = Score::names().map(Score::built_in).collect::<Result<_>>()?;
    let mut rows = vec![["template", "music", "for", "licence"].map(str::to_owned).to_vec()];
    for template in &templates {
        let about = template.about.get("en").cloned().unwrap_or_default();
        rows.push(vec![
            template.name.clone(),
            template.sound.music.clone(),
            about,
            template.licence.clone(),
        ]);
    }
    output::table(&rows);
    let mut rows = vec![["music", "title", "licence"].map(str::to_owned).to_vec()];
    rows.extend(scores.into_iter().map(|score| vec![score.name, score.title, score.licence]));
    output::table(&rows);
    if json {
        output::json(&templates)?;
    }
    Ok(ExitCode::SUCCESS)
}
