//! One function for each step, and one that knows them all. Judges nothing.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cutproof::cancel::CancelToken;
use cutproof::monitor::Monitor;
use cutproof_testcontainers::{
    Commit as OffsetCommit, Error, Isolation, Member, OpenTransaction, PlainRead, PlainRecord, Result,
    TransactionEnd, add_partitions, alter_topic, commit_offsets, delete_records, delete_topic, log_ends,
    read_from, wait,
};

use super::planting::{SourceTopic, dropped, plant};
use super::replicator::Replicator;
use super::stage::{Registries, Stage, schema_text};
use super::workload::plain;
use super::{cut_over, prove, segment};
use crate::error::ScenarioError;
use crate::format::{
    Begin, Commit, DeleteRecords, Machine, ProduceRaw, RawRecord, SideWord, Span, Step, Transaction,
    TransactionEndWord, UntilCleaned, UntilHolds,
};
use crate::staging::carried;

/// How long anything is waited for where the file does not say.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a step may need beside the stage.
pub struct Around<'a> {
    /// Stops the scenario.
    pub cancel: &'a CancelToken,
    /// Told of the proof's progress.
    pub monitor: &'a dyn Monitor,
}

/// Does it.
pub fn perform(stage: &mut Stage<'_>, step: &Step, around: &Around<'_>) -> Result<(), ScenarioError> {
    if around.cancel.cancelled().is_some() {
        return Err(ScenarioError::Stopped);
    }
    match step {
        Step::Run(run) => prove::prove(stage, run, around),
        Step::CutOver(cut_over) => {
            cut_over::cut_over(stage, cut_over.at).map_err(|error| ScenarioError::step(step.word(), error))
        }
        other => simple(stage, other).map_err(|error| ScenarioError::step(step.word(), error)),
    }
}

fn simple(stage: &mut Stage<'_>, step: &Step) -> Result<()> {
    match step {
        Step::CreateTopic(create) => {
            let config: Vec<(&str, &str)> =
                create.config.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            stage.create(create.on, &create.topic, create.partitions, &config)
        }
        Step::Produce(produce) => stage.produce_workload(&produce.topics, produce.per_partition),
        Step::ProduceRaw(raw) => produce_raw(stage, raw),
        Step::Commit(commit) => commit_one(stage, commit),
        Step::CommitGroups(_) => commit_groups(stage),
        Step::Start(machine) => start(stage, *machine),
        Step::StartReplicator(start) => {
            let names = stage.names.clone();
            stage.replicator.start(&names, &start.properties)
        }
        Step::Stop(Machine::Replicator) => {
            stage.replicator.stop();
            Ok(())
        }
        Step::Kill(Machine::Replicator) => {
            stage.replicator.kill();
            Ok(())
        }
        Step::Stop(Machine::Node(side, node)) => stage.ground.kafka_mut(*side)?.stop_node(*node),
        Step::Kill(Machine::Node(side, node)) => stage.ground.kafka_mut(*side)?.kill_node(*node),
        Step::Restart(machine) => {
            simple(stage, &Step::Kill(*machine))?;
            start(stage, *machine)
        }
        Step::Cut(link) => {
            stage.ground.kafka(link.side())?.network()?.cut();
            Ok(())
        }
        Step::Slow(slow) => {
            let network = stage.ground.kafka(slow.link.side())?.network()?;
            let delay = slow.delay.map_or(0, |delay| delay.0.as_millis());
            network.delay(u64::try_from(delay).unwrap_or(u64::MAX));
            network.bandwidth(slow.bytes_per_second.map_or(0, NonZeroU64::get));
            Ok(())
        }
        Step::Heal(link) => {
            let network = stage.ground.kafka(link.side())?.network()?;
            network.delay(0);
            network.bandwidth(0);
            network.heal();
            Ok(())
        }
        Step::WaitUntilCopied(until) => wait_until_copied(stage, patience(until.patience)),
        Step::WaitUntilHolds(until) => wait_until_holds(stage, until),
        Step::WaitUntilCleaned(until) => wait_until_cleaned(stage, until),
        Step::WaitForCheckpoints(of) => wait_for_checkpoints(stage, &of.groups, patience(of.patience)),
        Step::Wait(span) => {
            std::thread::sleep(span.0);
            Ok(())
        }
        Step::DeleteRecords(delete) => delete_before(stage, delete),
        Step::DeleteTopic(topic) => {
            let name = stage.names.topic(topic.on, &topic.topic);
            delete_topic(&stage.ground.bootstrap(topic.on), &name)
        }
        Step::RecreateTopic(topic) => recreate(stage, topic.on, &topic.topic),
        Step::AddPartitions(add) => {
            let name = stage.names.topic(add.on, &add.topic);
            add_partitions(&stage.ground.bootstrap(add.on), &name, add.partitions)?;
            stage.partitions.insert((add.on, add.topic.clone()), add.partitions);
            if let Some(log) = stage.source_log.get_mut(&add.topic).filter(|_| add.on == SideWord::Source) {
                log.resize(usize::try_from(add.partitions).unwrap_or(0), Vec::new());
            }
            Ok(())
        }
        Step::AlterTopic(alter) => {
            let mut config: Vec<(&str, &str)> =
                alter.config.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            // As when it was made: timestamps of workloads are old.
            if !alter.config.contains_key("retention.ms") {
                config.push(("retention.ms", "-1"));
            }
            let name = stage.names.topic(alter.on, &alter.topic);
            alter_topic(&stage.ground.bootstrap(alter.on), &name, &config)
        }
        Step::RegisterSchema(register) => match &stage.registries {
            Registries::Real(both) => {
                let schema = schema_text(&register.schema);
                both[register.on as usize].register(&register.subject, &schema).map(drop)
            }
            _ => Err(Error::Misuse("there is no registry that takes schemas".to_owned())),
        },
        Step::Join(join) => {
            let (group, topic) = (stage.names.group(&join.group), stage.names.topic(join.on, &join.topic));
            stage.members.push(Member::join(&stage.ground.bootstrap(join.on), &group, &topic)?);
            Ok(())
        }
        Step::DamageBatch(batch) => {
            let log = log_file(stage, batch.on, &batch.topic, batch.partition)?;
            segment::damage(&log, batch.offset)
        }
        Step::LoseTail(tail) => {
            if stage.ground.kafka(tail.on)?.process_id(1)?.is_some() {
                return Err(Error::Misuse(format!("kill {}-1 first: it would write on", tail.on)));
            }
            let log = log_file(stage, tail.on, &tail.topic, tail.partition)?;
            segment::lose_from(&log, tail.from)
        }
        Step::Transaction(transaction) => whole_transaction(stage, transaction),
        Step::BeginTransaction(begin) => begin_transaction(stage, begin),
        Step::CommitTransaction(end) => end_transaction(stage, &end.id, TransactionEnd::Commit),
        Step::AbortTransaction(end) => end_transaction(stage, &end.id, TransactionEnd::Abort),
        Step::Run(_) | Step::CutOver(_) => Err(Error::Misuse("is no simple step".to_owned())),
    }
}

/// The first segment of a partition's log; scenarios are too small for a second one.
fn log_file(stage: &Stage<'_>, side: SideWord, topic: &str, partition: i32) -> Result<PathBuf> {
    let name = format!("{}-{partition}", stage.names.topic(side, topic));
    Ok(stage.ground.kafka(side)?.data_dir(1)?.join(name).join("00000000000000000000.log"))
}

fn patience(span: Option<Span>) -> Duration {
    span.map_or(PATIENCE, |span| span.0)
}

fn start(stage: &mut Stage<'_>, machine: Machine) -> Result<()> {
    match machine {
        Machine::Replicator => {
            let names = stage.names.clone();
            stage.replicator.start(&names, &Default::default())
        }
        Machine::Node(side, node) => stage.ground.kafka_mut(side)?.start_node(node),
    }
}

/// Entries in order; neighbours of one topic in one go.
fn produce_raw(stage: &mut Stage<'_>, raw: &ProduceRaw) -> Result<()> {
    for entries in raw.records.chunk_by(|one, other| one.topic == other.topic) {
        let records = all(entries, &mut stage.clock);
        stage.produce(raw.on, &entries[0].topic, records)?;
    }
    Ok(())
}

fn all(entries: &[RawRecord], clock: &mut i64) -> Vec<PlainRecord> {
    entries.iter().flat_map(|entry| plain(entry, clock)).collect()
}

fn commit_one(stage: &mut Stage<'_>, commit: &Commit) -> Result<()> {
    let Commit { group, topic, partition, offset, on } = commit;
    let name = stage.names.topic(*on, topic);
    let ends = log_ends(&stage.ground.bootstrap(*on), &name)?;
    let offsets = (0..)
        .zip(ends)
        .filter(|(number, _)| partition.is_none_or(|partition| partition == *number))
        .map(|(number, ends)| ((topic.clone(), number), offset.resolve(ends.start, ends.end)));
    let offsets: Vec<((String, i32), i64)> = offsets.collect();
    if offsets.is_empty() {
        return Err(Error::Misuse(format!("{topic} has no partition {}", partition.unwrap_or(0))));
    }
    write_commits(stage, *on, group, offsets)
}

fn commit_groups(stage: &mut Stage<'_>) -> Result<()> {
    let groups = stage.workload.as_ref().map(|workload| workload.groups.clone()).unwrap_or_default();
    for group in groups {
        let offsets = group.commits.iter().map(|commit| {
            let produced = stage.produced.get(&commit.topic);
            // No further than there is something to read.
            let there = produced.and_then(|all| all.get(commit.partition as usize)).copied().unwrap_or(0);
            ((commit.topic.clone(), commit.partition), commit.next_record.min(there) as i64)
        });
        let offsets = offsets.collect();
        write_commits(stage, SideWord::Source, &group.group, offsets)?;
    }
    Ok(())
}

fn write_commits(
    stage: &mut Stage<'_>,
    side: SideWord,
    group: &str,
    offsets: Vec<((String, i32), i64)>,
) -> Result<()> {
    let commits: Vec<OffsetCommit> = offsets
        .iter()
        .map(|((topic, partition), offset)| {
            OffsetCommit::new(&stage.names.topic(side, topic), *partition, *offset)
        })
        .collect();
    commit_offsets(&stage.ground.bootstrap(side), &stage.names.group(group), &commits)?;
    if side == SideWord::Source {
        stage.commits.entry(group.to_owned()).or_default().extend(offsets);
    }
    Ok(())
}

fn wait_until_copied(stage: &mut Stage<'_>, patience: Duration) -> Result<()> {
    let topics: Vec<String> = source_topics(stage);
    if matches!(stage.replicator, Replicator::Copier { .. }) {
        return copy(stage, &topics);
    }
    let names: Vec<String> = topics.iter().map(|topic| stage.names.topic(SideWord::Source, topic)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let header = match stage.scenario.replicator() {
        crate::format::ReplicatorSpec::Mirrormaker2(mirror) => mirror.drop_records_with_header,
        _ => None,
    };
    match &mut stage.replicator {
        Replicator::Mirror { process: Some(process), .. } => {
            process.wait_until_copied_except(&names, patience, |record| {
                header.as_ref().is_some_and(|header| has_header(record, header))
            })
        }
        _ => Err(Error::Misuse("the replicator was not started; `start: replicator` comes first".to_owned())),
    }
}

fn has_header(record: &PlainRead, header: &str) -> bool {
    record.headers.iter().any(|(name, _)| name == header)
}

fn source_topics(stage: &Stage<'_>) -> Vec<String> {
    let topics = stage.partitions.keys().filter(|(side, _)| *side == SideWord::Source);
    topics.map(|(_, topic)| topic.clone()).collect()
}

fn copy(stage: &mut Stage<'_>, topics: &[String]) -> Result<()> {
    let Replicator::Copier { spec, .. } = &stage.replicator else { return Ok(()) };
    let spec = spec.clone();
    let first = !std::mem::replace(&mut stage.planted, true);
    let mut target = if first && !spec.defects.is_empty() { Some(plantation(stage, topics)?) } else { None };
    for (index, topic) in topics.iter().enumerate() {
        let name = stage.names.topic(SideWord::Source, topic);
        let Replicator::Copier { copier, .. } = &mut stage.replicator else { return Ok(()) };
        let mut gone = Vec::new();
        copier.copy_topic_with(&name, |read| match (&mut target, &spec.drop_records_with_header) {
            (Some(target), _) => carried(read, &std::mem::take(&mut target[index])),
            (None, None) => regular(read),
            (None, Some(header)) => {
                let kept = (0..).zip(read).map(|(partition, records)| {
                    let (drop, keep): (Vec<_>, Vec<_>) =
                        records.into_iter().partition(|record| has_header(record, header));
                    gone.extend(drop.iter().map(|record| dropped(topic, partition, record.offset)));
                    keep
                });
                regular(kept.collect())
            }
        })?;
        stage.derived.extend(gone);
    }
    Ok(())
}

fn regular(read: Vec<Vec<PlainRead>>) -> Vec<cutproof_testcontainers::Carried> {
    (0..)
        .zip(read)
        .flat_map(|(partition, records)| {
            records
                .into_iter()
                .map(move |record| cutproof_testcontainers::Carried::copy_of(record, partition))
        })
        .collect()
}

/// What each topic's copy will hold; notes what must be found.
fn plantation(
    stage: &mut Stage<'_>,
    topics: &[String],
) -> Result<Vec<Vec<Vec<cutproof_fixtures::FixtureRecord>>>> {
    let Replicator::Copier { spec, .. } = &stage.replicator else { return Ok(Vec::new()) };
    let kinds: Vec<_> = spec.defects.iter().map(|defect| defect.0).collect();
    let source: Vec<SourceTopic> = topics
        .iter()
        .map(|topic| {
            let records = stage.source_log.get(topic).cloned().unwrap_or_default();
            let partitions = 0..i32::try_from(records.len()).unwrap_or(0);
            let copy = stage.names.copy_of(topic);
            let read = partitions.clone().map(|partition| {
                let committed =
                    stage.commits.values().filter_map(|group| group.get(&(topic.clone(), partition)));
                committed.min().map_or(0, |offset| usize::try_from(*offset).unwrap_or(0))
            });
            let before =
                partitions.map(|partition| stage.rogue.get(&(copy.clone(), partition)).copied().unwrap_or(0));
            let compacted = stage
                .workload
                .as_ref()
                .and_then(|workload| workload.topic(topic))
                .is_some_and(|fixture| fixture.compacted);
            SourceTopic {
                name: topic.clone(),
                compacted,
                records,
                read: read.collect(),
                before: before.collect(),
                copy,
            }
        })
        .collect();
    let planted = plant(&kinds, stage.seed, &source).map_err(Error::Misuse)?;
    stage.derived.extend(planted.findings);
    Ok(planted.target)
}

fn wait_until_holds(stage: &Stage<'_>, until: &UntilHolds) -> Result<()> {
    let name = stage.names.topic(until.on, &until.topic);
    let bootstrap = stage.ground.bootstrap(until.on);
    let patience = patience(until.patience);
    let begun = Instant::now();
    loop {
        // A topic that is not there yet holds nothing.
        let held = log_ends(&bootstrap, &name)
            .map_or(0, |ends| ends.iter().map(|ends| ends.end - ends.start).sum::<i64>());
        if held >= until.records {
            return Ok(());
        }
        if begun.elapsed() >= patience {
            return Err(Error::Timeout {
                what: format!("{} records in {} of the {}", until.records, until.topic, until.on),
                waited_seconds: patience.as_secs(),
                detail: format!(": it holds {held}"),
            });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_until_cleaned(stage: &Stage<'_>, until: &UntilCleaned) -> Result<()> {
    let UntilCleaned { topic, on, records, patience: span } = until;
    let name = stage.names.topic(*on, topic);
    let partitions = log_ends(&stage.ground.bootstrap(*on), &name)?.len();
    let what = format!("a cleaner that leaves {records} records of {topic} of the {on}");
    wait::until(&what, patience(*span), || {
        let left = (0..i32::try_from(partitions).unwrap_or(0))
            .try_fold(0, |left, partition| Ok(left + read_partition(stage, *on, topic, partition, 0)?.len()));
        match left.map_err(|error: Error| error.to_string())? {
            left if left <= *records => Ok(()),
            left => Err(format!("it holds {left}")),
        }
    })
}

fn wait_for_checkpoints(stage: &mut Stage<'_>, groups: &[String], patience: Duration) -> Result<()> {
    let groups: Vec<String> =
        if groups.is_empty() { stage.commits.keys().cloned().collect() } else { groups.to_vec() };
    let names: Vec<String> = groups.iter().map(|group| stage.names.group(group)).collect();
    if let Replicator::Copier { copier, .. } = &mut stage.replicator {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return copier.write_checkpoints(&names).map(drop);
    }
    for (group, name) in groups.iter().zip(&names) {
        let mut partitions = Vec::new();
        for (topic, partition) in stage.commits.get(group).into_iter().flat_map(|commits| commits.keys()) {
            let topic = stage.names.topic(SideWord::Source, topic);
            let ends = log_ends(&stage.ground.bootstrap(SideWord::Source), &topic)?;
            // Nothing was copied of an empty partition, so nothing is translated there.
            if ends.get(*partition as usize).is_some_and(|ends| ends.end > 0) {
                partitions.push((topic, *partition));
            }
        }
        let partitions: Vec<(&str, i32)> =
            partitions.iter().map(|(topic, partition)| (topic.as_str(), *partition)).collect();
        match &mut stage.replicator {
            Replicator::Mirror { process: Some(process), .. } => {
                process.wait_for_checkpoints(name, &partitions, patience)?;
            }
            _ => return Err(Error::Misuse("the replicator was not started".to_owned())),
        }
    }
    Ok(())
}

fn delete_before(stage: &Stage<'_>, delete: &DeleteRecords) -> Result<()> {
    let DeleteRecords { on, topic, partition, before } = delete;
    let name = stage.names.topic(*on, topic);
    let bootstrap = stage.ground.bootstrap(*on);
    for (number, ends) in (0..).zip(log_ends(&bootstrap, &name)?) {
        if partition.is_none_or(|partition| partition == number) {
            delete_records(&bootstrap, &name, number, before.resolve(ends.start, ends.end))?;
        }
    }
    Ok(())
}

/// The broker still holds the name for a moment after the deletion.
fn recreate(stage: &mut Stage<'_>, side: SideWord, topic: &str) -> Result<()> {
    let bootstrap = stage.ground.bootstrap(side);
    let name = stage.names.topic(side, topic);
    let partitions = match stage.partitions.get(&(side, topic.to_owned())) {
        Some(partitions) => *partitions,
        // Made by the replicator.
        None => i32::try_from(log_ends(&bootstrap, &name)?.len()).unwrap_or(1),
    };
    delete_topic(&bootstrap, &name)?;
    let what = format!("topic {topic} of the {side} again");
    wait::until(&what, PATIENCE, || {
        stage.create_named(side, &name, partitions, &[]).map_err(|error| error.to_string())
    })?;
    if side == SideWord::Source {
        stage.source_log.insert(topic.to_owned(), vec![Vec::new(); partitions as usize]);
    }
    Ok(())
}

fn whole_transaction(stage: &mut Stage<'_>, transaction: &Transaction) -> Result<()> {
    let Transaction { on, id, end, records } = transaction;
    begin_transaction(stage, &Begin { on: *on, id: id.clone(), records: records.clone() })?;
    let end = match end {
        TransactionEndWord::Commit => TransactionEnd::Commit,
        TransactionEndWord::Abort => TransactionEnd::Abort,
    };
    end_transaction(stage, id, end)
}

fn begin_transaction(stage: &mut Stage<'_>, begin: &Begin) -> Result<()> {
    let records = all(&begin.records, &mut stage.clock);
    let topic = stage.names.topic(begin.on, &begin.records[0].topic);
    let id = format!("{}{}", stage.names.tag(), begin.id);
    let transaction = OpenTransaction::begin(&stage.ground.bootstrap(begin.on), &topic, &id)?;
    transaction.produce(records)?;
    stage.transactions.insert(begin.id.clone(), transaction);
    Ok(())
}

fn end_transaction(stage: &mut Stage<'_>, id: &str, end: TransactionEnd) -> Result<()> {
    match stage.transactions.remove(id) {
        Some(transaction) => transaction.end(end),
        None => Err(Error::Misuse(format!("there is no open transaction {id}"))),
    }
}

/// All of a partition that a reader of committed records gets.
pub fn read_partition(
    stage: &Stage<'_>,
    side: SideWord,
    topic: &str,
    partition: i32,
    from: i64,
) -> Result<Vec<PlainRead>> {
    let name = stage.names.topic(side, topic);
    read_from(&stage.ground.bootstrap(side), &name, partition, from, Isolation::ReadCommitted)
}
