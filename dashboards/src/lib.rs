//! The web UI, embedded: the daemon serves it at `/` without a file beside the binary.
//!
//! The page is TypeScript (`src/app/`), built into `dist/` by `make ui` and embedded by `build.rs`. Without `dist/`
//! there is one page, which says how to build it.

#![forbid(unsafe_code)]

/// A file of the UI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it is served: `/index.html`, `/assets/index-Dx0I9ilw.css`.
    pub path: &'static str,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// The content, uncompressed.
    pub bytes: &'static [u8],
    /// The path names the content by its hash, so caches may keep it for ever; others must ask again.
    pub immutable: bool,
}

/// Sorted by path.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file served at `path`, the path of a URL without its query; `/` is the page.
pub fn asset(path: &str) -> Option<&'static Asset> {
    let path = if path == "/" { "/index.html" } else { path };
    let at = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_built_or_not() {
        let page = asset("/").unwrap();
        assert_eq!(page.path, "/index.html");
        assert!(page.content_type.starts_with("text/html"));
        assert!(!page.immutable, "a new release must be seen");
        let text = std::str::from_utf8(page.bytes).unwrap();
        assert!(text.contains("make ui") || text.contains("/assets/"), "{text}");
    }

    #[test]
    fn every_asset_is_found_and_what_the_page_names_is_embedded() {
        for one in ASSETS {
            assert_eq!(asset(one.path), Some(one));
        }
        let text = std::str::from_utf8(asset("/").unwrap().bytes).unwrap();
        for named in text.split('"').filter(|word| word.starts_with("/assets/")) {
            assert!(asset(named).is_some_and(|asset| asset.immutable), "{named}");
        }
    }

    #[test]
    fn there_is_nothing_else() {
        for path in ["", "/nothing", "index.html", "/../Cargo.toml", "/assets/"] {
            assert_eq!(asset(path), None, "{path}");
        }
    }
}
