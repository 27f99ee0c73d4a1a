//! One Parquet file as it is written: compression, row groups, atomic name. Knows no table.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::ReportError;
use crate::files::{AtomicFile, RunDirectory};

/// Rows that are gathered before they are encoded.
pub(crate) const BATCH_ROWS: usize = 8192;
const ROW_GROUP_ROWS: usize = 65_536;
/// Of encoded data: bounds what a writer holds, whatever the length of the texts.
const ROW_GROUP_BYTES: usize = 16 << 20;

pub(crate) struct TableWriter {
    run: RunDirectory,
    name: String,
    schema: SchemaRef,
    writer: ArrowWriter<AtomicFile>,
}

impl TableWriter {
    /// Begins the artefact `name`.
    pub(crate) fn begin(run: &RunDirectory, name: &str, schema: SchemaRef) -> Result<Self, ReportError> {
        let file = run.begin(name)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .build();
        // Without Arrow's own schema in the file, every engine reads the same Parquet types.
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, schema.clone(), options)
            .map_err(ReportError::parquet("write", &run.path().join(name)))?;
        Ok(Self { run: run.clone(), name: name.to_owned(), schema, writer })
    }

    /// Appends rows; `columns` in the order of the schema.
    pub(crate) fn write(&mut self, columns: Vec<arrow::array::ArrayRef>) -> Result<(), ReportError> {
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(Into::into)
            .and_then(|batch| self.writer.write(&batch))
            .map_err(ReportError::parquet("write", &self.run.path().join(&self.name)))
    }

    /// Writes the footer and puts the file in place.
    pub(crate) fn close(self) -> Result<(), ReportError> {
        let path = self.run.path().join(&self.name);
        let file = self.writer.into_inner().map_err(ReportError::parquet("write", &path))?;
        self.run.commit(&self.name, file)
    }
}

/// A column of strings.
pub(crate) fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, nullable)
}

/// A column of INT32: partitions.
pub(crate) fn int32(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Int32, nullable)
}

/// A column of INT64: offsets and counts.
pub(crate) fn int64(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Int64, nullable)
}

/// A nullable column of TIMESTAMP(MILLIS, UTC).
pub(crate) fn time(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true)
}

/// A column of lists of strings; a list may be empty, but neither it nor a string in it is null.
pub(crate) fn texts(name: &str) -> Field {
    Field::new(name, DataType::List(Arc::new(list_element())), false)
}

/// What a list of strings consists of, under the name that the Parquet format prescribes.
pub(crate) fn list_element() -> Field {
    text("element", false)
}

/// The schema of these columns.
pub(crate) fn schema(columns: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(columns))
}

/// A count as a signed column holds it. `what` for the error.
pub(crate) fn count(what: &'static str, value: u64) -> Result<i64, ReportError> {
    i64::try_from(value).map_err(|_| ReportError::TooLarge { what, value })
}
