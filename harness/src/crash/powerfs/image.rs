//! What a power cut left, as a tree, and as an ordinary directory.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::disk::ROOT;
use super::names::{Entries, Ino};

/// What a power cut left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// A file's bytes.
    File(Vec<u8>),
    /// A symbolic link's text.
    Link(OsString),
    /// A directory's entries.
    Directory(BTreeMap<OsString, Image>),
}

impl Image {
    /// Everything that can be reached from the root.
    pub(super) fn build(tree: &BTreeMap<Ino, Entries>, body: &mut dyn FnMut(Ino) -> Option<Self>) -> Self {
        Self::directory(ROOT, tree, body, &mut BTreeSet::from([ROOT]))
    }

    fn directory(
        ino: Ino,
        tree: &BTreeMap<Ino, Entries>,
        body: &mut dyn FnMut(Ino) -> Option<Self>,
        seen: &mut BTreeSet<Ino>,
    ) -> Self {
        let mut entries = BTreeMap::new();
        for (name, child) in tree.get(&ino).into_iter().flatten() {
            let node = match body(*child) {
                // A directory has one name; a loop would have no end.
                Some(Self::Directory(_)) if !seen.insert(*child) => None,
                Some(Self::Directory(_)) => Some(Self::directory(*child, tree, body, seen)),
                other => other,
            };
            entries.extend(node.map(|node| (name.clone(), node)));
        }
        Self::Directory(entries)
    }

    /// Writes it into an existing directory.
    ///
    /// # Errors
    /// What the system reports.
    pub fn export(&self, to: &Path) -> io::Result<()> {
        let Self::Directory(entries) = self else { return Err(io::ErrorKind::NotADirectory.into()) };
        for (name, node) in entries {
            let path = to.join(name);
            match node {
                Self::File(bytes) => fs::write(&path, bytes)?,
                Self::Link(text) => symlink(text, &path)?,
                Self::Directory(_) => {
                    fs::create_dir(&path)?;
                    node.export(&path)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_becomes_files_links_and_directories() {
        let inner = Image::Directory(BTreeMap::from([("f".into(), Image::File(b"bytes".to_vec()))]));
        let image = Image::Directory(BTreeMap::from([("d".into(), inner), ("l".into(), Image::Link("d/f".into()))]));
        let root = tempfile::tempdir().expect("a temporary directory");
        image.export(root.path()).expect("exports");
        assert_eq!(fs::read(root.path().join("l")).expect("leads to the file"), b"bytes");
        assert_eq!(fs::read_link(root.path().join("l")).expect("is a link"), Path::new("d/f"));
        assert!(Image::File(Vec::new()).export(root.path()).is_err());
    }
}
