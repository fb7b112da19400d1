//! A file system whose power can be cut: what programs write is kept apart from what they have synced.
//!
//! # The rules
//! | what a program did | what survives a cut |
//! |---|---|
//! | wrote to a file, no fsync | nothing of it, or any part of it: see [`Survival`] |
//! | fsync or fdatasync of a file | its bytes and its length, as they were; not its name |
//! | created, linked, removed or renamed | nothing of it until fsync of the directory, or any part of it: see [`Survival`] |
//! | renamed, and fsync of one of the two directories | the rename, both names at once |
//! | fsync of a directory | its entries, as they were; not the content of what they name |
//! | a symbolic link's text | lasts as long as the link's name |
//! | permissions, times | not kept |
//!
//! *Against POSIX.* [fsync(2)](https://man7.org/linux/man-pages/man2/fsync.2.html): a successful fsync makes a file's data last, and "does not necessarily ensure that the
//! entry in the directory containing the file has also reached disk. For that an explicit fsync() on a file descriptor
//! for the directory is also needed". fdatasync may leave out metadata that reading does not need, and the length is needed.
//! POSIX says nothing of an unsynced rename after a crash; that it is both names or none is what every journaling file
//! system gives, and what programs rely on.
//!
//! *Against ext4.* Its journal orders directory changes, and commits them every five seconds or with any fsync;
//! [`Survival::Journal`] is that. With delayed allocation a file may be renamed, committed, and empty: that too. The other
//! rules are harsher than ext4 and within what POSIX, other file systems and disks without barriers allow. An engine that
//! lost something only there would have lost it on no ext4; [`Survival`] is drawn by a trial's seed, which says which it was.
//!
//! *A failed fsync* loses for good what it was to write, and the next one succeeds, as Linux has it.
//!
//! # What it cannot see
//! `sync_file_range` and `syncfs` never reach a FUSE server, so they make nothing durable here. The first does not on a
//! real disk either: it flushes neither metadata nor the drive's cache. The second would; no engine here calls it.
//! Writable shared maps work: msync and fsync bring their pages here first. The kernel's page cache is in its default,
//! write-through mode, so write(2) arrives at once. Never measure speed on it: nothing waits for a disk.

mod content;
mod disk;
mod image;
mod inject;
#[cfg(target_os = "linux")]
mod mount;
mod names;
#[cfg(target_os = "linux")]
mod serve;
mod survival;

pub use disk::Disk;
pub use image::Image;
pub use inject::{Call, Inject};
#[cfg(target_os = "linux")]
pub use mount::Mounted;
pub use survival::Survival;
