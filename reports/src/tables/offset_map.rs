//! `offset_map.parquet`: which target offset holds which source record, as runs, as a stream. Translates nothing.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Builder, Int64Builder, StringBuilder};
use arrow::datatypes::SchemaRef;

use super::cells::{Cells, read_rows};
use super::writer::{BATCH_ROWS, TableWriter, count, int32, int64, schema, text};
use crate::ReportError;
use crate::files::{OFFSET_MAP_FILE, RunDirectory};

/// Records that follow each other on both sides: both offsets grow by one per record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetRun {
    /// Source topic.
    pub source_topic: String,
    /// Source partition.
    pub source_partition: i32,
    /// Source offset of the first record.
    pub source_offset: i64,
    /// Target topic.
    pub target_topic: String,
    /// Target partition.
    pub target_partition: i32,
    /// Target offset of the first record.
    pub target_offset: i64,
    /// How many records.
    pub record_count: u64,
}

fn columns() -> SchemaRef {
    schema(vec![
        text("source_topic", false),
        int32("source_partition", false),
        int64("source_offset", false),
        text("target_topic", false),
        int32("target_partition", false),
        int64("target_offset", false),
        int64("record_count", false),
    ])
}

/// Writes runs as they come, in the order given. Dropped without [`Self::close`], the run cannot finish.
pub struct OffsetMapWriter {
    table: TableWriter,
    rows: usize,
    source_topic: StringBuilder,
    source_partition: Int32Builder,
    source_offset: Int64Builder,
    target_topic: StringBuilder,
    target_partition: Int32Builder,
    target_offset: Int64Builder,
    record_count: Int64Builder,
}

impl OffsetMapWriter {
    pub(crate) fn begin(run: &RunDirectory) -> Result<Self, ReportError> {
        Ok(Self {
            table: TableWriter::begin(run, OFFSET_MAP_FILE, columns())?,
            rows: 0,
            source_topic: StringBuilder::new(),
            source_partition: Int32Builder::new(),
            source_offset: Int64Builder::new(),
            target_topic: StringBuilder::new(),
            target_partition: Int32Builder::new(),
            target_offset: Int64Builder::new(),
            record_count: Int64Builder::new(),
        })
    }

    /// Appends one run.
    pub fn push(&mut self, run: &OffsetRun) -> Result<(), ReportError> {
        let OffsetRun {
            source_topic,
            source_partition,
            source_offset,
            target_topic,
            target_partition,
            target_offset,
            record_count,
        } = run;
        let record_count = count("record_count", *record_count)?;
        self.source_topic.append_value(source_topic);
        self.source_partition.append_value(*source_partition);
        self.source_offset.append_value(*source_offset);
        self.target_topic.append_value(target_topic);
        self.target_partition.append_value(*target_partition);
        self.target_offset.append_value(*target_offset);
        self.record_count.append_value(record_count);
        self.rows += 1;
        if self.rows >= BATCH_ROWS {
            self.encode()?;
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<(), ReportError> {
        self.rows = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.source_topic.finish()),
            Arc::new(self.source_partition.finish()),
            Arc::new(self.source_offset.finish()),
            Arc::new(self.target_topic.finish()),
            Arc::new(self.target_partition.finish()),
            Arc::new(self.target_offset.finish()),
            Arc::new(self.record_count.finish()),
        ];
        self.table.write(columns)
    }

    /// Puts the file in place, with or without rows.
    pub fn close(mut self) -> Result<(), ReportError> {
        if self.rows > 0 {
            self.encode()?;
        }
        self.table.close()
    }
}

/// Reads `offset_map.parquet` of a run directory, in the order in which it was written.
pub fn read_offset_map(directory: &Path) -> Result<Vec<OffsetRun>, ReportError> {
    read_rows(&directory.join(OFFSET_MAP_FILE), decode)
}

fn decode(cells: &Cells) -> Result<Vec<OffsetRun>, ReportError> {
    let source_topic = cells.texts("source_topic")?;
    let source_partition = cells.int32s("source_partition")?;
    let source_offset = cells.int64s("source_offset")?;
    let target_topic = cells.texts("target_topic")?;
    let target_partition = cells.int32s("target_partition")?;
    let target_offset = cells.int64s("target_offset")?;
    let record_count = cells.int64s("record_count")?;
    let run = |row| {
        Ok(OffsetRun {
            source_topic: source_topic.must(row)?,
            source_partition: source_partition.must(row)?,
            source_offset: source_offset.must(row)?,
            target_topic: target_topic.must(row)?,
            target_partition: target_partition.must(row)?,
            target_offset: target_offset.must(row)?,
            record_count: record_count.must_count(row)?,
        })
    };
    (0..cells.rows()).map(run).collect()
}
