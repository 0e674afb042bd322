//! A folder's files with their bytes and times, to be compared.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// A file (or a folder, whose name ends with `/`) of a tree.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Empty for a folder.
    pub bytes: Vec<u8>,
    /// When it was last written.
    pub modified: SystemTime,
    /// A file that was replaced by an equal one has another number.
    pub inode: u64,
}

/// All files and folders below a folder, by path.
pub type Tree = BTreeMap<String, Entry>;

/// Reads a folder.
pub fn read(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    add(folder, "", &mut tree);
    tree
}

fn add(folder: &Path, prefix: &str, tree: &mut Tree) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let metadata = entry.metadata().expect("metadata");
        let mut name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let bytes = if metadata.is_dir() {
            name.push('/');
            add(&entry.path(), &name, tree);
            Vec::new()
        } else {
            std::fs::read(entry.path()).expect("a file")
        };
        let modified = metadata.modified().expect("a time");
        tree.insert(name, Entry { bytes, modified, inode: metadata.ino() });
    }
}

/// Fails unless both hold the same names with the same bytes.
#[track_caller]
pub fn assert_same_bytes(got: &Tree, wanted: &Tree, what: &str) {
    let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(got), names(wanted), "{what}: other files");
    for (name, entry) in got {
        assert!(entry.bytes == wanted[name].bytes, "{what}: {name} has other bytes");
    }
}

/// Fails unless `name` was not touched: same bytes, time and inode.
#[track_caller]
pub fn assert_untouched(before: &Tree, after: &Tree, name: &str) {
    let now = after.get(name).unwrap_or_else(|| panic!("{name} is gone"));
    let then = before.get(name).unwrap_or_else(|| panic!("{name} was not there"));
    assert!(then.bytes == now.bytes, "{name} has other bytes");
    assert!(then.modified == now.modified && then.inode == now.inode, "{name} was written again");
}

/// Copies a folder with the times of its files.
pub fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(status.success(), "{} cannot be copied", from.display());
}
