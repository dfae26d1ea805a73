//! Stacks of open splits, each stored once: equal stacks have equal ids.

use std::collections::HashMap;

/// A stack of open splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FrameId(usize);

/// The innermost entry of a stack.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Frame {
    /// The stack around it.
    pub(super) around: FrameId,
    /// The step that splits.
    pub(super) split: usize,
    /// Which of its branches; 0 for a foreach or gang.
    pub(super) branch: usize,
}

/// All stacks of a flow.
pub(super) struct Frames {
    entries: Vec<Option<Frame>>,
    depths: Vec<usize>,
    ids: HashMap<Frame, FrameId>,
}

impl Frames {
    /// The stack with nothing open.
    pub(super) const ROOT: FrameId = FrameId(0);

    pub(super) fn new() -> Self {
        Self {
            entries: vec![None],
            depths: vec![0],
            ids: HashMap::new(),
        }
    }

    /// The stack with one more entry.
    pub(super) fn push(&mut self, frame: Frame) -> FrameId {
        let Self {
            entries,
            depths,
            ids,
        } = self;
        *ids.entry(frame).or_insert_with(|| {
            depths.push(depths[frame.around.0] + 1);
            entries.push(Some(frame));
            FrameId(entries.len() - 1)
        })
    }

    /// The innermost entry; `None` of [`Self::ROOT`].
    pub(super) fn innermost(&self, id: FrameId) -> Option<Frame> {
        self.entries[id.0]
    }

    /// The longest stack that all begin with.
    pub(super) fn common(&self, ids: &[FrameId]) -> FrameId {
        let mut ids = ids.iter().copied();
        let first = ids.next().unwrap_or(Self::ROOT);
        ids.fold(first, |left, right| self.common_of_two(left, right))
    }

    /// Entries from the innermost outwards, down to but without those of `base`.
    pub(super) fn above(&self, id: FrameId, base: FrameId) -> impl Iterator<Item = Frame> {
        let mut at = id;
        std::iter::from_fn(move || {
            let frame = self.innermost(at).filter(|_| at != base)?;
            at = frame.around;
            Some(frame)
        })
    }

    fn common_of_two(&self, mut left: FrameId, mut right: FrameId) -> FrameId {
        while left != right {
            let deeper = if self.depths[left.0] >= self.depths[right.0] {
                &mut left
            } else {
                &mut right
            };
            *deeper = self.entries[deeper.0].map_or(Self::ROOT, |frame| frame.around);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, FrameId, Frames};

    fn push(frames: &mut Frames, around: FrameId, split: usize, branch: usize) -> FrameId {
        frames.push(Frame {
            around,
            split,
            branch,
        })
    }

    #[test]
    fn equal_stacks_have_equal_ids() {
        let mut frames = Frames::new();
        let one = push(&mut frames, Frames::ROOT, 3, 0);
        assert_eq!(push(&mut frames, Frames::ROOT, 3, 0), one);
        assert_ne!(push(&mut frames, Frames::ROOT, 3, 1), one);
    }

    #[test]
    fn the_common_stack_ends_where_branches_part() {
        let mut frames = Frames::new();
        let outer = push(&mut frames, Frames::ROOT, 1, 0);
        let left = push(&mut frames, outer, 2, 0);
        let right = push(&mut frames, outer, 2, 1);
        let deep = push(&mut frames, right, 5, 0);
        assert_eq!(frames.common(&[left, deep]), outer);
        assert_eq!(frames.common(&[right, deep]), right);
        assert_eq!(frames.common(&[left, Frames::ROOT]), Frames::ROOT);
        let splits: Vec<usize> = frames.above(deep, outer).map(|frame| frame.split).collect();
        assert_eq!(splits, [5, 2]);
    }
}
