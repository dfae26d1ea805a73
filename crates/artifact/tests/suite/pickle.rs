//! Pickles with out-of-band buffers.

use pave_artifact::pickle::{PickleHead, PickleLayout};
use proptest::prelude::*;

proptest! {
    #[test]
    fn stream_and_buffers_come_back_aligned(
        stream in prop::collection::vec(any::<u8>(), 0..300),
        buffers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
    ) {
        let buffers: Vec<&[u8]> = buffers.iter().map(Vec::as_slice).collect();
        let head = PickleHead::new(&stream, &buffers);
        let payload = head.parts(&stream, &buffers).concat();
        let layout = PickleLayout::parse(&payload).unwrap();
        prop_assert_eq!(&payload[layout.stream.clone()], &stream[..]);
        prop_assert_eq!(layout.buffers.len(), buffers.len());
        for (range, buffer) in layout.buffers.iter().zip(&buffers) {
            prop_assert!(range.start.is_multiple_of(64));
            prop_assert_eq!(&payload[range.clone()], *buffer);
        }
        prop_assert!(PickleLayout::parse(&payload[..payload.len() - 1]).is_err());
    }
}

#[test]
fn absurd_counts_and_lengths_are_refused() {
    let head = PickleHead::new(b"abc", &[b"de"]);
    let payload = head.parts(b"abc", &[b"de"]).concat();
    for at in [8, 16, 24] {
        for value in [u64::MAX, 1 << 40, u64::MAX / 8] {
            let mut wrong = payload.clone();
            wrong[at..at + 8].copy_from_slice(&value.to_le_bytes());
            assert!(PickleLayout::parse(&wrong).is_err(), "{value} at {at}");
        }
    }
}
