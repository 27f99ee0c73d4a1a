//! Who takes part in a scenario, known before it is played: topics of both sides, groups. Talks to no cluster.

use std::collections::BTreeSet;
use std::path::Path;

use cutproof_fixtures::workloads::Workload;

use super::Names;
use super::workload::{self, SCHEMA_ID};
use crate::format::{PolicyWord, ReplicatorSpec, Scenario, SideWord, Step, WorkloadSpec};

/// Topics and groups, by the names of the file.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Its topics and groups are those of what is played; its records are not.
    workload: Option<Workload>,
    topics: [BTreeSet<String>; 2],
    /// Groups that commit on either side.
    pub groups: BTreeSet<String>,
}

impl Cast {
    /// Reads the workload's file, if it has one, in `directory`.
    ///
    /// # Errors
    /// If that file is wrong, or no workload is named.
    pub fn of(scenario: &Scenario, directory: &Path) -> Result<Self, String> {
        let workload = scenario
            .workload
            .as_ref()
            .map(|spec| {
                let small = WorkloadSpec { records: spec.records.min(1), ..spec.clone() };
                workload::build(&small, spec.seed, directory, SCHEMA_ID)
            })
            .transpose()?;
        let mut cast = Self { workload, topics: Default::default(), groups: BTreeSet::new() };
        if let Some(workload) = &cast.workload {
            let names = workload.topics.iter().map(|topic| topic.name.clone());
            cast.topics[SideWord::Source as usize].extend(names);
        }
        for step in &scenario.steps() {
            cast.step(step);
        }
        let names = Names::untagged(scenario);
        let copied = !matches!(scenario.replicator(), ReplicatorSpec::None(_))
            || names.policy() == PolicyWord::Default;
        if copied {
            let copies: Vec<String> = cast.topics[0].iter().map(|topic| names.copy_of(topic)).collect();
            cast.topics[SideWord::Target as usize].extend(copies);
        }
        Ok(cast)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::CreateTopic(create) => {
                self.topics[create.on as usize].insert(create.topic.clone());
            }
            Step::Join(join) => {
                self.groups.insert(join.group.clone());
            }
            Step::Commit(commit) => {
                self.groups.insert(commit.group.clone());
            }
            Step::CommitGroups(_) => {
                let groups = self.workload.iter().flat_map(|workload| &workload.groups);
                self.groups.extend(groups.map(|group| group.group.clone()));
            }
            Step::Run(run) => {
                for step in &run.meanwhile {
                    self.step(step);
                }
            }
            _ => {}
        }
    }

    /// The topics of a side.
    pub fn topics(&self, side: SideWord) -> &BTreeSet<String> {
        &self.topics[side as usize]
    }
}
