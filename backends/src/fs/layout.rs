//! Which file or directory stands for which key.

use std::fmt::Write as _;

use slotbench_core::key::Segment;
use slotbench_core::{Id, Key};

use super::name::{GROUP_SUFFIX, PIECE, escape};
use super::place::{Place, Step};

/// Entry of the root key, and the stem of the directory everything lies in.
const ROOT: &str = "root";
/// Numbered children per directory: two digits. The last slot is found by listing one directory a level, and those are
/// read name by name.
pub(super) const NUMBER_FANOUT: u64 = 100;
/// Groups of two digits in the largest number.
pub(super) const MAX_GROUPS: u32 = u64::MAX.ilog(NUMBER_FANOUT) + 1;
/// Ends the name of a directory that holds the rest of a name too long for one.
pub(super) const CONTINUED: char = '~';
/// Starts the name of a directory of numbers: `+2` holds those of two groups of two digits, `+a` those of ten.
pub(super) const NUMBERS: char = '+';
/// Starts the name of a directory of ids: `@3f` holds those of one shard.
pub(super) const IDS: char = '@';

/// The mapping between keys and paths below the store's directory. It is fixed for the life of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Over how many directories the ids below one path are spread: a power of two, 1 to 4096.
    content_fanout: u16,
}

/// What a symbolic link stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A link to that key.
    Key(Key),
    /// An explicit group: the link leads to the group's own directory.
    Group,
}

impl Layout {
    /// Most directories ids can be spread over.
    pub(super) const MAX_FANOUT: u16 = 4096;

    /// A layout, or `None` if the fan-out is out of range or not a power of two.
    pub(super) fn new(content_fanout: u16) -> Option<Self> {
        (content_fanout.is_power_of_two() && content_fanout <= Self::MAX_FANOUT).then_some(Self { content_fanout })
    }

    pub(super) fn content_fanout(self) -> u16 {
        self.content_fanout
    }

    /// The path of the file or link at `key`.
    pub(super) fn entry(self, key: &Key) -> String {
        key.segments().fold(ROOT.to_owned(), |mut path, segment| {
            path.push_str(GROUP_SUFFIX);
            path.push('/');
            self.push_segment(&segment, &mut path);
            path
        })
    }

    /// The path of the directory of what lies below `key`.
    pub(super) fn group(self, key: &Key) -> String {
        self.entry(key) + GROUP_SUFFIX
    }

    fn push_segment(self, segment: &Segment<'_>, path: &mut String) {
        match segment {
            Segment::Number(number) => push_number(*number, path),
            Segment::Id(id) => {
                self.push_shard(self.shard(id), path);
                path.push('/');
                path.push_str(id.text().as_str());
            }
            Segment::Name(name) => push_name(name, path),
        }
    }

    /// The shard of an id: its leading bits.
    pub(super) fn shard(self, id: &Id) -> u16 {
        let [high, low, ..] = *id.as_bytes();
        let shard = u32::from(u16::from_be_bytes([high, low])) >> self.id_shift();
        u16::try_from(shard).unwrap_or(u16::MAX)
    }

    /// Bits of an id's first two bytes that do not name its shard: 4 to 16.
    pub(super) fn id_shift(self) -> u32 {
        16 - self.content_fanout.trailing_zeros()
    }

    /// Appends the directory name of a shard: hexadecimal, as wide as the last shard's.
    pub(super) fn push_shard(self, shard: u16, path: &mut String) {
        let width = (self.content_fanout.trailing_zeros().div_ceil(4)).max(1) as usize;
        // Writing to a String cannot fail.
        let _ = write!(path, "{IDS}{shard:0width$x}");
    }

    /// The text of the symbolic link at the path `link` that leads to `target`: relative, by way of the store's
    /// directory, so that the store can be moved as a whole.
    pub(super) fn link_text(self, link: &str, target: &Key) -> String {
        ascent(link) + &self.entry(target)
    }

    /// The text of the symbolic link at the path `entry` that marks an explicit group.
    pub(super) fn group_text(entry: &str) -> String {
        file_name(entry).to_owned() + GROUP_SUFFIX
    }

    /// What the symbolic link at the path `link` with that text stands for; `None` if we did not write it.
    pub(super) fn read_link(self, link: &str, text: &str) -> Option<Target> {
        if text == Self::group_text(link) {
            return Some(Target::Group);
        }
        self.key_of_entry(text.strip_prefix(&ascent(link))?).map(Target::Key)
    }

    /// The key whose entry is at `path`, or `None`.
    fn key_of_entry(self, path: &str) -> Option<Key> {
        if path == ROOT {
            return Some(Key::root());
        }
        let below = path.strip_prefix(ROOT)?.strip_prefix(GROUP_SUFFIX)?.strip_prefix('/')?;
        let last = below.split('/').try_fold(Step::Group(Key::root()), |step, name| match step {
            Step::Group(key) => Place::group(key).step(self, name),
            Step::Shard(place) => place.step(self, name),
            Step::Entry(_) => None,
        });
        if let Some(Step::Entry(key)) = last { Some(key) } else { None }
    }
}

/// The way up from the directory of the path `link` to the store's directory.
fn ascent(link: &str) -> String {
    "../".repeat(link.matches('/').count())
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The directory of a path; the store's directory is the empty path.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// `12345` as `+3/01/23/45`: the number of groups first, in hexadecimal, so that names sort as numbers do.
fn push_number(number: u64, path: &mut String) {
    let groups = number.checked_ilog(NUMBER_FANOUT).unwrap_or(0);
    let _ = write!(path, "{NUMBERS}{:x}", groups + 1);
    for power in (0..=groups).rev() {
        let _ = write!(path, "/{:02}", number / NUMBER_FANOUT.pow(power) % NUMBER_FANOUT);
    }
}

fn push_name(name: &[u8], path: &mut String) {
    let mut pieces = name.chunks(PIECE).peekable();
    while let Some(piece) = pieces.next() {
        escape(piece, path);
        if pieces.peek().is_some() {
            path.push(CONTINUED);
            path.push('/');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESS: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

    fn layout() -> Layout {
        Layout::new(256).expect("a power of two")
    }

    fn key(path: &str) -> Key {
        Key::parse(path).expect("a valid path")
    }

    #[test]
    fn paths_are_those_of_the_module_documentation() {
        let slot = format!("assignments/{PROCESS}/12345");
        for (path, entry) in [
            ("", "root".to_owned()),
            ("data", "root.d/data".to_owned()),
            ("a/0", "root.d/a.d/+1/00".to_owned()),
            ("a/99", "root.d/a.d/+1/99".to_owned()),
            ("a/100", "root.d/a.d/+2/01/00".to_owned()),
            ("a/18446744073709551615", "root.d/a.d/+a/18/44/67/44/07/37/09/55/16/15".to_owned()),
            (&slot, format!("root.d/assignments.d/@01/{PROCESS}.d/+3/01/23/45")),
            (&"n".repeat(100), format!("root.d/{}~/{}", "n".repeat(80), "n".repeat(20))),
        ] {
            assert_eq!(layout().entry(&key(path)), entry);
            assert_eq!(layout().group(&key(path)), entry.clone() + ".d");
            assert_eq!(layout().key_of_entry(&entry), Some(key(path)));
        }
    }

    #[test]
    fn fan_out_is_a_power_of_two_and_names_shards_of_equal_width() {
        assert!([0, 3, 8192].iter().all(|bad| Layout::new(*bad).is_none()));
        let path = format!("x/{PROCESS}");
        for (fanout, shard) in [(1, "@0"), (16, "@0"), (64, "@00"), (256, "@01"), (4096, "@010")] {
            let layout = Layout::new(fanout).expect("a power of two");
            assert_eq!(layout.entry(&key(&path)), format!("root.d/x.d/{shard}/{PROCESS}"));
        }
    }

    #[test]
    fn links_are_relative_and_lead_back_to_their_key() {
        for (link, target) in [("x", "y"), ("a/b/7", "data/x"), ("x", "x"), ("x", ""), ("a/1", "x.d/%/1000")] {
            let entry = layout().entry(&key(link));
            let text = layout().link_text(&entry, &key(target));
            assert_eq!(layout().read_link(&entry, &text), Some(Target::Key(key(target))), "{text}");
        }
        assert_eq!(layout().link_text("root.d/a.d/+1/07", &key("d/x")), "../../../root.d/d.d/x");
        assert_eq!(layout().read_link("root.d/a", "a.d"), Some(Target::Group));
    }

    #[test]
    fn links_of_others_are_not_ours() {
        let below = |path: &str| format!("../{path}");
        let shard = format!("../root.d/@ff/{PROCESS}");
        for text in [
            "", "/etc/passwd", "a", "../x", "root.d/x", "../root.d", "../root.d/", "../root.d/x.d", "../root.d/x/y",
            "../root.d//x", "../root.d/7", "../root.d/+1/7", "../root.d/+2/00/07", "../root.d/+b/01", "../root.d/+1",
            "../root.d/+a/99/99/99/99/99/99/99/99/99/99", &below(&format!("root.d/{PROCESS}")), &shard,
        ] {
            assert_eq!(layout().read_link("root.d/link", text), None, "{text}");
        }
    }
}
