//! Does the same to many things on the machine's cores.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Does `work` for 0 to `count` (exclusive), on as many threads as there are cores, the caller's
/// own among them. Gives the results in order, or the first error that occurred; after one, nothing
/// new is begun.
pub(crate) fn each<T: Send, E: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(count);
    if threads < 2 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new((Vec::with_capacity(count), None));
    let drain = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            let result = work(index);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(value) => done.0.push((index, value)),
                Err(error) => {
                    next.store(count, Ordering::Relaxed);
                    done.1.get_or_insert(error);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Where no thread can be had, the others do its share.
            let _ = thread::Builder::new().spawn_scoped(scope, drain);
        }
        drain();
    });
    let (mut results, error) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = error {
        return Err(error);
    }
    results.sort_unstable_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, value)| value).collect())
}
