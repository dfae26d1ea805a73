//! Entries and manifests: round trips, inheritance, other versions.

use std::collections::BTreeMap;

use pave_artifact::{
    Chunk, Codec, Encoding, Entry, LABEL_LIMIT, Manifest, Placement, is_inherited,
};
use proptest::prelude::*;

fn entry(name: &str, content: &[u8]) -> Entry {
    Entry {
        name: name.to_owned(),
        encoding: Encoding::Value,
        type_name: "int".to_owned(),
        size: content.len() as u64,
        hash: *blake3::hash(content).as_bytes(),
        place: Placement::Inline(content.to_owned()),
        label: String::new(),
    }
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest.iter().map(|entry| entry.name.as_str()).collect()
}

fn manifest(entries: &[(&str, &str)]) -> Manifest {
    entries
        .iter()
        .map(|(name, content)| entry(name, content.as_bytes()))
        .collect()
}

fn places() -> impl Strategy<Value = Placement> {
    let chunk = (
        any::<[u8; 32]>(),
        0..1_u64 << 40,
        any::<u64>(),
        any::<bool>(),
    );
    let chunk = chunk.prop_map(|(hash, length, stored, raw)| Chunk {
        hash,
        length,
        stored,
        codec: if raw { Codec::Raw } else { Codec::Zstd },
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..5000).prop_map(Placement::Inline),
        prop::collection::vec(chunk, 0..20).prop_map(Placement::Chunks),
    ]
}

fn entries() -> impl Strategy<Value = Entry> {
    let encoding = prop_oneof![
        Just("value"),
        Just("array"),
        Just("frame"),
        Just("items"),
        Just("pickle"),
        Just("rds"),
        Just("something-new"),
    ];
    let parts = (
        "\\PC{0,20}",
        encoding,
        "\\PC{0,40}",
        any::<[u8; 32]>(),
        places(),
        "\\PC{0,100}",
    );
    parts.prop_map(|(name, encoding, type_name, hash, place, label)| Entry {
        name,
        encoding: Encoding::from(encoding),
        type_name,
        size: place.length(),
        hash,
        place,
        label,
    })
}

proptest! {
    #[test]
    fn entries_survive_a_round_trip(entry in entries()) {
        prop_assert_eq!(Entry::from_bytes(&entry.to_bytes()).unwrap(), entry);
    }

    #[test]
    fn manifests_survive_a_round_trip(
        entries in prop::collection::vec(entries(), 0..10),
        removed in prop::collection::vec("[a-z]{1,3}", 0..4),
    ) {
        let mut manifest: Manifest = entries.into_iter().collect();
        for name in removed {
            manifest.remove(&name);
        }
        prop_assert_eq!(Manifest::decode(&manifest.encode()).unwrap(), manifest);
    }

    #[test]
    fn a_delta_over_its_base_is_the_whole(
        base in prop::collection::btree_map("_{0,2}[a-e]", 0..3_u8, 0..8),
        whole in prop::collection::btree_map("_{0,2}[a-e]", 0..3_u8, 0..8),
    ) {
        let make = |names: &BTreeMap<String, u8>| -> Manifest {
            names.iter().map(|(name, value)| entry(name, &[*value])).collect()
        };
        let (base, whole) = (make(&base), make(&whole));
        let own = Manifest::decode(&whole.over(&base).encode()).unwrap();
        let mut again = base.clone();
        again.overlay(own.clone());
        let sorted = |manifest: &Manifest| {
            let mut entries: Vec<Entry> = manifest.iter().cloned().collect();
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            entries
        };
        prop_assert_eq!(sorted(&again), sorted(&whole));
        // What is the same in both is not stored twice.
        for entry in base.iter().filter(|entry| is_inherited(&entry.name)) {
            prop_assert!(whole.find(&entry.name) != Some(entry) || own.find(&entry.name).is_none());
        }
    }
}

#[test]
fn unknown_encodings_keep_their_name() {
    let unknown = Encoding::from("tensor");
    assert_eq!(unknown, Encoding::Other("tensor".to_owned()));
    assert_eq!(unknown.to_string(), "tensor");
    assert!(!unknown.is_neutral());
}

#[test]
fn labels_are_cut_between_characters() {
    let mut long = entry("x", b"1");
    long.label = "ü".repeat(150);
    let read = Entry::from_bytes(&long.to_bytes()).unwrap();
    assert_eq!(read.label, "ü".repeat(LABEL_LIMIT));
}

#[test]
fn setting_again_keeps_the_place_and_removing_takes_it() {
    let mut artifacts = manifest(&[("a", "1"), ("b", "2"), ("c", "3")]);
    artifacts.put(entry("a", b"4"));
    assert_eq!(names(&artifacts), ["a", "b", "c"]);
    assert_eq!(
        artifacts.find("a").unwrap().place,
        Placement::Inline(b"4".to_vec())
    );
    assert_eq!(artifacts.remove("b").unwrap().name, "b");
    assert!(artifacts.remove("b").is_none());
    assert_eq!(artifacts.removed(), ["b"]);
    assert_eq!(artifacts.find("c").unwrap().name, "c");
    artifacts.put(entry("b", b"5"));
    assert_eq!(names(&artifacts), ["a", "c", "b"]);
    assert_eq!(artifacts.removed().len(), 0);
}

#[test]
fn a_task_inherits_all_but_what_is_the_others_own() {
    let mut view = manifest(&[
        ("x", "1"),
        ("_hidden", "2"),
        ("__mine", "3"),
        ("_exception", "4"),
        ("_foreach_items", "5"),
        ("y", "6"),
    ]);
    let mut own = manifest(&[("y", "7"), ("__mine", "8"), ("z", "9")]);
    own.remove("x");
    view.overlay(own);
    assert_eq!(names(&view), ["_hidden", "y", "__mine", "z"]);
    assert_eq!(
        view.find("__mine").unwrap().place,
        Placement::Inline(b"8".to_vec())
    );
    assert_eq!(view.removed().len(), 0);
}

#[test]
fn a_chain_flattens_to_the_last_view() {
    let first = manifest(&[("a", "1"), ("b", "1"), ("__own", "1")]);
    let mut second = manifest(&[("b", "2"), ("__own", "2")]);
    second.remove("a");
    let third = manifest(&[("c", "3")]);
    let chain = [first.encode(), second.encode(), third.encode()];
    let flat = Manifest::flatten(chain.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(names(&flat), ["b", "c"]);
    assert_eq!(flat.find("b"), second.find("b"));
    let upper = Manifest::flatten(chain[..2].iter().map(Vec::as_slice)).unwrap();
    assert_eq!(names(&upper), ["b", "__own"]);
    assert_eq!(
        upper.removed().len(),
        0,
        "a flat manifest has nothing to take away"
    );
    assert!(Manifest::flatten([]).unwrap().is_empty());
}

#[test]
fn stored_chains_are_followed_by_their_keys() {
    let records = [
        (3, Some(2), manifest(&[("c", "3")]).encode()),
        (1, None, manifest(&[("a", "1")]).encode()),
        (2, Some(1), manifest(&[("b", "2")]).encode()),
    ];
    let find = |id| {
        let record = records.iter().find(|record| record.0 == id)?;
        Some((record.1, record.2.as_slice()))
    };
    assert_eq!(
        names(&Manifest::flatten_stored(3, find).unwrap()),
        ["a", "b", "c"]
    );
    assert_eq!(names(&Manifest::flatten_stored(1, find).unwrap()), ["a"]);
    let missing = Manifest::flatten_stored(9, find).unwrap_err();
    assert!(missing.to_string().contains("manifest 9"), "{missing}");
    let circle = |id| Some((Some(3 - id), [].as_slice()));
    assert!(Manifest::flatten_stored(1, circle).is_err());
}

#[test]
fn fields_of_a_later_version_are_ignored() {
    use rmp::encode::{write_array_len, write_map_len, write_str};
    let known = entry("x", b"1").to_bytes();
    let mut later = Vec::new();
    // The same map with one more field, nested.
    write_map_len(&mut later, 7).unwrap();
    later.extend_from_slice(&known[1..]);
    write_str(&mut later, "future").unwrap();
    write_array_len(&mut later, 2).unwrap();
    write_map_len(&mut later, 1).unwrap();
    write_str(&mut later, "a").unwrap();
    write_str(&mut later, "b").unwrap();
    write_str(&mut later, "c").unwrap();
    assert_eq!(known[0], 0x86, "six fields in a short map");
    assert_eq!(Entry::from_bytes(&later).unwrap(), entry("x", b"1"));
}

#[test]
fn entries_that_contradict_themselves_are_refused() {
    let mut wrong = entry("x", b"12");
    wrong.size = 3;
    let error = Entry::from_bytes(&wrong.to_bytes()).unwrap_err();
    assert!(error.to_string().contains("`x`"), "{error}");
    let whole = entry("x", b"12").to_bytes();
    for length in 0..whole.len() {
        assert!(
            Entry::from_bytes(&whole[..length]).is_err(),
            "{length} bytes"
        );
    }
    assert!(Entry::from_bytes(&[&whole[..], &[0]].concat()).is_err());
    assert!(Manifest::decode(&[]).unwrap().is_empty());
}
