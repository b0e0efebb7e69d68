//! The HTTP API: one file a resource, one table of routes, one form of errors.
//!
//! Reading order: `routes` (every path), `problem` (every error), `auth`,
//! then the resources. Reads go to the store's reader threads; a write through
//! the API is an event, decided like any other, and is answered from the
//! committed state. Started by `crate::daemon`'s caller with [`serve`].

mod actions;
mod anomalies;
mod approvals;
mod asyncapi;
mod audit;
mod auth;
mod binding;
mod channels;
mod comments;
mod conversations;
mod cursor;
mod customers;
mod delegations;
mod escalations;
mod events;
mod explain;
mod export;
pub mod export_file;
mod extract;
mod intake;
mod leads;
mod messages;
mod narrowing;
mod openapi;
mod page;
mod parked;
mod policy;
pub mod problem;
mod procedures;
mod reports;
mod requests;
mod results;
mod routes;
mod runs;
mod shape;
mod signature;
mod sla;
mod state;
mod status;
mod story;
mod stream;
pub mod stub;
mod submit;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tickets;
pub mod verification;

use std::{io, sync::Arc};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::{
    asyncapi::document as asyncapi_document,
    binding::{BATCHED, STRUCTURED},
    messages::{INBOUND, Message, OUTBOUND},
    openapi::document as openapi_document,
    routes::{ROUTES, Route},
    state::Api,
};
use crate::daemon::App;

/// Makes the router of the whole API; its streams end when `stopping` is cancelled.
pub fn router(app: Arc<App>, stopping: CancellationToken) -> Router {
    routes::router(Api::new(app, stopping))
}

/// Serves the API until `stopping` is cancelled and the requests under way are answered.
///
/// *Errors*: when the listener fails for good.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stopping: CancellationToken,
) -> io::Result<()> {
    let router = router(app, stopping.clone());
    axum::serve(listener, router)
        .with_graceful_shutdown(stopping.cancelled_owned())
        .await
}
