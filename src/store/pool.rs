//! Threads that own connections: work goes in over a bounded channel, the answer comes
//! back over a one-shot. A future that is dropped loses its answer, never a transaction.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
};

use tokio::sync::{mpsc, oneshot};

use super::error::StoreError;

type Job<W> = Box<dyn FnOnce(&mut W) + Send>;

/// How many jobs may wait before those who ask are held up.
const WAITING: usize = 256;

/// Threads with a worker each, started at the first job and ended with the pool.
pub(super) struct Pool<W> {
    name: &'static str,
    size: usize,
    make: Arc<dyn Fn() -> W + Send + Sync>,
    sender: OnceLock<mpsc::Sender<Job<W>>>,
}

impl<W: 'static> Pool<W> {
    pub(super) fn new(
        name: &'static str,
        size: usize,
        make: impl Fn() -> W + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            size,
            make: Arc::new(make),
            sender: OnceLock::new(),
        }
    }

    /// Runs `work` on the next free thread.
    ///
    /// *Errors*: those of `work`; `Lasting` when it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut W) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job<W> = Box::new(move |worker| {
            // Whoever asked may be gone; nobody misses the answer then.
            let _ = answer.send(work(worker));
        });
        let stopped = || StoreError::Lost(format!("the {} threads have ended", self.name));
        self.sender
            .get_or_init(|| self.start())
            .send(job)
            .await
            .map_err(|_| stopped())?;
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::Lasting("the question panicked".to_owned())))
    }

    fn start(&self) -> mpsc::Sender<Job<W>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..self.size {
            let (receiver, make) = (Arc::clone(&receiver), Arc::clone(&self.make));
            let spawned = thread::Builder::new()
                .name(format!("{}-{number}", self.name))
                .spawn(move || serve(&receiver, make.as_ref()));
            if let Err(error) = spawned {
                tracing::error!(%error, pool = self.name, "cannot start a thread");
            }
        }
        sender
    }
}

fn serve<W>(receiver: &Mutex<mpsc::Receiver<Job<W>>>, make: &dyn Fn() -> W) {
    let mut worker = make();
    loop {
        let job = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        let Some(job) = job else { return };
        if catch_unwind(AssertUnwindSafe(|| job(&mut worker))).is_err() {
            // Its connection may be in the middle of something.
            worker = make();
        }
    }
}
