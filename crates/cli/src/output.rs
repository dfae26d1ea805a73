//! Printing that a closed pipe can't break: whoever closed it has seen enough, and a run goes on.

use std::fmt::Arguments;
use std::io::Write;

/// Prints to standard output.
pub(crate) fn out(text: Arguments<'_>) {
    let _ = std::io::stdout().lock().write_fmt(text);
}

/// Prints to standard error.
pub(crate) fn err(text: Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(text);
}

/// Prints a line to standard output.
macro_rules! outln {
    ($($argument:tt)*) => {
        $crate::output::out(format_args!("{}\n", format_args!($($argument)*)))
    };
}

/// Prints a line to standard error.
macro_rules! errln {
    () => { $crate::output::err(format_args!("\n")) };
    ($($argument:tt)*) => {
        $crate::output::err(format_args!("{}\n", format_args!($($argument)*)))
    };
}

pub(crate) use {errln, outln};
