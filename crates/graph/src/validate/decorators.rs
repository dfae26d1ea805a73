//! Decorators: from attributes to typed settings (G016).

use pave_model::Code;
use serde_json::Value;

use super::outline::{Outline, Shape};
use crate::finding::{Findings, Words};
use crate::{Decorator, Resources, Retry, StepSpec};

/// Most retries of a task.
const MOST_RETRIES: f64 = 100.0;
/// Decorators that may stand on a step more than once.
const REPEATABLE: [&str; 1] = ["card"];
/// Decorators that ask for CPUs, memory and GPUs for a step that also has `@resources`.
const COMPUTE: [&str; 2] = ["kubernetes", "batch"];

/// What decorators say of a step.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) retry: Retry,
    pub(super) catch: Option<Option<String>>,
    pub(super) timeout_seconds: Option<u64>,
    pub(super) resources: Resources,
    pub(super) environment: Vec<(String, String)>,
}

/// Reads the decorators of every step.
pub(super) fn check(outline: &Outline<'_>, findings: &mut Findings<'_>) -> Vec<Settings> {
    let steps = outline.flow.steps.iter().enumerate();
    let settings = steps.map(|(at, step)| {
        let mut reader = Reader { step, findings };
        reader.repeated();
        Settings {
            retry: reader.retry(),
            catch: reader.catch(outline, &outline.exits[at].shape),
            timeout_seconds: reader.timeout(),
            resources: reader.resources(),
            environment: reader.environment(),
        }
    });
    settings.collect()
}

struct Reader<'r, 'f> {
    step: &'r StepSpec,
    findings: &'r mut Findings<'f>,
}

impl<'r> Reader<'r, '_> {
    /// The decorator that counts: one written in the source, else the last one of `--with`.
    fn find(&self, name: &str) -> Option<&'r Decorator> {
        let mut all = self.step.decorators.iter().filter(|one| one.name == name);
        all.clone()
            .find(|one| one.is_static)
            .or_else(|| all.next_back())
    }

    /// Reports a wrong argument.
    fn wrong(&mut self, name: &str, what: &str, hint: &str) {
        let message = format!("`@{name}` of step `{}`: {what}", self.step.name);
        self.findings
            .at_step(Code::G016, self.step, Words::new(message, hint));
    }

    /// Reports decorators that are written twice.
    fn repeated(&mut self) {
        let step = self.step;
        let all: Vec<&Decorator> = step.decorators.iter().filter(|one| one.is_static).collect();
        for (at, one) in all.iter().enumerate() {
            let earlier = all[..at]
                .iter()
                .filter(|other| other.name == one.name)
                .count();
            if earlier == 1 && !REPEATABLE.contains(&one.name.as_str()) {
                self.wrong(&one.name, "is written twice", "keep one of them");
            }
        }
    }

    /// A number, 0 for none; `None` if it is wrong, which is then reported.
    fn number(&mut self, of: &Decorator, key: &str, most: f64, whole: bool) -> Option<f64> {
        let value = of.attributes.get(key).unwrap_or(&Value::Null);
        let read = match value {
            Value::Null => Some(0.0),
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let fits =
            |number: &f64| (0.0..=most).contains(number) && (!whole || number.fract() == 0.0);
        let read = read.filter(fits);
        if read.is_none() {
            let what = format!("`{key}` is {}", shorten(value));
            let kind = if whole { "a whole number" } else { "a number" };
            let hint = if most < f64::MAX {
                format!("write {kind} from 0 to {most}")
            } else {
                format!("write {kind}, 0 or more")
            };
            self.wrong(&of.name, &what, &hint);
        }
        read
    }

    fn retry(&mut self) -> Retry {
        let Some(retry) = self.find("retry") else {
            return Retry::default();
        };
        let times = self.number(retry, "times", MOST_RETRIES, true);
        let minutes = self.number(retry, "minutes_between_retries", f64::MAX, false);
        let is_explicit = retry.attributes.get("pause_is_explicit") == Some(&Value::Bool(true));
        let minutes = minutes.filter(|_| is_explicit).unwrap_or_default();
        Retry {
            times: floor(times.unwrap_or_default())
                .try_into()
                .unwrap_or_default(),
            pause_ms: floor((minutes * 60_000.0).round()),
        }
    }

    fn catch(&mut self, outline: &Outline<'_>, shape: &Shape<'_>) -> Option<Option<String>> {
        let catch = self.find("catch")?;
        let unknown = match shape {
            Shape::Foreach { .. } | Shape::Gang => Some("how many tasks follow"),
            Shape::Switch { .. } => Some("which step follows"),
            Shape::End | Shape::Linear | Shape::Split | Shape::Unclear => None,
        };
        if let Some(unknown) = unknown {
            let what = format!("when the step fails, nothing can say {unknown}");
            let hint = "take it off, and do the risky work in a step before this one";
            self.wrong("catch", &what, hint);
        }
        let var = match catch.attributes.get("var").unwrap_or(&Value::Null) {
            Value::Null => return Some(None),
            Value::String(var) if is_identifier(var) => var,
            other => {
                let what = format!("`var` is {}", shorten(other));
                let hint = "write the name of an artifact, `var='failure'` for example";
                self.wrong("catch", &what, hint);
                return Some(None);
            }
        };
        let flow = outline.flow;
        let is_parameter = flow.parameters.iter().any(|one| one.attribute == *var);
        if is_parameter || flow.constants.contains(var) {
            let what = format!("`var` is `{var}`, which is read-only in this flow");
            let hint = "choose a name that is neither a parameter nor a constant of the flow";
            self.wrong("catch", &what, hint);
        }
        Some(Some(var.clone()))
    }

    fn timeout(&mut self) -> Option<u64> {
        let timeout = self.find("timeout")?;
        let mut total = 0.0;
        for (key, seconds) in [("seconds", 1.0), ("minutes", 60.0), ("hours", 3600.0)] {
            total += seconds * self.number(timeout, key, f64::MAX, false)?;
        }
        if total == 0.0 {
            let hint = "write `@timeout(minutes=10)`, for example";
            self.wrong("timeout", "it allows no time at all", hint);
            return None;
        }
        Some(floor(total.ceil()))
    }

    fn resources(&mut self) -> Resources {
        let Some(resources) = self.find("resources") else {
            return Resources::default();
        };
        let compute = COMPUTE.iter().filter_map(|name| self.find(name));
        let sources: Vec<&Decorator> = std::iter::once(resources).chain(compute).collect();
        let mut asked = Resources::default();
        for source in sources {
            let cpu = self
                .number(source, "cpu", f64::MAX, false)
                .unwrap_or_default();
            let memory = self
                .number(source, "memory", f64::MAX, false)
                .unwrap_or_default();
            let gpu = self
                .number(source, "gpu", f64::MAX, true)
                .unwrap_or_default();
            asked.cpu_milli = asked.cpu_milli.max(floor((cpu * 1000.0).ceil()));
            asked.memory_mib = asked.memory_mib.max(floor(memory.ceil()));
            asked.gpu = asked.gpu.max(floor(gpu));
        }
        asked
    }

    fn environment(&mut self) -> Vec<(String, String)> {
        let Some(environment) = self.find("environment") else {
            return Vec::new();
        };
        let vars = match environment.attributes.get("vars").unwrap_or(&Value::Null) {
            Value::Null => return Vec::new(),
            Value::Object(vars) => vars,
            other => {
                let what = format!("`vars` is {}", shorten(other));
                self.wrong(
                    "environment",
                    &what,
                    "write a dict, `vars={'NAME': 'value'}`",
                );
                return Vec::new();
            }
        };
        let mut pairs = Vec::with_capacity(vars.len());
        for (name, value) in vars {
            let text = as_text(value).filter(|text| !text.contains('\0'));
            let is_name = !name.is_empty() && !name.contains(['=', '\0']);
            match text {
                Some(text) if is_name => pairs.push((name.clone(), text)),
                Some(_) => {
                    let what = format!("`{name}` can't be the name of a variable");
                    let hint = "use letters, digits and `_`";
                    self.wrong("environment", &what, hint);
                }
                None => {
                    let what = format!("the variable `{name}` is {}", shorten(value));
                    let hint = "give it a text or a number";
                    self.wrong("environment", &what, hint);
                }
            }
        }
        pairs
    }
}

/// The text that a variable's value stands for, as `str()` gives it; `None` for lists and objects,
/// which SDKs turn into text themselves.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("None".to_owned()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whole numbers from floats that are known not to be negative; the largest one for what is larger.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn floor(number: f64) -> u64 {
    number as u64
}

fn is_identifier(name: &str) -> bool {
    let mut signs = name.chars();
    let begins = signs
        .next()
        .is_some_and(|sign| sign.is_alphabetic() || sign == '_');
    begins && signs.all(|sign| sign.is_alphanumeric() || sign == '_')
}

/// A value as JSON, cut to a length that fits a message.
pub(super) fn shorten(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
