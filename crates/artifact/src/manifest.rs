//! What a task left: its artifacts by name, in the order they were set.
//!
//! A manifest may be a delta over the manifest of the task before (its base). Most of a step's
//! artifacts are inherited, so only what the step set is stored again.

use std::collections::{HashMap, HashSet};

use rmp::encode as msgpack;

use crate::{ArtifactError, Entry, entry::put, wire::Tokens};

const FORMAT: &str = "artifact manifest";

/// Names that belong to the task that set them, besides all that start with `__`. The next task
/// doesn't inherit them.
pub const NOT_INHERITED: &[&str] = &["_foreach_items", "_exception", "_transition", "_success"];

/// Whether the next task inherits an artifact of this name.
///
/// The rule: names that start with `__`, and those in [`NOT_INHERITED`], are the task's own; all
/// others, also those of users that start with one `_`, flow on.
#[must_use]
pub fn is_inherited(name: &str) -> bool {
    !name.starts_with("__") && !NOT_INHERITED.contains(&name)
}

/// Artifacts by name, in the order they were first set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<Entry>,
    removed: Vec<String>,
    index: HashMap<String, usize>,
}

impl Manifest {
    /// An empty manifest.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of artifacts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The artifact of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.index.get(name).map(|&at| &self.entries[at])
    }

    /// All artifacts, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// Names that this manifest takes away from its base.
    #[must_use]
    pub fn removed(&self) -> &[String] {
        &self.removed
    }

    /// Sets an artifact. One of the same name keeps its place in the order.
    pub fn put(&mut self, entry: Entry) {
        self.removed.retain(|name| *name != entry.name);
        if let Some(&at) = self.index.get(&entry.name) {
            self.entries[at] = entry;
        } else {
            self.index.insert(entry.name.clone(), self.entries.len());
            self.entries.push(entry);
        }
    }

    /// Takes an artifact away, also from a base that this manifest is laid over later.
    pub fn remove(&mut self, name: &str) -> Option<Entry> {
        if !self.removed.iter().any(|gone| gone == name) {
            self.removed.push(name.to_owned());
        }
        self.take(name)
    }

    /// Lays a task's own manifest over the one it inherits (`self`): what isn't inherited goes,
    /// what `own` removed goes, what `own` set is set.
    pub fn overlay(&mut self, own: Self) {
        self.removed.clear();
        self.entries
            .retain(|entry| is_inherited(&entry.name) && !own.removed.contains(&entry.name));
        self.reindex();
        for entry in own.entries {
            self.put(entry);
        }
    }

    /// What `self` adds to `base`: the manifest that, laid over `base`, gives `self` again (but for
    /// the order of what both have).
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let mut own = Self::new();
        for entry in &self.entries {
            if !is_inherited(&entry.name) || base.find(&entry.name) != Some(entry) {
                own.put(entry.clone());
            }
        }
        own.removed = base
            .iter()
            .filter(|entry| is_inherited(&entry.name) && self.find(&entry.name).is_none())
            .map(|entry| entry.name.clone())
            .collect();
        own
    }

    /// MessagePack of this manifest.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 160 * self.entries.len());
        put(msgpack::write_map_len(
            &mut out,
            1 + u32::from(!self.removed.is_empty()),
        ));
        put(msgpack::write_str(&mut out, "entries"));
        write_len(&mut out, self.entries.len());
        for entry in &self.entries {
            entry.write(&mut out);
        }
        if !self.removed.is_empty() {
            put(msgpack::write_str(&mut out, "removed"));
            write_len(&mut out, self.removed.len());
            for name in &self.removed {
                put(msgpack::write_str(&mut out, name));
            }
        }
        out
    }

    /// Reads what [`Manifest::encode`] wrote; no bytes at all are an empty manifest. Unknown fields
    /// are ignored.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let mut manifest = Self::new();
        if bytes.is_empty() {
            return Ok(manifest);
        }
        let mut tokens = Tokens::new(bytes, FORMAT);
        for _ in 0..tokens.map_len()? {
            match tokens.str()? {
                "entries" => {
                    for _ in 0..tokens.array_len()? {
                        manifest.put(Entry::read(&mut tokens)?);
                    }
                }
                "removed" => {
                    for _ in 0..tokens.array_len()? {
                        manifest.removed.push(tokens.str()?.to_owned());
                    }
                }
                _ => tokens.skip()?,
            }
        }
        match tokens.remaining() {
            0 => Ok(manifest),
            rest => Err(tokens.wrong(format!("{rest} bytes follow the end"))),
        }
    }

    /// Makes one flat manifest of a chain of stored ones, the innermost base first.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`].
    pub fn flatten<'a>(chain: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ArtifactError> {
        let mut flat: Option<Self> = None;
        for bytes in chain {
            let own = Self::decode(bytes)?;
            match &mut flat {
                None => flat = Some(own),
                Some(base) => base.overlay(own),
            }
        }
        let mut flat = flat.unwrap_or_default();
        flat.removed.clear();
        Ok(flat)
    }

    /// The flat manifest stored under `id`, following bases; `find` gives a stored manifest's base
    /// and its bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`], also if a base is missing or they form a circle.
    pub fn flatten_stored<'a>(
        id: i64,
        find: impl Fn(i64) -> Option<(Option<i64>, &'a [u8])>,
    ) -> Result<Self, ArtifactError> {
        let mut chain = Vec::new();
        let mut seen = HashSet::new();
        let mut next = Some(id);
        while let Some(id) = next {
            let wrong = |why| ArtifactError::Malformed {
                format: FORMAT,
                why,
                at: 0,
            };
            if !seen.insert(id) {
                return Err(wrong(format!("manifest {id} is its own base")));
            }
            let found = find(id).ok_or_else(|| wrong(format!("manifest {id} is not stored")))?;
            next = found.0;
            chain.push(found.1);
        }
        Self::flatten(chain.into_iter().rev())
    }

    fn take(&mut self, name: &str) -> Option<Entry> {
        let at = self.index.get(name).copied()?;
        let entry = self.entries.remove(at);
        self.reindex();
        Some(entry)
    }

    fn reindex(&mut self) {
        self.index.clear();
        for (at, entry) in self.entries.iter().enumerate() {
            self.index.insert(entry.name.clone(), at);
        }
    }
}

impl FromIterator<Entry> for Manifest {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut manifest = Self::new();
        for entry in entries {
            manifest.put(entry);
        }
        manifest
    }
}

fn write_len(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("a manifest has under 2^32 names");
    put(msgpack::write_array_len(out, count));
}
