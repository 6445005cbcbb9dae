//! The set as one CSV file with a header, for stores that load files.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::Context;
use jiff::Timestamp;

use super::{
    Size,
    host::{FIELDS, Host, TAGS},
    line_protocol::push_small,
};

/// Writes it, host by host.
pub(crate) fn write(size: Size, path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    writeln!(file, "time,{},{}", TAGS.join(","), FIELDS.join(","))?;
    let times = size.times().map(|time| text_of(time).map(String::into_bytes)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut line = Vec::new();
    for mut host in (0..size.hosts).map(Host::new) {
        let tags = host.tags.join(",");
        for time in &times {
            line.clear();
            line.extend_from_slice(time);
            line.push(b',');
            line.extend_from_slice(tags.as_bytes());
            for value in host.fields() {
                line.push(b',');
                push_small(&mut line, value);
            }
            line.push(b'\n');
            file.write_all(&line)?;
            host.step();
        }
    }
    file.flush().context("writing CSV")
}

/// A time in UTC without a zone, as DuckDB and ClickHouse read it.
pub(crate) fn text_of(time: i64) -> anyhow::Result<String> {
    Ok(Timestamp::from_second(time).context("a time")?.strftime("%Y-%m-%d %H:%M:%S").to_string())
}
