//! Stored records as a Parquet file, for DuckDB, DataFusion or Spark.
//!
//! A crate of its own, because of what it rests on. Its columns are those of
//! [`filterc_audit::columns`]: numbers are 64 bits in two's complement, texts are byte arrays that
//! are marked as UTF-8, and bytes that are none have U+FFFD for what cannot be shown: readers refuse
//! a file otherwise. Nothing is compressed but by dictionaries and runs.

use std::io::{self, Write};
use std::sync::Arc;

use filterc_audit::Record;
use filterc_audit::columns::{COLUMNS, Cell, Type, row};
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type as Schema;

/// Records of one row group: so many are kept in memory.
const GROUP: usize = 1 << 16;

/// Writes records; a file is one only when it is finished.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    /// By column.
    cells: Vec<Vec<Cell>>,
    rows: usize,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(output: W) -> io::Result<Self> {
        let schema = Arc::new(schema().map_err(io_error)?);
        let made_by = concat!("filterc version ", env!("CARGO_PKG_VERSION"));
        let properties = WriterProperties::builder().set_created_by(made_by.to_owned()).build();
        let file = SerializedFileWriter::new(output, schema, Arc::new(properties));
        let cells = COLUMNS.iter().map(|_| Vec::new()).collect();
        Ok(Self { file: file.map_err(io_error)?, cells, rows: 0 })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, record: &Record) -> io::Result<()> {
        for (column, cell) in self.cells.iter_mut().zip(row(record)) {
            column.push(cell);
        }
        self.rows += 1;
        if self.rows == GROUP { self.group() } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.group()?;
        }
        self.file.close().map_err(io_error)?;
        Ok(())
    }

    fn group(&mut self) -> io::Result<()> {
        let mut group = self.file.next_row_group().map_err(io_error)?;
        for ((_, ty, always), cells) in COLUMNS.iter().zip(&mut self.cells) {
            column(&mut group, *ty, *always, cells).map_err(io_error)?;
            cells.clear();
        }
        group.close().map_err(io_error)?;
        self.rows = 0;
        Ok(())
    }
}

fn schema() -> Result<Schema, ParquetError> {
    let mut fields = Vec::new();
    for (name, ty, always) in COLUMNS {
        let (physical, logical) = match ty {
            Type::Integer => (Physical::INT64, None),
            Type::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Type::Bool => (Physical::BOOLEAN, None),
        };
        let repetition = if *always { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let field = Schema::primitive_type_builder(name, physical);
        let field = field.with_logical_type(logical).with_repetition(repetition).build()?;
        fields.push(Arc::new(field));
    }
    Schema::group_type_builder("audit").with_fields(fields).build()
}

fn column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    ty: Type,
    always: bool,
    cells: &[Cell],
) -> Result<(), ParquetError> {
    match ty {
        Type::Integer => values::<Int64Type, W>(group, always, cells, |cell| match cell {
            Cell::Integer(number) => Some(*number),
            Cell::Null | Cell::Text(_) | Cell::Bool(_) => None,
        }),
        Type::Text => values::<ByteArrayType, W>(group, always, cells, |cell| match cell {
            Cell::Text(bytes) => {
                Some(ByteArray::from(String::from_utf8_lossy(bytes).as_bytes().to_vec()))
            }
            Cell::Null | Cell::Integer(_) | Cell::Bool(_) => None,
        }),
        Type::Bool => values::<BoolType, W>(group, always, cells, |cell| match cell {
            Cell::Bool(yes) => Some(*yes),
            Cell::Null | Cell::Integer(_) | Cell::Text(_) => None,
        }),
    }
}

fn values<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    always: bool,
    cells: &[Cell],
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has no such column".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    let values: Vec<T::T> = cells.iter().filter_map(&value).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(*cell != Cell::Null)).collect();
    let levels = (!always).then_some(levels.as_slice());
    column.typed::<T>().write_batch(&values, levels, None)?;
    column.close()
}

fn io_error(error: ParquetError) -> io::Error {
    if let ParquetError::External(inner) = error {
        return inner.downcast().map_or_else(io::Error::other, |error| *error);
    }
    io::Error::other(error)
}
