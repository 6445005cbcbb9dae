//! The secret key of HTTPDNS: a file that only the daemon reads, made at the first start.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::Context;
use weir_dispatch::httpdns::Signer;

/// The id that answers name the key by.
const KEY_ID: &str = "k1";

/// The signer of the key in `file`, which is made when it is not there. Clients trust its public
/// half, so it outlives restarts.
pub(crate) fn signer(file: &Path) -> anyhow::Result<Signer> {
    let doing = || format!("the HTTPDNS key in {}", file.display());
    let secret = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => make(file).with_context(doing)?,
        Err(error) => return Err(error).with_context(doing),
    };
    let signer = Signer::from_base64(KEY_ID, secret.trim()).with_context(doing)?;
    tracing::info!(key_id = signer.id(), public = signer.public(), "HTTPDNS answers are signed");
    Ok(signer)
}

fn make(file: &Path) -> anyhow::Result<String> {
    let mut secret = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut secret)?;
    let text = weir_dispatch::httpdns::to_base64(&secret);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // A power cut leaves the whole key or none: half of one would keep the daemon from starting, and one
    // whose name is lost would have signed answers that no client trusts afterwards.
    let aside = file.with_extension("new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut writing = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    writing.write_all(format!("{text}\n").as_bytes())?;
    writing.sync_all()?;
    fs::rename(&aside, file)?;
    File::open(folder)?.sync_all()?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/httpdns.key");
        let first = signer(&file).unwrap().public();
        assert_eq!(signer(&file).unwrap().public(), first);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let files = fs::read_dir(folder.path().join("data")).unwrap().count();
        assert_eq!(files, 1, "what it was written to aside is gone");
        fs::remove_file(&file).unwrap();
        fs::write(file.with_extension("new"), "what a power cut left").unwrap();
        assert_ne!(signer(&file).unwrap().public(), "", "is made anew");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&file, "short").unwrap();
        let error = format!("{:#}", signer(&file).unwrap_err());
        assert!(error.contains("httpdns.key") && error.contains("head -c 32"), "{error}");
    }
}
