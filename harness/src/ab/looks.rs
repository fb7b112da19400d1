//! When to look at the data, and how much of the probability of a false alarm each look may use up.

/// Where looks lie, as parts of the budget, and their parts of the whole probability, which add up to 1. Later looks
/// have more to go by and get more of it.
const LOOKS: [(f64, f64); 3] = [(1.0 / 3.0, 0.2), (2.0 / 3.0, 0.3), (1.0, 0.5)];

/// One look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// What it may use up: the level of its tests.
    pub alpha: f64,
    /// Whether none will follow.
    pub is_last: bool,
}

/// Looks at a growing series, fixed before it begins: alpha spending with Bonferroni's inequality, which holds whatever
/// the looks have in common (Lan and DeMets, *Biometrika* 70, 1983, for the idea).
#[derive(Debug, Clone, PartialEq)]
pub struct Looks {
    alpha: f64,
    /// Pairs and part of each look to come, the last one first.
    left: Vec<(u32, f64)>,
}

impl Looks {
    /// The looks at a series of at most `pairs`.
    #[must_use]
    pub fn new(pairs: u32, alpha: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a u32")]
        let place = |part: f64| (f64::from(pairs) * part).round().max(1.0) as u32;
        let left = LOOKS.iter().rev().map(|(part, share)| (place(*part), *share)).collect();
        Self { alpha, left }
    }

    /// The look that is due after so many pairs; with `ends`, the last one, with all that has not been used up.
    pub fn at(&mut self, pairs: u32, ends: bool) -> Option<Look> {
        let is_last = ends || self.left.first().is_none_or(|(last, _)| pairs >= *last);
        let is_due = self.left.last().is_some_and(|(next, _)| pairs >= *next);
        if is_last {
            let share: f64 = self.left.drain(..).map(|(_, share)| share).sum();
            return Some(Look { alpha: self.alpha * share, is_last });
        }
        let (_, share) = self.left.pop_if(|_| is_due)?;
        Some(Look { alpha: self.alpha * share, is_last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_come_when_they_are_due_and_use_up_everything() {
        let mut looks = Looks::new(40, 0.05);
        let due: Vec<_> = (1..=40).filter_map(|pairs| Some((pairs, looks.at(pairs, false)?))).collect();
        assert_eq!(due.iter().map(|(pairs, _)| *pairs).collect::<Vec<_>>(), [13, 27, 40]);
        assert_eq!(due.iter().map(|(_, look)| look.is_last).collect::<Vec<_>>(), [false, false, true]);
        let spent: f64 = due.iter().map(|(_, look)| look.alpha).sum();
        assert!((spent - 0.05).abs() < 1e-12);
    }

    #[test]
    fn an_early_end_uses_what_is_left() {
        let mut looks = Looks::new(40, 0.05);
        assert!(looks.at(13, false).is_some_and(|look| !look.is_last));
        let last = looks.at(17, true).expect("the end");
        assert!(last.is_last && (last.alpha - 0.04).abs() < 1e-12);
        assert!(Looks::new(1, 0.05).at(1, false).is_some_and(|look| look.is_last && (look.alpha - 0.05).abs() < 1e-12));
    }
}
