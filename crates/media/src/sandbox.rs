//! Shuts this process in for good: limits of memory and files, Landlock, seccomp. What is left is
//! to compute, to use memory, and to talk through what is already open.

use reprise_model::{Error, Kind, Result};
use rlimit::Resource;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use serde::{Deserialize, Serialize};

/// Files that may be open at once: the three standard ones, the socket, and a few to spare.
const MAX_FILES: u64 = 16;
/// The same where a media graph stands: each of its parts that waits has one.
const MAX_FILES_OF_GRAPH: u64 = 128;

/// Which layers hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// Memory, core dumps and files are limited.
    pub limits: bool,
    /// No path can be opened, because the kernel's Landlock says so (Linux 5.13 and later).
    pub landlock: bool,
    /// Only the system calls that decoding needs exist; with that no network and no other process.
    pub seccomp: bool,
}

/// Enters. There is no way back, and no other thread may run yet.
///
/// Landlock is used where the kernel has it; all else is needed.
///
/// # Errors
/// `Unavailable` where a limit or the filter of system calls cannot be set.
pub fn enter(memory_bytes: u64) -> Result<Layers> {
    shut(memory_bytes, MAX_FILES, &[])
}

/// As [`enter`], for a process whose media graph stands already: threads that run are shut in too
/// (by seccomp, which no path gets past), and new threads may wake each other.
///
/// # Errors
/// As [`enter`].
pub fn enter_with_threads(memory_bytes: u64) -> Result<Layers> {
    // A pair of sockets leads nowhere but to this process.
    let wake = [
        libc::SYS_eventfd2,
        libc::SYS_pipe2,
        libc::SYS_socketpair,
        libc::SYS_getppid,
        libc::SYS_sched_getattr,
    ];
    shut(memory_bytes, MAX_FILES_OF_GRAPH, &wake)
}

fn shut(memory_bytes: u64, files: u64, more: &[i64]) -> Result<Layers> {
    let lacking = |what: &str, error: &dyn std::fmt::Display| {
        Error::new(
            Kind::Unavailable,
            format!("{what} cannot be set up here ({error}); `--isolation off` does without"),
        )
    };
    for (resource, most) in [
        (Resource::AS, memory_bytes),
        (Resource::DATA, memory_bytes),
        (Resource::CORE, 0),
        (Resource::FSIZE, 0),
        (Resource::MEMLOCK, 0),
        (Resource::NOFILE, files),
    ] {
        // Nobody may raise a limit that is already lower.
        let (_, hard) = resource.get().map_err(|e| lacking("a limit of resources", &e))?;
        let most = most.min(hard);
        resource.set(most, most).map_err(|e| lacking("a limit of resources", &e))?;
    }
    let landlock = no_path().is_ok_and(|status| status != landlock::RulesetStatus::NotEnforced);
    for filter in filters(more).map_err(|e| lacking("the filter of system calls", &e))? {
        seccompiler::apply_filter_all_threads(&filter)
            .map_err(|e| lacking("the filter of system calls", &e))?;
    }
    Ok(Layers { limits: true, landlock, seccomp: true })
}

/// Handles every right that the kernel knows and grants none of them.
fn no_path() -> std::result::Result<landlock::RulesetStatus, landlock::RulesetError> {
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, Scope};
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::from_all(ABI::V6))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// What decoding, encoding, threads and memory need; a call that is not listed fails with `EPERM`.
fn filters(more: &[i64]) -> std::result::Result<[BpfProgram; 2], seccompiler::BackendError> {
    let bits = |argument: u8, mask: u64, value: u64| {
        let op = SeccompCmpOp::MaskedEq(mask);
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, op, value & mask)?;
        SeccompRule::new(vec![condition])
    };
    let equal = |argument: u8, value: u64| {
        let condition =
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?;
        SeccompRule::new(vec![condition])
    };
    let own = u64::from(std::process::id());
    let not_executable = || bits(2, libc::PROT_EXEC as u64, 0);
    let mut rules: Vec<(i64, Vec<SeccompRule>)> = [
        // Talk through what is open.
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_recvfrom,
        libc::SYS_sendto,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_ppoll,
        // Memory.
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        // Threads.
        libc::SYS_clone3,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_getcpu,
        libc::SYS_membarrier,
        // Signals to itself, and time.
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_gettimeofday,
        libc::SYS_nanosleep,
        libc::SYS_clock_nanosleep,
        libc::SYS_getrusage,
        libc::SYS_getrandom,
        libc::SYS_uname,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    rules.extend([
        (libc::SYS_mmap, vec![not_executable()?]),
        (libc::SYS_mprotect, vec![not_executable()?]),
        // A thread of this process, never another process.
        (libc::SYS_clone, vec![bits(0, libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)?]),
        (libc::SYS_tgkill, vec![equal(0, own)?]),
        (
            libc::SYS_fcntl,
            vec![
                equal(1, libc::F_GETFD as u64)?,
                equal(1, libc::F_SETFD as u64)?,
                equal(1, libc::F_GETFL as u64)?,
                equal(1, libc::F_DUPFD_CLOEXEC as u64)?,
            ],
        ),
        // Limits may be read (glibc looks at its stack), not set.
        (libc::SYS_prlimit64, vec![bits(2, u64::MAX, 0)?]),
        (libc::SYS_prctl, vec![equal(0, libc::PR_SET_NAME as u64)?]),
    ]);
    rules.extend(more.iter().map(|&call| (call, Vec::new())));
    #[cfg(target_arch = "x86_64")]
    rules.extend([(libc::SYS_poll, Vec::new()), (libc::SYS_time, Vec::new())]);
    let architecture = std::env::consts::ARCH.try_into()?;
    let denied = SeccompAction::Errno(libc::EPERM as u32);
    let listed = SeccompFilter::new(
        rules.into_iter().collect(),
        denied,
        SeccompAction::Allow,
        architecture,
    )?;
    // Its flags lie in memory where no filter sees them. "No such call" lets the C library use
    // `clone`, whose flags are seen.
    let no_clone3 = SeccompFilter::new(
        [(libc::SYS_clone3, Vec::new())].into_iter().collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        architecture,
    )?;
    Ok([no_clone3.try_into()?, listed.try_into()?])
}

/// What was tried in here, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What.
    pub what: String,
    /// Whether it failed, as it must.
    pub refused: bool,
    /// The system's words.
    pub detail: String,
}

/// Tries what must not work in here: to open, list and make files, to reach `address` (an address
/// and a port) over the network, to start a program. Harmless where the walls are missing: files
/// are only read, the program is `true`.
pub fn prove(address: &str) -> Vec<Attempt> {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    let tried = |what: &str, came: std::io::Result<()>| Attempt {
        what: what.to_owned(),
        refused: came.is_err(),
        detail: came.map_or_else(|error| error.to_string(), |()| "it worked".to_owned()),
    };
    let made = std::env::temp_dir().join(format!("reprise-proof-{}", std::process::id()));
    let attempts = vec![
        tried("open a file", std::fs::File::open("/etc/passwd").map(drop)),
        tried("open itself", std::fs::File::open("/proc/self/exe").map(drop)),
        tried("list a folder", std::fs::read_dir("/").map(drop)),
        tried("ask for a file", std::fs::metadata("/etc/passwd").map(drop)),
        tried("make a file", std::fs::File::create_new(&made).map(drop)),
        tried("connect", TcpStream::connect(address).map(drop)),
        tried("listen", TcpListener::bind("127.0.0.1:0").map(drop)),
        tried("send a datagram", UdpSocket::bind("127.0.0.1:0").map(drop)),
        tried("connect to a socket in a folder", UnixStream::connect("/run/no").map(drop)),
        tried("start a program", Command::new("/bin/true").status().map(drop)),
        // To what it is anyway.
        tried("set a limit", Resource::NOFILE.get().and_then(|(s, h)| Resource::NOFILE.set(s, h))),
    ];
    // Nothing lies there where the walls hold.
    let _ = std::fs::remove_file(made);
    attempts
}
