//! Time that stands still until it is moved.

use std::collections::BTreeMap;

use pave_model::Millis;

/// A clock with appointments: time moves from one appointment to the next, and only when asked to.
#[derive(Clone, Debug)]
pub struct Clock<T> {
    now: u64,
    /// By when, then by the order they were made in.
    appointments: BTreeMap<(u64, u64), T>,
    made: u64,
}

impl<T> Default for Clock<T> {
    fn default() -> Self {
        Self {
            now: 1_000_000,
            appointments: BTreeMap::new(),
            made: 0,
        }
    }
}

impl<T> Clock<T> {
    /// The time.
    #[must_use]
    pub fn now(&self) -> Millis {
        Millis(i64::try_from(self.now).unwrap_or(i64::MAX))
    }

    /// Makes an appointment in `after_ms` from now.
    pub fn set(&mut self, after_ms: u64, what: T) {
        let at = self.now.saturating_add(after_ms);
        self.made += 1;
        self.appointments.insert((at, self.made), what);
    }

    /// Moves time to the next appointment, which it returns.
    pub fn advance(&mut self) -> Option<T> {
        let ((at, _), what) = self.appointments.pop_first()?;
        self.now = self.now.max(at);
        Some(what)
    }

    /// Moves time to the next appointment if it is due within `most_ms`.
    pub fn advance_within(&mut self, most_ms: u64) -> Option<T> {
        let ((at, _), _) = self.appointments.first_key_value()?;
        (*at <= self.now.saturating_add(most_ms)).then(|| self.advance())?
    }

    /// Drops the appointments that are not to be kept.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.appointments.retain(|_, what| keep(what));
    }

    /// Number of appointments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.appointments.len()
    }

    /// Whether there is no appointment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.appointments.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appointments_come_in_order_of_time_then_of_making() {
        let mut clock = Clock::default();
        let start = clock.now();
        clock.set(5, 'b');
        clock.set(1, 'a');
        clock.set(5, 'c');
        let told: String = std::iter::from_fn(|| clock.advance()).collect();
        assert_eq!(told, "abc");
        assert_eq!(clock.now().0 - start.0, 5);
    }
}
