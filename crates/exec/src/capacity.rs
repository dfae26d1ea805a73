//! What this machine has.

/// CPUs, memory and GPUs that reservations may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Thousandths of a CPU.
    pub cpu_milli: u64,
    /// MiB of memory.
    pub memory_mib: u64,
    /// GPUs.
    pub gpu: u64,
}

impl Capacity {
    /// The machine's: CPUs that this process may use, physical memory (or the cgroup's limit, if
    /// lower), NVIDIA devices.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            cpu_milli: cpus as u64 * 1000,
            memory_mib: memory_mib(),
            gpu: gpus(),
        }
    }
}

fn memory_mib() -> u64 {
    let total = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        });
    let limit = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]
    .iter()
    .filter_map(|path| {
        std::fs::read_to_string(path)
            .ok()?
            .trim()
            .parse::<u64>()
            .ok()
    })
    .min();
    // Without /proc nothing is known: then nothing is refused.
    let total = total.map_or(u64::MAX, |kib| kib / 1024);
    limit.map_or(total, |bytes| total.min(bytes >> 20))
}

fn gpus() -> u64 {
    std::fs::read_dir("/proc/driver/nvidia/gpus").map_or(0, |found| found.count() as u64)
}
