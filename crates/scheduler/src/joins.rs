//! Who has arrived at a join.

/// One input of a join for each of several items: the tasks that arrived, by item.
///
/// Where the step before the join is numbered as one range, the range's first number is all there
/// is to keep; a table is kept only behind switches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Column {
    /// Nobody has arrived.
    #[default]
    Empty,
    /// Item `i` is task `first + i`; whether it has arrived is told by its phase.
    Aligned(u32),
    /// By item; 0 where nobody has arrived.
    Listed(Vec<u32>),
}

impl Column {
    /// Notes that `task` arrived for `item` of `count`. `aligned` is the first number of the range
    /// that holds the same step's task of every item, where there is one.
    pub(crate) fn arrive(&mut self, item: u32, count: u32, task: u32, aligned: Option<u32>) {
        if let Self::Empty = self {
            *self = match aligned {
                Some(first) => Self::Aligned(first),
                None => Self::Listed(vec![0; count as usize]),
            };
        }
        if let Self::Listed(tasks) = self
            && let Some(slot) = tasks.get_mut(item as usize)
        {
            *slot = task;
        }
    }

    /// The task of `item`: in a range, also before it has arrived.
    pub(crate) fn get(&self, item: u32) -> Option<u32> {
        match self {
            Self::Empty => None,
            Self::Aligned(first) => first.checked_add(item),
            Self::Listed(tasks) => tasks.get(item as usize).copied().filter(|task| *task != 0),
        }
    }
}
