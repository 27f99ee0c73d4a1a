//! The run's test of itself: divergences of each kind, planted in memory into copies of the run's own records, must be
//! found by the same code, under each contract of the run (with the same records, whichever topics they are of). Touches
//! no cluster, and no registry that was not asked before.

mod find;
mod plant;
#[cfg(test)]
mod tests;

use cutproof_reports::{FindingKind, SelfCheck};

use super::samples::ENOUGH;
use crate::decode::Check;
use crate::fingerprint::Fingerprinter;
use crate::record::{Contract, DecodeMode, Isolation, Record};

use find::find;
use plant::{Planted, TooFew, plant};

/// Under each contract plants one missing, extraneous, duplicate and mismatched record, one that is out of order where
/// there is an order and, where a partition has one, a misplaced record, and looks for them. Passes only where something
/// was planted, and all of it, and nothing else, was found under each contract that had records enough.
pub(super) fn self_check<'c>(
    samples: &[Record],
    contracts: impl Iterator<Item = &'c Contract>,
    seed: u64,
) -> SelfCheck {
    let contracts = distinct(contracts);
    let mut check = SelfCheck::default();
    let mut all_found = true;
    let mut too_few = Vec::new();
    for contract in &contracts {
        let fingerprinter = Fingerprinter::new(contract, seed);
        let Planted { partitions, kinds } = match plant(samples, contract, &fingerprinter) {
            Ok(planted) => planted,
            Err(TooFew(records)) => {
                too_few.push(records);
                continue;
            }
        };
        let found = find(&partitions, contract, &fingerprinter);
        all_found &= found == kinds;
        for (counts, more) in [(&mut check.planted, kinds), (&mut check.found, found)] {
            for (kind, count) in more {
                *counts.entry(kind).or_default() += count;
            }
        }
    }
    check.passed = all_found && !check.planted.is_empty();
    if let Some(fewest) = too_few.iter().min() {
        let of = match too_few.len() == contracts.len() {
            true => String::new(),
            false => format!("under {} of {} contracts ", too_few.len(), contracts.len()),
        };
        check.detail = format!(
            "{of}no lost, added or changed record was planted: only {fewest} different source records were at hand, \
             {ENOUGH} are needed"
        );
    }
    check
}

/// The contracts that differ in what is found: what is allowed, decoded, or seen of transactions does not matter.
fn distinct<'c>(contracts: impl Iterator<Item = &'c Contract>) -> Vec<Contract> {
    let mut distinct: Vec<Contract> = Vec::new();
    for contract in contracts {
        let contract = Contract {
            isolation: Isolation::ReadCommitted,
            decode: DecodeMode::None,
            allowances: Vec::new(),
            ..contract.clone()
        };
        if !distinct.contains(&contract) {
            distinct.push(contract);
        }
    }
    distinct
}

/// Plants an undecodable record, too: a sample that `read` can decode, with one byte behind its end. Where there is no
/// such sample, nothing.
pub(super) fn plant_undecodable(
    check: &mut SelfCheck,
    samples: &[Record],
    mut read: impl FnMut(&Record) -> Check,
) {
    let Some(sample) = samples.iter().find(|sample| read(sample) == Check::Decodable) else { return };
    let mut broken = sample.clone();
    broken.value.get_or_insert_default().push(0);
    let so_far = check.passed || check.planted.is_empty();
    let found = matches!(read(&broken), Check::Undecodable { .. });
    check.planted.insert(FindingKind::UndecodableRecord, 1);
    if found {
        check.found.insert(FindingKind::UndecodableRecord, 1);
    }
    check.passed = so_far && found;
}
