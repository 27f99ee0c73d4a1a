//! Whether a scenario makes sense: a list of what does not, each with its place and what to write instead.

use std::collections::BTreeSet;
use std::path::Path;

use super::{
    Clusters, Expect, FindingItem, FoundWord, Link, Machine, RawRecord, RegistrySpec, ReplicatorSpec,
    Scenario, SideWord, Step,
};
use crate::player::{Addresses, Cast, Names, proof_config};

/// Everything that is wrong; empty if nothing is. `directory`: of the file.
pub(super) fn problems(scenario: &Scenario, directory: &Path) -> Vec<String> {
    let mut all = Vec::new();
    if sentences(&scenario.description) < 2 {
        all.push("description: write two sentences: what happens, and what the proof must say".to_owned());
    }
    setting(scenario, &mut all);
    expectation(scenario, &mut all);
    match Cast::of(scenario, directory) {
        Ok(cast) => {
            steps(scenario, &cast, &mut all);
            proof(scenario, &cast, directory, &mut all);
        }
        Err(problem) => all.push(problem),
    }
    all
}

fn sentences(text: &str) -> usize {
    let ends = |word: &&str| word.trim_end_matches(['"', '\'', ')']).ends_with(['.', '!', '?']);
    text.split_whitespace().filter(ends).count()
}

fn setting(scenario: &Scenario, all: &mut Vec<String>) {
    let replicator = scenario.replicator();
    match (&scenario.clusters.0, &replicator) {
        (Clusters::Embedded(_), ReplicatorSpec::Mirrormaker2(_)) => all.push(
            "replicator: mirrormaker2 needs real brokers; write `clusters: kafka`, or `replicator: copier`"
                .into(),
        ),
        (Clusters::Kafka(spec), _) if ![1, 3].contains(&spec.nodes) => {
            all.push(format!("clusters.kafka.nodes: {} is not 1 or 3", spec.nodes));
        }
        _ => {}
    }
    if let ReplicatorSpec::Copier(copier) = &replicator
        && !copier.defects.is_empty()
        && scenario.workload.as_ref().is_none_or(|workload| workload.records == 0)
    {
        all.push("replicator.copier.defects: there is no workload to plant them into".into());
    }
}

fn expectation(scenario: &Scenario, all: &mut Vec<String>) {
    let Expect { exit_code, verdict, findings, groups, totals: _, reasons, error } = &scenario.expect;
    let says_result = verdict.is_some() || findings.is_some() || !groups.is_empty() || !reasons.is_empty();
    match (error, findings) {
        (Some(_), _) if says_result => {
            all.push("expect: a proof that ends with an error says nothing else; remove either".into());
        }
        (Some(text), _) if text.trim().is_empty() => all.push("expect.error: is empty".into()),
        (Some(_), _) => {}
        (None, None) => all.push(
            "expect: names no findings; write all of them, `findings: []` for none, or `error: ...` where the proof must \
             refuse to run"
                .into(),
        ),
        (None, Some(_)) if exit_code.is_none() && verdict.is_none() => {
            all.push("expect: names neither exit_code nor verdict".into());
        }
        (None, Some(_)) => {}
    }
    for (index, group) in groups.iter().enumerate() {
        let super::GroupExpect {
            group: _,
            topic: _,
            partition: _,
            state,
            scorecard,
            skip,
            replay,
            missing,
            resume,
            image,
        } = group;
        let said = state.is_some()
            || scorecard.is_some()
            || [skip, replay, missing].iter().any(|count| count.is_some())
            || resume.is_some()
            || image.is_some();
        if !said {
            all.push(format!(
                "expect.groups[{index}]: says nothing about {}; add state, skip, replay, missing, scorecard, resume or image",
                group.group
            ));
        }
    }
    let plants = match scenario.replicator() {
        ReplicatorSpec::Copier(copier) => {
            !copier.defects.is_empty() || copier.drop_records_with_header.is_some()
        }
        ReplicatorSpec::None(_) | ReplicatorSpec::Mirrormaker2(_) => false,
    };
    let planted = findings.iter().flatten().any(|item| matches!(item, FindingItem::Word(FoundWord::Planted)));
    if planted && !plants {
        all.push("expect.findings: `planted` needs a copier with defects or drop_records_with_header".into());
    }
}

/// One step, with its place in the file.
struct Placed<'a> {
    at: String,
    step: &'a Step,
}

fn steps(scenario: &Scenario, cast: &Cast, all: &mut Vec<String>) {
    let steps = scenario.steps();
    let mut placed = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        placed.push(Placed { at: format!("steps[{index}].{}", step.word()), step });
        if let Step::Run(run) = step {
            for (inner, step) in run.meanwhile.iter().enumerate() {
                let at = format!("steps[{index}].run.meanwhile[{inner}].{}", step.word());
                if matches!(step.0, Step::Run(_) | Step::CutOver(_)) {
                    all.push(format!("{at}: can't be done while the proof runs"));
                }
                placed.push(Placed { at, step });
            }
        }
    }
    let runs: Vec<usize> =
        (0..).zip(&steps).filter(|(_, step)| matches!(step, Step::Run(_))).map(|(index, _)| index).collect();
    if let [_, second, ..] = runs[..] {
        all.push(format!("steps[{second}].run: the proof runs once"));
    }
    for (index, _) in steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::CutOver(_))) {
        if runs.iter().all(|run| *run > index) {
            all.push(format!("steps[{index}].cut_over: comes after `run`"));
        }
    }
    links(&placed, all);
    for placed in &placed {
        one_step(scenario, cast, placed, all);
    }
}

/// Each cluster has one network in front of it.
fn links(placed: &[Placed], all: &mut Vec<String>) {
    let mut used: Vec<Link> = Vec::new();
    for Placed { at, step } in placed {
        let link = match step {
            Step::Cut(link) | Step::Heal(link) => *link,
            Step::Slow(slow) => slow.link,
            _ => continue,
        };
        if used.iter().any(|other| other.side() == link.side() && *other != link) {
            all.push(format!(
                "{at}: the other link of the {} is used already; one of each cluster",
                link.side()
            ));
        }
        used.push(link);
    }
}

fn one_step(scenario: &Scenario, cast: &Cast, Placed { at, step }: &Placed, all: &mut Vec<String>) {
    let embedded = matches!(scenario.clusters.0, Clusters::Embedded(_));
    let copier = matches!(scenario.replicator(), ReplicatorSpec::Copier(_));
    let mirror = matches!(scenario.replicator(), ReplicatorSpec::Mirrormaker2(_));
    let real_only = matches!(
        step,
        Step::Cut(_)
            | Step::Slow(_)
            | Step::Heal(_)
            | Step::DeleteRecords(_)
            | Step::DeleteTopic(_)
            | Step::RecreateTopic(_)
            | Step::AddPartitions(_)
            | Step::AlterTopic(_)
            | Step::Transaction(_)
            | Step::BeginTransaction(_)
            | Step::CommitTransaction(_)
            | Step::AbortTransaction(_)
            | Step::WaitUntilCleaned(_)
            | Step::Join(_)
            | Step::DamageBatch(_)
            | Step::LoseTail(_)
    );
    if real_only && embedded {
        all.push(format!("{at}: embedded clusters can't; write `clusters: kafka`"));
    }
    match step {
        Step::Cut(_) | Step::Slow(_) | Step::Heal(_) if matches!(scenario.clusters.0, Clusters::Own(_)) => {
            all.push(format!("{at}: only links to clusters that the scenario starts"));
        }
        Step::Slow(slow) if slow.delay.is_none() && slow.bytes_per_second.is_none() => {
            all.push(format!("{at}: say how slow: delay, bytes_per_second, or both"));
        }
        Step::Start(machine) | Step::Stop(machine) | Step::Kill(machine) | Step::Restart(machine) => {
            machine_step(scenario, *machine, at, all);
        }
        Step::StartReplicator(_) if !mirror => all.push(format!("{at}: only mirrormaker2 has properties")),
        Step::WaitUntilCopied(_) | Step::WaitForCheckpoints(_) if !mirror && !copier => {
            all.push(format!("{at}: there is no replicator; wait_until_holds can wait for one of your own"));
        }
        Step::Produce(_) | Step::CommitGroups(_) if scenario.workload.is_none() => {
            all.push(format!("{at}: there is no workload"));
        }
        Step::Produce(produce) => {
            for topic in &produce.topics {
                known(SideWord::Source, topic, cast, at, all);
            }
        }
        Step::ProduceRaw(raw) => records(raw.on, &raw.records, false, cast, at, all),
        Step::Transaction(transaction) => {
            records(transaction.on, &transaction.records, true, cast, at, all);
        }
        Step::BeginTransaction(begin) => records(begin.on, &begin.records, true, cast, at, all),
        Step::Commit(commit) => known(commit.on, &commit.topic, cast, at, all),
        Step::DeleteRecords(delete) => known(delete.on, &delete.topic, cast, at, all),
        Step::DeleteTopic(topic) if Names::untagged(scenario).internal(&topic.topic).is_some() => {}
        Step::DeleteTopic(topic) | Step::RecreateTopic(topic) => known(topic.on, &topic.topic, cast, at, all),
        Step::AddPartitions(add) => known(add.on, &add.topic, cast, at, all),
        Step::AlterTopic(alter) => known(alter.on, &alter.topic, cast, at, all),
        Step::Join(join) => known(join.on, &join.topic, cast, at, all),
        Step::DamageBatch(batch) => {
            known(batch.on, &batch.topic, cast, at, all);
            on_disk(scenario, at, all);
        }
        Step::LoseTail(tail) => {
            known(tail.on, &tail.topic, cast, at, all);
            on_disk(scenario, at, all);
        }
        Step::WaitUntilHolds(until) => known(until.on, &until.topic, cast, at, all),
        Step::WaitUntilCleaned(until) => known(until.on, &until.topic, cast, at, all),
        Step::RegisterSchema(_) if !matches!(scenario.registry.0, RegistrySpec::Apicurio(_)) => {
            all.push(format!("{at}: write `registry: apicurio`"));
        }
        _ => {}
    }
}

/// Where there are several brokers, the others would have what one has lost.
fn on_disk(scenario: &Scenario, at: &str, all: &mut Vec<String>) {
    if !matches!(&scenario.clusters.0, Clusters::Kafka(spec) if spec.nodes == 1) {
        all.push(format!("{at}: only on `clusters: kafka` with one broker each"));
    }
}

fn machine_step(scenario: &Scenario, machine: Machine, at: &str, all: &mut Vec<String>) {
    match (machine, &scenario.clusters.0, scenario.replicator()) {
        (Machine::Replicator, _, ReplicatorSpec::None(_)) => {
            all.push(format!("{at}: there is no replicator"));
        }
        (Machine::Replicator, _, _) => {}
        (Machine::Node(_, number), Clusters::Kafka(spec), _) => {
            if spec.shared {
                all.push(format!(
                    "{at}: other scenarios use {machine} too; write `clusters: {{kafka: {{shared: false}}}}`"
                ));
            }
            if number > spec.nodes {
                all.push(format!("{at}: there are {} brokers of each cluster", spec.nodes));
            }
        }
        (Machine::Node(..), Clusters::Embedded(_) | Clusters::Own(_), _) => {
            all.push(format!("{at}: only brokers of `clusters: kafka` can be started and stopped"));
        }
    }
}

fn records(
    side: SideWord,
    records: &[RawRecord],
    one_topic: bool,
    cast: &Cast,
    at: &str,
    all: &mut Vec<String>,
) {
    if records.is_empty() {
        all.push(format!("{at}.records: there is none"));
    }
    let topics: BTreeSet<&str> = records.iter().map(|record| record.topic.as_str()).collect();
    if one_topic && topics.len() > 1 {
        all.push(format!("{at}.records: a transaction of the player has one topic"));
    }
    for topic in topics {
        known(side, topic, cast, at, all);
    }
    if records.iter().any(|record| record.headers.iter().any(|header| header.len() != 1)) {
        all.push(format!("{at}.records: write one mapping for each header: [{{a: x}}, {{b: y}}]"));
    }
}

/// A topic that the scenario makes, or that its replicator makes on the target.
fn known(side: SideWord, topic: &str, cast: &Cast, at: &str, all: &mut Vec<String>) {
    let known = cast.topics(side);
    if known.is_empty() || known.contains(topic) {
        return;
    }
    let nearest = known
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(topic, a).total_cmp(&strsim::jaro_winkler(topic, b)))
        .map(String::as_str)
        .unwrap_or_default();
    let list: Vec<&str> = known.iter().map(String::as_str).collect();
    all.push(format!(
        "{at}: there is no topic `{topic}` on the {side}; did you mean `{nearest}`? There: {}",
        list.join(", ")
    ));
}

/// Asks the engine's own parser.
fn proof(scenario: &Scenario, cast: &Cast, directory: &Path, all: &mut Vec<String>) {
    let names = Names::untagged(scenario);
    let addresses = Addresses {
        bootstrap: ["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()],
        registries: [None, None],
    };
    let text = proof_config(scenario, &names, cast, &addresses);
    if let Err(error) = cutproof::config::parse(&text, directory) {
        // The line would be one of the text that the player writes, not of this file.
        let error = error.to_string();
        let rest = error.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
        all.push(format!("proof: {}", rest.map_or(error.as_str(), |(_, reason)| reason)));
    }
}
