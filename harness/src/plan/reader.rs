//! From TOML text to tables of axes, with the place of everything that is wrong.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::plan::error::PlanError;
use crate::plan::group::Group;
use crate::plan::keys::{self, Key};
use crate::plan::source::Source;

/// A plan as written.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) seed: u64,
    /// The `[[cells]]` tables, with what they take from the top filled in; where they stand in the text.
    pub(super) groups: Vec<(Group, Range<usize>)>,
    /// Engine settings by engine.
    pub(super) engine: BTreeMap<String, BTreeMap<String, String>>,
}

/// A word of a value and where it stands.
type Word = (String, Range<usize>);
type Entry<'t, 'i> = (&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>);

/// Reads a plan.
///
/// # Errors
/// [`PlanError::At`]: TOML syntax, an unknown key, a value that is not allowed.
pub(super) fn read(source: &Source) -> Result<Document, PlanError> {
    let root = DeTable::parse(&source.text).map_err(|error| {
        let end = source.text.len();
        source.error(error.span().unwrap_or(end..end), error.message().replace('\n', ", "))
    })?;
    Reader { source }.document(root.get_ref())
}

struct Reader<'s> {
    source: &'s Source,
}

impl Reader<'_> {
    fn document(&self, root: &DeTable<'_>) -> Result<Document, PlanError> {
        let mut top = Group::default();
        let mut document = Document {
            name: self.source.stem.clone(),
            description: None,
            seed: 1,
            groups: Vec::new(),
            engine: BTreeMap::new(),
        };
        for entry in in_order(root) {
            match entry.0.get_ref().as_ref() {
                "cells" => {}
                "name" => document.name = self.one(entry, |word| keys::label(word, "").map(str::to_owned))?,
                "description" => document.description = Some(self.one(entry, sentence)?),
                "seed" => document.seed = self.one(entry, |word| keys::number(word, 0..=u64::MAX))?,
                "engine" => document.engine = self.engine(entry)?,
                _ => self.cells_key(&mut top, entry, &[keys::CELLS], "name, description, seed, engine, cells, ")?,
            }
        }
        document.groups = self.groups(root, &top)?;
        Ok(document)
    }

    /// The `[[cells]]` tables over the top of the plan, or the top alone.
    fn groups(&self, root: &DeTable<'_>, top: &Group) -> Result<Vec<(Group, Range<usize>)>, PlanError> {
        let Some(cells) = root.get("cells") else { return Ok(vec![(top.clone(), 0..0)]) };
        let list = cells.get_ref().as_array().filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| self.source.error(cells.span(), "cells: takes tables: [[cells]]"))?;
        list.iter().map(|table| Ok((self.group(table)?.or(top), table.span()))).collect()
    }

    fn group(&self, value: &Spanned<DeValue<'_>>) -> Result<Group, PlanError> {
        let table = value.get_ref().as_table();
        let table = table.ok_or_else(|| self.source.error(value.span(), "cells: takes tables: [[cells]]"))?;
        let mut group = Group::default();
        for entry in in_order(table) {
            self.cells_key(&mut group, entry, &[keys::LABELS, keys::CELLS], "")?;
        }
        Ok(group)
    }

    /// One key of a `[[cells]]` table; `others` is what the message of an unknown key lists first.
    fn cells_key(
        &self,
        group: &mut Group,
        entry: Entry<'_, '_>,
        lists: &[&'static [Key]],
        others: &str,
    ) -> Result<(), PlanError> {
        let (name, value) = entry;
        if name.get_ref() == "workload" {
            return self.workload(group, value);
        }
        match lists.iter().find_map(|keys| keys::find(keys, name.get_ref())) {
            Some(key) => self.take(group, key, "", value),
            None => Err(self.unknown(name, &format!("{others}{}, workload", listed(lists)))),
        }
    }

    fn workload(&self, group: &mut Group, value: &Spanned<DeValue<'_>>) -> Result<(), PlanError> {
        let table = value.get_ref().as_table();
        let table = table.ok_or_else(|| self.source.error(value.span(), "workload: takes a table: [workload]"))?;
        for (name, value) in in_order(table) {
            let Some(key) = keys::find(keys::WORKLOAD, name.get_ref()) else {
                return Err(self.unknown(name, &listed(&[keys::WORKLOAD])));
            };
            self.take(group, key, "workload.", value)?;
        }
        Ok(())
    }

    /// Every word of a value into the group.
    fn take(&self, group: &mut Group, key: &Key, prefix: &str, value: &Spanned<DeValue<'_>>) -> Result<(), PlanError> {
        let fail = |span, message: &str| self.source.error(span, format!("{prefix}{}: {message}", key.name));
        let words = words(value).map_err(|(span, message)| fail(span, message))?;
        words.into_iter().try_for_each(|(word, span)| (key.take)(group, &word).map_err(|message| fail(span, &message)))
    }

    /// A key that takes one word.
    fn one<T>(
        &self,
        (key, value): Entry<'_, '_>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, PlanError> {
        let fail = |message| self.source.error(value.span(), format!("{}: {message}", key.get_ref()));
        let word = scalar(value.get_ref()).ok_or_else(|| fail("takes one value".to_owned()))?;
        read(&word).map_err(fail)
    }

    fn engine(&self, (_, value): Entry<'_, '_>) -> Result<BTreeMap<String, BTreeMap<String, String>>, PlanError> {
        let message = "engine: takes a table for each engine: [engine.rocksdb]";
        let fail = |span| self.source.error(span, message);
        let table = value.get_ref().as_table().ok_or_else(|| fail(value.span()))?;
        let mut engines = BTreeMap::new();
        for (name, options) in in_order(table) {
            let engine = keys::backend(name.get_ref()).map_err(|message| {
                self.source.error(name.span(), format!("engine: {}", message.replace(", all)", ")")))
            })?;
            let options = options.get_ref().as_table().ok_or_else(|| fail(options.span()))?;
            let options = in_order(options).into_iter().map(|entry| {
                Ok((entry.0.get_ref().clone().into_owned(), self.one(entry, |word| Ok(word.to_owned()))?))
            });
            engines.insert(engine.to_owned(), options.collect::<Result<_, PlanError>>()?);
        }
        Ok(engines)
    }

    fn unknown(&self, key: &Spanned<DeString<'_>>, allowed: &str) -> PlanError {
        self.source.error(key.span(), format!("unknown key '{}' (allowed: {allowed})", key.get_ref()))
    }
}

/// The entries as they stand in the text, so that the first mistake is the one reported.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Entry<'t, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn listed(lists: &[&[Key]]) -> String {
    let names: Vec<_> = lists.iter().flat_map(|keys| keys.iter().map(|key| key.name)).collect();
    names.join(", ")
}

/// The words of a value: itself, or those of a list.
fn words(value: &Spanned<DeValue<'_>>) -> Result<Vec<Word>, (Range<usize>, &'static str)> {
    let word = |value: &Spanned<DeValue<'_>>| {
        let word = scalar(value.get_ref()).ok_or((value.span(), "takes a word, a number, or a list of them"));
        Ok((word?, value.span()))
    };
    match value.get_ref().as_array() {
        Some(list) if list.is_empty() => Err((value.span(), "is an empty list")),
        Some(list) => list.iter().map(word).collect(),
        None => Ok(vec![word(value)?]),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn sentence(word: &str) -> Result<String, String> {
    if word.contains(['\n', '\r']) { Err("takes one line".to_owned()) } else { Ok(word.to_owned()) }
}
