//! Topic names: from source to target and back, and those of MirrorMaker 2's internal topics. Asks no cluster.

use crate::config::{NamePolicy, ReplicationConfig, ReplicationKind};
use crate::record::Side;

/// How a replicator names topics on the target.
#[derive(Clone, Copy, Debug)]
pub struct TopicNames<'a> {
    replication: &'a ReplicationConfig,
    source_alias: &'a str,
    target_alias: &'a str,
}

impl<'a> TopicNames<'a> {
    /// The aliases are the replicator's names of the two clusters.
    pub fn new(replication: &'a ReplicationConfig, source_alias: &'a str, target_alias: &'a str) -> Self {
        Self { replication, source_alias, target_alias }
    }

    /// The target topic of a source topic: the map's, else the policy's.
    pub fn to_target(&self, source_topic: &str) -> String {
        if let Some(mapped) = self.replication.topic_map.get(source_topic) {
            return mapped.clone();
        }
        if self.keeps_name(source_topic) {
            return source_topic.to_owned();
        }
        format!("{}{}{source_topic}", self.source_alias, self.replication.separator)
    }

    /// The source topic of a target topic; `None` where no source topic has that name on the target.
    pub fn to_source(&self, target_topic: &str) -> Option<String> {
        let mapped = self.replication.topic_map.iter().find(|(_, target)| *target == target_topic);
        if let Some((source, _)) = mapped {
            return Some(source.clone());
        }
        let prefix = format!("{}{}", self.source_alias, self.replication.separator);
        let candidate = match target_topic.strip_prefix(&prefix) {
            Some(rest) if !rest.is_empty() && !self.keeps_name(rest) => rest,
            _ => target_topic,
        };
        (self.to_target(candidate) == target_topic).then(|| candidate.to_owned())
    }

    /// Whether the policy leaves the name as it is. As in MirrorMaker 2, the identity policy still renames heartbeats.
    fn keeps_name(&self, topic: &str) -> bool {
        let heartbeat =
            self.replication.kind == ReplicationKind::Mirrormaker2 && topic.ends_with("heartbeats");
        self.replication.policy == NamePolicy::Identity && !heartbeat
    }

    /// Names that the checkpoints topic (on the target) may have, the most likely first.
    pub fn checkpoints_topics(&self) -> Vec<String> {
        self.with_separators(|s| format!("{}{s}checkpoints{s}internal", self.source_alias))
    }

    /// Names that the offset-syncs topic may have, the most likely first. On the source it carries the
    /// target's alias, on the target the source's.
    pub fn offset_syncs_topics(&self) -> Vec<String> {
        let other = match self.replication.offset_syncs_location {
            Side::Source => self.target_alias,
            Side::Target => self.source_alias,
        };
        self.with_separators(|s| format!("mm2-offset-syncs{s}{other}{s}internal"))
    }

    /// Why a topic on the source is no user's topic; `None` where it may be one.
    pub fn internal_reason(&self, source_topic: &str) -> Option<&'static str> {
        if source_topic.starts_with("__") {
            return Some("internal to Kafka or to a platform on it");
        }
        if self.replication.kind != ReplicationKind::Mirrormaker2 {
            return None;
        }
        let is_internal = |s: &str| {
            let ends = source_topic.ends_with(&format!("{s}internal"));
            let checkpoints = source_topic.ends_with(&format!("{s}checkpoints{s}internal"));
            (source_topic.starts_with("mm2-") && ends) || checkpoints
        };
        if is_internal(".") || is_internal(&self.replication.separator) {
            return Some("internal to MirrorMaker 2");
        }
        let separator = &self.replication.separator;
        if source_topic == "heartbeats" || source_topic.ends_with(&format!("{separator}heartbeats")) {
            return Some("MirrorMaker 2's heartbeats");
        }
        let from_target = format!("{}{separator}", self.target_alias);
        if self.replication.policy == NamePolicy::Default && source_topic.starts_with(&from_target) {
            return Some("copied from the target: MirrorMaker 2 does not copy it back");
        }
        None
    }

    /// With `replication.policy.internal.topic.separator.enabled` (the default) internal names use the
    /// separator, without it always a dot; which of the two holds cannot be seen from here.
    fn with_separators(&self, name: impl Fn(&str) -> String) -> Vec<String> {
        let mut out = vec![name(&self.replication.separator)];
        let dotted = name(".");
        if !out.contains(&dotted) {
            out.push(dotted);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn replication(policy: NamePolicy, separator: &str) -> ReplicationConfig {
        ReplicationConfig {
            kind: ReplicationKind::Mirrormaker2,
            policy,
            separator: separator.into(),
            offset_syncs_location: Side::Source,
            topic_map: BTreeMap::new(),
        }
    }

    #[test]
    fn the_default_policy_puts_alias_and_separator_before_the_name() {
        for (separator, expected) in
            [(".", "src.orders.eu"), ("_", "src_orders.eu"), ("--", "src--orders.eu")]
        {
            let r = replication(NamePolicy::Default, separator);
            let names = TopicNames::new(&r, "src", "dst");
            assert_eq!(names.to_target("orders.eu"), expected);
            assert_eq!(names.to_source(expected).as_deref(), Some("orders.eu"));
            assert_eq!(names.to_source("orders.eu"), None, "a topic of the target itself");
        }
    }

    #[test]
    fn a_name_that_looks_copied_already_is_copied_with_a_second_prefix() {
        let r = replication(NamePolicy::Default, ".");
        let names = TopicNames::new(&r, "src", "dst");
        assert_eq!(names.to_target("src.orders"), "src.src.orders");
        assert_eq!(names.to_source("src.src.orders").as_deref(), Some("src.orders"));
    }

    #[test]
    fn the_identity_policy_keeps_names_except_heartbeats() {
        let r = replication(NamePolicy::Identity, ".");
        let names = TopicNames::new(&r, "src", "dst");
        assert_eq!(names.to_target("orders"), "orders");
        assert_eq!(names.to_source("orders").as_deref(), Some("orders"));
        assert_eq!(names.to_source("src.orders").as_deref(), Some("src.orders"));
        assert_eq!(names.to_target("heartbeats"), "src.heartbeats");
        assert_eq!(names.to_source("src.heartbeats").as_deref(), Some("heartbeats"));
        assert_eq!(names.to_source("heartbeats"), None);
    }

    #[test]
    fn the_map_wins_over_the_policy_both_ways() {
        let mut r = replication(NamePolicy::Default, ".");
        r.topic_map.insert("orders".into(), "shop-orders".into());
        let names = TopicNames::new(&r, "src", "dst");
        assert_eq!(names.to_target("orders"), "shop-orders");
        assert_eq!(names.to_source("shop-orders").as_deref(), Some("orders"));
        assert_eq!(names.to_source("src.orders"), None, "the map sends orders elsewhere");
        assert_eq!(names.to_target("payments"), "src.payments");
    }

    #[test]
    fn internal_topics_follow_the_separator_or_stay_dotted() {
        let dotted = replication(NamePolicy::Default, ".");
        let names = TopicNames::new(&dotted, "src", "dst");
        assert_eq!(names.checkpoints_topics(), ["src.checkpoints.internal"]);
        assert_eq!(names.offset_syncs_topics(), ["mm2-offset-syncs.dst.internal"]);

        let mut under = replication(NamePolicy::Identity, "_");
        under.offset_syncs_location = Side::Target;
        let names = TopicNames::new(&under, "src", "dst");
        assert_eq!(names.checkpoints_topics(), ["src_checkpoints_internal", "src.checkpoints.internal"]);
        assert_eq!(
            names.offset_syncs_topics(),
            ["mm2-offset-syncs_src_internal", "mm2-offset-syncs.src.internal"]
        );
    }

    #[test]
    fn internal_and_copied_topics_are_told_from_users_topics() {
        let r = replication(NamePolicy::Default, "_");
        let names = TopicNames::new(&r, "src", "dst");
        for internal in [
            "__consumer_offsets",
            "mm2-offset-syncs_dst_internal",
            "mm2-offset-syncs.dst.internal",
            "mm2-configs.src.internal",
            "dst_checkpoints_internal",
            "dst.checkpoints.internal",
            "heartbeats",
            "dst_heartbeats",
            "dst_orders",
        ] {
            assert!(names.internal_reason(internal).is_some(), "{internal}");
        }
        for user in ["orders", "orders.internal", "mm2-orders", "distances", "my.heartbeat", "src_orders"] {
            assert_eq!(names.internal_reason(user), None, "{user}");
        }
        let identity = replication(NamePolicy::Identity, ".");
        assert_eq!(TopicNames::new(&identity, "src", "dst").internal_reason("dst.orders"), None);
    }

    proptest! {
        #[test]
        fn a_name_comes_back_from_the_target(
            topic in "[a-z._-]{1,12}", alias in "[a-z.]{1,5}", separator in "[._-]{1,2}", identity: bool,
        ) {
            let policy = if identity { NamePolicy::Identity } else { NamePolicy::Default };
            let r = replication(policy, &separator);
            let names = TopicNames::new(&r, &alias, "dst");
            prop_assert_eq!(names.to_source(&names.to_target(&topic)), Some(topic));
        }
    }
}
