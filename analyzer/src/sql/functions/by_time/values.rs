//! A value per group, by type.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, PrimitiveArray, new_empty_array},
    buffer::NullBuffer,
    datatypes::DataType,
};
use datafusion::{
    common::{Result, ScalarValue},
    logical_expr::EmitTo,
};

/// The values of all groups; which of them are there the caller knows.
pub(super) trait Values: Send + 'static {
    fn resize(&mut self, groups: usize);

    /// Sets groups to what rows of `column` have.
    fn set(&mut self, column: &ArrayRef, rows: impl Iterator<Item = (usize, usize)>) -> Result<()>;

    /// The values of the groups to emit, null where not known.
    fn take(&mut self, emit_to: EmitTo, is_known: NullBuffer) -> Result<ArrayRef>;

    fn bytes(&self) -> usize;
}

/// Values of a fixed width: numbers, times, decimals.
#[derive(Debug)]
pub(super) struct Numbers<T: ArrowPrimitiveType> {
    kind: DataType,
    values: Vec<T::Native>,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    pub(super) fn new(kind: DataType) -> Self {
        Self { kind, values: Vec::new() }
    }
}

impl<T: ArrowPrimitiveType + Send> Values for Numbers<T> {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, T::Native::ZERO);
    }

    fn set(&mut self, column: &ArrayRef, rows: impl Iterator<Item = (usize, usize)>) -> Result<()> {
        let column = column.as_primitive::<T>().values();
        rows.for_each(|(group, row)| self.values[group] = column[row]);
        Ok(())
    }

    fn take(&mut self, emit_to: EmitTo, is_known: NullBuffer) -> Result<ArrayRef> {
        let values = emit_to.take_needed(&mut self.values);
        let array = PrimitiveArray::<T>::try_new(values.into(), Some(is_known))?;
        Ok(Arc::new(array.with_data_type(self.kind.clone())))
    }

    fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<T::Native>()
    }
}

/// Values of any type: texts, booleans, lists.
#[derive(Debug)]
pub(super) struct Scalars {
    kind: DataType,
    values: Vec<ScalarValue>,
    /// Of the values, besides their own size.
    heap_bytes: usize,
}

impl Scalars {
    pub(super) fn new(kind: DataType) -> Self {
        Self { kind, values: Vec::new(), heap_bytes: 0 }
    }
}

fn heap_bytes(value: &ScalarValue) -> usize {
    value.size() - size_of::<ScalarValue>()
}

impl Values for Scalars {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, ScalarValue::Null);
    }

    fn set(&mut self, column: &ArrayRef, rows: impl Iterator<Item = (usize, usize)>) -> Result<()> {
        for (group, row) in rows {
            let mut value = ScalarValue::try_from_array(column, row)?;
            // Not the whole batch for one value of it.
            value.compact();
            self.heap_bytes += heap_bytes(&value);
            self.heap_bytes -= heap_bytes(&self.values[group]);
            self.values[group] = value;
        }
        Ok(())
    }

    fn take(&mut self, emit_to: EmitTo, is_known: NullBuffer) -> Result<ArrayRef> {
        let values = emit_to.take_needed(&mut self.values);
        self.heap_bytes -= values.iter().map(heap_bytes).sum::<usize>();
        if values.is_empty() {
            return Ok(new_empty_array(&self.kind));
        }
        let null = ScalarValue::try_from(&self.kind)?;
        let known = values.into_iter().enumerate();
        ScalarValue::iter_to_array(
            known.map(|(group, value)| if is_known.is_valid(group) { value } else { null.clone() }),
        )
    }

    fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<ScalarValue>() + self.heap_bytes
    }
}
