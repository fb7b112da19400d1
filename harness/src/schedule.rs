//! The order of rounds.

use crate::cell::Cell;

/// One round of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Index of the cell in the plan.
    pub cell: usize,
    /// The round's number within the cell, from 0; the last one may be its [stage round](Cell::stage_round).
    pub round: u32,
}

/// Every round of every cell that can run: each cell's first round, in an order drawn from `seed`; then each cell's
/// second, in another; and so on; at the end each cell's stage round.
///
/// A drift of the machine (heat, a filling disk, a neighbour) then falls on all cells alike, no cell always follows
/// the same other one, and a run that is cut short has measured all cells equally often: a randomised complete block
/// design (Montgomery, *Design and Analysis of Experiments*, chapter 4).
#[must_use]
pub fn schedule(cells: &[Cell], seed: u64) -> Vec<Turn> {
    let mut random = SplitMix64(seed);
    let rounds = cells.iter().map(|cell| cell.measure.rounds).max().unwrap_or(0);
    let block = |round| {
        let takes_part = |cell: &Cell| cell.refusal.is_none() && round < cell.measure.rounds;
        let indices = cells.iter().enumerate().filter(|(_, cell)| takes_part(cell)).map(|(index, _)| index);
        let mut turns: Vec<Turn> = indices.map(|cell| Turn { cell, round }).collect();
        random.shuffle(&mut turns);
        turns
    };
    let mut turns: Vec<Turn> = (0..rounds).flat_map(block).collect();
    let stage_turn = |(index, cell): (usize, &Cell)| {
        let round = cell.stage_round().filter(|_| cell.refusal.is_none())?;
        Some(Turn { cell: index, round })
    };
    let mut stages: Vec<Turn> = cells.iter().enumerate().filter_map(stage_turn).collect();
    random.shuffle(&mut stages);
    turns.extend(stages);
    turns
}

/// Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, OOPSLA 2014. Written out, because the order
/// of a seed must not change with a library's version.
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `bound`, by multiply-shift: the bias is below 2^-50 for any plan.
    #[expect(clippy::cast_possible_truncation, reason = "the product's upper half is below bound")]
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Fisher and Yates.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Overrides, Plan, Source};

    fn cells(rounds: &[u32]) -> Vec<Cell> {
        let table = |(index, rounds)| format!("[[cells]]\nworkers = {}\nrounds = {rounds}\n", index + 1);
        let tables: String = rounds.iter().enumerate().map(table).collect();
        let text = format!("backend = 'null'\n{tables}");
        let source = Source { file: "p".to_owned(), stem: "p".to_owned(), text };
        Plan::compile(&source, &Overrides::default()).expect("a valid plan").cells
    }

    #[test]
    fn the_generator_is_the_published_one() {
        // First outputs for seed 1234567, as published with the reference implementation.
        let mut random = SplitMix64(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn every_order_of_three_comes_up_about_equally_often() {
        let mut counts = std::collections::BTreeMap::new();
        let mut random = SplitMix64(1);
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn refused_cells_take_no_turn() {
        let mut cells = cells(&[2, 2]);
        cells[0].refusal = Some("why not".to_owned());
        let rounds = [0, 1, 2].map(|round| Turn { cell: 1, round });
        assert_eq!(schedule(&cells, 3), rounds, "two measured ones and the stage round");
        assert_eq!(schedule(&[], 3), []);
    }

    proptest! {
        #[test]
        fn each_round_once_in_blocks_the_same_for_the_same_seed(rounds in prop::collection::vec(1_u32..6, 1..12), seed: u64) {
            let cells = cells(&rounds);
            let turns = schedule(&cells, seed);
            let distinct: BTreeSet<_> = turns.iter().map(|turn| (turn.cell, turn.round)).collect();
            prop_assert_eq!(distinct.len(), turns.len());
            let (measured, stages) = turns.split_at(rounds.iter().sum::<u32>() as usize);
            prop_assert!(measured.is_sorted_by_key(|turn| turn.round));
            prop_assert!(measured.iter().all(|turn| turn.round < rounds[turn.cell]));
            prop_assert_eq!(stages.len(), rounds.len());
            prop_assert!(stages.iter().all(|turn| turn.round == rounds[turn.cell]));
            prop_assert_eq!(schedule(&cells, seed), turns);
        }
    }
}
