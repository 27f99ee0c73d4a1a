//! What happened to every record in scope: each lands in exactly one column, and independent sums must agree.
//! Decides nothing; a ledger that does not add up is an internal error, never a verdict.

mod cells;
mod repeated;
mod resume;
mod unit;
mod unit_resume;

pub use cells::{Cells, Sum};
pub use repeated::Repeated;
pub use resume::{Copies, Resume, judge_resume};
pub use unit::{SourceIntake, UnitIntake, UnitLedger, account_unit, check_unit_intake};
pub use unit_resume::{LaneCounts, Place, UnitCopies, places};

use std::collections::BTreeMap;

use cutproof_reports::{Counts, FindingKind};

use crate::align::{Alignment, Counted, Outcome};
use crate::classify::{Classified, PairReading, Standing, tail_standing};
use crate::record::Side;

/// Number and sum of identities, taken where records come in, before anything compares them. Additive, so that
/// two equal records do not cancel each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intake {
    /// Records.
    pub records: u64,
    /// Sum of their identities, modulo 2^128.
    pub sum: u128,
}

impl Intake {
    /// Counts one record.
    pub fn add(&mut self, identity: u128) {
        self.records += 1;
        self.sum = self.sum.wrapping_add(identity);
    }

    /// Adds another intake's records to this one.
    pub fn with(self, other: Intake) -> Intake {
        Intake { records: self.records.wrapping_add(other.records), sum: self.sum.wrapping_add(other.sum) }
    }

    /// Takes another intake's records out of this one.
    pub fn without(self, other: Intake) -> Intake {
        Intake { records: self.records.wrapping_sub(other.records), sum: self.sum.wrapping_sub(other.sum) }
    }
}

impl std::iter::FromIterator<u128> for Intake {
    fn from_iter<I: IntoIterator<Item = u128>>(identities: I) -> Self {
        let mut intake = Intake::default();
        identities.into_iter().for_each(|identity| intake.add(identity));
        intake
    }
}

/// A ledger that does not add up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The records matched on the two sides are not the same ones.
    #[error(
        "internal error: the matched records of {pair} sum up to {source_sum:032x} on the source and \
         {target_sum:032x} on the target; keep the run directory and report this"
    )]
    Sums {
        /// Which pair.
        pair: String,
        /// Over the source.
        source_sum: u128,
        /// Over the target.
        target_sum: u128,
    },
    /// A side's columns do not add up to its records.
    #[error(
        "internal error: {side} of {pair} has {records} records in scope, but {columns} are accounted for; \
         keep the run directory and report this"
    )]
    Columns {
        /// Which pair.
        pair: String,
        /// Which side.
        side: Side,
        /// In scope.
        records: u64,
        /// Sum of the columns.
        columns: u64,
    },
}

/// What one pair's records became, in counts that are kept apart by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// In scope: source, target.
    pub records: [u64; 2],
    /// Matched in order (or equal in meaning at the same place).
    pub matched: u64,
    /// Of `matched`: other bytes, equal meaning.
    pub equal_meaning: u64,
    /// Source records not judged because the target has not reached them.
    pub pending: u64,
    /// Could not be judged: source, target.
    pub unverifiable: [u64; 2],
    /// Explained by compaction: source, target.
    pub compacted: [u64; 2],
    /// Compacted or lost, which cannot be told: source, target.
    pub compacted_or_dropped: [u64; 2],
    /// Findings. Undecodable records are matched ones with a remark: they are counted apart.
    pub findings: BTreeMap<FindingKind, u64>,
    /// Misplaced findings whose source record, and whose target record, is in this pair.
    pub misplaced: [u64; 2],
}

impl Ledger {
    /// Counts one finding.
    pub fn find(&mut self, kind: FindingKind) {
        *self.findings.entry(kind).or_default() += 1;
    }

    /// So many mismatched records are equal in meaning: they are matched.
    pub fn mismatched_are_equal(&mut self, records: u64) {
        self.take_mismatched(records);
        self.matched += records;
        self.equal_meaning += records;
    }

    /// So many mismatched records are equal in meaning, in another place of the order.
    pub fn mismatched_are_reordered(&mut self, records: u64) {
        self.take_mismatched(records);
        if records > 0 {
            *self.findings.entry(FindingKind::ReorderedRecord).or_default() += records;
        }
    }

    /// So many mismatched records could not be compared in meaning: neither they nor their copies are judged.
    pub fn mismatched_are_unverifiable(&mut self, records: u64) {
        self.take_mismatched(records);
        self.unverifiable.iter_mut().for_each(|side| *side += records);
    }

    fn take_mismatched(&mut self, records: u64) {
        let mismatched = self.findings.entry(FindingKind::MismatchedRecord).or_default();
        *mismatched -= records;
        if *mismatched == 0 {
            self.findings.remove(&FindingKind::MismatchedRecord);
        }
    }

    fn count(&self, kind: FindingKind) -> u64 {
        self.findings.get(&kind).copied().unwrap_or(0)
    }

    /// Every record of a side is in exactly one column.
    pub fn check(&self, pair: &str) -> Result<(), LedgerError> {
        use FindingKind::{
            DuplicateRecord, ExtraneousRecord, MismatchedRecord, MissingRecord, ReorderedRecord,
        };
        for side in Side::BOTH {
            let own = match side {
                Side::Source => self.count(MissingRecord) + self.pending,
                Side::Target => self.count(ExtraneousRecord) + self.count(DuplicateRecord),
            };
            let columns = self.matched
                + self.count(ReorderedRecord)
                + self.count(MismatchedRecord)
                + own
                + self.misplaced[side as usize]
                + self.unverifiable[side as usize]
                + self.compacted[side as usize]
                + self.compacted_or_dropped[side as usize];
            let records = self.records[side as usize];
            if records != columns {
                return Err(LedgerError::Columns { pair: pair.to_owned(), side, records, columns });
            }
        }
        Ok(())
    }

    /// As it is written to the reports.
    pub fn counts(&self) -> Counts {
        let Self {
            records: [source_records, target_records],
            matched,
            equal_meaning,
            pending,
            unverifiable,
            compacted,
            compacted_or_dropped,
            findings,
            misplaced: _,
        } = self.clone();
        Counts {
            source_records,
            target_records,
            matched,
            equal_meaning,
            pending,
            unverifiable: unverifiable.iter().sum(),
            compacted: compacted.iter().sum(),
            compacted_or_dropped: compacted_or_dropped.iter().sum(),
            findings,
        }
    }
}

/// Takes from each side's intake what was not matched: the two remainders must be the same records.
pub fn check_sums(pair: &str, intake: [Intake; 2], unmatched: [Intake; 2]) -> Result<(), LedgerError> {
    let [source, target] = [0, 1].map(|side: usize| intake[side].without(unmatched[side]));
    if source == target {
        Ok(())
    } else {
        Err(LedgerError::Sums { pair: pair.to_owned(), source_sum: source.sum, target_sum: target.sum })
    }
}

/// What a pair has consumed so far must be matched or left over, at any moment: `consumed` and `left_over` by side,
/// `matched` pairs in order.
pub fn check_progress(
    pair: &str,
    consumed: [Intake; 2],
    matched: u64,
    left_over: [Intake; 2],
) -> Result<(), LedgerError> {
    for side in Side::BOTH {
        let records = consumed[side as usize].records;
        let columns = matched + left_over[side as usize].records;
        if records != columns {
            return Err(LedgerError::Columns { pair: pair.to_owned(), side, records, columns });
        }
    }
    check_sums(pair, consumed, left_over)
}

/// One pair with its ledger.
#[derive(Debug)]
pub struct Judgement {
    /// How the pair was read.
    pub reading: PairReading,
    /// The matched runs and what is not matched.
    pub alignment: Alignment,
    /// Parallel to `alignment.outcomes`.
    pub standings: Vec<Standing>,
    /// First offset out of scope: source, target.
    pub cut: [i64; 2],
    /// Counts.
    pub ledger: Ledger,
}

/// Accounts for every record of a pair. `intake`: what came in, taken before alignment: source, target.
pub fn account(pair: Classified, intake: [Intake; 2]) -> Result<Judgement, LedgerError> {
    check_intake(&pair, intake)?;
    let Classified { reading, alignment, standings, cut } = pair;
    let total = alignment.runs.matched();
    let mut ledger =
        Ledger { matched: alignment.runs.matched_below_source(reading.source_end), ..Ledger::default() };
    let mut beyond = [total - ledger.matched; 2];
    for (outcome, standing) in alignment.outcomes.iter().zip(&standings) {
        // A duplicate's original is counted where it is matched.
        let on_source = outcome.source().is_some() && !matches!(outcome, Outcome::Duplicate { .. });
        let on = [on_source, outcome.target().is_some()].map(u64::from);
        match standing {
            // Two outcomes make one finding: it is counted where the record is missed.
            Standing::Finding(FindingKind::MisplacedRecord) => {
                [0, 1].iter().for_each(|&side: &usize| ledger.misplaced[side] += on[side]);
                if on_source {
                    ledger.find(FindingKind::MisplacedRecord);
                }
            }
            Standing::Finding(kind) => ledger.find(*kind),
            Standing::Pending => ledger.pending += 1,
            Standing::Unverifiable => {
                [0, 1].iter().for_each(|&side: &usize| ledger.unverifiable[side] += on[side]);
            }
            Standing::Compacted => {
                [0, 1].iter().for_each(|&side: &usize| ledger.compacted[side] += on[side]);
            }
            Standing::CompactedOrDropped => {
                [0, 1].iter().for_each(|&side: &usize| ledger.compacted_or_dropped[side] += on[side]);
            }
            Standing::Beyond => [0, 1].iter().for_each(|&side: &usize| beyond[side] += on[side]),
        }
    }
    count_unlisted(&reading, &alignment, &mut ledger, &mut beyond);
    ledger.records = [0, 1].map(|side: usize| intake[side].records - beyond[side]);
    ledger.check(&reading.name)?;
    Ok(Judgement { reading, alignment, standings, cut, ledger })
}

/// Whether the records that came in are those that alignment accounts for, and as many: where a log changed between two
/// readings they are not, though both sides may lack the same ones.
pub fn check_intake(pair: &Classified, intake: [Intake; 2]) -> Result<(), LedgerError> {
    let Classified { reading, alignment, .. } = pair;
    check_progress(&reading.name, intake, alignment.runs.matched(), unmatched(alignment))
}

/// Records that are counted and have no outcome of their own: the source's tail, and what was not solved.
fn count_unlisted(reading: &PairReading, alignment: &Alignment, ledger: &mut Ledger, beyond: &mut [u64; 2]) {
    let Alignment { tail, unsolved, .. } = alignment;
    let in_scope = tail.below(reading.source_end);
    match tail_standing(reading, &alignment.runs) {
        Standing::Pending => ledger.pending += in_scope,
        _ => ledger.unverifiable[0] += in_scope,
    }
    let unsolved_in_scope = unsolved[0].below(reading.source_end);
    ledger.unverifiable[0] += unsolved_in_scope;
    ledger.unverifiable[1] += unsolved[1].records();
    beyond[0] += tail.records() - in_scope + unsolved[0].records() - unsolved_in_scope;
}

/// What is not matched on each side.
fn unmatched(alignment: &Alignment) -> [Intake; 2] {
    let Alignment { outcomes, tail, unsolved, .. } = alignment;
    let source = outcomes
        .iter()
        .filter(|outcome| !matches!(outcome, Outcome::Duplicate { .. }))
        .filter_map(Outcome::source)
        .map(|item| item.identity);
    let target = outcomes.iter().filter_map(Outcome::target).map(|item| item.identity);
    let counted = |counted: &Counted| Intake { records: counted.records(), sum: counted.sum() };
    let [unsolved_source, unsolved_target] = unsolved.each_ref().map(counted);
    [
        source.collect::<Intake>().with(counted(tail)).with(unsolved_source),
        target.collect::<Intake>().with(unsolved_target),
    ]
}

#[cfg(test)]
mod counted_tests;
#[cfg(test)]
mod judged_tests;
#[cfg(test)]
mod resume_tests;
#[cfg(test)]
mod unit_account_tests;
#[cfg(test)]
mod unit_tests;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equal_records_do_not_cancel_each_other() {
        let twice: Intake = [7, 7, 9].into_iter().collect();
        let once: Intake = [9].into_iter().collect();
        assert!(check_sums("orders-0", [twice, once], [Intake::default(); 2]).is_err());
        let unmatched: Intake = [7, 7].into_iter().collect();
        assert_eq!(check_sums("orders-0", [twice, once], [unmatched, Intake::default()]), Ok(()));
    }

    #[test]
    fn a_record_matched_with_another_one_shows_in_the_sums() {
        let source: Intake = [1, 2].into_iter().collect();
        let target: Intake = [1, 3].into_iter().collect();
        assert!(check_sums("orders-0", [source, target], [Intake::default(); 2]).is_err());
    }

    #[test]
    fn what_was_consumed_so_far_must_be_matched_or_left_over_and_the_same_on_both_sides() {
        let consumed = [[1, 2, 3].into_iter().collect(), [1, 3, 3].into_iter().collect()];
        let left_over = [[2].into_iter().collect(), [3].into_iter().collect()];
        assert_eq!(check_progress("orders-0", consumed, 2, left_over), Ok(()));
        assert!(matches!(
            check_progress("orders-0", consumed, 1, left_over),
            Err(LedgerError::Columns { side: Side::Source, records: 3, columns: 2, .. })
        ));
        let other = [[2].into_iter().collect(), [1].into_iter().collect()];
        assert!(matches!(check_progress("orders-0", consumed, 2, other), Err(LedgerError::Sums { .. })));
    }

    #[test]
    fn mismatched_records_that_are_taken_back_stay_accounted_for() {
        let mut ledger = Ledger { records: [9, 9], matched: 3, ..Ledger::default() };
        (0..6).for_each(|_| ledger.find(FindingKind::MismatchedRecord));
        ledger.mismatched_are_equal(2);
        ledger.mismatched_are_unverifiable(3);
        assert_eq!(ledger.check("orders-0"), Ok(()));
        assert_eq!((ledger.matched, ledger.equal_meaning, ledger.unverifiable), (5, 2, [3, 3]));
        assert_eq!(ledger.findings, [(FindingKind::MismatchedRecord, 1)].into());
        ledger.mismatched_are_unverifiable(1);
        assert_eq!((ledger.check("orders-0"), ledger.findings.len()), (Ok(()), 0));
        ledger.mismatched_are_equal(0);
        assert!(ledger.findings.is_empty());
    }

    #[test]
    fn mismatched_records_that_only_moved_are_findings_of_that_kind() {
        let mut ledger = Ledger { records: [7, 7], matched: 2, ..Ledger::default() };
        (0..4).for_each(|_| ledger.find(FindingKind::MismatchedRecord));
        ledger.find(FindingKind::ReorderedRecord);
        ledger.mismatched_are_reordered(0);
        ledger.mismatched_are_reordered(3);
        assert_eq!(ledger.check("orders-0"), Ok(()));
        let found = [(FindingKind::MismatchedRecord, 1), (FindingKind::ReorderedRecord, 4)];
        assert_eq!(ledger.findings, found.into());
    }

    #[test]
    fn a_record_in_no_column_or_in_two_is_an_error() {
        let mut ledger = Ledger { records: [5, 6], matched: 3, pending: 1, ..Ledger::default() };
        ledger.find(FindingKind::MissingRecord);
        ledger.find(FindingKind::DuplicateRecord);
        ledger.find(FindingKind::ExtraneousRecord);
        ledger.misplaced[1] = 1;
        assert_eq!(ledger.check("orders-0"), Ok(()));
        ledger.pending = 0;
        assert!(matches!(ledger.check("orders-0"), Err(LedgerError::Columns { side: Side::Source, .. })));
        ledger.pending = 1;
        ledger.matched = 4;
        assert!(ledger.check("orders-0").is_err());
    }
}
