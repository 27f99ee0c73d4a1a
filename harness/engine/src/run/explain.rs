//! Turns judged outcomes into findings: fetches the payloads again, names the parts, asks the decoder. What turns out
//! equal in meaning is no finding, where it stands in its place; nor is what may be and cannot be read again, or decoded while a registry is away.

use std::collections::HashMap;

use cutproof_reports::{Finding, FindingKind, OrderBroken, Part, RecordPlace};

use crate::align::{Item, Outcome};
use crate::classify::{Misplacement, Standing};
use crate::compare::difference;
use crate::decode::{Decoder, Explanation, Payload};
use crate::fingerprint::KeyedHasher;
use crate::ledger::{Judgement, Place};
use crate::positions::PairPlan;
use crate::record::{DecodeMode, Record, Side, TimestampType};

use super::RunError;
use super::aborted::{Aborted, Suspects, suspects_of_pair};
use super::again::{Readers, Wanted};
use super::blocks;
use super::budget::{Budget, EXPLAINED_MOST};
use super::moved::moved;
use super::undecided::{Doubt, Undecided, may_be_equal_in_meaning};

/// What is needed to explain outcomes.
pub(super) struct Explainer<'r, 'a> {
    pub readers: &'r mut Readers<'a>,
    pub decoder: &'r mut Decoder,
    pub hasher: &'r KeyedHasher,
    /// Whether both sides have a registry: else no other bytes are known to be equal in meaning.
    pub both_registries: bool,
    /// Of the run's identities.
    pub seed: u64,
    /// What payloads may take.
    pub budget: Budget,
    /// Drafts whose payloads are held at the same time, by the size of those before.
    pub together: usize,
}

/// Drafts, by their index, that are no findings.
#[derive(Default)]
pub(super) struct NoFindings {
    /// The two records are equal in meaning.
    pub equal: Vec<usize>,
    /// They may be, and why that is not known.
    pub undecided: Vec<(usize, Doubt)>,
    /// So many are equal in meaning, but in another place of the order: findings of that kind.
    pub reordered: u64,
}

/// Why a draft is no finding.
enum NoFinding {
    EqualMeaning,
    Undecided(Doubt),
}

/// A finding-to-be: the kind, and where its records are.
pub(super) struct Draft {
    pub kind: FindingKind,
    pub source: Option<(usize, Item)>,
    pub target: Option<(usize, Item)>,
    /// Of a mismatched record: what it breaks if it turns out equal in meaning.
    pub order_broken: Option<OrderBroken>,
    pub cause: Option<&'static str>,
    /// The aborted source record that the target record copies.
    pub aborted: Option<Place>,
}

impl Draft {
    /// Source and target offset of what has both.
    fn offsets(&self) -> Option<(i64, i64)> {
        let ((_, source), (_, target)) = (self.source?, self.target?);
        Some((source.offset, target.offset))
    }

    /// Names the cause of an extraneous record that copies an aborted one.
    pub fn name_aborted(&mut self, aborted: &Aborted) {
        let target = self.target.filter(|_| self.kind == FindingKind::ExtraneousRecord);
        let cause = target.and_then(|(pair, item)| aborted.cause((pair, item.offset)));
        if let Some((cause, original)) = cause {
            (self.cause, self.aborted) = (Some(cause), Some(original));
        }
    }
}

impl Explainer<'_, '_> {
    /// Explains the findings of pair `at` and hands each to `emit`. Outcomes that are equal in meaning, or may be, are
    /// taken back from the pair's ledger. `finding_id` is left for the writer. Gives what to say of what could not be
    /// decided: without it nothing is proven.
    pub fn explain(
        &mut self,
        pairs: &[&PairPlan],
        judgements: &mut [Option<Judgement>],
        at: usize,
        misplaced: &[Misplacement],
        emit: &mut dyn FnMut(Finding) -> Result<(), RunError>,
    ) -> Result<Vec<String>, RunError> {
        let Some(judgement) = &judgements[at] else { return Ok(Vec::new()) };
        let mut drafts = drafts(judgement, at, misplaced);
        let aborted = self.aborted(pairs, suspects_of_pair(judgement, at))?;
        let mut equal = Vec::new();
        let mut undecided = Undecided::default();
        loop {
            let mut drafts: Vec<Draft> = drafts.by_ref().take(EXPLAINED_MOST).collect();
            if drafts.is_empty() {
                break;
            }
            drafts.iter_mut().for_each(|draft| draft.name_aborted(&aborted));
            let none = self.explain_drafts(pairs, &drafts, emit)?;
            equal.extend(none.equal.iter().filter_map(|&draft| drafts[draft].offsets()));
            undecided.note_all(pairs, &drafts, none.undecided);
        }
        drop(drafts);
        let mut equal_in_place = equal.len() as u64;
        let mut reordered = 0;
        let moved = moved(equal);
        if !moved.is_empty() {
            let drafts = self::drafts(judgement, at, misplaced).filter(|draft| {
                draft.kind == FindingKind::MismatchedRecord
                    && draft.offsets().is_some_and(|(source, _)| moved.contains(&source))
            });
            let drafts: Vec<Draft> =
                drafts.map(|draft| Draft { order_broken: Some(OrderBroken::Partition), ..draft }).collect();
            let none = self.explain_drafts(pairs, &drafts, emit)?;
            equal_in_place -= drafts.len() as u64;
            reordered = none.reordered;
            undecided.note_all(pairs, &drafts, none.undecided);
        }
        if let Some(judgement) = &mut judgements[at] {
            let ledger = &mut judgement.ledger;
            ledger.mismatched_are_equal(equal_in_place);
            ledger.mismatched_are_reordered(reordered);
            ledger.mismatched_are_unverifiable(undecided.records());
            ledger.check(&judgement.reading.name)?;
        }
        Ok(undecided.remarks())
    }

    /// Looks for the aborted source records that `suspects` copy; their places are indices into `pairs`.
    pub fn aborted(&mut self, pairs: &[&PairPlan], suspects: Vec<Suspects>) -> Result<Aborted, RunError> {
        Ok(Aborted::find(self.readers, pairs, suspects, self.seed)?)
    }

    /// Explains drafts, whose places are indices into `pairs`, and hands on the findings. Returns those that are none.
    pub fn explain_drafts(
        &mut self,
        pairs: &[&PairPlan],
        drafts: &[Draft],
        emit: &mut dyn FnMut(Finding) -> Result<(), RunError>,
    ) -> Result<NoFindings, RunError> {
        let mut none = NoFindings::default();
        let mut at = 0;
        let mut left = drafts;
        while !left.is_empty() {
            let (drafts, later) = left.split_at(self.together.min(left.len()));
            left = later;
            let payloads = self.fetch(pairs, drafts)?;
            let (records, bytes) = payloads.size();
            self.together = self.budget.explained_together(self.together, records, bytes);
            for draft in drafts {
                match self.finding(pairs, draft, &payloads) {
                    Ok(finding) => {
                        none.reordered += u64::from(finding.kind != draft.kind);
                        emit(finding)?;
                    }
                    Err(NoFinding::EqualMeaning) => none.equal.push(at),
                    Err(NoFinding::Undecided(doubt)) => none.undecided.push((at, doubt)),
                }
                at += 1;
            }
        }
        Ok(none)
    }

    fn fetch(&mut self, pairs: &[&PairPlan], drafts: &[Draft]) -> Result<Fetched, RunError> {
        let mut offsets: HashMap<(Side, usize), Vec<i64>> = HashMap::new();
        for draft in drafts {
            for (side, place) in [(Side::Source, draft.source), (Side::Target, draft.target)] {
                if let Some((pair, item)) = place {
                    offsets.entry((side, pair)).or_default().push(item.offset);
                }
            }
        }
        let places: Vec<(Side, usize)> = offsets.keys().copied().collect();
        let wanted: Vec<Wanted<'_>> = offsets
            .into_iter()
            .map(|((side, pair), mut offsets)| {
                offsets.sort_unstable();
                offsets.dedup();
                let isolation = pairs[pair].contract.isolation;
                Wanted { side, isolation, partition: pairs[pair].partition(side), offsets }
            })
            .collect();
        let records = self.readers.fetch(&wanted)?;
        Ok(Fetched(places.into_iter().zip(records).collect()))
    }

    fn finding(
        &mut self,
        pairs: &[&PairPlan],
        draft: &Draft,
        records: &Fetched,
    ) -> Result<Finding, NoFinding> {
        let Draft { mut kind, source, target, mut order_broken, cause, aborted } = *draft;
        let source_record = source.and_then(|(pair, item)| records.get(Side::Source, pair, item.offset));
        let target_record = target.and_then(|(pair, item)| records.get(Side::Target, pair, item.offset));
        if self.both_registries
            && kind == FindingKind::MismatchedRecord
            && (source_record.is_none() || target_record.is_none())
            && let (Some((pair, source)), Some((_, target))) = (&source, &target)
            && may_be_equal_in_meaning(
                &pairs[*pair].contract,
                [source, target],
                [source_record, target_record],
            )
        {
            return Err(NoFinding::Undecided(Doubt::Gone));
        }
        let place = |side: Side, (pair, item): (usize, Item), record: Option<&Record>| RecordPlace {
            topic: pairs[pair].partition(side).topic.clone(),
            partition: pairs[pair].partition(side).partition,
            offset: item.offset,
            timestamp: Some(item.timestamp).filter(|&timestamp| timestamp >= 0),
            timestamp_type: record.map_or(TimestampType::NotAvailable, |record| record.timestamp_type),
        };
        let mut parts = Vec::new();
        let mut detail = Vec::new();
        let mut cause = cause.map(str::to_owned);
        if let Some((pair, offset)) = aborted {
            let source = &pairs[pair].source;
            detail.push(format!("a copy of {source} offset {offset}, whose transaction was aborted"));
        }
        if kind == FindingKind::MismatchedRecord
            && let (Some((pair, _)), Some(source), Some(target)) = (source, source_record, target_record)
        {
            let plan = pairs[pair];
            let found = difference(&plan.contract, source, target);
            parts = found.parts;
            detail = found.detail;
            if parts.contains(&Part::Value) {
                if plan.contract.decode == DecodeMode::None {
                    detail.push("not decoded: `decode: none`".to_owned());
                } else {
                    let explanation = self.decoded(plan, source, target);
                    if parts == [Part::Value] {
                        match &explanation {
                            Explanation::EqualMeaning { .. } if order_broken.is_some() => {
                                kind = FindingKind::ReorderedRecord;
                                parts.clear();
                            }
                            Explanation::EqualMeaning { .. } => return Err(NoFinding::EqualMeaning),
                            Explanation::Unanswered { why } => {
                                return Err(NoFinding::Undecided(Doubt::Unanswered(why.clone())));
                            }
                            _ => {}
                        }
                    }
                    if let Explanation::Undecodable { side, .. } = explanation {
                        cause = Some(format!("undecodable_on_{side}"));
                    }
                    detail.push(explanation.to_string());
                }
            }
        }
        if kind == FindingKind::MismatchedRecord {
            order_broken = None;
        }
        for (side, place, record) in [("source", &source, source_record), ("target", &target, target_record)]
        {
            if place.is_some() && record.is_none() {
                detail.push(format!("the {side} record could not be read again to name its parts"));
            }
        }
        let key = |record: Option<&Record>| record.and_then(|record| self.hasher.hash(record.key.as_deref()));
        let value =
            |record: Option<&Record>| record.and_then(|record| self.hasher.hash(record.value.as_deref()));
        Ok(Finding {
            finding_id: 0,
            kind,
            parts,
            cause,
            order_broken,
            source: source.map(|at| place(Side::Source, at, source_record)),
            target: target.map(|at| place(Side::Target, at, target_record)),
            key_hash: key(source_record).or_else(|| key(target_record)),
            source_value_hash: value(source_record),
            target_value_hash: value(target_record),
            detail: detail.join("; "),
        })
    }

    fn decoded(&mut self, plan: &PairPlan, source: &Record, target: &Record) -> Explanation {
        self.decoder.explain_value(payload(&plan.source.topic, source), payload(&plan.target.topic, target))
    }
}

fn payload<'r>(topic: &'r str, record: &'r Record) -> Payload<'r> {
    Payload { topic, bytes: record.value.as_deref().unwrap_or_default(), headers: &record.headers }
}

struct Fetched(HashMap<(Side, usize), HashMap<i64, Record>>);

impl Fetched {
    /// How many records, and their bytes.
    fn size(&self) -> (u64, u64) {
        let all = self.0.values().flat_map(HashMap::values);
        all.fold((0, 0), |(records, bytes), record| (records + 1, bytes + record.payload_bytes()))
    }

    fn get(&self, side: Side, pair: usize, offset: i64) -> Option<&Record> {
        self.0.get(&(side, pair))?.get(&offset)
    }
}

/// The findings of one pair, in the order of its outcomes. A misplaced record is told at the pair that misses it.
fn drafts<'j>(
    judgement: &'j Judgement,
    at: usize,
    misplaced: &'j [Misplacement],
) -> impl Iterator<Item = Draft> + use<'j> {
    let by_source: HashMap<i64, &Misplacement> =
        misplaced.iter().filter(|m| m.source_pair == at).map(|m| (m.source.offset, m)).collect();
    let outcomes = judgement.alignment.outcomes.iter().zip(&judgement.standings);
    blocks::named(outcomes.filter_map(move |(outcome, standing)| draft(outcome, *standing, at, &by_source)))
}

fn draft(
    outcome: &Outcome,
    standing: Standing,
    at: usize,
    misplaced: &HashMap<i64, &Misplacement>,
) -> Option<Draft> {
    let Standing::Finding(kind) = standing else { return None };
    let mut draft = Draft {
        kind,
        source: outcome.source().map(|item| (at, *item)),
        target: outcome.target().map(|item| (at, *item)),
        order_broken: None,
        cause: None,
        aborted: None,
    };
    match outcome {
        Outcome::Missing { source } if kind == FindingKind::MisplacedRecord => {
            draft.target = misplaced.get(&source.offset).map(|m| (m.target_pair, m.target));
        }
        Outcome::Extraneous { .. } if kind == FindingKind::MisplacedRecord => return None,
        Outcome::Reordered { key_order_broken, .. } => {
            draft.order_broken =
                Some(if *key_order_broken { OrderBroken::Key } else { OrderBroken::Partition });
        }
        _ => {}
    }
    Some(draft)
}
