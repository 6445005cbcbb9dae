//! `a || b` as a function: applied to its own result it doubles, so it has the limits of functions.

use std::sync::Arc;

use arrow::{array::BooleanArray, buffer::NullBuffer, compute::nullif, datatypes::DataType};
use datafusion::{
    common::{Result, ScalarValue},
    functions::string,
    logical_expr::{
        ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        binary::BinaryTypeCoercer,
    },
};

/// What errors call it.
pub(super) const NAME: &str = "||";

/// The function.
pub(super) fn text_concat() -> ScalarUDF {
    ScalarUDF::new_from_impl(TextConcat { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextConcat {
    signature: Signature,
}

impl ScalarUDFImpl for TextConcat {
    fn name(&self) -> &'static str {
        NAME
    }

    /// As the operator's: plans refer to columns by it.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(names.join(" || "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (left, right) = BinaryTypeCoercer::new(&types[0], &Operator::StringConcat, &types[1]).get_input_types()?;
        Ok(vec![left, right])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        string::concat().return_type(types)
    }

    /// Null with anything is null, where `concat` passes over it.
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (rows, kind) = (args.number_rows, args.return_type().clone());
        let mut nulls: Option<NullBuffer> = None;
        for arg in &args.args {
            match arg {
                ColumnarValue::Scalar(value) if value.is_null() => {
                    return Ok(ColumnarValue::Scalar(ScalarValue::try_from(&kind)?));
                }
                ColumnarValue::Scalar(_) => {}
                ColumnarValue::Array(array) => {
                    nulls = NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref())
                }
            }
        }
        let joined = string::concat().invoke_with_args(args)?;
        Ok(match nulls {
            None => joined,
            Some(nulls) => {
                let is_null = BooleanArray::new(!nulls.inner(), None);
                ColumnarValue::Array(nullif(&Arc::clone(&joined.to_array(rows)?), &is_null)?)
            }
        })
    }
}
