//! Turns the files of `dist/` into a table that `src/lib.rs` includes.

use std::{
    env,
    error::Error,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

/// Shown when the UI was not built, so that a daemon without it says what to do.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Weir</title>\
    <p>The UI was not built. Run <code>make ui</code>, build the daemon again and restart it.</p></html>\n";

fn main() -> Result<(), Box<dyn Error>> {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("dist");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // While dist is missing cargo runs this again on every build, and so sees it come.
    println!("cargo::rerun-if-changed={}", dist.display());
    let files = if dist.join("index.html").is_file() { files_under(&dist)? } else { vec![placeholder(&out)?] };
    fs::write(out.join("assets.rs"), table(&files)?)?;
    Ok(())
}

/// A file, and the path that it is served at.
struct File {
    path: String,
    source: PathBuf,
}

fn placeholder(out: &Path) -> io::Result<File> {
    let source = out.join("not_built.html");
    fs::write(&source, NOT_BUILT)?;
    Ok(File { path: "/index.html".into(), source })
}

/// Sorted by path: a build depends on nothing else of the file system.
fn files_under(dist: &Path) -> Result<Vec<File>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut folders = vec![dist.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let source = entry?.path();
            if source.is_dir() {
                folders.push(source);
                continue;
            }
            let parts = source.strip_prefix(dist)?.iter().map(|part| part.to_str().ok_or("a name is not UTF-8"));
            let path = format!("/{}", parts.collect::<Result<Vec<_>, _>>()?.join("/"));
            files.push(File { path, source });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn table(files: &[File]) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("&[\n");
    for File { path, source } in files {
        // The bundler names what is in assets/ by its content.
        let immutable = path.starts_with("/assets/");
        let content_type = content_type(path)?;
        writeln!(
            text,
            "    Asset {{ path: {path:?}, content_type: {content_type:?}, bytes: include_bytes!({source:?}), \
             immutable: {immutable} }},"
        )?;
    }
    text.push_str("]\n");
    Ok(text)
}

fn content_type(path: &str) -> Result<&'static str, String> {
    Ok(match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => return Err(format!("{path}: no content type is known for it: add it to dashboards/build.rs")),
    })
}
