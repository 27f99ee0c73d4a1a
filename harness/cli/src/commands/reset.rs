//! The command line with which Kafka's own tool sets offsets from a file. Cutproof itself never does.

use std::path::Path;

use cutproof::config::ClusterConfig;

/// First a dry run, then what commits. `groups` may repeat; each is named, for `--all-groups` are only those that the cluster
/// has already.
pub fn command(cluster: &ClusterConfig, groups: &[&str], file: &Path) -> String {
    let mut distinct = groups.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let of: String = distinct.iter().map(|group| format!(" --group {}", quoted(group))).collect();
    let settings = if cluster.properties.is_empty() { "" } else { " --command-config CLIENT.properties" };
    let command = format!(
        "kafka-consumer-groups.sh --bootstrap-server {}{settings}{of} --reset-offsets --from-file {}",
        quoted(&cluster.bootstrap_servers),
        quoted(&file.display().to_string())
    );
    format!("  {command} --dry-run\n  {command} --execute\n")
}

/// As one word of a shell.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/@+=".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> ClusterConfig {
        ClusterConfig {
            alias: "src".into(),
            bootstrap_servers: "a:9092,b:9092".into(),
            properties: Default::default(),
            allow_unverified_tls: false,
            schema_registry: None,
        }
    }

    #[test]
    fn the_dry_run_comes_first_and_every_group_is_named_once() {
        let text = command(&cluster(), &["b", "it's; rm", "b"], Path::new("out/x.csv"));
        let line = r"  kafka-consumer-groups.sh --bootstrap-server a:9092,b:9092 --group b --group 'it'\''s; rm' --reset-offsets --from-file out/x.csv";
        assert_eq!(text, format!("{line} --dry-run\n{line} --execute\n"));
    }

    #[test]
    fn many_groups_are_named_too_and_a_secured_cluster_needs_its_settings() {
        let names: Vec<String> = (0..21).map(|n| format!("g{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut cluster = cluster();
        cluster.properties.insert("sasl.password".into(), "hunter2".into());
        let text = command(&cluster, &names, Path::new("x.csv"));
        assert!(text.contains(" --command-config CLIENT.properties --group g0 --group g1 "), "{text}");
        assert_eq!(text.matches(" --group g").count(), 2 * 21, "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
