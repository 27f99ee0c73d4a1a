//! Explains every finding and writes it, and keeps the first ones of each kind. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use cutproof_reports::{Finding, FindingKind, RunDirectory};

use super::budget::{Budget, EXPLAINED_FIRST};
use super::explain::Explainer;
use super::judge::AllJudged;
use super::{Run, RunError, meaning, unit};
use crate::positions::PairPlan;
use crate::record::DecodeMode;

/// Findings of each kind that the report shows.
const SAMPLE_OF_KIND: usize = 20;

impl Run<'_> {
    /// Explains every finding and writes it: of each pair and unit with few at first, as nothing is known of the size of
    /// its records. Returns the first ones of each kind.
    pub(super) fn report_findings(
        &mut self,
        judged: &mut AllJudged,
        schema_ids: &[BTreeSet<u32>],
        directory: &RunDirectory,
    ) -> Result<Vec<Finding>, RunError> {
        self.monitor.stage("report");
        let mut writer = directory.findings_writer()?;
        let mut finding_id = 0;
        let mut sample = Vec::new();
        let mut kept: BTreeMap<FindingKind, usize> = BTreeMap::new();
        let pairs: Vec<&PairPlan> = self.plan.pairs.iter().collect();
        let [source_registry, target_registry] = self.registries();
        let mut explainer = Explainer {
            readers: &mut self.readers,
            decoder: &mut self.decoder,
            hasher: &self.hasher,
            both_registries: source_registry && target_registry,
            seed: self.seed,
            budget: Budget { memory: self.config.limits.memory_bytes },
            together: EXPLAINED_FIRST,
        };
        let AllJudged { judgements, misplaced, units, remarks, .. } = judged;
        let mut emit = |finding: Finding| {
            let finding = Finding { finding_id, ..finding };
            finding_id += 1;
            writer.push(&finding)?;
            let kept = kept.entry(finding.kind).or_default();
            if *kept < SAMPLE_OF_KIND {
                *kept += 1;
                sample.push(finding);
            }
            Ok(())
        };
        for at in 0..pairs.len() {
            explainer.together = EXPLAINED_FIRST;
            let undecided = explainer.explain(&pairs, judgements, at, misplaced, &mut emit)?;
            remarks[at].extend(undecided);
            let decode = pairs[at].contract.decode;
            // With `decode: all` a target without a registry is asked too: it knows of no record.
            let asks = decode == DecodeMode::All || (target_registry && decode != DecodeMode::None);
            if let Some(judgement) = judgements[at].as_mut().filter(|_| asks) {
                let Explainer { readers, decoder, hasher, .. } = &mut explainer;
                let agreement = match source_registry && target_registry {
                    true => meaning::agreement(decoder, pairs[at], &schema_ids[at]),
                    false => meaning::Agreement::default(),
                };
                let mut look = meaning::Look { readers, decoder, hasher };
                let looked = meaning::read_matched(&mut look, pairs[at], judgement, &agreement, &mut emit)?;
                remarks[at].extend(looked.unknown);
                self.schema_remarks.extend(agreement.remarks);
                self.schema_remarks.extend(looked.notes);
            }
        }
        for (unit, judged) in units {
            explainer.together = EXPLAINED_FIRST;
            unit::explain(&mut explainer, unit, judged, &mut emit)?;
            if unit.plan.contract.decode == DecodeMode::All {
                let Explainer { readers, decoder, hasher, .. } = &mut explainer;
                let mut look = meaning::Look { readers, decoder, hasher };
                self.schema_remarks.extend(unit::decode_matched(&mut look, unit, judged, &mut emit)?);
            }
            if target_registry && source_registry && unit.plan.contract.decode != DecodeMode::None {
                let agreement = unit::agreement(explainer.decoder, unit, judged);
                self.schema_remarks.extend(agreement.remarks);
            }
        }
        writer.close()?;
        Ok(sample)
    }
}
