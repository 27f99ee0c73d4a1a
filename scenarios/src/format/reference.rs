//! The reference of the format as Markdown, out of the same schema as editors use, so that no key is left out.

use std::fmt::Write;

use serde_json::Value;

use super::Scenario;

/// Tables of every key, alternative and step, as they stand in `README.md`.
pub fn reference() -> String {
    let schema = schemars::schema_for!(Scenario).to_value();
    let mut text = String::new();
    keys(&mut text, &schema, &schema, "### A file");
    for (title, name) in [
        ("### `clusters`", "ClustersOrWord"),
        ("### `registry`", "RegistrySpecOrWord"),
        ("### `replicator`", "ReplicatorSpecOrWord"),
    ] {
        alternatives(&mut text, &schema, name, title, "alternative");
    }
    for (title, name) in [("### `workload`", "WorkloadSpec"), ("### A record", "RawRecord")] {
        keys(&mut text, &schema, &schema["$defs"][name], title);
    }
    alternatives(&mut text, &schema, "StepOrWord", "### `steps`", "step");
    for (title, name) in [
        ("### `expect`", "Expect"),
        ("### `expect.findings`: an entry", "FindingExpect"),
        ("### `expect.groups`: an entry", "GroupExpect"),
        ("### `expect.totals`", "TotalsExpect"),
        ("### `table`", "TableRow"),
    ] {
        keys(&mut text, &schema, &schema["$defs"][name], title);
    }
    text
}

fn keys(text: &mut String, schema: &Value, shape: &Value, title: &str) {
    let _ = write!(text, "{title}\n\n| key | meaning |\n| --- | --- |\n");
    for (key, meaning) in properties(schema, shape) {
        let _ = writeln!(text, "| {key} | {meaning} |");
    }
    text.push('\n');
}

/// One row for each alternative, with its settings.
fn alternatives(text: &mut String, schema: &Value, name: &str, title: &str, word: &str) {
    let _ = write!(text, "{title}\n\n| {word} | meaning | settings |\n| --- | --- | --- |\n");
    for alternative in schema["$defs"][name]["oneOf"].as_array().into_iter().flatten().skip(1) {
        let Some((key, settings)) = alternative["properties"].as_object().and_then(|all| all.iter().next())
        else {
            continue;
        };
        let inner = properties(schema, referred(schema, settings));
        let settings = match inner.is_empty() {
            false => inner.iter().map(|(key, meaning)| format!("{key}: {meaning}")).collect::<Vec<_>>(),
            true => vec![words(referred(schema, settings))],
        };
        let _ =
            writeln!(text, "| `{key}` | {} | {} |", description(schema, alternative), settings.join("<br>"));
    }
    text.push('\n');
}

/// Key and meaning, with the words that are allowed.
fn properties(schema: &Value, shape: &Value) -> Vec<(String, String)> {
    let required: Vec<&str> =
        shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all = shape["properties"].as_object().into_iter().flatten();
    all.map(|(key, property)| {
        let must = if required.contains(&key.as_str()) { " (required)" } else { "" };
        let (meaning, words) = (description(schema, property), words(referred(schema, property)));
        (format!("`{key}`{must}"), format!("{meaning} {words}").trim_end().to_owned())
    })
    .collect()
}

/// What a reference refers to, through `null` as the alternative.
fn referred<'a>(schema: &'a Value, property: &'a Value) -> &'a Value {
    let alternatives = property["anyOf"].as_array().into_iter().flatten();
    let inner = alternatives.chain([property, &property["items"]]).find_map(|one| one["$ref"].as_str());
    let name = inner.and_then(|path| path.rsplit('/').next());
    name.map_or(property, |name| &schema["$defs"][name])
}

fn description(schema: &Value, property: &Value) -> String {
    let own = property["description"].as_str();
    let text = own.or_else(|| referred(schema, property)["description"].as_str()).unwrap_or_default();
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of an enumeration.
fn words(shape: &Value) -> String {
    let listed = [&shape["enum"], &shape["items"]["enum"]];
    let listed = listed.iter().flat_map(|list| list.as_array().into_iter().flatten());
    let single = shape["oneOf"].as_array().into_iter().flatten().map(|one| &one["const"]);
    let words: Vec<String> =
        listed.chain(single).filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
    words.join(" \\| ")
}
