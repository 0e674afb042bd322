//! How many threads libraries start of their own.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// What OpenMP reads, once, when it is loaded.
const LIMIT: &str = "OMP_THREAD_LIMIT";

/// Begins this program anew with one OpenMP thread, unless the user has set a limit.
///
/// Tesseract asks for four threads for every line of text, which wait for each other in busy loops;
/// its documentation advises a limit of one where other work is done meanwhile. On two cores the
/// checks of a clip took three times as long without it. Where the program cannot be begun anew, it
/// goes on slowly.
pub fn limit() {
    if std::env::var_os(LIMIT).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let error = command.args(arguments).env(LIMIT, "1").exec();
    crate::output::say(&format!("warning: cannot limit OpenMP to one thread: {error}"));
}
