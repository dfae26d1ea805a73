//! Places where tests kill the runtime. Only in debug builds: a release has none of this.

/// A place where a crash must lose nothing. With `PAVE_CRASH_AT=7` in the environment of a debug
/// build, the seventh place reached kills this process outright, as `kill -9` would.
pub(crate) fn crash_point(name: &str) {
    #[cfg(debug_assertions)]
    armed::reached(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static REACHED: AtomicU64 = AtomicU64::new(0);
    static AT: OnceLock<Option<u64>> = OnceLock::new();

    #[expect(
        clippy::print_stderr,
        reason = "the last words of a process that a test kills"
    )]
    pub(super) fn reached(name: &str) {
        let at = *AT.get_or_init(|| std::env::var("PAVE_CRASH_AT").ok()?.parse().ok());
        let Some(at) = at else { return };
        if REACHED.fetch_add(1, Ordering::Relaxed) + 1 == at {
            eprintln!("crash point {at}: {name}");
            let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
        }
    }
}
