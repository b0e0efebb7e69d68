//! The route registry: every path of the API, with what it takes and answers.
//!
//! [`ROUTES`] is the one list. The router is made from it, and so is the OpenAPI
//! document, so a route is one entry. A route without a handler belongs to the
//! contract and is not built yet: it answers 501 and carries `x-planned`.

mod table;

use std::{fmt, panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::Uri,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{self, MethodRouter},
};
use futures_util::FutureExt;

pub use self::table::ROUTES;
use super::{
    auth,
    problem::{Kind, Problem},
    state::Api,
};
use crate::{clock::Stopwatch, domain::access::Verb, telemetry};

/// How long a request may take, streams aside.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A method of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// Gives the name in lower case, as OpenAPI writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Open,
    /// Whoever has the signature of the intake's secret, or a token that may ingest; the handler looks itself.
    Signature,
    /// Whoever has a token that is allowed one of these.
    Verbs(&'static [Verb]),
}

/// A query parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its shape, in the notation of [`super::shape`].
    pub shape: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
}

/// A route.
#[derive(Clone, Copy)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{name}` for parameters.
    pub path: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Who may call it.
    pub access: Access,
    /// The query parameters.
    pub query: &'static [Parameter],
    /// The shape of the JSON body, if it takes one.
    pub takes: Option<&'static str>,
    /// The status and shape of a good answer.
    pub answers: (u16, &'static str),
    handler: Option<fn() -> MethodRouter<Api>>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}

impl Route {
    const fn new(
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            summary,
            access,
            query: &[],
            takes: None,
            answers: (200, "object"),
            handler: None,
        }
    }

    const fn by(mut self, handler: fn() -> MethodRouter<Api>) -> Self {
        self.handler = Some(handler);
        self
    }

    const fn query(mut self, query: &'static [Parameter]) -> Self {
        self.query = query;
        self
    }

    const fn takes(mut self, shape: &'static str) -> Self {
        self.takes = Some(shape);
        self
    }

    const fn answers(mut self, status: u16, shape: &'static str) -> Self {
        self.answers = (status, shape);
        self
    }

    /// Tells whether the route is part of the contract only, and not built yet.
    pub fn is_planned(&self) -> bool {
        self.handler.is_none()
    }

    /// Gives the names of the path's parameters.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    fn serve(&self, api: &Api) -> MethodRouter<Api> {
        let served = match (self.handler, self.method) {
            (Some(handler), _) => handler(),
            (None, Method::Get) => routing::get(not_built),
            (None, Method::Post) => routing::post(not_built),
            (None, Method::Put) => routing::put(not_built),
            (None, Method::Patch) => routing::patch(not_built),
            (None, Method::Delete) => routing::delete(not_built),
        };
        match self.access {
            Access::Verbs(verbs) => {
                let gate = (api.clone(), verbs);
                served.route_layer(middleware::from_fn_with_state(gate, auth::require))
            }
            Access::Open | Access::Signature => served,
        }
    }
}

/// Makes the router of the whole API.
pub(super) fn router(api: Api) -> Router {
    ROUTES
        .iter()
        .fold(Router::new(), |router, route| {
            router.route(route.path, route.serve(&api))
        })
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(guard))
        .layer(middleware::from_fn(measure))
        .with_state(api)
}

async fn not_built(uri: Uri) -> Problem {
    let detail = format!("`{}` comes with a later release", uri.path());
    Problem::new(Kind::NotBuilt, detail)
}

async fn not_found(uri: Uri) -> Problem {
    let detail = format!("there is no path `{}`; see /openapi.json", uri.path());
    Problem::new(Kind::NotFound, detail)
}

async fn method_not_allowed(request: Request) -> Problem {
    let detail = format!(
        "`{}` does not know {}",
        request.uri().path(),
        request.method()
    );
    Problem::new(Kind::MethodNotAllowed, detail)
}

/// Counts and times every request.
async fn measure(request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    let method = request.method().as_str().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    let labels = [
        ("method", method.clone()),
        ("route", route.clone()),
        ("status", status),
    ];
    metrics::counter!(telemetry::HTTP_REQUESTS, &labels).increment(1);
    metrics::histogram!(telemetry::HTTP_SECONDS, "method" => method, "route" => route)
        .record(watch.elapsed());
    response
}

async fn guard(request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let text = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            Problem::internal(&text).into_response()
        }
        Err(_) => Problem::new(
            Kind::TimedOut,
            format!("no answer within {} s", TIMEOUT.as_secs()),
        )
        .retry_after(5)
        .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::shape;

    /// The contract's HTTP table: every method and path of it.
    const CONTRACT: &str = "
        POST /v1/events
        POST /v1/intake/{mapping}
        GET /v1/results
        GET /v1/conversations
        GET /v1/conversations/{id}
        GET /v1/tickets
        POST /v1/tickets
        GET /v1/tickets/{id}
        PATCH /v1/tickets/{id}
        POST /v1/tickets/{id}/comments
        GET /v1/tickets/counts
        GET /v1/escalations
        POST /v1/escalations/{id}/ack
        GET /v1/leads
        GET /v1/actions
        POST /v1/actions/{name}/requests
        GET /v1/requests
        GET /v1/requests/{id}
        POST /v1/requests/{id}/reversal
        POST /v1/requests/{id}/resolution
        GET /v1/approvals
        GET /v1/approvals/{id}
        POST /v1/approvals/{id}/decision
        GET /v1/delegations
        POST /v1/delegations
        GET /v1/procedures
        POST /v1/procedures
        GET /v1/procedures/catalogue
        GET /v1/procedures/{slug}
        GET /v1/procedures/{slug}/versions/{n}
        PUT /v1/procedures/{slug}
        POST /v1/procedures/{slug}/publish
        POST /v1/procedures/{slug}/archive
        POST /v1/procedures/{slug}/validate
        POST /v1/procedures/{slug}/simulate
        GET /v1/runs
        GET /v1/runs/{id}
        POST /v1/runs/{id}/cancel
        GET /v1/audit
        GET /v1/audit/export
        GET /v1/audit/verify
        DELETE /v1/customers/{id}
        GET /v1/policy
        POST /v1/policy/reload
        POST /v1/policy/explain
        POST /v1/policy/backtest
        GET /v1/policy/shadow
        GET /v1/sla
        GET /v1/sla/{ticket}/explain
        POST /v1/sla/repin
        GET /v1/anomalies
        GET /v1/reports/{name}
        POST /v1/channels/{name}/test
        GET /v1/parked
        GET /healthz
        GET /readyz
        GET /metrics
        GET /openapi.json
        GET /asyncapi.json
    ";

    #[test]
    fn every_path_of_the_contract_is_in_the_registry_once() {
        let mut known = BTreeSet::new();
        for route in ROUTES {
            let line = format!("{} {}", route.method.as_str().to_uppercase(), route.path);
            assert!(known.insert(line.clone()), "{line} stands twice");
        }
        for line in CONTRACT.lines().map(str::trim).filter(|l| !l.is_empty()) {
            assert!(known.contains(line), "{line} is missing");
        }
    }

    #[test]
    fn every_shape_of_the_registry_parses() {
        for route in ROUTES {
            let shapes = route
                .query
                .iter()
                .map(|parameter| parameter.shape)
                .chain(route.takes)
                .chain([route.answers.1]);
            for shape in shapes {
                let parsed = shape::parse(shape);
                assert!(parsed.is_ok(), "{route:?}: {parsed:?}");
            }
        }
    }

    #[test]
    fn only_paths_outside_v1_are_open() {
        for route in ROUTES {
            assert_eq!(
                route.access == Access::Open,
                !route.path.starts_with("/v1/"),
                "{route:?}"
            );
        }
    }
}
