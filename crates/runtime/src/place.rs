//! The text form of a place: indices joined by commas, then `;` and the iteration if it isn't 0.

use pave_scheduler::Place;

/// The place as text, such as `3,0` or `3,0;2`. Empty for a task outside all splits.
#[must_use]
pub fn place_to_text(place: &Place) -> String {
    let indices: Vec<String> = place.indices.iter().map(ToString::to_string).collect();
    let mut text = indices.join(",");
    if place.iteration > 0 {
        text.push_str(&format!(";{}", place.iteration));
    }
    text
}

/// The place that a text stands for, if it is one.
#[must_use]
pub fn place_from_text(text: &str) -> Option<Place> {
    let (indices, iteration) = text.split_once(';').unwrap_or((text, "0"));
    let indices = indices
        .split(',')
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect::<Option<Vec<u32>>>()?;
    Some(Place {
        indices,
        iteration: iteration.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_survives_its_text() {
        for indices in [vec![], vec![0], vec![3, 0, 7]] {
            for iteration in [0, 2] {
                let place = Place {
                    indices: indices.clone(),
                    iteration,
                };
                assert_eq!(place_from_text(&place_to_text(&place)), Some(place));
            }
        }
        assert_eq!(place_from_text("a"), None);
    }
}
