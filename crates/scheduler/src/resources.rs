//! What a task can reserve of the machine.

use pave_graph::Resources;

use crate::Options;

/// One kind of thing that is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Cpu,
    Memory,
    Gpu,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Gpu];

    /// How much of it `resources` hold.
    pub(crate) fn need(self, resources: &Resources) -> u64 {
        match self {
            Self::Cpu => resources.cpu_milli,
            Self::Memory => resources.memory_mib,
            Self::Gpu => resources.gpu,
        }
    }

    /// How much of it a run may reserve.
    pub(crate) fn capacity(self, options: &Options) -> u64 {
        match self {
            Self::Cpu => options.cpu_milli,
            Self::Memory => options.memory_mib,
            Self::Gpu => options.gpu,
        }
    }

    /// Whether `count` reservations of `need` fit beside those `used`. Nothing fits everywhere.
    pub(crate) fn fits(self, need: u64, count: u64, used: u64, capacity: u64) -> bool {
        need == 0 || used.saturating_add(need.saturating_mul(count)) <= capacity
    }

    /// An amount in words.
    pub(crate) fn tell(self, amount: u64) -> String {
        let plural = |amount: &str, one: &str, many: &str| match amount {
            "1" => format!("1 {one}"),
            _ => format!("{amount} {many}"),
        };
        match self {
            Self::Cpu => {
                let (whole, part) = (amount / 1000, amount % 1000);
                let text = format!("{whole}.{part:03}");
                let text = text.trim_end_matches('0').trim_end_matches('.');
                plural(text, "CPU", "CPUs")
            }
            Self::Memory => format!("{amount} MiB of memory"),
            Self::Gpu => plural(&amount.to_string(), "GPU", "GPUs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_as_people_count_them() {
        assert_eq!(Kind::Cpu.tell(1000), "1 CPU");
        assert_eq!(Kind::Cpu.tell(10_000), "10 CPUs");
        assert_eq!(Kind::Cpu.tell(2500), "2.5 CPUs");
        assert_eq!(Kind::Memory.tell(512), "512 MiB of memory");
        assert_eq!(Kind::Gpu.tell(0), "0 GPUs");
    }

    #[test]
    fn nothing_fits_where_there_is_nothing() {
        assert!(Kind::Gpu.fits(0, 9, 0, 0));
        assert!(!Kind::Gpu.fits(1, 1, 0, 0));
        assert!(!Kind::Cpu.fits(u64::MAX, 2, 1, u64::MAX - 1));
    }
}
