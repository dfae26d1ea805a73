use serde_json::{Value, json};

use super::*;

fn parameter(kind: ParameterType) -> Parameter {
    Parameter {
        name: "alpha".to_owned(),
        attribute: "alpha".to_owned(),
        kind,
        ..Parameter::default()
    }
}

fn check(kind: ParameterType, text: &str, expected: impl Into<Option<Value>>) {
    let read = parameter(kind).parse(text);
    assert_eq!(read.ok(), expected.into(), "{kind:?} from {text:?}");
}

#[test]
fn whole_numbers_are_read_as_python_reads_them() {
    for (text, number) in [
        ("7", 7),
        (" -7 ", -7),
        ("+7", 7),
        ("007", 7),
        ("1_000", 1000),
        ("-0", 0),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ] {
        check(ParameterType::Int, text, json!(number));
    }
    for text in [
        "", "x", "1.5", "1e3", "1__0", "_1", "1_", "--1", "0x10", "1 2", "+", "٣",
    ] {
        check(ParameterType::Int, text, None);
    }
}

#[test]
fn whole_numbers_beyond_64_bits_keep_every_digit() {
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
    ] {
        check(ParameterType::Int, text, json!({ "$int": text }));
    }
    check(
        ParameterType::Int,
        &"9".repeat(4300),
        json!({ "$int": "9".repeat(4300) }),
    );
    check(ParameterType::Int, &"9".repeat(4301), None);
}

#[test]
fn numbers_are_read_as_python_reads_them() {
    for (text, number) in [
        ("0.5", 0.5),
        (" 1 ", 1.0),
        ("1e3", 1000.0),
        ("1_0.5", 10.5),
        (".5", 0.5),
    ] {
        check(ParameterType::Float, text, json!(number));
    }
    check(ParameterType::Float, "-Infinity", json!({"$float": "-inf"}));
    check(ParameterType::Float, "nan", json!({"$float": "nan"}));
    check(ParameterType::Float, "1e999", json!({"$float": "inf"}));
    for text in ["", "x", "1,5", "1._5", "0x1"] {
        check(ParameterType::Float, text, None);
    }
}

#[test]
fn booleans_are_words_or_digits_in_any_case() {
    for text in ["true", "True", "YES", "y", "on", "1", " t "] {
        check(ParameterType::Bool, text, json!(true));
    }
    for text in ["false", "FALSE", "no", "N", "Off", "0", "f"] {
        check(ParameterType::Bool, text, json!(false));
    }
    for text in ["", "maybe", "2", "tru"] {
        check(ParameterType::Bool, text, None);
    }
}

#[test]
fn text_is_taken_as_it_is_and_split_where_a_separator_is_set() {
    check(ParameterType::Str, " a,b ", json!(" a,b "));
    check(ParameterType::File, "../a b.csv", json!("../a b.csv"));
    let list = Parameter {
        separator: Some(",".to_owned()),
        ..parameter(ParameterType::Str)
    };
    assert_eq!(list.parse("a,b,,c").unwrap(), json!(["a", "b", "", "c"]));
    assert_eq!(list.parse("").unwrap(), json!([""]));
}

#[test]
fn json_is_any_value_and_keeps_long_numbers() {
    check(
        ParameterType::Json,
        r#"{"b": [1, null], "a": "x"}"#,
        json!({"b": [1, null], "a": "x"}),
    );
    check(
        ParameterType::Json,
        "[123456789012345678901]",
        json!([{"$int": "123456789012345678901"}]),
    );
    check(ParameterType::Json, "{'a': 1}", None);
}

#[test]
fn an_error_names_parameter_text_and_type() {
    let error = parameter(ParameterType::Int).parse("many").unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `alpha` takes a whole number, but was given `many`"
    );
    assert_eq!(error.code(), Code::P002);
    assert_eq!(error.hint(), "give `--alpha` a whole number");
    let error = parameter(ParameterType::Json).parse("{a").unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("parameter `alpha` takes JSON, but was given `{a`: key must be"),
        "{text}"
    );
}

#[test]
fn defaults_take_the_type_of_their_parameter() {
    use ParameterType::{Bool, File, Float, Int, Json, Str};
    for (kind, default, expected) in [
        (Int, json!(null), Some(json!(null))),
        (Int, json!(5), Some(json!(5))),
        (Int, json!("5"), Some(json!(5))),
        (Int, json!(1e6), Some(json!(1_000_000))),
        (Int, json!(0.5), None),
        (Int, json!(true), None),
        (
            Int,
            json!({"$int": "99999999999999999999"}),
            Some(json!({"$int": "99999999999999999999"})),
        ),
        (Float, json!(1), Some(json!(1))),
        (Float, json!("0.1"), Some(json!(0.1))),
        (
            Float,
            json!({"$float": "nan"}),
            Some(json!({"$float": "nan"})),
        ),
        (Float, json!([]), None),
        (Bool, json!(false), Some(json!(false))),
        (Bool, json!("yes"), Some(json!(true))),
        (Bool, json!(1), None),
        (Str, json!("x"), Some(json!("x"))),
        (Str, json!(5), Some(json!("5"))),
        (Str, json!(true), Some(json!("True"))),
        (Str, json!(["a"]), None),
        (Json, json!("[1]"), Some(json!([1]))),
        (Json, json!({"a": 1}), Some(json!({"a": 1}))),
        (Json, json!("{"), None),
        (File, json!("a.csv"), Some(json!("a.csv"))),
        (File, json!(3), None),
    ] {
        let parameter = Parameter {
            default: default.clone(),
            ..parameter(kind)
        };
        assert_eq!(
            parameter.default_value().ok(),
            expected,
            "{kind:?} {default}"
        );
    }
}

#[test]
fn a_list_may_be_the_default_of_a_text_with_separator() {
    for (default, expected) in [
        (json!("a;b"), json!(["a", "b"])),
        (json!(["a"]), json!(["a"])),
    ] {
        let parameter = Parameter {
            default,
            separator: Some(";".to_owned()),
            ..parameter(ParameterType::Str)
        };
        assert_eq!(parameter.default_value().unwrap(), expected);
    }
}

fn flow() -> FlowSpec {
    let named = |name: &str, kind, required| Parameter {
        name: name.to_owned(),
        required,
        ..parameter(kind)
    };
    FlowSpec {
        name: "Train".to_owned(),
        parameters: vec![
            named("rounds", ParameterType::Int, true),
            named("rate", ParameterType::Float, false),
        ],
        ..FlowSpec::default()
    }
}

#[test]
fn given_values_come_in_the_order_of_the_flow() {
    let read = flow()
        .read_parameters([("rate", "0.5"), ("rounds", "1"), ("rounds", "2")])
        .unwrap();
    assert_eq!(
        Value::Object(read).to_string(),
        r#"{"rounds":2,"rate":0.5}"#
    );
}

#[test]
fn everything_wrong_with_given_values_is_told_at_once() {
    let errors = flow()
        .read_parameters([("rat", "1"), ("rate", "fast")])
        .unwrap_err();
    let told: Vec<String> = errors
        .iter()
        .map(|error| format!("{} {error}; {}", error.code(), error.hint()))
        .collect();
    assert_eq!(
        told,
        [
            "P001 flow `Train` has no parameter `rat`; did you mean `--rate`?",
            "P002 parameter `rate` takes a number, but was given `fast`; give `--rate` a number",
            "P003 parameter `rounds` must be given a value; give `--rounds` a whole number",
        ]
    );
}
