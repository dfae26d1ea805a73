//! What this machine has.

use std::path::Path;

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
    /// The machine's: CPUs that this process may use, physical memory (or the lowest limit of its
    /// cgroups, of either version), NVIDIA devices.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let root = Path::new("/");
        Self {
            cpu_milli: cpus as u64 * 1000,
            memory_mib: memory_mib(root),
            gpu: gpus(root),
        }
    }
}

/// The memory of a machine whose files are below `root`.
fn memory_mib(root: &Path) -> u64 {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    // Where nothing is known, nothing is refused.
    let total = total.map_or(u64::MAX, |kib| kib / 1024);
    cgroup_limit(root).map_or(total, |bytes| total.min(bytes >> 20))
}

/// The lowest memory limit, in bytes, of the cgroups that this process is in.
fn cgroup_limit(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let limits = text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next()?, fields.next()?);
        let group = group.trim_start_matches('/');
        if controllers.is_empty() {
            // Beside version 1, version 2 is mounted in a folder of its own.
            let mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"];
            let limits = mounts
                .iter()
                .filter_map(|mount| lowest(&root.join(mount), group, "memory.max"));
            limits.min()
        } else if controllers.split(',').any(|name| name == "memory") {
            let mount = root.join("sys/fs/cgroup/memory");
            lowest(&mount, group, "memory.limit_in_bytes")
        } else {
            None
        }
    });
    limits.min()
}

/// The lowest limit of a group and those around it. In a container the group's own name may mean
/// nothing: then what is mounted is the group.
fn lowest(mount: &Path, group: &str, file: &str) -> Option<u64> {
    let groups = Path::new(group).ancestors();
    let limits = groups.filter_map(|group| {
        let text = std::fs::read_to_string(mount.join(group).join(file)).ok()?;
        // `max` is no number: no limit.
        text.trim().parse().ok()
    });
    limits.min()
}

fn gpus(root: &Path) -> u64 {
    let folder = root.join("proc/driver/nvidia/gpus");
    std::fs::read_dir(folder).map_or(0, |found| found.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// A machine of 8 GiB with these files; what its memory comes to, in GiB.
    fn gib_of(files: &[(&str, String)]) -> u64 {
        let root = tempfile::tempdir().unwrap();
        let meminfo = (
            "proc/meminfo",
            "MemTotal: 8388608 kB\nMemFree: 1 kB\n".to_owned(),
        );
        for (file, text) in files.iter().chain([&meminfo]) {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        memory_mib(root.path()) / 1024
    }

    fn bytes(gib: u64) -> String {
        format!("{}\n", gib * GIB)
    }

    #[test]
    fn without_cgroups_the_memory_is_the_machines() {
        assert_eq!(gib_of(&[]), 8);
    }

    #[test]
    fn the_lowest_limit_on_the_way_up_counts_in_version_2() {
        let files = [
            ("proc/self/cgroup", "0::/batch/job/step\n".to_owned()),
            ("sys/fs/cgroup/batch/memory.max", bytes(4)),
            ("sys/fs/cgroup/batch/job/memory.max", bytes(2)),
            (
                "sys/fs/cgroup/batch/job/step/memory.max",
                "max\n".to_owned(),
            ),
            ("sys/fs/cgroup/other/memory.max", bytes(1)),
        ];
        assert_eq!(gib_of(&files), 2);
    }

    #[test]
    fn the_limit_of_the_memory_hierarchy_counts_in_version_1() {
        let unlimited = "9223372036854771712\n".to_owned();
        let files = [
            (
                "proc/self/cgroup",
                "5:cpu,cpuacct:/other\n4:memory:/batch/job\n0::/batch\n".to_owned(),
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", unlimited),
            (
                "sys/fs/cgroup/memory/batch/job/memory.limit_in_bytes",
                bytes(3),
            ),
            ("sys/fs/cgroup/memory/other/memory.limit_in_bytes", bytes(1)),
        ];
        assert_eq!(gib_of(&files), 3);
    }

    #[test]
    fn version_2_beside_version_1_counts_too() {
        let files = [
            ("proc/self/cgroup", "4:memory:/\n0::/batch\n".to_owned()),
            ("sys/fs/cgroup/unified/batch/memory.max", bytes(5)),
        ];
        assert_eq!(gib_of(&files), 5);
    }

    #[test]
    fn a_container_that_sees_its_group_as_the_root_finds_the_limit_there() {
        let version_1 = [
            ("proc/self/cgroup", "4:memory:/docker/0123\n".to_owned()),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", bytes(1)),
        ];
        assert_eq!(gib_of(&version_1), 1);
        let version_2 = [
            ("proc/self/cgroup", "0::/\n".to_owned()),
            ("sys/fs/cgroup/memory.max", bytes(1)),
        ];
        assert_eq!(gib_of(&version_2), 1);
    }

    #[test]
    fn a_limit_above_the_machines_memory_means_nothing() {
        let files = [
            ("proc/self/cgroup", "0::/\n".to_owned()),
            ("sys/fs/cgroup/memory.max", bytes(64)),
        ];
        assert_eq!(gib_of(&files), 8);
    }

    #[test]
    fn an_unknown_machine_refuses_nothing() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(memory_mib(root.path()), u64::MAX);
        assert_eq!(gpus(root.path()), 0);
    }

    #[test]
    fn this_machine_has_something() {
        let capacity = Capacity::of_this_machine();
        assert!(capacity.cpu_milli >= 1000 && capacity.memory_mib > 0);
    }
}
