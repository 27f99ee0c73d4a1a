//! Positions from a CSV file of rows `group,topic,partition,offset`, quoted or not, as `kafka-consumer-groups`
//! exports them for several groups. The offsets are the target's. Asks no cluster.

use std::collections::BTreeMap;
use std::path::Path;

use super::PlanError;
use crate::record::TopicPartition;

/// Resume offset of a group on a target partition.
pub(super) type CsvPositions = BTreeMap<(String, TopicPartition), i64>;

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<CsvPositions, PlanError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| PlanError::Csv { file: file.clone(), reason: format!("cannot be read: {e}") })?;
    parse(&text).map_err(|reason| PlanError::Csv { file, reason })
}

/// Reads the rows; a first row of the column names is passed over.
pub fn parse(text: &str) -> Result<CsvPositions, String> {
    let mut out = CsvPositions::new();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    for (index, row) in reader.records().enumerate() {
        let row = row.map_err(|e| format!("row {}: {e}", index + 1))?;
        let line = row.position().map_or(index as u64 + 1, csv::Position::line);
        let fields: Vec<&str> = row.iter().collect();
        if index == 0 && fields == ["group", "topic", "partition", "offset"] {
            continue;
        }
        let [group, topic, partition, offset] = fields[..] else {
            let hint = match fields.len() {
                3 => "; an export of a single group has no group column: add it",
                _ => "",
            };
            return Err(format!(
                "line {line} has {} columns; expected group,topic,partition,offset{hint}",
                fields.len()
            ));
        };
        let partition: i32 = partition
            .parse()
            .ok()
            .filter(|p| *p >= 0)
            .ok_or_else(|| format!("line {line}: `{partition}` is no partition number"))?;
        let offset: i64 = offset
            .parse()
            .ok()
            .filter(|o| *o >= 0)
            .ok_or_else(|| format!("line {line}: `{offset}` is no offset"))?;
        let key = (group.to_owned(), TopicPartition::new(topic, partition));
        if let Some(before) = out.insert(key, offset) {
            return Err(format!(
                "line {line} gives group {group} on {topic}-{partition} a second position, {offset} after {before}"
            ));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_read_quoted_or_not_with_or_without_a_header() {
        let plain = parse("g1,src.orders,0,405\ng1,src.orders,1,7\n").expect("plain");
        let quoted =
            parse("\"g1\",\"src.orders\",\"0\",\"405\"\r\n\"g1\",\"src.orders\",1,7").expect("quoted");
        let headed = parse("group,topic,partition,offset\ng1, src.orders, 0, 405\ng1,src.orders,1,7\n")
            .expect("headed");
        assert_eq!(plain, quoted);
        assert_eq!(plain, headed);
        assert_eq!(plain[&("g1".into(), TopicPartition::new("src.orders", 0))], 405);
        assert_eq!(plain.len(), 2);
        let comma = parse("\"a,b\",t,0,1\n").expect("a comma in a name");
        assert_eq!(comma.keys().next().map(|k| k.0.as_str()), Some("a,b"));
    }

    #[test]
    fn rows_that_say_nothing_are_refused_with_their_line() {
        for (text, reason) in [
            (
                "orders,0,405\n",
                "line 1 has 3 columns; expected group,topic,partition,offset; an export of a single group has no group column: add it",
            ),
            ("g,t,0,1\ng,t,x,1\n", "line 2: `x` is no partition number"),
            ("g,t,0,-1\n", "line 1: `-1` is no offset"),
            ("g,t,0,1\ng,t,0,2\n", "line 2 gives group g on t-0 a second position, 2 after 1"),
        ] {
            assert_eq!(parse(text), Err(reason.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9,\"\n-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
