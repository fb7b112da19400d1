//! The key `location`: where schedulers are reached.

use std::sync::Arc;

use http::Method;
use http::header::CONTENT_TYPE;
use slotbench_core::Address;
use slotbench_core::operations::{OperationError, Published, Request};

use super::{Asked, Node};
use crate::envelope;
use crate::failure::Failure;
use crate::reply::{fresh, json};
use crate::service::Reply;
use crate::wire::location::LocationForm;

impl Node {
    pub(super) async fn location(&self, request: Request, asked: &Asked<'_>) -> Result<Reply, Failure> {
        if asked.head.method == Method::POST {
            return self.post_location(request, asked).await;
        }
        let address = asked.parameters.get("address").map(|text| {
            let bad = |error| Failure::bad_request(format!("'address': {error}"));
            text.parse::<Address>().map_err(bad)
        });
        let address = address.transpose()?;
        // May ask the gateway.
        self.blocking(move |operations| json(&LocationForm::from(&operations.location(address.as_ref())?)).map(fresh))
            .await
    }

    /// Takes a record: a signed wish for a new one of this node, or one of somebody else's.
    async fn post_location(&self, mut request: Request, asked: &Asked<'_>) -> Result<Reply, Failure> {
        envelope::open(asked.body(), asked.header(CONTENT_TYPE), &mut request)?;
        let item = request.message().cloned().ok_or(OperationError::NoMessage)?;
        let published = self.blocking(move |operations| Ok(operations.publish(item)?)).await?;
        let reply = json(&LocationForm::from(&published.record)).map(fresh);
        self.notify(published);
        reply
    }

    /// Posts a new record to everybody who is to know, one after the other. The operator hears of failures.
    fn notify(&self, published: Published) {
        let Published { record, notify } = published;
        let Some(remote) = self.options.remote.as_ref().filter(|_| !notify.is_empty()).map(Arc::clone) else { return };
        let (on_failure, metrics) = (self.options.on_failure.clone(), Arc::clone(&self.metrics));
        tokio::spawn(async move {
            for peer in notify {
                let told = remote.notify(&peer, record.item().as_bytes().clone()).await;
                metrics.asked("location", told.is_ok());
                if let (Err(error), Some(tell)) = (told, &on_failure) {
                    tell(&format!("{peer} was not told of the new location: {error}"));
                }
            }
        });
    }
}
