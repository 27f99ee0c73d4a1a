//! `findings/part-*.parquet`: every finding, one row each, as a stream. Holds a batch, not the run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Builder, Int64Builder, ListBuilder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::SchemaRef;

use super::cells::{Batches, Cells};
use super::far_timestamps;
use super::writer::{BATCH_ROWS, TableWriter, int32, int64, list_element, schema, text, texts, time};
use crate::files::{FINDINGS_DIRECTORY, RunDirectory};
use crate::{Finding, FindingKind, OrderBroken, Part, RecordPlace, ReportError, TimestampType};

/// Rows after which the next part begins.
pub(crate) const FINDINGS_PER_FILE: u64 = 1_000_000;
/// Of each kind; enough for a report to show.
const FIRST_OF_EACH_KIND: usize = 20;
/// Of texts that wait to be encoded.
const BATCH_BYTES: usize = 4 << 20;

/// Columns and their order are fixed: users script against them.
fn columns() -> SchemaRef {
    schema(vec![
        text("run_id", false),
        int64("finding_id", false),
        text("kind", false),
        texts("parts"),
        text("cause", true),
        text("order_broken", true),
        text("source_topic", true),
        int32("source_partition", true),
        int64("source_offset", true),
        time("source_timestamp"),
        text("source_timestamp_type", true),
        text("target_topic", true),
        int32("target_partition", true),
        int64("target_offset", true),
        time("target_timestamp"),
        text("target_timestamp_type", true),
        text("key_hash", true),
        text("source_value_hash", true),
        text("target_value_hash", true),
        text("detail", false),
    ])
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingsSummary {
    /// Of each kind that occurred.
    pub by_kind: BTreeMap<FindingKind, u64>,
    /// The first 20 of each kind, in the order of writing: what a report shows.
    pub first: Vec<Finding>,
}

impl FindingsSummary {
    /// Of all kinds.
    pub fn total(&self) -> u64 {
        self.by_kind.values().sum()
    }

    fn add(&mut self, finding: &Finding) {
        let count = self.by_kind.entry(finding.kind).or_default();
        *count += 1;
        if *count <= FIRST_OF_EACH_KIND as u64 {
            self.first.push(finding.clone());
        }
    }
}

/// Writes findings as they come, in the order given. Dropped without [`Self::close`], the run cannot finish.
pub struct FindingsWriter {
    run: RunDirectory,
    rows_per_part: u64,
    columns: Columns,
    part: Option<TableWriter>,
    parts_begun: usize,
    rows_in_part: u64,
    summary: FindingsSummary,
}

impl FindingsWriter {
    /// Begins the first part; removes those of an earlier attempt.
    pub(crate) fn begin(run: &RunDirectory, rows_per_part: u64) -> Result<Self, ReportError> {
        run.clear(FINDINGS_DIRECTORY)?;
        let mut writer = Self {
            run: run.clone(),
            rows_per_part,
            columns: Columns::default(),
            part: None,
            parts_begun: 0,
            rows_in_part: 0,
            summary: FindingsSummary::default(),
        };
        writer.part = Some(writer.next_part()?);
        Ok(writer)
    }

    fn next_part(&mut self) -> Result<TableWriter, ReportError> {
        let name = format!("{FINDINGS_DIRECTORY}/part-{:05}.parquet", self.parts_begun);
        self.parts_begun += 1;
        self.rows_in_part = 0;
        TableWriter::begin(&self.run, &name, columns())
    }

    /// Appends one finding.
    pub fn push(&mut self, finding: &Finding) -> Result<(), ReportError> {
        if self.part.is_none() {
            self.part = Some(self.next_part()?);
        }
        self.columns.append(self.run.run_id(), finding);
        self.summary.add(finding);
        self.rows_in_part += 1;
        if self.columns.rows >= BATCH_ROWS || self.columns.bytes >= BATCH_BYTES {
            self.encode()?;
        }
        if self.rows_in_part >= self.rows_per_part {
            self.close_part()?;
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<(), ReportError> {
        let arrays = self.columns.take();
        self.part.as_mut().map_or(Ok(()), |part| part.write(arrays))
    }

    fn close_part(&mut self) -> Result<(), ReportError> {
        if self.columns.rows > 0 {
            self.encode()?;
        }
        self.part.take().map_or(Ok(()), TableWriter::close)
    }

    /// Puts the last part in place; with no finding at all, one part without rows.
    pub fn close(mut self) -> Result<FindingsSummary, ReportError> {
        self.close_part()?;
        Ok(self.summary)
    }
}

/// Rows as columns, before they are encoded.
struct Columns {
    rows: usize,
    bytes: usize,
    run_id: StringBuilder,
    finding_id: Int64Builder,
    kind: StringBuilder,
    parts: ListBuilder<StringBuilder>,
    cause: StringBuilder,
    order_broken: StringBuilder,
    source: PlaceColumns,
    target: PlaceColumns,
    key_hash: StringBuilder,
    source_value_hash: StringBuilder,
    target_value_hash: StringBuilder,
    detail: StringBuilder,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            rows: 0,
            bytes: 0,
            run_id: StringBuilder::new(),
            finding_id: Int64Builder::new(),
            kind: StringBuilder::new(),
            parts: ListBuilder::new(StringBuilder::new()).with_field(list_element()),
            cause: StringBuilder::new(),
            order_broken: StringBuilder::new(),
            source: PlaceColumns::default(),
            target: PlaceColumns::default(),
            key_hash: StringBuilder::new(),
            source_value_hash: StringBuilder::new(),
            target_value_hash: StringBuilder::new(),
            detail: StringBuilder::new(),
        }
    }
}

impl Columns {
    fn append(&mut self, run: &str, finding: &Finding) {
        let Finding {
            finding_id,
            kind,
            parts,
            cause,
            order_broken,
            source,
            target,
            key_hash,
            source_value_hash,
            target_value_hash,
            detail,
        } = finding;
        self.rows += 1;
        self.bytes += detail.len() + cause.as_ref().map_or(0, String::len);
        self.run_id.append_value(run);
        self.finding_id.append_value(*finding_id);
        self.kind.append_value(kind.as_str());
        for part in parts {
            self.parts.values().append_value(part.as_str());
        }
        self.parts.append(true);
        self.cause.append_option(cause.as_deref());
        self.order_broken.append_option(order_broken.map(OrderBroken::as_str));
        self.source.append(source.as_ref());
        self.target.append(target.as_ref());
        self.key_hash.append_option(key_hash.as_deref());
        self.source_value_hash.append_option(source_value_hash.as_deref());
        self.target_value_hash.append_option(target_value_hash.as_deref());
        let note = |side, place: &Option<RecordPlace>| {
            far_timestamps::note(side, place.as_ref().and_then(|place| place.timestamp))
        };
        match (note("source", source), note("target", target)) {
            (None, None) => self.detail.append_value(detail),
            (source, target) => self.detail.append_value(format!(
                "{detail}{}{}",
                source.unwrap_or_default(),
                target.unwrap_or_default()
            )),
        }
    }

    /// The arrays in the order of the schema; empties the builders.
    fn take(&mut self) -> Vec<ArrayRef> {
        (self.rows, self.bytes) = (0, 0);
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.run_id.finish()),
            Arc::new(self.finding_id.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.parts.finish()),
            Arc::new(self.cause.finish()),
            Arc::new(self.order_broken.finish()),
        ];
        arrays.extend(self.source.take());
        arrays.extend(self.target.take());
        arrays.extend([
            Arc::new(self.key_hash.finish()) as ArrayRef,
            Arc::new(self.source_value_hash.finish()),
            Arc::new(self.target_value_hash.finish()),
            Arc::new(self.detail.finish()),
        ]);
        arrays
    }
}

/// The five columns of one side.
struct PlaceColumns {
    topic: StringBuilder,
    partition: Int32Builder,
    offset: Int64Builder,
    timestamp: TimestampMillisecondBuilder,
    timestamp_type: StringBuilder,
}

impl Default for PlaceColumns {
    fn default() -> Self {
        Self {
            topic: StringBuilder::new(),
            partition: Int32Builder::new(),
            offset: Int64Builder::new(),
            timestamp: TimestampMillisecondBuilder::new().with_timezone("UTC"),
            timestamp_type: StringBuilder::new(),
        }
    }
}

impl PlaceColumns {
    fn append(&mut self, place: Option<&RecordPlace>) {
        self.topic.append_option(place.map(|place| place.topic.as_str()));
        self.partition.append_option(place.map(|place| place.partition));
        self.offset.append_option(place.map(|place| place.offset));
        self.timestamp.append_option(far_timestamps::cell(place.and_then(|place| place.timestamp)));
        self.timestamp_type.append_option(place.map(|place| place.timestamp_type.as_str()));
    }

    fn take(&mut self) -> [ArrayRef; 5] {
        [
            Arc::new(self.topic.finish()),
            Arc::new(self.partition.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.timestamp.finish()),
            Arc::new(self.timestamp_type.finish()),
        ]
    }
}

/// Reads all findings of a run directory, in the order in which they were written.
pub fn read_findings(directory: &Path) -> Result<Vec<Finding>, ReportError> {
    stream_findings(directory)?.collect()
}

/// Reads the findings of a run directory batch by batch. A directory without any part is an error: a run without
/// findings leaves a part without rows.
pub fn stream_findings(
    directory: &Path,
) -> Result<impl Iterator<Item = Result<Finding, ReportError>>, ReportError> {
    let parts = parts_in(&directory.join(FINDINGS_DIRECTORY))?;
    Ok(parts.into_iter().flat_map(|path| match Batches::open(&path) {
        Ok(batches) => Box::new(batches.flat_map(rows_of)) as Box<dyn Iterator<Item = _>>,
        Err(error) => Box::new(std::iter::once(Err(error))),
    }))
}

fn parts_in(directory: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut parts = Vec::new();
    for item in std::fs::read_dir(directory).map_err(ReportError::io("read", directory))? {
        let path = item.map_err(ReportError::io("read", directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("part-") && name.ends_with(".parquet") {
            parts.push(path);
        }
    }
    if parts.is_empty() {
        let none = std::io::Error::new(std::io::ErrorKind::NotFound, "no part-*.parquet in it");
        return Err(ReportError::io("read", directory)(none));
    }
    parts.sort();
    Ok(parts)
}

fn rows_of(cells: Result<Cells, ReportError>) -> Vec<Result<Finding, ReportError>> {
    match cells.and_then(|cells| decode(&cells)) {
        Ok(findings) => findings.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

fn decode(cells: &Cells) -> Result<Vec<Finding>, ReportError> {
    let finding_id = cells.int64s("finding_id")?;
    let kind = cells.texts("kind")?;
    let parts = cells.lists("parts")?;
    let cause = cells.texts("cause")?;
    let order_broken = cells.texts("order_broken")?;
    let key_hash = cells.texts("key_hash")?;
    let source_value_hash = cells.texts("source_value_hash")?;
    let target_value_hash = cells.texts("target_value_hash")?;
    let detail = cells.texts("detail")?;
    let sources = decode_places(
        cells,
        ["source_topic", "source_partition", "source_offset", "source_timestamp", "source_timestamp_type"],
    )?;
    let targets = decode_places(
        cells,
        ["target_topic", "target_partition", "target_offset", "target_timestamp", "target_timestamp_type"],
    )?;
    let mut findings = Vec::with_capacity(cells.rows());
    for (row, (mut source, mut target)) in sources.into_iter().zip(targets).enumerate() {
        let mut detail = detail.must(row)?;
        // In the reverse of the order of writing.
        restore("target", &mut target, &mut detail);
        restore("source", &mut source, &mut detail);
        findings.push(Finding {
            finding_id: finding_id.must(row)?,
            kind: kind.must_word(row)?,
            parts: parts.must_words::<Part>(row)?,
            cause: cause.get(row),
            order_broken: order_broken.word(row)?,
            source,
            target,
            key_hash: key_hash.get(row),
            source_value_hash: source_value_hash.get(row),
            target_value_hash: target_value_hash.get(row),
            detail,
        });
    }
    Ok(findings)
}

fn restore(side: &str, place: &mut Option<RecordPlace>, detail: &mut String) {
    if let Some(place) = place.as_mut().filter(|place| place.timestamp.is_none()) {
        place.timestamp = far_timestamps::take_note(side, detail);
    }
}

/// A row has a record on this side where it names a topic.
fn decode_places(
    cells: &Cells,
    [topic, partition, offset, timestamp, timestamp_type]: [&'static str; 5],
) -> Result<Vec<Option<RecordPlace>>, ReportError> {
    let topic = cells.texts(topic)?;
    let partition = cells.int32s(partition)?;
    let offset = cells.int64s(offset)?;
    let timestamp = cells.times(timestamp)?;
    let timestamp_type = cells.texts(timestamp_type)?;
    let place = |row| {
        topic.get(row).map(|topic| {
            Ok(RecordPlace {
                topic,
                partition: partition.must(row)?,
                offset: offset.must(row)?,
                timestamp: timestamp.get(row),
                timestamp_type: timestamp_type.must_word::<TimestampType>(row)?,
            })
        })
    };
    (0..cells.rows()).map(|row| place(row).transpose()).collect()
}
