//! The capital shape of a page: what the reference node writes for `accept: application/aos-2`.
//!
//! Members are capitalised and `Owner` is the signer's address, so an item cannot be put together again from it: for
//! clients that know no other shape. One thing differs from the reference node: a cursor is text, as in every other shape.

use serde::Serialize;
use slotbench_core::Id;
use slotbench_core::assignments::Scheduled;
use slotbench_core::item::Item;
use slotbench_core::operations::SchedulePage;

use super::base64url;
use super::legacy::{Data, PageInfo, Tag, tags};

/// A page.
#[derive(Debug, Serialize)]
pub struct CapitalPage {
    page_info: PageInfo,
    edges: Vec<Edge>,
}

#[derive(Debug, Serialize)]
struct Edge {
    cursor: String,
    node: Node,
}

#[derive(Debug, Serialize)]
struct Node {
    message: CapitalItem,
    assignment: CapitalItem,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CapitalItem {
    id: Id,
    anchor: String,
    owner: String,
    from: String,
    tags: Vec<Tag>,
    target: String,
    #[serde(flatten)]
    data: CapitalData,
    signature: String,
}

#[derive(Debug, Serialize)]
struct CapitalData {
    #[serde(rename = "Data")]
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_encoding: Option<&'static str>,
}

impl From<&Item> for CapitalItem {
    fn from(item: &Item) -> Self {
        let owner = if item.is_signed() { item.owner_address().to_string() } else { String::new() };
        let from_process = item.tag("from-process").map(|value| String::from_utf8_lossy(value).into_owned());
        let Data { data, data_encoding } = Data::of(item);
        Self {
            id: item.id(),
            anchor: item.anchor().map(base64url).unwrap_or_default(),
            from: from_process.unwrap_or_else(|| owner.clone()),
            owner,
            tags: tags(item),
            target: item.target().map(|target| target.to_string()).unwrap_or_default(),
            data: CapitalData { data, data_encoding },
            signature: if item.is_signed() { base64url(item.signature()) } else { String::new() },
        }
    }
}

impl From<&SchedulePage> for CapitalPage {
    fn from(page: &SchedulePage) -> Self {
        let edge = |scheduled: &Scheduled| Edge {
            cursor: scheduled.assignment.slot().to_string(),
            node: Node {
                message: CapitalItem::from(&scheduled.message),
                assignment: CapitalItem::from(scheduled.assignment.item()),
            },
        };
        Self { page_info: PageInfo::timed(page), edges: page.assignments.iter().map(edge).collect() }
    }
}
