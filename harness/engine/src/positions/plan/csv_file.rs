//! Positions from a CSV file, as `kafka-consumer-groups --export` writes it and `--from-file` reads it: rows
//! `group,topic,partition,offset`, of a single group also `topic,partition,offset`, without a header, fields quoted
//! where the tool chose to. The offsets are the target's. Asks no cluster.

use std::collections::BTreeMap;
use std::path::Path;

use super::PlanError;
use crate::record::TopicPartition;

/// Resume offset of a group on a target partition.
pub(super) type CsvPositions = BTreeMap<(String, TopicPartition), i64>;

/// Reads the file. `single`: the only group of the configuration, which rows without a group are for.
pub(super) fn read(path: &Path, single: Option<&str>) -> Result<CsvPositions, PlanError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| PlanError::Csv { file: file.clone(), reason: format!("cannot be read: {e}") })?;
    parse(&text, single).map_err(|reason| PlanError::Csv { file, reason })
}

/// Reads the rows. Empty lines, lines that begin with `#`, and a first row of the column names are passed over.
pub fn parse(text: &str, single: Option<&str>) -> Result<CsvPositions, String> {
    let mut out = CsvPositions::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut columns = None;
    for (index, row) in reader.records().enumerate() {
        let row = row.map_err(|e| format!("row {}: {e}", index + 1))?;
        let line = line_of(text, row.position().map_or(0, csv::Position::byte));
        let fields: Vec<&str> = row.iter().collect();
        let names = ["group", "topic", "partition", "offset"];
        if index == 0 && (fields == names || fields == names[1..]) {
            columns = Some(fields.len());
            continue;
        }
        if fields.len() != 3 && fields.len() != 4 {
            return Err(format!(
                "line {line} has {} columns; expected group,topic,partition,offset, or without the group in the \
                 export of a single group",
                fields.len()
            ));
        }
        if *columns.get_or_insert(fields.len()) != fields.len() {
            return Err(format!("line {line} has {} columns, the rows before it have not", fields.len()));
        }
        let (group, rest) = match (single, fields.len()) {
            (_, 4) => (fields[0], &fields[1..]),
            (Some(group), _) => (group, &fields[..]),
            (None, _) => {
                return Err(format!(
                    "line {line} names no group, as in the export of a single group: name that group alone in \
                     groups.include, or put it before the topic"
                ));
            }
        };
        let (topic, partition, offset) = (rest[0], rest[1], rest[2]);
        if group.is_empty() || topic.is_empty() {
            return Err(format!("line {line} has an empty name"));
        }
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

/// The line, from 1, of the first byte at or after `from` that is no line break and in no comment: where a row begins.
fn line_of(text: &str, from: u64) -> usize {
    let mut at = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
    let rest = |at: usize| &text.as_bytes()[at..];
    loop {
        match rest(at).first() {
            Some(b'\n' | b'\r') => at += 1,
            Some(b'#') => at += rest(at).iter().position(|b| *b == b'\n').unwrap_or(rest(at).len()),
            _ => return 1 + text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_read_quoted_or_not_with_or_without_a_header() {
        let parse = |text: &str| parse(text, None);
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
                "line 1 names no group, as in the export of a single group: name that group alone in \
                 groups.include, or put it before the topic",
            ),
            (
                "g,t\n",
                "line 1 has 2 columns; expected group,topic,partition,offset, or without the group in the export \
                 of a single group",
            ),
            ("g,t,0,1\n\n# note\nt,1,1\n", "line 4 has 3 columns, the rows before it have not"),
            ("\n\r\n#x\ng,t,0,one\n", "line 4: `one` is no offset"),
            ("g,\"a\nb\",0,1\ng,t,0,9223372036854775808\n", "line 3: `9223372036854775808` is no offset"),
            ("g,,0,1\n", "line 1 has an empty name"),
            ("g,t,0,1\ng,t,x,1\n", "line 2: `x` is no partition number"),
            ("g,t,0,-1\n", "line 1: `-1` is no offset"),
            ("g,t,0,1\ng,t,0,2\n", "line 2 gives group g on t-0 a second position, 2 after 1"),
        ] {
            assert_eq!(parse(text, None), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_tools_own_exports_are_read_in_both_forms() {
        // The tool quotes what is long or unusual, and nothing else.
        let several = "\"a-topic-with-a-name-of-more-than-24-characters\",0,12\nshort,1,3\n";
        let with_group =
            "\"g 1\",\"a-topic-with-a-name-of-more-than-24-characters\",0,12\n\"g 1\",short,1,3\n";
        let expected = parse(with_group, None).expect("four columns");
        assert_eq!(expected.len(), 2);
        assert_eq!(
            parse(several, Some("g 1")),
            Ok(expected.clone()),
            "rows without a group are the only group's"
        );
        assert_eq!(parse(with_group, Some("other")), Ok(expected.clone()), "a group that is named is meant");
        let noted = format!("\u{feff}# exported before the cutover\n\ntopic,partition,offset\n{several}\n\n");
        assert_eq!(parse(&noted, Some("g 1")), Ok(expected));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9,\"\n\r#-]{0,60}", single: bool) {
            let _ = parse(&text, single.then_some("g"));
        }
    }
}
