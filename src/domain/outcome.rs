//! An outcome: all that a decision wants. It is data; `crate::daemon` commits it.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{
    actor::Actor,
    anomaly::Anomaly,
    approval::Approval,
    audit::{AuditCheck, AuditOutcome},
    budget::{BudgetKey, Reservation},
    comment::Comment,
    conversation::Conversation,
    delegation::Delegation,
    delivery::{ChannelState, Delivery},
    escalation::Escalation,
    event::{Event, Reason, Rejection},
    execution::Execution,
    facts::StateFacts,
    ids::SubjectId,
    lead::Lead,
    procedure::version::Published,
    request::Request,
    run::Run,
    seal::Seal,
    sla::{Clock, Transition},
    tally::Tallied,
    ticket::Ticket,
};

/// What follows from one input.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What changes in the world, in order.
    pub changes: Vec<Change>,
    /// What is published, in order.
    pub results: Vec<ResultEvent>,
    /// What is asked of the house itself: decided right after, in the same transaction.
    pub follow: Vec<Event>,
    /// The audit entry; `None` when nothing was checked, done or denied.
    pub audit: Option<AuditDraft>,
    /// The state that the rules saw, for the journal; `None` when no rule was asked.
    pub facts: Option<StateFacts>,
    /// Why the input was refused, if it was.
    pub refusal: Option<Rejection>,
}

/// One change of the world.
#[derive(Clone, Debug)]
pub enum Change {
    /// The subject's conversation is now this.
    Conversation(Arc<Conversation>),
    /// The subject's conversation has one more message (its body is in the journal row of the input).
    Message(Value),
    /// A ticket is made or changed.
    Ticket(Arc<Ticket>),
    /// A ticket is commented on.
    Comment(Arc<Comment>),
    /// An escalation is raised or changed.
    Escalation(Arc<Escalation>),
    /// A request is made or has moved.
    Request {
        /// As it is now.
        request: Arc<Request>,
        /// Whether it is made here.
        is_new: bool,
    },
    /// An approval is asked for, decided on or settled.
    Approval(Arc<Approval>),
    /// What is known of a channel is now this.
    Channel(String, Arc<ChannelState>),
    /// A delegation is made or taken back.
    Delegation(Arc<Delegation>),
    /// A clock is started or has changed.
    Clock(Arc<Clock>),
    /// What happened to a clock is kept for good.
    Transition(Arc<Transition>),
    /// A notice is on its way to a channel, or has moved on it.
    Delivery {
        /// As it is now.
        delivery: Arc<Delivery>,
        /// Whether it is made here.
        is_new: bool,
    },
    /// A request is carried out, or another attempt at it is due.
    Execution(Arc<Execution>),
    /// The carrying out of a request has ended.
    ExecutionOver(String),
    /// A request takes its part of a budget.
    Reserve(BudgetKey, Reservation),
    /// A request gives its part of a budget back.
    Release(BudgetKey, Reservation),
    /// What is watched is counted.
    Tally(Tallied),
    /// Something is out of the usual, and told for the first time in its hour.
    Anomaly(Arc<Anomaly>),
    /// A lead is kept.
    Lead(Arc<Lead>),
    /// A version of a procedure is written, published, archived or stopped.
    Procedure(Arc<Published>),
    /// A run of a procedure has begun or moved.
    Run(Arc<Run>),
    /// A team's round robin has moved on by one.
    TeamTurn(String),
    /// The lowest free ticket number is used.
    NumberTaken,
    /// An input is put aside.
    Park(Parked),
    /// A parked input was replayed and is done with.
    Unpark(String),
    /// A stretch of the audit log is signed.
    Seal(Arc<Seal>),
}

/// An input that could not be understood, kept with its reason until a person deals with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// `prk_…`.
    pub parked_id: String,
    /// The class of the fault.
    pub reason: Reason,
    /// What exactly is wrong.
    pub detail: String,
    /// The event's id, where it could be read.
    pub event_id: Option<String>,
    /// Where it came in: `queue:provost.inbox`, `http`, `intake:chatwoot`.
    pub entry: String,
    /// Content type and headers as JSON, so that it can be read again at a replay.
    pub transport: String,
    /// The message as it came.
    pub content: Arc<[u8]>,
}

/// Something to publish.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultEvent {
    /// The outbound type.
    pub kind: &'static str,
    /// The conversation's id, or the id of the thing itself.
    pub subject: SubjectId,
    /// Its content.
    pub data: Map<String, Value>,
}

/// An audit entry before time, policy and place are filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditDraft {
    /// Who asked.
    pub actor: Actor,
    /// The id of the customer whom it is about, where there is one.
    pub customer: Option<String>,
    /// The amount that was asked for, where there is one.
    pub amount: Option<Decimal>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The rules that fired.
    pub rules: Vec<String>,
    /// What was looked at.
    pub checks: Vec<AuditCheck>,
    /// What was done: `{"effect": …, ids …}`.
    pub effects: Vec<Value>,
}
