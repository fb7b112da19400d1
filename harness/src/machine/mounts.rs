//! `/proc/self/mountinfo`, as described in proc_pid_mountinfo(5).

use std::path::{Path, PathBuf};

/// The mount below which a path lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// `major:minor` of the device.
    pub(super) device_number: String,
    /// Type, such as `ext4`.
    pub(super) filesystem: String,
    /// Options of the mount, then those of the file system that the mount does not repeat.
    pub(super) options: String,
    /// The device's name without `/dev/`, or the type of a file system that has none.
    pub(super) source: String,
}

/// The mount that holds `path`: the one with the longest mount point, of several there the last one made.
pub(super) fn find(table: &str, path: &Path) -> Option<Mount> {
    let mounts = table.lines().filter_map(parse).filter(|(point, _)| path.starts_with(point));
    mounts.max_by_key(|(point, _)| point.components().count()).map(|(_, mount)| mount)
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn parse(line: &str) -> Option<(PathBuf, Mount)> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(2);
    let (device_number, _root, point, own) = (mount.next()?, mount.next()?, mount.next()?, mount.next()?);
    let mut filesystem = filesystem.split(' ');
    let (kind, source, shared) = (filesystem.next()?, filesystem.next()?, filesystem.next()?);
    let mount = Mount {
        device_number: device_number.to_owned(),
        filesystem: kind.to_owned(),
        options: options(own, shared),
        source: source.strip_prefix("/dev/").unwrap_or(kind).to_owned(),
    };
    Some((PathBuf::from(unescape(point)), mount))
}

/// Options once each. Those that hold a path say more about the owner than about the speed.
fn options(own: &str, shared: &str) -> String {
    let mut all: Vec<&str> = Vec::new();
    for option in own.split(',').chain(shared.split(',')) {
        if !option.contains('/') && !all.contains(&option) {
            all.push(option);
        }
    }
    all.join(",")
}

/// Space, tab, newline and backslash stand as three octal digits.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard,errors=remount-ro
30 27 0:27 / /data\\040disk rw,noatime - xfs /dev/mapper/fast rw
31 27 0:28 / /srv rw - tmpfs tmpfs rw,size=1024k
32 27 0:29 / /srv rw - overlay overlay rw,lowerdir=/secret/place,index=off
garbage
";

    fn filesystem(path: &str) -> Option<String> {
        find(TABLE, Path::new(path)).map(|mount| mount.filesystem)
    }

    #[test]
    fn the_longest_mount_point_wins_and_of_equals_the_last() {
        assert_eq!(filesystem("/home/x").as_deref(), Some("ext4"));
        assert_eq!(filesystem("/data disk/x").as_deref(), Some("xfs"));
        assert_eq!(filesystem("/srver").as_deref(), Some("ext4"));
        assert_eq!(filesystem("/srv/x").as_deref(), Some("overlay"));
        assert_eq!(find("", Path::new("/")), None);
    }

    #[test]
    fn options_appear_once_and_never_with_a_path() {
        let options = |path: &str| find(TABLE, Path::new(path)).map(|mount| mount.options).unwrap_or_default();
        assert_eq!(options("/"), "rw,relatime,discard,errors=remount-ro");
        assert_eq!(options("/srv"), "rw,index=off");
    }

    #[test]
    fn only_devices_have_names() {
        let source = |path: &str| find(TABLE, Path::new(path)).map(|mount| mount.source).unwrap_or_default();
        assert_eq!((source("/").as_str(), source("/srv").as_str()), ("vda", "overlay"));
        assert_eq!(source("/data disk"), "mapper/fast");
    }
}
