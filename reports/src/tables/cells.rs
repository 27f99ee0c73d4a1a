//! Typed access to the rows of a Parquet file by column name, with errors that name the cell. Knows no table.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, ListArray, PrimitiveArray, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{Int32Type, Int64Type};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::ReportError;
use crate::words::Word;

/// The rows of one file, batch by batch.
pub(crate) struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    row: usize,
}

impl Batches {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self, ReportError> {
        let file = File::open(path).map_err(ReportError::io("read", path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(super::writer::BATCH_ROWS).build())
            .map_err(ReportError::parquet("read", path))?;
        Ok(Self { path: path.to_path_buf(), reader, row: 0 })
    }
}

impl Iterator for Batches {
    type Item = Result<Cells, ReportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch =
            self.reader.next()?.map_err(|error| ReportError::parquet("read", &self.path)(error.into()));
        Some(batch.map(|batch| {
            let first_row = self.row;
            self.row += batch.num_rows();
            Cells { path: self.path.clone(), batch, first_row }
        }))
    }
}

/// Reads a whole file with `decode`, which turns one batch into its rows.
pub(crate) fn read_rows<T>(
    path: &Path,
    decode: impl Fn(&Cells) -> Result<Vec<T>, ReportError>,
) -> Result<Vec<T>, ReportError> {
    let mut rows = Vec::new();
    for cells in Batches::open(path)? {
        rows.extend(decode(&cells?)?);
    }
    Ok(rows)
}

/// Some rows of one file.
pub(crate) struct Cells {
    path: PathBuf,
    batch: RecordBatch,
    first_row: usize,
}

impl Cells {
    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn column<'a, T: Array + 'static>(
        &'a self,
        column: &'static str,
        expected: &str,
    ) -> Result<Column<'a, T>, ReportError> {
        let array =
            self.batch.column_by_name(column).and_then(|array: &ArrayRef| array.as_any().downcast_ref());
        let array = array.ok_or_else(|| ReportError::Column {
            path: self.path.clone(),
            column,
            expected: expected.to_owned(),
        })?;
        Ok(Column { cells: self, name: column, array })
    }

    /// A column of strings.
    pub(crate) fn texts<'a>(&'a self, column: &'static str) -> Result<Column<'a, StringArray>, ReportError> {
        self.column(column, "STRING")
    }

    /// A column of lists of strings.
    pub(crate) fn lists<'a>(&'a self, column: &'static str) -> Result<Column<'a, ListArray>, ReportError> {
        self.column(column, "LIST of STRING")
    }

    /// A column of INT32.
    pub(crate) fn int32s<'a>(
        &'a self,
        column: &'static str,
    ) -> Result<Column<'a, PrimitiveArray<Int32Type>>, ReportError> {
        self.column(column, "INT32")
    }

    /// A column of INT64.
    pub(crate) fn int64s<'a>(
        &'a self,
        column: &'static str,
    ) -> Result<Column<'a, PrimitiveArray<Int64Type>>, ReportError> {
        self.column(column, "INT64")
    }

    /// A column of TIMESTAMP(MILLIS, UTC).
    pub(crate) fn times<'a>(
        &'a self,
        column: &'static str,
    ) -> Result<Column<'a, TimestampMillisecondArray>, ReportError> {
        self.column(column, "TIMESTAMP(MILLIS, UTC)")
    }
}

/// One column of some rows.
pub(crate) struct Column<'a, T> {
    cells: &'a Cells,
    name: &'static str,
    array: &'a T,
}

impl<T> Column<'_, T> {
    fn wrong(&self, row: usize, found: impl Into<String>) -> ReportError {
        ReportError::Cell {
            path: self.cells.path.clone(),
            row: self.cells.first_row + row,
            column: self.name,
            found: found.into(),
        }
    }

    fn required<V>(&self, row: usize, value: Option<V>) -> Result<V, ReportError> {
        value.ok_or_else(|| self.wrong(row, "null"))
    }
}

impl<T: ArrowPrimitiveType> Column<'_, PrimitiveArray<T>> {
    /// The value, `None` for null.
    pub(crate) fn get(&self, row: usize) -> Option<T::Native> {
        self.array.is_valid(row).then(|| self.array.value(row))
    }

    /// The value of a column without nulls.
    pub(crate) fn must(&self, row: usize) -> Result<T::Native, ReportError> {
        self.required(row, self.get(row))
    }
}

impl Column<'_, PrimitiveArray<Int64Type>> {
    /// A count, `None` for null.
    pub(crate) fn count(&self, row: usize) -> Result<Option<u64>, ReportError> {
        self.get(row)
            .map(|value| u64::try_from(value).map_err(|_| self.wrong(row, value.to_string())))
            .transpose()
    }

    /// A count of a column without nulls.
    pub(crate) fn must_count(&self, row: usize) -> Result<u64, ReportError> {
        self.required(row, self.count(row)?)
    }
}

impl Column<'_, StringArray> {
    /// The text, `None` for null.
    pub(crate) fn get(&self, row: usize) -> Option<String> {
        self.array.is_valid(row).then(|| self.array.value(row).to_owned())
    }

    /// The text of a column without nulls.
    pub(crate) fn must(&self, row: usize) -> Result<String, ReportError> {
        self.required(row, self.get(row))
    }

    /// A known word, `None` for null.
    pub(crate) fn word<W: Word>(&self, row: usize) -> Result<Option<W>, ReportError> {
        if self.array.is_null(row) {
            return Ok(None);
        }
        let text = self.array.value(row);
        W::from_word(text).map(Some).ok_or_else(|| self.wrong(row, format!("`{text}`")))
    }

    /// A known word of a column without nulls.
    pub(crate) fn must_word<W: Word>(&self, row: usize) -> Result<W, ReportError> {
        self.required(row, self.word(row)?)
    }
}

impl Column<'_, ListArray> {
    /// The texts of one row.
    pub(crate) fn must(&self, row: usize) -> Result<Vec<String>, ReportError> {
        let list = self.required(row, self.array.is_valid(row).then(|| self.array.value(row)))?;
        let texts =
            list.as_any().downcast_ref::<StringArray>().ok_or_else(|| self.wrong(row, "no strings"))?;
        texts.iter().map(|text| self.required(row, text.map(str::to_owned))).collect()
    }

    /// The known words of one row.
    pub(crate) fn must_words<W: Word>(&self, row: usize) -> Result<Vec<W>, ReportError> {
        self.must_all(row, W::from_word)
    }

    /// What the texts of one row mean; `known` gives `None` for one that means nothing.
    pub(crate) fn must_all<V>(
        &self,
        row: usize,
        known: impl Fn(&str) -> Option<V>,
    ) -> Result<Vec<V>, ReportError> {
        let meaning = |text: String| known(&text).ok_or_else(|| self.wrong(row, format!("`{text}`")));
        self.must(row)?.into_iter().map(meaning).collect()
    }
}
