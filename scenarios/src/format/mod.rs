//! What may stand in a scenario file. Parses and checks; plays nothing.

mod check;
mod expect;
mod flexible;
mod load;
mod reference;
mod scalars;
mod schema;
mod setting;
mod steps;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

pub use expect::{
    Count, Expect, FindingExpect, FindingItem, FoundAnswer, FoundWord, GroupExpect, TableRow, TotalsExpect,
};
pub use flexible::Flexible;
pub use load::{Found, find, load, load_all, parse};
pub use reference::reference;
pub use scalars::{At, Bytes, Link, Machine, Place, RecordHeaders, SideWord, Span};
pub use schema::json_schema;
pub use setting::{
    Clusters, CopierSpec, Defect, Embedded, Empty, FixedSpec, KafkaSpec, MirrorSpec, OwnCluster, OwnSpec,
    PolicyWord, RegistrySpec, ReplicatorSpec, Version, WorkloadName, WorkloadSpec,
};
pub use steps::{
    AddPartitions, AlterTopic, Begin, Commit, CreateTopic, CutOver, CutOverAt, DamageBatch, DeleteRecords,
    End, Join, LoseTail, OnTopic, Produce, ProduceRaw, RawRecord, RegisterSchema, Run, Slow, StartReplicator,
    Step, Transaction, TransactionEndWord, UntilCleaned, UntilHolds, WaitForCheckpoints, WaitUntilCopied,
};

/// A scenario file of Cutproof: a setting, what happens in it, and all that the proof must say.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Cutproof scenario")]
pub struct Scenario {
    /// Two sentences: what happens, and what the proof must say.
    pub description: String,
    /// Where it is played: `embedded` (default), `kafka` or `own`.
    #[serde(default)]
    pub clusters: Flexible<Clusters>,
    /// Schema registries, one for each side: `none` (default), `fixed` or `apicurio`.
    #[serde(default)]
    pub registry: Flexible<RegistrySpec>,
    /// Default: `copier` on embedded clusters, `mirrormaker2` on Kafka, `none` on the user's own.
    #[serde(default)]
    pub replicator: Option<Flexible<ReplicatorSpec>>,
    /// The records of the source and the groups that read them. Without it, steps make them.
    #[serde(default)]
    pub workload: Option<WorkloadSpec>,
    /// What happens, in order. Without it: produce, commit_groups, start the replicator, wait_until_copied,
    /// wait_for_checkpoints, stop the replicator, run.
    #[serde(default)]
    pub steps: Option<Vec<Flexible<Step>>>,
    /// Anything of cutproof.yaml, laid over the configuration that the player writes. Names as in this file.
    #[serde(default)]
    pub proof: serde_json::Map<String, serde_json::Value>,
    /// All that the proof must say.
    pub expect: Expect,
    /// The row of the table of what is caught.
    #[serde(default)]
    pub table: Option<TableRow>,
}

impl Scenario {
    /// The replicator, by the kind of clusters where the file names none.
    pub fn replicator(&self) -> ReplicatorSpec {
        match (&self.replicator, &self.clusters.0) {
            (Some(Flexible(given)), _) => given.clone(),
            (None, Clusters::Embedded(_)) => ReplicatorSpec::Copier(CopierSpec::default()),
            (None, Clusters::Kafka(_)) => ReplicatorSpec::Mirrormaker2(Box::default()),
            (None, Clusters::Own(_)) => ReplicatorSpec::None(Empty {}),
        }
    }

    /// The steps as they are played: those of the file or the usual ones, with a run at the end where there is none.
    pub fn steps(&self) -> Vec<Step> {
        let copied = !matches!(self.replicator(), ReplicatorSpec::None(_));
        let mut steps: Vec<Step> = match &self.steps {
            Some(steps) => steps.iter().map(|step| step.0.clone()).collect(),
            None => Step::usual(self.workload.is_some(), copied),
        };
        if !steps.iter().any(|step| matches!(step, Step::Run(_))) {
            steps.push(Step::Run(Run::default()));
        }
        steps
    }

    /// The first sentence of the description.
    pub fn first_sentence(&self) -> &str {
        let text = self.description.trim();
        let end = text
            .match_indices(['.', '!', '?'])
            .find(|(at, _)| text[at + 1..].chars().next().is_none_or(char::is_whitespace));
        end.map_or(text, |(at, _)| &text[..=at])
    }
}

/// A scenario with where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// For people and files: the path below the directory that was named, without `.yaml`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub scenario: Scenario,
}

/// A commented scenario that checks and plays, for `scenario new`.
pub fn template() -> &'static str {
    include_str!("template.yaml")
}

#[cfg(test)]
mod tests;
