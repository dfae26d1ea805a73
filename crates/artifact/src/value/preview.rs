//! A look at a plain value as JSON, without running anyone's code.

use std::fmt::Write as _;

use super::{Date, Event, Time, ValueReader, Zone};
use crate::ArtifactError;

/// Shows a plain value as JSON of about `limit` bytes, for people and for the server. What doesn't
/// fit is left out and said (`"… 12 more"`); what JSON lacks (bytes, dates, NaN) is shown as text.
///
/// # Errors
/// [`ArtifactError::Malformed`], as far as was read.
pub fn preview(bytes: &[u8], limit: usize) -> Result<String, ArtifactError> {
    let mut shown = Preview {
        reader: ValueReader::new(bytes),
        out: String::new(),
        limit,
    };
    shown.value()?;
    Ok(shown.out)
}

struct Preview<'a> {
    reader: ValueReader<'a>,
    out: String,
    limit: usize,
}

impl Preview<'_> {
    fn is_full(&self) -> bool {
        self.out.len() >= self.limit
    }

    fn value(&mut self) -> Result<(), ArtifactError> {
        match self.reader.next()? {
            Event::None => self.out.push_str("null"),
            Event::Bool(value) => self.show(value),
            Event::Int(value) => self.show(value),
            Event::BigInt(bytes) => match to_i128(bytes) {
                Some(value) => self.show(value),
                None => self.text(&format!("integer of {} bytes", bytes.len())),
            },
            Event::Float(value) if value.is_finite() => self.show(format_args!("{value:?}")),
            Event::Float(value) => self.text(&value.to_string()),
            Event::Complex(real, imaginary) => self.text(&format!("{real}{imaginary:+}j")),
            Event::Str(text) => self.text(text),
            Event::Bytes(bytes) | Event::ByteArray(bytes) => self.bytes(bytes),
            Event::List(count)
            | Event::Tuple(count)
            | Event::Set(count)
            | Event::FrozenSet(count) => return self.list(count),
            Event::Range => return self.list(3),
            Event::Dict(count) => return self.dict(count),
            Event::DateTime(value) => {
                self.text(&format!(
                    "{}T{}",
                    iso_date(value.date),
                    iso_time(&value.time)
                ));
            }
            Event::Date(value) => self.text(&iso_date(value)),
            Event::Time(value) => self.text(&iso_time(&value)),
            Event::TimeDelta(value) => self.text(&format!(
                "{} days {}.{:06} seconds",
                value.days, value.seconds, value.microseconds
            )),
            Event::Decimal(text) => self.text(text),
            Event::Uuid(bytes) => self.text(&uuid(bytes)),
        }
        Ok(())
    }

    /// Once it is full nothing more is read: every list around only says what it leaves out.
    fn list(&mut self, count: usize) -> Result<(), ArtifactError> {
        self.out.push('[');
        for shown in 0..count {
            if shown > 0 {
                self.out.push_str(", ");
            }
            if self.is_full() {
                let _ = write!(self.out, "\"… {} more\"", count - shown);
                break;
            }
            self.value()?;
        }
        self.out.push(']');
        Ok(())
    }

    fn dict(&mut self, count: usize) -> Result<(), ArtifactError> {
        self.out.push('{');
        for shown in 0..count {
            if shown > 0 {
                self.out.push_str(", ");
            }
            if self.is_full() {
                let _ = write!(self.out, "\"…\": \"{} more\"", count - shown);
                break;
            }
            self.key()?;
            self.out.push_str(": ");
            if self.is_full() {
                self.out.push_str("\"…\"");
                // The value was not read, so nothing after it can be.
                self.limit = 0;
            } else {
                self.value()?;
            }
        }
        self.out.push('}');
        Ok(())
    }

    /// JSON's keys are texts: any other key is shown as the text of its JSON.
    fn key(&mut self) -> Result<(), ArtifactError> {
        let start = self.out.len();
        self.value()?;
        if !self.out[start..].starts_with('"') {
            let key = self.out.split_off(start);
            let limit = std::mem::replace(&mut self.limit, usize::MAX);
            self.text(&key);
            self.limit = limit;
        }
        Ok(())
    }

    fn show(&mut self, value: impl std::fmt::Display) {
        let _ = write!(self.out, "{value}");
    }

    fn text(&mut self, text: &str) {
        let room = self.limit.saturating_sub(self.out.len()).max(16);
        let cut = text.char_indices().nth(room).map(|(at, _)| at);
        self.out.push('"');
        for c in text[..cut.unwrap_or(text.len())].chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                c if c.is_control() => self.show(format_args!("\\u{:04x}", u32::from(c))),
                c => self.out.push(c),
            }
        }
        if cut.is_some() {
            self.show(format_args!("… ({} bytes)", text.len()));
        }
        self.out.push('"');
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let mut text = format!("{} bytes", bytes.len());
        for (at, byte) in bytes.iter().take(16).enumerate() {
            let _ = write!(text, "{}{byte:02x}", if at == 0 { ": " } else { " " });
        }
        if bytes.len() > 16 {
            text.push_str(" …");
        }
        let limit = std::mem::replace(&mut self.limit, usize::MAX);
        self.text(&text);
        self.limit = limit;
    }
}

fn to_i128(bytes: &[u8]) -> Option<i128> {
    let fill = if *bytes.first()? < 0x80 { 0 } else { 0xff };
    let mut wide = [fill; 16];
    wide[16usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

fn iso_date(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

fn iso_time(time: &Time<&str>) -> String {
    let mut text = format!("{:02}:{:02}:{:02}", time.hour, time.minute, time.second);
    if time.microsecond > 0 {
        let _ = write!(text, ".{:06}", time.microsecond);
    }
    match time.zone {
        Zone::Naive => {}
        Zone::Fixed { offset, name } => {
            let minutes = offset.abs() / 60_000_000;
            let sign = if offset < 0 { '-' } else { '+' };
            let _ = write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
            if let Some(name) = name {
                let _ = write!(text, " {name}");
            }
        }
        Zone::Named(name) => {
            let _ = write!(text, " {name}");
        }
    }
    text
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex = crate::hex(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
