//! Calendar and clock values, and their bytes inside a MessagePack extension.

/// A calendar date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time<S> {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub microsecond: u32,
    /// Whether it is the second of two equal wall times when clocks go back.
    pub fold: bool,
    /// The time zone.
    pub zone: Zone<S>,
}

/// A date with a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime<S> {
    /// The date.
    pub date: Date,
    /// The time, with its zone.
    pub time: Time<S>,
}

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone<S> {
    /// None.
    Naive,
    /// A fixed distance from UTC; 0 without a name is UTC itself.
    Fixed {
        /// Microseconds east of UTC, less than a day.
        offset: i64,
        /// Its name, if it has its own.
        name: Option<S>,
    },
    /// By the IANA name, such as `Europe/Berlin`.
    Named(S),
}

/// A distance in time, normalised as Python does it: days of any sign, the rest from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeDelta {
    /// Days.
    pub days: i32,
    /// 0 to 86,399.
    pub seconds: u32,
    /// 0 to 999,999.
    pub microseconds: u32,
}

const DAY_MICROS: i64 = 86_400_000_000;

impl Date {
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend(self.year.to_be_bytes());
        out.extend([self.month, self.day]);
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (year, rest) = bytes.split_first_chunk()?;
        let (&[month, day], rest) = rest.split_first_chunk()?;
        let date = Self {
            year: i32::from_be_bytes(*year),
            month,
            day,
        };
        date.is_valid().then_some((date, rest))
    }

    pub(crate) fn is_valid(self) -> bool {
        (1..=12).contains(&self.month) && (1..=31).contains(&self.day)
    }
}

impl<S: AsRef<str>> Time<S> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.hour, self.minute, self.second]);
        out.extend(self.microsecond.to_be_bytes());
        out.push(self.fold.into());
        match &self.zone {
            Zone::Naive => out.push(0),
            Zone::Fixed { offset, name: None } => {
                out.push(1);
                out.extend(offset.to_be_bytes());
            }
            Zone::Fixed {
                offset,
                name: Some(name),
            } => {
                out.push(2);
                out.extend(offset.to_be_bytes());
                out.extend(name.as_ref().as_bytes());
            }
            Zone::Named(name) => {
                out.push(3);
                out.extend(name.as_ref().as_bytes());
            }
        }
    }
}

impl<S> Time<S> {
    pub(crate) fn is_valid(&self) -> bool {
        let zone = match &self.zone {
            Zone::Fixed { offset, .. } => (1 - DAY_MICROS..DAY_MICROS).contains(offset),
            Zone::Naive | Zone::Named(_) => true,
        };
        self.hour < 24
            && self.minute < 60
            && self.second < 60
            && self.microsecond < 1_000_000
            && zone
    }
}

impl<'a> Time<&'a str> {
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[hour, minute, second], rest) = bytes.split_first_chunk()?;
        let (microsecond, rest) = rest.split_first_chunk()?;
        let (&[fold, kind], rest) = rest.split_first_chunk()?;
        let zone = match kind {
            0 if rest.is_empty() => Zone::Naive,
            1 | 2 => {
                let (offset, name) = rest.split_first_chunk()?;
                if kind == 1 && !name.is_empty() {
                    return None;
                }
                Zone::Fixed {
                    offset: i64::from_be_bytes(*offset),
                    name: (kind == 2).then_some(std::str::from_utf8(name).ok()?),
                }
            }
            3 => Zone::Named(std::str::from_utf8(rest).ok()?),
            _ => return None,
        };
        let time = Self {
            hour,
            minute,
            second,
            microsecond: u32::from_be_bytes(*microsecond),
            fold: fold == 1,
            zone,
        };
        (fold <= 1 && time.is_valid()).then_some(time)
    }

    /// The same with a text of its own.
    #[must_use]
    pub fn to_owned(self) -> Time<String> {
        let zone = match self.zone {
            Zone::Naive => Zone::Naive,
            Zone::Fixed { offset, name } => Zone::Fixed {
                offset,
                name: name.map(str::to_owned),
            },
            Zone::Named(name) => Zone::Named(name.to_owned()),
        };
        Time {
            hour: self.hour,
            minute: self.minute,
            second: self.second,
            microsecond: self.microsecond,
            fold: self.fold,
            zone,
        }
    }
}

impl TimeDelta {
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend(self.days.to_be_bytes());
        out.extend(self.seconds.to_be_bytes());
        out.extend(self.microseconds.to_be_bytes());
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (days, rest) = bytes.split_first_chunk()?;
        let (seconds, rest) = rest.split_first_chunk()?;
        let delta = Self {
            days: i32::from_be_bytes(*days),
            seconds: u32::from_be_bytes(*seconds),
            microseconds: u32::from_be_bytes(rest.try_into().ok()?),
        };
        delta.is_valid().then_some(delta)
    }

    pub(crate) fn is_valid(self) -> bool {
        self.seconds < 86_400 && self.microseconds < 1_000_000
    }
}
