//! Numeric arrays: header, alignment, checks.

use pave_artifact::array::{ALIGNMENT, ArrayHeader, MAX_DIMENSIONS, Order};
use pave_model::Code;
use proptest::prelude::*;

fn header(dtype: &str, shape: &[u64]) -> ArrayHeader {
    ArrayHeader {
        dtype: dtype.to_owned(),
        shape: shape.to_vec(),
        ..ArrayHeader::default()
    }
}

fn dtypes() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "<f8", ">i4", "|b1", "<M8[ns]", "<m8[25s]", "<U3", "|S5", "|V7", "<c16", "<f2",
    ])
}

proptest! {
    #[test]
    fn arrays_survive_a_round_trip(
        dtype in dtypes(), shape in prop::collection::vec(0..6_u64, 0..5), fortran in any::<bool>(),
        extra in prop::collection::vec(("\\PC{0,50}", "\\PC{0,50}"), 0..4),
    ) {
        let order = if fortran { Order::F } else { Order::C };
        let header = ArrayHeader { dtype: dtype.to_owned(), shape, order, extra };
        let mut payload = header.encode().unwrap();
        prop_assert!(payload.len().is_multiple_of(ALIGNMENT));
        let data: Vec<u8> = (0..header.data_size().unwrap()).map(|n| n as u8).collect();
        payload.extend(&data);
        let (back, bytes) = ArrayHeader::parse(&payload).unwrap();
        prop_assert_eq!(back, header);
        prop_assert_eq!(bytes, &data[..]);
    }
}

#[test]
fn element_sizes_follow_the_type() {
    for (dtype, size) in [
        ("<f8", Some(8)),
        ("|b1", Some(1)),
        ("<U10", Some(40)),
        ("|S0", Some(0)),
        ("<M8[ns]", Some(8)),
        ("O", None),
        ("|O8", None),
        ("f8", None),
        ("<f", None),
        ("<fx", None),
        ("", None),
        ("<", None),
    ] {
        assert_eq!(header(dtype, &[]).item_size(), size, "{dtype}");
    }
}

#[test]
fn wrong_amounts_of_data_are_refused() {
    let mut payload = header("<f8", &[3]).encode().unwrap();
    payload.extend([0; 24]);
    assert!(ArrayHeader::parse(&payload).is_ok());
    for length in 0..payload.len() {
        assert_eq!(
            ArrayHeader::parse(&payload[..length]).unwrap_err().code(),
            Code::A004,
            "{length}"
        );
    }
    payload.push(0);
    assert_eq!(ArrayHeader::parse(&payload).unwrap_err().code(), Code::A004);
}

#[test]
fn what_does_not_fit_is_refused_when_writing() {
    for wrong in [
        header("|O8", &[1]),
        header("<f8", &[u64::MAX, 2]),
        header("<f8", &vec![1; MAX_DIMENSIONS + 1]),
    ] {
        assert_eq!(wrong.encode().unwrap_err().code(), Code::T005);
    }
}
