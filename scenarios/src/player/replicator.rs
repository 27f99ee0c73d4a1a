//! The replicator of a scenario: none, the copier, or MirrorMaker 2 with what the file says of it. Waits for nothing.

use std::collections::BTreeMap;

use cutproof_testcontainers::{
    Copier, CopierSettings, CopyNaming, MirrorMaker, MirrorOptions, MirrorPolicy, Result,
};

use super::Names;
use super::ground::kafka_version;
use crate::format::{CopierSpec, MirrorSpec, PolicyWord, ReplicatorSpec, SideWord};

/// What copies.
pub enum Replicator {
    /// Nothing of ours.
    None,
    /// In this process.
    Copier {
        /// Remembers how far it is.
        copier: Copier,
        /// What it changes.
        spec: CopierSpec,
    },
    /// MirrorMaker 2, running or not.
    Mirror {
        /// With what it starts next.
        options: Box<MirrorOptions>,
        /// `None` before its first start.
        process: Option<MirrorMaker>,
    },
}

impl Replicator {
    /// Nothing runs yet. `bootstrap`: source, target, as the replicator reaches them.
    pub fn new(spec: &ReplicatorSpec, names: &Names, bootstrap: [&str; 2]) -> Self {
        let [source, target] = bootstrap;
        match spec {
            ReplicatorSpec::None(_) => Self::None,
            ReplicatorSpec::Copier(spec) => {
                let aliases = [SideWord::Source, SideWord::Target].map(|side| names.alias(side));
                let mut settings = CopierSettings::new(source, &aliases[0], target, &aliases[1]);
                settings.naming = match spec.policy {
                    PolicyWord::Default => CopyNaming::Prefixed { separator: names.separator().to_owned() },
                    PolicyWord::Identity => CopyNaming::Identity,
                };
                settings.offset_lag_max = spec.offset_lag_max.map_or(settings.offset_lag_max, i64::from);
                Self::Copier { copier: Copier::new(settings), spec: spec.clone() }
            }
            ReplicatorSpec::Mirrormaker2(spec) => {
                Self::Mirror { options: Box::new(mirror(spec, names, source, target)), process: None }
            }
        }
    }

    /// Starts MirrorMaker 2, with further properties that stay; the copier needs no start.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(&mut self, names: &Names, properties: &BTreeMap<String, String>) -> Result<()> {
        if let Self::Mirror { options, process } = self {
            options
                .properties
                .extend(properties.iter().map(|(name, value)| (tagged(name, names), value.clone())));
            *process = None;
            *process = Some(MirrorMaker::start(options.as_ref().clone())?);
        }
        Ok(())
    }

    /// Ends it in good order.
    pub fn stop(&mut self) {
        if let Self::Mirror { process: Some(process), .. } = self {
            process.stop();
        }
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Self::Mirror { process: Some(process), .. } = self {
            process.kill();
        }
    }
}

fn mirror(spec: &MirrorSpec, names: &Names, source: &str, target: &str) -> MirrorOptions {
    let MirrorSpec {
        version,
        policy,
        separator,
        exactly_once,
        read_committed,
        sync_group_offsets,
        offset_syncs_location,
        offset_lag_max,
        drop_records_with_header,
        properties,
    } = spec;
    let all = format!("{}.*", names.tag().replace('.', "\\."));
    let mut options = MirrorOptions::new(source, target, &all);
    options.groups = all;
    options.version = kafka_version(*version);
    options.source_alias = names.alias(SideWord::Source);
    options.target_alias = names.alias(SideWord::Target);
    options.policy = match policy {
        PolicyWord::Default => MirrorPolicy::Default,
        PolicyWord::Identity => MirrorPolicy::Identity,
    };
    options.separator.clone_from(separator);
    options.exactly_once = *exactly_once;
    options.sync_group_offsets = *sync_group_offsets;
    options.offset_syncs_on_target = *offset_syncs_location == SideWord::Target;
    options.offset_lag_max = *offset_lag_max;
    if *read_committed {
        let name = format!("{}.consumer.isolation.level", options.source_alias);
        options = options.property(&name, "read_committed");
    }
    if let Some(header) = drop_records_with_header {
        options = options.dropping_records_with_header(header);
    }
    // Nothing of it shall stay behind on clusters of others.
    let heartbeats = format!("{}->{}.emit.heartbeats.enabled", options.source_alias, options.target_alias);
    options = options.property(&heartbeats, "false");
    for (name, value) in properties {
        options = options.property(&tagged(name, names), value);
    }
    options
}

/// A property of the file, which knows the aliases without their tag.
fn tagged(property: &str, names: &Names) -> String {
    let [source, target] =
        [SideWord::Source, SideWord::Target].map(|side| (names.alias_in_file(side), names.alias(side)));
    let pair = format!("{}->{}", source.0, target.0);
    let prefixes =
        [(pair.as_str(), format!("{}->{}", source.1, target.1)), (source.0, source.1), (target.0, target.1)];
    for (alias, tagged) in prefixes {
        if let Some(rest) = property.strip_prefix(alias).filter(|rest| rest.starts_with('.')) {
            return format!("{tagged}{rest}");
        }
    }
    property.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_name_the_aliases_of_the_file() {
        let scenario = cutproof::config::from_yaml(crate::template()).expect("the template is a scenario");
        let names = Names::tagged(&scenario, "t1-");
        assert_eq!(tagged("dst.offset.flush.interval.ms", &names), "t1-dst.offset.flush.interval.ms");
        assert_eq!(tagged("src->dst.topics.exclude", &names), "t1-src->t1-dst.topics.exclude");
        assert_eq!(tagged("srcs.x", &names), "srcs.x");
        assert_eq!(tagged("tasks.max", &names), "tasks.max");
    }
}
