//! Lists: names in order, a page at a time, at the price of the page.

use std::collections::VecDeque;
use std::ops::Bound;

use crate::registry::slot::Slot;
use crate::registry::table::{Table, read};
use crate::registry::{Attributes, Found, Instance, Live, Name, Pattern};

/// Most names that one page looks at, whatever the number it returns. Patterns with a `*` in the middle, and attributes,
/// may pass over many names.
pub const MAX_EXAMINED: usize = 4096;

/// Which names: those that match a pattern and have all the attributes asked for.
#[derive(Debug, Clone)]
pub struct Query {
    pattern: Pattern,
    attributes: Vec<(Box<str>, Box<str>)>,
}

impl Query {
    /// The same, with one more attribute: the identity's own, or its instance's.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    fn accepts<H: Live>(&self, slot: &Slot<H>) -> bool {
        let instance = slot.current.as_ref().and_then(|instance| instance.attributes());
        let says = |attributes: Option<&Attributes>, key: &str, value: &str| {
            attributes.and_then(|attributes| attributes.get(key)) == Some(value)
        };
        self.attributes.iter().all(|(key, value)| says(slot.attributes(), key, value) || says(instance, key, value))
    }
}

impl From<Pattern> for Query {
    fn from(pattern: Pattern) -> Self {
        Self { pattern, attributes: Vec::new() }
    }
}

/// A name and who has it.
#[derive(Debug)]
pub struct Listed<H> {
    /// The name.
    pub name: Name,
    /// Its live holder.
    pub found: Found<H>,
}

/// Part of a list.
#[derive(Debug)]
pub struct Page<H> {
    /// In name order; at most as many as were asked for.
    pub entries: Vec<Listed<H>>,
    /// Where the next page begins: after this name. `None` at the end. A page can be short, or empty, and not the last.
    pub next: Option<Name>,
    /// Names looked at for this page, at most [`MAX_EXAMINED`] or the number asked for.
    pub examined: usize,
}

impl<H: Live> Table<H> {
    pub(super) fn list(&self, query: &Query, after: Option<&Name>, limit: usize) -> Page<H> {
        let (limit, most) = (limit.max(1), limit.max(MAX_EXAMINED));
        let mut page = Page { entries: Vec::new(), next: after.cloned(), examined: 0 };
        while page.entries.len() < limit && page.examined < most {
            // The index is not held while holders are looked at.
            let wanted = (limit - page.entries.len()).min(most - page.examined).min(MAX_EXAMINED);
            let names = self.names(&query.pattern, page.next.as_ref(), wanted);
            let is_end = names.len() < wanted;
            page.examined += names.len();
            for name in names {
                if query.pattern.matches(&name) {
                    let look = |slot: &Slot<H>| slot.live().filter(|_| query.accepts(slot));
                    let found = self.read((&name).into(), look).flatten();
                    page.entries.extend(found.map(|found| Listed { name: name.clone(), found }));
                }
                page.next = Some(name);
            }
            if is_end {
                page.next = None;
                break;
            }
        }
        page
    }

    /// Removes holders that are dead, or that `retire` accepts and thereby declares dead.
    pub(super) fn sweep(&self, pattern: &Pattern, retire: impl Fn(&Instance<H>) -> bool) -> usize {
        let (mut removed, mut after) = (0, None::<Name>);
        loop {
            let names = self.names(pattern, after.as_ref(), MAX_EXAMINED);
            for name in names.iter().filter(|name| pattern.matches(name)) {
                let holder = self.read(name.into(), |slot| slot.current.clone()).flatten();
                // The shard is free again: what retires an instance may take its time.
                if let Some(holder) = holder.filter(|holder| !holder.is_live() || retire(holder)) {
                    holder.end();
                    removed += usize::from(self.remove(name.into(), holder.id()));
                }
            }
            match names.into_iter().last() {
                Some(last) if !pattern.is_literal() => after = Some(last),
                _ => return removed,
            }
        }
    }

    /// Names, of holders alive or not, that begin as the pattern does.
    fn names(&self, pattern: &Pattern, after: Option<&Name>, limit: usize) -> Vec<Name> {
        let literal = pattern.literal();
        let index = read(&self.index);
        if pattern.is_literal() {
            let is_ahead = after.is_none_or(|after| after.as_str() < literal);
            return index.get(literal).filter(|_| is_ahead).cloned().into_iter().collect();
        }
        let from = match after {
            Some(after) if after.as_str() >= literal => Bound::Excluded(after.as_str()),
            _ => Bound::Included(literal),
        };
        let names = index.range::<str, _>((from, Bound::Unbounded));
        names.take_while(|name| name.as_str().starts_with(literal)).take(limit).cloned().collect()
    }
}

/// All pages, one after the other.
pub(super) struct Pages<'a, H: Live> {
    table: &'a Table<H>,
    query: Query,
    page: VecDeque<Listed<H>>,
    next: Option<Option<Name>>,
}

impl<'a, H: Live> Pages<'a, H> {
    pub(super) const fn new(table: &'a Table<H>, query: Query) -> Self {
        Self { table, query, page: VecDeque::new(), next: Some(None) }
    }
}

impl<H: Live> Iterator for Pages<'_, H> {
    type Item = Listed<H>;

    fn next(&mut self) -> Option<Listed<H>> {
        while self.page.is_empty() {
            let page = self.table.list(&self.query, self.next.take()?.as_ref(), MAX_EXAMINED);
            self.page = page.entries.into();
            self.next = page.next.map(Some);
        }
        self.page.pop_front()
    }
}
