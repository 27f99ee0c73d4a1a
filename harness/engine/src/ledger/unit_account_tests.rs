//! Every record of a unit in its column and row, against counting by definition; and what does not add up.

use proptest::prelude::*;

use super::unit_tests::{Drawn, First, SOURCE_LANES, TARGET_LANES, drawn, item, outcomes, unit};
use super::*;
use crate::align::keyed::{LaneOutcome, PairSink};
use crate::classify::{SourceReading, Taken, TargetReading, UnitReading};

/// `scopes`: first offset in scope and the first one behind, by source lane.
fn reading(scopes: &[(i64, i64)]) -> UnitReading {
    let source = |&(start, end): &(i64, i64)| SourceReading {
        log_start: 0,
        start,
        end,
        read_to: 50,
        deleted_up_to: Some(0),
        highest_matched: None,
        matched_in_all: None,
    };
    let target = TargetReading {
        start: 0,
        cut: 200,
        end: 200,
        follows_shortened: None,
        first_copy: None,
        read_to: 200,
    };
    UnitReading {
        name: "orders -> all.orders".into(),
        sources: scopes.iter().map(source).collect(),
        targets: vec![target; TARGET_LANES],
        complete: [true, true],
        ordered: true,
        compacted: false,
        timestamps_within: Some(0),
        meanings: false,
        taken: Taken::default(),
    }
}

/// A unit with stray target records, what came in of it, and a standing of its own for each outcome in scope.
struct Account {
    reading: UnitReading,
    cells: Cells,
    outcomes: Vec<LaneOutcome>,
    standings: Vec<Standing>,
    intake: UnitIntake,
    /// By definition.
    expected: UnitLedger,
}

fn account(drawn: &[Drawn], order: &[u32], scopes: &[(i64, i64)], strays: &[u32], say: &[u32]) -> Account {
    let unit = unit(drawn, order);
    let (pairs, mut outcomes, mut standings) = outcomes(&unit);
    let mut intake =
        UnitIntake { sources: vec![SourceIntake::default(); SOURCE_LANES], ..Default::default() };
    let mut rows = vec![Ledger::default(); SOURCE_LANES];
    let in_scope = |(lane, offset): Place| (scopes[lane].0..scopes[lane].1).contains(&offset);
    for (identity, (source, first, copies)) in unit.records.iter().enumerate() {
        let lane = &mut intake.sources[source.0];
        lane.read.add(identity as u128);
        lane.in_scope += u64::from(in_scope(*source));
        rows[source.0].records[0] += u64::from(in_scope(*source));
        for at in 0..copies.len() {
            let altered = at == 0 && *first == First::Mismatched;
            intake.target.add(if altered { u128::MAX - identity as u128 } else { identity as u128 });
        }
        if *first == First::InOrder && in_scope(*source) {
            rows[source.0].matched += 1;
            rows[source.0].records[1] += 1;
        }
    }
    for (n, lane) in strays.iter().enumerate() {
        let target = item(1_000 + n as u128, 100 + n as i64);
        intake.target.add(target.identity);
        outcomes.push(LaneOutcome {
            source_lane: None,
            target_lane: Some(*lane as usize % TARGET_LANES),
            outcome: Outcome::Extraneous { target },
        });
        standings.push(Standing::Finding(FindingKind::ExtraneousRecord));
    }
    let mut stray_row = Ledger::default();
    for (n, (entry, standing)) in outcomes.iter().zip(&mut standings).enumerate() {
        let source = matches!(entry.outcome, Outcome::Duplicate { .. });
        let on = [entry.source_lane.is_some() && !source, entry.target_lane.is_some()].map(u64::from);
        if entry.source_lane.zip(entry.outcome.source()).is_some_and(|(l, i)| !in_scope((l, i.offset))) {
            *standing = Standing::Beyond;
            continue;
        }
        let row = entry.source_lane.map_or(&mut stray_row, |lane| &mut rows[lane]);
        let mut both = |side: &mut dyn FnMut(&mut Ledger, usize, u64)| {
            [0, 1].into_iter().for_each(|at: usize| side(row, at, on[at]));
        };
        *standing = match say[n % say.len()] % 6 {
            0 => {
                both(&mut |row, side, n| row.unverifiable[side] += n);
                Standing::Unverifiable
            }
            1 => {
                both(&mut |row, side, n| row.compacted[side] += n);
                Standing::Compacted
            }
            2 => {
                both(&mut |row, side, n| row.compacted_or_dropped[side] += n);
                Standing::CompactedOrDropped
            }
            3 if matches!(entry.outcome, Outcome::Missing { .. }) => {
                row.pending += 1;
                Standing::Pending
            }
            4 if entry.source_lane.is_none() => {
                *standing = Standing::Beyond;
                continue;
            }
            _ => {
                let Standing::Finding(kind) = *standing else { unreachable!("said above") };
                row.find(kind);
                Standing::Finding(kind)
            }
        };
        row.records[1] += on[1];
    }
    let mut cells = Cells::new([
        scopes.iter().map(|&(start, end)| vec![start, end]).collect(),
        vec![Vec::new(); TARGET_LANES],
    ]);
    pairs.iter().for_each(|pair| cells.matched(*pair));
    cells.close();
    let expected = UnitLedger { rows, strays: stray_row };
    Account { reading: reading(scopes), cells, outcomes, standings, intake, expected }
}

impl Account {
    fn judge(&self) -> Result<UnitLedger, LedgerError> {
        account_unit(&self.reading, &self.cells, &self.outcomes, &self.standings, &self.intake)
    }
}

proptest! {
    #[test]
    fn every_record_of_a_unit_is_in_its_own_column_and_row(
        drawn in drawn(),
        order in prop::collection::vec(any::<u32>(), 1..100),
        scopes in prop::array::uniform3((0i64..6, 4i64..20)),
        strays in prop::collection::vec(any::<u32>(), 0..6),
        say in prop::collection::vec(any::<u32>(), 1..20),
    ) {
        let account = account(&drawn, &order, &scopes, &strays, &say);
        prop_assert_eq!(account.judge(), Ok(account.expected));
    }

    #[test]
    fn a_target_record_of_a_unit_in_no_column_is_an_error(
        drawn in drawn(),
        order in prop::collection::vec(any::<u32>(), 1..100),
    ) {
        let scopes = [(0, 50); SOURCE_LANES];
        let mut account = account(&drawn, &order, &scopes, &[0, 1], &[5]);
        let last = account.standings.len() - 1;
        account.standings[last] = Standing::Pending;
        let records = account.intake.target.records;
        let error = LedgerError::Columns {
            pair: "orders -> all.orders".into(),
            side: Side::Target,
            records,
            columns: records - 1,
        };
        prop_assert_eq!(account.judge(), Err(error));
    }

    #[test]
    fn a_record_that_came_in_and_is_nowhere_in_a_unit_shows_in_the_sums(
        drawn in drawn(),
        order in prop::collection::vec(any::<u32>(), 1..100),
        side in 0..2,
    ) {
        let mut account = account(&drawn, &order, &[(0, 50); SOURCE_LANES], &[], &[5]);
        match side {
            0 => account.intake.sources[1].read.add(77),
            _ => account.intake.target.add(77),
        }
        let in_the_sums = matches!(account.judge(), Err(LedgerError::Sums { .. }));
        prop_assert!(in_the_sums);
    }
}
