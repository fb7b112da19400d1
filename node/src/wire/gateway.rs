//! Question and answer of a gateway's GraphQL, about location records.
//!
//! Published records carry the tag `type: scheduler-location`, older ones `Type: Scheduler-Location`, and indexes compare
//! case by case: both are asked for, in one request. An answer's node has all fields of the record, which has no data, so
//! it can be put together again and verified. Of several the one with the highest nonce counts.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use slotbench_core::location::{GatewayError, LocationRecord};
use slotbench_core::{Address, Item};

use super::read::document;

/// Records of one address that are looked at, in each spelling: the newest first.
const FIRST: usize = 10;

/// Asks for the records of an address.
#[must_use]
pub fn question(address: &Address) -> Bytes {
    const QUERY: &str = "query($owners: [String!]!, $types: [String!]!, $first: Int!) { \
        lower: transactions(owners: $owners, first: $first, sort: HEIGHT_DESC, tags: [{ name: \"type\", values: $types }]) \
        { edges { node { ...record } } } \
        upper: transactions(owners: $owners, first: $first, sort: HEIGHT_DESC, tags: [{ name: \"Type\", values: $types }]) \
        { edges { node { ...record } } } } \
        fragment record on Transaction { id anchor signature recipient owner { address key } tags { name value } }";
    let variables = json!({
        "owners": [address.to_string()],
        "types": ["scheduler-location", "Scheduler-Location"],
        "first": FIRST,
    });
    json!({ "query": QUERY, "variables": variables }).to_string().into()
}

#[derive(Deserialize)]
struct AnswerJson {
    #[serde(default)]
    data: Option<DataJson>,
    #[serde(default)]
    errors: Vec<Value>,
}

#[derive(Deserialize)]
struct DataJson {
    lower: ConnectionJson,
    upper: ConnectionJson,
}

#[derive(Deserialize)]
struct ConnectionJson {
    edges: Vec<EdgeJson>,
}

/// A node may be of anybody's making: one that cannot be read is passed over.
#[derive(Deserialize)]
struct EdgeJson {
    node: Value,
}

/// Of an answer, the record with the highest nonce, of those that are this address's and verify.
///
/// # Errors
/// [`GatewayError::Answer`] for what is no answer.
pub fn newest(body: &[u8], address: &Address) -> Result<Option<Item>, GatewayError> {
    let answer: AnswerJson = serde_json::from_slice(body).map_err(|error| GatewayError::Answer(error.to_string()))?;
    let Some(data) = answer.data else {
        let said = answer.errors.first().map(|error| error["message"].to_string()).unwrap_or_default();
        return Err(GatewayError::Answer(format!("it holds no data: {}", said.chars().take(200).collect::<String>())));
    };
    let edges = data.lower.edges.into_iter().take(FIRST).chain(data.upper.edges.into_iter().take(FIRST));
    let records = edges.filter_map(|edge| document::of_value(edge.node).ok()?.item().ok());
    let records = records.filter_map(|item| LocationRecord::read(item).ok());
    let own = records.filter(|record| record.address() == *address);
    Ok(own.max_by_key(LocationRecord::nonce).map(|record| record.item().clone()))
}

#[cfg(test)]
mod tests {
    use slotbench_core::Signer as _;
    use slotbench_core::location::{BaseUrl, LocationDraft};
    use slotbench_core::wallet::Wallet;

    use super::*;
    use crate::wire::legacy::ItemForm;

    fn wallet() -> Wallet {
        Wallet::ed25519_from_seed([4; 32]).expect("a key")
    }

    fn record(nonce: u64) -> Value {
        let url = BaseUrl::localhost();
        let item = LocationDraft { url: &url, nonce, time_to_live_ms: 1000 }.sign(&wallet()).expect("signs");
        json!({ "node": serde_json::to_value(ItemForm::bare(&item)).expect("writes") })
    }

    fn found(lower: Value, upper: Value) -> Option<u64> {
        let body = json!({ "data": { "lower": { "edges": lower }, "upper": { "edges": upper } } }).to_string();
        let item = newest(body.as_bytes(), &wallet().address()).expect("an answer");
        item.map(|item| LocationRecord::read(item).expect("a record").nonce())
    }

    #[test]
    fn the_highest_nonce_counts_in_either_spelling() {
        assert_eq!(found(json!([]), json!([])), None);
        assert_eq!(found(json!([record(1), record(3)]), json!([record(2)])), Some(3));
        assert_eq!(found(json!([]), json!([record(2)])), Some(2));
    }

    #[test]
    fn what_is_forged_or_no_record_is_passed_over() {
        let mut forged = record(9);
        forged["node"]["tags"][3]["value"] = json!("http://elsewhere");
        let nobody = json!({ "node": { "id": "x" } });
        assert_eq!(found(json!([forged, nobody, record(1), { "node": null }]), json!([])), Some(1));
        let address = Address::Ethereum([1; 20]);
        let body = json!({ "data": { "lower": { "edges": [record(1)] }, "upper": { "edges": [] } } }).to_string();
        assert_eq!(newest(body.as_bytes(), &address), Ok(None), "somebody else's");
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for body in ["", "{}", "[]", r#"{"data":null,"errors":[{"message":"too complex"}]}"#, r#"{"data":{}}"#] {
            let error = newest(body.as_bytes(), &wallet().address()).expect_err(body);
            assert!(matches!(error, GatewayError::Answer(_)));
        }
    }
}
