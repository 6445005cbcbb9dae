//! The epoch of this controller: above all before it on this data folder.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use anyhow::Context;

/// Raises the epoch kept in `data`, durably, and returns it. Executors refuse plans of epochs
/// below what they hold, so an epoch that was used must never come again.
pub(crate) fn raise(data: &Path) -> anyhow::Result<u64> {
    let file = data.join("epoch");
    let doing = || format!("raising the epoch in {}", file.display());
    let held = match fs::read_to_string(&file) {
        Ok(text) => text.trim().parse::<u64>().with_context(|| format!("{} holds no number", file.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error).with_context(doing),
    };
    let raised = held + 1;
    fs::create_dir_all(data).with_context(doing)?;
    let aside = file.with_extension("new");
    let mut writing = File::create(&aside).with_context(doing)?;
    writing.write_all(format!("{raised}\n").as_bytes()).with_context(doing)?;
    writing.sync_all().with_context(doing)?;
    fs::rename(&aside, &file).with_context(doing)?;
    File::open(data).and_then(|folder| folder.sync_all()).with_context(doing)?;
    Ok(raised)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_never_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!([raise(folder.path()).unwrap(), raise(folder.path()).unwrap()], [1, 2]);
        fs::write(folder.path().join("epoch"), "soon").unwrap();
        assert!(raise(folder.path()).unwrap_err().to_string().contains("holds no number"));
    }
}
