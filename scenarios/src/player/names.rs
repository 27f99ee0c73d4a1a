//! Names in a scenario file and on the clusters: where clusters are shared, every topic, group and alias of a scenario
//! wears a tag. Pure.

use crate::format::{Clusters, PolicyWord, ReplicatorSpec, Scenario, SideWord};

/// The source's alias in scenario files.
pub const SOURCE_ALIAS: &str = "src";
/// The target's alias in scenario files.
pub const TARGET_ALIAS: &str = "dst";

/// The names of one scenario.
#[derive(Clone, Debug)]
pub struct Names {
    tag: String,
    /// Source, target; as in the file.
    aliases: [String; 2],
    /// Whether the replicator is ours, so that its aliases wear the tag too.
    aliases_tagged: bool,
    policy: PolicyWord,
    separator: String,
}

impl Names {
    /// As in the file: for clusters that nobody else uses.
    pub fn untagged(scenario: &Scenario) -> Self {
        Self::tagged(scenario, "")
    }

    /// With `tag` in front of every topic, group and alias. It must not occur in any other text of a run.
    pub fn tagged(scenario: &Scenario, tag: &str) -> Self {
        let replicator = scenario.replicator();
        let (policy, separator) = match &replicator {
            ReplicatorSpec::None(_) => match &scenario.clusters.0 {
                Clusters::Own(_) => (PolicyWord::Default, None),
                _ => (PolicyWord::Identity, None),
            },
            ReplicatorSpec::Copier(copier) => (copier.policy, copier.separator.clone()),
            ReplicatorSpec::Mirrormaker2(mirror) => (mirror.policy, mirror.separator.clone()),
        };
        let aliases = match &scenario.clusters.0 {
            Clusters::Own(own) => [own.source.alias.clone(), own.target.alias.clone()],
            _ => [None, None],
        };
        let [source, target] = aliases;
        Self {
            tag: tag.to_owned(),
            aliases: [
                source.unwrap_or_else(|| SOURCE_ALIAS.to_owned()),
                target.unwrap_or_else(|| TARGET_ALIAS.to_owned()),
            ],
            aliases_tagged: !matches!(replicator, ReplicatorSpec::None(_)),
            policy,
            separator: separator.unwrap_or_else(|| ".".to_owned()),
        }
    }

    /// How topics are named on the target.
    pub fn policy(&self) -> PolicyWord {
        self.policy
    }

    /// Between alias and topic.
    pub fn separator(&self) -> &str {
        &self.separator
    }

    /// In front of everything; empty where nothing is shared.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The replicator's name for a side, as in the file.
    pub fn alias_in_file(&self, side: SideWord) -> &str {
        &self.aliases[side as usize]
    }

    /// The replicator's name for a side, on the clusters.
    pub fn alias(&self, side: SideWord) -> String {
        let tag = if self.aliases_tagged { self.tag.as_str() } else { "" };
        format!("{tag}{}", self.alias_in_file(side))
    }

    /// A topic of the file on the clusters.
    pub fn topic(&self, side: SideWord, topic: &str) -> String {
        if let Some(internal) = self.internal(topic) {
            return internal;
        }
        let prefix = format!("{}{}", self.alias_in_file(SideWord::Source), self.separator);
        match topic.strip_prefix(&prefix) {
            Some(rest) if side == SideWord::Target && self.policy == PolicyWord::Default => {
                format!("{}{}{}{rest}", self.alias(SideWord::Source), self.separator, self.tag)
            }
            _ => format!("{}{topic}", self.tag),
        }
    }

    /// One of MirrorMaker 2's own topics on the clusters: offset-syncs or checkpoints.
    pub fn internal(&self, topic: &str) -> Option<String> {
        let separator = &self.separator;
        let sides = [SideWord::Source, SideWord::Target];
        let named = |alias: &dyn Fn(SideWord) -> String| {
            let syncs =
                sides.map(|side| format!("mm2-offset-syncs{separator}{}{separator}internal", alias(side)));
            let checkpoints = format!("{}{separator}checkpoints{separator}internal", alias(SideWord::Source));
            syncs.into_iter().chain([checkpoints])
        };
        let in_file = named(&|side| self.alias_in_file(side).to_owned());
        in_file.zip(named(&|side| self.alias(side))).find(|(file, _)| file == topic).map(|(_, name)| name)
    }

    /// A group of the file on the clusters.
    pub fn group(&self, group: &str) -> String {
        format!("{}{group}", self.tag)
    }

    /// The copy of a source topic, as in the file.
    pub fn copy_of(&self, source_topic: &str) -> String {
        match self.policy {
            PolicyWord::Default => {
                format!("{}{}{source_topic}", self.alias_in_file(SideWord::Source), self.separator)
            }
            PolicyWord::Identity => source_topic.to_owned(),
        }
    }

    /// A text of a run in the names of the file.
    pub fn as_in_file(&self, text: &str) -> String {
        if self.tag.is_empty() { text.to_owned() } else { text.replace(&self.tag, "") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::template;

    fn scenario(replicator: &str) -> Scenario {
        let text = template().replace("replicator: copier", &format!("replicator: {replicator}"));
        cutproof::config::from_yaml(&text).expect("the template is a scenario")
    }

    #[test]
    fn every_name_wears_the_tag_and_loses_it_again() {
        let names = Names::tagged(&scenario("copier"), "t1-");
        assert_eq!(names.topic(SideWord::Source, "orders"), "t1-orders");
        assert_eq!(names.topic(SideWord::Target, &names.copy_of("orders")), "t1-src.t1-orders");
        assert_eq!(names.topic(SideWord::Target, "other"), "t1-other");
        let syncs = names.topic(SideWord::Source, "mm2-offset-syncs.dst.internal");
        assert_eq!(syncs, "mm2-offset-syncs.t1-dst.internal");
        let checkpoints = names.topic(SideWord::Target, "src.checkpoints.internal");
        assert_eq!(checkpoints, "t1-src.checkpoints.internal");
        assert_eq!(names.group("g"), "t1-g");
        assert_eq!(names.alias(SideWord::Target), "t1-dst");
        assert_eq!(names.as_in_file("t1-src.t1-orders-0@3"), "src.orders-0@3");
        assert_eq!(Names::untagged(&scenario("copier")).topic(SideWord::Target, "src.orders"), "src.orders");
    }

    #[test]
    fn the_identity_policy_and_the_separator_change_the_copys_name() {
        let identity = Names::tagged(&scenario("{ copier: { policy: identity } }"), "t1-");
        assert_eq!(identity.topic(SideWord::Target, &identity.copy_of("orders")), "t1-orders");
        let other = Names::tagged(&scenario("{ copier: { separator: _ } }"), "t1-");
        assert_eq!(other.topic(SideWord::Target, &other.copy_of("orders")), "t1-src_t1-orders");
    }
}
