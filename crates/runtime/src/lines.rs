//! Cuts what tasks print into lines.

use pave_exec::Output;

/// A line longer than this is shown in parts.
const LONGEST: usize = 64 * 1024;

/// What an attempt printed since its last line end, by stream.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Lines {
    /// Adds bytes; tells every whole line.
    pub(crate) fn push(&mut self, output: Output, bytes: &[u8], mut tell: impl FnMut(&str)) {
        let buffer = self.of(output);
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            buffer.extend_from_slice(&rest[..end]);
            tell(String::from_utf8_lossy(buffer).trim_end_matches('\r'));
            buffer.clear();
            rest = &rest[end + 1..];
        }
        buffer.extend_from_slice(rest);
        if buffer.len() > LONGEST {
            tell(&String::from_utf8_lossy(buffer));
            buffer.clear();
        }
    }

    /// Tells what was left without a line end.
    pub(crate) fn finish(&mut self, mut tell: impl FnMut(Output, &str)) {
        for output in [Output::Stdout, Output::Stderr] {
            let rest = std::mem::take(self.of(output));
            if !rest.is_empty() {
                tell(output, &String::from_utf8_lossy(&rest));
            }
        }
    }

    fn of(&mut self, output: Output) -> &mut Vec<u8> {
        match output {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_arrive_and_the_rest_is_not_lost() {
        let mut lines = Lines::default();
        let mut told = Vec::new();
        for part in ["a", "b\nc\r\n\nd", "e"] {
            lines.push(Output::Stdout, part.as_bytes(), |line| {
                told.push(line.to_owned())
            });
        }
        lines.finish(|_, line| told.push(line.to_owned()));
        assert_eq!(told, ["ab", "c", "", "de"]);
    }
}
