//! The known name that a mistyped one probably meant.

/// Longer names are not compared: the work grows with the square of the length.
const LONGEST: usize = 64;

/// Finds the candidate that is most like `name`, if any is like it at all.
///
/// Case and the difference between `-` and `_` count nothing; of equally near ones the first is taken.
pub(crate) fn nearest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let wanted = fold(name);
    if wanted.is_empty() || wanted.len() > LONGEST {
        return None;
    }
    let limit = 1 + wanted.len() / 4;
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = fold(candidate);
        if other.len() > LONGEST || other.len().abs_diff(wanted.len()) > limit {
            continue;
        }
        let distance = distance(&wanted, &other);
        let is_like = distance <= limit && distance < wanted.len().min(other.len());
        if is_like && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> Vec<char> {
    name.chars()
        .map(|sign| if sign == '-' { '_' } else { sign })
        .flat_map(char::to_lowercase)
        .collect()
}

/// Least number of insertions, deletions, replacements and swaps of neighbours between two names.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut rows = [
        vec![0; right.len() + 1],
        vec![0; right.len() + 1],
        (0..=right.len()).collect::<Vec<usize>>(),
    ];
    for (i, a) in left.iter().enumerate() {
        rows.rotate_left(1);
        rows[2][0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = rows[1][j] + usize::from(a != b);
            let mut least = replaced.min(rows[1][j + 1] + 1).min(rows[2][j] + 1);
            let is_swap = i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b;
            if is_swap {
                least = least.min(rows[0][j - 1] + 1);
            }
            rows[2][j + 1] = least;
        }
    }
    rows[2][right.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typing_mistakes_are_recognised() {
        let steps = ["start", "train", "join", "end"];
        for (typed, meant) in [
            ("jion", Some("join")),
            ("trian", Some("train")),
            ("Train", Some("train")),
            ("traiin", Some("train")),
            ("ends", Some("end")),
            ("report", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, steps), meant, "{typed}");
        }
    }

    #[test]
    fn dashes_and_underscores_are_alike() {
        assert_eq!(
            nearest("max-depth", ["depth", "max_depth"]),
            Some("max_depth")
        );
    }
}
