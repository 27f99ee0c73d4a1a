//! Ends the alignment of each pair, has it judged, and withdraws what is no longer sure. What a finding is, is decided in
//! `classify`.

use std::collections::BTreeMap;

use cutproof_reports::Barrier;

use super::again::{FirstReading, PairLog, changed_meanwhile};
use super::pair::PairRead;
use super::retained::Retained;
use super::same::{LogRead, Since, other_logs};
use super::unit::{JudgedUnit, Unit};
use super::{Run, RunError, compacted, tails};
use crate::align::LogError;
use crate::classify::{Classified, Misplacement, classify, find_misplaced};
use crate::ledger::{Intake, Judgement, account, check_intake};
use crate::record::{LogKind, OffsetRange, Side, TopicPartition};

/// Of a pair that has no other reason.
const NOT_READ: &str = "was not read: the run was stopped before";

/// All pairs, judged.
pub(super) struct AllJudged {
    /// By the plan's index; `None` where a pair could not be judged.
    pub judgements: Vec<Option<Judgement>>,
    pub misplaced: Vec<Misplacement>,
    /// What is not aligned pair by pair.
    pub units: Vec<(Unit, JudgedUnit)>,
    /// Why a pair was not judged, or not to its end.
    pub remarks: Vec<Vec<String>>,
    /// Records of pairs that were read but not judged: source, target.
    pub unjudged: Vec<[u64; 2]>,
}

impl AllJudged {
    /// Records that are not matched in order, which the pairs hold.
    pub fn left_over(&self) -> usize {
        let held = |judgement: &Judgement| judgement.alignment.outcomes.len();
        self.judgements.iter().flatten().map(held).sum()
    }
}

impl Run<'_> {
    /// Ends each alignment, judges it within the scope, and proves that its ledger adds up.
    pub(super) fn judge(
        &mut self,
        read: Vec<Option<PairRead>>,
        barrier: &Barrier,
    ) -> Result<AllJudged, RunError> {
        self.monitor.stage("judge");
        let cleaning = compacted::TopicCleaning::read(&self.plan, self.clusters, barrier)?;
        let mut judged = AllJudged {
            judgements: Vec::new(),
            misplaced: Vec::new(),
            units: Vec::new(),
            remarks: Vec::new(),
            unjudged: Vec::new(),
        };
        let retained = self.retained(&read);
        let out_of_range: Vec<[bool; 2]> =
            read.iter().map(|read| read.as_ref().map_or([false; 2], |read| read.out_of_range)).collect();
        let mut classified: Vec<Option<(Classified, [Intake; 2])>> = Vec::new();
        for (at, read) in read.into_iter().enumerate() {
            let pair = &self.plan.pairs[at];
            let Some(PairRead { aligner, reading, intake, mut remarks, holes, .. }) = read else {
                classified.push(None);
                let why = self.not_located.get(&at).map_or(NOT_READ, String::as_str);
                judged.remarks.push(vec![why.to_owned()]);
                judged.unjudged.push([0, 0]);
                continue;
            };
            remarks.extend(cleaning.remarks(&pair.contract));
            let holes = holes.map(|holes| holes.into_iter().map(|hole| hole.range).collect());
            let first = FirstReading { start: reading.start, holes };
            let mut log = PairLog::new(&mut self.readers, pair, self.seed, reading.read_to, first);
            let aligner = aligner.with_barrier(reading.source_end);
            let aligned = aligner.finish(retained.history_start(pair), &mut log);
            let judgement = aligned.map(|alignment| classify(reading, alignment)).and_then(|judgement| {
                if log.read_again {
                    check_intake(&judgement, intake)
                        .map_err(|_| changed_meanwhile(&judgement.reading.name))?;
                }
                match pair.contract.log {
                    LogKind::Retained => Ok(judgement),
                    LogKind::Compacted => {
                        compacted::judge(judgement, pair, &cleaning, &mut log, self.clusters)
                    }
                }
            });
            match judgement {
                Ok(judgement) => {
                    classified.push(Some((judgement, intake)));
                    judged.unjudged.push([0, 0]);
                }
                Err(LogError(why)) => {
                    remarks.push(why);
                    classified.push(None);
                    judged.unjudged.push(intake.map(|intake| intake.records));
                }
            }
            judged.remarks.push(remarks);
        }
        self.withdraw_other_logs(&mut classified, &out_of_range, &mut judged);
        let mut topics: BTreeMap<&str, Vec<(usize, &mut Classified)>> = BTreeMap::new();
        for (at, pair) in classified.iter_mut().enumerate() {
            if let Some((pair, _)) = pair {
                topics.entry(&self.plan.pairs[at].target.topic).or_default().push((at, pair));
            }
        }
        for pairs in topics.values_mut() {
            for (at, error) in tails::take_misplaced(pairs, &self.plan, &mut self.readers, self.seed) {
                judged.remarks[at].push(error.0);
            }
            judged.misplaced.extend(find_misplaced(pairs));
        }
        for pair in classified {
            judged.judgements.push(pair.map(|(pair, intake)| account(pair, intake)).transpose()?);
        }
        Ok(judged)
    }

    /// Of the pairs that were read. A run that was stopped reads nothing again, and need not know.
    fn retained(&self, read: &[Option<PairRead>]) -> Retained {
        if self.readers.stopped() {
            return Retained::default();
        }
        let pairs = self.plan.pairs.iter().zip(read).filter(|(_, read)| read.is_some());
        let partitions: Vec<TopicPartition> = pairs.map(|(pair, _)| pair.source.clone()).collect();
        Retained::of(Side::Source, self.clusters[0], &partitions)
    }

    /// Pairs whose logs are no longer the ones that were read are not judged. After everything was read again, too.
    /// `out_of_range`: which sides of each pair no longer held the offset that was due.
    fn withdraw_other_logs(
        &self,
        classified: &mut [Option<(Classified, [Intake; 2])>],
        out_of_range: &[[bool; 2]],
        judged: &mut AllJudged,
    ) {
        let read: Vec<Option<[Option<LogRead>; 2]>> = classified
            .iter()
            .zip(out_of_range)
            .map(|(pair, out_of_range)| {
                let reading = &pair.as_ref()?.0.reading;
                Some([0, 1].map(|side: usize| {
                    let range = OffsetRange { start: reading.start[side], end: reading.read_to[side] };
                    let end_is_asked = reading.complete[side] || out_of_range[side];
                    Some(LogRead { range, end_is_asked })
                }))
            })
            .collect();
        match other_logs(&self.plan, &self.plan.pairs, self.clusters, &self.topic_ids, &read) {
            Ok(since) => {
                for (at, since) in since.into_iter().enumerate() {
                    match since {
                        Since::Same => {}
                        Since::Unknown(why) => judged.remarks[at].push(why),
                        Since::Changed(why) => {
                            judged.remarks[at].push(why);
                            if let Some((_, intake)) = classified[at].take() {
                                judged.unjudged[at] = intake.map(|intake| intake.records);
                            }
                        }
                    }
                }
            }
            Err(error) => {
                let why = format!("whether its logs are still the ones that were read is not known: {error}");
                for (remarks, _) in judged.remarks.iter_mut().zip(&read).filter(|(_, read)| read.is_some()) {
                    remarks.push(why.clone());
                }
            }
        }
    }
}
