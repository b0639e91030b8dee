//! A folder of its own for every test, removed when the test ends.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::config::{Overrides, Sources};

/// A temporary folder.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rangelight-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the process id and a counter are unique");
        Self(path.canonicalize().expect("it was just created"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in one step, so that no watcher sees half of it.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let (path, fresh) = (self.0.join(name), self.0.join(format!("{name}.new")));
        std::fs::write(&fresh, content).expect("the folder can be written");
        std::fs::rename(fresh, &path).expect("the folder can be written");
        path
    }

    /// Sources that see nothing but this folder and the given variables.
    pub(crate) fn sources(&self, environment: &[(&str, &str)]) -> Sources {
        let mut all = HashMap::from([("STATE_DIRECTORY".to_owned(), "/state".to_owned())]);
        all.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Sources {
            overrides: Overrides::default(),
            environment: all,
            folder: self.0.clone(),
            system_file: self.0.join("system.toml"),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
