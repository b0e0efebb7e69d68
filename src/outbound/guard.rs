//! The guard: addresses are looked at where they are connected to.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use crate::domain::network::{Network, may_reach};

/// Finds the addresses of a name.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// Gives the addresses.
    ///
    /// *Errors*: when there are none, or nobody who knows can be asked.
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// Asks the system.
#[derive(Debug)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Gives only what may be reached.
#[derive(Debug)]
pub(super) struct Resolver {
    lookup: Arc<dyn Lookup>,
    listed: Arc<[Network]>,
}

impl Resolver {
    pub(super) fn new(lookup: Arc<dyn Lookup>, listed: Arc<[Network]>) -> Self {
        Self { lookup, listed }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let (found, listed) = (self.lookup.look_up(host.clone()), Arc::clone(&self.listed));
        Box::pin(async move {
            let found = found.await?;
            let reachable: Vec<SocketAddr> = found
                .iter()
                .filter(|address| may_reach(**address, &listed))
                .map(|address| SocketAddr::new(*address, 0))
                .collect();
            if reachable.is_empty() {
                return Err(Refusal(format!("`{host}` has no address that may be reached")).into());
            }
            Ok(Box::new(reachable.into_iter()) as Addrs)
        })
    }
}

/// Looks at a host that is an address itself: those are never looked up.
pub(super) fn check_literal(url: &Url, listed: &[Network]) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    match literal.parse::<IpAddr>() {
        Ok(address) if !may_reach(address, listed) => {
            Err(format!("`{address}` may not be reached"))
        }
        _ => Ok(()),
    }
}

/// What the resolver refuses; found again among the causes of what the client says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

/// Gives what the guard said, if it was the guard.
pub(super) fn refusal(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(Refusal(said)) = error.downcast_ref() {
            return Some(said.clone());
        }
        cause = error.source();
    }
    None
}
