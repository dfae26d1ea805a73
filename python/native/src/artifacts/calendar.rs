//! Dates, times, decimals and UUIDs: the plain values of Python's library.

use pave_artifact::value::{Date, DateTime, Time, TimeDelta, ValueWriter, Zone};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyModule, PyType};

use super::encode::Refusal;

/// The library's types. Each is looked up only once a value of an unknown type is met.
struct Library {
    date_time: Py<PyType>,
    date: Py<PyType>,
    time: Py<PyType>,
    time_delta: Py<PyType>,
    time_zone: Py<PyType>,
    utc: Py<PyAny>,
}

static LIBRARY: PyOnceLock<Library> = PyOnceLock::new();

impl Library {
    fn get(py: Python<'_>) -> PyResult<&Self> {
        LIBRARY.get_or_try_init(py, || {
            let module = PyModule::import(py, "datetime")?;
            let class = |name| -> PyResult<Py<PyType>> {
                Ok(module.getattr(name)?.cast_into::<PyType>()?.unbind())
            };
            let time_zone = class("timezone")?;
            Ok(Self {
                date_time: class("datetime")?,
                date: class("date")?,
                time: class("time")?,
                time_delta: class("timedelta")?,
                utc: time_zone.getattr(py, "utc")?,
                time_zone,
            })
        })
    }
}

/// Writes a value of one of the library's types; refuses any other.
pub(super) fn write(value: &Bound<'_, PyAny>, writer: &mut ValueWriter) -> Result<(), Refusal> {
    let py = value.py();
    let class = value.get_type();
    let library = Library::get(py)?;
    if class.is(&library.date_time) {
        let time = read_time(value, library)?;
        writer.date_time(&DateTime {
            date: read_date(value)?,
            time,
        })?;
    } else if class.is(&library.date) {
        writer.date(read_date(value)?)?;
    } else if class.is(&library.time) {
        writer.time(&read_time(value, library)?)?;
    } else if class.is(&library.time_delta) {
        writer.time_delta(read_delta(value)?)?;
    } else if is_class(&class, "decimal", "Decimal")? {
        // The context decides how the exponent is written; the number is the same.
        let text = value.str()?.to_string().replace('e', "E");
        writer.decimal(&text)?;
    } else if is_class(&class, "uuid", "UUID")? {
        let safety: Option<i64> = value.getattr("is_safe")?.getattr("value")?.extract()?;
        if safety.is_some() {
            return Err(Refusal::NotPlain);
        }
        let bytes: [u8; 16] = value.getattr("bytes")?.extract()?;
        writer.uuid(&bytes)?;
    } else {
        return Err(Refusal::NotPlain);
    }
    Ok(())
}

/// Whether a class is `module.name`, without importing the module: an object of it was met, so if
/// it is, the module is loaded.
fn is_class(class: &Bound<'_, PyType>, module: &str, name: &str) -> PyResult<bool> {
    let modules = class
        .py()
        .import("sys")?
        .getattr(intern!(class.py(), "modules"))?;
    let Ok(module) = modules.get_item(module) else {
        return Ok(false);
    };
    Ok(module.getattr(name).is_ok_and(|found| found.is(class)))
}

fn number<'py, T>(value: &Bound<'py, PyAny>, name: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    value.getattr(name)?.extract()
}

fn read_date(value: &Bound<'_, PyAny>) -> PyResult<Date> {
    Ok(Date {
        year: number(value, "year")?,
        month: number(value, "month")?,
        day: number(value, "day")?,
    })
}

fn read_time(value: &Bound<'_, PyAny>, library: &Library) -> Result<Time<String>, Refusal> {
    Ok(Time {
        hour: number(value, "hour")?,
        minute: number(value, "minute")?,
        second: number(value, "second")?,
        microsecond: number(value, "microsecond")?,
        fold: number::<u8>(value, "fold")? == 1,
        zone: read_zone(&value.getattr("tzinfo")?, library)?,
    })
}

fn read_delta(value: &Bound<'_, PyAny>) -> PyResult<TimeDelta> {
    Ok(TimeDelta {
        days: number(value, "days")?,
        seconds: number(value, "seconds")?,
        microseconds: number(value, "microseconds")?,
    })
}

/// A zone that can be made again by its offset or key; any other is refused.
fn read_zone(zone: &Bound<'_, PyAny>, library: &Library) -> Result<Zone<String>, Refusal> {
    let py = zone.py();
    if zone.is_none() {
        return Ok(Zone::Naive);
    }
    if zone.is(&library.utc) {
        return Ok(Zone::Fixed {
            offset: 0,
            name: None,
        });
    }
    let class = zone.get_type();
    if class.is(&library.time_zone) {
        let arguments = zone.call_method0(intern!(py, "__getinitargs__"))?;
        let delta = read_delta(&arguments.get_item(0)?)?;
        let seconds = i64::from(delta.days) * 86_400 + i64::from(delta.seconds);
        let name = match arguments.len()? {
            1 => None,
            // A name with lone surrogates isn't UTF-8.
            _ => Some(
                arguments
                    .get_item(1)?
                    .extract()
                    .map_err(|_| Refusal::NotPlain)?,
            ),
        };
        let offset = seconds * 1_000_000 + i64::from(delta.microseconds);
        return Ok(Zone::Fixed { offset, name });
    }
    if is_class(&class, "zoneinfo", "ZoneInfo")? {
        let key: Option<String> = zone.getattr("key")?.extract()?;
        // One read from a file or made outside of the cache is not the one its key gives.
        if let Some(key) = key
            && class.call1((&key,)).is_ok_and(|same| same.is(zone))
        {
            return Ok(Zone::Named(key));
        }
    }
    Err(Refusal::NotPlain)
}

pub(super) fn date<'py>(py: Python<'py>, date: Date) -> PyResult<Bound<'py, PyAny>> {
    let arguments = (date.year, date.month, date.day);
    Library::get(py)?.date.bind(py).call1(arguments)
}

pub(super) fn date_time<'py>(
    py: Python<'py>,
    value: DateTime<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let DateTime { date, time } = value;
    let arguments = (
        date.year,
        date.month,
        date.day,
        time.hour,
        time.minute,
        time.second,
        time.microsecond,
        zone(py, time.zone)?,
    );
    let fold = fold(py, time.fold)?;
    Library::get(py)?
        .date_time
        .bind(py)
        .call(arguments, Some(&fold))
}

pub(super) fn time<'py>(py: Python<'py>, time: Time<&str>) -> PyResult<Bound<'py, PyAny>> {
    let zone = zone(py, time.zone)?;
    let arguments = (time.hour, time.minute, time.second, time.microsecond, zone);
    let fold = fold(py, time.fold)?;
    Library::get(py)?.time.bind(py).call(arguments, Some(&fold))
}

fn fold(py: Python<'_>, fold: bool) -> PyResult<Bound<'_, pyo3::types::PyDict>> {
    let keywords = pyo3::types::PyDict::new(py);
    keywords.set_item(intern!(py, "fold"), u8::from(fold))?;
    Ok(keywords)
}

pub(super) fn time_delta<'py>(py: Python<'py>, delta: TimeDelta) -> PyResult<Bound<'py, PyAny>> {
    let arguments = (delta.days, delta.seconds, delta.microseconds);
    Library::get(py)?.time_delta.bind(py).call1(arguments)
}

fn zone<'py>(py: Python<'py>, zone: Zone<&str>) -> PyResult<Bound<'py, PyAny>> {
    let library = Library::get(py)?;
    match zone {
        Zone::Naive => Ok(py.None().into_bound(py)),
        Zone::Fixed {
            offset: 0,
            name: None,
        } => Ok(library.utc.bind(py).clone()),
        Zone::Fixed { offset, name } => {
            let delta = library.time_delta.bind(py).call1((0, 0, offset))?;
            match name {
                None => library.time_zone.bind(py).call1((delta,)),
                Some(name) => library.time_zone.bind(py).call1((delta, name)),
            }
        }
        Zone::Named(key) => py.import("zoneinfo")?.getattr("ZoneInfo")?.call1((key,)),
    }
}

pub(super) fn decimal<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("decimal")?.getattr("Decimal")?.call1((text,))
}

pub(super) fn uuid<'py>(py: Python<'py>, bytes: [u8; 16]) -> PyResult<Bound<'py, PyAny>> {
    let keywords = pyo3::types::PyDict::new(py);
    keywords.set_item("bytes", PyBytes::new(py, &bytes))?;
    py.import("uuid")?
        .getattr("UUID")?
        .call((), Some(&keywords))
}
