//! Plain values: exact round trips, one form for equal values, previews.

use pave_artifact::value::{
    Date, DateTime, Event, MAX_DEPTH, Time, TimeDelta, Value, ValueReader, ValueWriter, Zone,
    preview,
};
use pave_model::Code;
use proptest::prelude::*;

/// All values compare by their bytes: NaN and -0.0 must be kept too.
fn round_trip(value: &Value) {
    let bytes = value.encode().unwrap();
    let back = Value::decode(&bytes).unwrap();
    assert_eq!(back.encode().unwrap(), bytes, "{value:?}");
    assert_eq!(format!("{back:?}"), format!("{value:?}"));
}

fn times() -> impl Strategy<Value = Time<String>> {
    let day = 86_399_999_999_i64;
    let zone = prop_oneof![
        Just(Zone::Naive),
        (-day..=day).prop_map(|offset| Zone::Fixed { offset, name: None }),
        (-day..=day, "\\PC{0,5}").prop_map(|(offset, name)| Zone::Fixed {
            offset,
            name: Some(name)
        }),
        "[A-Z][a-z]{2,8}/[A-Z][a-z]{2,8}".prop_map(Zone::Named),
    ];
    (
        0..24_u8,
        0..60_u8,
        0..60_u8,
        0..1_000_000_u32,
        any::<bool>(),
        zone,
    )
        .prop_map(|(hour, minute, second, microsecond, fold, zone)| Time {
            hour,
            minute,
            second,
            microsecond,
            fold,
            zone,
        })
}

fn dates() -> impl Strategy<Value = Date> {
    (-10_000..10_000_i32, 1..=12_u8, 1..=31_u8).prop_map(|(year, month, day)| Date {
        year,
        month,
        day,
    })
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-200..200_i64).prop_map(Value::Int),
        any::<u64>().prop_map(|bits| Value::Float(f64::from_bits(bits))),
        any::<(u64, u64)>().prop_map(|(a, b)| Value::Complex(f64::from_bits(a), f64::from_bits(b))),
        any::<String>().prop_map(Value::Str),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::ByteArray),
        (dates(), times()).prop_map(|(date, time)| Value::DateTime(DateTime { date, time })),
        dates().prop_map(Value::Date),
        times().prop_map(Value::Time),
        (any::<i32>(), 0..86_400_u32, 0..1_000_000_u32).prop_map(
            |(days, seconds, microseconds)| {
                Value::TimeDelta(TimeDelta {
                    days,
                    seconds,
                    microseconds,
                })
            }
        ),
        "-?[0-9]{1,30}(\\.[0-9]{1,5})?".prop_map(Value::Decimal),
        any::<[u8; 16]>().prop_map(Value::Uuid),
    ]
}

pub(crate) fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(4, 64, 8, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..8);
        prop_oneof![
            list.clone().prop_map(Value::List),
            list.prop_map(Value::Tuple),
            prop::collection::vec((inner.clone(), inner), 0..5).prop_map(Value::Dict),
            any::<[i64; 3]>().prop_map(|bounds| Value::Range(Box::new(bounds.map(Value::Int)))),
        ]
    })
}

proptest! {
    #[test]
    fn values_survive_a_round_trip_bit_by_bit(value in values()) {
        round_trip(&value);
    }

    #[test]
    fn sets_have_one_form_whatever_their_order(
        items in prop::collection::vec(values(), 0..12), frozen in any::<bool>(), seed in any::<u64>(),
    ) {
        let make = if frozen { Value::FrozenSet } else { Value::Set };
        let mut other = items.clone();
        other.sort_by_key(|item| {
            let mut bytes = item.encode().unwrap();
            bytes.extend(seed.to_le_bytes());
            *blake3::hash(&bytes).as_bytes()
        });
        let bytes = make(items).encode().unwrap();
        prop_assert_eq!(&make(other).encode().unwrap(), &bytes);
        round_trip(&Value::decode(&bytes).unwrap());
    }

    #[test]
    fn integers_have_one_form_whatever_their_width(number in any::<i128>(), shift in 0..127_u32, pad in 0..20_usize) {
        let number = number >> shift;
        let fill = if number < 0 { 0xff } else { 0 };
        let mut wide = vec![fill; pad];
        wide.extend(number.to_be_bytes());
        let bytes = Value::BigInt(wide).encode().unwrap();
        let back = Value::decode(&bytes).unwrap();
        match i64::try_from(number) {
            Ok(small) => prop_assert_eq!(back, Value::Int(small)),
            Err(_) => {
                let Value::BigInt(digits) = back else { panic!("{back:?}") };
                let mut all = [fill; 16];
                all[16 - digits.len()..].copy_from_slice(&digits);
                prop_assert_eq!(i128::from_be_bytes(all), number);
            }
        }
    }

    #[test]
    fn previews_are_json_and_keep_their_limit(value in values(), limit in 0..200_usize) {
        let shown = preview(&value.encode().unwrap(), limit).unwrap();
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&shown);
        prop_assert!(parsed.is_ok(), "{} in {}", parsed.unwrap_err(), shown);
        // Beyond the limit only closing brackets and what was left out are said.
        prop_assert!(shown.len() < limit * 6 + 600, "{} bytes for {limit}", shown.len());
    }
}

#[test]
fn floats_keep_every_bit() {
    for bits in [
        0x8000_0000_0000_0000,
        0x7ff8_0000_0000_0001,
        0xfff0_dead_beef_0001,
        1,
    ] {
        let bytes = Value::Float(f64::from_bits(bits)).encode().unwrap();
        let Value::Float(back) = Value::decode(&bytes).unwrap() else {
            panic!("a float")
        };
        assert_eq!(back.to_bits(), bits);
    }
}

#[test]
fn types_that_compare_equal_stay_apart() {
    let forms: Vec<Vec<u8>> = [
        Value::Int(1),
        Value::Bool(true),
        Value::Float(1.0),
        Value::Complex(1.0, 0.0),
        Value::Decimal("1".into()),
        Value::Str("1".into()),
        Value::Bytes(b"1".to_vec()),
        Value::ByteArray(b"1".to_vec()),
        Value::List(vec![]),
        Value::Tuple(vec![]),
        Value::Set(vec![]),
        Value::FrozenSet(vec![]),
        Value::Dict(vec![]),
        Value::None,
    ]
    .iter()
    .map(|value| value.encode().unwrap())
    .collect();
    for (at, form) in forms.iter().enumerate() {
        assert!(!forms[..at].contains(form), "{form:?}");
        round_trip(&Value::decode(form).unwrap());
    }
}

#[test]
fn the_bytes_are_as_documented() {
    for (value, bytes) in [
        (Value::None, &[0xc0][..]),
        (Value::Int(-1), &[0xff]),
        (Value::Int(300), &[0xcd, 1, 44]),
        (Value::Str("a".into()), &[0xa1, b'a']),
        (Value::List(vec![Value::Int(1)]), &[0x91, 1]),
        (Value::Tuple(vec![Value::Int(1)]), &[0x92, 0xd4, 0, b't', 1]),
        (
            Value::Set(vec![Value::Int(1), Value::Int(2)]),
            &[0x93, 0xd4, 0, b's', 1, 2],
        ),
        (
            Value::Dict(vec![(Value::Int(2), Value::Int(1))]),
            &[0x81, 2, 1],
        ),
        (
            Value::Decimal("1.50".into()),
            &[0xd6, 7, b'1', b'.', b'5', b'0'],
        ),
        (
            Value::Date(Date {
                year: 2024,
                month: 2,
                day: 29,
            }),
            &[0xc7, 6, 4, 0, 0, 7, 232, 2, 29],
        ),
    ] {
        assert_eq!(value.encode().unwrap(), bytes, "{value:?}");
        assert_eq!(Value::decode(bytes).unwrap(), value);
    }
}

#[test]
fn nesting_stops_at_its_limit_on_both_sides() {
    let nest = |depth| (1..depth).fold(Value::List(vec![]), |inner, _| Value::List(vec![inner]));
    round_trip(&nest(MAX_DEPTH));
    let error = nest(MAX_DEPTH + 1).encode().unwrap_err();
    assert_eq!(error.code(), Code::T005);
    let mut bytes = vec![0x91; MAX_DEPTH];
    bytes.push(0x90);
    assert_eq!(Value::decode(&bytes).unwrap_err().code(), Code::A004);
    assert!(preview(&bytes, 10_000).is_err());
}

#[test]
fn writers_notice_too_few_and_too_many_elements() {
    let mut writer = ValueWriter::new();
    writer.list_begin(2).unwrap();
    writer.int(1).unwrap();
    assert!(writer.finish().is_err());
    let mut writer = ValueWriter::new();
    writer.dict_begin(0).unwrap();
    assert!(writer.int(1).is_err());
    assert!(ValueWriter::new().finish().is_err());
}

#[test]
fn parts_out_of_range_are_refused_on_both_sides() {
    let mut writer = ValueWriter::new();
    assert!(
        writer
            .date(Date {
                year: 2024,
                month: 13,
                day: 1
            })
            .is_err()
    );
    assert!(
        writer
            .time_delta(TimeDelta {
                days: 0,
                seconds: 86_400,
                microseconds: 0
            })
            .is_err()
    );
    assert!(writer.big_int(&[]).is_err());
    writer.none().unwrap();
    assert_eq!(
        writer.finish().unwrap(),
        [0xc0],
        "a refused part writes nothing"
    );
    for bytes in [
        &[0xc7, 6, 4, 0, 0, 7, 232, 13, 29][..],
        &[0xd4, 5, 0],
        &[0xd4, 99, 0],
        &[0xd4, 1, 5],
    ] {
        assert!(Value::decode(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn announced_elements_never_outnumber_the_bytes() {
    // Each level announces all that remains: allocating that at every level would explode.
    let mut bytes = Vec::new();
    for left in (0..200_u16).rev() {
        bytes.push(0xdc);
        bytes.extend((left * 3).to_be_bytes());
    }
    let mut reader = ValueReader::new(&bytes);
    let mut announced = 0;
    while let Ok(Event::List(count)) = reader.next() {
        announced += count;
    }
    assert!(announced <= bytes.len(), "{announced}");
}

#[test]
fn readers_say_when_the_value_is_over() {
    let bytes = Value::Tuple(vec![Value::None]).encode().unwrap();
    let mut reader = ValueReader::new(&bytes);
    assert_eq!(reader.next().unwrap(), Event::Tuple(1));
    assert!(!reader.is_over());
    assert!(reader.clone().finish().is_err());
    assert_eq!(reader.next().unwrap(), Event::None);
    assert!(reader.is_over());
    assert!(reader.clone().next().is_err());
    reader.finish().unwrap();
    assert!(Value::decode(&[&bytes[..], &[0xc0]].concat()).is_err());
}

#[test]
fn previews_show_every_kind() {
    let time = Time {
        hour: 1,
        minute: 2,
        second: 3,
        microsecond: 4,
        fold: false,
        zone: Zone::Named("Europe/Berlin".to_owned()),
    };
    let date = Date {
        year: 2024,
        month: 2,
        day: 29,
    };
    let utc = Time {
        zone: Zone::Fixed {
            offset: -5_400_000_000,
            name: None,
        },
        microsecond: 0,
        ..time.clone()
    };
    let value = Value::List(vec![
        Value::Dict(vec![
            (Value::Str("a\n".into()), Value::Float(1.0)),
            (Value::Int(1), Value::Float(f64::NAN)),
        ]),
        Value::Tuple(vec![
            Value::None,
            Value::Bool(false),
            Value::Complex(1.0, -2.5),
        ]),
        Value::Bytes(vec![0, 255]),
        Value::BigInt(i128::MAX.to_be_bytes().to_vec()),
        Value::BigInt(vec![1; 17]),
        Value::DateTime(DateTime { date, time }),
        Value::DateTime(DateTime { date, time: utc }),
        Value::TimeDelta(TimeDelta {
            days: -1,
            seconds: 2,
            microseconds: 3,
        }),
        Value::Decimal("1.50".into()),
        Value::Uuid([0x12; 16]),
        Value::Range(Box::new([Value::Int(0), Value::Int(9), Value::Int(3)])),
    ]);
    let shown = preview(&value.encode().unwrap(), 10_000).unwrap();
    assert_eq!(
        shown,
        concat!(
            r#"[{"a\n": 1.0, "1": "NaN"}, [null, false, "1-2.5j"], "2 bytes: 00 ff", "#,
            r#"170141183460469231731687303715884105727, "integer of 17 bytes", "#,
            r#""2024-02-29T01:02:03.000004 Europe/Berlin", "2024-02-29T01:02:03-01:30", "#,
            r#""-1 days 2.000003 seconds", "1.50", "12121212-1212-1212-1212-121212121212", "#,
            r#"[0, 9, 3]]"#
        )
    );
}

#[test]
fn previews_say_what_they_leave_out() {
    let numbers = Value::List((0..1000).map(Value::Int).collect());
    let value = Value::Dict(vec![
        (Value::Str("numbers".into()), numbers),
        (Value::Str("more".into()), Value::None),
    ]);
    let shown = preview(&value.encode().unwrap(), 30).unwrap();
    assert_eq!(
        shown,
        r#"{"numbers": [0, 1, 2, 3, 4, 5, "… 994 more"], "…": "1 more"}"#
    );
    let text = Value::Str("x".repeat(500)).encode().unwrap();
    assert_eq!(
        preview(&text, 20).unwrap(),
        format!("\"{}… (500 bytes)\"", "x".repeat(20))
    );
}
