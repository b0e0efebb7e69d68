//! Bearer tokens: who asks.
//!
//! A token is looked up by its hash in the database; what was found is kept for
//! a few seconds, so that a revoked token ends soon. Whoever may name other
//! actors (`impersonate`) is trusted to do so in events; for all others the actor
//! is the token's owner, whatever an event claims.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};
use sha2::{Digest, Sha256};

use super::{
    problem::{Kind, Problem},
    state::Api,
};
use crate::{
    decide::Entry,
    domain::{
        access::Verb,
        actor::{Actor, ActorKind},
        directory::Directory,
        time::{Span, Timestamp},
    },
    store::Token,
};

/// How long a token that was found is believed without another look.
const BELIEVED_FOR: Duration = Duration::from_secs(5);
/// How old the note of a token's last use may grow.
const NOTED_EVERY: Span = Span::from_secs(3_600);
/// How many tokens are kept at most.
const CAPACITY: usize = 1_024;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The token's name.
    pub(super) name: String,
    /// As whom its owner acts.
    pub(super) actor: Actor,
    /// Whether it may name other actors.
    pub(super) may_impersonate: bool,
    expires_at: Option<Timestamp>,
}

impl Owner {
    fn of(token: Token, directory: &Directory) -> Self {
        let roles = if token.roles.is_empty() {
            let person = directory.people.get(&token.name);
            person
                .map(|person| person.roles.clone())
                .unwrap_or_default()
        } else {
            token.roles
        };
        Self {
            may_impersonate: directory.roles.permit_somewhere(&roles, Verb::Impersonate),
            actor: Actor {
                kind: ActorKind::of_roles(&roles),
                id: token.name.clone(),
                roles,
            },
            name: token.name,
            expires_at: token.expires_at,
        }
    }

    /// Gives the entry of what this owner posts.
    pub(super) fn entry(&self) -> Entry {
        Entry {
            name: format!("http:{}", self.name).into(),
            actor: self.actor.clone(),
            is_trusted: self.may_impersonate,
        }
    }
}

/// Tokens that were looked up lately, by hash.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<[u8; 32], (Owner, Duration)>>);

impl Cache {
    fn find(&self, hash: &[u8; 32], now: Duration) -> Option<Owner> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (owner, at) = held.get(hash)?;
        (now.saturating_sub(*at) < BELIEVED_FOR).then(|| owner.clone())
    }

    fn keep(&self, hash: [u8; 32], owner: Owner, now: Duration) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.retain(|_, (_, at)| now.saturating_sub(*at) < BELIEVED_FOR);
        }
        if held.len() < CAPACITY {
            held.insert(hash, (owner, now));
        }
    }
}

/// Lets a request pass whose token is valid and allowed one of the verbs, with its [`Owner`] in the extensions.
pub(super) async fn require(
    State((api, verbs)): State<(Api, &'static [Verb])>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let owner = identify(&api, request.headers()).await?;
    check(&api, &owner, verbs)?;
    request.extensions_mut().insert(owner);
    Ok(next.run(request).await)
}

/// Looks whether an owner is allowed one of these verbs.
///
/// *Errors*: 403, with what it would take.
pub(super) fn check(api: &Api, owner: &Owner, verbs: &[Verb]) -> Result<(), Problem> {
    let ruling = api.app.in_force.ruling();
    let (known, held) = (&ruling.settings.directory.roles, &owner.actor.roles);
    let Some(needed) = known.lacking(held, verbs) else {
        return Ok(());
    };
    let has = match held.as_slice() {
        [] => "it has no role".to_owned(),
        roles => format!("its roles are `{}`", roles.join("`, `")),
    };
    let detail = format!(
        "the token of `{}` needs the verb {needed}; {has}",
        owner.name
    );
    let names: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
    Err(Problem::new(Kind::Forbidden, detail).with("needs", names))
}

/// Finds out who asks.
///
/// *Errors*: 401 without a valid token.
pub(super) async fn identify(api: &Api, headers: &HeaderMap) -> Result<Owner, Problem> {
    let secret = bearer(headers)?;
    let clock = &api.app.clock;
    let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let owner = match api.tokens.find(&hash, clock.monotonic()) {
        Some(owner) => owner,
        None => look_up(api, secret.to_owned(), hash).await?,
    };
    if owner.expires_at.is_some_and(|at| at <= clock.now()) {
        let detail = format!("the token of `{}` has expired", owner.name);
        return Err(Problem::new(Kind::Unauthorized, detail));
    }
    Ok(owner)
}

async fn look_up(api: &Api, secret: String, hash: [u8; 32]) -> Result<Owner, Problem> {
    let token = api
        .read(move |reader| reader.token_find(&secret))
        .await?
        .ok_or_else(|| Problem::new(Kind::Unauthorized, "the token is not known"))?;
    let now = api.app.clock.now();
    let is_noted = token
        .last_used
        .is_some_and(|at| now.since(at).micros() < NOTED_EVERY.micros());
    if !is_noted {
        let name = token.name.clone();
        let noted = api.app.store.write(move |desk| desk.token_used(&name, now));
        if let Err(error) = noted.await {
            tracing::debug!(%error, "the use of a token was not noted");
        }
    }
    let owner = Owner::of(token, &api.app.in_force.ruling().settings.directory);
    api.tokens
        .keep(hash, owner.clone(), api.app.clock.monotonic());
    Ok(owner)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || {
        let detail = "there is no `Authorization: Bearer …` header";
        Problem::new(Kind::Unauthorized, detail)
    };
    let value = headers.get(AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, secret) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") && !secret.trim().is_empty() {
        Ok(secret.trim())
    } else {
        Err(missing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(roles: &[&str]) -> Token {
        Token {
            name: "dana".to_owned(),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            created_at: Timestamp::default(),
            expires_at: None,
            last_used: None,
        }
    }

    #[test]
    fn only_some_roles_may_name_other_actors() {
        let directory = Directory::default();
        for (roles, kind, trusted) in [
            (&["agent", "manager"][..], ActorKind::Agent, false),
            (&["owner"], ActorKind::Agent, true),
            (&["platform"], ActorKind::System, true),
            (&["ai"], ActorKind::Ai, false),
            (&[], ActorKind::Agent, false),
        ] {
            let owner = Owner::of(token(roles), &directory);
            assert_eq!(
                (owner.actor.kind, owner.may_impersonate),
                (kind, trusted),
                "{roles:?}"
            );
            assert_eq!(&*owner.entry().name, "http:dana");
        }
    }

    #[test]
    fn a_token_is_believed_for_a_short_time_only() {
        let cache = Cache::default();
        let owner = Owner::of(token(&[]), &Directory::default());
        cache.keep([1; 32], owner.clone(), Duration::ZERO);
        assert_eq!(cache.find(&[1; 32], Duration::from_secs(4)), Some(owner));
        assert_eq!(cache.find(&[1; 32], Duration::from_secs(5)), None);
        assert_eq!(cache.find(&[2; 32], Duration::ZERO), None);
    }

    #[test]
    fn the_header_is_read_in_any_case_of_its_scheme() {
        let read = |value: &'static str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("header"))]);
            bearer(&headers).map(str::to_owned).ok()
        };
        assert_eq!(read("bearer pv_1").as_deref(), Some("pv_1"));
        for bad in ["Basic x", "Bearer", "Bearer  "] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
