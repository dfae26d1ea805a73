//! JSON that keeps what JSON's numbers lose: whole numbers of any size, infinity, not-a-number.
//!
//! | value | written as |
//! |---|---|
//! | a whole number outside 64 bits, signed | `{"$int": "123456789012345678901234567890"}` |
//! | infinity, not-a-number | `{"$float": "inf"}`, `"-inf"`, `"nan"` |
//! | an object whose only key begins with `$` | the same with one more `$`: `{"$int": 1}` as `{"$$int": 1}` |

use serde_json::{Map, Value};

/// A decimal whole number without superfluous signs or zeros.
pub(crate) fn int(digits: &str) -> Value {
    match digits.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) => marker("$int", digits),
    }
}

/// Any float.
pub(crate) fn float(number: f64) -> Value {
    match serde_json::Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => marker("$float", "nan"),
        None if number > 0.0 => marker("$float", "inf"),
        None => marker("$float", "-inf"),
    }
}

/// Reads JSON text without losing digits of whole numbers.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    let value: Value = serde_json::from_str(text)?;
    if has_long_number(text) {
        let mut reader = Reader { text, at: 0 };
        return reader.value();
    }
    Ok(escape(value))
}

fn marker(key: &str, text: &str) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), Value::from(text))]))
}

/// Whether some run of digits may not fit 64 bits.
fn has_long_number(text: &str) -> bool {
    let mut runs = text.split(|sign: char| !sign.is_ascii_digit());
    runs.any(|run| run.len() > 18)
}

/// Marks objects that look like markers, at every depth.
fn escape(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(escape).collect()),
        Value::Object(map) => {
            let entries = map.into_iter().map(|(key, item)| (key, escape(item)));
            object(entries.collect())
        }
        plain => plain,
    }
}

fn object(map: Map<String, Value>) -> Value {
    let looks_marked = map.len() == 1 && map.keys().all(|key| key.starts_with('$'));
    if !looks_marked {
        return Value::Object(map);
    }
    let entries = map.into_iter().map(|(key, item)| (format!("${key}"), item));
    Value::Object(entries.collect())
}

/// Reads text that is known to be JSON, and to be nested no deeper than `serde_json` allows.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Value, serde_json::Error> {
        self.blanks();
        match self.text.as_bytes().get(self.at) {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(Value::String),
            _ => self.scalar(),
        }
    }

    fn object(&mut self) -> Result<Value, serde_json::Error> {
        let mut map = Map::new();
        self.at += 1;
        while self.more(b'}') {
            let key = self.string()?;
            self.blanks();
            self.at += 1;
            let item = self.value()?;
            map.insert(key, item);
        }
        Ok(object(map))
    }

    fn array(&mut self) -> Result<Value, serde_json::Error> {
        let mut items = Vec::new();
        self.at += 1;
        while self.more(b']') {
            items.push(self.value()?);
        }
        Ok(Value::Array(items))
    }

    /// Steps to the next item, past a comma, or past the closing bracket.
    fn more(&mut self, close: u8) -> bool {
        self.blanks();
        let byte = self.text.as_bytes().get(self.at);
        if byte == Some(&b',') {
            self.at += 1;
            self.blanks();
        }
        let is_over = byte == Some(&close) || byte.is_none();
        self.at += usize::from(is_over);
        !is_over
    }

    fn string(&mut self) -> Result<String, serde_json::Error> {
        let from = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(from..self.at).unwrap_or_default())
    }

    fn scalar(&mut self) -> Result<Value, serde_json::Error> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest
            .find(|sign: char| matches!(sign, ',' | ']' | '}') || sign.is_ascii_whitespace())
            .unwrap_or(rest.len());
        self.at += end;
        let text = &rest[..end];
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(int(text));
        }
        serde_json::from_str(text)
    }

    fn blanks(&mut self) {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_numbers_keep_every_digit_wherever_they_stand() {
        let text = r#" {"a":[1, 12345678901234567890123, -3.5e2 , "q\"u, 9999999999999999999 "],
            "b" : {"c":-9223372036854775809,"d":9223372036854775807,"e":{}, "f":[ ]}} "#;
        let expected = json!({
            "a": [1, {"$int": "12345678901234567890123"}, -350.0, "q\"u, 9999999999999999999 "],
            "b": {"c": {"$int": "-9223372036854775809"}, "d": i64::MAX, "e": {}, "f": []},
        });
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn objects_that_look_like_markers_are_told_apart() {
        let text = r#"[{"$int":"5"},{"$$x":1},{"$a":1,"b":2}]"#;
        let expected = json!([{"$$int": "5"}, {"$$$x": 1}, {"$a": 1, "b": 2}]);
        assert_eq!(parse(text).unwrap(), expected);
        let long = r#"[{"$int":"5"},{"$$x":1},{"$a":1,"b":2},99999999999999999999]"#;
        let read = parse(long).unwrap();
        assert_eq!(read[0], expected[0]);
        assert_eq!(read[3], json!({"$int": "99999999999999999999"}));
    }

    #[test]
    fn numbers_that_json_lacks_have_markers() {
        assert_eq!(float(0.5), json!(0.5));
        assert_eq!(float(f64::INFINITY), json!({"$float": "inf"}));
        assert_eq!(float(f64::NEG_INFINITY), json!({"$float": "-inf"}));
        assert_eq!(float(f64::NAN), json!({"$float": "nan"}));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "[1,]", "nul", "{'a': 1}", "1 2", "NaN"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "9".repeat(30));
        assert!(parse(&deep).is_err());
    }
}
