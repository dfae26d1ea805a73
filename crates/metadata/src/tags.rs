//! The rules of tags, which every store shares.

use std::collections::BTreeSet;

use crate::MetadataError;

/// Most user tags of one run.
const MOST: usize = 50;
/// Most characters of one tag.
const LONGEST: usize = 500;

/// The tags of one run. No tag is both a user's and the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) user: BTreeSet<String>,
    pub(crate) system: BTreeSet<String>,
}

impl Tags {
    /// The tags that a new run begins with.
    pub(crate) fn first(user: &[String], system: &[String]) -> Result<Self, MetadataError> {
        let none = Self {
            user: BTreeSet::new(),
            system: system.iter().cloned().collect(),
        };
        none.changed(user, &[])
    }

    /// The tags after a change: removals first, then additions.
    pub(crate) fn changed(&self, add: &[String], remove: &[String]) -> Result<Self, MetadataError> {
        let mut next = self.clone();
        for tag in remove {
            check(tag)?;
            if self.system.contains(tag) {
                return Err(MetadataError::Tag(format!(
                    "`{tag}` is a system tag, which cannot be removed"
                )));
            }
            next.user.remove(tag);
        }
        for tag in add {
            check(tag)?;
            if !self.system.contains(tag) {
                next.user.insert(tag.clone());
            }
        }
        if next.user.len() > MOST && next.user.len() > self.user.len() {
            return Err(MetadataError::Tag(format!(
                "a run has at most {MOST} user tags, this would make {}: remove some first",
                next.user.len()
            )));
        }
        Ok(next)
    }

    /// The user's tags, sorted.
    pub(crate) fn user(&self) -> Vec<String> {
        self.user.iter().cloned().collect()
    }

    /// The system's tags, sorted.
    pub(crate) fn system(&self) -> Vec<String> {
        self.system.iter().cloned().collect()
    }
}

fn check(tag: &str) -> Result<(), MetadataError> {
    if tag.is_empty() {
        return Err(MetadataError::Tag("a tag cannot be empty".to_owned()));
    }
    let length = tag.chars().count();
    if length > LONGEST {
        let start: String = tag.chars().take(20).collect();
        return Err(MetadataError::Tag(format!(
            "`{start}…` has {length} characters, a tag has at most {LONGEST}"
        )));
    }
    Ok(())
}
