//! `pairs.parquet`: the ledger, one row a pair. Sums nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::SchemaRef;

use super::cells::{Cells, read_rows};
use super::writer::{BATCH_ROWS, TableWriter, count, int32, int64, list_element, schema, text, texts};
use crate::files::{PAIRS_FILE, RunDirectory};
use crate::{Counts, FindingKind, PairSummary, ReportError};

fn columns() -> SchemaRef {
    let mut columns = vec![
        text("source_topic", false),
        int32("source_partition", true),
        text("target_topic", false),
        int32("target_partition", true),
        int64("source_start_offset", true),
        int64("source_end_offset", true),
        int64("target_start_offset", true),
        int64("target_end_offset", true),
        int64("source_records", false),
        int64("target_records", false),
        int64("matched", false),
        int64("equal_meaning", false),
        int64("pending", false),
        int64("unverifiable", false),
        int64("compacted", false),
        int64("compacted_or_dropped", false),
    ];
    columns.extend(FindingKind::ALL.map(|kind| int64(kind.as_str(), false)));
    columns.push(texts("remarks"));
    columns.push(texts("notes"));
    schema(columns)
}

/// Writes the table.
pub(crate) fn write_pairs(run: &RunDirectory, pairs: &[PairSummary]) -> Result<(), ReportError> {
    let mut writer = TableWriter::begin(run, PAIRS_FILE, columns())?;
    for some in pairs.chunks(BATCH_ROWS) {
        writer.write(encode(some)?)?;
    }
    writer.close()
}

fn encode(pairs: &[PairSummary]) -> Result<Vec<ArrayRef>, ReportError> {
    let texts = |get: fn(&PairSummary) -> &String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(pairs.iter().map(get)))
    };
    let int32s = |get: fn(&PairSummary) -> Option<i32>| -> ArrayRef {
        Arc::new(Int32Array::from_iter(pairs.iter().map(get)))
    };
    let int64s = |get: fn(&PairSummary) -> Option<i64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter(pairs.iter().map(get)))
    };
    let counts = |what, get: &dyn Fn(&Counts) -> u64| -> Result<ArrayRef, ReportError> {
        let values: Result<Vec<i64>, _> = pairs.iter().map(|pair| count(what, get(&pair.counts))).collect();
        Ok(Arc::new(Int64Array::from(values?)))
    };
    let mut arrays = vec![
        texts(|pair| &pair.source_topic),
        int32s(|pair| pair.source_partition),
        texts(|pair| &pair.target_topic),
        int32s(|pair| pair.target_partition),
        int64s(|pair| pair.source_start_offset),
        int64s(|pair| pair.source_end_offset),
        int64s(|pair| pair.target_start_offset),
        int64s(|pair| pair.target_end_offset),
        counts("source_records", &|counts| counts.source_records)?,
        counts("target_records", &|counts| counts.target_records)?,
        counts("matched", &|counts| counts.matched)?,
        counts("equal_meaning", &|counts| counts.equal_meaning)?,
        counts("pending", &|counts| counts.pending)?,
        counts("unverifiable", &|counts| counts.unverifiable)?,
        counts("compacted", &|counts| counts.compacted)?,
        counts("compacted_or_dropped", &|counts| counts.compacted_or_dropped)?,
    ];
    for kind in FindingKind::ALL {
        let of_kind = |counts: &Counts| counts.findings.get(&kind).copied().unwrap_or(0);
        arrays.push(counts(kind.as_str(), &of_kind)?);
    }
    for sentences in [(|pair| &pair.remarks) as fn(&PairSummary) -> &Vec<String>, |pair| &pair.notes] {
        let mut column = ListBuilder::new(StringBuilder::new()).with_field(list_element());
        for pair in pairs {
            column.append_value(sentences(pair).iter().map(Some));
        }
        arrays.push(Arc::new(column.finish()));
    }
    Ok(arrays)
}

/// Reads `pairs.parquet` of a run directory. Kinds without a finding are absent from the counts.
pub fn read_pairs(directory: &Path) -> Result<Vec<PairSummary>, ReportError> {
    read_rows(&directory.join(PAIRS_FILE), decode)
}

fn decode(cells: &Cells) -> Result<Vec<PairSummary>, ReportError> {
    let source_topic = cells.texts("source_topic")?;
    let source_partition = cells.int32s("source_partition")?;
    let target_topic = cells.texts("target_topic")?;
    let target_partition = cells.int32s("target_partition")?;
    let source_start_offset = cells.int64s("source_start_offset")?;
    let source_end_offset = cells.int64s("source_end_offset")?;
    let target_start_offset = cells.int64s("target_start_offset")?;
    let target_end_offset = cells.int64s("target_end_offset")?;
    let source_records = cells.int64s("source_records")?;
    let target_records = cells.int64s("target_records")?;
    let matched = cells.int64s("matched")?;
    let equal_meaning = cells.int64s("equal_meaning")?;
    let pending = cells.int64s("pending")?;
    let unverifiable = cells.int64s("unverifiable")?;
    let compacted = cells.int64s("compacted")?;
    let compacted_or_dropped = cells.int64s("compacted_or_dropped")?;
    let remarks = cells.lists("remarks")?;
    let notes = cells.lists("notes")?;
    let mut findings = vec![BTreeMap::new(); cells.rows()];
    for kind in FindingKind::ALL {
        let column = cells.int64s(kind.as_str())?;
        for (row, findings) in findings.iter_mut().enumerate() {
            let count = column.must_count(row)?;
            if count > 0 {
                findings.insert(kind, count);
            }
        }
    }
    let pair = |(row, findings)| {
        Ok(PairSummary {
            source_topic: source_topic.must(row)?,
            source_partition: source_partition.get(row),
            target_topic: target_topic.must(row)?,
            target_partition: target_partition.get(row),
            source_start_offset: source_start_offset.get(row),
            source_end_offset: source_end_offset.get(row),
            target_start_offset: target_start_offset.get(row),
            target_end_offset: target_end_offset.get(row),
            counts: Counts {
                source_records: source_records.must_count(row)?,
                target_records: target_records.must_count(row)?,
                matched: matched.must_count(row)?,
                equal_meaning: equal_meaning.must_count(row)?,
                pending: pending.must_count(row)?,
                unverifiable: unverifiable.must_count(row)?,
                compacted: compacted.must_count(row)?,
                compacted_or_dropped: compacted_or_dropped.must_count(row)?,
                findings,
            },
            remarks: remarks.must(row)?,
            notes: notes.must(row)?,
        })
    };
    findings.into_iter().enumerate().map(pair).collect()
}
