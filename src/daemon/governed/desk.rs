//! A desk to put events on: a policy, a small catalogue, a clock, and what came out.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the tests are read more easily without borrows"
)]

use std::{path::Path, sync::Arc};

use serde_json::{Map, Value, json};

use crate::{
    config::{CatalogueSources, Env, Ground, Tickets, read_catalogue},
    decide::{
        ApprovalDue, CustomerErased, Decide, DelegationMade, DelegationRevoked, Entry,
        ExecutionEnded, ExecutionJoined, Input, RequestResolved, Settings,
    },
    domain::{
        access::{Roles, Verb},
        channel::Notices,
        conversation::Conversation,
        directory::Directory,
        event::{Event, Rejection, Trace},
        execution::{Ended, Execution, Joined},
        ids::SubjectId,
        outcome::Change,
        procedure::Conduct,
        request::{Request, RequestState},
        schema::Schema,
        ticket::Ticket,
        time::{Span, Timestamp},
        world::World,
    },
    policy::{Policy, Sources},
    workbench::bench_world::{BenchWorld, Output, Trail},
};

const PAYMENTS: &str = r#"
kind = "http"
base_url = "https://pay.example.com"
honours_idempotency_key = true
[operations.refund]
method = "POST"
path = "/refunds"
body = { amount = "{{amount}}" }
[operations.charge]
method = "POST"
path = "/charges"
body = { amount = "{{amount}}" }
[operations.label]
method = "POST"
path = "/labels"
body = { labels = "{{items}}" }
[operations.order]
method = "GET"
path = "/orders/{{order_id}}"
"#;
const PARCELS: &str = r#"
kind = "http"
base_url = "https://parcels.example.com"
[operations.ship]
method = "POST"
path = "/parcels"
[operations.find]
method = "GET"
path = "/parcels/by-key/{{request.key}}"
"#;
const REFUND: &str = r#"
description = "Pays money back"
integration = "payments"
operation = "refund"
allow = ["ai", "agent"]
amount = "amount"
reversible = { action = "charge", params = { amount = "{{amount}}" }, until = "14d" }
say = { succeeded = "Done: {{amount}} is on its way.", failed = "That did not work." }
[params]
required = ["order_id", "amount"]
[params.properties]
order_id = { type = "string" }
amount = { type = "number", minimum = 0.01 }
[output]
map = { refund_id = "{{id}}" }
[output.schema]
required = ["refund_id"]
[output.schema.properties.refund_id]
type = ["string", "number"]
"#;
const BIG_REFUND: &str = r#"
description = "Pays much money back"
integration = "payments"
operation = "refund"
allow = ["ai", "agent"]
amount = "amount"
approval = "require"
approvers = ["manager"]
required = 2
say = { waiting = "I have asked a colleague.", denied = "A colleague will come back to you." }
[params.properties]
order_id = { type = "string" }
amount = { type = "number" }
"#;
const CHARGE: &str = r#"
description = "Charges again"
integration = "payments"
operation = "charge"
allow = ["manager"]
amount = "amount"
[params.properties]
amount = { type = "number" }
"#;
const DISCOUNT: &str = r#"
description = "Takes some percent off"
integration = "payments"
operation = "refund"
allow = ["ai"]
confirmation = "Shall I take {{percent}} percent off?"
[params.properties]
percent = { type = "number" }
amount = { type = "number" }
"#;
const SHIP: &str = r#"
description = "Sends a parcel"
integration = "parcels"
operation = "ship"
allow = ["ai"]
[params.properties]
"#;
const POST_PARCEL: &str = r#"
description = "Sends a parcel and looks whether it went out"
integration = "parcels"
operation = "ship"
allow = ["ai"]
say = { succeeded = "It is on its way.", unknown = "I am looking into it." }
[params.properties]
[output.map]
parcel_id = "{{id}}"
[probe]
operation = "find"
done = { path = "state", equals = "sent" }
failed = { path = "state", equals = "void" }
missing = "failed"
times = 3
"#;
const LABEL: &str = r#"
description = "Prints labels, many at once"
integration = "payments"
operation = "label"
allow = ["ai"]
batch = { max = 10, within = "1s" }
[params.properties]
order_id = { type = "string" }
"#;
const LOOK_UP: &str = r#"
description = "Looks an order up"
integration = "payments"
operation = "order"
allow = ["ai", "rule"]
[params.properties]
order_id = { type = "string" }
[output.map]
status = "{{status}}"
[output.attributes]
order_status = "{{status}}"
"#;
const LOG_ISSUE: &str = r#"
description = "Opens a ticket"
built_in = "create_ticket"
allow = ["ai"]
[params.properties]
subject = { type = "string" }
"#;
const LEAD: &str = r#"
description = "Keeps a lead"
built_in = "create_lead"
allow = ["ai"]
[params.properties]
email = { type = "string" }
"#;
const HAND_OVER: &str = r#"
description = "Redirects to a person"
built_in = "redirect_to_person"
allow = ["ai"]
[params.properties]
reason = { type = "string" }
"#;
const TONES: &str = r#"
description = "Sends tones"
built_in = "call_dtmf"
allow = ["ai"]
[params.properties]
digits = { type = "string" }
phone_id = { type = "string" }
"#;

const QUOTE: &str = r#"
description = "Estimates a quote"
function = "quote"
allow = ["ai"]
[params.properties]
pieces = { type = "number" }
price = { type = "number" }
"#;

const BEGIN_REFUND: &str = r#"
description = "Starts the refund"
workflow = "refund"
allow = ["ai"]
[params.properties]
order_id = { type = "string" }
"#;

const ACTIONS: [(&str, &str); 14] = [
    ("begin_refund", BEGIN_REFUND),
    ("big_refund", BIG_REFUND),
    ("charge", CHARGE),
    ("discount", DISCOUNT),
    ("hand_over", HAND_OVER),
    ("label", LABEL),
    ("lead", LEAD),
    ("log_issue", LOG_ISSUE),
    ("look_up", LOOK_UP),
    ("post_parcel", POST_PARCEL),
    ("quote", QUOTE),
    ("refund", REFUND),
    ("ship", SHIP),
    ("tones", TONES),
];

/// An AI.
pub(super) fn ai() -> Value {
    json!({"kind": "ai", "id": "bot"})
}

/// The customer.
pub(super) fn customer() -> Value {
    json!({"kind": "customer", "id": "ada"})
}

/// A teammate.
pub(super) fn agent(id: &str, roles: &[&str]) -> Value {
    json!({"kind": "agent", "id": id, "roles": roles})
}

/// What came out of one input.
#[derive(Debug)]
pub(super) struct Out(Vec<Output>);

impl Out {
    /// Gives the types, in order.
    pub(super) fn kinds(&self) -> Vec<&str> {
        self.0.iter().map(|output| output.kind.as_str()).collect()
    }

    /// Gives all of a type, in order.
    pub(super) fn all(&self, kind: &str) -> Vec<&Map<String, Value>> {
        let found = self.0.iter().filter(|output| output.kind == kind);
        found.map(|output| &output.data).collect()
    }

    /// Gives the first of a type.
    pub(super) fn one(&self, kind: &str) -> &Map<String, Value> {
        let found = self.0.iter().find(|output| output.kind == kind);
        &found
            .unwrap_or_else(|| panic!("no {kind} in {:?}", self.0))
            .data
    }

    /// Gives a text of the first of a type.
    pub(super) fn text(&self, kind: &str, name: &str) -> String {
        self.one(kind)[name].as_str().expect("a text").to_owned()
    }

    /// Gives the code and the reason of the denial.
    pub(super) fn denied(&self) -> (&str, &str) {
        let denied = self.one("action.denied");
        let text = |name: &str| denied[name].as_str().expect("a text");
        (text("code"), text("reason"))
    }
}

/// The desk. Policy and settings live as long as the test.
pub(super) struct Desk {
    policy: Policy,
    settings: Settings,
    world: World,
    now: Timestamp,
    count: usize,
}

impl Desk {
    /// Makes a desk with a policy.
    pub(super) fn new(policy: &str) -> Self {
        Self::with(policy, Directory::default(), Notices::default())
    }

    /// Makes a desk with a policy that may name these people, teams and channels.
    pub(super) fn with(policy: &str, directory: Directory, notices: Notices) -> Self {
        let owned = |files: &[(&str, &str)]| {
            let files = files.iter();
            files
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect()
        };
        let sources = CatalogueSources {
            actions: owned(&ACTIONS),
            integrations: owned(&[("parcels", PARCELS), ("payments", PAYMENTS)]),
        };
        let (env, roles) = (Env::default(), Roles::default());
        let loaded = read_catalogue(
            &sources,
            &Ground {
                env: &env,
                folder: Path::new(""),
                roles: &roles,
            },
        );
        assert_eq!(loaded.faults, [], "the catalogue");
        let texts = Sources {
            files: [("test.rhai".to_owned(), policy.to_owned())].into(),
        };
        let policy = Policy::load(&texts, &directory).expect("a policy");
        Self {
            policy,
            settings: Settings {
                source: "/provost".to_owned(),
                conversation_url: String::new(),
                resolved_message: Tickets::default().resolved_message,
                directory,
                catalogue: Arc::new(loaded.catalogue),
                notices: Arc::new(notices),
                procedures: Conduct::default(),
                names_others: true,
            },
            world: World::default(),
            now: Timestamp::parse("2026-11-21T10:00:00Z").expect("a time"),
            count: 0,
        }
    }

    pub(super) fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Lets an action take any parameters, so that only the policy is left to judge them.
    pub(super) fn any_params(&mut self, name: &str) {
        let catalogue = Arc::make_mut(&mut self.settings.catalogue);
        let action = catalogue.actions.get_mut(name).expect("an action");
        let action = Arc::make_mut(action);
        action.params = Schema::new(json!({"type": "object"})).expect("a schema");
        action.confirmation = None;
    }

    /// Moves the clock on.
    pub(super) fn pass_time(&mut self, span: Span) {
        self.now = self.now.plus(span);
    }

    /// Moves the clock on and has decided what comes due on the way.
    pub(super) fn wait(&mut self, span: Span) -> Out {
        let until = self.now.plus(span);
        let out = self.at_bench(|bench| bench.advance(until));
        self.now = until;
        out
    }

    /// Gives the time.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Has an event decided.
    pub(super) fn deliver(&mut self, kind: &str, data: Value) -> Out {
        let event = self.event(kind, data);
        let input = Input::read(event, &Arc::new(Entry::house())).expect("readable");
        self.decide(&input)
    }

    /// Has an event of another conversation decided.
    pub(super) fn deliver_in(&mut self, conversation: &str, kind: &str, data: Value) -> Out {
        let event = Event {
            subject: SubjectId::from(conversation),
            ..self.event(kind, data)
        };
        let input = Input::read(event, &Arc::new(Entry::house())).expect("readable");
        self.decide(&input)
    }

    /// Tells why the data of an event cannot be read, if so.
    pub(super) fn fault(kind: &str, data: Value) -> Option<String> {
        let event = Self::new("").event(kind, data);
        let read = Input::read(event, &Arc::new(Entry::house()));
        read.err().map(|rejection| rejection.detail)
    }

    /// Asks for an action.
    pub(super) fn ask(&mut self, id: &str, action: &str, params: Value, actor: Value) -> Out {
        let data = json!({"request_id": id, "action": action, "params": params, "actor": actor});
        self.deliver("action.requested", data)
    }

    /// Says yes or no to an approval.
    pub(super) fn vote(&mut self, id: &str, decision: &str, actor: Value) -> Out {
        let data = json!({"approval_id": id, "decision": decision, "actor": actor});
        self.deliver("approval.decided", data)
    }

    /// Hands somebody's say over, under an id.
    pub(super) fn delegate(&mut self, id: &str, from: Value, made: DelegationMade) -> Out {
        self.done_by(id, from, (Arc::new(made), &[Verb::Delegate]))
    }

    /// Takes a delegation back.
    pub(super) fn revoke(&mut self, actor: Value, revoked: DelegationRevoked) -> Out {
        let id = revoked.delegation_id.clone();
        self.done_by(&id, actor, (Arc::new(revoked), &[]))
    }

    fn done_by(
        &mut self,
        subject: &str,
        actor: Value,
        (verb, needs): (Arc<dyn Decide>, &'static [Verb]),
    ) -> Out {
        let event = Event {
            subject: SubjectId::from(subject),
            ..self.event("done", json!({}))
        };
        let entry = Entry {
            actor: serde_json::from_value(actor).expect("an actor"),
            is_trusted: false,
            ..Entry::house()
        };
        let input = Input {
            needs,
            ..Input::made(event, verb, &Arc::new(entry))
        };
        self.decide(&input)
    }

    /// Tells how an attempt ended.
    pub(super) fn ended(&mut self, id: &str, attempt: u32, ended: Ended) -> Out {
        self.house(ExecutionEnded {
            request_id: id.to_owned(),
            attempt,
            ended,
            at: None,
        })
    }

    /// Tells how an attempt ended that others share, at an instant.
    pub(super) fn ended_at(
        &mut self,
        (id, attempt): (&str, u32),
        ended: Ended,
        at: Timestamp,
    ) -> Out {
        self.house(ExecutionEnded {
            request_id: id.to_owned(),
            attempt,
            ended,
            at: Some(at),
        })
    }

    /// Has a request join a call, from another one or from none.
    pub(super) fn join(&mut self, id: &str, left: Option<&str>, joined: Joined) -> Out {
        let prepared = if joined.place == 0 { "all of it" } else { "" };
        self.house(ExecutionJoined {
            request_id: id.to_owned(),
            left: left.map(str::to_owned),
            joined,
            prepared: prepared.to_owned(),
            at: self.now,
        })
    }

    /// Has something of the house decided about another subject.
    pub(super) fn about(&mut self, subject: SubjectId, verb: impl Decide + 'static) -> Out {
        let event = Event {
            subject,
            ..self.event("house", json!({}))
        };
        let input = Input::of_house(event, Arc::new(verb));
        self.decide(&input)
    }

    /// Puts something into the world, as a decision elsewhere would.
    pub(super) fn put(&mut self, change: &Change) {
        self.world.apply(&SubjectId::from("c1"), change);
    }

    /// Gives the world.
    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// Tells that an approval's time has come.
    pub(super) fn due(&mut self, id: &str) -> Out {
        self.house(ApprovalDue {
            approval_id: id.to_owned(),
        })
    }

    /// Erases a person from the conversation.
    pub(super) fn erase(&mut self, customer: &str) -> Out {
        self.house(CustomerErased {
            customer: customer.to_owned(),
            effect: Map::new(),
        })
    }

    /// Settles an unknown one.
    pub(super) fn resolve(&mut self, id: &str, is_done: bool) -> Out {
        self.house(RequestResolved {
            request_id: id.to_owned(),
            is_done,
            reason: "looked it up".to_owned(),
        })
    }

    fn house(&mut self, verb: impl Decide + 'static) -> Out {
        let event = self.event("house", json!({}));
        let input = Input::of_house(event, Arc::new(verb));
        self.decide(&input)
    }

    fn event(&mut self, kind: &str, data: Value) -> Event {
        self.count += 1;
        Event {
            id: format!("e{}", self.count),
            source: "/test".to_owned(),
            kind: kind.to_owned(),
            subject: SubjectId::from("c1"),
            time: None,
            data: data.as_object().cloned().expect("an object"),
            trace: Trace::default(),
        }
    }

    fn decide(&mut self, input: &Input) -> Out {
        self.at_bench(|bench| bench.decide(input))
    }

    fn at_bench(
        &mut self,
        work: impl FnOnce(&mut BenchWorld<'_>) -> Result<Trail, Rejection>,
    ) -> Out {
        let world = std::mem::take(&mut self.world);
        let mut bench = BenchWorld::over(&self.policy, &self.settings, world, self.now);
        let Trail { outputs, .. } = work(&mut bench).expect("decided");
        self.world = bench.world().clone();
        Out(outputs)
    }

    /// Gives a ticket.
    pub(super) fn ticket(&self, id: &str) -> Arc<Ticket> {
        let known = self.world.tickets.get(id).cloned().flatten();
        known.expect("a ticket")
    }

    /// Gives a request.
    pub(super) fn request(&self, id: &str) -> Option<Arc<Request>> {
        self.world.requests.get(id).cloned().flatten()
    }

    /// Tells where a request stands.
    pub(super) fn state(&self, id: &str) -> RequestState {
        self.request(id).expect("a request").state
    }

    /// Gives what is to be sent for a request.
    pub(super) fn execution(&self, id: &str) -> Option<Arc<Execution>> {
        self.world.executions.get(id).cloned().flatten()
    }

    /// Gives the conversation.
    pub(super) fn conversation(&self) -> Arc<Conversation> {
        let known = self.world.conversation(&SubjectId::from("c1"));
        Arc::clone(known.expect("a conversation"))
    }
}
