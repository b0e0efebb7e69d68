//! The verb: what follows from an input. Pure – no clock, no I/O, no randomness.
//!
//! `decide(policy, settings, world, input, now)` answers an [`Outcome`], or
//! [`Decision::Needs`] when the world that was loaded is too small; the caller
//! loads those and asks again, which costs nothing but time. The daemon commits
//! outcomes; the workbench only looks at them: the same function both times, so
//! what `rules test` and `rules explain` say is what happens.
//!
//! One file an input type; [`TYPES`] is the one list of them. What several types
//! share lives in [`case`] (the working copy), [`effects`], [`escalate`], [`notices`] and
//! [`ticket`]. Rejected alternative: an enum of all payloads matched here – every
//! new type would have touched the enum, the parser and the match.

mod action_answered;
mod action_requested;
mod action_reversal;
mod alerts;
mod approval_decided;
mod approvals;
mod audit_exported;
mod audit_sealed;
mod call;
mod case;
mod clock_due;
mod clocks;
mod clocks_of_requests;
mod conversation_ended;
mod conversation_message;
mod conversation_started;
mod conversation_updated;
mod customer_erased;
mod delegations;
mod effects;
mod escalate;
mod escalation_moved;
mod escalation_requested;
mod execution_ended;
mod execution_joined;
mod gate;
mod listen;
mod notices;
mod payload;
mod perform;
mod policy_changed;
mod post_due;
mod post_ended;
mod probe;
mod procedure_published;
mod procedure_requested;
mod procedure_step;
mod put_aside;
mod recall;
mod repin;
mod requests;
mod reversal;
mod runs;
mod schedule_due;
mod ticket;
mod ticket_closed_as;
mod ticket_commented;
mod ticket_messages;
mod ticket_requested;
mod ticket_updated;
mod watch;

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

pub use self::{
    approval_decided::ApprovalDue,
    audit_exported::AuditExported,
    audit_sealed::{AuditKeyAdded, AuditSealed},
    case::{Case, Stop},
    clock_due::ClockDue,
    customer_erased::CustomerErased,
    delegations::{DelegationMade, DelegationRevoked},
    execution_ended::{ExecutionEnded, RequestResolved, fate},
    execution_joined::ExecutionJoined,
    policy_changed::{PolicyLoaded, PolicyRejected},
    post_due::{ChannelTried, PostDue, channel_subject},
    post_ended::PostEnded,
    procedure_published::{
        ProcedureArchived, ProcedureWritten, RunDue, RunMoved, VersionStopped, procedure_subject,
        why_not,
    },
    put_aside::{PutAside, Refuse, Replayed},
    repin::Repin,
    schedule_due::{due_event, due_subject},
};
use crate::{
    domain::{
        access::Verb,
        actor::Actor,
        catalogue::Catalogue,
        channel::Notices,
        directory::Directory,
        event::{Event, Reason, Rejection},
        ids::EventKey,
        integration::{self, Integration},
        nearest::did_you_mean,
        outcome::Outcome,
        procedure::Conduct,
        template::Template,
        time::Timestamp,
        world::{Need, World},
    },
    policy::Policy,
};

/// How deep a decision may ask something of the house that asks again.
pub const MAX_DEPTH: usize = 16;

/// How often a decision may ask for more of the world before it is given up.
pub const MAX_ROUNDS: usize = 12;

/// A typed input that knows what follows from it.
pub trait Decide: fmt::Debug + Send + Sync {
    /// Adds to the case what follows.
    ///
    /// *Errors*: [`Stop::Needs`] when the world is too small, [`Stop::Refused`]
    /// when the input names what does not exist or asks for an illegal move.
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop>;

    /// Names what it will need for certain, so that a batch loads it at once; never a lock.
    fn foresees(&self) -> Vec<Need> {
        Vec::new()
    }
}

/// Reads an event's data by its type.
pub type ReadData = fn(&Map<String, Value>) -> Result<Arc<dyn Decide>, Rejection>;

/// An inbound event type: its name, and how its data is read.
pub struct InboundType {
    /// The wire name.
    pub name: &'static str,
    /// Any of these verbs lets an actor ask for it; none: nobody needs leave.
    pub needs: &'static [Verb],
    /// Reads and checks the data.
    pub read: ReadData,
}

/// The inbound types that this version decides, by name.
pub const TYPES: &[InboundType] = &[
    action_answered::CANCELLED,
    action_answered::CONFIRMED,
    action_answered::DECLINED,
    action_requested::REQUESTED,
    action_reversal::REQUESTED,
    approval_decided::DECIDED,
    call::ANSWERED,
    call::ENDED,
    call::RINGING,
    conversation_ended::ENDED,
    conversation_message::MESSAGE,
    conversation_ended::RESOLVED,
    conversation_started::STARTED,
    conversation_updated::UPDATED,
    escalation_moved::ACKNOWLEDGED,
    escalation_requested::REQUESTED,
    escalation_moved::SETTLED,
    procedure_requested::CANCELLED,
    procedure_requested::REQUESTED,
    schedule_due::DUE,
    ticket_closed_as::CLOSED_AS,
    ticket_commented::COMMENTED,
    ticket_requested::REQUESTED,
    ticket_updated::UPDATED,
];

/// The types that only the house asks itself for.
const OWN_TYPES: &[InboundType] = &[procedure_step::STEP];

/// Where an input came in, and whether it may name its actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `queue:provost.inbox`, `http:dana`, `intake:chatwoot`, `provost`.
    pub name: Arc<str>,
    /// Who acts where the event may not say so itself.
    pub actor: Actor,
    /// Whether an `actor` in the data is believed.
    pub is_trusted: bool,
}

impl Entry {
    /// The house itself: rules, timers, reloads.
    pub fn house() -> Self {
        Self {
            name: Arc::from("provost"),
            actor: Actor::system("provost"),
            is_trusted: true,
        }
    }
}

/// What the configuration says about deciding.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `source` of what is published.
    pub source: String,
    /// The template of a ticket's link.
    pub conversation_url: String,
    /// What the customer is told when a ticket is resolved; `None`: nothing. Knows `number`, `subject`,
    /// `link` and the members of `customer`.
    pub resolved_message: Option<Template>,
    /// People, teams and channels.
    pub directory: Directory,
    /// Actions and integrations.
    pub catalogue: Arc<Catalogue>,
    /// Where notices go besides the app.
    pub notices: Arc<Notices>,
    /// How procedures run.
    pub procedures: Conduct,
    /// Whether some entry may name people whom nothing here knows: then nobody can tell when too
    /// few are left to decide.
    pub names_others: bool,
}

impl Settings {
    /// Gives an integration by its name: one of the catalogue, the mail server of notices, or the system
    /// behind an address that a procedure gives.
    pub fn integration(&self, name: &str) -> Option<Arc<Integration>> {
        if let Some(known) = self.catalogue.integrations.get(name) {
            return Some(Arc::clone(known));
        }
        if name == integration::MAIL {
            return self.notices.mail.as_ref().map(integration::of_mail_server);
        }
        let is_address = name.starts_with("https://") || name.starts_with("http://");
        is_address.then(|| integration::of_origin(name))
    }
}

/// An event ready to be decided.
#[derive(Clone, Debug)]
pub struct Input {
    /// The deduplication key.
    pub key: EventKey,
    /// The event.
    pub event: Arc<Event>,
    /// The digest of its content.
    pub digest: [u8; 16],
    /// Its typed content.
    pub verb: Arc<dyn Decide>,
    /// The verbs of which its actor must be allowed one; none: nobody needs leave.
    pub needs: &'static [Verb],
    /// Where it came in.
    pub entry: Arc<Entry>,
    /// Results go to this queue too.
    pub reply_to: Option<String>,
    /// Copied onto the results.
    pub correlation_id: Option<String>,
    /// The id of the event that everything here goes back to.
    pub root_id: Arc<str>,
}

impl Input {
    /// Reads an event's data by its type and makes it ready.
    ///
    /// *Errors*: `unknown_type`, `invalid_data`.
    pub fn read(event: Event, entry: &Arc<Entry>) -> Result<Self, Rejection> {
        Self::read_as(TYPES.iter(), event, entry)
    }

    fn read_as(
        mut types: impl Iterator<Item = &'static InboundType>,
        mut event: Event,
        entry: &Arc<Entry>,
    ) -> Result<Self, Rejection> {
        let named = |rejection: Rejection, event: &Event| Rejection {
            event_id: Some(event.id.clone()),
            ..rejection
        };
        let Some(kind) = types.find(|known| known.name == event.kind) else {
            return Err(named(unknown_type(&event.kind), &event));
        };
        let digest = event.digest();
        if !entry.is_trusted && event.data.contains_key("actor") {
            let actor = serde_json::to_value(&entry.actor).unwrap_or_default();
            event.data.insert("actor".to_owned(), actor);
        }
        let verb = (kind.read)(&event.data).map_err(|rejection| named(rejection, &event))?;
        Ok(Self {
            needs: kind.needs,
            ..Self::of(event, digest, verb, entry)
        })
    }

    /// Makes an input whose content was not read from data, with the digest of what came in.
    pub fn of(event: Event, digest: [u8; 16], verb: Arc<dyn Decide>, entry: &Arc<Entry>) -> Self {
        Self {
            key: event.key(),
            digest,
            verb,
            needs: &[],
            entry: Arc::clone(entry),
            reply_to: None,
            correlation_id: None,
            root_id: Arc::from(event.id.as_str()),
            event: Arc::new(event),
        }
    }

    /// Makes an input of an event that was made here, such as a message to put aside.
    pub fn made(event: Event, verb: Arc<dyn Decide>, entry: &Arc<Entry>) -> Self {
        let digest = event.digest();
        Self::of(event, digest, verb, entry)
    }

    /// Makes an input of the house.
    pub fn of_house(event: Event, verb: Arc<dyn Decide>) -> Self {
        Self::made(event, verb, &Arc::new(Entry::house()))
    }

    /// Makes the input for something that this one asked of the house.
    ///
    /// *Errors*: when the house asked for what it cannot read, which is a defect.
    pub fn follow(&self, event: Event) -> Result<Self, Rejection> {
        let types = TYPES.iter().chain(OWN_TYPES);
        let mut child = Self::read_as(types, event, &Arc::new(Entry::house()))?;
        child.root_id = Arc::clone(&self.root_id);
        Ok(child)
    }

    /// Tells whether it is a further step of a run, of which a run has only so many.
    pub fn is_step(&self) -> bool {
        self.event.kind == runs::STEP
    }
}

fn unknown_type(kind: &str) -> Rejection {
    let hint = did_you_mean(kind, TYPES.iter().map(|known| known.name));
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    Rejection::new(
        Reason::UnknownType,
        "type",
        format!("the type `{kind}` is not known{hint}"),
    )
}

/// The answer of [`decide`].
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one step, on the stack"
)]
#[derive(Clone, Debug)]
pub enum Decision {
    /// What follows.
    Outcome(Outcome),
    /// What must be loaded first.
    Needs(Vec<Need>),
}

/// Decides one input.
pub fn decide(
    policy: &Policy,
    settings: &Settings,
    world: &World,
    input: &Input,
    now: Timestamp,
) -> Decision {
    let mut case = Case::open(policy, settings, world, input, now);
    if let Err(rejection) = case.check_access() {
        return Decision::Outcome(case.refuse(&rejection));
    }
    let decided = input.verb.decide(&mut case);
    match decided.and_then(|()| case.settle_runs()) {
        Ok(()) => Decision::Outcome(case.close()),
        Err(Stop::Needs(needs)) => Decision::Needs(needs),
        Err(Stop::Refused(rejection)) => Decision::Outcome(case.refuse(&rejection)),
    }
}
