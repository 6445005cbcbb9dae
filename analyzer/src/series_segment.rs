//! Series segments: definitions of tables, fields and series, in frames like the log's.

use std::{fs, io, io::Write, path::Path};

use crate::{
    catalog::{Catalog, journal::Definition},
    disk_layout::write_durably,
    wal::{
        frame::{self, Frame},
        record::{self, Values},
    },
};

/// Definitions in a frame: some 100 KB, so that damage costs little and is found where it is.
const FRAME_DEFINITIONS: usize = 1024;

/// Writes a segment; durable on return.
pub(crate) fn write(path: &Path, definitions: &[Definition]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for definitions in definitions.chunks(FRAME_DEFINITIONS) {
        frame::push(&mut bytes, |out| record::encode(definitions, &Values::default(), &[], out));
    }
    write_durably(path, |file| file.write_all(&bytes))
}

/// Why a series segment cannot be used. Without it the rows of its series have no labels, so this
/// is never passed over.
#[derive(Debug, thiserror::Error)]
pub enum SeriesSegmentError {
    /// It cannot be read.
    #[error("cannot read it")]
    Io(#[from] io::Error),
    /// A byte is not what was written.
    #[error("damaged at offset {offset}: {reason}")]
    Damaged {
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
}

/// Reads a segment into `catalog`.
pub(crate) fn read(path: &Path, catalog: &mut Catalog) -> Result<(), SeriesSegmentError> {
    let bytes = fs::read(path)?;
    let mut offset = 0;
    loop {
        let damaged = |reason: String| SeriesSegmentError::Damaged { offset: offset as u64, reason };
        match frame::read(&bytes, offset) {
            Frame::End => return Ok(()),
            Frame::Damaged { reason, .. } => return Err(damaged(reason.into())),
            Frame::Sound { payload, end, .. } => {
                let record = record::decode(payload).ok_or_else(|| damaged("of another format".into()))?;
                for definition in &record.definitions {
                    catalog.restore(definition).map_err(damaged)?;
                }
                offset = end;
            }
        }
    }
}
