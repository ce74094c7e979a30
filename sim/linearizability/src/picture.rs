//! Operations as a reader sees them: who overlaps whom.

use std::fmt::Write;

/// An operation in a picture.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// When it was called.
    pub called: u64,
    /// When it returned; `None`: nobody knows what became of it.
    pub returned: Option<u64>,
    /// Whether it is what cannot be explained.
    pub is_marked: bool,
    /// What it is.
    pub text: String,
}

/// An operation a line, in the order given; time goes from left to right, and each column is a time at which something
/// was called or returned. Marked ones have a cross.
pub fn picture(operations: &[Drawn]) -> String {
    let mut times: Vec<u64> =
        operations.iter().flat_map(|it| [Some(it.called), it.returned]).flatten().collect();
    times.sort_unstable();
    times.dedup();
    let column = |time: u64| 2 * times.partition_point(|&it| it < time);
    let width = 2 * times.len() + 1;
    let mut lines = String::new();
    for Drawn { called, returned, is_marked, text } in operations {
        let from = column(*called);
        let (to, end) = returned.map_or((width, '┄'), |returned| (column(returned), '┤'));
        let bar: String = (0..=width)
            .map(|at| match at {
                _ if at == from && to == from => '│',
                _ if at == from => '├',
                _ if at == to => end,
                _ if from < at && at < to => '─',
                _ => ' ',
            })
            .collect();
        let cross = if *is_marked { '✗' } else { ' ' };
        let _ = writeln!(lines, "{bar} {cross} {text}");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_seen() {
        let drawn = |called, returned, is_marked, text: &str| Drawn {
            called,
            returned,
            is_marked,
            text: text.to_owned(),
        };
        let operations = [
            drawn(10, Some(400), false, "put x"),
            drawn(20, None, false, "put y"),
            drawn(500, Some(500), false, "get y"),
            drawn(600, Some(900), true, "get x"),
        ];
        let expected = "\
├───┤            put x
  ├──────────┄   put y
      │          get y
        ├─┤    ✗ get x
";
        assert_eq!(picture(&operations), expected);
    }
}
