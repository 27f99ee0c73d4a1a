//! Errors: why a command ended without a result, by class.

use super::{Entry, Kind};

const fn error(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::Error, code, meaning, next }
}

pub(super) const ENTRIES: &[Entry] = &[
    error(
        "bad_config",
        "The configuration cannot be read, has an unknown key, or a value that makes no sense.",
        "Correct the place that the error names; `cutproof init --out example.yaml` writes a file with every key explained.",
    ),
    error(
        "unsupported",
        "The configuration asks for something that this version does not do. It is refused rather than ignored.",
        "Leave the named settings at their defaults.",
    ),
    error(
        "client_property",
        "A client property is unknown, contradicts another, names a file that cannot be used, or would make Cutproof write or \
         commit.",
        "Correct it in the properties file or under `properties:`.",
    ),
    error(
        "credentials_refused",
        "The cluster answered and refused the credentials.",
        "Check security.protocol, sasl.mechanism, user name and password of the named side.",
    ),
    error(
        "tls_refused",
        "No trusted TLS connection came about: unknown authority, wrong host name, or a client certificate is asked for.",
        "Check security.protocol, ssl.ca.location and, where the listener asks for one, the client's certificate.",
    ),
    error(
        "unreachable",
        "No broker of the named address answered within the time limit.",
        "Check bootstrap_servers, the network and firewalls from this machine, and whether the listener speaks TLS.",
    ),
    error(
        "timed_out",
        "The brokers are there, but gave no answer within the time limit.",
        "Run again; if it stays, look at the brokers' load.",
    ),
    error(
        "not_permitted",
        "The credentials are good, but lack a permission.",
        "Grant Describe and Read on the topics, Describe on the groups; on the replicator's own topics Read.",
    ),
    error(
        "not_there",
        "A topic or partition does not exist on the cluster, or the principal may not see it.",
        "Check the name and the permission to describe it.",
    ),
    error(
        "not_supported",
        "The brokers do not know a request that is needed.",
        "Use brokers of Apache Kafka 2.1 or newer, or a service compatible with it.",
    ),
    error(
        "cluster_failed",
        "The cluster refused a request for another reason; the error quotes it.",
        "Look up what is quoted in the brokers' log.",
    ),
    error(
        "same_cluster",
        "Source and target report the same cluster id: a comparison of a cluster with itself proves nothing.",
        "Correct the addresses; range.noise_floor: true compares the source with itself on purpose.",
    ),
    error(
        "no_topic",
        "No topic of the source matches topics.include. Comparing nothing is never a match.",
        "Correct the expressions: they are matched against the whole name. Check the permission to describe topics.",
    ),
    error(
        "topic_not_described",
        "topics.include writes out a topic that the source does not describe, or matches one that has no partitions there.",
        "Correct the name, allow this principal to describe the topic, or take it out.",
    ),
    error(
        "no_group",
        "range.start is `positions`, and no group that groups.include matches has committed on a planned topic.",
        "Name the groups, or set range.start to earliest to compare topics without groups.",
    ),
    error(
        "target_topic_absent",
        "A source topic in scope has no counterpart on the target under the name that the policy gives.",
        "Check replication.policy, separator and alias, or map the name in replication.topic_map.",
    ),
    error(
        "fewer_partitions",
        "The target topic has fewer partitions than the source topic, which `partitions: same` does not allow.",
        "Add partitions to the target topic and copy again; where records may change partitions, say `partitions: by_key`.",
    ),
    error(
        "merged_topics",
        "Several source topics go to one target topic, and no single contract with `partitions: by_key` holds for them.",
        "Give them one contract with `partitions: by_key`, or correct replication.topic_map.",
    ),
    error(
        "offset_out_of_range",
        "A position that was asked for is not in the log; the error names it and what is available.",
        "Correct the position, or export it anew.",
    ),
    error(
        "positions_csv",
        "positions.csv_file cannot be read as rows of group, topic, partition, offset.",
        "Correct the named line; kafka-consumer-groups --export writes the format.",
    ),
    error(
        "incomplete_positions",
        "One of the replicator's own topics could not be read to its end, so that positions would be incomplete.",
        "Run again; if it stays, look at that topic on the named cluster.",
    ),
    error(
        "read_failed",
        "A reader failed for good. Nothing is concluded from what it had read.",
        "Look at the named topic-partition and offset on the named side, and run again.",
    ),
    error(
        "registry_settings",
        "The settings of a schema registry cannot be used. A registry that is only down is no error: the run is inconclusive \
         where it needs it.",
        "Correct schema_registry of the named side.",
    ),
    error(
        "report_files",
        "A file of the run directory could not be read or written; the error names it and says which.",
        "Where it was to be read: go on as the user who owns the run directory, for checkpoint and hash.key are for their owner \
         only. Where it was to be written: make room, or choose another place with --out. Then run again.",
    ),
    error(
        "no_checkpoint",
        "`run --resume` was given a directory without a checkpoint: no run directory, or a run that was stopped before its plan was made.",
        "Name the run directory, which the run prints when it starts, or run again without --resume.",
    ),
    error(
        "run_complete",
        "`run --resume` was given a run that is complete. A checkpoint is only for a run that was stopped.",
        "Read its run.json; for a new comparison run without --resume.",
    ),
    error(
        "run_in_use",
        "Another process is writing the run that was to be taken up.",
        "Wait for its end, or stop that process first.",
    ),
    error(
        "checkpoint_damaged",
        "The checkpoint is not what was written: the file or the disk was changed or damaged.",
        "Run again without --resume.",
    ),
    error(
        "other_version",
        "The checkpoint was written by another version of Cutproof, whose comparison may differ in detail.",
        "Go on with the version that the error names, or run again without --resume.",
    ),
    error(
        "config_changed",
        "The configuration file is not the one that the run began with: half a run under each would prove neither.",
        "Give the same file, unchanged to the byte, or run again without --resume.",
    ),
    error(
        "other_cluster",
        "An address leads to another cluster than the one that the run was begun with.",
        "Correct the address or the name resolution of the named side, or run again without --resume.",
    ),
    error(
        "log_shrank",
        "A partition ends before what the run has already read of it: it was truncated, or the topic was made anew.",
        "Find out who did that, then run again without --resume.",
    ),
    error(
        "ledger",
        "The run's own accounts do not add up: a defect of Cutproof. No verdict is given.",
        "Keep the run directory and report it.",
    ),
];
