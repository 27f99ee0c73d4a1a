//! The rows of the ledger as a run states them. Counts nothing itself.

use std::collections::BTreeMap;

use cutproof_reports::{Counts, FindingKind, PairSummary};

use super::judge::AllJudged;
use super::unit::{self, Planned};
use crate::positions::{PairPlan, Plan};
use crate::record::{Allowance, Contract};

/// The rows of the ledger in the plan's order, each with its contract.
pub(super) fn pair_summaries<'p>(plan: &'p Plan, judged: &AllJudged) -> Vec<(&'p Contract, PairSummary)> {
    let unit_rows = |planned: Planned| {
        let found = judged.units.iter().find(|(unit, _)| unit.planned == planned);
        found.map(|(unit, judged)| unit::rows(unit, judged)).unwrap_or_default()
    };
    let mut rows = Vec::new();
    for (at, pair) in plan.pairs.iter().enumerate() {
        let own = match unit::is_unit(&pair.contract) {
            true => unit_rows(Planned::Pair(at)),
            false => vec![pair_summary(pair, judged, at)],
        };
        rows.extend(own.into_iter().map(|row| (&pair.contract, row)));
    }
    for (at, unit) in plan.units.iter().enumerate() {
        rows.extend(unit_rows(Planned::Unit(at)).into_iter().map(|row| (&unit.contract, row)));
    }
    rows
}

fn pair_summary(plan: &PairPlan, judged: &AllJudged, at: usize) -> PairSummary {
    let mut summary = PairSummary {
        source_topic: plan.source.topic.clone(),
        source_partition: Some(plan.source.partition),
        target_topic: plan.target.topic.clone(),
        target_partition: Some(plan.target.partition),
        source_start_offset: Some(plan.source_start),
        source_end_offset: Some(plan.source_end),
        target_start_offset: Some(plan.target_start.unwrap_or(plan.target_end)),
        target_end_offset: Some(plan.target_end),
        counts: Counts::default(),
        remarks: judged.remarks[at].clone(),
        notes: Vec::new(),
    };
    match &judged.judgements[at] {
        Some(judgement) => {
            summary.counts = judgement.ledger.counts();
            summary.source_end_offset = Some(judgement.cut[0]);
            summary.target_end_offset = Some(judgement.cut[1]);
        }
        None => {
            let [source, target] = judged.unjudged[at];
            summary.counts.source_records = source;
            summary.counts.target_records = target;
            summary.counts.unverifiable = source + target;
        }
    }
    summary
}

/// Counts of something that an allowance may cover, with the allowances of their contract.
pub(super) type ByContract<'p, T> = Vec<(&'p [Allowance], T)>;

/// All pairs of one contract together, for an allowance's limit is over its topics: findings by kind, and records of
/// which it cannot be told whether they were compacted.
pub(super) fn by_contract<'p>(
    contracts: &[&'p Contract],
    pairs: &[PairSummary],
) -> (ByContract<'p, BTreeMap<FindingKind, u64>>, ByContract<'p, u64>) {
    let mut all: Vec<(&Contract, BTreeMap<FindingKind, u64>, u64)> = Vec::new();
    for (&own, pair) in contracts.iter().zip(pairs) {
        let at = all.iter().position(|(contract, ..)| *contract == own).unwrap_or_else(|| {
            all.push((own, BTreeMap::new(), 0));
            all.len() - 1
        });
        for (&kind, &count) in &pair.counts.findings {
            *all[at].1.entry(kind).or_default() += count;
        }
        all[at].2 += pair.counts.compacted_or_dropped;
    }
    all.into_iter()
        .map(|(contract, findings, open)| {
            let allowances = contract.allowances.as_slice();
            ((allowances, findings), (allowances, open))
        })
        .unzip()
}
