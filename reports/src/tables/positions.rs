//! `positions.parquet`: one row for each position of each group. Judges none.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::SchemaRef;

use super::cells::{Cells, read_rows};
use super::writer::{BATCH_ROWS, TableWriter, count, int32, int64, list_element, schema, text, texts};
use crate::files::{POSITIONS_FILE, RunDirectory};
use crate::words::Word;
use crate::{GroupSummary, Origin, OtherPosition, PositionSummary, ReportError, Scorecard};

/// As the rows of `groups[].positions` in `run.json`; `group` is a keyword in SQL, hence `group_id`. `also`: elements
/// `origin=offset`, e.g. `checkpoints=405`.
fn columns() -> SchemaRef {
    schema(vec![
        text("group_id", false),
        text("scorecard", false),
        text("topic", false),
        int32("partition", true),
        text("target_topic", false),
        int32("target_partition", true),
        int64("source_offset", true),
        int64("target_offset", true),
        text("origin", false),
        int64("image_offset", true),
        int64("skip_records", true),
        int64("replay_records", true),
        int64("missing_records", true),
        int64("records_read_to_locate", false),
        text("state", false),
        text("detail", false),
        texts("also"),
    ])
}

type Row<'a> = (&'a GroupSummary, &'a PositionSummary);

/// Writes the table.
pub(crate) fn write_positions(run: &RunDirectory, groups: &[GroupSummary]) -> Result<(), ReportError> {
    let mut writer = TableWriter::begin(run, POSITIONS_FILE, columns())?;
    let rows: Vec<Row<'_>> = groups
        .iter()
        .flat_map(|group| group.positions.iter().map(move |position| (group, position)))
        .collect();
    for some in rows.chunks(BATCH_ROWS) {
        writer.write(encode(some)?)?;
    }
    writer.close()
}

fn encode(rows: &[Row<'_>]) -> Result<Vec<ArrayRef>, ReportError> {
    fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    }
    let int32s = |get: fn(&PositionSummary) -> Option<i32>| -> ArrayRef {
        Arc::new(Int32Array::from_iter(rows.iter().map(|(_, position)| get(position))))
    };
    let int64s = |get: fn(&PositionSummary) -> Option<i64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter(rows.iter().map(|(_, position)| get(position))))
    };
    let counts = |what, get: fn(&PositionSummary) -> Option<u64>| -> Result<ArrayRef, ReportError> {
        let value = |(_, position): &Row<'_>| get(position).map(|value| count(what, value)).transpose();
        Ok(Arc::new(rows.iter().map(value).collect::<Result<Int64Array, _>>()?))
    };
    Ok(vec![
        texts(rows.iter().map(|(group, _)| group.group.as_str())),
        texts(rows.iter().map(|(group, _)| group.scorecard.as_str())),
        texts(rows.iter().map(|(_, position)| position.topic.as_str())),
        int32s(|position| position.partition),
        texts(rows.iter().map(|(_, position)| position.target_topic.as_str())),
        int32s(|position| position.target_partition),
        int64s(|position| position.source_offset),
        int64s(|position| position.target_offset),
        texts(rows.iter().map(|(_, position)| position.origin.as_str())),
        int64s(|position| position.image_offset),
        counts("skip_records", |position| position.skip_records)?,
        counts("replay_records", |position| position.replay_records)?,
        counts("missing_records", |position| position.missing_records)?,
        counts("records_read_to_locate", |position| Some(position.records_read_to_locate))?,
        texts(rows.iter().map(|(_, position)| position.state.as_str())),
        texts(rows.iter().map(|(_, position)| position.detail.as_str())),
        others(rows),
    ])
}

fn others(rows: &[Row<'_>]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(list_element());
    for (_, position) in rows {
        for OtherPosition { origin, offset } in &position.also {
            lists.values().append_value(format!("{}={offset}", origin.as_str()));
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn other(text: &str) -> Option<OtherPosition> {
    let (origin, offset) = text.split_once('=')?;
    Some(OtherPosition { origin: Origin::from_word(origin)?, offset: offset.parse().ok()? })
}

/// Reads `positions.parquet` of a run directory. A group without positions has no row, so it is not among them.
pub fn read_positions(directory: &Path) -> Result<Vec<GroupSummary>, ReportError> {
    let rows = read_rows(&directory.join(POSITIONS_FILE), decode)?;
    let mut groups: Vec<GroupSummary> = Vec::new();
    for (group, scorecard, position) in rows {
        match groups.last_mut().filter(|last| last.group == group) {
            Some(last) => last.positions.push(position),
            None => groups.push(GroupSummary { group, scorecard, positions: vec![position] }),
        }
    }
    Ok(groups)
}

fn decode(cells: &Cells) -> Result<Vec<(String, Scorecard, PositionSummary)>, ReportError> {
    let group_id = cells.texts("group_id")?;
    let scorecard = cells.texts("scorecard")?;
    let topic = cells.texts("topic")?;
    let partition = cells.int32s("partition")?;
    let target_topic = cells.texts("target_topic")?;
    let target_partition = cells.int32s("target_partition")?;
    let source_offset = cells.int64s("source_offset")?;
    let target_offset = cells.int64s("target_offset")?;
    let origin = cells.texts("origin")?;
    let image_offset = cells.int64s("image_offset")?;
    let skip_records = cells.int64s("skip_records")?;
    let replay_records = cells.int64s("replay_records")?;
    let missing_records = cells.int64s("missing_records")?;
    let read_to_locate = cells.int64s("records_read_to_locate")?;
    let state = cells.texts("state")?;
    let detail = cells.texts("detail")?;
    let also = cells.lists("also")?;
    let position = |row| {
        Ok(PositionSummary {
            topic: topic.must(row)?,
            partition: partition.get(row),
            target_topic: target_topic.must(row)?,
            target_partition: target_partition.get(row),
            source_offset: source_offset.get(row),
            target_offset: target_offset.get(row),
            origin: origin.must_word(row)?,
            also: also.must_all(row, other)?,
            image_offset: image_offset.get(row),
            skip_records: skip_records.count(row)?,
            replay_records: replay_records.count(row)?,
            missing_records: missing_records.count(row)?,
            records_read_to_locate: read_to_locate.must_count(row)?,
            state: state.must_word(row)?,
            detail: detail.must(row)?,
        })
    };
    (0..cells.rows())
        .map(|row| Ok((group_id.must(row)?, scorecard.must_word(row)?, position(row)?)))
        .collect()
}
