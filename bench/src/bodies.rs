//! Request bodies in a file, made before anything is measured: each is its length (u32, little endian) and its bytes.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;

/// Between the file and memory; some bodies of 60 KB.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes bodies.
#[derive(Debug)]
pub(crate) struct BodyWriter {
    file: BufWriter<File>,
}

impl BodyWriter {
    /// Into a new file.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER_BYTES, file) })
    }

    /// Adds a body.
    pub(crate) fn write(&mut self, body: &[u8]) -> anyhow::Result<()> {
        let length = u32::try_from(body.len()).context("a body of 4 GiB")?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(body).context("writing request bodies")
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush().context("writing request bodies")
    }
}

/// Reads them back.
#[derive(Debug)]
pub(crate) struct BodyReader {
    file: BufReader<File>,
    body: Vec<u8>,
}

impl BodyReader {
    /// From a file.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        Ok(Self { file: BufReader::with_capacity(BUFFER_BYTES, file), body: Vec::new() })
    }

    /// How many there are from here on.
    pub(crate) fn count(mut self) -> anyhow::Result<u64> {
        let mut count = 0;
        while let Some(length) = self.next_length()? {
            self.file.seek_relative(length as i64).context("passing over a request body")?;
            count += 1;
        }
        Ok(count)
    }

    /// The next body; `None` at the end.
    pub(crate) fn next_body(&mut self) -> anyhow::Result<Option<&[u8]>> {
        let Some(length) = self.next_length()? else { return Ok(None) };
        self.body.resize(length, 0);
        self.file.read_exact(&mut self.body).context("reading a request body")?;
        Ok(Some(&self.body))
    }

    fn next_length(&mut self) -> anyhow::Result<Option<usize>> {
        let mut length = [0; 4];
        match self.file.read_exact(&mut length) {
            Ok(()) => Ok(Some(u32::from_le_bytes(length) as usize)),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error).context("reading request bodies"),
        }
    }
}

/// Writes one file of bodies for each sender below `folder`, each on a thread of its own.
pub(crate) fn write_for_senders(
    folder: &Path,
    senders: usize,
    make: impl Fn(usize, &mut BodyWriter) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Vec<PathBuf>> {
    let write = |sender: usize| {
        let path = folder.join(format!("bodies-{sender}"));
        let mut writer = BodyWriter::create(&path)?;
        make(sender, &mut writer)?;
        writer.finish()?;
        Ok(path)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..senders).map(|sender| scope.spawn(move || write(sender))).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a writer panicked"))?);
        joined.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let make = |sender, writer: &mut BodyWriter| {
            writer.write(format!("first of {sender}").as_bytes())?;
            writer.write(b"")?;
            writer.write(b"last")
        };
        let files = write_for_senders(folder.path(), 2, make).unwrap();
        assert_eq!(BodyReader::open(&files[1]).unwrap().count().unwrap(), 3);
        let mut reader = BodyReader::open(&files[1]).unwrap();
        let mut read = Vec::new();
        while let Some(body) = reader.next_body().unwrap() {
            read.push(String::from_utf8(body.to_vec()).unwrap());
        }
        assert_eq!(read, ["first of 1", "", "last"]);
    }
}
