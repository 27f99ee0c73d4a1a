//! The rows of the ledger as a run states them. Counts nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use cutproof_reports::{Counts, FindingKind, PairSummary};

use super::judge::AllJudged;
use super::unit::{self, Planned};
use crate::config::ProofConfig;
use crate::positions::{PairPlan, Plan};
use crate::record::{Allowance, Contract, Side};

/// What a row falls under.
#[derive(Clone)]
pub(super) struct Promise<'p> {
    allowances: &'p [Allowance],
    /// The rules of the row's topics, by their index in the configuration: several where the row belongs to several
    /// topics, whose contracts are equal then.
    rules: BTreeSet<Option<usize>>,
}

impl<'p> Promise<'p> {
    fn of<'t>(
        contract: &'p Contract,
        config: &ProofConfig,
        topics: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        let rules = topics.into_iter().map(|topic| config.rule_for(topic)).collect();
        Self { allowances: &contract.allowances, rules }
    }
}

/// The rows of the ledger in the plan's order, each with what it falls under.
pub(super) fn pair_summaries<'p>(
    plan: &'p Plan,
    judged: &AllJudged,
    config: &ProofConfig,
) -> Vec<(Promise<'p>, PairSummary)> {
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
        let promise = Promise::of(&pair.contract, config, [pair.source.topic.as_str()]);
        rows.extend(own.into_iter().map(|row| (promise.clone(), row)));
    }
    for (at, unit) in plan.units.iter().enumerate() {
        for row in unit_rows(Planned::Unit(at)) {
            let promise = match row.source_partition {
                Some(_) => Promise::of(&unit.contract, config, [row.source_topic.as_str()]),
                None => Promise::of(&unit.contract, config, unit.topics(Side::Source)),
            };
            rows.push((promise, row));
        }
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

/// Counts of something that an allowance may cover, with the allowances of their rule.
pub(super) type ByRule<'p, T> = Vec<(&'p [Allowance], T)>;

/// All pairs of one rule together, for an allowance's limit is over its topics: findings by kind, and records of which
/// it cannot be told whether they were compacted. A row of topics under several rules joins them.
pub(super) fn by_rule<'p>(
    promises: &[Promise<'p>],
    pairs: &[PairSummary],
) -> (ByRule<'p, BTreeMap<FindingKind, u64>>, ByRule<'p, u64>) {
    let mut all: Vec<(Promise<'p>, BTreeMap<FindingKind, u64>, u64)> = Vec::new();
    for (own, pair) in promises.iter().zip(pairs) {
        let shares = |promise: &Promise<'p>| !promise.rules.is_disjoint(&own.rules);
        let at = all.iter().position(|(promise, ..)| shares(promise)).unwrap_or(all.len());
        let mut joined = (own.clone(), pair.counts.findings.clone(), pair.counts.compacted_or_dropped);
        let (same, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(promise, ..)| shares(promise));
        for (promise, findings, open) in same {
            joined.0.rules.extend(promise.rules);
            for (kind, count) in findings {
                *joined.1.entry(kind).or_default() += count;
            }
            joined.2 += open;
        }
        all = others;
        all.insert(at, joined);
    }
    all.into_iter()
        .map(|(promise, findings, open)| ((promise.allowances, findings), (promise.allowances, open)))
        .unzip()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TWO_EQUAL_RULES: &str = "apiVersion: cutproof/v1
kind: Proof
source: { bootstrap_servers: 'a:1' }
target: { bootstrap_servers: 'b:1' }
contracts:
  - { topics: [orders], allow: [{ finding: duplicate_record, max: 10, reason: r }] }
  - { topics: [payments], allow: [{ finding: duplicate_record, max: 10, reason: r }] }
";

    fn row(topic: &str, duplicates: u64) -> PairSummary {
        let findings = [(FindingKind::DuplicateRecord, duplicates)].into();
        let counts = Counts { findings, compacted_or_dropped: duplicates + 1, ..Counts::default() };
        PairSummary { source_topic: topic.into(), counts, ..PairSummary::default() }
    }

    /// Duplicates, and records that were compacted or dropped, by rule. Several topics have commas between.
    fn summed(rows: &[(&str, u64)]) -> Vec<(u64, u64)> {
        let config = crate::config::parse(TWO_EQUAL_RULES, Path::new("")).expect("a configuration");
        let contract = config.contract_for("orders");
        assert_eq!(contract, config.contract_for("payments"));
        let promises: Vec<Promise<'_>> =
            rows.iter().map(|(topics, _)| Promise::of(&contract, &config, topics.split(','))).collect();
        let pairs: Vec<PairSummary> = rows.iter().map(|&(topics, count)| row(topics, count)).collect();
        let (findings, open) = by_rule(&promises, &pairs);
        assert!(findings.iter().all(|(allowances, _)| *allowances == contract.allowances.as_slice()));
        let duplicates = findings.iter().map(|(_, findings)| findings[&FindingKind::DuplicateRecord]);
        duplicates.zip(open.iter().map(|(_, open)| *open)).collect()
    }

    #[test]
    fn two_rules_of_equal_content_have_a_limit_each() {
        let rows = [("orders", 5), ("payments", 8), ("orders", 3), ("another", 1)];
        assert_eq!(summed(&rows), [(8, 10), (8, 9), (1, 2)]);
    }

    #[test]
    fn a_row_that_belongs_to_topics_of_several_rules_counts_against_the_limit_of_all_of_them() {
        let rows = [("another", 1), ("payments", 8), ("orders", 4), ("orders,payments", 2)];
        assert_eq!(summed(&rows), [(1, 2), (14, 17)]);
    }
}
