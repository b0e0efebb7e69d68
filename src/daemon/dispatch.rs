//! Dispatch: executions that were committed go out, and how each attempt ended comes back as
//! an input.
//!
//! An attempt is a task of its own, behind what its integration bears, so that a slow system
//! holds up nothing but its own actions. What has not begun when the daemon stops is left to
//! whoever comes next; what was under way when a daemon died may have been sent, and is told
//! so. Rejected: sending from the lane that committed – a lane never waits for anybody.

mod shared;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    bearing::{Bearing, Bearings},
    confirm, crash_point,
    intake::Intake,
    intake::SubmitError,
    reload::InForce,
};
use crate::{
    broker::{Outgoing, Publisher},
    clock::{Clock, Stopwatch},
    connectors::{
        Prepared, amqp, answer,
        batch::Gathering,
        cache::{self, Cache},
    },
    decide::{Decide, ExecutionEnded, Input, fate},
    domain::{
        event::Event,
        execution::{Ended, Execution},
        ids::SubjectId,
        integration::Integration,
        members,
        time::{Span, Timestamp},
    },
    outbound::{self, Call, Outbound, SendFault},
    telemetry,
};

/// How long to wait before an end is told again that could not be told.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// How many answers of reads are kept at most, and how much of them.
const CACHED: usize = 10_000;
const CACHED_BYTES: usize = 8 << 20;

/// Sends executions and tells how they ended; a clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Dispatch {
    inner: Arc<Inner>,
}

/// What dispatch works with.
pub(super) struct Ground {
    /// When things are due.
    pub(super) clock: Clock,
    /// What integrations there are now.
    pub(super) in_force: Arc<InForce>,
    /// The way out.
    pub(super) outbound: Arc<Outbound>,
    /// `source` of our own events.
    pub(super) source: String,
}

/// What an attempt may do when its time has come.
enum Turn {
    /// Go out.
    Send {
        integration: Arc<Integration>,
        bearing: Arc<Bearing>,
        /// Its place among the calls under way, given back when it is dropped.
        _place: Option<OwnedSemaphorePermit>,
    },
    /// It has ended without.
    Over(Ended),
    /// Nobody wants it any more.
    Void,
}

struct Inner {
    ground: Ground,
    publisher: OnceLock<Publisher>,
    intake: OnceLock<Intake>,
    runtime: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Requests whose execution is here and has not begun.
    waiting: Mutex<HashSet<String>>,
    /// Executions that wait for others of their action, by its name.
    gathering: Mutex<HashMap<String, Gathering<Arc<Execution>>>>,
    bearings: Bearings,
    /// Answers of reads that are kept for a while, under the policy that stood then.
    cache: Mutex<(Arc<str>, Cache)>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatch").finish_non_exhaustive()
    }
}

impl Dispatch {
    pub(super) fn new(ground: Ground) -> Self {
        Self {
            inner: Arc::new(Inner {
                ground,
                publisher: OnceLock::new(),
                intake: OnceLock::new(),
                runtime: Handle::current(),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
                waiting: Mutex::default(),
                gathering: Mutex::default(),
                bearings: Bearings::default(),
                cache: Mutex::new((Arc::from(""), Cache::new(CACHED, CACHED_BYTES))),
            }),
        }
    }

    /// Says where the ends of attempts go, and what publishes over AMQP.
    pub(super) fn connect(&self, intake: Intake, publisher: Option<Publisher>) {
        // Once, at the start; a second call would change nothing.
        let _ = self.inner.intake.set(intake);
        if let Some(publisher) = publisher {
            let _ = self.inner.publisher.set(publisher);
        }
    }

    /// Takes executions whose rows are committed; each goes out when it is due, those that share a
    /// call together. All who share one are among them.
    pub(super) fn take(&self, executions: &[Arc<Execution>]) {
        for execution in executions {
            self.inner.note(execution);
        }
        let (calls, waiting) = shared::sort(executions);
        for call in calls {
            self.spawn(Arc::clone(&self.inner).attempt(call));
        }
        self.inner.gather(waiting);
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.tasks.spawn_on(task, &self.inner.runtime);
    }

    /// Lets go of executions whose rows are gone and that have not begun, such as a look at an end
    /// that a person has told meanwhile.
    pub(super) fn let_go(&self, request_ids: &[String]) {
        for id in request_ids {
            self.inner.forget(id);
        }
    }

    /// Takes over executions that another daemon had, or this one before it died: what was due may
    /// have been sent. A look may be made twice.
    pub(super) fn adopt(&self, executions: Vec<Execution>) {
        let now = self.inner.ground.clock.now();
        let executions: Vec<_> = executions.into_iter().map(Arc::new).collect();
        let (calls, waiting) = shared::sort(&executions);
        // Those that wait for others were never sent.
        self.take(&waiting);
        for call in calls {
            let is_fresh = |one: &Arc<Execution>| one.due_at > now || one.look.is_some();
            if call.iter().all(is_fresh) {
                self.take(&call);
            } else {
                self.spawn(Arc::clone(&self.inner).tell(call, Ended::Adopted));
            }
        }
    }

    /// Begins nothing more and waits for what is under way.
    pub(super) async fn drain(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Gives the requests whose execution is here and never began.
    pub(super) fn left(&self) -> Vec<String> {
        self.inner.lock().iter().cloned().collect()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        lock_of(&self.waiting)
    }

    fn note(&self, execution: &Execution) {
        if self.lock().insert(execution.request_id.clone()) {
            metrics::gauge!(telemetry::EXECUTIONS_WAITING).increment(1.0);
        }
    }

    fn forget(&self, request_id: &str) {
        if self.lock().remove(request_id) {
            metrics::gauge!(telemetry::EXECUTIONS_WAITING).decrement(1.0);
        }
    }

    /// Makes an attempt at a call, for all who share it; what is sent is stored with the first.
    async fn attempt(self: Arc<Self>, call: Vec<Arc<Execution>>) {
        let Some(execution) = call.first().cloned() else {
            return;
        };
        let begun = self.stop.run_until_cancelled(self.begin(&execution)).await;
        // Stopped before it began: the row stays, and is left to whoever comes next.
        let Some(turn) = begun else { return };
        for one in &call {
            self.forget(&one.request_id);
        }
        let ended = match &turn {
            Turn::Send {
                integration,
                bearing,
                ..
            } => {
                crash_point::pass("before_send");
                let watch = Stopwatch::start();
                let ended = self.perform(&execution, integration).await;
                metrics::histogram!(telemetry::ATTEMPT_SECONDS, "integration" => integration.name.clone())
                    .record(watch.elapsed());
                crash_point::pass("after_send");
                bearing.ended(&fate(&ended), self.ground.clock.now());
                self.keep(&execution, &ended);
                ended
            }
            Turn::Over(ended) => ended.clone(),
            Turn::Void => return,
        };
        drop(turn);
        self.tell(call, ended).await;
    }

    /// Waits until the attempt is due and its integration has room; or ends it without being sent.
    async fn begin(&self, execution: &Execution) -> Turn {
        let clock = &self.ground.clock;
        let wait = execution.due_at.since(clock.now());
        if wait > Span::from_micros(0) {
            clock.sleep(wait).await;
        }
        if !self.lock().contains(&execution.request_id) {
            return Turn::Void;
        }
        let settings = Arc::clone(&self.ground.in_force.ruling().settings);
        let Some(integration) = settings.integration(&execution.integration) else {
            let detail = format!("there is no integration `{}`", execution.integration);
            return Turn::Over(Ended::Refused { detail });
        };
        if let Some(body) = self.kept(execution) {
            return Turn::Over(Ended::Answered {
                status: 200,
                retry_after: None,
                body,
            });
        }
        if let Some(action) = settings.catalogue.actions.get(&execution.action) {
            self.bearings.action_in_time(action, clock).await;
        }
        let bearing = self.bearings.of(&integration);
        bearing.in_time(clock).await;
        let place = bearing.place().await;
        if bearing.pass(clock.now()).is_err() {
            return Turn::Over(Ended::Open);
        }
        Turn::Send {
            integration,
            bearing,
            _place: place,
        }
    }

    /// Gives the answer to the same question, where it is kept and still good.
    fn kept(&self, execution: &Execution) -> Option<Value> {
        let (key, _) = self.question(execution)?;
        let version = Arc::clone(&self.ground.in_force.ruling().version);
        let mut cache = lock_of(&self.cache);
        if cache.0 != version {
            cache.0 = version;
            cache.1.clear();
        }
        cache.1.find(key, self.ground.clock.now()).cloned()
    }

    fn keep(&self, execution: &Execution, ended: &Ended) {
        let Ended::Answered {
            status: 200..=299,
            body,
            ..
        } = ended
        else {
            return;
        };
        if let Some((key, good_for)) = self.question(execution) {
            let mut cache = lock_of(&self.cache);
            let now = self.ground.clock.now();
            cache.1.keep(key, body.clone(), good_for, now);
        }
    }

    /// Gives what names the question of an action whose answers are kept, and for how long they are.
    fn question(&self, execution: &Execution) -> Option<(cache::Key, Span)> {
        if execution.look.is_some() {
            return None;
        }
        let settings = Arc::clone(&self.ground.in_force.ruling().settings);
        let good_for = settings.catalogue.actions.get(&execution.action)?.cache?;
        let prepared: Prepared = serde_json::from_str(&execution.prepared).ok()?;
        Some((cache::key(&execution.action, &prepared)?, good_for))
    }

    async fn perform(&self, execution: &Execution, integration: &Integration) -> Ended {
        let prepared: Prepared = match serde_json::from_str(&execution.prepared) {
            Ok(prepared) => prepared,
            Err(error) => {
                return Ended::Refused {
                    detail: format!("the stored call cannot be read: {error}"),
                };
            }
        };
        let timeout = execution.timeout.to_std();
        let call = match prepared {
            Prepared::Amqp(message) => return self.publish(message, timeout).await,
            Prepared::Http(call) => Call::Http(outbound::http::Request {
                method: call.method.as_str().to_owned(),
                url: call.url,
                headers: call.headers,
                body: call.body,
            }),
            Prepared::Mail(mail) => Call::Mail(outbound::mail::Mail {
                to: vec![mail.to],
                subject: mail.subject,
                text: mail.text,
                html: None,
                message_id: mail.message_id,
            }),
            Prepared::Sql(query) => Call::Sql(outbound::sql::Query {
                statement: query.statement,
                binds: query.binds,
                writes: query.writes,
                max_rows: query.max_rows,
            }),
        };
        let ended = self
            .ground
            .outbound
            .perform(integration, call, timeout)
            .await;
        self.read(ended)
    }

    fn read(&self, ended: outbound::Ended) -> Ended {
        match ended {
            Ok(answered) => {
                let now = self.ground.clock.now();
                let header = answered.retry_after.as_deref();
                Ended::Answered {
                    status: answered.status,
                    retry_after: header.and_then(|text| answer::retry_after(text, now)),
                    body: answered.body.unwrap_or(Value::Null),
                }
            }
            Err(SendFault::Refused(detail)) => Ended::Refused { detail },
            Err(SendFault::NotSent(detail)) => Ended::NotSent { detail },
            Err(SendFault::Broken(detail)) => Ended::Broken { detail },
        }
    }

    async fn publish(&self, message: amqp::Message, timeout: Duration) -> Ended {
        let outgoing = Outgoing {
            exchange: Arc::from(message.exchange),
            routing_key: message.routing_key,
            body: message.body.into_bytes(),
            content_type: Some("application/json".to_owned()),
            message_id: message.message_id,
            ..Outgoing::default()
        };
        confirm::publish(self.publisher.get(), outgoing, timeout).await
    }

    /// Has the end of an attempt decided, for all who share the call at once.
    async fn tell(self: Arc<Self>, call: Vec<Arc<Execution>>, ended: Ended) {
        let Some(execution) = call.first() else {
            return;
        };
        metrics::counter!(
            telemetry::ATTEMPTS_ENDED,
            "integration" => execution.integration.clone(), "fate" => ended.name()
        )
        .increment(1);
        let now = self.ground.clock.now();
        let parts = shared::parts(&call, ended);
        let inputs = call.iter().zip(parts).map(|(one, ended)| {
            let at = one.joined().map(|_| now);
            Arc::new(self.ended_input(one, ended, at))
        });
        self.have_decided(
            inputs.collect(),
            "the end of an attempt was not stored; it is tried again",
        )
        .await;
    }

    /// Has inputs decided in one transaction; tried until they are, or until the daemon stops.
    async fn have_decided(&self, inputs: Vec<Arc<Input>>, complaint: &'static str) {
        let Some(intake) = self.intake.get() else {
            return;
        };
        loop {
            match intake.decide(inputs.clone()).await {
                Ok(_) | Err(SubmitError::Stopping) => return,
                Err(error) => {
                    let first = inputs.first().map(|input| input.event.id.as_str());
                    tracing::warn!(event.id = first, %error, "{complaint}");
                    tokio::time::sleep(TELL_AGAIN).await;
                }
            }
        }
    }

    fn ended_input(&self, execution: &Execution, ended: Ended, at: Option<Timestamp>) -> Input {
        let how = if ended == Ended::Adopted {
            "adopted"
        } else {
            "ended"
        };
        let (request_id, attempt) = (&execution.request_id, execution.attempt);
        let data = json!({"request_id": request_id, "attempt": attempt, "ended": ended});
        let verb = ExecutionEnded {
            request_id: request_id.clone(),
            attempt,
            ended,
            at,
        };
        let id = format!("{request_id}:{attempt}:{how}");
        self.input(execution, ("execution.ended", id), data, verb)
    }

    /// Makes an input of the house about an execution.
    fn input(
        &self,
        execution: &Execution,
        (kind, id): (&str, String),
        data: Value,
        verb: impl Decide + 'static,
    ) -> Input {
        let subject = SubjectId::from(execution.subject.as_str());
        let event = Event {
            data: members::of(data),
            ..Event::of_house(&self.ground.source, kind, id, subject)
        };
        Input::of_house(event, Arc::new(verb))
    }
}

fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
