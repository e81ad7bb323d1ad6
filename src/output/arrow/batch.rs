//! Records in the columns of Arrow, as many as a batch holds.

use std::convert::Infallible;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};

use super::time;
use crate::message::{CatalogStream, Data, Field, Kind};
use crate::output::column::{self, ColumnKind, EXTRA, LOADED_AT, RUN};
use crate::output::exact;
use crate::output::names::ANY;
use crate::output::row::{Cells, Row};

/// Bytes of records in a batch, and records, about and at most.
const BYTES: usize = 2 * 1024 * 1024;
const ROWS: usize = 8192;

/// The columns of one stream while they are filled.
pub(super) struct Batch {
    schema: SchemaRef,
    row: Row,
    cells: Values,
    builders: Vec<Builder>,
    extra: StringBuilder,
    metadata: Option<(TimestampMicrosecondBuilder, StringBuilder)>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    pub(super) fn new(stream: &CatalogStream, has_metadata: bool) -> Self {
        let columns = column::columns(stream, &ANY);
        let field = |name: &str, kind: DataType| ArrowField::new(name, kind, true);
        let mut fields: Vec<ArrowField> = columns
            .iter()
            .map(|column| field(&column.name, data_type(column.kind)))
            .collect();
        fields.push(field(EXTRA, DataType::Utf8));
        if has_metadata {
            fields.push(field(LOADED_AT, data_type(ColumnKind::Timestamp)));
            fields.push(field(RUN, DataType::Utf8));
        }
        let metadata = (Builder::timestamp(), StringBuilder::new());
        Self {
            schema: Arc::new(Schema::new(fields)),
            row: Row::new(&columns),
            cells: Values(columns.iter().map(|_| Value::Null).collect()),
            builders: columns
                .iter()
                .map(|column| Builder::of(column.kind))
                .collect(),
            extra: StringBuilder::new(),
            metadata: has_metadata.then_some(metadata),
            rows: 0,
            bytes: 0,
        }
    }

    pub(super) const fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) const fn row(&self) -> &Row {
        &self.row
    }

    /// Whether it is time to take the columns.
    pub(super) const fn is_full(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds `record`, which was written at `stamp` by `run`.
    pub(super) fn add(&mut self, record: &Data, stamp: &str, run: &str) {
        let extra = match self.row.spread(record, &mut self.cells) {
            Ok(extra) => extra,
            Err(never) => match never {},
        };
        // What came from text is text.
        let extra = extra.and_then(|extra| std::str::from_utf8(extra).ok());
        self.extra.append_option(extra);
        for (value, builder) in self.cells.0.iter_mut().zip(&mut self.builders) {
            builder.append(std::mem::replace(value, Value::Null));
        }
        if let Some((loaded_at, runs)) = &mut self.metadata {
            loaded_at.append_option(time::instant(stamp));
            runs.append_value(run);
        }
        self.rows += 1;
        self.bytes += record.size();
    }

    /// The columns so far; it is empty after that.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let builders = self.builders.iter_mut();
        let mut columns: Vec<ArrayRef> = builders.map(|builder| builder.inner().finish()).collect();
        columns.push(ArrayBuilder::finish(&mut self.extra));
        if let Some((loaded_at, runs)) = &mut self.metadata {
            columns.push(ArrayBuilder::finish(loaded_at));
            columns.push(ArrayBuilder::finish(runs));
        }
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

/// The type of Arrow for values of `kind`. Times of day, and decimals of any length, are text.
fn data_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Integer => DataType::Int64,
        ColumnKind::Number => DataType::Float64,
        ColumnKind::Boolean => DataType::Boolean,
        ColumnKind::Date => DataType::Date32,
        ColumnKind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnKind::LocalTimestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnKind::Text | ColumnKind::Decimal | ColumnKind::Time | ColumnKind::Json => {
            DataType::Utf8
        }
    }
}

enum Value {
    Null,
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Day(i32),
    Text(String),
}

/// The values of one record.
struct Values(Vec<Value>);

impl Cells for Values {
    type Error = Infallible;

    fn put(
        &mut self,
        column: usize,
        kind: ColumnKind,
        field: Field<'_>,
    ) -> Result<bool, Self::Error> {
        let Some(value) = value(kind, field) else {
            return Ok(false);
        };
        if let Some(cell) = self.0.get_mut(column) {
            *cell = value;
        }
        Ok(true)
    }
}

/// The value in a column of `kind`; none when it does not fit.
fn value(kind: ColumnKind, field: Field<'_>) -> Option<Value> {
    match (kind, field.kind()) {
        (_, Kind::Null) => Some(Value::Null),
        (ColumnKind::Integer, Kind::Number) => exact::integer(&field.number()?).map(Value::Integer),
        (ColumnKind::Number, Kind::Number) => exact::double(&field.number()?).map(Value::Number),
        (ColumnKind::Boolean, Kind::Bool) => field.boolean().map(Value::Boolean),
        (ColumnKind::Date, Kind::String) => time::day(&field.string()?).map(Value::Day),
        (ColumnKind::Timestamp, Kind::String) => {
            time::instant(&field.string()?).map(Value::Integer)
        }
        (ColumnKind::LocalTimestamp, Kind::String) => {
            time::local(&field.string()?).map(Value::Integer)
        }
        (ColumnKind::Text | ColumnKind::Time | ColumnKind::Decimal, Kind::String) => {
            Some(Value::Text(field.string()?.into_owned()))
        }
        (ColumnKind::Text | ColumnKind::Time | ColumnKind::Json, _)
        | (ColumnKind::Decimal, Kind::Number) => {
            let mut json = Vec::new();
            field.write_json(&mut json);
            String::from_utf8(json).ok().map(Value::Text)
        }
        _ => None,
    }
}

enum Builder {
    Integer(Int64Builder),
    Number(Float64Builder),
    Boolean(BooleanBuilder),
    Day(Date32Builder),
    Time(TimestampMicrosecondBuilder),
    Text(StringBuilder),
}

impl Builder {
    fn timestamp() -> TimestampMicrosecondBuilder {
        TimestampMicrosecondBuilder::new().with_timezone("UTC")
    }

    fn of(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Integer => Self::Integer(Int64Builder::new()),
            ColumnKind::Number => Self::Number(Float64Builder::new()),
            ColumnKind::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnKind::Date => Self::Day(Date32Builder::new()),
            ColumnKind::Timestamp => Self::Time(Self::timestamp()),
            ColumnKind::LocalTimestamp => Self::Time(TimestampMicrosecondBuilder::new()),
            ColumnKind::Text | ColumnKind::Decimal | ColumnKind::Time | ColumnKind::Json => {
                Self::Text(StringBuilder::new())
            }
        }
    }

    /// Appends a value of its type; one of another is null.
    fn append(&mut self, value: Value) {
        match (self, value) {
            (Self::Integer(builder), Value::Integer(number)) => builder.append_value(number),
            (Self::Time(builder), Value::Integer(micros)) => builder.append_value(micros),
            (Self::Number(builder), Value::Number(number)) => builder.append_value(number),
            (Self::Boolean(builder), Value::Boolean(is)) => builder.append_value(is),
            (Self::Day(builder), Value::Day(day)) => builder.append_value(day),
            (Self::Text(builder), Value::Text(text)) => builder.append_value(text),
            (Self::Integer(builder), _) => builder.append_null(),
            (Self::Time(builder), _) => builder.append_null(),
            (Self::Number(builder), _) => builder.append_null(),
            (Self::Boolean(builder), _) => builder.append_null(),
            (Self::Day(builder), _) => builder.append_null(),
            (Self::Text(builder), _) => builder.append_null(),
        }
    }

    fn inner(&mut self) -> &mut dyn ArrayBuilder {
        match self {
            Self::Integer(builder) => builder,
            Self::Number(builder) => builder,
            Self::Boolean(builder) => builder,
            Self::Day(builder) => builder,
            Self::Time(builder) => builder,
            Self::Text(builder) => builder,
        }
    }
}
