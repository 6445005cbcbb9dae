//! The last good plan on disk, so that an executor answers after its own restart with the
//! controller gone (fail static).

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use weir_model::plan::{Plan, Unfit};

/// The stored plan could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system said no.
    #[error("{path}: {doing}")]
    Io {
        /// Which file.
        path: String,
        /// What was being done.
        doing: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What is there is no plan.
    #[error("{path} holds no plan that this version reads: remove it, and the controller will send one")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The plan there cannot be answered from.
    #[error("{path} holds a plan whose parts do not fit: remove it, and the controller will send one")]
    Unfit {
        /// Which file.
        path: String,
        /// What does not.
        #[source]
        source: Unfit,
    },
}

/// A file that holds one plan.
#[derive(Clone, Debug)]
pub struct PlanStore {
    path: PathBuf,
}

impl PlanStore {
    /// The plan kept in `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join("plan.json") }
    }

    /// The plan, when one was saved.
    ///
    /// # Errors
    /// When there is a file that cannot be read as a plan, or whose plan does not fit together.
    pub fn load(&self) -> Result<Option<Plan>, StoreError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.io("reading the last plan", source)),
        };
        let path = || self.path.display().to_string();
        let plan: Plan =
            serde_json::from_slice(&text).map_err(|source| StoreError::Unreadable { path: path(), source })?;
        plan.fits().map_err(|source| StoreError::Unfit { path: path(), source })?;
        Ok(Some(plan))
    }

    /// Replaces the plan: written aside, synced, renamed, and the folder synced, so that a power
    /// cut leaves the old one or the new one.
    ///
    /// # Errors
    /// When the file system says no; the old plan is then still there.
    pub fn save(&self, plan: &Plan) -> Result<(), StoreError> {
        let text = serde_json::to_vec(plan)
            .map_err(|source| StoreError::Unreadable { path: self.path.display().to_string(), source })?;
        let aside = self.path.with_extension("json.new");
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|source| self.io("making its folder", source))?;
        let mut file = File::create(&aside).map_err(|source| self.io("writing the plan aside", source))?;
        file.write_all(&text).map_err(|source| self.io("writing the plan aside", source))?;
        file.sync_all().map_err(|source| self.io("syncing the plan", source))?;
        fs::rename(&aside, &self.path).map_err(|source| self.io("putting the plan in place", source))?;
        let folder = File::open(folder).map_err(|source| self.io("opening its folder", source))?;
        folder.sync_all().map_err(|source| self.io("syncing its folder", source))
    }

    fn io(&self, doing: &'static str, source: io::Error) -> StoreError {
        StoreError::Io { path: self.path.display().to_string(), doing, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::fixture;

    #[test]
    fn a_plan_survives_and_garbage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = PlanStore::in_folder(folder.path());
        assert!(store.load().unwrap().is_none());
        let plan = fixture::plan(1, 7);
        store.save(&plan).unwrap();
        assert_eq!(store.load().unwrap().as_ref(), Some(&*plan));
        let mut short = (*plan).clone();
        short.assignments.pop();
        store.save(&short).unwrap();
        let unfit = store.load().unwrap_err();
        assert!(unfit.to_string().contains("plan.json holds a plan whose parts do not fit: remove it"), "{unfit}");
        assert!(std::error::Error::source(&unfit).unwrap().to_string().starts_with("`assignments` has 1 rows"));
        fs::write(folder.path().join("plan.json"), "{").unwrap();
        assert!(store.load().unwrap_err().to_string().contains("holds no plan"));
    }
}
