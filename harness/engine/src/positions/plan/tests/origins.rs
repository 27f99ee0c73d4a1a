//! Origins that are recomputed or looked up: offset-syncs, the header, the timestamp, the export of a single group.

use super::super::super::header::SOURCE_OFFSET_HEADER;
use super::*;
use crate::positions::Origin;
use crate::record::Header;

impl Fake {
    /// Records of partition 0: offset, timestamp, and the source offset that the header carries.
    pub(super) fn log(
        mut self,
        topic: &str,
        records: impl IntoIterator<Item = (i64, i64, Option<i64>)>,
    ) -> Self {
        let records: Vec<Record> = records
            .into_iter()
            .map(|(offset, timestamp, source)| Record {
                offset,
                timestamp,
                timestamp_type: TimestampType::CreateTime,
                key: None,
                value: Some(vec![0]),
                headers: source
                    .map(|source| Header {
                        name: SOURCE_OFFSET_HEADER.into(),
                        value: Some((source as u64).to_be_bytes().to_vec()),
                    })
                    .into_iter()
                    .collect(),
            })
            .collect();
        let bounds = (records.first().map_or(0, |r| r.offset), records.last().map_or(0, |r| r.offset + 1));
        self.topics.insert(topic.into(), vec![bounds]);
        self.records.insert(TopicPartition::new(topic, 0), records);
        self.may_be_read = true;
        self
    }
}

fn details(plan: &Plan) -> Vec<&str> {
    plan.groups.iter().flat_map(|g| &g.positions).map(|p| p.detail.as_str()).collect()
}

#[test]
fn offset_syncs_give_positions_by_mirrormaker_2s_own_rule() {
    let mut source = Fake::new("src", "S").topic("orders", &[(0, 1000)]).topic("payments", &[(0, 10)]);
    for offset in [101, 202, 303, 404, 505, 606, 707, 808, 909, 999] {
        source = source.synced("orders", 0, offset, offset - 101);
    }
    let source = source
        .commit("ahead", "orders", 0, 1000)
        .commit("early", "orders", 0, 100)
        .commit("near", "orders", 0, 995)
        .commit("other", "payments", 0, 5);
    let target = Fake::new("dst", "T").topic("src.orders", &[(0, 900)]).topic("src.payments", &[(0, 10)]);
    let plan = planned("positions: { origin: offset_syncs }", &source, &target).expect("a plan");
    assert_eq!(
        positions(&plan),
        [
            "ahead orders-0 1000 899 OffsetSyncs Judged",
            "early orders-0 100 - None NoCheckpoint",
            "near orders-0 995 809 OffsetSyncs Judged",
            "other payments-0 5 - None NoOffsetSync",
        ]
    );
    let details = details(&plan);
    assert!(
        details[0].contains("10 offset-syncs, by the nearest that it keeps, 999 to 898"),
        "{}",
        details[0]
    );
    assert!(details[1].contains("100 is before the first offset-sync, at 101"), "{}", details[1]);
    assert!(details[3].contains("no offset-sync for payments-0"), "{}", details[3]);
}

/// The copier went back once: source records 90 to 99 stand twice on the target.
fn migrated() -> (Fake, Fake) {
    let source = Fake::new("src", "S").log("orders", (0..200).map(|n| (n, 1_000 * n, None)));
    let twice = (0..100).chain(90..200).enumerate();
    let target = Fake::new("dst", "T").log("orders", twice.map(|(at, n)| (at as i64, 1_000 * n, Some(n))));
    (source, target)
}

#[test]
fn the_header_pairs_exactly_and_takes_the_first_of_repeated_copies() {
    let (source, target) = migrated();
    let source = source
        .commit("a", "orders", 0, 50)
        .commit("b", "orders", 0, 95)
        .commit("c", "orders", 0, 150)
        .commit("d", "orders", 0, 200);
    let rest = "replication: { kind: redpanda_migrator, policy: identity }\npositions: { origin: header }";
    let plan = planned(rest, &source, &target).expect("a plan");
    assert_eq!(
        positions(&plan),
        [
            "a orders-0 50 50 Header Judged",
            "b orders-0 95 95 Header Judged",
            "c orders-0 150 160 Header Judged",
            "d orders-0 200 210 Header Judged",
        ]
    );
    // Also what is read on the source to find the last record for a group at its end.
    assert_eq!(plan.records_read_to_locate, source.records_given.get() + target.records_given.get());
    let details = details(&plan);
    assert!(details[0].contains("paired with source record 50 by the header"), "{}", details[0]);
    assert!(details[1].contains("2 copies stand from there to 105, the first is taken"), "{}", details[1]);
    assert!(details[3].contains("after the copy of source record 199, the last one"), "{}", details[3]);
}

#[test]
fn a_migrators_commits_come_first_and_the_header_only_aloud() {
    let (source, target) = migrated();
    let source = source.commit("a", "orders", 0, 50).commit("b", "orders", 0, 95);
    let target = target.commit("a", "orders", 0, 48);
    let rest = "replication: { kind: redpanda_migrator, policy: identity }";
    let plan = planned(rest, &source, &target).expect("a plan");
    assert_eq!(positions(&plan), ["a orders-0 50 48 GroupCommits Judged", "b orders-0 95 95 Header Judged"]);
    let also = &plan.groups[0].positions[0].also;
    assert_eq!(also.iter().map(|o| (o.origin, o.offset)).collect::<Vec<_>>(), [(Origin::Header, 50)]);
    let details = details(&plan);
    assert!(details[0].contains("header says 50"), "{}", details[0]);
    assert!(details[1].starts_with("the group has no commit on the target; paired"), "{}", details[1]);
    let aloud =
        "replication.kind redpanda_migrator takes group_commits, else header: 1 of 2 positions fell back";
    assert!(plan.remarks.iter().any(|r| r.contains(aloud)), "{:?}", plan.remarks);
}

#[test]
fn records_without_the_header_give_no_position_and_say_so() {
    let source =
        Fake::new("src", "S").log("orders", (0..20).map(|n| (n, n, None))).commit("g", "orders", 0, 7);
    let target = Fake::new("dst", "T").log("orders", (0..20).map(|n| (n, n, None)));
    let rest = "replication: { kind: redpanda_migrator, policy: identity }";
    let plan = planned(rest, &source, &target).expect("a plan");
    assert_eq!(positions(&plan), ["g orders-0 7 - None NoCheckpoint"]);
    let detail = details(&plan)[0].to_owned();
    assert!(detail.contains("no commit on the target") && detail.contains("carry no header"), "{detail}");
}

#[test]
fn a_timestamp_gives_the_first_record_that_is_as_late_and_says_what_that_is_worth() {
    // Two records a second, both of the same time; the target begins 40 records later.
    let source = Fake::new("src", "S")
        .log("orders", (0..100).map(|n| (n, n / 2 * 1_000, None)))
        .commit("a", "orders", 0, 61)
        .commit("b", "orders", 0, 99)
        .commit("c", "orders", 0, 100);
    let rest = "replication: { kind: none, policy: identity }\npositions: { origin: timestamp }";
    let target = || Fake::new("dst", "T").log("orders", (40..98).map(|n| (n - 40, n / 2 * 1_000, None)));
    let plan = planned(rest, &source, &target()).expect("a plan");
    assert_eq!(
        positions(&plan),
        [
            "a orders-0 61 20 Timestamp Judged",
            "b orders-0 99 58 Timestamp Judged",
            "c orders-0 100 58 Timestamp Judged",
        ]
    );
    let said = details(&plan);
    assert!(said[0].contains("30000 ms") && said[0].contains("equal timestamps"), "{}", said[0]);
    assert!(said[1].contains("no target record is at or after 49000 ms"), "{}", said[1]);
    assert!(said[2].contains("nothing is left to read on the source"), "{}", said[2]);

    let mut own = target();
    for record in own.records.values_mut().flatten() {
        record.timestamp_type = TimestampType::LogAppendTime;
    }
    let plan = planned(rest, &source, &own).expect("a plan");
    assert!(details(&plan)[0].contains("the target sets its own timestamps"), "{}", details(&plan)[0]);

    // A broker that answers no time is not one whose records are all older.
    let mut mute = target();
    mute.records.values_mut().flatten().for_each(|record| record.timestamp = -1);
    let plan = planned(rest, &source, &mute).expect("a plan");
    assert_eq!(positions(&plan)[0], "a orders-0 61 - None NoCheckpoint");
    assert!(details(&plan)[0].contains("look up no timestamps"), "{}", details(&plan)[0]);
}

#[test]
fn the_export_of_a_single_group_is_for_the_only_group_that_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("offsets.csv");
    std::fs::write(&file, "src.orders,0,405\n").expect("written");
    let source = source().commit("g", "orders", 0, 500).commit("h", "orders", 0, 600);
    let with = |groups: &str| {
        let rest = format!(
            "groups: {{ include: [{groups}] }}\npositions: {{ origin: csv, csv_file: '{}' }}",
            file.display()
        );
        planned(&rest, &source, &target())
    };
    assert_eq!(positions(&with("g").expect("one group")), ["g orders-0 500 405 Csv Judged"]);
    for several in ["g, h", "'.*'", "g, 'h.*'"] {
        let text = with(several).expect_err("whose offsets are these?").to_string();
        assert!(text.contains("line 1 names no group"), "{text}");
    }
}

#[test]
fn groups_near_each_other_are_looked_up_with_the_same_reads() {
    let rest = |origin: &str| {
        format!(
            "replication: {{ kind: redpanda_migrator, policy: identity }}\npositions: {{ origin: {origin} }}\n\
             groups: {{ include: ['g.*'] }}"
        )
    };
    let log =
        |name: &str, id: &str| Fake::new(name, id).log("orders", (0..5_000).map(|n| (n, 1_000 * n, Some(n))));
    for origin in ["header", "timestamp"] {
        let (mut source, target) = (log("src", "S"), log("dst", "T"));
        for n in 0..100 {
            source = source.commit(&format!("g{n:02}"), "orders", 0, 2_000 + 7 * n);
        }
        let together = planned(&rest(origin), &source, &target).expect("a plan");
        let resumes: Vec<_> = together.groups.iter().map(|group| group.positions[0].resume).collect();
        assert_eq!(resumes, (0..100).map(|n| Some(2_000 + 7 * n)).collect::<Vec<_>>());
        let reads = source.reads.get() + target.reads.get();
        assert!(reads <= 10, "{origin}: {reads} reads for 100 groups");
        // What each cost adds up, and no record was read twice.
        let each: u64 = together.groups.iter().map(|group| group.positions[0].records_read_to_locate).sum();
        assert_eq!(together.records_read_to_locate, each);
        assert_eq!(each, source.records_given.get() + target.records_given.get());
        assert!((1..=2_000).contains(&each), "{origin}: {each} records");
    }
    // Those far from each other cost what one alone costs: nothing is read ahead for nobody.
    let alone = |commits: &[i64]| {
        let (mut source, target) = (log("src", "S"), log("dst", "T"));
        for (n, commit) in commits.iter().enumerate() {
            source = source.commit(&format!("g{n}"), "orders", 0, *commit);
        }
        let read = planned(&rest("header"), &source, &target).expect("a plan").records_read_to_locate;
        assert_eq!(read, source.records_given.get() + target.records_given.get(), "{commits:?}");
        read
    };
    assert!(alone(&[5_000]) > 64, "at its end, the source is read for the last record");
    assert_eq!(alone(&[500, 3_000]), alone(&[500]) + alone(&[3_000]));
}

#[test]
fn the_times_of_all_partitions_are_asked_for_together() {
    let topics = ["audit", "orders", "payments"];
    let log = |name: &str, id: &str| {
        topics.iter().fold(Fake::new(name, id), |fake, topic| {
            fake.log(topic, (0..1_000).map(|n| (n, 1_000 * n, Some(n))))
        })
    };
    for origin in ["header", "timestamp"] {
        let (mut source, target) = (log("src", "S"), log("dst", "T"));
        for n in 0..40 {
            source = topics
                .iter()
                .fold(source, |source, topic| source.commit(&format!("g{n}"), topic, 0, 20 * n + 7));
        }
        let rest = format!(
            "replication: {{ kind: redpanda_migrator, policy: identity }}\npositions: {{ origin: {origin} }}"
        );
        let plan = planned(&rest, &source, &target).expect("a plan");
        let resumes = plan.groups.iter().flat_map(|group| &group.positions).map(|p| (p.committed, p.resume));
        assert!(resumes.clone().all(|(committed, resume)| committed.is_some() && resume == committed));
        assert_eq!((resumes.count(), target.time_requests.get()), (120, 40), "{origin}");
    }
}
