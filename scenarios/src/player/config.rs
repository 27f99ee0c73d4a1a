//! The configuration of a scenario's proof: what the player knows, and over it what the file says. The engine reads it
//! as it reads any user's.

use serde_json::{Map, Value, json};

use super::{Cast, Names};
use crate::format::{Clusters, PolicyWord, ReplicatorSpec, Scenario, SideWord};

/// Where the two sides are.
pub struct Addresses {
    /// Bootstrap servers of source and target.
    pub bootstrap: [String; 2],
    /// Base URLs of their registries.
    pub registries: [Option<String>; 2],
}

/// The text of the configuration: JSON, which is YAML.
pub fn proof_config(scenario: &Scenario, names: &Names, cast: &Cast, addresses: &Addresses) -> String {
    let mut config = known(scenario, names, cast, addresses);
    let mut over = Value::Object(scenario.proof.clone());
    tag_patterns(&mut over, names);
    lay_over(&mut config, over);
    let mut text = serde_json::to_string_pretty(&config).unwrap_or_default();
    text.push('\n');
    text
}

fn known(scenario: &Scenario, names: &Names, cast: &Cast, addresses: &Addresses) -> Value {
    let embedded = matches!(scenario.clusters.0, Clusters::Embedded(_));
    let side = |side: SideWord| {
        let index = side as usize;
        let mut cluster =
            json!({ "alias": names.alias(side), "bootstrap_servers": addresses.bootstrap[index] });
        if embedded {
            // The brokers are at hand: no fetch needs to wait long for more.
            cluster["properties"] = json!({ "fetch.wait.max.ms": "10" });
        }
        if let Some(url) = &addresses.registries[index] {
            cluster["schema_registry"] = json!({ "url": url });
        }
        cluster
    };
    let policy = match names.policy() {
        PolicyWord::Default => "default",
        PolicyWord::Identity => "identity",
    };
    let (kind, syncs) = match scenario.replicator() {
        ReplicatorSpec::Copier(_) => ("mirrormaker2", SideWord::Source),
        ReplicatorSpec::Mirrormaker2(mirror) => ("mirrormaker2", mirror.offset_syncs_location),
        ReplicatorSpec::None(_) => match scenario.clusters.0 {
            Clusters::Own(_) => ("mirrormaker2", SideWord::Source),
            _ => ("none", SideWord::Source),
        },
    };
    let topics: Vec<String> =
        cast.topics(SideWord::Source).iter().map(|topic| names.topic(SideWord::Source, topic)).collect();
    let groups: Vec<String> = cast.groups.iter().map(|group| names.group(group)).collect();
    let mut config = json!({
        "apiVersion": "cutproof/v1",
        "kind": "Proof",
        "source": side(SideWord::Source),
        "target": side(SideWord::Target),
        "replication": {
            "kind": kind,
            "policy": policy,
            "separator": names.separator(),
            "offset_syncs_location": syncs.to_string(),
        },
        "topics": { "include": topics },
        // Nothing is being copied any more when most proofs run.
        "range": { "settle": if embedded { "300ms" } else { "2s" } },
    });
    if !groups.is_empty() {
        // Names and no pattern: embedded brokers can't list groups.
        config["groups"] = json!({ "include": groups });
    }
    config
}

/// Patterns of the file are about names of the file.
fn tag_patterns(over: &mut Value, names: &Names) {
    if names.tag().is_empty() {
        return;
    }
    let tag = names.tag();
    let patterns = |list: &mut Value| {
        for pattern in list.as_array_mut().into_iter().flatten() {
            if let Value::String(text) = pattern {
                *text = format!("{}(?:{text})", tag.replace('.', "\\."));
            }
        }
    };
    for filter in ["topics", "groups"] {
        for list in ["include", "exclude"] {
            patterns(&mut over[filter][list]);
        }
    }
    for contract in over["contracts"].as_array_mut().into_iter().flatten() {
        patterns(&mut contract["topics"]);
    }
    if let Some(map) = over["replication"]["topic_map"].as_object_mut() {
        let tagged = std::mem::take(map).into_iter().map(|(source, target)| {
            let target = target.as_str().unwrap_or_default();
            (names.topic(SideWord::Source, &source), names.topic(SideWord::Target, target).into())
        });
        *map = tagged.collect();
    }
    without_nulls(over);
}

/// Looking for a list made it, as null, where there was none.
fn without_nulls(value: &mut Value) {
    let Some(map) = value.as_object_mut() else { return };
    for filter in ["topics", "groups", "replication"] {
        if let Some(inner) = map.get_mut(filter).and_then(Value::as_object_mut) {
            inner.retain(|_, value| !value.is_null());
        }
    }
    for contract in map.get_mut("contracts").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(contract) = contract.as_object_mut() {
            contract.retain(|_, value| !value.is_null());
        }
    }
    map.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty()));
}

/// Mappings are merged, everything else is replaced.
fn lay_over(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay_over(under.entry(key).or_insert_with(|| Value::Object(Map::new())), value);
            }
        }
        (under, over) => *under = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(proof: &str, tag: &str) -> Value {
        let text = format!("{}\nproof: {proof}\n", crate::template());
        let scenario: Scenario = cutproof::config::from_yaml(&text).expect("the template is a scenario");
        let cast = Cast::of(&scenario, std::path::Path::new("")).expect("a cast");
        let addresses =
            Addresses { bootstrap: ["s:1".to_owned(), "t:1".to_owned()], registries: [None, None] };
        let text = proof_config(&scenario, &Names::tagged(&scenario, tag), &cast, &addresses);
        cutproof::config::parse(&text, std::path::Path::new("")).expect("a configuration of the engine");
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn what_the_file_says_is_merged_into_what_the_player_knows() {
        let config = config("{ range: { start: earliest }, contracts: [{ order: key }] }", "");
        assert_eq!(config["range"], json!({ "settle": "300ms", "start": "earliest" }));
        assert_eq!(config["contracts"], json!([{ "order": "key" }]));
        assert_eq!(config["topics"]["include"], json!(["orders"]));
    }

    #[test]
    fn patterns_of_the_file_find_tagged_names() {
        let config = config(
            "{ topics: { exclude: [\"a|b\"] }, contracts: [{ topics: [\"ord.*\"] }, { log: compacted }] }",
            "t1-",
        );
        assert_eq!(config["topics"], json!({ "include": ["t1-orders"], "exclude": ["t1-(?:a|b)"] }));
        assert_eq!(config["contracts"], json!([{ "topics": ["t1-(?:ord.*)"] }, { "log": "compacted" }]));
        assert_eq!(config["source"]["alias"], "t1-src");
    }
}
