//! What one side holds: cluster id, topics with the settings that matter to a copy, groups. Reads no record, compares nothing.

use std::collections::BTreeMap;

use crate::kafka::{Cluster, GroupListing, KafkaError};
use crate::record::{Side, TimestampType};

/// What one side holds, gathered in one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideInventory {
    /// Which side.
    pub side: Side,
    /// As the brokers report it.
    pub cluster_id: String,
    /// All topics that the principal may see, Kafka's own among them.
    pub topics: BTreeMap<String, TopicInfo>,
    /// All consumer groups that the principal may see; `None` where the brokers do not list groups.
    pub groups: Option<Vec<GroupListing>>,
    /// What could not be learnt, in sentences for people.
    pub remarks: Vec<String>,
}

/// One topic and the settings that matter to a copy; `None` where the brokers do not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicInfo {
    /// Number of partitions, numbered from 0.
    pub partitions: usize,
    /// One of Kafka's own.
    pub internal: bool,
    /// `cleanup.policy`.
    pub cleanup_policy: Option<CleanupPolicy>,
    /// `retention.ms`; -1 keeps records for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; -1 is without limit.
    pub retention_bytes: Option<i64>,
    /// `message.timestamp.type`: who sets timestamps.
    pub timestamp_type: Option<TimestampType>,
}

/// How a topic's log is cleaned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Old records are deleted from the front.
    pub delete: bool,
    /// Only the last record of each key stays.
    pub compact: bool,
}

impl SideInventory {
    /// Asks the cluster once for its topics, once (per 500 topics) for their settings, once for its groups.
    pub fn gather(cluster: &Cluster) -> Result<Self, KafkaError> {
        let listed = cluster.topics()?;
        let names: Vec<&str> = listed.keys().map(String::as_str).collect();
        let mut remarks = Vec::new();
        let who = format!("{} \"{}\"", cluster.side(), cluster.alias());
        let mut configs = match cluster.topic_configs(&names)? {
            Some(configs) => {
                let untold = names.iter().filter(|name| !configs.contains_key(**name)).count();
                if untold > 0 {
                    remarks.push(format!(
                        "{who}: the settings of {untold} topics may not be read; retention and compaction cannot be \
                         taken into account there (give the principal DescribeConfigs on the topics)"
                    ));
                }
                configs
            }
            None => {
                remarks.push(format!(
                    "{who}: the brokers do not tell topic settings; retention and compaction cannot be taken into \
                     account"
                ));
                BTreeMap::new()
            }
        };
        let groups = cluster.groups()?;
        if groups.is_none() {
            remarks.push(format!("{who}: the brokers do not list groups; name the groups in a CSV"));
        }
        let topics = listed
            .into_iter()
            .map(|(name, listing)| {
                let config = configs.remove(&name).unwrap_or_default();
                (name, topic_info(listing.partitions, listing.internal, &config))
            })
            .collect();
        Ok(Self {
            side: cluster.side(),
            cluster_id: cluster.cluster_id().to_owned(),
            topics,
            groups,
            remarks,
        })
    }
}

/// The settings that matter to a copy, out of all that the brokers tell of a topic.
pub(crate) fn topic_info(partitions: usize, internal: bool, config: &BTreeMap<String, String>) -> TopicInfo {
    let number = |key: &str| config.get(key).and_then(|value| value.parse().ok());
    TopicInfo {
        partitions,
        internal,
        cleanup_policy: config.get("cleanup.policy").map(|value| cleanup_policy(value)),
        retention_ms: number("retention.ms"),
        retention_bytes: number("retention.bytes"),
        timestamp_type: config.get("message.timestamp.type").and_then(|value| timestamp_type(value)),
    }
}

fn cleanup_policy(value: &str) -> CleanupPolicy {
    let has = |name: &str| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(name));
    CleanupPolicy { delete: has("delete"), compact: has("compact") }
}

fn timestamp_type(value: &str) -> Option<TimestampType> {
    match value {
        "CreateTime" => Some(TimestampType::CreateTime),
        "LogAppendTime" => Some(TimestampType::LogAppendTime),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn settings_are_read_out_of_a_topic_configuration() {
        let info = topic_info(
            3,
            false,
            &config(&[
                ("cleanup.policy", "compact, delete"),
                ("retention.ms", "-1"),
                ("retention.bytes", "1024"),
                ("message.timestamp.type", "LogAppendTime"),
            ]),
        );
        let expected = TopicInfo {
            partitions: 3,
            internal: false,
            cleanup_policy: Some(CleanupPolicy { delete: true, compact: true }),
            retention_ms: Some(-1),
            retention_bytes: Some(1024),
            timestamp_type: Some(TimestampType::LogAppendTime),
        };
        assert_eq!(info, expected);
    }

    #[test]
    fn what_the_brokers_do_not_tell_is_not_made_up() {
        let info =
            topic_info(1, true, &config(&[("retention.ms", "soon"), ("message.timestamp.type", "Moon")]));
        assert_eq!(info, TopicInfo { partitions: 1, internal: true, ..TopicInfo::default() });
    }

    #[test]
    fn the_inventory_says_what_it_could_not_learn() {
        use crate::kafka::ClusterSettings;
        use crate::record::Side;
        let embedded = cutproof_testcontainers::EmbeddedCluster::start(1).expect("an embedded cluster");
        embedded.create_topic("orders", 2).expect("a topic");
        let settings =
            ClusterSettings::new(Side::Target, "west", embedded.bootstrap_servers(), Default::default());
        let cluster = Cluster::connect(settings).expect("connected");
        let inventory = SideInventory::gather(&cluster).expect("gathered");
        assert_eq!(inventory.cluster_id, cluster.cluster_id());
        assert_eq!(inventory.topics["orders"].partitions, 2);
        assert_eq!(inventory.topics["orders"].cleanup_policy, None);
        assert_eq!(inventory.groups, None);
        assert_eq!(inventory.remarks.len(), 2, "{:?}", inventory.remarks);
    }
}
