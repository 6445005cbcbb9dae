//! Lists of a fixed length: `CAST(NULL AS INT[2000000000])` takes their room without a value in them, and is
//! evaluated before there is a plan where it stands in an argument of a table function.

use arrow::datatypes::DataType;
use datafusion::{
    common::{
        Result,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    error::DataFusionError,
    logical_expr::Expr,
    sql::sqlparser::{
        dialect::GenericDialect,
        tokenizer::{Token, Tokenizer},
    },
};

use crate::sql::SqlError;

/// The longest: for the 8,192 rows of a batch, 512 MiB of 8 bytes each.
const LENGTH_MAX: u64 = 8_192;

/// Refuses lists of more elements: `[n]`, or `[n][m]`, which are as many as their product. An index beyond is
/// not told apart.
pub(in crate::sql) fn check_text(text: &str) -> std::result::Result<(), SqlError> {
    // What is no SQL is refused by the parser, with the place.
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().unwrap_or_default();
    let tokens: Vec<Token> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let (mut at, mut length) = (0, 1_u64);
    while at < tokens.len() {
        let [Token::LBracket, Token::Number(digits, _), Token::RBracket, ..] = &tokens[at..] else {
            (at, length) = (at + 1, 1);
            continue;
        };
        length = length.saturating_mul(digits.parse().unwrap_or(u64::MAX).max(1));
        if length > LENGTH_MAX {
            return Err(SqlError::Memory(format!(
                "[{digits}] is beyond the longest list of a fixed length, {LENGTH_MAX}: leave the length away, or \
                 write array_element(list, {digits}) for an index"
            )));
        }
        at += 3;
    }
    Ok(())
}

/// Refuses a type with longer lists, or bytes, of a fixed length: `arrow_cast` makes any.
pub(super) fn check_type(kind: &DataType) -> Result<()> {
    if length(kind) <= LENGTH_MAX {
        return Ok(());
    }
    Err(DataFusionError::ResourcesExhausted(format!(
        "{kind} is beyond the longest list of a fixed length, {LENGTH_MAX}: leave the length away"
    )))
}

/// As [`check_type`], for the types that an expression casts to.
pub(super) fn check_casts(expr: &Expr) -> Result<()> {
    expr.apply(|expr| {
        match expr {
            Expr::Cast(cast) => check_type(cast.field.data_type())?,
            Expr::TryCast(cast) => check_type(cast.field.data_type())?,
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// How many elements a null of that type takes.
fn length(kind: &DataType) -> u64 {
    match kind {
        DataType::FixedSizeBinary(bytes) => u64::try_from(*bytes).unwrap_or_default(),
        DataType::FixedSizeList(inner, elements) => {
            length(inner.data_type()).saturating_mul(u64::try_from(*elements).unwrap_or_default())
        }
        DataType::List(inner) | DataType::LargeList(inner) | DataType::Map(inner, _) => length(inner.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| length(field.data_type())).fold(0, u64::saturating_add),
        _ => 1,
    }
}
