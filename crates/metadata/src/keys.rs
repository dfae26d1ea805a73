//! What a commit says of itself, checked: placeholders of manifests, the fence.

use pave_model::RunId;

use crate::error::Reason;
use crate::{Commit, ManifestRecord, MetadataError};

/// The keys that a commit's manifests get: as many as it brings, without gaps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    first: i64,
    count: usize,
}

impl Keys {
    /// Gives the manifests of a commit their keys, from `first`.
    pub(crate) fn give(first: i64, manifests: &[ManifestRecord]) -> Result<Self, Reason> {
        for (position, manifest) in manifests.iter().enumerate() {
            if position_of(manifest.id) != Some(position) {
                return Err(contradiction(format!(
                    "manifest {position} has the placeholder {}, not -{}",
                    manifest.id,
                    position + 1
                )));
            }
        }
        Ok(Self {
            first,
            count: manifests.len(),
        })
    }

    /// The keys in order.
    pub(crate) fn all(self) -> Vec<i64> {
        (self.first..).take(self.count).collect()
    }

    /// The key that a reference means: that of the placeholder, or itself.
    pub(crate) fn resolve(self, reference: Option<i64>) -> Result<Option<i64>, Reason> {
        let Some(reference) = reference else {
            return Ok(None);
        };
        match position_of(reference) {
            None => Ok(Some(reference)),
            Some(position) if position < self.count => Ok(Some(self.first + (-1 - reference))),
            Some(_) => Err(contradiction(format!(
                "it names the placeholder {reference} and brings {} manifests",
                self.count
            ))),
        }
    }
}

/// The position that a placeholder stands for; `None` for a key.
fn position_of(reference: i64) -> Option<usize> {
    usize::try_from(-1 - reference).ok()
}

/// The reason for refusing a commit that contradicts itself or what is stored.
pub(crate) fn contradiction(what: String) -> Reason {
    Reason::new(
        format!("the commit contradicts itself: {what}"),
        Some("This is a defect of Pave: please report it."),
    )
}

/// Refuses a commit that isn't from the newest owner, or whose events don't follow on.
pub(crate) fn fence(
    run: RunId,
    commit: &Commit,
    stored: u64,
    events: u64,
) -> Result<(), MetadataError> {
    if commit.token == stored && commit.first_event == events + 1 {
        return Ok(());
    }
    Err(MetadataError::Fenced {
        run,
        stored,
        ours: commit.token,
        events,
        first_event: commit.first_event,
    })
}
