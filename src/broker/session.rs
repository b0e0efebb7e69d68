//! A session: two connections, the topology, the consumers, the outlet; it lives and dies whole.
//!
//! Lapin can recover by itself, and is not let to. With its recovery on, a broker
//! that stays away longer than the back-off lasts leaves consumer, publisher and
//! waiters hanging without an event; a channel closed for an acknowledgement that
//! took too long leaves a stream that never ends. Mending single parts here was the
//! other way not taken: each pair of parts would need its own story (which tags are
//! still good? whose confirms?), and the rare stories are the untested ones. So
//! whatever is wrong – an error, an end, a time-out, an acknowledgement not taken –
//! ends everything, and what was not acknowledged or confirmed is delivered and
//! published again, which the journal makes harmless.
//!
//! Two connections, because a publisher that the broker blocks would block its
//! acknowledgements too. Leaving closes them and waits for that before any
//! consumer goes (`consume` says why).

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::Event;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Delivery,
    acks::{Acks, Ledger},
    address::Address,
    connect::Line,
    consume::{Source, SourceEnd},
    fault::{self, Fault},
    outlet::{Barred, Outlet},
    publish::Door,
    report::Reporter,
    seating::{Seat, Seating},
    topology::{Laid, Plan},
};

/// After this long a session counts as one that worked, and the back-off starts over.
const LASTING: Duration = Duration::from_secs(10);
/// How soon what is missing is looked for again at first; each time without success doubles it.
const LOOK_AGAIN_FIRST: Duration = Duration::from_secs(1);
/// How long looking again waits at most.
const LOOK_AGAIN_LONGEST: Duration = Duration::from_secs(16);
/// How long to wait for the reason, when something only says that it ended.
const REASON: Duration = Duration::from_millis(300);
/// How often it is looked whether a queue falls to another daemon.
const SEATING: Duration = Duration::from_secs(3);
/// How long the last acknowledgements may take.
const LAST_ACKS: Duration = Duration::from_secs(2);
/// The least prefetch of a queue, when many share it.
const LEAST_PREFETCH: u16 = 16;

/// What outlives sessions.
pub(super) struct Ground {
    pub(super) plan: Plan,
    pub(super) prefetch: u16,
    pub(super) confirm_timeout: Duration,
    pub(super) acks: Acks,
    pub(super) door: watch::Sender<Door>,
    pub(super) deliveries: mpsc::Sender<Delivery>,
    pub(super) barred: Arc<Barred>,
    pub(super) reporter: Reporter,
    pub(super) leaving: CancellationToken,
    pub(super) seat: watch::Receiver<Seat>,
}

/// How a session ended.
pub(super) enum End {
    /// It was left on purpose.
    Left,
    /// It could not be built.
    Unbuilt(Fault),
    /// It stood and broke.
    Broken {
        fault: Fault,
        /// Whether it had stood long enough to count as one that worked.
        has_lasted: bool,
    },
}

/// Builds a session, lives it to its end, and clears it away.
pub(super) async fn run(ground: &Ground, address: &Address, number: u64) -> End {
    let building = Session::build(ground, address, number);
    let mut session = match ground.leaving.run_until_cancelled(building).await {
        None => return End::Left,
        Some(Err(fault)) => return End::Unbuilt(fault),
        Some(Ok(session)) => session,
    };
    // From here on there are consumers: never cut short, only ended.
    let end = session.live().await;
    session.clear_away(matches!(end, End::Left)).await;
    end
}

struct Session<'a> {
    ground: &'a Ground,
    address: &'a Address,
    inbound: Line,
    outbound: Arc<Line>,
    laid: Laid,
    /// Places of the queues that are consumed, and what lets go of each.
    consumed: BTreeMap<usize, CancellationToken>,
    seating: Seating,
    ledger: Arc<Ledger>,
    tasks: JoinSet<()>,
    troubles: mpsc::UnboundedReceiver<Fault>,
    report: mpsc::UnboundedSender<Fault>,
    ended: CancellationToken,
}

impl<'a> Session<'a> {
    async fn build(ground: &'a Ground, address: &'a Address, number: u64) -> Result<Self, Fault> {
        let laid = ground.plan.lay(address).await?;
        let outbound = Arc::new(Line::open(address, "provost publisher").await?);
        let inbound = Line::open(address, "provost").await?;
        let ledger = Arc::new(Ledger::new(number, ground.plan.consumed.len()));
        let (report, troubles) = mpsc::unbounded_channel();
        Ok(Self {
            ground,
            address,
            inbound,
            outbound,
            laid,
            consumed: BTreeMap::new(),
            seating: Seating::new(ground.plan.consumed.len()),
            ledger,
            tasks: JoinSet::new(),
            troubles,
            report,
            ended: CancellationToken::new(),
        })
    }

    /// Works until left or broken.
    async fn live(&mut self) -> End {
        let mut has_lasted = false;
        match self.begin().await {
            Err(fault) => End::Unbuilt(fault),
            Ok(()) => match self.watch(&mut has_lasted).await {
                None => End::Left,
                Some(fault) => End::Broken {
                    fault: self.reason_of(fault).await,
                    has_lasted,
                },
            },
        }
    }

    async fn begin(&mut self) -> Result<(), Fault> {
        let ground = self.ground;
        let outlet = Outlet {
            line: Arc::clone(&self.outbound),
            door: ground.door.clone(),
            barred: Arc::clone(&ground.barred),
            reporter: Some(ground.reporter.clone()),
            confirm_timeout: ground.confirm_timeout,
        };
        let counter = outlet.open().await?;
        self.spawn(async move { outlet.run(counter).await });
        ground.acks.begin(Arc::clone(&self.ledger));
        let ledger = Arc::clone(&self.ledger);
        self.spawn(async move { ledger.keep_acknowledging().await });
        self.consume().await?;
        let notes = std::mem::take(&mut self.laid.notes);
        let place = self.address.to_string();
        ground
            .reporter
            .connected(self.ledger.session(), &place, notes);
        Ok(())
    }

    /// Runs a part until the session ends; when it stops by itself, that is trouble.
    fn spawn(&mut self, part: impl Future<Output = Fault> + Send + 'static) {
        let (report, ended) = (self.report.clone(), self.ended.clone());
        self.tasks.spawn(async move {
            if let Some(fault) = ended.run_until_cancelled(part).await {
                // Nobody listens any more only when the session has ended.
                let _ = report.send(fault);
            }
        });
    }

    /// Begins to consume what is ready and not consumed yet; what cannot be is noted.
    async fn consume(&mut self) -> Result<(), Fault> {
        if self.ground.deliveries.is_closed() {
            return Ok(());
        }
        let queues = &self.ground.plan.consumed;
        let prefetch = share(self.ground.prefetch, queues.len());
        for place in std::mem::take(&mut self.laid.ready) {
            if self.consumed.contains_key(&place) {
                continue;
            }
            let queue = Arc::clone(&queues[place]);
            match Source::open(&self.inbound, Arc::clone(&queue), place, prefetch).await {
                Ok(source) => {
                    let end = SourceEnd {
                        session: self.ended.clone(),
                        let_go: CancellationToken::new(),
                    };
                    self.consumed.insert(place, end.let_go.clone());
                    let run = source.run(
                        Arc::clone(&self.ledger),
                        self.ground.deliveries.clone(),
                        self.report.clone(),
                        end,
                    );
                    self.tasks.spawn(run);
                }
                Err(fault) if fault.ends_connection() => return Err(fault),
                Err(fault) => {
                    self.laid.missing.push(place);
                    let text = format!(
                        "the queue `{queue}` cannot be consumed, and is tried again: {}",
                        fault.text
                    );
                    self.laid.notes.push(Fault::new(fault.code, text));
                }
            }
        }
        Ok(())
    }

    /// Watches over the parts; `None`: it is to be left.
    async fn watch(&mut self, has_lasted: &mut bool) -> Option<Fault> {
        let mut inbound = pin!(self.inbound.connection.events_listener().fuse());
        let mut outbound = pin!(self.outbound.connection.events_listener().fuse());
        let mut lasting = pin!(tokio::time::sleep(LASTING));
        let mut pause = LOOK_AGAIN_FIRST;
        let mut look_again = pin!(tokio::time::sleep(pause));
        let mut seating = tokio::time::interval(SEATING);
        loop {
            tokio::select! {
                biased;
                () = self.ground.leaving.cancelled() => return None,
                Some(event) = outbound.next() => match event {
                    Event::ConnectionBlocked(reason) => self.ground.reporter.blocked(Some(reason)),
                    Event::ConnectionUnblocked => self.ground.reporter.blocked(None),
                    event => if let Some(fault) = fatal(&event) { return Some(fault) },
                },
                Some(event) = inbound.next() => if let Some(fault) = fatal(&event) { return Some(fault) },
                Some(fault) = self.troubles.recv() => return Some(fault),
                () = &mut lasting, if !*has_lasted => *has_lasted = true,
                _ = seating.tick(), if self.consumed.len() > 1 => if let Err(fault) = self.make_room().await {
                    return Some(fault);
                },
                () = &mut look_again, if self.misses_something() => {
                    if let Err(fault) = self.look_again().await {
                        return Some(fault);
                    }
                    pause = if self.misses_something() {
                        (pause * 2).min(LOOK_AGAIN_LONGEST)
                    } else {
                        LOOK_AGAIN_FIRST
                    };
                    look_again.as_mut().reset(Instant::now() + pause);
                },
            }
        }
    }

    /// Lets go of queues that fall to other daemons, and queues up behind them.
    async fn make_room(&mut self) -> Result<(), Fault> {
        let seat = *self.ground.seat.borrow();
        let taken = (0..self.ground.plan.consumed.len()).map(|place| self.ledger.taken(place));
        let leaving = self.seating.look(seat, taken);
        if leaving.is_empty() {
            return Ok(());
        }
        for place in &leaving {
            if let Some(let_go) = self.consumed.remove(place) {
                let_go.cancel();
            }
        }
        self.laid.ready = leaving;
        self.consume().await?;
        if self.laid.notes.is_empty() {
            return Ok(());
        }
        // What cannot be consumed any more is told, and looked for until it can.
        self.look_again().await
    }

    fn misses_something(&self) -> bool {
        let state = self.ground.reporter.subscribe();
        let state = state.borrow();
        state.notes.iter().any(|note| {
            matches!(
                note.code,
                fault::ABSENT | fault::PERMISSION | fault::NO_PLUGIN | fault::LOCKED
            )
        })
    }

    async fn look_again(&mut self) -> Result<(), Fault> {
        self.laid = self.ground.plan.lay(self.address).await?;
        self.consume().await?;
        self.ground
            .reporter
            .noted(std::mem::take(&mut self.laid.notes));
        Ok(())
    }

    /// Waits a little for a clearer reason than that something ended.
    async fn reason_of(&mut self, fault: Fault) -> Fault {
        if !fault.is_vague() {
            return fault;
        }
        let clearer = async {
            loop {
                match self.troubles.recv().await {
                    Some(fault) if fault.is_vague() => {}
                    other => return other,
                }
            }
        };
        let found = tokio::time::timeout(REASON, clearer).await;
        found.ok().flatten().unwrap_or(fault)
    }

    async fn clear_away(mut self, is_left: bool) {
        Door::replace(&self.ground.door, None);
        if is_left {
            // What is not written in time is delivered again.
            let _ = tokio::time::timeout(LAST_ACKS, self.ledger.acknowledge()).await;
        }
        self.ground.acks.end();
        tokio::join!(self.inbound.close(), self.outbound.close());
        self.ended.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Gives the fault when an event says that a connection is gone; a channel's end is its part's own affair.
fn fatal(event: &Event) -> Option<Fault> {
    match event {
        Event::Error(error) if !error.is_amqp_soft_error() => Some(fault::read(error)),
        _ => None,
    }
}

/// Gives a queue's part of the prefetch.
fn share(prefetch: u16, queues: usize) -> u16 {
    let queues = u16::try_from(queues.max(1)).unwrap_or(u16::MAX);
    (prefetch / queues).max(LEAST_PREFETCH.min(prefetch)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefetch_is_shared_and_never_nothing() {
        assert_eq!(share(2_000, 1), 2_000);
        assert_eq!(share(2_000, 4), 500);
        assert_eq!(share(2_000, 1_000), 16);
        assert_eq!(share(5, 10), 5);
        assert_eq!(share(0, 0), 1);
    }
}
