//! What an SDK says of a flow: facts read from its source, not yet judged.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A flow as its SDK describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowSpec {
    /// The flow's name: its class.
    pub name: String,
    /// The flow's docstring.
    #[serde(default)]
    pub doc: String,
    /// `python` or `r`.
    pub language: String,
    /// Absolute path of the file that holds the flow.
    pub file: String,
    /// Line of the flow's definition, from 1.
    #[serde(default)]
    pub line: u32,
    /// Steps in the order of the source, inherited ones first.
    pub steps: Vec<StepSpec>,
    /// Parameters in the order of the source.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Names of public class attributes that become read-only artifacts.
    #[serde(default)]
    pub constants: Vec<String>,
    /// Decorators of the flow itself.
    #[serde(default)]
    pub decorators: Vec<Decorator>,
}

/// A step as its SDK describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepSpec {
    /// The step's name.
    pub name: String,
    /// The step's docstring.
    #[serde(default)]
    pub doc: String,
    /// The file its source is in.
    pub file: String,
    /// Line of its definition, from 1.
    pub line: u32,
    /// The source line of its definition, stripped.
    #[serde(default)]
    pub source: String,
    /// Number of positional arguments besides the flow itself: 0 for `def a(self)`, 1 for a join.
    /// -1 if even the flow itself is missing.
    pub inputs: i32,
    /// Marked `@step(start=True)`.
    #[serde(default)]
    pub start: bool,
    /// Marked `@step(end=True)`.
    #[serde(default)]
    pub end: bool,
    /// How the body ends.
    pub tail: Tail,
    /// Decorators from the outermost to the innermost; those of `--with` come last.
    #[serde(default)]
    pub decorators: Vec<Decorator>,
}

/// How a step's body ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tail {
    /// The last statement is no `self.next(...)` and none occurs anywhere in the body.
    #[default]
    None,
    /// A `self.next(...)` occurs, but not as the last statement of the body's top level.
    Misplaced {
        /// Its line.
        line: u32,
        /// Its source line, stripped.
        source: String,
    },
    /// The last statement is `self.next(...)`.
    Next {
        /// Its line.
        line: u32,
        /// Its source line, stripped.
        source: String,
        /// Positional arguments.
        targets: Vec<Target>,
        /// `foreach=`: `Some(Some(name))` a literal, `Some(None)` something computed.
        #[serde(
            default,
            deserialize_with = "written",
            skip_serializing_if = "Option::is_none"
        )]
        foreach: Option<Option<String>>,
        /// Whether `num_parallel=` is given.
        #[serde(default)]
        num_parallel: bool,
        /// `condition=`: `Some(Some(name))` a literal, `Some(None)` something computed.
        #[serde(
            default,
            deserialize_with = "written",
            skip_serializing_if = "Option::is_none"
        )]
        condition: Option<Option<String>>,
        /// Names of keywords that `next` doesn't have.
        #[serde(default)]
        unknown_keywords: Vec<String>,
        /// The cases, where the one positional argument is a dict.
        #[serde(default)]
        cases: Option<Vec<Case>>,
    },
}

/// A positional argument of `self.next`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// `self.name`.
    Step(String),
    /// Anything else, as source text.
    Other(String),
}

/// A case of a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The key as source text; `None` where it is neither a literal nor a config's value.
    pub key: Option<String>,
    /// Where it leads.
    pub target: Target,
}

/// A decorator as data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decorator {
    /// Its name, such as `retry`.
    pub name: String,
    /// Its arguments, defaults filled in.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// Written in the source (true) or added by `--with` (false).
    #[serde(default)]
    pub is_static: bool,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    /// Text.
    #[default]
    Str,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// `true` or `false`; takes a value on the command line.
    Bool,
    /// Any JSON value, given as JSON text.
    Json,
    /// A file whose content becomes the value.
    File,
}

/// A parameter as data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// The option's name: `--name`.
    pub name: String,
    /// The attribute that holds it: the artifact's name.
    pub attribute: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// Whether a value must be given.
    #[serde(default)]
    pub required: bool,
    /// Whether the SDK computes the default at the start of a run.
    #[serde(default)]
    pub computed: bool,
    /// The default, `null` for none.
    #[serde(default)]
    pub default: Value,
    /// Help text.
    #[serde(default)]
    pub help: String,
    /// Whether help prints the default.
    #[serde(default = "yes")]
    pub show_default: bool,
    /// Splits a `Str` value into a list.
    #[serde(default)]
    pub separator: Option<String>,
    /// A flag without a value.
    #[serde(default)]
    pub is_flag: bool,
    /// Where it is defined, for findings.
    #[serde(default)]
    pub line: u32,
}

fn yes() -> bool {
    true
}

/// Keeps a field that is there but null (written, and computed) apart from one that is absent.
fn written<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::Tail;

    #[test]
    fn a_computed_foreach_is_not_an_absent_one() {
        let next = r#""kind":"next","line":1,"source":"","targets":[]"#;
        for (more, expected) in [
            ("", None),
            (r#","foreach":null"#, Some(None)),
            (r#","foreach":"xs""#, Some(Some("xs".to_owned()))),
        ] {
            let text = format!("{{{next}{more}}}");
            let tail: Tail = serde_json::from_str(&text).unwrap();
            let Tail::Next { foreach, .. } = &tail else {
                panic!("{tail:?}")
            };
            assert_eq!(*foreach, expected);
            let again = serde_json::to_string(&tail).unwrap();
            assert_eq!(serde_json::from_str::<Tail>(&again).unwrap(), tail);
        }
    }
}
