//! Progress for people: bars on a terminal, log lines otherwise.

use std::cell::Cell;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reprise_worker::{Progress, ProgressSink};

/// A sink that shows what a run tells.
pub fn sink() -> ProgressSink {
    if std::io::stderr().is_terminal() {
        bar()
    } else {
        Arc::new(|progress| match progress {
            Progress::Stage { name, detail } => tracing::info!(detail, "{name}"),
            Progress::Warning(text) => tracing::warn!("{text}"),
            Progress::Windows { total } => tracing::info!(total, "windows"),
            Progress::Waiting { .. } => {}
            Progress::Window { moment_id, detail } => tracing::info!(moment_id, "{detail}"),
        })
    }
}

/// How far one piece of work is: a bar on a terminal, a log line each tenth otherwise.
pub struct Bar {
    bar: Option<ProgressBar>,
    tenths: Cell<u64>,
    name: &'static str,
}

impl Bar {
    /// Of work that tells its share.
    pub fn shares(name: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg} [{bar:30}] {percent} % {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(1000).with_style(style).with_message(name)
        });
        Self { bar, tenths: Cell::new(0), name }
    }

    /// `share` is done, 0 to 1.
    pub fn reached(&self, share: f64) {
        if let Some(bar) = &self.bar {
            bar.set_position((share * 1000.0) as u64);
        }
        let tenths = (share * 10.0) as u64;
        if self.bar.is_none() && tenths > self.tenths.replace(tenths) {
            tracing::info!(percent = tenths * 10, "{}", self.name);
        }
    }

    /// Takes it off the terminal.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressSink {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(120));
    let counted = ProgressStyle::with_template("{spinner} {msg} [{bar:30}] {pos}/{len} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    Arc::new(move |progress| match progress {
        Progress::Stage { name, detail } => {
            if *name == "publish" {
                bar.finish_and_clear();
            } else {
                bar.set_message(format!("{name}: {detail}"));
            }
        }
        Progress::Warning(text) => bar.suspend(|| crate::output::say(&format!("warning: {text}"))),
        Progress::Windows { total } => {
            bar.set_style(counted.clone());
            bar.set_length(*total as u64);
            bar.set_position(0);
        }
        Progress::Waiting { .. } => {}
        Progress::Window { moment_id, detail } => {
            bar.suspend(|| crate::output::say(&format!("{moment_id}  {detail}")));
            bar.inc(1);
            if Some(bar.position()) == bar.length() {
                bar.finish_and_clear();
            }
        }
    })
}
