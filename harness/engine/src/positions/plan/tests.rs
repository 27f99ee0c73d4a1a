//! The rules of the plan, against clusters in memory.

mod origins;
mod states;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::locate::LogBounds;
use super::super::mm2::{self, Checkpoint, OffsetSync};
use super::view::{ClusterView, Glimpse, ListedGroup, SmallReader};
use super::*;
use crate::config;
use crate::kafka::{ErrorClass, KafkaError, TopicConfig};
use crate::monitor::Remembering;
use crate::record::{Isolation, OffsetRange, Record, TimestampType, TopicPartition};

/// A cluster as a plan sees it.
#[derive(Default)]
struct Fake {
    alias: String,
    id: String,
    /// Topic to the bounds of its partitions.
    topics: BTreeMap<String, Vec<(i64, i64)>>,
    commits: BTreeMap<(String, TopicPartition), i64>,
    lists_groups: bool,
    /// Whether it says who consumes.
    tells_members: bool,
    active: BTreeSet<String>,
    records: BTreeMap<TopicPartition, Vec<Record>>,
    /// Topic to `cleanup.policy`.
    policies: BTreeMap<String, String>,
    /// Whether an origin is asked that needs records.
    may_be_read: bool,
    /// By how much every log grows between the first and the second time that its bounds are asked for.
    grows: i64,
    asked: std::cell::RefCell<BTreeSet<TopicPartition>>,
    /// How often single records were read.
    reads: std::cell::Cell<usize>,
    /// How many single records that gave.
    records_given: std::cell::Cell<u64>,
    /// How often offsets of times were asked for.
    time_requests: std::cell::Cell<usize>,
    /// Whose commits were asked for, one after the other, where both clusters share the list.
    commits_of: std::rc::Rc<std::cell::RefCell<Vec<String>>>,
    /// How often it was asked who is in a group.
    member_requests: std::cell::Cell<usize>,
}

impl Fake {
    fn new(alias: &str, id: &str) -> Self {
        let (alias, id) = (alias.into(), id.into());
        Self { alias, id, lists_groups: true, tells_members: true, ..Self::default() }
    }

    fn topic(mut self, name: &str, bounds: &[(i64, i64)]) -> Self {
        self.topics.insert(name.into(), bounds.to_vec());
        self
    }

    fn cleaned(mut self, name: &str, policy: &str) -> Self {
        self.policies.insert(name.into(), policy.into());
        self
    }

    fn commit(mut self, group: &str, topic: &str, partition: i32, offset: i64) -> Self {
        self.commits.insert((group.into(), TopicPartition::new(topic, partition)), offset);
        self
    }

    fn record(mut self, topic: &str, key: Vec<u8>, value: Option<Vec<u8>>) -> Self {
        self.topics.entry(topic.into()).or_insert_with(|| vec![(0, 0)]);
        let log = self.records.entry(TopicPartition::new(topic, 0)).or_default();
        let offset = log.len() as i64;
        log.push(Record {
            offset,
            timestamp: 0,
            timestamp_type: TimestampType::CreateTime,
            key: Some(key),
            value,
            headers: Vec::new(),
        });
        self
    }

    fn checkpoint(self, group: &str, topic: &str, partition: i32, up: i64, down: i64) -> Self {
        let (key, value) = mm2::encode_checkpoint(&Checkpoint {
            group: group.into(),
            topic: topic.into(),
            partition,
            upstream_offset: up,
            downstream_offset: down,
            metadata: String::new(),
        });
        self.record("src.checkpoints.internal", key, Some(value))
    }

    fn sync(self, topic: &str, partition: i32) -> Self {
        self.synced(topic, partition, 0, 0)
    }

    fn synced(self, topic: &str, partition: i32, upstream_offset: i64, downstream_offset: i64) -> Self {
        let sync = OffsetSync { topic: topic.into(), partition, upstream_offset, downstream_offset };
        let (key, value) = mm2::encode_offset_sync(&sync);
        self.record("mm2-offset-syncs.dst.internal", key, Some(value))
    }
}

impl ClusterView for Fake {
    fn alias(&self) -> &str {
        &self.alias
    }
    fn cluster_id(&self) -> String {
        self.id.clone()
    }
    fn topics(&self) -> Result<BTreeMap<String, i32>, KafkaError> {
        Ok(self.topics.iter().map(|(name, bounds)| (name.clone(), bounds.len() as i32)).collect())
    }
    fn groups(&self) -> Result<Option<Vec<ListedGroup>>, KafkaError> {
        let names = self.commits.keys().map(|(group, _)| group).chain(&self.active);
        let is_active = |name: &String| self.tells_members.then(|| self.active.contains(name));
        let listed = names.map(|name| ListedGroup { name: name.clone(), active: is_active(name) });
        Ok(self.lists_groups.then(|| listed.collect()))
    }
    fn topic_configs(&self, topics: &[&str]) -> Result<Option<BTreeMap<String, TopicConfig>>, KafkaError> {
        let config = |(name, policy): (&String, &String)| {
            (name.clone(), TopicConfig::from([("cleanup.policy".to_owned(), policy.clone())]))
        };
        Ok(Some(
            self.policies.iter().filter(|(name, _)| topics.contains(&name.as_str())).map(config).collect(),
        ))
    }
    fn bounds(&self, partitions: &[TopicPartition], _: Isolation) -> Result<Vec<LogBounds>, KafkaError> {
        let of = |p: &TopicPartition| {
            let (start, end) = self.topics[&p.topic][p.partition as usize];
            let again = !self.asked.borrow_mut().insert(p.clone());
            LogBounds { start, end: if again { end + self.grows } else { end } }
        };
        Ok(partitions.iter().map(of).collect())
    }
    fn offsets_at(
        &self,
        partitions: &[TopicPartition],
        timestamp_ms: i64,
    ) -> Result<Vec<Option<i64>>, KafkaError> {
        let wanted: Vec<_> = partitions.iter().map(|p| (p.clone(), timestamp_ms)).collect();
        self.offsets_at_times(&wanted)
    }
    fn offsets_at_times(&self, wanted: &[(TopicPartition, i64)]) -> Result<Vec<Option<i64>>, KafkaError> {
        self.time_requests.set(self.time_requests.get() + 1);
        // Where there are no records: offset n was written at n seconds.
        let of = |(p, timestamp_ms): &(TopicPartition, i64)| {
            let at = timestamp_ms / 1000;
            let (start, end) = self.topics[&p.topic][p.partition as usize];
            match self.records.get(p) {
                Some(log) => log.iter().find(|r| r.timestamp >= *timestamp_ms).map(|r| r.offset),
                None => (at < end).then_some(at.max(start)),
            }
        };
        Ok(wanted.iter().map(of).collect())
    }
    fn has_members(&self, group: &str) -> Result<Option<bool>, KafkaError> {
        self.member_requests.set(self.member_requests.get() + 1);
        Ok(self.tells_members.then(|| self.active.contains(group)))
    }
    fn committed(
        &self,
        groups: &[String],
        partitions: &[TopicPartition],
    ) -> Result<Vec<Vec<Option<i64>>>, KafkaError> {
        if !groups.is_empty() {
            self.commits_of.borrow_mut().push(self.alias.clone());
        }
        let of = |group: &String, p: &TopicPartition| self.commits.get(&(group.clone(), p.clone())).copied();
        Ok(groups.iter().map(|group| partitions.iter().map(|p| of(group, p)).collect()).collect())
    }
    fn reader(&self, _: Isolation) -> Result<Box<dyn SmallReader + '_>, PlanError> {
        assert!(self.may_be_read, "the plan opened a reader of \"{}\"", self.alias);
        Ok(Box::new(FakeReader(self)))
    }
    fn read_all(&self, partition: &TopicPartition, visit: &mut dyn FnMut(&Record)) -> Result<(), PlanError> {
        assert!(partition.topic.ends_with("internal"), "the plan read {partition}, which is a user's");
        self.records.get(partition).into_iter().flatten().for_each(visit);
        Ok(())
    }
}

struct FakeReader<'a>(&'a Fake);

impl SmallReader for FakeReader<'_> {
    fn read(
        &mut self,
        partition: &TopicPartition,
        range: OffsetRange,
        max_records: usize,
    ) -> Result<Vec<Glimpse>, PlanError> {
        self.0.reads.set(self.0.reads.get() + 1);
        let log = self.0.records.get(partition).into_iter().flatten();
        let inside = log.filter(|r| r.offset >= range.start && r.offset < range.end);
        let given: Vec<Glimpse> = inside.take(max_records).map(Glimpse::of).collect();
        self.0.records_given.set(self.0.records_given.get() + given.len() as u64);
        Ok(given)
    }
}

fn source() -> Fake {
    Fake::new("src", "S").topic("orders", &[(100, 1100), (0, 50)]).topic("payments", &[(0, 10)])
}

fn target() -> Fake {
    Fake::new("dst", "T").topic("src.orders", &[(0, 900), (0, 50)]).topic("src.payments", &[(0, 10)])
}

fn config(rest: &str) -> ProofConfig {
    let text = format!(
        "apiVersion: cutproof/v1\nkind: Proof\nsource: {{ alias: src, bootstrap_servers: a }}\n\
         target: {{ alias: dst, bootstrap_servers: b }}\n{rest}\n"
    );
    config::parse(&text, Path::new("")).expect("a configuration")
}

fn planned(rest: &str, source: &Fake, target: &Fake) -> Result<Plan, PlanError> {
    plan_from(&config(rest), source, target, 40_000, &Remembering::default())
}

fn refusal(rest: &str, source: &Fake, target: &Fake) -> String {
    let error = planned(rest, source, target).expect_err("must be refused");
    assert_eq!(error.class(), ErrorClass::BadInput, "{error}");
    error.to_string()
}

/// `group topic-partition committed resume origin state` for every position.
fn positions(plan: &Plan) -> Vec<String> {
    let line = |group: &GroupPlan, p: &GroupPosition| {
        let pair = &plan.pairs[p.pair];
        let [committed, resume] =
            [p.committed, p.resume].map(|offset| offset.map_or("-".to_owned(), |offset| offset.to_string()));
        format!("{} {} {committed} {resume} {:?} {:?}", group.group, pair.source, p.origin, p.state)
    };
    plan.groups.iter().flat_map(|g| g.positions.iter().map(move |p| line(g, p))).collect()
}

#[test]
fn mirrormaker_2_is_planned_from_commits_and_checkpoints() {
    let source = source()
        .commit("g500", "orders", 0, 500)
        .commit("g500", "orders", 1, 20)
        .commit("g900", "orders", 0, 900)
        .commit("lost", "payments", 0, 4);
    let target = target()
        .checkpoint("g500", "src.orders", 0, 400, 300)
        .checkpoint("g500", "src.orders", 0, 500, 405)
        .checkpoint("g500", "src.orders", 1, 19, 18)
        .checkpoint("g900", "src.orders", 0, 900, 801)
        .commit("g900", "src.orders", 0, 805);
    let plan = planned("topics: { include: ['orders', 'payments'] }", &source, &target).expect("a plan");
    assert_eq!((plan.source_cluster_id.as_str(), plan.target_cluster_id.as_str()), ("S", "T"));
    assert_eq!(
        positions(&plan),
        [
            "g500 orders-0 500 405 Checkpoints Judged",
            "g500 orders-1 20 18 Checkpoints StaleCheckpoint",
            "g900 orders-0 900 805 GroupCommits Judged",
            "lost payments-0 4 - None NoOffsetSync",
        ]
    );
    let detail = |group: usize, position: usize| plan.groups[group].positions[position].detail.clone();
    assert_eq!(detail(0, 0), "MirrorMaker 2's checkpoint");
    assert!(detail(0, 1).contains("when the group was at 19, now it is 1 offset on"), "{}", detail(0, 1));
    assert!(detail(1, 0).contains("the checkpoint says 801"), "{}", detail(1, 0));
    assert!(detail(2, 0).contains("no offset-syncs topic"), "{}", detail(2, 0));

    let [orders0, orders1, payments] = &plan.pairs[..] else { panic!("{:?}", plan.pairs) };
    assert_eq!(
        (orders0.source.to_string(), orders0.target.to_string()),
        ("orders-0".into(), "src.orders-0".into())
    );
    assert_eq!((orders0.source_start, orders0.source_end, orders0.source_log_start), (500, 1100, 100));
    assert_eq!((orders0.target_log_start, orders0.target_end, orders0.target_start), (0, 900, None));
    assert_eq!((orders0.target_hint, orders0.lead_in_from), (Some(405), None));
    assert_eq!(orders0.start_reason, "the lowest committed offset, of group g500");
    assert_eq!((orders1.source_start, orders1.target_hint), (20, Some(18)));
    assert_eq!((payments.source_start, payments.target_hint), (4, None));
}

#[test]
fn a_partition_without_a_commit_is_compared_from_the_sources_log_start() {
    let source = source().commit("g", "payments", 0, 4);
    let plan = planned("", &source, &target().checkpoint("g", "src.payments", 0, 4, 4)).expect("a plan");
    assert_eq!((plan.pairs[0].source_start, plan.pairs[1].source_start), (100, 0));
    assert!(plan.pairs[0].start_reason.contains("no group has a commit"), "{}", plan.pairs[0].start_reason);
    assert_eq!(plan.pairs[2].source_start, 4);
}

#[test]
fn positions_outside_the_logs_have_a_state_and_a_way_out() {
    let source = source()
        .commit("early", "orders", 0, 40)
        .commit("late", "orders", 1, 51)
        .commit("past", "payments", 0, 3)
        .commit("deleted", "payments", 0, 4);
    let target = target()
        .topic("src.payments", &[(5, 10)])
        .checkpoint("early", "src.orders", 0, 40, 10)
        .checkpoint("late", "src.orders", 1, 51, 50)
        .checkpoint("past", "src.payments", 0, 3, 11)
        .checkpoint("deleted", "src.payments", 0, 4, 4);
    let plan = planned("", &source, &target).expect("a plan");
    assert_eq!(
        positions(&plan),
        [
            "deleted payments-0 4 4 Checkpoints BelowTargetLogStart",
            "early orders-0 40 10 Checkpoints BelowSourceLogStart",
            "late orders-1 51 50 Checkpoints BeyondSourceEnd",
            "past payments-0 3 11 Checkpoints BeyondTargetEnd",
        ]
    );
    let details: Vec<_> = plan.groups.iter().map(|g| g.positions[0].detail.as_str()).collect();
    for (detail, numbers) in details.iter().zip([["4", "5"], ["40", "100"], ["51", "50"], ["11", "10"]]) {
        assert!(numbers.iter().all(|n| detail.contains(n)), "{detail}");
    }
    assert_eq!(plan.pairs[0].source_start, 100, "clamped to what retention has left");
    assert!(plan.pairs[0].start_reason.contains("retention"), "{}", plan.pairs[0].start_reason);
    assert_eq!(plan.pairs[1].source_start, 50, "clamped to the log end");
    assert_eq!(plan.pairs[0].target_hint, None, "no group stands where the pair starts");
}

#[test]
fn without_a_checkpoint_the_offset_syncs_say_whether_the_partition_was_ever_synced() {
    let with = source().commit("g", "orders", 0, 500).commit("g", "payments", 0, 4).sync("orders", 0);
    let plan = planned("", &with, &target().checkpoint("other", "src.orders", 0, 1, 1)).expect("a plan");
    assert_eq!(
        positions(&plan),
        ["g orders-0 500 - None NoCheckpoint", "g payments-0 4 - None NoOffsetSync"]
    );
}

#[test]
fn a_checkpoint_that_was_deleted_counts_no_more_and_an_unreadable_one_is_remarked() {
    let source = source().commit("g", "orders", 0, 500);
    let (key, _) = mm2::encode_checkpoint(&Checkpoint {
        group: "g".into(),
        topic: "src.orders".into(),
        partition: 0,
        upstream_offset: 0,
        downstream_offset: 0,
        metadata: String::new(),
    });
    let target = target()
        .checkpoint("g", "src.orders", 0, 500, 405)
        .record("src.checkpoints.internal", vec![1], Some(vec![2]))
        .record("src.checkpoints.internal", key, None);
    let plan = planned("", &source, &target).expect("a plan");
    assert_eq!(positions(&plan), ["g orders-0 500 - None NoOffsetSync"]);
    let remark = plan.remarks.iter().find(|r| r.contains("are no checkpoints")).expect("a remark");
    assert!(remark.contains("offset 1"), "{remark}");
}

#[test]
fn an_unreadable_checkpoint_takes_the_older_one_of_its_key_along() {
    let mut target =
        target().checkpoint("g", "src.orders", 0, 400, 300).checkpoint("g", "src.orders", 0, 500, 400);
    let log =
        target.records.get_mut(&TopicPartition::new("src.checkpoints.internal", 0)).expect("checkpoints");
    log[1].value = Some(vec![0, 9, 1]);
    let plan = planned("", &source().commit("g", "orders", 0, 500), &target).expect("a plan");
    assert_eq!(plan.groups[0].positions[0].resume, None, "{:?}", plan.groups);
}

#[test]
fn an_absent_checkpoints_topic_is_remarked() {
    let plan = planned("", &source().commit("g", "orders", 0, 500), &target()).expect("a plan");
    assert!(
        plan.remarks.iter().any(|r| r.contains("shows no topic src.checkpoints.internal")),
        "{:?}",
        plan.remarks
    );
}

#[test]
fn groups_are_also_known_from_checkpoints_and_from_the_configuration() {
    let mut source = source().commit("named", "orders", 0, 500).commit("noted", "orders", 0, 600);
    source = source.commit("unknown", "orders", 0, 100);
    source.lists_groups = false;
    let target =
        target().checkpoint("noted", "src.orders", 0, 600, 500).checkpoint("gone", "src.orders", 0, 1, 1);
    let plan = planned("groups: { include: ['named', 'n.*', 'absent'] }", &source, &target).expect("a plan");
    let names: Vec<_> = plan.groups.iter().map(|g| g.group.as_str()).collect();
    assert_eq!(names, ["absent", "named", "noted"], "`gone` is not included, `unknown` is not listed");
    assert!(plan.remarks.iter().any(|r| r.contains("does not list its groups")), "{:?}", plan.remarks);
}

#[test]
fn a_group_that_is_named_and_has_committed_nothing_is_in_the_plan_and_one_that_a_pattern_matches_is_not() {
    let source = source().commit("billing", "orders", 0, 500).commit("elsewhere", "other", 0, 1);
    let with = |groups: &str, more: &str| {
        let monitor = Remembering::default();
        let config = config(&format!("groups: {{ include: [{groups}] }}\n{more}"));
        let plan = plan_from(&config, &source, &target(), 40_000, &monitor);
        (plan, monitor.warnings.into_inner().expect("not poisoned"))
    };
    let unproved = |plan: &Plan| -> Vec<(String, bool)> {
        plan.groups.iter().map(|g| (g.group.clone(), g.without_position().is_some())).collect()
    };
    let (plan, warnings) = with("billing, ghost, 'else.*'", "");
    let plan = plan.expect("a plan");
    assert_eq!(unproved(&plan), [("billing".to_owned(), false), ("ghost".to_owned(), true)]);
    assert!(warnings.iter().any(|w| w.contains("group ghost is named in groups.include")), "{warnings:?}");
    assert!(!warnings.iter().any(|w| w.contains("elsewhere")), "{warnings:?}");
    assert!(plan.ignored.is_empty(), "{:?}", plan.ignored);
    // Alone it is nothing to start a range at.
    let refused = with("ghost", "").0.expect_err("no position").to_string();
    assert!(refused.contains("no consumer group") && refused.contains("[ghost]"), "{refused}");
    let (plan, _) = with("ghost", "range: { start: earliest }");
    assert_eq!(unproved(&plan.expect("a plan")), [("ghost".to_owned(), true)]);
    // Unless the configuration leaves it out.
    let excluded = "groups: { include: [billing, ghost], exclude: [ghost] }";
    let plan = planned(excluded, &source, &target()).expect("a plan");
    assert_eq!(unproved(&plan), [("billing".to_owned(), false)]);
}

#[test]
fn auto_follows_the_kind_of_replication() {
    let source = || {
        Fake::new("src", "S")
            .topic("orders", &[(0, 100)])
            .commit("a", "orders", 0, 50)
            .commit("b", "orders", 0, 60)
    };
    let target = || Fake::new("dst", "T").topic("orders", &[(7, 100)]).commit("a", "orders", 0, 48);
    for (kind, expected) in [
        ("offset_preserving", ["a orders-0 50 48 GroupCommits Judged", "b orders-0 60 60 Identity Judged"]),
        ("group_commits", ["a orders-0 50 48 GroupCommits Judged", "b orders-0 60 - None NoCheckpoint"]),
        ("none", ["a orders-0 50 48 GroupCommits Judged", "b orders-0 60 7 Earliest Judged"]),
    ] {
        let rest = format!("replication: {{ kind: {kind}, policy: identity }}");
        assert_eq!(positions(&planned(&rest, &source(), &target()).expect("a plan")), expected, "{kind}");
    }
    for (origin, expected) in [
        ("identity", ["a orders-0 50 50 Identity Judged", "b orders-0 60 60 Identity Judged"]),
        ("earliest", ["a orders-0 50 7 Earliest Judged", "b orders-0 60 7 Earliest Judged"]),
        ("group_commits", ["a orders-0 50 48 GroupCommits Judged", "b orders-0 60 - None NoCheckpoint"]),
        ("checkpoints", ["a orders-0 50 - None NoOffsetSync", "b orders-0 60 - None NoOffsetSync"]),
    ] {
        let rest = format!("replication: {{ policy: identity }}\npositions: {{ origin: {origin} }}");
        assert_eq!(positions(&planned(&rest, &source(), &target()).expect("a plan")), expected, "{origin}");
    }
}

#[test]
fn positions_from_a_csv_must_be_in_the_targets_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("offsets.csv");
    let source = source().commit("g", "orders", 0, 500).commit("h", "orders", 0, 600);
    let rest = format!("positions: {{ origin: csv, csv_file: '{}' }}", file.display());
    let with = |rows: &str| {
        std::fs::write(&file, rows).expect("written");
        planned(&rest, &source, &target())
    };
    let plan = with("\"g\",\"src.orders\",0,405\nx,elsewhere,0,1\n").expect("a plan");
    assert_eq!(positions(&plan), ["g orders-0 500 405 Csv Judged", "h orders-0 600 - None NoCheckpoint"]);
    assert!(plan.groups[1].positions[0].detail.contains("no row"), "{}", plan.groups[1].positions[0].detail);
    assert!(plan.remarks.iter().any(|r| r.contains("1 rows are for partitions")), "{:?}", plan.remarks);

    let text = with("g,src.orders,0,901\n").expect_err("past the end").to_string();
    assert!(text.contains("offset 901 of src.orders-0") && text.contains("0 to 900"), "{text}");
    assert!(with("g,src.orders,0,900\n").is_ok(), "the end itself is a position");
    let text = with("g,orders,0,405\n").expect_err("the source's name").to_string();
    assert!(text.contains("write src.orders"), "{text}");
    std::fs::remove_file(&file).expect("removed");
    let text = planned(&rest, &source, &target()).expect_err("no file").to_string();
    assert!(text.contains("offsets.csv") && text.contains("cannot be read"), "{text}");
}

#[test]
fn one_cluster_on_both_sides_is_refused_unless_told() {
    let both = || Fake::new("src", "S").topic("orders", &[(3, 100)]).commit("g", "orders", 0, 50);
    let mut twin = both();
    twin.alias = "dst".into();
    let text = refusal("replication: { policy: identity }", &both(), &twin);
    assert!(text.contains("the same cluster, S") && text.contains("noise_floor"), "{text}");
    let plan = planned("range: { noise_floor: true }", &both(), &twin).expect("told");
    assert_eq!(positions(&plan), ["g orders-0 50 50 Identity Judged"]);
    assert_eq!(plan.pairs[0].source, plan.pairs[0].target);
    assert!(plan.remarks.iter().any(|r| r.contains("compared with itself")), "{:?}", plan.remarks);
}

#[test]
fn topics_that_cannot_be_paired_are_refused_by_name() {
    let with_group = || source().commit("g", "orders", 0, 500);
    let text = refusal("topics: { include: ['order'] }", &with_group(), &target());
    assert!(
        text.contains("no topic of source \"src\"") && text.contains("[order]") && text.contains("2 topics"),
        "{text}"
    );

    let none = Fake::new("dst", "T").topic("orders", &[(0, 1), (0, 1)]);
    let text = refusal("", &with_group(), &none);
    assert!(
        text.contains("no topic src.orders, src.payments") && text.contains("policy to identity"),
        "{text}"
    );

    let fewer = target().topic("src.orders", &[(0, 1)]);
    let text = refusal("", &with_group(), &fewer);
    assert!(text.contains("src.orders") && text.contains("1 partitions") && text.contains("has 2"), "{text}");

    let more = target().topic("src.orders", &[(0, 900), (0, 50), (0, 0)]);
    let plan = planned("", &with_group(), &more).expect("more is allowed");
    assert_eq!(plan.pairs.len(), 3);
    assert!(plan.remarks.iter().any(|r| r.contains("3 partitions on the target")), "{:?}", plan.remarks);

    let merged = "replication: { topic_map: { orders: all, payments: all } }";
    let text = refusal(merged, &with_group(), &target().topic("all", &[(0, 1), (0, 1)]));
    assert!(text.contains("orders and payments both go to all") && text.contains("by_key"), "{text}");
    let differ = format!(
        "{merged}\ncontracts: [{{ topics: [orders], partitions: by_key, decode: none }}, {{ partitions: by_key }}]"
    );
    let text = refusal(&differ, &with_group(), &target().topic("all", &[(0, 1), (0, 1)]));
    assert!(text.contains("contracts differ"), "{text}");
}

#[test]
fn a_repartitioned_topic_is_one_unit_with_its_groups_positions_by_partition_of_each_side() {
    let config = "replication: { kind: group_commits, policy: identity, topic_map: { orders: all, payments: all } }\n\
                  contracts: [{ partitions: by_key }]\n";
    let source = source().commit("g", "orders", 0, 500).commit("g", "payments", 0, 7);
    let target = target()
        .topic("all", &[(10, 900), (0, 50), (0, 0)])
        .commit("g", "all", 0, 400)
        .commit("g", "all", 1, 77);
    let plan = planned(config, &source, &target).expect("a plan");
    assert_eq!((plan.pairs.len(), plan.units.len()), (0, 1));
    let unit = &plan.units[0];
    assert_eq!((unit.target_topic(), unit.source_topics().as_str()), ("all", "orders,payments"));
    let sources: Vec<_> =
        unit.sources.iter().map(|lane| (lane.partition.to_string(), lane.log_start, lane.start)).collect();
    assert_eq!(
        sources,
        [("orders-0".into(), 100, 500), ("orders-1".into(), 0, 0), ("payments-0".into(), 0, 7)]
    );
    assert_eq!(unit.targets.iter().map(|lane| lane.log_start).collect::<Vec<_>>(), [10, 0, 0]);
    let position = &plan.groups[0].units[0];
    assert_eq!(position.committed, [Some(500), None, Some(7)]);
    let resumes: Vec<_> = position.resumes.iter().map(|resume| (resume.offset, resume.state)).collect();
    use super::super::PositionState::{BeyondTargetEnd, Judged, NoCheckpoint};
    assert_eq!(resumes, [(Some(400), Judged), (Some(77), BeyondTargetEnd), (None, NoCheckpoint)]);
    assert!(plan.remarks.iter().any(|remark| remark.contains("log starts")), "{:?}", plan.remarks);

    let config = config.replace("kind: group_commits", "kind: mirrormaker2");
    let plan = planned(&format!("{config}positions: {{ origin: checkpoints }}\n"), &source, &target);
    let plan = plan.expect("a plan");
    let resume = &plan.groups[0].units[0].resumes[0];
    assert_eq!((resume.offset, resume.state), (None, NoCheckpoint));
    assert!(resume.detail.contains("partition by partition"), "{}", resume.detail);
}

#[test]
fn internal_topics_are_left_out_unless_named() {
    let source = || {
        source()
            .topic("__consumer_offsets", &[(0, 9)])
            .topic("mm2-offset-syncs.dst.internal", &[(0, 9)])
            .topic("dst.orders", &[(0, 9)])
            .topic("heartbeats", &[(0, 9)])
            .commit("g", "orders", 0, 500)
    };
    let plan = planned("", &source(), &target()).expect("a plan");
    assert_eq!(plan.pairs.len(), 3);
    let mut left: Vec<_> = plan.ignored.iter().map(|i| i.name.as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, ["__consumer_offsets", "dst.orders", "heartbeats", "mm2-offset-syncs.dst.internal"]);
    let named = "topics: { include: ['orders', 'heartbeats'] }";
    let plan = planned(named, &source(), &target().topic("src.heartbeats", &[(0, 9)])).expect("named");
    assert_eq!(plan.pairs.iter().filter(|p| p.source.topic == "heartbeats").count(), 1);
}

#[test]
fn without_a_group_there_is_nothing_to_prove_unless_the_range_says_where_to_start() {
    let text = refusal("groups: { include: ['x'] }", &source().commit("g", "orders", 0, 500), &target());
    assert!(text.contains("[x]") && text.contains("range.start to earliest"), "{text}");
    let plan = planned("range: { start: earliest }", &source(), &target()).expect("no group needed");
    assert!(plan.groups.is_empty());
    let starts: Vec<_> = plan.pairs.iter().map(|p| p.source_start).collect();
    assert_eq!(starts, [100, 0, 0]);
}

#[test]
fn a_range_by_time_starts_at_the_first_record_of_that_time() {
    // Offset n was written at n seconds; now is 40 s.
    let source = source().commit("g", "orders", 1, 15).commit("h", "orders", 1, 30);
    let target =
        || target().checkpoint("g", "src.orders", 1, 15, 15).checkpoint("h", "src.orders", 1, 30, 30);
    for start in ["{ timestamp: 1970-01-01T00:00:20Z }", "{ duration: 20s }"] {
        let plan = planned(&format!("range: {{ start: {start} }}"), &source, &target()).expect("a plan");
        let starts: Vec<_> = plan.pairs.iter().map(|p| p.source_start).collect();
        assert_eq!(starts, [100, 20, 10], "payments ended before that time");
        assert_eq!(
            positions(&plan),
            ["g orders-1 15 15 Checkpoints NotLocated", "h orders-1 30 30 Checkpoints Judged"],
            "what lies before the range is not judged"
        );
        assert!(plan.groups[0].positions[0].detail.contains("the range starts at 20"));
    }
}

#[test]
fn a_group_that_runs_on_the_target_already_is_remarked() {
    let source = source().commit("g", "orders", 0, 500);
    let mut target = target().checkpoint("g", "src.orders", 0, 500, 405);
    target.active.insert("g".into());
    let plan = planned("", &source, &target).expect("a plan");
    assert!(plan.remarks.iter().any(|r| r.contains("group g is consuming")), "{:?}", plan.remarks);
}

#[test]
fn a_contract_that_does_not_fit_how_the_topic_is_cleaned_is_remarked() {
    let remarks = |policies: [Option<&str>; 2], log: &str| -> Vec<String> {
        let clean = |cluster: Fake, name: &str, policy: Option<&str>| match policy {
            Some(policy) => cluster.cleaned(name, policy),
            None => cluster,
        };
        let source = clean(source().commit("billing", "orders", 0, 150), "orders", policies[0]);
        let target = clean(target(), "src.orders", policies[1]);
        let rest = format!("topics: {{ include: [orders] }}\ncontracts: [{{ log: {log} }}]");
        let monitor = Remembering::default();
        let plan = plan_from(&config(&rest), &source, &target, 0, &monitor).expect("plans");
        plan.remarks.into_iter().filter(|remark| remark.contains("compact")).collect()
    };
    let (delete, compact) = (Some("delete"), Some("compact,delete"));
    assert_eq!(remarks([delete, delete], "retained"), [""; 0]);
    assert_eq!(remarks([None, None], "retained"), [""; 0]);
    assert_eq!(remarks([compact, compact], "compacted"), [""; 0]);
    assert_eq!(remarks([delete, compact], "compacted"), [""; 0]);
    let [on_target] = &remarks([delete, compact], "retained")[..] else { panic!("one remark") };
    assert!(on_target.starts_with("src.orders is compacted on the target"), "{on_target}");
    assert_eq!(remarks([compact, compact], "retained").len(), 2);
    let [neither] = &remarks([delete, delete], "compacted")[..] else { panic!("one remark") };
    assert!(neither.contains("compacted on neither side"), "{neither}");
    let [unread] = &remarks([compact, None], "compacted")[..] else { panic!("one remark") };
    assert!(unread.contains("src.orders on the target cannot be read"), "{unread}");
}

#[test]
fn the_target_s_commits_are_asked_for_before_the_source_s_so_that_a_live_group_does_not_seem_to_skip() {
    let [source, target] = [source(), target()].map(|cluster| cluster.commit("g", "orders", 0, 500));
    let target = Fake { commits_of: source.commits_of.clone(), ..target.commit("g", "src.orders", 0, 400) };
    planned("topics: { include: [orders] }\nreplication: { kind: none }", &source, &target).expect("a plan");
    assert_eq!(*source.commits_of.borrow(), ["dst", "src"]);
}

#[test]
fn a_topic_that_is_written_out_and_not_described_is_refused_and_patterns_that_apply_to_nothing_are_remarked()
{
    let source = source().commit("g", "orders", 0, 500).topic("odd", &[]);
    let target = target();
    let said = refusal("topics: { include: [orders, 'paymnets', 'typo-x'] }", &source, &target);
    assert!(said.contains("does not describe paymnets, typo-x, which"), "{said}");
    let said = refusal(
        "topics: { include: [orders, 'o.*'] }\nreplication: { policy: identity, topic_map: \
                        { orders: src.orders, odd: src.payments } }",
        &source,
        &target,
    );
    assert!(said.contains("does not describe odd, which"), "{said}");

    let rest = "topics: { include: ['orders', 'paymnets-.*'] }\ngroups: { include: ['g', 'h-.*'] }\n\
                replication: { topic_map: { order: x } }\n\
                contracts: [{ topics: ['ord.*'] }, { topics: [orders], decode: all }]";
    let plan = planned(rest, &source, &target).expect("a plan");
    let idle = [
        "`paymnets-.*` matches no topic",
        "`h-.*` matches no group",
        "contracts[1] (orders)",
        "names order,",
    ];
    for words in idle {
        assert!(plan.remarks.iter().any(|remark| remark.contains(words)), "{words} in {:?}", plan.remarks);
    }
    let plan = planned("topics: { include: [orders] }", &source, &target).expect("a plan");
    assert!(!plan.remarks.iter().any(|remark| remark.contains("matches no")), "{:?}", plan.remarks);
}
