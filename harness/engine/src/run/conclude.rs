//! Puts the results of all stages together, has the verdict decided, and writes what a run leaves. Decides nothing itself.

use cutproof_reports::{
    Barrier, ClusterSummary, Counts, Finding, OffsetRun, PairSummary, RunDirectory, RunManifest, RunState,
    SCHEMA_VERSION, SelfCheck, Verdict,
};
use time::OffsetDateTime;

use super::judge::AllJudged;
use super::lead::LeadIn;
use super::summaries::{Promise, by_rule, pair_summaries};
use super::{Run, RunError, RunOutcome, groups, resumable, rfc3339, uncompared, unit};
use crate::gates::{Results, decide};
use crate::positions::Plan;

impl Run<'_> {
    #[allow(clippy::too_many_arguments)] // every stage's result comes together here, once
    pub(super) fn conclude(
        self,
        directory: &RunDirectory,
        judged: AllJudged,
        leads: &[LeadIn],
        self_check: SelfCheck,
        sample: Vec<Finding>,
        started_at: OffsetDateTime,
        barrier: Barrier,
    ) -> Result<RunOutcome, RunError> {
        let known = groups::Known {
            judgements: &judged.judgements,
            leads,
            remarks: &judged.remarks,
            misplaced: &judged.misplaced,
        };
        let mut groups = groups::summaries(&self.plan, &known);
        unit::add_positions(&mut groups, &judged.units);
        let still_there = match self.cancel.cancelled() {
            // A run that was stopped proves nothing, and need not know.
            Some(_) => Ok(()),
            None => resumable::check(&mut groups, self.clusters[1]),
        };
        let rows = pair_summaries(&self.plan, &judged, self.config);
        let (promises, pairs): (Vec<Promise<'_>>, Vec<PairSummary>) = rows.into_iter().unzip();
        let totals = Counts::sum(&pairs);
        let mut unread: Vec<String> = pairs.iter().flat_map(|pair| pair.remarks.clone()).collect();
        match uncompared::uncompared(&self.plan, self.clusters) {
            Ok(sentences) => unread.extend(sentences),
            Err(error) => {
                unread.push(format!("whether partitions were added meanwhile is not known: {error}"))
            }
        }
        if let Err(error) = still_there {
            unread.push(format!("whether the resume offsets are still on the target is not known: {error}"));
        }
        let (findings, compacted_or_dropped) = by_rule(&promises, &pairs);
        let results = Results {
            findings,
            compacted_or_dropped,
            records: [totals.source_records, totals.target_records],
            pending: totals.pending,
            unverifiable: totals.unverifiable,
            unread,
            groups: &groups,
            members_unknown: self.plan.members_unknown > 0,
            conditional: self.conditional,
            self_check_failed: (!self_check.passed && !self_check.planted.is_empty())
                .then(|| format!("planted {:?}, found {:?}", self_check.planted, self_check.found)),
        };
        let mut decision = decide(&results);
        let mut state = RunState::Complete;
        if let Some(code) = self.cancel.cancelled() {
            state = RunState::Partial;
            decision.exit_code = code;
            decision.reasons.insert(0, "stopped before the end: what was not read is not judged".to_owned());
            if decision.verdict == Verdict::Match {
                decision.verdict = Verdict::Inconclusive;
            }
        }
        decision.reasons.extend(self.schema_remarks.iter().cloned());
        decision.reasons.extend(self.plan.remarks.iter().cloned());
        if !self_check.detail.is_empty() && totals.source_records + totals.target_records > 0 {
            decision.reasons.push(format!("the run did not fully test itself: {}", self_check.detail));
        }
        let [source, target] = [
            (&self.config.source, &self.plan.source_cluster_id),
            (&self.config.target, &self.plan.target_cluster_id),
        ]
        .map(|(cluster, id)| ClusterSummary { alias: cluster.alias.clone(), cluster_id: id.clone() });
        let manifest = RunManifest {
            schema_version: SCHEMA_VERSION,
            cutproof_version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: directory.run_id().to_string(),
            state,
            verdict: decision.verdict,
            exit_code: decision.exit_code,
            reasons: decision.reasons,
            started_at: rfc3339(started_at),
            finished_at: rfc3339(OffsetDateTime::now_utc()),
            config_digest: self.config.digest.clone(),
            source,
            target,
            barrier,
            totals,
            records_read_to_locate: self.records_read_to_locate(),
            pairs,
            groups,
            self_check,
            files: Vec::new(),
        };
        directory.write_pairs(&manifest.pairs)?;
        directory.write_positions(&manifest.groups)?;
        directory.write_resume_offsets(&manifest.groups)?;
        write_offset_map(directory, &self.plan, &judged)?;
        directory.write_report(&manifest, &sample)?;
        let manifest = directory.finish(manifest)?;
        Ok(RunOutcome { manifest, directory: directory.path().to_owned(), sample })
    }
}

fn write_offset_map(directory: &RunDirectory, plan: &Plan, judged: &AllJudged) -> Result<(), RunError> {
    let mut writer = directory.offset_map_writer()?;
    for (pair, judgement) in plan.pairs.iter().zip(&judged.judgements) {
        let within = judgement.iter().flat_map(|judgement| {
            // A live flow was read on behind the cut: what lies there was not judged.
            judgement.alignment.runs.as_slice().iter().filter_map(|run| run.below(judgement.cut))
        });
        for run in within {
            writer.push(&OffsetRun {
                source_topic: pair.source.topic.clone(),
                source_partition: pair.source.partition,
                source_offset: run.source_offset,
                target_topic: pair.target.topic.clone(),
                target_partition: pair.target.partition,
                target_offset: run.target_offset,
                record_count: run.count,
            })?;
        }
    }
    writer.close()?;
    Ok(())
}
