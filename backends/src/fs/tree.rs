//! Reading the tree: entries in the order of their keys, from either end.

use std::ops::ControlFlow;

use rustix::fs::FileType;
use slotbench_core::Key;
use slotbench_core::store::{Node, StoreError};

use super::disk::{Disk, Listed, add};
use super::layout::{Layout, Target};
use super::place::{Place, Step};

/// One walk over what lies below a key.
pub(super) struct Walk<'a> {
    disk: &'a Disk,
    layout: Layout,
    /// Keys less than this one are passed over; the root passes over none.
    from: Key,
    backwards: bool,
    limit: usize,
    found: Vec<(Key, Node)>,
}

/// A name in a directory that is ours.
struct Child {
    path: String,
    kind: FileType,
    step: Step,
}

impl<'a> Walk<'a> {
    /// From `from` upwards.
    pub(super) fn forwards(disk: &'a Disk, layout: Layout, from: &Key, limit: usize) -> Self {
        Self { disk, layout, from: from.clone(), backwards: false, limit, found: Vec::new() }
    }

    /// From the end downwards.
    pub(super) fn backwards(disk: &'a Disk, layout: Layout, limit: usize) -> Self {
        Self { disk, layout, from: Key::root(), backwards: true, limit, found: Vec::new() }
    }

    /// The first entries strictly below `prefix`.
    pub(super) fn below(mut self, prefix: &Key) -> Result<Vec<(Key, Node)>, StoreError> {
        if self.limit > 0 && self.from < prefix.fence() {
            let _stopped = self.walk(&Place::group(prefix.clone()), &self.layout.group(prefix))?;
        }
        Ok(self.found)
    }

    fn walk(&mut self, place: &Place, path: &str) -> Result<ControlFlow<()>, StoreError> {
        for child in self.children(place, path)? {
            if child.step.is_before(self.layout, &self.from) {
                continue;
            }
            if self.visit(child)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn visit(&mut self, child: Child) -> Result<ControlFlow<()>, StoreError> {
        match child.step {
            Step::Group(key) => return self.walk(&Place::group(key), &child.path),
            Step::Shard(place) => return self.walk(&place, &child.path),
            Step::Entry(key) => {
                if let Some(node) = self.node(&child.path, child.kind)? {
                    self.found.push((key, node));
                }
            }
        }
        let full = self.found.len() >= self.limit;
        Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// The names of one directory that are ours, in the order of the walk.
    fn children(&self, place: &Place, path: &str) -> Result<Vec<Child>, StoreError> {
        let mut children = Vec::new();
        for listed in self.disk.list(path)? {
            match self.child(place, path, listed) {
                Some(child) => children.push(child),
                None => add(&self.disk.tally.strays, 1),
            }
        }
        // An entry comes before what lies below it.
        children.sort_by_cached_key(|child| (child.step.order(self.layout), matches!(child.step, Step::Group(_))));
        if self.backwards {
            children.reverse();
        }
        Ok(children)
    }

    fn child(&self, place: &Place, path: &str, listed: Listed) -> Option<Child> {
        let name = listed.name?;
        let step = place.step(self.layout, &name)?;
        let is_directory = listed.kind == FileType::Directory;
        let fits = match step {
            Step::Entry(_) => matches!(listed.kind, FileType::RegularFile | FileType::Symlink),
            Step::Group(_) | Step::Shard(_) => is_directory,
        };
        fits.then(|| Child { path: format!("{path}/{name}"), kind: listed.kind, step })
    }

    /// What is at an entry's path; `None` if it has gone since the directory was listed, which only others can do.
    fn node(&self, path: &str, kind: FileType) -> Result<Option<Node>, StoreError> {
        if kind == FileType::RegularFile {
            return Ok(self.disk.length(path)?.map(Node::Value));
        }
        let text = self.disk.link_text(path)?;
        text.map(|text| read_link(self.layout, path, &text)).transpose().map(|target| {
            target.map(|target| match target {
                Target::Group => Node::Group,
                Target::Key(key) => Node::Link(key),
            })
        })
    }
}

/// What the symbolic link at `path` stands for.
pub(super) fn read_link(layout: Layout, path: &str, text: &str) -> Result<Target, StoreError> {
    layout.read_link(path, text).ok_or_else(|| StoreError::Corrupt {
        path: path.to_owned(),
        reason: format!("a symbolic link to '{text}', which is no path of this store"),
    })
}
