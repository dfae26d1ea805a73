//! Values of parameters: read from text, checked against the flow.

use pave_model::Code;
use serde_json::{Map, Value};

use crate::nearest::nearest;
use crate::{FlowSpec, Parameter, ParameterType, exact};

/// Most digits of a whole number: Python refuses to read longer ones.
const MOST_DIGITS: usize = 4300;

/// Why a parameter's value can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The text doesn't stand for a value of the type.
    #[error("parameter `{name}` takes {expected}, but was given `{given}`{reason}")]
    Type {
        /// The parameter.
        name: String,
        /// The text, cut to a length that fits a message.
        given: String,
        /// What is expected, in words.
        expected: &'static str,
        /// More about the reason, beginning with `: `; may be empty.
        reason: String,
    },
    /// The flow has no such parameter.
    #[error("flow `{flow}` has no parameter `{name}`")]
    Unknown {
        /// The flow.
        flow: String,
        /// The name given.
        name: String,
        /// What to do about it.
        hint: String,
    },
    /// A value must be given, and none is.
    #[error("parameter `{name}` must be given a value")]
    Missing {
        /// The parameter.
        name: String,
        /// What is expected, in words.
        expected: &'static str,
    },
}

impl ParameterError {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unknown { .. } => Code::P001,
            Self::Type { .. } => Code::P002,
            Self::Missing { .. } => Code::P003,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { hint, .. } => hint.clone(),
            Self::Type { name, expected, .. } | Self::Missing { name, expected } => {
                format!("give `--{name}` {expected}")
            }
        }
    }
}

impl ParameterType {
    /// What a value of the type is called in messages: `a whole number`.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Str => "text",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Bool => "true or false",
            Self::Json => "JSON",
            Self::File => "the path of a file",
        }
    }
}

impl Parameter {
    /// Reads a value from the text that a user typed.
    ///
    /// Spelling is Python's: blanks around numbers and `_` between digits are fine, `1e3`, `inf` and
    /// `nan` are numbers. A boolean is true/false, yes/no, on/off, t/f, y/n or 1/0 in any case. A
    /// file stays the path as given; whether it exists is for others to see. `separator` splits a
    /// text into a list.
    ///
    /// What JSON can't hold is marked: a whole number outside 64 bits becomes `{"$int": "<digits>"}`,
    /// infinity and not-a-number become `{"$float": "inf" | "-inf" | "nan"}`, also inside JSON
    /// values; there, an object whose only key begins with `$` has one more `$` put before the key.
    ///
    /// # Errors
    /// [`ParameterError::Type`], naming parameter, text and expected type.
    pub fn parse(&self, text: &str) -> Result<Value, ParameterError> {
        let read = match self.kind {
            ParameterType::Str => match self.separator.as_deref() {
                Some(separator) if !separator.is_empty() => Some(text.split(separator).collect()),
                _ => Some(Value::from(text)),
            },
            ParameterType::File => Some(Value::from(text)),
            ParameterType::Int => whole(text).map(|digits| exact::int(&digits)),
            ParameterType::Float => number(text).map(exact::float),
            ParameterType::Bool => boolean(text).map(Value::Bool),
            ParameterType::Json => {
                return exact::parse(text).map_err(|error| self.mismatch(text, &error));
            }
        };
        read.ok_or_else(|| self.mismatch(text, ""))
    }

    /// The default as a value of the parameter's type; `null` if there is none.
    ///
    /// A default given as text is read like text on the command line; for a text, a number or
    /// boolean is written out; a float that is whole is a whole number; a list may stand for a text
    /// with a separator.
    ///
    /// # Errors
    /// [`ParameterError::Type`] if it doesn't fit the type.
    pub fn default_value(&self) -> Result<Value, ParameterError> {
        let default = &self.default;
        let fits = match (self.kind, default) {
            (_, Value::Null) => true,
            (ParameterType::Str | ParameterType::File, Value::String(_)) => {
                return match &self.separator {
                    Some(_) => self.parse(default.as_str().unwrap_or_default()),
                    None => Ok(default.clone()),
                };
            }
            (_, Value::String(text)) => return self.parse(text),
            (ParameterType::Str, Value::Number(number)) => return self.parse(&number.to_string()),
            (ParameterType::Str, Value::Bool(true)) => return self.parse("True"),
            (ParameterType::Str, Value::Bool(false)) => return self.parse("False"),
            (ParameterType::Str, Value::Array(items)) => {
                self.separator.is_some() && items.iter().all(Value::is_string)
            }
            (ParameterType::Int, Value::Number(number)) if number.is_f64() => {
                let whole = number.as_f64().filter(|float| float.fract() == 0.0);
                let value = whole.map(|float| exact::int(&format!("{float:.0}")));
                return value.ok_or_else(|| self.mismatch(&default.to_string(), ""));
            }
            (ParameterType::Int, Value::Number(_)) => true,
            (ParameterType::Int, Value::Object(map)) => is_marker(map, "$int"),
            (ParameterType::Float, Value::Number(_)) => true,
            (ParameterType::Float, Value::Object(map)) => {
                is_marker(map, "$float") || is_marker(map, "$int")
            }
            (ParameterType::Bool, Value::Bool(_)) | (ParameterType::Json, _) => true,
            _ => false,
        };
        if fits {
            Ok(default.clone())
        } else {
            Err(self.mismatch(&default.to_string(), ""))
        }
    }

    fn mismatch(&self, text: &str, reason: impl ToString) -> ParameterError {
        const MOST: usize = 80;
        let given = match text.char_indices().nth(MOST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        let reason = reason.to_string();
        ParameterError::Type {
            name: self.name.clone(),
            given,
            expected: self.kind.expected(),
            reason: match reason.as_str() {
                "" => reason,
                _ => format!(": {reason}"),
            },
        }
    }
}

impl FlowSpec {
    /// Reads the values that a user gave, as pairs of option name and text; the last of several
    /// counts. Returns option name and value of each, in the order of the flow's parameters.
    ///
    /// # Errors
    /// Everything that is wrong: unknown names and unreadable values as given, then missing ones.
    pub fn read_parameters<'t>(
        &self,
        given: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Map<String, Value>, Vec<ParameterError>> {
        let mut values: Vec<Option<Value>> = vec![None; self.parameters.len()];
        let mut is_given = vec![false; self.parameters.len()];
        let mut errors = Vec::new();
        for (name, text) in given {
            let Some(at) = self.parameters.iter().position(|one| one.name == name) else {
                errors.push(self.unknown_parameter(name));
                continue;
            };
            is_given[at] = true;
            match self.parameters[at].parse(text) {
                Ok(value) => values[at] = Some(value),
                Err(error) => errors.push(error),
            }
        }
        for (parameter, is_given) in self.parameters.iter().zip(is_given) {
            let has_default = parameter.computed || !parameter.default.is_null();
            if parameter.required && !is_given && !has_default {
                errors.push(ParameterError::Missing {
                    name: parameter.name.clone(),
                    expected: parameter.kind.expected(),
                });
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let pairs = self.parameters.iter().zip(values);
        let given = pairs.filter_map(|(parameter, value)| Some((parameter.name.clone(), value?)));
        Ok(given.collect())
    }

    fn unknown_parameter(&self, name: &str) -> ParameterError {
        let names = || {
            self.parameters
                .iter()
                .map(|parameter| parameter.name.as_str())
        };
        let hint = match nearest(name, names()) {
            Some(meant) => format!("did you mean `--{meant}`?"),
            None if self.parameters.is_empty() => "this flow has no parameters".to_owned(),
            None => {
                let all: Vec<String> = names().map(|name| format!("`--{name}`")).collect();
                format!("the flow has {}", all.join(", "))
            }
        };
        ParameterError::Unknown {
            flow: self.name.clone(),
            name: name.to_owned(),
            hint,
        }
    }
}

fn is_marker(map: &Map<String, Value>, key: &str) -> bool {
    map.len() == 1 && map.get(key).is_some_and(Value::is_string)
}

/// The digits of a whole number, with `-` before them if it is negative.
fn whole(text: &str) -> Option<String> {
    let digits = plain_digits(text)?;
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > MOST_DIGITS {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(if digits.is_empty() {
        "0".to_owned()
    } else {
        format!("{sign}{digits}")
    })
}

fn number(text: &str) -> Option<f64> {
    plain_digits(text)?.parse().ok()
}

/// The text without blanks around it and without `_` between digits; `None` if one is elsewhere.
fn plain_digits(text: &str) -> Option<String> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let are_between_digits = text
        .match_indices('_')
        .all(|(at, _)| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)));
    are_between_digits.then(|| text.replace('_', ""))
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[path = "parameter_tests.rs"]
mod tests;
