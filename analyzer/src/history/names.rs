//! Names and texts in ClickHouse's SQL.

use weir_model::observation::TableName;

/// The table that names the labels and fields of all others.
pub(super) const REGISTRY: &str = "weir_columns";

/// ClickHouse makes file names of the names of tables and columns, writing every byte but ASCII letters,
/// digits and `_` as three. A file's name has at most 255 bytes; 40 are for suffixes such as
/// `.null.bin` and for our checksum.
const ESCAPED_BYTES_MAX: usize = 215;

/// What `name` is called there: cut, and told apart by a checksum, when it is too long for a file.
pub(super) fn stored(name: &str) -> String {
    let escaped = |c: char| if c.is_ascii_alphanumeric() || c == '_' { 1 } else { 3 * c.len_utf8() };
    let mut length = 0;
    let fits = |(_, c): &(usize, char)| {
        length += escaped(*c);
        length <= ESCAPED_BYTES_MAX
    };
    match name.char_indices().take_while(fits).last() {
        Some((at, last)) if at + last.len_utf8() < name.len() => {
            format!("{}~{:08x}", &name[..at + last.len_utf8()], crc32fast::hash(name.as_bytes()))
        }
        _ => name.to_owned(),
    }
}

/// The name of the table with the rows of `table`.
pub(super) fn stored_table(table: &TableName) -> String {
    stored(&table.to_string())
}

/// The name of the column with the values of the field `name`.
pub(super) fn stored_field(name: &str) -> String {
    stored(&format!("f_{name}"))
}

/// `name` as an identifier.
pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", escaped(name))
}

/// `text` as a literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'").replace('`', "\\`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        assert_eq!(stored("metrics.load"), "metrics.load");
        let (a, b) = (format!("{}a", "é".repeat(100)), format!("{}b", "é".repeat(100)));
        assert_ne!(stored(&a), stored(&b));
        assert!(stored(&a).starts_with(&"é".repeat(35)) && stored(&a).len() == 2 * 35 + 9);
        let plain = "x".repeat(215);
        assert_eq!(stored(&plain), plain);
        assert_eq!(stored(&format!("{plain}x")).len(), 215 + 9);
    }

    #[test]
    fn nothing_ends_a_literal_early() {
        assert_eq!(literal(r"a'b\"), r"'a\'b\\'");
        assert_eq!(identifier("a`b"), r"`a\`b`");
    }
}
