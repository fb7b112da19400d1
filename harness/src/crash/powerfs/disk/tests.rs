//! A disk whose power fails, call by call.

use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn file(disk: &mut Disk, dir: Ino, name: &str, bytes: &[u8]) -> Ino {
    let ino = disk.create(dir, OsStr::new(name), Body::file(), 0o644, NOW).expect("creates");
    disk.write(ino, 0, bytes, NOW).expect("writes");
    ino
}

fn read(image: &Image, path: &[&str]) -> Option<Vec<u8>> {
    match (image, path) {
        (Image::File(bytes), []) => Some(bytes.clone()),
        (Image::Directory(entries), [first, rest @ ..]) => read(entries.get(OsStr::new(first))?, rest),
        _ => None,
    }
}

#[test]
fn a_file_lasts_with_its_content_its_name_and_its_directory() {
    for (content, name, parent) in (0..8).map(|bits| (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0)) {
        let mut disk = Disk::new();
        let dir = disk.create(ROOT, OsStr::new("d"), Body::Directory, 0o755, NOW).expect("creates");
        let ino = file(&mut disk, dir, "f", b"bytes");
        if content {
            disk.sync_file(ino).expect("syncs");
        }
        if name {
            disk.sync_dir(dir).expect("syncs");
        }
        if parent {
            disk.sync_dir(ROOT).expect("syncs");
        }
        let left = read(&disk.image(Survival::Nothing, 1), &["d", "f"]);
        let expected = (name && parent).then(|| if content { b"bytes".to_vec() } else { Vec::new() });
        assert_eq!(left, expected, "content {content}, name {name}, parent {parent}");
    }
}

#[test]
fn a_replaced_file_is_the_old_one_or_the_new_one() {
    let mut disk = Disk::new();
    let old = file(&mut disk, ROOT, "f", b"old");
    disk.sync_file(old).expect("syncs");
    disk.sync_dir(ROOT).expect("syncs");
    let new = file(&mut disk, ROOT, "tmp", b"new");
    disk.sync_file(new).expect("syncs");
    disk.rename((ROOT, OsStr::new("tmp")), (ROOT, OsStr::new("f")), false).expect("renames");
    for survival in Survival::ALL {
        for seed in 0..20 {
            let left = read(&disk.image(survival, seed), &["f"]).expect("never without the name");
            assert!(left == b"old" || left == b"new", "{survival:?}: {left:?}");
        }
    }
    assert_eq!(read(&disk.image(Survival::Nothing, 1), &["f"]).as_deref(), Some(&b"old"[..]));
    disk.sync_dir(ROOT).expect("syncs");
    assert_eq!(read(&disk.image(Survival::Nothing, 1), &["f"]).as_deref(), Some(&b"new"[..]));
}

#[test]
fn the_power_fails_at_the_chosen_call_and_nothing_changes_after() {
    let mut disk = Disk::new();
    let ino = file(&mut disk, ROOT, "f", b"bytes");
    disk.freeze_after(1);
    disk.sync_file(ino).expect("the last one");
    assert_eq!(disk.sync_dir(ROOT), Err(Errno::IO));
    assert!(disk.is_frozen());
    assert_eq!(disk.lookup(ROOT, OsStr::new("f")), Err(Errno::IO));
    assert_eq!(disk.write(ino, 0, b"more", NOW), Err(Errno::IO));
    assert_eq!(disk.unsynced(), 1, "the name");
    assert_eq!(read(&disk.image(Survival::Everything, 1), &["f"]).as_deref(), Some(&b"bytes"[..]));
    assert_eq!(read(&disk.image(Survival::Nothing, 1), &["f"]), None);
}

#[test]
fn a_failed_sync_reports_once_and_keeps_nothing() {
    let mut disk = Disk::new();
    let ino = file(&mut disk, ROOT, "f", b"bytes");
    disk.sync_dir(ROOT).expect("syncs");
    disk.inject(Inject { call: Call::Sync, after: 0, errno: Errno::IO, lasting: false });
    assert_eq!(disk.sync_file(ino), Err(Errno::IO));
    disk.sync_file(ino).expect("a second one says that all is well");
    assert_eq!(read(&disk.image(Survival::Nothing, 1), &["f"]).as_deref(), Some(&b""[..]));
}

#[test]
fn a_full_disk_takes_no_write_and_changes_nothing() {
    let mut disk = Disk::new();
    let ino = file(&mut disk, ROOT, "f", b"bytes");
    disk.inject(Inject { call: Call::Write, after: 0, errno: Errno::NOSPC, lasting: true });
    assert_eq!(disk.write(ino, 0, b"other", NOW), Err(Errno::NOSPC));
    assert_eq!(disk.write(ino, 0, b"other", NOW), Err(Errno::NOSPC));
    assert_eq!(disk.read(ino, 0, 9), Ok(&b"bytes"[..]));
    disk.sync_file(ino).expect("syncs are another call");
}

#[test]
fn names_are_refused_as_posix_has_it() {
    let mut disk = Disk::new();
    let dir = disk.create(ROOT, OsStr::new("d"), Body::Directory, 0o755, NOW).expect("creates");
    let ino = file(&mut disk, dir, "f", b"");
    let (d, f) = ((ROOT, OsStr::new("d")), (dir, OsStr::new("f")));
    assert_eq!(disk.unlink(ROOT, d.1), Err(Errno::ISDIR));
    assert_eq!(disk.rmdir(ROOT, d.1), Err(Errno::NOTEMPTY));
    assert_eq!(disk.rmdir(dir, f.1), Err(Errno::NOTDIR));
    assert_eq!(disk.rename(f, d, false), Err(Errno::ISDIR));
    assert_eq!(disk.rename(d, f, false), Err(Errno::NOTDIR));
    assert_eq!(disk.rename(f, (ino, f.1), false), Err(Errno::NOTDIR));
    assert_eq!(disk.create(dir, f.1, Body::file(), 0, NOW), Err(Errno::EXIST));
    assert_eq!(disk.link(ino, dir, f.1), Err(Errno::EXIST));
    assert_eq!(disk.write(ino, 1 << 40, b"x", NOW), Err(Errno::FBIG));
    disk.link(ino, ROOT, OsStr::new("again")).expect("links");
    disk.unlink(dir, f.1).expect("unlinks");
    disk.rmdir(ROOT, d.1).expect("is empty");
    disk.write(ino, 0, b"still there", NOW).expect("an unlinked file lives on");
}
