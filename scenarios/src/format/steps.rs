//! What can happen in a scenario: one mapping with one key for each step. Does none of it.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bytes, Empty, Flexible, Link, Machine, Place, RecordHeaders, SideWord, Span};

/// One step. Topics and groups are named as in this file; on the target by the replicator's policy (`src.orders`).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Makes a topic on one side.
    CreateTopic(CreateTopic),
    /// Produces records of the workload to the source: all that is left, or so many more of each partition.
    Produce(Produce),
    /// Produces single records.
    ProduceRaw(ProduceRaw),
    /// Commits offsets of one group.
    Commit(Commit),
    /// Commits the workload's groups on the source, as far as the workload says.
    CommitGroups(Empty),
    /// Starts the replicator or a broker that was stopped or killed.
    Start(Machine),
    /// Starts the replicator with further properties, for good.
    StartReplicator(StartReplicator),
    /// Ends it in good order (SIGTERM).
    Stop(Machine),
    /// Ends it at once (SIGKILL).
    Kill(Machine),
    /// Kills and starts it.
    Restart(Machine),
    /// Cuts a link: connections stay, nothing passes. One link of each cluster can be used in one scenario.
    Cut(Link),
    /// Slows a link.
    Slow(Slow),
    /// Undoes cut and slow.
    Heal(Link),
    /// Waits until all that the source has now is on the target. The copier copies now.
    WaitUntilCopied(WaitUntilCopied),
    /// Waits until a topic holds so many records, e.g. to kill a replicator in the middle.
    WaitUntilHolds(UntilHolds),
    /// Waits until the cleaner has left so few records of a compacted topic. It never touches the last segment: a record
    /// whose timestamp is more than `segment.ms` later begins a new one.
    WaitUntilCleaned(UntilCleaned),
    /// Waits until groups have a checkpoint for each partition that they committed. The copier writes them now.
    WaitForCheckpoints(WaitForCheckpoints),
    /// Waits.
    Wait(Span),
    /// Deletes the records before a place, as retention would.
    DeleteRecords(DeleteRecords),
    /// Deletes a topic.
    DeleteTopic(OnTopic),
    /// Deletes a topic and makes it again, empty.
    RecreateTopic(OnTopic),
    /// Gives a topic more partitions.
    AddPartitions(AddPartitions),
    /// Sets a topic's configuration.
    AlterTopic(AlterTopic),
    /// Registers an Avro schema (registry: apicurio).
    RegisterSchema(RegisterSchema),
    /// Has a group consume a topic until the scenario ends, without committing anything.
    Join(Join),
    /// Flips a bit on disk in the record batch that holds an offset, so that no client can read the batch. One broker of
    /// each cluster only.
    DamageBatch(DamageBatch),
    /// Cuts the last records off a log on disk, as an unclean loss does, while its broker is killed. One broker of each
    /// cluster only.
    LoseTail(LoseTail),
    /// Produces records in one transaction and ends it.
    Transaction(Transaction),
    /// Begins a transaction and produces records in it; it stays open.
    BeginTransaction(Begin),
    /// Commits an open transaction.
    CommitTransaction(End),
    /// Aborts an open transaction.
    AbortTransaction(End),
    /// The proof; once. Without this step it comes last.
    Run(Run),
    /// After the proof: commits where the groups resume, reads on from there, and fails the scenario unless what is
    /// skipped and replayed is what the proof had said.
    CutOver(CutOver),
}

impl Step {
    /// What is done where the file says nothing.
    pub fn usual(workload: bool, replicator: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        if workload {
            steps.extend([Self::Produce(Produce::default()), Self::CommitGroups(Empty {})]);
        }
        if replicator {
            steps.extend([
                Self::Start(Machine::Replicator),
                Self::WaitUntilCopied(WaitUntilCopied::default()),
                Self::WaitForCheckpoints(WaitForCheckpoints::default()),
                Self::Stop(Machine::Replicator),
            ]);
        }
        steps
    }

    /// The key, as in the file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::CreateTopic(_) => "create_topic",
            Self::Produce(_) => "produce",
            Self::ProduceRaw(_) => "produce_raw",
            Self::Commit(_) => "commit",
            Self::CommitGroups(_) => "commit_groups",
            Self::Start(_) => "start",
            Self::StartReplicator(_) => "start_replicator",
            Self::Stop(_) => "stop",
            Self::Kill(_) => "kill",
            Self::Restart(_) => "restart",
            Self::Cut(_) => "cut",
            Self::Slow(_) => "slow",
            Self::Heal(_) => "heal",
            Self::WaitUntilCopied(_) => "wait_until_copied",
            Self::WaitUntilHolds(_) => "wait_until_holds",
            Self::WaitUntilCleaned(_) => "wait_until_cleaned",
            Self::WaitForCheckpoints(_) => "wait_for_checkpoints",
            Self::Wait(_) => "wait",
            Self::DeleteRecords(_) => "delete_records",
            Self::DeleteTopic(_) => "delete_topic",
            Self::RecreateTopic(_) => "recreate_topic",
            Self::AddPartitions(_) => "add_partitions",
            Self::AlterTopic(_) => "alter_topic",
            Self::RegisterSchema(_) => "register_schema",
            Self::Join(_) => "join",
            Self::DamageBatch(_) => "damage_batch",
            Self::LoseTail(_) => "lose_tail",
            Self::Transaction(_) => "transaction",
            Self::BeginTransaction(_) => "begin_transaction",
            Self::CommitTransaction(_) => "commit_transaction",
            Self::AbortTransaction(_) => "abort_transaction",
            Self::Run(_) => "run",
            Self::CutOver(_) => "cut_over",
        }
    }
}

/// A topic to make.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTopic {
    /// Its name on that side.
    pub topic: String,
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
    /// How many partitions (1).
    #[serde(default = "one_partition")]
    #[schemars(range(min = 1))]
    pub partitions: i32,
    /// Topic-level configuration, over `retention.ms: -1`.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
}

fn one_partition() -> i32 {
    1
}

/// Records of the workload.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Produce {
    /// Which of its topics (all).
    pub topics: Vec<String>,
    /// So many more records of each partition (all that are left).
    pub per_partition: Option<usize>,
}

/// A record, or several alike.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRecord {
    /// Topic on that side.
    pub topic: String,
    /// Partition (0).
    #[serde(default)]
    pub partition: i32,
    /// Key; null where it is absent. `{n}` stands for the record's number.
    #[serde(default)]
    pub key: Option<Bytes>,
    /// Value; a tombstone where it is absent. `{n}` stands for the record's number.
    #[serde(default)]
    pub value: Option<Bytes>,
    /// In order: `[{trace: abc}, {trace: null}]`.
    #[serde(default)]
    pub headers: RecordHeaders,
    /// Milliseconds since 1970 (after the workload's); further records of `count` are one apart.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub timestamp: Option<i64>,
    /// So many, from number 0 (1).
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
}

/// Records to produce as they are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProduceRaw {
    /// On which side (source); `target` is a rogue writer.
    #[serde(default)]
    pub on: SideWord,
    /// The records, in order.
    pub records: Vec<RawRecord>,
}

/// Offsets to commit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Group.
    pub group: String,
    /// Topic on that side.
    pub topic: String,
    /// Partition (each).
    #[serde(default)]
    pub partition: Option<i32>,
    /// The next record that the group reads: an offset, `head`, `head - 5`, `start`, `50%`.
    pub offset: Place,
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
}

/// Further properties for the replicator.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StartReplicator {
    /// As under `mirrormaker2: {properties}`; they win over those.
    pub properties: BTreeMap<String, String>,
}

/// A slow link.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Which.
    pub link: Link,
    /// Delay of each chunk in each direction (none).
    #[serde(default)]
    pub delay: Option<Span>,
    /// At most so many bytes a second in each direction (any number).
    #[serde(default)]
    pub bytes_per_second: Option<NonZeroU64>,
}

/// How long to wait for the copy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WaitUntilCopied {
    /// At most so long (180s).
    pub patience: Option<Span>,
}

/// How many records to wait for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UntilHolds {
    /// Topic on that side.
    pub topic: String,
    /// On which side (target).
    #[serde(default = "on_target")]
    pub on: SideWord,
    /// At least so many offsets in all its partitions together.
    pub records: i64,
    /// At most so long (180s).
    #[serde(default)]
    pub patience: Option<Span>,
}

/// How few records to wait for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UntilCleaned {
    /// Topic on that side.
    pub topic: String,
    /// On which side (target).
    #[serde(default = "on_target")]
    pub on: SideWord,
    /// At most so many records in all its partitions together.
    pub records: usize,
    /// At most so long (180s).
    #[serde(default)]
    pub patience: Option<Span>,
}

fn on_target() -> SideWord {
    SideWord::Target
}

/// Whose checkpoints to wait for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WaitForCheckpoints {
    /// Groups (all that committed on the source).
    pub groups: Vec<String>,
    /// At most so long (180s).
    pub patience: Option<Span>,
}

/// Records to delete.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteRecords {
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
    /// Topic on that side.
    pub topic: String,
    /// Partition (each).
    #[serde(default)]
    pub partition: Option<i32>,
    /// The first offset that stays.
    pub before: Place,
}

/// A topic on one side.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnTopic {
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
    /// Topic on that side.
    pub topic: String,
}

/// More partitions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPartitions {
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
    /// Topic on that side.
    pub topic: String,
    /// How many in all.
    #[schemars(range(min = 2))]
    pub partitions: i32,
}

/// Another configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlterTopic {
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
    /// Topic on that side.
    pub topic: String,
    /// All its topic-level configuration, over `retention.ms: -1`; what is not named goes back to the broker's default.
    pub config: BTreeMap<String, String>,
}

/// A member of a group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Group.
    pub group: String,
    /// Topic on that side.
    pub topic: String,
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
}

/// A batch on disk.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DamageBatch {
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
    /// Topic on that side.
    pub topic: String,
    /// Partition (0).
    #[serde(default)]
    pub partition: i32,
    /// An offset in the batch.
    pub offset: i64,
}

/// The end of a log on disk.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoseTail {
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
    /// Topic on that side.
    pub topic: String,
    /// Partition (0).
    #[serde(default)]
    pub partition: i32,
    /// The first offset that is lost; a batch must begin there.
    pub from: i64,
}

/// A schema to register.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterSchema {
    /// In whose registry (source).
    #[serde(default)]
    pub on: SideWord,
    /// Subject, e.g. `orders-value`.
    pub subject: String,
    /// Avro schema as JSON text, or the word `orders`.
    pub schema: String,
}

/// A whole transaction on the source or target.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
    /// Transactional id.
    pub id: String,
    /// How it ends.
    pub end: TransactionEndWord,
    /// Its records, all of one topic.
    pub records: Vec<RawRecord>,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionEndWord {
    /// Its records count.
    Commit,
    /// Its records stay in the log and do not count.
    Abort,
}

/// A transaction that stays open.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// On which side (source).
    #[serde(default)]
    pub on: SideWord,
    /// Transactional id.
    pub id: String,
    /// Its records, all of one topic.
    pub records: Vec<RawRecord>,
}

/// The end of an open transaction.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Transactional id.
    pub id: String,
}

/// The proof.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// As `cutproof run --conditional` (false).
    pub conditional: bool,
    /// Steps that are done while the proof runs; it is waited for at their end.
    pub meanwhile: Vec<Flexible<Step>>,
}

/// A cutover.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CutOver {
    /// Where groups resume.
    pub at: CutOverAt,
}

/// Where groups resume at a cutover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutOverAt {
    /// Where the replicator would have them resume (default).
    #[default]
    Position,
    /// Where the proof proposes: the exact image.
    Image,
}
