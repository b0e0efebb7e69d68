//! The guard: addresses are looked at where they are connected to.
//!
//! Whoever connects – the HTTP client, the mail and the database senders – gets addresses
//! from here and asks nobody a second time, so a name that answers otherwise a moment later
//! gains nothing.

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

use super::SendFault;
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

/// Knows what may be reached.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    lookup: Arc<dyn Lookup>,
    listed: Arc<[Network]>,
}

impl Guard {
    pub(super) fn new(lookup: Arc<dyn Lookup>, listed: &[Network]) -> Self {
        Self {
            lookup,
            listed: listed.into(),
        }
    }

    /// Names the networks that are listed.
    pub(super) fn listed(&self) -> String {
        let names: Vec<String> = self.listed.iter().map(ToString::to_string).collect();
        names.join(",")
    }

    /// Tells whether an address may be reached only because it is listed: it is no public one.
    pub(super) fn is_house(&self, address: IpAddr) -> bool {
        !may_reach(address, &[]) && may_reach(address, &self.listed)
    }

    /// Gives the addresses of a host that may be reached; what connects goes to these and asks nobody
    /// again.
    ///
    /// *Errors*: `Refused` when none may be, `NotSent` when none is known.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, SendFault> {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let found = match literal.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) if host.is_empty() => {
                return Err(SendFault::Refused("it names no host".to_owned()));
            }
            Err(_) => {
                let found = self.lookup.look_up(host.to_owned()).await;
                found.map_err(|error| SendFault::NotSent(error.to_string()))?
            }
        };
        self.reachable(host, &found).map_err(SendFault::Refused)
    }

    /// Looks at a host that is an address itself: those are never looked up.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), SendFault> {
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        match literal.parse::<IpAddr>() {
            Ok(address) => {
                let found = self.reachable(literal, &[address]);
                found.map(|_| ()).map_err(SendFault::Refused)
            }
            Err(_) => Ok(()),
        }
    }

    fn reachable(&self, host: &str, found: &[IpAddr]) -> Result<Vec<IpAddr>, String> {
        let may = |address: &IpAddr| may_reach(*address, &self.listed);
        let reachable: Vec<IpAddr> = found.iter().copied().filter(may).collect();
        if reachable.is_empty() {
            return Err(format!("`{host}` has no address that may be reached"));
        }
        Ok(reachable)
    }
}

/// Gives the HTTP client only what may be reached.
#[derive(Debug)]
pub(super) struct Resolver(Guard);

impl Resolver {
    pub(super) fn new(guard: Guard) -> Self {
        Self(guard)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let guard = self.0.clone();
        Box::pin(async move {
            let found = guard.lookup.look_up(host.clone()).await?;
            let reachable = guard.reachable(&host, &found).map_err(Refusal)?;
            let reachable = reachable
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(reachable) as Addrs)
        })
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
